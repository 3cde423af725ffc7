//! What keeps a pipeline from being in step, in words: what is on its way, and what waits for a person.

use sheetwire_engine::engine::{Status, TabStatus};

use super::{output::counted, pipeline::Pipeline};

/// Something that is not in step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Waiting {
    /// Name of the table, the spreadsheet or the writer.
    pub(super) whom: String,
    /// What is the matter, each a sentence.
    pub(super) why: Vec<String>,
}

/// Everything that is not in step.
pub(super) fn waiting(pipeline: &Pipeline, status: &Status) -> Vec<Waiting> {
    let books = status.spreadsheets.iter().filter_map(|book| {
        let why = vec![book.denied.clone()?];
        Some(Waiting { whom: format!("spreadsheet {}", book.spreadsheet), why })
    });
    let writer = status.writer.waits.iter().map(|why| {
        let why = vec![format!("nothing can be written to the database: {why}")];
        Waiting { whom: "writer".to_owned(), why }
    });
    let tables = status.tables.iter().map(|table| Waiting {
        whom: pipeline.name(table.table).to_owned(),
        why: of_table(table, status.idle),
    });
    books.chain(writer).chain(tables).filter(|found| !found.why.is_empty()).collect()
}

/// What is on its way in a table, then what waits for a person. While everything rests, a pending row is one that waits for a person.
fn of_table(table: &TabStatus, rests: bool) -> Vec<String> {
    if table.set_aside {
        return vec![format!("set aside: {}", table.state)];
    }
    let mut why = Vec::new();
    if table.paused {
        why.push("paused by a person: `sheetwire resume` lets it go on".to_owned());
    }
    if table.state != "live" {
        why.push(table.state.clone());
    }
    let rows = |count, what: &str| {
        (count > 0).then(|| format!("{} {what}", counted(count, "row", "rows")))
    };
    if !rests || table.paused {
        why.extend(rows(table.pending, "on the way to the sheet"));
        why.extend(rows(table.due, "on the way to the database"));
        why.extend(rows(table.repairs, "being put back"));
    }
    why.extend(for_a_person(table));
    why
}

/// What waits for a person in a table.
pub(super) fn for_a_person(table: &TabStatus) -> Vec<String> {
    [
        (table.held, "row held", "rows held", "see `sheetwire held list`"),
        (table.open, "open conflict", "open conflicts", "see `sheetwire conflicts list`"),
        (
            table.refused,
            "row refused by the database",
            "rows refused by the database",
            "the reason stands with its conflict",
        ),
        (table.drafts, "new row incomplete", "new rows incomplete", "see `sheetwire held list`"),
        (
            table.frozen,
            "key in several rows of the tab",
            "keys in several rows of the tab",
            "delete or re-key the surplus rows",
        ),
        (
            table.strays,
            "value that could not be put back",
            "values that could not be put back",
            "see `sheetwire conflicts list`",
        ),
    ]
    .into_iter()
    .filter(|(count, ..)| *count > 0)
    .map(|(count, one, several, advice)| format!("{}: {advice}", counted(count, one, several)))
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_is_named_with_what_helps() {
        let live = TabStatus { state: "live".to_owned(), ..TabStatus::default() };
        assert_eq!(of_table(&live, true), Vec::<String>::new());
        let busy = TabStatus { pending: 1, due: 2, held: 3, open: 1, ..live.clone() };
        assert_eq!(
            of_table(&busy, false),
            [
                "1 row on the way to the sheet",
                "2 rows on the way to the database",
                "3 rows held: see `sheetwire held list`",
                "1 open conflict: see `sheetwire conflicts list`",
            ]
        );
        assert_eq!(of_table(&busy, true).len(), 2, "{busy:?}");
        let aside = TabStatus { set_aside: true, state: "no key".to_owned(), pending: 9, ..live };
        assert_eq!(of_table(&aside, true), ["set aside: no key"]);
    }
}
