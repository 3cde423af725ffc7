//! Tables by the names that people type: `database.table`, and with `@tab` where that alone says too little.

use sheetwire_engine::change::TableId;

use crate::{
    config::{self, Config, Table},
    fault::Fault,
};

/// Every form of a table's name, shortest first.
fn forms(table: &Table) -> [String; 3] {
    let short = format!("{}.{}", table.database, table.table);
    let tab = format!("{short}@{}", table.to.tab);
    let full = format!("{tab}@{}", table.to.spreadsheet);
    [short, tab, full]
}

/// For each table, the shortest name that means no other.
pub(super) fn names(config: &Config) -> Vec<String> {
    let all: Vec<[String; 3]> = config.tables.iter().map(forms).collect();
    let is_unique =
        |name: &String| all.iter().flatten().filter(|other| *other == name).count() == 1;
    let shortest = |forms: &[String; 3]| {
        forms.iter().find(|name| is_unique(name)).unwrap_or(&forms[2]).clone()
    };
    all.iter().map(shortest).collect()
}

/// The table that is meant.
pub(super) fn find(config: &Config, word: &str) -> Result<TableId, Fault> {
    let meant: Vec<usize> = (config.tables.iter().enumerate())
        .filter(|(_, table)| forms(table).iter().any(|form| form == word))
        .map(|(place, _)| place)
        .collect();
    let names = names(config);
    match meant[..] {
        [place] => Ok(TableId(u16::try_from(place).unwrap_or(u16::MAX))),
        [] => {
            let near = config::nearest(word, names.iter().map(String::as_str));
            let advice = near.map_or_else(
                || format!("there are {}", names.join(", ")),
                |near| format!("did you mean {near}?"),
            );
            Err(Fault::Configuration(format!("no [[table]] is called '{word}'; {advice}")))
        }
        _ => {
            let these: Vec<&str> = meant.iter().map(|place| names[*place].as_str()).collect();
            Err(Fault::Configuration(format!(
                "'{word}' goes to several tabs; name one of them: {}",
                these.join(", ")
            )))
        }
    }
}

/// The table that was named, or all of them.
pub(super) fn chosen(config: &Config, word: Option<&str>) -> Result<Vec<TableId>, Fault> {
    match word {
        Some(word) => Ok(vec![find(config, word)?]),
        None => Ok((0..config.tables.len())
            .filter_map(|place| u16::try_from(place).ok())
            .map(TableId)
            .collect()),
    }
}

#[cfg(test)]
mod tests {
    use std::{fmt::Write as _, path::PathBuf};

    use super::*;
    use crate::config::Surroundings;

    fn config() -> Config {
        let mut text = "name = \"n\"\ndata_dir = \"d\"\n[mysql]\nhost = \"h\"\nuser = \"u\"\n\
                        [sheets]\nendpoint = \"http://127.0.0.1:1/\"\n"
            .to_owned();
        for (from, book, tab) in [
            ("shop.orders", "book1", "Orders"),
            ("shop.lines", "book1", "Lines"),
            ("shop.lines", "book1", "Open lines"),
            ("shop.lines", "book2", "Lines"),
        ] {
            let _ = write!(
                text,
                "[[table]]\nfrom = \"{from}\"\nto = {{ spreadsheet = \"{book}\", tab = \"{tab}\" }}\n\
                 columns = [\"id\"]\n"
            );
        }
        let around = Surroundings {
            source: "test".to_owned(),
            folder: PathBuf::new(),
            variables: Vec::new(),
            read: &|_| Err(std::io::ErrorKind::NotFound.into()),
        };
        config::parse(&text, &around).unwrap().config
    }

    #[test]
    fn a_name_is_as_long_as_it_must_be() {
        let wanted = [
            "shop.orders",
            "shop.lines@Lines@book1",
            "shop.lines@Open lines",
            "shop.lines@Lines@book2",
        ];
        assert_eq!(names(&config()), wanted);
        for (place, name) in (0..).zip(wanted) {
            assert_eq!(find(&config(), name).unwrap(), TableId(place));
        }
        assert_eq!(find(&config(), "shop.orders@Orders@book1").unwrap(), TableId(0));
    }

    #[test]
    fn a_wrong_name_is_answered_with_the_nearest_one() {
        let said = |word: &str| find(&config(), word).unwrap_err().to_string();
        assert!(
            said("shop.order").ends_with("did you mean shop.orders?"),
            "{}",
            said("shop.order")
        );
        assert!(said("x").contains("there are shop.orders, shop.lines@Lines@book1"));
        let several = said("shop.lines");
        assert!(several.contains("several tabs") && several.contains("shop.lines@Open lines"));
        assert_eq!(chosen(&config(), None).unwrap().len(), 4);
    }
}
