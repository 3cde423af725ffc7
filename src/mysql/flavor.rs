//! Which server this is. Detected, never configured; versions are compared as numbers.

/// MySQL and its builds (Percona), or MariaDB.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Flavor {
    /// MySQL, or a build of it.
    #[default]
    MySql,
    /// MariaDB.
    MariaDb,
}

/// A server's flavour and version.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Server {
    /// Flavour.
    pub flavor: Flavor,
    /// Major, minor, patch.
    pub version: (u16, u16, u16),
    /// As it prints it.
    pub text: String,
}

impl Server {
    /// Reads the answer of `SELECT VERSION()`.
    pub fn from_version(text: &str) -> Option<Self> {
        let flavor = if text.to_ascii_lowercase().contains("mariadb") {
            Flavor::MariaDb
        } else {
            Flavor::MySql
        };
        // MariaDB 10 and 11 put 5.5.5 in front for old clients.
        let number = match flavor {
            Flavor::MariaDb => text.strip_prefix("5.5.5-").unwrap_or(text),
            Flavor::MySql => text,
        };
        let number =
            number.split(|letter: char| !letter.is_ascii_digit() && letter != '.').next()?;
        let mut parts = number.split('.').map(str::parse);
        let version = (
            parts.next()?.ok()?,
            parts.next()?.ok()?,
            parts.next().and_then(Result::ok).unwrap_or(0),
        );
        Some(Self { flavor, version, text: text.to_owned() })
    }

    /// Whether it is MariaDB.
    pub fn is_mariadb(&self) -> bool {
        self.flavor == Flavor::MariaDb
    }

    /// Whether it is MySQL of at least this version.
    pub fn is_mysql_since(&self, major: u16, minor: u16, patch: u16) -> bool {
        self.flavor == Flavor::MySql && self.version >= (major, minor, patch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_numbers_and_the_flavour_is_seen() {
        let server = |text| Server::from_version(text).unwrap();
        assert_eq!(server("9.7.4-1").version, (9, 7, 4));
        assert!(server("26.10.0").is_mysql_since(8, 2, 0));
        assert!(!server("8.0.36-28").is_mysql_since(8, 2, 0));
        let maria = server("5.5.5-10.11.19-MariaDB-0+deb12u1-log");
        assert_eq!((maria.flavor, maria.version), (Flavor::MariaDb, (10, 11, 19)));
        assert_eq!(server("11.8.6-MariaDB").version, (11, 8, 6));
        assert_eq!(Server::from_version("no version"), None);
    }
}
