//! The `[[table]]` sections.

use std::{
    collections::{BTreeMap, BTreeSet},
    num::{NonZeroU8, NonZeroU32},
};

use jiff::tz::TimeZone;

use super::{
    keys,
    raw::{Raw, Section},
    types::{
        Brake, ConflictPolicy, DeletePolicy, Direction, OnDelete, SpreadsheetId, TabTitle, Table,
        Target, defaults,
    },
};

/// Tables of one pipeline: one control loop carries them all.
const TABLES_MAX: usize = 1_000;

/// Longest name of a schema, table or column in `MySQL` and `MariaDB`.
const NAME_LETTERS_MAX: usize = 64;

/// Longest title of a tab.
const TITLE_LETTERS_MAX: usize = 100;

/// Title of the hidden tab that is ours.
const JOURNAL_TAB: &str = "_sheetwire";

/// What a link to a spreadsheet begins with, before the id.
const LINK: &str = "https://docs.google.com/spreadsheets/d/";

const POLICIES: [(&str, ConflictPolicy); 4] = [
    ("database", ConflictPolicy::Database),
    ("sheet", ConflictPolicy::Sheet),
    ("newest", ConflictPolicy::Newest),
    ("hold", ConflictPolicy::Hold),
];

/// Every mapped table.
pub(super) fn all(raw: &Raw) -> Vec<Table> {
    let tables: Vec<_> = raw.tables().map(|section| table(&section)).collect();
    if tables.is_empty() {
        raw.top().missing("table", "describe at least one table under [[table]]");
    }
    if tables.len() > TABLES_MAX {
        raw.problem(
            "table",
            format!(
                "stands {} times, and may {TABLES_MAX} times; make two pipelines of it",
                tables.len()
            ),
        );
    }
    let mut targets = BTreeMap::new();
    for (section, table) in raw.tables().zip(&tables) {
        let Target { spreadsheet, tab, .. } = &table.to;
        if spreadsheet.as_str().is_empty() || tab.as_str().is_empty() {
            continue;
        }
        let target = (spreadsheet, tab.as_str().to_lowercase());
        if let Some(first) = targets.get(&target) {
            let text = format!("names the same tab as {first}; every table needs a tab of its own");
            section.problem("to.tab", text);
        } else {
            targets.insert(target, section.path("to.tab"));
        }
    }
    tables
}

fn table(section: &Section<'_>) -> Table {
    let (database, table) = source(section);
    let directions = [
        ("to_sheet", Direction::ToSheet),
        ("to_database", Direction::ToDatabase),
        ("both", Direction::Both),
    ];
    let direction = section.choice("direction", &directions, Direction::ToSheet);
    if let Err(why) = served(direction) {
        section.problem("direction", why);
    }
    let columns = columns(section);
    Table {
        database,
        table,
        to: target(&section.within("to")),
        direction,
        filter: filter(section),
        conflict: section.choice("conflict", &POLICIES, ConflictPolicy::Database),
        owner: owner(section, &columns),
        on_delete: on_delete(&section.within("on_delete")),
        empty_text: empty_text(section, direction),
        brake: brake(&section.within("brake")),
        timezone: timezone(section),
        columns,
    }
}

/// Which directions this version carries; the only place that says so.
pub(super) fn served(direction: Direction) -> Result<(), &'static str> {
    match direction {
        Direction::ToSheet | Direction::Both => Ok(()),
        Direction::ToDatabase => Err(
            "must be \"to_sheet\" or \"both\" in this version: one way to the database comes with the next one",
        ),
    }
}

fn source(section: &Section<'_>) -> (String, String) {
    let text = section.needed("from", "name schema and table, as in \"shop.orders\"");
    match text.split_once('.') {
        Some((database, table)) if is_name(database) && is_name(table) && !table.contains('.') => {
            (database.to_owned(), table.to_owned())
        }
        _ => {
            if !text.is_empty() {
                section.problem("from", format!("\"{text}\" is not a schema and a table with a point between, as in \"shop.orders\""));
            }
            Default::default()
        }
    }
}

fn target(section: &Section<'_>) -> Target {
    let text = section.needed("spreadsheet", "give the id or the link of the spreadsheet");
    let id = text
        .strip_prefix(LINK)
        .map_or(text, |rest| rest.split(['/', '?', '#']).next().unwrap_or(rest));
    let odd = |letter: char| !letter.is_ascii_alphanumeric() && !"-_.".contains(letter);
    if !text.is_empty() && (id.is_empty() || id.starts_with('.') || id.contains(odd)) {
        section.problem(
            "spreadsheet",
            format!("\"{text}\" is neither an id nor a link that begins with {LINK}"),
        );
    }
    let tab = section.needed("tab", "name the tab, as in \"Orders\"");
    if tab.chars().count() > TITLE_LETTERS_MAX {
        section.problem(
            "tab",
            format!("is longer than {TITLE_LETTERS_MAX} letters, and Google's titles are not"),
        );
    }
    if tab.eq_ignore_ascii_case(JOURNAL_TAB) {
        section.problem(
            "tab",
            format!("{JOURNAL_TAB} is the tab of sheetwire itself; choose another title"),
        );
    }
    let header_row = section.whole("header_row", 1..=1_000, defaults::HEADER_ROW);
    Target {
        spreadsheet: SpreadsheetId(id.to_owned()),
        tab: TabTitle(tab.to_owned()),
        header_row: NonZeroU32::new(header_row).unwrap_or(NonZeroU32::MIN),
    }
}

