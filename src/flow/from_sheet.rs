//! Answers people in a sheet, in sentences that need no manual.

use std::fmt::Write as _;

use sheetwire_engine::{
    batch::RowIndex,
    cell::Cell,
    change::TableId,
    conflict::ConflictRecord,
    door::Input,
    engine::{CellState, Engine, Explanation, TabStatus},
    merge::Why,
    time::Moment,
};

use crate::{
    flow::recorder::Recorded,
    ports::{About, MappedTable, Said, SheetQuestion},
};

/// Conflicts named in one answer.
const CONFLICTS_MAX: usize = 8;
/// Letters of a value in an answer.
const LETTERS_MAX: usize = 60;

const NO_TABLE: &str = "sheetwire keeps no table in this tab.";

/// The answer. Never blocks.
pub(super) fn answer(
    recorded: &mut Recorded,
    tables: &[MappedTable],
    question: &SheetQuestion,
    now: Moment,
) -> Said {
    let SheetQuestion { spreadsheet, sheet_id, about } = question;
    let engine = recorded.engine();
    let Some(table) = engine.table_in(spreadsheet, *sheet_id) else { return no(NO_TABLE) };
    let cell = |place| engine.explain(spreadsheet, *sheet_id, place);
    match *about {
        About::Standing => standing(engine, table),
        About::Conflicts => conflicts(engine, table),
        About::Explain { row, column } => match cell((row, column)) {
            Some(found) => yes(explained(&found, &columns(tables, table))),
            None => no(NO_TABLE),
        },
        About::Revert { row, column } => match cell((row, column)) {
            Some(found) => revert(recorded, &found, row, now),
            None => no(NO_TABLE),
        },
    }
}

fn yes(message: impl Into<String>) -> Said {
    Said { ok: true, message: message.into() }
}

fn no(message: impl Into<String>) -> Said {
    Said { ok: false, message: message.into() }
}

fn columns(tables: &[MappedTable], table: TableId) -> Vec<&str> {
    let mapped = tables.iter().find(|mapped| mapped.id == table);
    mapped.map_or(Vec::new(), |mapped| mapped.columns.iter().map(|c| c.name.as_str()).collect())
}

fn standing(engine: &Engine, table: TableId) -> Said {
    let status = engine.status();
    let Some(tab) = status.tables.iter().find(|tab| tab.table == table) else {
        return no(NO_TABLE);
    };
    // Reasons are for operators: they may name servers and accounts.
    if tab.set_aside {
        return no(
            "This tab is not kept up to date: whoever runs sheetwire finds the reason in its status.",
        );
    }
    if tab.paused {
        return no("This tab rests: somebody has paused it.");
    }
    if tab.state != "live" {
        let rows = counted(tab.rows, ["row is", "rows are"]);
        return no(format!("This tab is being filled; {rows} there so far."));
    }
    if tab.inbound && tab.due > 0 && status.writer.waits.is_some() {
        let rows = counted(tab.due, ["changed row waits", "changed rows wait"]);
        return no(format!("{rows} for the database, which cannot be written just now."));
    }
    let parts = waits_for(tab, status.idle);
    if parts.is_empty() {
        return yes(format!("Up to date: {}, nothing is under way.", counted(tab.rows, ROWS)));
    }
    Said {
        ok: status.idle || tab.due + tab.pending == 0,
        message: format!("{}. {}.", counted(tab.rows, ROWS), parts.join(", ")),
    }
}

