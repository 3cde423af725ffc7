//! MariaDB positions: per domain, the last transaction.

use std::{collections::BTreeMap, fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::ParsePositionError;

/// A MariaDB GTID position: per domain, the server and sequence number of its last transaction.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct GtidList {
    /// Domain to (server, sequence number).
    domains: BTreeMap<u32, (u32, u64)>,
}

impl GtidList {
    /// Whether no transaction is in it.
    pub fn is_empty(&self) -> bool {
        self.domains.is_empty()
    }

    /// Takes the next transaction of a domain over. The log's order is the truth: a lower number replaces a higher one too,
    /// because a domain that was written on two servers does not always count upwards.
    pub fn advance(&mut self, domain: u32, server: u32, sequence: u64) {
        self.domains.insert(domain, (server, sequence));
    }

    /// Takes the last transactions of another list over, domain by domain.
    pub fn extend(&mut self, later: &Self) {
        self.domains.extend(&later.domains);
    }

    /// The last server and sequence number of a domain.
    pub fn last(&self, domain: u32) -> Option<(u32, u64)> {
        self.domains.get(&domain).copied()
    }

    /// Whether every domain of `other` is here, at least as far. The same number from another server is another transaction.
    pub fn contains(&self, other: &Self) -> bool {
        other.domains.iter().all(|(domain, (their_server, theirs))| {
            self.last(*domain).is_some_and(|(server, ours)| {
                ours > *theirs || (ours == *theirs && server == *their_server)
            })
        })
    }

    /// The domains of this list where `other` is not as far, with what this list has.
    #[must_use]
    pub fn ahead_of(&self, other: &Self) -> Self {
        let ahead = self.domains.iter().filter(|(domain, last)| {
            let one = Self { domains: BTreeMap::from([(**domain, **last)]) };
            !other.contains(&one)
        });
        Self { domains: ahead.map(|(domain, last)| (*domain, *last)).collect() }
    }
}

impl fmt::Display for GtidList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (domain, (server, sequence))) in self.domains.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            write!(f, "{comma}{domain}-{server}-{sequence}")?;
        }
        Ok(())
    }
}

impl FromStr for GtidList {
    type Err = ParsePositionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut list = Self::default();
        if text.trim().is_empty() {
            return Ok(list);
        }
        for part in text.split(',') {
            let wrong = || ParsePositionError::new(part, "domain-server-sequence is wanted");
            let numbers: Vec<&str> = part.trim().split('-').collect();
            let [domain, server, sequence] = numbers[..] else { return Err(wrong()) };
            let domain = domain.parse().map_err(|_| wrong())?;
            let last =
                (server.parse().map_err(|_| wrong())?, sequence.parse().map_err(|_| wrong())?);
            if list.domains.insert(domain, last).is_some() {
                return Err(ParsePositionError::new(part, "its domain occurs twice"));
            }
        }
        Ok(list)
    }
}

impl From<GtidList> for String {
    fn from(list: GtidList) -> Self {
        list.to_string()
    }
}

impl TryFrom<String> for GtidList {
    type Error = ParsePositionError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(text: &str) -> GtidList {
        text.parse().unwrap()
    }

    #[test]
    fn a_list_prints_sorted_by_domain() {
        assert_eq!(list(" 7-2-9 ,0-1-42").to_string(), "0-1-42,7-2-9");
        assert_eq!(list("").to_string(), "");
    }

    #[test]
    fn short_doubled_or_wordy_lists_are_refused() {
        for text in ["0-1", "0-1-2-3", "0-1-x", "0-1-2,,1-1-1", "0-1-2,0-2-3", "-1-1-1"] {
            assert!(text.parse::<GtidList>().is_err(), "{text}");
        }
    }

    #[test]
    fn advance_replaces_the_domain_and_contains_looks_at_every_domain() {
        let mut ours = list("0-1-42");
        ours.advance(0, 2, 43);
        ours.advance(1, 1, 5);
        assert_eq!(ours.to_string(), "0-2-43,1-1-5");
        assert!(ours.contains(&list("0-1-42")));
        assert!(ours.contains(&list("0-2-43")));
        assert!(!ours.contains(&list("0-1-43")), "same number, other server");
        assert!(!ours.contains(&list("2-1-1")));
        assert!(ours.contains(&list("")));
        assert_eq!(list("0-1-50,1-1-5").ahead_of(&ours).to_string(), "0-1-50");
    }
}
