//! What every store promises, run on both.

use std::{collections::BTreeMap, fs, path::PathBuf};

use proptest::prelude::*;
use sheetwire_engine::{
    base::BaseRow,
    batch::{
        Batch, BatchId, ColumnIndex, FenceStep, InFlight, JournalOwner, RowExpectation, RowIndex,
        TabExpectation, TabWork,
    },
    cell::Cell,
    change::TableId,
    conflict::{ConflictKind, ConflictRecord, Outcome},
    history::{HistoryEntry, Origin, RowEvent},
    intent::{Intent, Readback, RowIntent, RowWork, Stage, Window},
    merge::{Rule, Side},
    position::Position,
    state::{
        Adoption, Claim, Image, Marker, PendingRow, RemovedRow, Repair, RepairCell, RowIdentity,
        RowKey, StoreStep, TableState,
    },
    value::Value,
};

use super::{MemoryStore, SledStore};
use crate::{fault::Fault, ports::StateStore};

/// A folder for one test, removed behind it.
pub(super) struct Scratch(PathBuf);

impl Scratch {
    pub(super) fn new(test: &str) -> Self {
        let path = std::env::temp_dir().join(format!("sheetwire-{}-{test}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

trait Store: StateStore {
    fn conflicts(&self) -> Result<Vec<ConflictRecord>, Fault>;
    fn history(&self) -> Result<Vec<HistoryEntry>, Fault>;
}

impl Store for MemoryStore {
    fn conflicts(&self) -> Result<Vec<ConflictRecord>, Fault> {
        self.conflicts()
    }

    fn history(&self) -> Result<Vec<HistoryEntry>, Fault> {
        self.history()
    }
}

impl Store for SledStore {
    fn conflicts(&self) -> Result<Vec<ConflictRecord>, Fault> {
        self.conflicts()
    }

    fn history(&self) -> Result<Vec<HistoryEntry>, Fault> {
        self.history()
    }
}

/// Runs a claim on both stores, each empty.
macro_rules! claim {
    ($name:ident, $store:ident, $body:block) => {
        #[tokio::test]
        async fn $name() {
            async fn holds($store: &dyn Store) $body
            let scratch = Scratch::new(stringify!($name));
            holds(&MemoryStore::new("m")).await;
            holds(&SledStore::open(&scratch.path("s"), "crm").unwrap()).await;
        }
    };
}

claim!(a_new_store_is_empty, store, {
    assert_eq!(store.load().unwrap(), Image::default());
});

claim!(every_kind_of_step_comes_back, store, {
    let steps = one_of_each();
    store.apply(steps).await.unwrap();
    let image = store.load().unwrap();
    assert_eq!(image.position, Some(file_position(4)));
    assert_eq!(image.pending, [(TableId(1), key("7"), pending(3))]);
    assert_eq!(image.base, [(TableId(1), key("7"), base("old"))]);
    assert_eq!(image.in_flight, [("sheet".into(), batch(2))]);
    assert_eq!(image.fences, [("sheet".into(), 41)]);
    assert_eq!(image.tables, [(TableId(1), live(1))]);
    assert_eq!(image.repairs, [(TableId(1), vec![repair()])]);
    assert_eq!(image.last_conflict, 1);
    assert_eq!(image.open_conflicts, [decided(1)]);
    assert_eq!(image.intents, [intent(5)]);
    assert_eq!(image.last_intent, 5);
    assert_eq!(image.windows, [(TableId(1), key("7"), window())]);
    assert_eq!(image.claims, [(TableId(1), marker(), claim())]);
    assert_eq!(image.paused, [TableId(1)]);
    assert_eq!(image.tabs, [(TableId(1), -3)]);
    assert_eq!(store.history().unwrap(), [change(9)]);
});

claim!(a_conflict_is_open_until_its_outcome_says_otherwise, store, {
    let steps = (1..=3).map(|id| StoreStep::Conflict(conflict(id))).collect();
    store.apply(steps).await.unwrap();
    let closed = ConflictRecord { outcome: Outcome::Kept(Side::Database), ..conflict(4) };
    let outcome = |id, outcome| StoreStep::Outcome(id, outcome);
    let steps = vec![
        StoreStep::Conflict(closed.clone()),
        outcome(2, Outcome::Decided(Side::Sheet)),
        outcome(3, Outcome::GoneByItself),
    ];
    store.apply(steps).await.unwrap();
    assert_eq!(store.load().unwrap().open_conflicts, [conflict(1), decided(2)]);
    store.apply(vec![outcome(2, Outcome::Kept(Side::Sheet))]).await.unwrap();
    assert_eq!(store.load().unwrap().open_conflicts, [conflict(1)]);
    let ended = |id, outcome| ConflictRecord { outcome, ..conflict(id) };
    let all = [
        conflict(1),
        ended(2, Outcome::Kept(Side::Sheet)),
        ended(3, Outcome::GoneByItself),
        closed,
    ];
    assert_eq!(store.conflicts().unwrap(), all);
});

claim!(a_transactions_number_is_remembered_when_it_is_gone, store, {
    for id in [7, 8, 7] {
        store.apply(vec![StoreStep::Intent(intent(id))]).await.unwrap();
    }
    store.apply(vec![StoreStep::IntentGone(7), StoreStep::IntentGone(8)]).await.unwrap();
    let image = store.load().unwrap();
    assert_eq!((image.intents, image.last_intent), (vec![], 8));
});

claim!(what_is_over_leaves_nothing_behind, store, {
    let table = TableId(1);
    let gone = vec![
        StoreStep::WindowGone(table, key("7")),
        StoreStep::ClaimGone(table, marker()),
        StoreStep::Paused(table, false),
    ];
    let came = vec![
        StoreStep::Window(table, key("7"), window()),
        StoreStep::Claim(table, marker(), claim()),
        StoreStep::Paused(table, true),
    ];
    store.apply(came).await.unwrap();
    store.apply(gone).await.unwrap();
    assert_eq!(store.load().unwrap(), Image::default());
});

#[test]
fn the_history_is_bounded_and_goes_on_behind_a_restart() {
    let scratch = Scratch::new("history");
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let apply = |store: &SledStore, range: std::ops::Range<i64>| {
        let steps = range.map(|at| StoreStep::History(change(at))).collect();
        runtime.block_on(store.apply(steps)).unwrap();
    };
    let kept = |store: &SledStore| -> Vec<i64> {
        store.history().unwrap().iter().map(|entry| entry.at_us).collect()
    };
    let store = SledStore::open(&scratch.path("s"), "crm").unwrap();
    store.keep_history(5);
    apply(&store, 0..3);
    apply(&store, 3..10);
    assert_eq!(kept(&store), [5, 6, 7, 8, 9]);
    drop(store);
    let store = SledStore::open(&scratch.path("s"), "crm").unwrap();
    store.keep_history(3);
    apply(&store, 10..12);
    assert_eq!(kept(&store), [9, 10, 11]);
    store.keep_history(0);
    apply(&store, 12..13);
    assert_eq!(kept(&store), [] as [i64; 0]);
    store.load().unwrap();
}

claim!(of_two_steps_about_one_row_the_later_wins, store, {
    let (table, row) = (TableId(0), key("a"));
    store
        .apply(vec![
            StoreStep::Pending(table, row.clone(), pending(1)),
            StoreStep::Settled(table, row.clone()),
            StoreStep::Base(table, row.clone(), base("x")),
            StoreStep::BaseGone(table, row.clone()),
            StoreStep::Base(table, row.clone(), base("y")),
        ])
        .await
        .unwrap();
    let image = store.load().unwrap();
    assert_eq!(image.pending, []);
    assert_eq!(image.base, [(table, row, base("y"))]);
});

claim!(rows_come_in_the_order_of_table_and_key, store, {
    let addresses = [(1, "b"), (0, "b"), (256, "a"), (0, "a"), (0, "a\u{0}"), (0, ""), (0, "ä")];
    let steps = addresses.map(|(table, row)| StoreStep::Base(TableId(table), key(row), base("x")));
    store.apply(steps.to_vec()).await.unwrap();
    let image = store.load().unwrap();
    let order: Vec<_> = image.base.iter().map(|(table, row, _)| (table.0, &*row.0)).collect();
    let wanted = [(0, ""), (0, "a"), (0, "a\u{0}"), (0, "b"), (0, "ä"), (1, "b"), (256, "a")];
    assert_eq!(order, wanted);
});

claim!(a_large_batch_is_replaced_by_a_small_one_and_goes, store, {
    let step = |batch| vec![StoreStep::InFlight("sheet".into(), batch)];
    for rows in [20_000, 1, 3_000] {
        store.apply(step(Some(batch(rows)))).await.unwrap();
        assert_eq!(store.load().unwrap().in_flight, [("sheet".into(), batch(rows))]);
    }
    store.apply(step(None)).await.unwrap();
    assert_eq!(store.load().unwrap(), Image::default());
});

claim!(an_empty_list_of_repairs_is_no_repairs, store, {
    let step = |repairs| vec![StoreStep::Repairs(TableId(3), repairs)];
    store.apply(step(vec![repair()])).await.unwrap();
    store.apply(step(vec![])).await.unwrap();
    assert_eq!(store.load().unwrap(), Image::default());
});

claim!(pending_rows_are_found_by_address_in_the_order_asked_for, store, {
    let steps = (0..50u64)
        .map(|n| StoreStep::Pending(TableId(2), key(&n.to_string()), pending(n)))
        .collect();
    store.apply(steps).await.unwrap();
    let asked = [(TableId(2), key("49")), (TableId(1), key("7")), (TableId(2), key("7"))];
    assert_eq!(store.pending(&asked).unwrap(), [Some(pending(49)), None, Some(pending(7))]);
});

claim!(conflicts_are_listed_in_order_and_never_rewritten, store, {
    for id in [1, 2, 300] {
        store.apply(vec![StoreStep::Conflict(conflict(id))]).await.unwrap();
    }
    // A step list that is sent again after a crash changes nothing.
    store.apply(vec![StoreStep::Conflict(conflict(2))]).await.unwrap();
    let other = ConflictRecord { column: "other".into(), ..conflict(2) };
    let refused = vec![StoreStep::Fence("sheet".into(), 9), StoreStep::Conflict(other.clone())];
    let fault = store.apply(refused).await.unwrap_err();
    assert!(fault.to_string().contains("conflict 2 "), "{fault}");
    let twice = vec![
        StoreStep::Conflict(conflict(301)),
        StoreStep::Conflict(ConflictRecord { id: 301, ..other }),
    ];
    store.apply(twice).await.unwrap_err();
    assert_eq!(store.conflicts().unwrap(), [conflict(1), conflict(2), conflict(300)]);
    let image = store.load().unwrap();
    assert_eq!((image.last_conflict, image.fences), (300, vec![]));
});

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn sled_and_memory_hold_the_same_after_any_steps(lists in prop::collection::vec(prop::collection::vec(any_step(), 0..12), 1..12)) {
        let scratch = Scratch::new("any_steps");
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let memory = MemoryStore::new("m");
        let mut sled = SledStore::open(&scratch.path("s"), "crm").unwrap();
        let reopen_at = lists.len() / 2;
        for (at, steps) in lists.into_iter().enumerate() {
            runtime.block_on(memory.apply(steps.clone())).unwrap();
            runtime.block_on(sled.apply(steps)).unwrap();
            if at == reopen_at {
                drop(sled);
                sled = SledStore::open(&scratch.path("s"), "crm").unwrap();
            }
        }
        prop_assert_eq!(sled.load().unwrap(), memory.load().unwrap());
        prop_assert_eq!(sled.conflicts().unwrap(), memory.conflicts().unwrap());
        prop_assert_eq!(sled.history().unwrap(), memory.history().unwrap());
    }
}

fn any_step() -> impl Strategy<Value = StoreStep> {
    let table = (0u16..3).prop_map(TableId);
    let row = prop::sample::select(vec!["", "a", "b", "a\u{0}", "a\u{0}\u{1}", "ü"]).prop_map(key);
    let sheet = prop::sample::select(vec!["s", "t"]).prop_map(String::from);
    prop_oneof![
        (0u64..9).prop_map(|at| StoreStep::Position(file_position(at))),
        (table.clone(), row.clone(), 0u64..9).prop_map(|(t, r, n)| StoreStep::Pending(
            t,
            r,
            pending(n)
        )),
        (table.clone(), row.clone()).prop_map(|(t, r)| StoreStep::Settled(t, r)),
        (table.clone(), row.clone(), 0usize..9000).prop_map(|(t, r, n)| StoreStep::Base(
            t,
            r,
            base(&"x".repeat(n))
        )),
        (table.clone(), row.clone()).prop_map(|(t, r)| StoreStep::BaseGone(t, r)),
        (table.clone(), row.clone()).prop_map(|(t, r)| StoreStep::Window(t, r, window())),
        (table.clone(), row).prop_map(|(t, r)| StoreStep::WindowGone(t, r)),
        table.clone().prop_map(|t| StoreStep::Claim(t, marker(), claim())),
        table.clone().prop_map(|t| StoreStep::ClaimGone(t, marker())),
        (table.clone(), any::<bool>()).prop_map(|(t, paused)| StoreStep::Paused(t, paused)),
        (table.clone(), any::<i32>()).prop_map(|(t, id)| StoreStep::Tab(t, id)),
        (1u64..5).prop_map(|id| StoreStep::Intent(intent(id))),
        (1u64..5).prop_map(StoreStep::IntentGone),
        (1u64..5).prop_map(|id| StoreStep::Outcome(id, Outcome::GoneByItself)),
        (0i64..99).prop_map(|at| StoreStep::History(change(at))),
        (sheet.clone(), prop::option::of(0u32..400))
            .prop_map(|(s, rows)| StoreStep::InFlight(s, rows.map(batch))),
        (sheet, any::<u64>()).prop_map(|(s, fence)| StoreStep::Fence(s, fence)),
        (table.clone(), 0u32..3).prop_map(|(t, copy)| StoreStep::Table(t, live(copy))),
        (table, 0usize..3).prop_map(|(t, n)| StoreStep::Repairs(t, vec![repair(); n])),
        (1u64..5).prop_map(|id| StoreStep::Conflict(conflict(id))),
    ]
}

/// One step of every kind, about distinct records.
pub(super) fn one_of_each() -> Vec<StoreStep> {
    vec![
        StoreStep::Position(file_position(4)),
        StoreStep::Pending(TableId(1), key("7"), pending(3)),
        StoreStep::Base(TableId(1), key("7"), base("old")),
        StoreStep::InFlight("sheet".into(), Some(batch(2))),
        StoreStep::Fence("sheet".into(), 41),
        StoreStep::Table(TableId(1), live(1)),
        StoreStep::Repairs(TableId(1), vec![repair()]),
        StoreStep::Conflict(conflict(1)),
        StoreStep::Outcome(1, Outcome::Decided(Side::Sheet)),
        StoreStep::Intent(intent(5)),
        StoreStep::Window(TableId(1), key("7"), window()),
        StoreStep::Claim(TableId(1), marker(), claim()),
        StoreStep::History(change(9)),
        StoreStep::Paused(TableId(1), true),
        StoreStep::Tab(TableId(1), -3),
    ]
}

fn live(copy: u32) -> TableState {
    TableState::Live { copy, adoption: Adoption::Carry(Side::Sheet) }
}

fn decided(id: u64) -> ConflictRecord {
    ConflictRecord { outcome: Outcome::Decided(Side::Sheet), ..conflict(id) }
}

fn intent(id: u64) -> Intent {
    let set = vec![(2, Value::Text("new".into()))];
    let work =
        RowWork::Update { key: vec![Value::Int(7)], guard: vec![(2, Cell::text("old"))], set };
    let row = RowIntent {
        key: key("7"),
        work,
        sheet: vec![(2, Cell::text("new"))],
        overruled: vec![(2, Cell::Empty)],
        readback: Some(Readback::Row(vec![Cell::Number(7.0), Cell::text("new")])),
        seen: false,
    };
    let until = file_position(99);
    Intent { id, table: TableId(1), rows: vec![row], stage: Stage::Doubtful { until } }
}

fn window() -> Window {
    Window { intents: vec![5], image: Some(Some(vec![Cell::text("x")])) }
}

fn marker() -> Marker {
    Marker("new 1".into())
}

fn claim() -> Claim {
    Claim { key: Some(key("7")) }
}

pub(super) fn change(at_us: i64) -> HistoryEntry {
    HistoryEntry {
        table: TableId(1),
        key: key("7"),
        at_us,
        side: Side::Sheet,
        what: RowEvent::Changed,
        cells: vec![(1, None, Cell::Bool(true)), (2, Some(Cell::text("a")), Cell::Empty)],
        who: None,
        by: Origin::Batch(BatchId("b-1".into())),
    }
}

pub(super) fn key(text: &str) -> RowKey {
    RowKey(text.into())
}

pub(super) fn file_position(offset: u64) -> Position {
    Position::File { name: "binlog.000007".into(), offset }
}

pub(super) fn pending(since: u64) -> PendingRow {
    let after = (since % 3 != 1).then(|| vec![Cell::Number(1.5), Cell::text("x"), Cell::Empty]);
    PendingRow { after, since, at_us: 1_700_000_000_000_001 }
}

pub(super) fn base(text: &str) -> BaseRow {
    let mut base = BaseRow::agreed(vec![Cell::text(text), Cell::Bool(true)], 2);
    base.agree(1, Cell::Bool(true), Cell::text("yes"));
    base
}

pub(super) fn repair() -> Repair {
    Repair {
        row: RowIdentity::Key(key("9")),
        cells: vec![RepairCell {
            column: ColumnIndex(3),
            header: Cell::text("note"),
            meant: Some(2),
            wrong: Cell::text("w"),
            right: Cell::Formula { text: "=A1".into(), value: Box::new(Cell::Number(2.5)) },
        }],
        readd: Some(RemovedRow { header: vec![Cell::Empty], cells: vec![Cell::Empty] }),
    }
}

pub(super) fn conflict(id: u64) -> ConflictRecord {
    ConflictRecord {
        id,
        table: TableId(1),
        key: Some(key("7")),
        column: "note".into(),
        kind: ConflictKind::TypedOver,
        base: None,
        database: Some(Cell::text("d")),
        sheet: Some(Cell::Number(-0.5)),
        seen_at_us: 1_700_000_000_000_000,
        database_at_us: Some(1),
        sheet_at_us: None,
        who: Some("a@b".into()),
        rule: Some(Rule::Database),
        outcome: Outcome::Open,
        reason: None,
    }
}

pub(super) fn batch(rows: u32) -> InFlight {
    let writes = (0..rows)
        .map(|row| sheetwire_engine::batch::RowWrite {
            row: RowIndex(row),
            cells: vec![(0, Cell::text(format!("a cell of row {row}")))],
        })
        .collect();
    let batch = Batch {
        id: BatchId("b-1".into()),
        spreadsheet: "sheet".into(),
        fence: FenceStep { previous: Some(40), next: 41 },
        owner: JournalOwner {
            instance: "i".into(),
            pipeline: "crm".into(),
            spreadsheet: "sheet".into(),
        },
        position: "binlog.000007:4".into(),
        tabs: vec![TabWork {
            sheet_id: 5,
            create: None,
            header_row: RowIndex(0),
            columns: vec![ColumnIndex(0)],
            grid_columns: 26,
            bind: Vec::new(),
            writes,
            deletes: vec![RowIndex(3)],
            insert: None,
            notes: Vec::new(),
        }],
    };
    let expected = |row: u32| {
        let named = RowIdentity::Key(key(&row.to_string()));
        RowExpectation::new(named, vec![Cell::Empty], vec![Cell::text("after")])
    };
    let expectation = TabExpectation {
        table: TableId(1),
        repair: false,
        header: vec![Cell::text("id")],
        writes: (0..rows.min(2)).map(expected).collect(),
        deletes: vec![expected(3)],
        inserts: Vec::new(),
    };
    InFlight { batch, expectations: vec![expectation] }
}

#[test]
fn a_copy_remembers_the_key_it_stopped_at() {
    let after = Some(vec![Value::Int(-4), Value::Text("z".into())]);
    let state = TableState::Copying { copy: 3, after, carry: Some(Side::Sheet) };
    let scratch = Scratch::new("copying");
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let store = SledStore::open(&scratch.path("s"), "crm").unwrap();
    runtime.block_on(store.apply(vec![StoreStep::Table(TableId(0), state.clone())])).unwrap();
    drop(store);
    let store = SledStore::open(&scratch.path("s"), "crm").unwrap();
    let tables: BTreeMap<_, _> = store.load().unwrap().tables.into_iter().collect();
    assert_eq!(tables, BTreeMap::from([(TableId(0), state)]));
}