/// While everything rests, a row that differs is one that waits for a person, and is counted as that.
fn waits_for(tab: &TabStatus, rests: bool) -> Vec<String> {
    // In a two-way tab these are rows that differ, whichever side moves.
    let pending = if tab.inbound {
        ["row is on its way", "rows are on their way"]
    } else {
        ["row is on its way into the sheet", "rows are on their way into the sheet"]
    };
    let moves = [
        (tab.pending, pending),
        (tab.due, ["row waits for the database", "rows wait for the database"]),
        (tab.repairs, ["row is being put back", "rows are being put back"]),
    ];
    let waits = [
        (tab.drafts, ["new row is not complete yet", "new rows are not complete yet"]),
        (tab.refused, ["row is refused by the database", "rows are refused by the database"]),
        (tab.held, ["row is held until somebody decides", "rows are held until somebody decides"]),
        (tab.frozen, ["key stands in several rows", "keys stand in several rows"]),
        (tab.open, ["conflict is open", "conflicts are open"]),
    ];
    let moves = moves.into_iter().filter(|_| !rests);
    let some = moves.chain(waits).filter(|(count, _)| *count > 0);
    some.map(|(count, words)| counted(count, words)).collect()
}

const ROWS: [&str; 2] = ["row", "rows"];

fn counted(count: usize, [one, several]: [&str; 2]) -> String {
    format!("{count} {}", if count == 1 { one } else { several })
}

fn conflicts(engine: &Engine, table: TableId) -> Said {
    let open = engine.open_conflicts(table);
    if open.is_empty() {
        return yes("There is no open conflict in this tab.");
    }
    let mut text = format!("{} open in this tab:", open.len());
    for record in open.iter().take(CONFLICTS_MAX) {
        let _ = write!(text, "\n{}", line(record));
    }
    if open.len() > CONFLICTS_MAX {
        let _ = write!(text, "\n… and {} more", open.len() - CONFLICTS_MAX);
    }
    yes(text)
}

fn line(record: &ConflictRecord) -> String {
    let row = record.key.as_ref().map(|key| key.parts().join(", "));
    let place = match (row, record.column.as_str()) {
        (Some(row), "") => format!("row {row}"),
        (Some(row), column) => format!("row {row}, {column}"),
        (None, column) => column.to_owned(),
    };
    let values = match (&record.reason, &record.database, &record.sheet) {
        (Some(reason), _, _) => reason.clone(),
        (None, None, None) => String::new(),
        (None, database, sheet) => {
            format!("database {}, sheet {}", shown(database.as_ref()), shown(sheet.as_ref()))
        }
    };
    format!("{}. {place} ({}): {values}", record.id, record.kind.word())
}

fn explained(found: &Explanation, columns: &[&str]) -> String {
    let row = found.key.as_ref().map(|key| key.parts().join(", "));
    if let CellState::Draft(what) = &found.state {
        return format!("This row is not in the database yet: {what}.");
    }
    let (Some(row), Some(column)) = (row, found.column) else {
        return match found.column {
            None => "This column is yours: sheetwire does not touch it.".to_owned(),
            Some(_) => "This row is none of the table's: sheetwire does not touch it.".to_owned(),
        };
    };
    let name = columns.get(usize::from(column)).copied().unwrap_or("?");
    let what = state(&found.state);
    let mut text = format!("Column {name} of row {row}: {what}");
    let (database, sheet) = (shown(found.database.as_ref()), shown(found.sheet.as_ref()));
    let _ = if database == sheet {
        write!(text, "\nBoth hold {database}.")
    } else {
        write!(text, "\nDatabase: {database}\nSheet: {sheet}")
    };
    if found.agreed.is_some() && found.agreed != found.database {
        let _ = write!(text, "\nLast the same on both sides: {}", shown(found.agreed.as_ref()));
    }
    if let Some(id) = found.conflict {
        let _ = write!(text, "\nConflict {id} is open about it.");
    }
    text
}

fn state(state: &CellState) -> String {
    match state {
        CellState::InStep => "in step.".to_owned(),
        CellState::ToSheet(Why::ReadOnly) => {
            "only the database may change it; its value is coming back.".to_owned()
        }
        CellState::ToSheet(_) => "the database's value is on its way here.".to_owned(),
        CellState::ToDatabase(_) => "your value is on its way into the database.".to_owned(),
        CellState::Held => "it waits until somebody decides.".to_owned(),
        CellState::Row => "the row as a whole is being added, removed or put back.".to_owned(),
        CellState::Frozen => {
            "this key stands in several rows: remove or change the surplus ones.".to_owned()
        }
        CellState::Draft(what) => format!("not in the database yet: {what}."),
        CellState::Refused(why) => format!("the database refuses it: {why}."),
        CellState::NotMapped => "sheetwire does not touch it.".to_owned(),
    }
}

