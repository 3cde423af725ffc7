//! MySQL GTID sets with tags: true interval sets, because a replica with parallel appliers leaves gaps that close later.

use std::{collections::BTreeMap, fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::ParsePositionError;

/// The largest transaction number a server gives out.
const NUMBER_MAX: u64 = i64::MAX as u64 - 1;

/// Who numbers transactions: a server UUID, and the tag a session chose ("" for none, which is nearly always).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Source {
    /// The sixteen bytes of the UUID, in the order they are written.
    pub uuid: [u8; 16],
    /// Lower-case tag, or empty.
    pub tag: String,
}

/// Transaction numbers from `first` to `last`, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Interval {
    /// First number, at least 1.
    pub first: u64,
    /// Last number, at least `first`.
    pub last: u64,
}

/// A MySQL GTID set: per server UUID and tag, a list of disjoint, sorted, joined intervals.
///
/// Two sets that hold the same transactions are equal and print the same: UUIDs in order, the untagged numbers first, then the
/// tags in order, on one line. It is stored as that text.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct GtidSet {
    sources: BTreeMap<Source, Vec<Interval>>,
}

impl GtidSet {
    /// Whether no transaction is in it.
    pub fn is_empty(&self) -> bool {
        self.sources.is_empty()
    }

    /// Adds one transaction. Numbers outside of what servers give out (1 to 2^63 - 2) are not added.
    pub fn insert(&mut self, uuid: [u8; 16], tag: &str, number: u64) {
        if (1..=NUMBER_MAX).contains(&number) {
            let source = Source { uuid, tag: tag.to_ascii_lowercase() };
            let intervals = self.sources.entry(source).or_default();
            insert_interval(intervals, Interval { first: number, last: number });
        }
    }

    /// Adds everything of `other`.
    pub fn union(&mut self, other: &Self) {
        for (source, theirs) in &other.sources {
            let intervals = self.sources.entry(source.clone()).or_default();
            for interval in theirs {
                insert_interval(intervals, *interval);
            }
        }
    }

    /// What is here and not in `other`.
    #[must_use]
    pub fn subtract(&self, other: &Self) -> Self {
        let mut rest = Self::default();
        for (source, ours) in &self.sources {
            let theirs = other.sources.get(source).map_or(&[][..], Vec::as_slice);
            let left: Vec<Interval> = ours.iter().flat_map(|one| without(*one, theirs)).collect();
            if !left.is_empty() {
                rest.sources.insert(source.clone(), left);
            }
        }
        rest
    }

    /// Whether everything of `other` is here.
    pub fn contains(&self, other: &Self) -> bool {
        other.sources.iter().all(|(source, theirs)| {
            self.sources.get(source).is_some_and(|ours| theirs.iter().all(|one| covers(ours, *one)))
        })
    }

    /// Whether one transaction is here.
    pub fn has(&self, uuid: [u8; 16], tag: &str, number: u64) -> bool {
        let source = Source { uuid, tag: tag.to_ascii_lowercase() };
        let one = Interval { first: number, last: number };
        self.sources.get(&source).is_some_and(|ours| covers(ours, one))
    }

    /// Sources in order, each with its sorted, disjoint intervals.
    pub fn sources(&self) -> impl Iterator<Item = (&Source, &[Interval])> {
        self.sources.iter().map(|(source, intervals)| (source, intervals.as_slice()))
    }
}

impl GtidSet {
    /// One source alone, with its UUID and tag, as drivers want it; empty for a source that is not here.
    pub fn text_of(&self, source: &Source) -> String {
        let one = self.sources.get_key_value(source);
        let one = one.map(|(source, intervals)| (source.clone(), intervals.clone()));
        Self { sources: one.into_iter().collect() }.to_string()
    }
}

impl fmt::Display for GtidSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut before: Option<[u8; 16]> = None;
        for (source, intervals) in &self.sources {
            if before != Some(source.uuid) {
                if before.is_some() {
                    f.write_str(",")?;
                }
                write_uuid(f, &source.uuid)?;
                before = Some(source.uuid);
            }
            if !source.tag.is_empty() {
                write!(f, ":{}", source.tag)?;
            }
            for Interval { first, last } in intervals {
                if first == last { write!(f, ":{first}")? } else { write!(f, ":{first}-{last}")? }
            }
        }
        Ok(())
    }
}

impl FromStr for GtidSet {
    type Err = ParsePositionError;

