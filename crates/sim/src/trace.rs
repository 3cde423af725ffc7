//! What is told and wanted, short enough to be read.

use sheetwire_engine::{
    batch::{Batch, TabWork, WriteOutcome},
    cell::Cell,
    change::RowChange,
    door::{Action, Input},
    intent::{Intent, PrepareOutcome, RowWork, Stage},
    state::{RowIdentity, StoreStep},
    value::Value,
};

pub(crate) fn cell(cell: &Cell) -> String {
    match cell {
        Cell::Empty => "-".into(),
        Cell::Number(number) => number.to_string(),
        Cell::Text(text) => text.to_string(),
        other => format!("{other:?}"),
    }
}

fn cells(all: &[Cell]) -> String {
    all.iter().map(cell).collect::<Vec<_>>().join(" ")
}

fn values(all: &[Value]) -> String {
    let one = |value: &Value| match value {
        Value::Null => "-".to_owned(),
        Value::Int(number) => number.to_string(),
        Value::Text(text) => text.clone(),
        other => format!("{other:?}"),
    };
    all.iter().map(one).collect::<Vec<_>>().join(" ")
}

fn changes(all: &[RowChange]) -> String {
    let one = |change: &RowChange| match &change.after {
        Some(row) => format!("[{}]", values(row)),
        None => format!("gone [{}]", values(&change.key)),
    };
    all.iter().map(one).collect::<Vec<_>>().join(" ")
}

fn work(work: &TabWork) -> String {
    let mut parts = Vec::new();
    for write in &work.writes {
        let written: Vec<String> =
            write.cells.iter().map(|(column, new)| format!("{column}={}", cell(new))).collect();
        parts.push(format!("row {} {}", write.row.0, written.join(",")));
    }
    if !work.deletes.is_empty() {
        parts.push(format!("delete {:?}", work.deletes.iter().map(|r| r.0).collect::<Vec<_>>()));
    }
    if let Some(insert) = &work.insert {
        let rows: Vec<String> = insert.rows.iter().map(|row| format!("[{}]", cells(row))).collect();
        parts.push(format!("insert at {} {}", insert.at.0, rows.join(" ")));
    }
    format!("tab {} {}", work.sheet_id, parts.join("; "))
}

fn batch(batch: &Batch) -> String {
    let tabs: Vec<String> = batch.tabs.iter().map(work).collect();
    format!("{} {} | {}", batch.spreadsheet, batch.id.0, tabs.join(" | "))
}

fn intent(intent: &Intent) -> String {
    let rows: Vec<String> = (intent.rows.iter())
        .map(|row| {
            let what = match &row.work {
                RowWork::Update { set, .. } => {
                    let set: Vec<Value> = set.iter().map(|(_, value)| value.clone()).collect();
                    format!("update {}", values(&set))
                }
                RowWork::Insert { set } => {
                    let set: Vec<Value> = set.iter().map(|(_, value)| value.clone()).collect();
                    format!("insert {}", values(&set))
                }
                RowWork::Delete { .. } => "delete".to_owned(),
            };
            format!("{:?} {what}{}", row.key.0, if row.seen { " seen" } else { "" })
        })
        .collect();
    let stage = match &intent.stage {
        Stage::Drafted => "drafted",
        Stage::Prepared => "prepared",
        Stage::Doubtful { .. } => "doubtful",
        Stage::Closing { .. } => "closing",
    };
    format!("#{} table {} {stage} {}", intent.id, intent.table.0, rows.join("; "))
}

#[expect(clippy::too_many_lines, reason = "one line for each kind of step")]
fn step(step: &StoreStep) -> String {
    match step {
        StoreStep::Position(position) => format!("position {position}"),
        StoreStep::Pending(table, key, row) => {
            let row = row.after.as_ref().map_or("gone".into(), |row| cells(row));
            format!("pending {}:{:?} {row}", table.0, key.0)
        }
        StoreStep::Settled(table, key) => format!("settled {}:{:?}", table.0, key.0),
        StoreStep::Base(table, key, base) => {
            let sheet: Vec<String> = (0..base.width())
                .map(|column| match (base.database(column), base.sheet(column)) {
                    (Some(ours), Some(theirs)) if ours == theirs => cell(ours),
                    (Some(ours), Some(theirs)) => format!("{}~{}", cell(ours), cell(theirs)),
                    _ => "?".into(),
                })
                .collect();
            format!("base {}:{:?} {}", table.0, key.0, sheet.join(" "))
        }
        StoreStep::BaseGone(table, key) => format!("base gone {}:{:?}", table.0, key.0),
        StoreStep::InFlight(id, flight) => {
            let rows = flight.iter().flat_map(|flight| &flight.expectations).flat_map(|part| {
                part.writes.iter().chain(&part.deletes).chain(&part.inserts).map(|row| &row.row)
            });
            let rows: Vec<String> = rows
                .map(|row| match row {
                    RowIdentity::Key(key) => format!("{:?}", key.0),
                    RowIdentity::Content(_) => "by content".into(),
                })
                .collect();
            format!("in flight {id} {}", rows.join(","))
        }
        StoreStep::Conflict(record) => format!(
            "conflict {} {} {:?} {} base {:?} db {:?} sheet {:?} {:?} {:?}",
            record.id,
            record.kind.word(),
            record.key.as_ref().map(|key| &key.0),
            record.column,
            record.base.as_ref().map(cell),
            record.database.as_ref().map(cell),
            record.sheet.as_ref().map(cell),
            record.outcome,
            record.reason,
        ),
        StoreStep::Intent(one) => format!("intent {}", intent(one)),
        StoreStep::Repairs(table, repairs) => {
            let one = |repair: &sheetwire_engine::state::Repair| {
                let back: Vec<String> = (repair.cells.iter())
                    .map(|c| format!("{}: {} -> {}", c.column.0, cell(&c.wrong), cell(&c.right)))
                    .collect();
                let row = match &repair.row {
                    RowIdentity::Key(key) => format!("{:?}", key.0),
                    RowIdentity::Content(_) => "by content".into(),
                };
                format!(
                    "{row} {}{}",
                    back.join(", "),
                    if repair.readd.is_some() { " readd" } else { "" }
                )
            };
            format!(
                "repairs {} [{}]",
                table.0,
                repairs.iter().map(one).collect::<Vec<_>>().join("; ")
            )
        }
        other => format!("{other:?}"),
    }
}