/// A value for people: cut where it is long, nothing that could be taken for markup by a dialog.
fn shown(cell: Option<&Cell>) -> String {
    let text = match cell.map(Cell::look) {
        None => return "not known".to_owned(),
        Some(Cell::Empty) => return "nothing".to_owned(),
        Some(Cell::Number(number)) => number.to_string(),
        Some(Cell::Bool(value)) => value.to_string(),
        Some(Cell::Text(text) | Cell::Formula { text, .. }) => text.to_string(),
    };
    let mut short: String = text.chars().filter(|c| !c.is_control()).take(LETTERS_MAX).collect();
    if text.chars().nth(LETTERS_MAX).is_some() {
        short.push('…');
    }
    format!("“{short}”")
}

fn revert(recorded: &mut Recorded, found: &Explanation, row: RowIndex, now: Moment) -> Said {
    let (Some(_), Some(column)) = (&found.key, found.column) else {
        return no("This cell is none of the database's: there is nothing to put back.");
    };
    if matches!(found.state, CellState::InStep) {
        return yes("This cell holds the database's value already.");
    }
    if matches!(found.state, CellState::Frozen) {
        return no("This key stands in several rows: remove or change the surplus ones first.");
    }
    recorded.handle(Input::Revert { table: found.table, row, column }, now);
    yes(format!(
        "The database's value, {}, is coming back into this cell.",
        shown(found.database.as_ref())
    ))
}

#[cfg(test)]
mod tests {
    use sheetwire_engine::state::RowKey;

    use super::*;

    fn found(state: CellState) -> Explanation {
        Explanation {
            table: TableId(0),
            key: Some(RowKey("7".into())),
            column: Some(1),
            database: Some(Cell::text("x")),
            sheet: Some(Cell::text("y\u{7}")),
            agreed: Some(Cell::Empty),
            state,
            conflict: Some(3),
            database_at_us: None,
        }
    }

    #[test]
    fn a_cell_is_explained_in_words() {
        let text = explained(&found(CellState::Held), &["id", "name"]);
        assert_eq!(
            text,
            "Column name of row 7: it waits until somebody decides.\nDatabase: “x”\nSheet: “y”\nLast the same on both sides: “nothing”\nConflict 3 is open about it."
                .replace("“nothing”", "nothing")
        );
        let own = Explanation { column: None, ..found(CellState::NotMapped) };
        assert!(explained(&own, &[]).contains("is yours"));
        let draft = explained(&found(CellState::Draft("'name' is missing".into())), &[]);
        assert_eq!(draft, "This row is not in the database yet: 'name' is missing.");
    }

    #[test]
    fn what_waits_for_a_person_is_not_said_to_be_on_its_way() {
        let tab = TabStatus { pending: 1, repairs: 2, refused: 1, open: 2, ..TabStatus::default() };
        let waits = ["1 row is refused by the database", "2 conflicts are open"];
        assert_eq!(waits_for(&tab, true), waits);
        let moves = ["1 row is on its way into the sheet", "2 rows are being put back"];
        assert_eq!(waits_for(&tab, false), [moves, waits].concat());
        let both_ways = TabStatus { inbound: true, due: 1, ..tab };
        let moves = ["1 row is on its way", "1 row waits for the database"];
        assert_eq!(waits_for(&both_ways, false)[..2], moves);
    }

    #[test]
    fn long_values_are_cut() {
        let long = shown(Some(&Cell::text("ä".repeat(200))));
        assert_eq!(long.chars().count(), LETTERS_MAX + 3);
        assert_eq!(shown(Some(&Cell::Number(1.5))), "“1.5”");
    }
}
