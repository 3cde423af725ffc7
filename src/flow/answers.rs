//! Answers people: what the engine knows is said at once, what they decide is told to it.

use std::sync::Arc;

use sheetwire_engine::{
    change::TableId,
    door::Input,
    engine::{Engine, Status, TabStatus},
    merge::Side,
    time::Moment,
};

use crate::{
    flow::{
        from_sheet,
        recorder::Recorded,
        request::{Answer, Held, Layout, Request},
    },
    ports::{MappedTable, Said, SheetQuestion},
};

/// Rows that wait, named in one answer for each table.
const HELD_SHOWN_MAX: usize = 1_000;

/// Answers for the control loop.
#[derive(Debug)]
pub struct Clerk {
    tables: Arc<Vec<MappedTable>>,
}

impl Clerk {
    /// Knows the mapped tables.
    pub fn new(tables: Arc<Vec<MappedTable>>) -> Self {
        Self { tables }
    }

    /// Answers what concerns the engine. Never blocks.
    pub(super) fn answer(&self, recorded: &mut Recorded, request: Request, now: Moment) -> Answer {
        let status = || recorded.engine().status();
        let input = match request {
            Request::Status {} => return Answer::Status(Box::new(status())),
            Request::Held {} => return Answer::Held(held(recorded.engine())),
            Request::Columns { table } => return self.columns(table),
            Request::Sweep {} => Ok(Input::Sweep),
            Request::Pause { table, paused } => {
                in_work(&status(), table).map(|_| Input::Pause { table, paused })
            }
            Request::Release { table, keys, approved } => {
                in_work(&status(), table).map(|_| Input::Release { table, keys, approved })
            }
            Request::Decide { id, keep } => Ok(Input::Decide { conflict: id, side: keep }),
            Request::Repair { table, from } => repair(&status(), table, from),
            Request::Conflicts(_) | Request::Conflict { .. } | Request::History(_) => {
                Err("that is not the control loop's to answer, please report it".to_owned())
            }
        };
        match input {
            Ok(input) => {
                recorded.handle(input, now);
                Answer::Status(Box::new(recorded.engine().status()))
            }
            Err(sentence) => Answer::Refused(sentence),
        }
    }

    /// Answers a person in a sheet. Never blocks.
    pub(super) fn say(
        &self,
        recorded: &mut Recorded,
        question: &SheetQuestion,
        now: Moment,
    ) -> Said {
        from_sheet::answer(recorded, &self.tables, question, now)
    }

    fn columns(&self, table: TableId) -> Answer {
        match self.tables.iter().find(|mapped| mapped.id == table) {
            Some(mapped) => {
                Answer::Columns(Layout { columns: mapped.columns.clone(), key: mapped.key.clone() })
            }
            None => Answer::Refused(UNKNOWN.to_owned()),
        }
    }
}

const UNKNOWN: &str = "the running pipeline does not carry this table: its configuration was changed since it was started, or the table was refused then (see `sheetwire status`); mend that and restart `run`";

/// The table, where something can be done with it.
fn in_work(status: &Status, table: TableId) -> Result<&TabStatus, String> {
    let found = status.tables.iter().find(|found| found.table == table).ok_or(UNKNOWN)?;
    if found.set_aside {
        return Err(format!(
            "the table is set aside: {}; mend that, then restart `run`: the table is copied again",
            found.state
        ));
    }
    Ok(found)
}

fn repair(status: &Status, table: TableId, side: Side) -> Result<Input, String> {
    let found = in_work(status, table)?;
    if side == Side::Sheet && !found.inbound {
        return Err("the sheet may not change this table: set direction = \"both\" for it, or repair it from the database".to_owned());
    }
    if found.paused {
        return Err("the table is paused: let it go on with `sheetwire resume` first".to_owned());
    }
    if found.state != "live" {
        return Err(format!(
            "the table is {} just now: wait until `sheetwire status` says live, then try again",
            found.state
        ));
    }
    Ok(Input::Repair { table, side })
}

/// What waits for a person, in every table where something does.
fn held(engine: &Engine) -> Vec<Held> {
    let waiting = engine.status().tables.into_iter().map(|tab| {
        let mut keys = engine.held_rows(tab.table);
        keys.truncate(HELD_SHOWN_MAX);
        let drafts = engine.drafts(tab.table).iter().take(HELD_SHOWN_MAX).cloned().collect();
        Held { table: tab.table, count: tab.held, keys, drafts }
    });
    waiting.filter(|held| held.count > 0 || !held.drafts.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(tab: TabStatus) -> Status {
        Status { tables: vec![tab], ..Status::default() }
    }

    fn live() -> TabStatus {
        TabStatus { state: "live".to_owned(), ..TabStatus::default() }
    }

    #[test]
    fn only_what_can_be_done_is_told_to_the_engine() {
        let table = TableId(0);
        let refused = |tab: TabStatus, side| repair(&status(tab), table, side).unwrap_err();
        assert!(refused(live(), Side::Sheet).contains("direction = \"both\""));
        let copying = TabStatus { state: "copying".to_owned(), ..live() };
        assert!(refused(copying, Side::Database).contains("is copying just now"));
        let paused = TabStatus { paused: true, ..live() };
        assert!(refused(paused, Side::Database).contains("sheetwire resume"));
        let aside = TabStatus { set_aside: true, state: "no key".to_owned(), ..live() };
        assert!(refused(aside, Side::Database).contains("no key; mend that, then restart"));
        let input = Input::Repair { table, side: Side::Database };
        assert_eq!(repair(&status(live()), table, Side::Database), Ok(input));
        assert!(in_work(&status(live()), TableId(1)).unwrap_err().contains("configuration"));
    }
}