    /// Takes what servers print and people type: blanks and line ends anywhere around parts, capitals, unsorted or overlapping
    /// intervals, a UUID that occurs twice, tags.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut set = Self::default();
        for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            let mut tokens = part.split(':').map(str::trim);
            let uuid = parse_uuid(tokens.next().unwrap_or_default())?;
            let mut source = Source { uuid, tag: String::new() };
            let mut numbers = 0;
            for token in tokens {
                if is_tag(token) {
                    source.tag = token.to_ascii_lowercase();
                    continue;
                }
                let interval = parse_interval(token)?;
                numbers += 1;
                insert_interval(set.sources.entry(source.clone()).or_default(), interval);
            }
            if numbers == 0 {
                return Err(ParsePositionError::new(part, "no transaction number behind the UUID"));
            }
        }
        Ok(set)
    }
}

impl From<GtidSet> for String {
    fn from(set: GtidSet) -> Self {
        set.to_string()
    }
}

impl TryFrom<String> for GtidSet {
    type Error = ParsePositionError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

/// Adds an interval to a sorted list and joins what touches. Appending behind the last one is the common case and cheap.
fn insert_interval(list: &mut Vec<Interval>, new: Interval) {
    let start = list.partition_point(|one| one.last.saturating_add(1) < new.first);
    let end = start + list[start..].partition_point(|one| one.first <= new.last.saturating_add(1));
    let mut joined = new;
    for one in &list[start..end] {
        joined.first = joined.first.min(one.first);
        joined.last = joined.last.max(one.last);
    }
    list.splice(start..end, [joined]);
}

fn covers(list: &[Interval], one: Interval) -> bool {
    let index = list.partition_point(|ours| ours.last < one.first);
    list.get(index).is_some_and(|ours| ours.first <= one.first && one.last <= ours.last)
}

fn without(one: Interval, holes: &[Interval]) -> Vec<Interval> {
    let mut left = Vec::new();
    let mut first = one.first;
    let begin = holes.partition_point(|hole| hole.last < one.first);
    for hole in holes[begin..].iter().take_while(|hole| hole.first <= one.last) {
        if first < hole.first {
            left.push(Interval { first, last: hole.first - 1 });
        }
        first = hole.last.saturating_add(1);
    }
    if first <= one.last {
        left.push(Interval { first, last: one.last });
    }
    left
}

/// A tag begins with a letter or an underscore, which no interval does, and has at most 32 characters.
fn is_tag(token: &str) -> bool {
    let mut letters = token.bytes();
    letters.next().is_some_and(|first| first.is_ascii_alphabetic() || first == b'_')
        && letters.all(|letter| letter.is_ascii_alphanumeric() || letter == b'_')
        && token.len() <= 32
}

fn parse_interval(token: &str) -> Result<Interval, ParsePositionError> {
    let wrong = |reason| ParsePositionError::new(token, reason);
    let number = |text: &str| {
        text.trim().parse::<u64>().map_err(|_| wrong("a number or first-last is wanted"))
    };
    let (first, last) = match token.split_once('-') {
        Some((first, last)) => (number(first)?, number(last)?),
        None => (number(token)?, number(token)?),
    };
    if first == 0 || last > NUMBER_MAX {
        return Err(wrong("transaction numbers go from 1 to 9223372036854775806"));
    }
    if first > last {
        return Err(wrong("the interval ends before it begins"));
    }
    Ok(Interval { first, last })
}

/// Thirty-two hexadecimal digits, with or without the usual dashes.
fn parse_uuid(text: &str) -> Result<[u8; 16], ParsePositionError> {
    let wrong = || ParsePositionError::new(text, "a server UUID is wanted");
    let dashes_fit = text.len() == 32
        || (text.len() == 36 && text.match_indices('-').map(|(at, _)| at).eq([8, 13, 18, 23]));
    if !dashes_fit {
        return Err(wrong());
    }
    let mut uuid = [0_u8; 16];
    let mut digits = text.bytes().filter(|byte| *byte != b'-');
    for byte in &mut uuid {
        let mut digit =
            || digits.next().and_then(|one| char::from(one).to_digit(16)).ok_or_else(wrong);
        *byte = u8::try_from(digit()? * 16 + digit()?).map_err(|_| wrong())?;
    }
    if digits.next().is_some() {
        return Err(wrong());
    }
    Ok(uuid)
}

fn write_uuid(f: &mut fmt::Formatter<'_>, uuid: &[u8; 16]) -> fmt::Result {
    for (index, byte) in uuid.iter().enumerate() {
        if matches!(index, 4 | 6 | 8 | 10) {
            f.write_str("-")?;
        }
        write!(f, "{byte:02x}")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    const UUID: &str = "24bc7850-2c16-11e6-a073-0242ac110001";

    fn set(text: &str) -> GtidSet {
        text.parse().unwrap()
    }

    #[test]
    fn the_servers_text_with_tags_and_line_ends_is_read_and_printed_on_one_line() {
        let text =
            format!("{UUID}:1-66:mytag:1:other:4-5:9,\n34bc7850-2c16-11e6-a073-0242ac110001:7");
        assert_eq!(set(&text).to_string(), text.replace('\n', ""));
        assert_eq!(set(&text).sources().count(), 4);
    }

    #[test]
    fn untidy_text_is_put_in_order() {
        let untidy =
            format!(" {} : 7-9 :1-3:4 , {UUID}:20,{UUID}:MyTag:5:3-4,", UUID.to_uppercase());
        assert_eq!(set(&untidy).to_string(), format!("{UUID}:1-4:7-9:20:mytag:3-5"));
        assert_eq!(set("24bc78502c1611e6a0730242ac110001:1").to_string(), format!("{UUID}:1"));
        assert!(set(" \n ").is_empty());
    }

    #[test]
    fn what_no_server_prints_is_refused() {
        for rest in [
            "",
            ":",
            ":0",
            ":0-4",
            ":5-3",
            ":x-",
            ":1-2-3",
            ":mytag",
            ":9223372036854775807",
            ":-1",
        ] {
            assert!(format!("{UUID}{rest}").parse::<GtidSet>().is_err(), "{rest}");
        }
        for uuid in
            ["24bc7850", "24bc7850-2c16-11e6-a0730-242ac110001", "2éé-zz-11e6-a073-0242ac110001"]
        {
            assert!(format!("{uuid}:1").parse::<GtidSet>().is_err(), "{uuid}");
        }
    }

    #[test]
    fn a_gap_that_closes_leaves_one_interval() {
        let mut executed = set(&format!("{UUID}:1-4:6-9"));
        let uuid = executed.sources().next().unwrap().0.uuid;
        assert!(!executed.has(uuid, "", 5));
        executed.insert(uuid, "", 5);
        executed.insert(uuid, "", 0);
        assert_eq!(executed.to_string(), format!("{UUID}:1-9"));
        assert!(executed.has(uuid, "", 5));
    }

    /// Naive model: every transaction by itself.
    type Model = BTreeSet<(u8, String, u64)>;

    fn build(model: &Model) -> GtidSet {
        let mut set = GtidSet::default();
        for (server, tag, number) in model {
            set.insert([*server; 16], tag, *number);
        }
        set
    }

    fn models() -> impl Strategy<Value = Model> {
        let tag = prop_oneof![3 => Just(String::new()), 1 => Just("a".to_owned()), 1 => Just("b_1".to_owned())];
        proptest::collection::btree_set((0..3_u8, tag, 1..24_u64), 0..60)
    }

    proptest! {
        #[test]
        fn set_algebra_agrees_with_counting(left in models(), right in models(), order in any::<u64>()) {
            let (ours, theirs) = (build(&left), build(&right));
            let mut shuffled: Vec<_> = left.iter().collect();
            shuffled.sort_by_key(|(server, tag, number)| (number ^ order).wrapping_mul(31) ^ u64::from(*server) ^ tag.len() as u64);
            let mut again = GtidSet::default();
            for (server, tag, number) in shuffled {
                again.insert([*server; 16], tag, *number);
            }
            prop_assert_eq!(&again, &ours, "order of insertion does not matter");
            let mut both = ours.clone();
            both.union(&theirs);
            prop_assert_eq!(&both, &build(&left.union(&right).cloned().collect()));
            prop_assert_eq!(&ours.subtract(&theirs), &build(&left.difference(&right).cloned().collect()));
            prop_assert_eq!(ours.contains(&theirs), right.is_subset(&left));
            prop_assert!(both.contains(&ours) && both.contains(&theirs));
            prop_assert_eq!(ours.is_empty(), left.is_empty());
            prop_assert_eq!(set(&ours.to_string()), ours);
        }

        #[test]
        fn any_text_is_read_or_refused_without_panic(text in "[0-9a-f:, \\-A-Z_é]{0,60}") {
            if let Ok(set) = text.parse::<GtidSet>() {
                prop_assert_eq!(set.to_string().parse::<GtidSet>(), Ok(set));
            }
        }
    }
}