fn columns(section: &Section<'_>) -> Vec<String> {
    let cure =
        "list the columns to show, with those of the primary key, as in [\"id\", \"status\"]";
    let Some(columns) = section.list("columns") else {
        section.missing("columns", cure);
        return Vec::new();
    };
    if columns.is_empty() {
        section.problem("columns", format!("is empty: {cure}"));
    }
    let mut seen = BTreeSet::new();
    for column in columns {
        if !is_name(column) {
            section.problem(
                "columns",
                format!(
                    "\"{column}\" is not a column name: those have 1 to {NAME_LETTERS_MAX} letters"
                ),
            );
        } else if !seen.insert(column.to_lowercase()) {
            section.problem("columns", format!("names \"{column}\" twice; remove one"));
        }
    }
    columns.to_vec()
}

fn filter(section: &Section<'_>) -> Option<String> {
    let text = section.text("where")?;
    if text.trim().is_empty() {
        section.problem("where", "is empty; write a condition as after WHERE, or remove the key");
    }
    Some(text.to_owned())
}

fn owner(section: &Section<'_>, columns: &[String]) -> BTreeMap<String, ConflictPolicy> {
    let mut owners = BTreeMap::new();
    for (column, word) in section.map("owner").into_iter().flatten() {
        let key = format!("owner.{column}");
        if !columns.is_empty() && !columns.contains(column) {
            let near = keys::nearest(column, columns.iter().map(String::as_str));
            let cure = near.map_or("add it there, or remove it here".into(), |near| {
                format!("did you mean {near}?")
            });
            section.problem(&key, format!("is not in columns; {cure}"));
        }
        if let Some(policy) = section.word(&key, word, &POLICIES) {
            owners.insert(column.clone(), policy);
        }
    }
    owners
}

fn on_delete(section: &Section<'_>) -> OnDelete {
    let policies = [
        ("remove", DeletePolicy::Remove),
        ("hold", DeletePolicy::Hold),
        ("ignore", DeletePolicy::Ignore),
    ];
    OnDelete {
        in_database: section.choice("in_database", &policies, DeletePolicy::Remove),
        // A row is deleted from a sheet too easily to take the database's with it unasked.
        in_sheet: section.choice("in_sheet", &policies, DeletePolicy::Ignore),
    }
}

fn empty_text(section: &Section<'_>, direction: Direction) -> String {
    let text = section.text("empty_text").unwrap_or(defaults::EMPTY_TEXT);
    if text.is_empty() && direction != Direction::ToSheet {
        section.problem(
            "empty_text",
            "must not be empty where the database is written: an empty cell is NULL",
        );
    }
    if text.chars().count() > TITLE_LETTERS_MAX {
        section.problem(
            "empty_text",
            format!("is longer than {TITLE_LETTERS_MAX} letters; a short mark is enough"),
        );
    }
    text.to_owned()
}

fn brake(section: &Section<'_>) -> Brake {
    let rows = section.whole("rows", 1..=10_000_000, defaults::BRAKE_ROWS);
    let percent = section.whole("percent", 1..=100, u32::from(defaults::BRAKE_PERCENT));
    Brake {
        rows: NonZeroU32::new(rows).unwrap_or(NonZeroU32::MIN),
        percent: u8::try_from(percent).ok().and_then(NonZeroU8::new).unwrap_or(NonZeroU8::MIN),
    }
}

fn timezone(section: &Section<'_>) -> TimeZone {
    let name = section.text("timezone").unwrap_or(defaults::TIMEZONE);
    if name == defaults::TIMEZONE {
        // Works without the system's zone files.
        return TimeZone::UTC;
    }
    TimeZone::get(name).unwrap_or_else(|_| {
        section.problem("timezone", format!("\"{name}\" is not a zone that this machine knows; use a name like \"Europe/Berlin\", and see that its zone files (tzdata) are installed"));
        TimeZone::UTC
    })
}

fn is_name(text: &str) -> bool {
    !text.trim().is_empty() && text.chars().count() <= NAME_LETTERS_MAX && !text.contains('\0')
}
