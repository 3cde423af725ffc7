//! What the bad designs do that the engine has no step for: to write what a doorbell says, to read a tab in two, to ask again for a new row, to
//! skip what the log says of our own transactions.

use super::{
    Engine,
    writer::{Phase, is_asked_again},
};
use crate::{
    batch::{RowIndex, TabImage, TabRead, TabsImage},
    book::Reading,
    cell::Cell,
    change::TableId,
    inbound::key_values,
    intent::{Intent, Readback, RowIntent, RowWork, Stage},
    mutants::{Mutant, on},
    position::Position,
    state::StoreStep,
    typed::value,
};

/// Rows of the first part of a tab that is read in two.
const FIRST_PART: u32 = 2;

impl Engine {
    /// A doorbell says what a row holds, from column 0: with [`Mutant::DoorbellPayload`] that goes into the database as it is.
    pub fn take_payload(&mut self, spreadsheet: &str, sheet_id: i32, cells: &[Cell]) {
        let place = self.tabs.iter().position(|tab| {
            tab.spec.spreadsheet == spreadsheet && tab.geometry.sheet_id == sheet_id
        });
        let Some(place) = place.filter(|_| on(Mutant::DoorbellPayload)) else { return };
        if let (Some(row), Phase::Idle) = (self.said(place, cells), &self.writer.phase) {
            let id = self.writer.last_intent + 1;
            self.writer.last_intent = id;
            let tab = &mut self.tabs[place];
            tab.writing.insert(row.key.clone());
            let table = tab.spec.table;
            let intent = Intent { id, table, rows: vec![row], stage: Stage::Drafted };
            self.outbox.push(StoreStep::Intent(intent.clone()));
            self.urgent = true;
            self.writer.phase = Phase::Drafting { intent, ticket: self.next_ticket };
        }
    }

    /// What a row is to become because a doorbell said so.
    fn said(&self, place: usize, cells: &[Cell]) -> Option<RowIntent> {
        let tab = &self.tabs[place];
        let mapped = tab.geometry.columns.iter();
        let mapped = mapped.map(|column| crate::survey::cell_at(cells, *column));
        let shown: Vec<Cell> = mapped.collect();
        let key = tab.key_of(&shown)?;
        let base = tab.base.get(&key)?.whole_database()?;
        if !tab.is_inbound() || !tab.is_live() || tab.writing.contains(&key) {
            return None;
        }
        let (mut set, mut sheet) = (Vec::new(), Vec::new());
        for (place, cell) in shown.iter().enumerate() {
            let number = u16::try_from(place).ok()?;
            if tab.spec.policy.columns.get(place)?.inbound {
                set.push((number, value(tab.reading(), &tab.spec.columns[place], cell).ok()?));
                sheet.push((number, cell.clone()));
            }
        }
        let work = RowWork::Update { key: key_values(tab, base)?, guard: Vec::new(), set };
        Some(RowIntent { key, work, sheet, overruled: Vec::new(), readback: None, seen: false })
    }

    /// With [`Mutant::TornRead`]: what to read of tabs now, the first part or the second.
    pub(super) fn in_parts(
        &self,
        whole: bool,
        tabs: &[usize],
        mut reads: Vec<TabRead>,
    ) -> Vec<TabRead> {
        if !(whole && on(Mutant::TornRead)) {
            return reads;
        }
        for (tab, read) in tabs.iter().zip(&mut reads) {
            let first = read.header_row.0 + 1;
            read.rows = Some(match self.tabs[*tab].torn {
                None => (RowIndex(first), FIRST_PART),
                Some(_) => (RowIndex(first + FIRST_PART), u32::from(u16::MAX)),
            });
        }
        reads
    }

    /// With [`Mutant::TornRead`]: the tabs of which both parts are there.
    pub(super) fn both_parts(
        &mut self,
        what: &Reading,
        tabs: Vec<usize>,
        image: TabsImage,
    ) -> Option<(Vec<usize>, TabsImage)> {
        if !(matches!(what, Reading::Whole) && on(Mutant::TornRead)) {
            return Some((tabs, image));
        }
        let (mut whole, mut images) = (Vec::new(), Vec::new());
        for (tab, part) in tabs.into_iter().zip(image.tabs) {
            match self.tabs[tab].torn.take() {
                None => self.tabs[tab].torn = Some(part),
                Some(first) => {
                    whole.push(tab);
                    images.push(joined(&first, part));
                }
            }
        }
        (!whole.is_empty()).then_some((whole, TabsImage { fence: image.fence, tabs: images }))
    }

    /// With [`Mutant::ReinsertAtOnce`]: a new row whose answer was lost is asked for again.
    pub(super) fn reinsert(&mut self) {
        let doubtful = |intent: &Intent| intent.stage == Stage::Prepared && is_asked_again(intent);
        let Some(place) = self.writer.intents.iter().position(doubtful) else { return };
        let mut intent = self.writer.intents.remove(place);
        intent.stage = Stage::Drafted;
        let tab = self.tabs.iter().find(|tab| tab.spec.table == intent.table);
        for row in &mut intent.rows {
            let (RowWork::Insert { set }, Some(Readback::Row(cells)), Some(tab)) =
                (&mut row.work, &row.readback, tab)
            else {
                continue;
            };
            let key = tab.spec.key.iter().zip(key_values(tab, cells).into_iter().flatten());
            for (column, value) in key {
                let column = u16::try_from(*column).unwrap_or(u16::MAX);
                set.retain(|(known, _)| *known != column);
                set.push((column, value));
            }
        }
        self.outbox.push(StoreStep::Intent(intent.clone()));
        self.urgent = true;
        self.writer.phase = Phase::Drafting { intent, ticket: self.next_ticket };
    }

    /// With [`Mutant::SkipOwn`]: what the log said last was ours where it ends with our transaction.
    pub(super) fn skip_own(
        &mut self,
        stage: &Stage,
        (table, intent): (TableId, u64),
        consumed: &Position,
    ) {
        let ours = matches!(stage, Stage::Closing { until } if until == consumed);
        if let (true, true, Some(tab)) = (ours, on(Mutant::SkipOwn), self.tab_mut(table)) {
            tab.windows.skip(intent);
        }
    }
}

/// A tab out of its two parts.
fn joined(first: &TabImage, mut second: TabImage) -> TabImage {
    let skipped = usize::try_from(FIRST_PART).unwrap_or(0);
    let later = std::mem::take(&mut second.columns);
    let columns = first.columns.iter().chain(&later).map(|(column, _)| *column);
    let columns: std::collections::BTreeSet<_> = columns.collect();
    let part = |image: &[(crate::batch::ColumnIndex, Vec<Cell>)], wanted| {
        let found = image.iter().find(|(column, _)| *column == wanted);
        found.map(|(_, cells)| cells.clone()).unwrap_or_default()
    };
    for column in columns {
        let mut cells = part(&first.columns, column);
        let rest = part(&later, column);
        if !rest.is_empty() {
            cells.resize(skipped, Cell::Empty);
            cells.extend(rest);
        }
        second.columns.push((column, cells));
    }
    second
}