/// What the engine wants.
pub fn action(action: &Action) -> String {
    match action {
        Action::Store { ticket, steps } => {
            let steps: Vec<String> = steps.iter().map(step).collect();
            format!("store {ticket}: {}", steps.join(" / "))
        }
        Action::Write { batch: one } => format!("write {}", batch(one)),
        Action::ReadTabs { spreadsheet, reads } => {
            let one = |read: &sheetwire_engine::batch::TabRead| match (&read.columns, &read.rows) {
                (_, Some((from, count))) => format!("rows {}+{count}", from.0),
                (Some(_), None) => "keys".into(),
                (None, None) => "whole".into(),
            };
            format!("read {spreadsheet} {}", reads.iter().map(one).collect::<Vec<_>>().join(","))
        }
        Action::Prepare { intent: one } => format!("prepare {}", intent(one)),
        Action::ReadJournal { batch } => format!("read journal {}", batch.spreadsheet),
        other => format!("{other:?}"),
    }
}

/// What the engine is told.
pub fn input(input: &Input) -> String {
    match input {
        Input::Rows { table, changes: all, .. } => format!("rows {} {}", table.0, changes(all)),
        Input::TabsRead { spreadsheet, answer } => match answer {
            Ok(image) => format!("read {spreadsheet} at fence {:?}", image.fence),
            Err(failure) => format!("read {spreadsheet} {failure:?}"),
        },
        Input::Written { spreadsheet, outcome } => match outcome {
            WriteOutcome::Applied(journal) => {
                let tab = |images: &sheetwire_engine::batch::TabImages| {
                    let rows: Vec<String> =
                        images.writes.iter().map(|row| format!("[{}]", cells(row))).collect();
                    let gone: Vec<String> =
                        images.deletes.iter().map(|row| format!("[{}]", cells(row))).collect();
                    format!(
                        "header [{}] was {} removed {}",
                        cells(&images.header),
                        rows.join(" "),
                        gone.join(" ")
                    )
                };
                let tabs: Vec<String> = journal.tabs.iter().map(tab).collect();
                format!("written {spreadsheet} {} {}", journal.header.batch.0, tabs.join(" | "))
            }
            other => format!("written {spreadsheet} {other:?}"),
        },
        Input::Prepared { intent, outcome } => match outcome {
            PrepareOutcome::Ready(rows) => {
                let rows: Vec<String> = (rows.iter())
                    .map(|row| row.row.as_ref().map_or("gone".into(), |row| values(row)))
                    .collect();
                format!("prepared #{intent}: {}", rows.join("; "))
            }
            other => format!("prepared #{intent}: {other:?}"),
        },
        Input::Chunk { table, rows, last, .. } => {
            let rows: Vec<String> = rows.iter().map(|row| values(row)).collect();
            format!("chunk {} [{}] last {last}", table.0, rows.join("; "))
        }
        Input::Opened { spreadsheet, answer } => match answer {
            Ok(image) => format!(
                "opened {spreadsheet} fence {:?} journal {}",
                image.fence,
                image.journal.is_some()
            ),
            Err(failure) => format!("opened {spreadsheet} {failure:?}"),
        },
        Input::JournalRead { spreadsheet, answer } => {
            let which =
                answer.as_ref().map(|journal| journal.as_ref().map(|j| j.header.batch.0.clone()));
            format!("journal {spreadsheet} {which:?}")
        }
        other => format!("{other:?}"),
    }
}

/// What the database did.
pub fn events(events: &[crate::database::Event]) -> String {
    let one = |event: &crate::database::Event| match event {
        crate::database::Event::Rows(table, all) => format!("{}: {}", table.0, changes(all)),
        crate::database::Event::Emptied(table) => format!("{} emptied", table.0),
    };
    events.iter().map(one).collect::<Vec<_>>().join(" / ")
}
