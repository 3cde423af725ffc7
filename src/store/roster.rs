//! Which table has which number: the store knows tables by their place in the configuration, so places must not change.

use std::{
    io,
    path::{Path, PathBuf},
};

use crate::fault::Fault;

/// The list of tables by number, in `tables.json` of the data folder.
#[derive(Debug)]
pub struct Roster {
    file: PathBuf,
}

impl Roster {
    /// The list of a data folder.
    pub fn of(data_dir: &Path) -> Self {
        Self { file: data_dir.join("tables.json") }
    }

    /// Whether nothing was ever kept in step out of this data folder.
    pub fn is_new(&self) -> bool {
        !self.file.exists()
    }

    /// Compares the configured tables, named with their tabs, with the list, and adds new ones at its end.
    ///
    /// # Errors
    /// [`Fault::Configuration`] where a number would mean another table than before.
    pub fn keep(&self, tables: &[String]) -> Result<(), Fault> {
        let known = self.check(tables)?;
        if known == tables.len() { Ok(()) } else { self.save(tables) }
    }

    /// The comparison alone. Gives how many tables the list has.
    ///
    /// # Errors
    /// As [`Self::keep`].
    pub fn check(&self, tables: &[String]) -> Result<usize, Fault> {
        let known = self.load()?;
        for (number, before) in known.iter().enumerate() {
            let now = tables.get(number).map_or("missing", String::as_str);
            if now != before {
                return Err(Fault::Configuration(format!(
                    "[[table]] number {} was {before} and is now {now}: the data folder knows tables by their place; put them back in their order and add new ones at the end, or move {} away and run with --takeover, then everything is compared again",
                    number + 1,
                    self.file.parent().unwrap_or(&self.file).display()
                )));
            }
        }
        Ok(known.len())
    }

    fn load(&self) -> Result<Vec<String>, Fault> {
        match std::fs::read(&self.file) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| self.trouble(&error)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(self.trouble(&error)),
        }
    }

    fn save(&self, tables: &[String]) -> Result<(), Fault> {
        let fresh = self.file.with_extension("new");
        let text = serde_json::to_vec_pretty(tables).map_err(|error| self.trouble(&error))?;
        std::fs::write(&fresh, text)
            .and_then(|()| std::fs::rename(&fresh, &self.file))
            .map_err(|error| self.trouble(&error))
    }

    fn trouble(&self, error: &dyn std::error::Error) -> Fault {
        Fault::Configuration(format!(
            "{}: {error}; it lists the tables of the data folder and must be readable and writable",
            self.file.display()
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_keeps_its_number_or_the_start_is_refused() {
        let folder = std::env::temp_dir().join(format!("sheetwire-roster-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let roster = Roster::of(&folder);
        let names = |words: &[&str]| words.iter().map(ToString::to_string).collect::<Vec<_>>();
        roster.keep(&names(&["a", "b"])).unwrap();
        roster.keep(&names(&["a", "b", "c"])).unwrap();
        let swapped = roster.keep(&names(&["b", "a", "c"])).unwrap_err().to_string();
        assert!(swapped.contains("number 1 was a and is now b"), "{swapped}");
        assert_eq!(roster.check(&names(&["a", "b", "c", "d"])).unwrap(), 3);
        roster.check(&names(&["a", "c", "b"])).unwrap_err();
        let removed = roster.keep(&names(&["a", "b"])).unwrap_err().to_string();
        assert!(removed.contains("number 3 was c and is now missing"), "{removed}");
        roster.keep(&names(&["a", "b", "c"])).unwrap();
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
