//! The fence: makes Google refuse a whole batch unless the spreadsheet holds the sequence number the batch was built on.

use sheetwire_engine::batch::FenceStep;

use super::{
    journal::{self, JournalTab},
    requests::{GridProperties, GridRange, NamedRange, Request, SheetProperties},
};

/// Name of the named range that carries the sequence number in its id.
pub(crate) const FENCE_NAME: &str = "sheetwire_fence";

/// What Google is known to refuse in a spreadsheet, found by the probe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FenceKind {
    /// A named range whose id is the sequence number: deleting the previous id refuses a stale batch.
    #[default]
    NamedRange,
    /// The journal tab itself, whose numeric id is the sequence number: it is deleted and added again with every batch.
    JournalTab,
}

/// Id of the named range for a sequence number.
pub(crate) fn range_id(sequence: u64) -> String {
    format!("{FENCE_NAME}_{sequence}")
}

/// Sequence number out of the id of a named range.
pub(crate) fn sequence_of(range_id: &str) -> Option<u64> {
    range_id.strip_prefix(FENCE_NAME)?.strip_prefix('_')?.parse().ok()
}

/// The requests that move the fence. They stand first in the batch; a refusal that names one of them is the fence's.
///
/// `found` is the journal tab as last seen. A wrong belief is refused by Google (a tab that exists cannot be added, one that does
/// not exist cannot be deleted), so it costs a read, never safety.
pub(crate) fn fence<'a>(
    kind: FenceKind,
    step: FenceStep,
    found: Option<&JournalTab>,
    size: GridProperties,
) -> Vec<Request<'a>> {
    let add = |sheet_id| Request::AddSheet {
        properties: SheetProperties {
            sheet_id,
            title: Some(journal::TITLE),
            hidden: Some(true),
            grid_properties: Some(size),
        },
    };
    match kind {
        FenceKind::NamedRange => {
            let mut requests = Vec::with_capacity(3);
            if let Some(previous) = step.previous {
                requests.push(Request::DeleteNamedRange { named_range_id: range_id(previous) });
            }
            let sheet_id = found.map_or(journal::SHEET_ID, |tab| tab.sheet_id);
            if found.is_none() {
                requests.push(add(sheet_id));
            }
            requests.push(Request::AddNamedRange {
                named_range: NamedRange {
                    named_range_id: range_id(step.next),
                    name: FENCE_NAME,
                    range: GridRange::block(sheet_id, (0, 0), (1, 1)),
                },
            });
            requests
        }
        FenceKind::JournalTab => {
            let mut requests = Vec::with_capacity(2);
            if let Some(previous) = step.previous.filter(|_| found.is_some()) {
                requests.push(Request::DeleteSheet { sheet_id: journal::sheet_id_of(previous) });
            }
            requests.push(add(journal::sheet_id_of(step.next)));
            requests
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn moved(kind: FenceKind, previous: Option<u64>, found: bool) -> serde_json::Value {
        let tab = JournalTab {
            sheet_id: journal::SHEET_ID,
            title: journal::TITLE.into(),
            rows: 2000,
            columns: 16,
        };
        let size = GridProperties { row_count: 1024, column_count: 16, frozen_row_count: None };
        let step = FenceStep { previous, next: 8 };
        serde_json::to_value(fence(kind, step, found.then_some(&tab), size)).unwrap()
    }

    fn added(sheet_id: i32) -> serde_json::Value {
        json!({"addSheet": {"properties": {
            "sheetId": sheet_id, "title": "_sheetwire", "hidden": true,
            "gridProperties": {"rowCount": 1024, "columnCount": 16},
        }}})
    }

    #[test]
    fn a_named_range_is_exchanged() {
        let named = json!({"addNamedRange": {"namedRange": {
            "namedRangeId": "sheetwire_fence_8", "name": "sheetwire_fence",
            "range": {"sheetId": 0x5EE7_317E, "startRowIndex": 0, "endRowIndex": 1,
                      "startColumnIndex": 0, "endColumnIndex": 1},
        }}});
        let gone = json!({"deleteNamedRange": {"namedRangeId": "sheetwire_fence_7"}});
        assert_eq!(moved(FenceKind::NamedRange, Some(7), true), json!([gone, named]));
        assert_eq!(
            moved(FenceKind::NamedRange, None, false),
            json!([added(journal::SHEET_ID), named])
        );
        assert_eq!(
            moved(FenceKind::NamedRange, Some(7), false),
            json!([gone, added(journal::SHEET_ID), named]),
            "a person deleted the journal tab"
        );
    }

    #[test]
    fn the_journal_tab_is_exchanged() {
        let before = journal::sheet_id_of(7);
        let after = journal::sheet_id_of(8);
        assert_eq!(
            moved(FenceKind::JournalTab, Some(7), true),
            json!([{"deleteSheet": {"sheetId": before}}, added(after)])
        );
        assert_eq!(moved(FenceKind::JournalTab, None, false), json!([added(after)]));
        assert_ne!(before, after);
    }

    #[test]
    fn a_sequence_number_survives_the_id() {
        assert_eq!(sequence_of(&range_id(u64::MAX)), Some(u64::MAX));
        assert_eq!(sequence_of("sheetwire_fence_x"), None);
        assert_eq!(sequence_of("other_7"), None);
    }
}
