//! Events made by hand, cut short, and scrambled: malformed bytes are errors, and never a panic.

use std::collections::BTreeMap;

use proptest::prelude::*;
use sheetwire_engine::{
    change::{RowChange, TableId},
    value::{Column, ColumnKind, Date, Value},
};

use super::{
    bytes::Cursor,
    plan::RowPlan,
    rows::{Operation, RowsEvent, Version},
    table_map::{TableMap, wire},
    text::Charsets,
};
use crate::{mysql::layout::TableLayout, ports::MappedTable};

/// Table `s.t`: an unsigned id, a latin-free text, a decimal, a date, an enum, a blob nobody mapped, JSON.
fn table_map() -> Vec<u8> {
    let mut map = vec![1, 0, 1, b's', 0, 1, b't', 0, 7];
    map.extend([
        wire::LONG,
        wire::VARCHAR,
        wire::NEWDECIMAL,
        wire::DATE,
        wire::STRING,
        wire::BLOB,
        wire::JSON,
    ]);
    map.extend([8, 44, 0, 5, 2, wire::ENUM, 1, 2, 4, 0x7e]);
    // Signs of the two numbers, one collation for both character columns but for the blob, names, labels.
    map.extend([1, 1, 0b1000_0000]);
    map.extend([2, 3, 45, 1, 63]);
    let names = ["id", "name", "price", "day", "kind", "junk", "doc"];
    map.extend([4, u8::try_from(names.iter().map(|name| name.len() + 1).sum::<usize>()).unwrap()]);
    for name in names {
        map.push(u8::try_from(name.len()).unwrap());
        map.extend(name.as_bytes());
    }
    map.extend([6, 5, 2, 1, b'x', 1, b'y']);
    map
}

fn mapped() -> MappedTable {
    let column = |name: &str, kind| Column {
        name: name.into(),
        kind,
        nullable: true,
        fill: sheetwire_engine::value::Fill::Nothing,
    };
    MappedTable {
        id: TableId(3),
        database: "s".into(),
        table: "t".into(),
        columns: vec![
            column("Price", ColumnKind::Decimal { precision: 5, scale: 2 }),
            column("id", ColumnKind::Int { bits: 32, unsigned: true }),
            column("name", ColumnKind::Text),
            column("day", ColumnKind::Date),
            column("kind", ColumnKind::Enum(vec!["x".into(), "y".into()])),
            column("doc", ColumnKind::Json),
        ],
        ordinals: vec![2, 0, 1, 3, 4, 6],
        key: vec![1],
        filter: None,
    }
}

fn plan() -> RowPlan {
    let collations = BTreeMap::from([(45, "utf8mb4".to_owned()), (63, "binary".to_owned())]);
    let charsets = Charsets::new(collations, BTreeMap::new());
    let bytes = table_map();
    let map = TableMap::parse(Cursor::new(&bytes)).unwrap();
    RowPlan::new(&map, &mapped(), &TableLayout::default(), &charsets).unwrap()
}

fn image(id: u8, name: &str) -> Vec<u8> {
    let mut image = vec![0, id, 0, 0, 0x80, u8::try_from(name.len()).unwrap()];
    image.extend(name.as_bytes());
    image.extend([0x80, 12, 34]);
    image.extend((2024_u32 * 512 + 2 * 32 + 29).to_le_bytes()[..3].iter());
    image.push(2);
    image.extend([3, 0, 9, 9, 9]);
    image.extend([4, 0, 0, 0, 5, 7, 0, 0]);
    image
}

fn row(id: u64, name: &str) -> Vec<Value> {
    vec![
        Value::Decimal("12.34".into()),
        Value::UInt(id),
        Value::Text(name.into()),
        Value::Date(Date { year: 2024, month: 2, day: 29 }),
        Value::Text("y".into()),
        Value::Text("7".into()),
    ]
}

fn update() -> Vec<u8> {
    let mut event = vec![9, 0, 0, 0, 0, 0, 1, 0, 2, 0, 7, 0x7f, 0x7f];
    event.extend(image(1, "old"));
    event.extend(image(1, "new"));
    event.extend(image(1, "new"));
    event.extend(image(2, "moved"));
    event
}

fn changes(event: &[u8], operation: Operation) -> Option<Vec<RowChange>> {
    let mut changes = Vec::new();
    let event = RowsEvent::parse(event, operation, Version::Two).ok()?;
    event.changes(&plan(), &mut changes).ok()?;
    Some(changes)
}

#[test]
fn an_update_is_the_new_state_and_a_new_key_is_two_changes() {
    let id = |id| vec![Value::UInt(id)];
    // The high bit of the four bytes is a part of an unsigned number.
    let (one, two) = (0x8000_0001, 0x8000_0002);
    let expected = [
        RowChange { key: id(one), after: Some(row(one, "new")) },
        RowChange { key: id(one), after: None },
        RowChange { key: id(two), after: Some(row(two, "moved")) },
    ];
    assert_eq!(changes(&update(), Operation::Update).unwrap(), expected);
}

#[test]
fn an_event_cut_anywhere_but_between_rows_is_an_error() {
    let whole = update();
    let first_rows = whole.len() - image(1, "new").len() - image(2, "moved").len();
    for length in 0..whole.len() {
        let cut = changes(&whole[..length], Operation::Update);
        let rows = if length == 13 { Some(0) } else { (length == first_rows).then_some(1) };
        assert_eq!(cut.map(|changes| changes.len()), rows, "cut to {length} bytes");
    }
}

#[test]
fn a_table_map_cut_anywhere_has_no_plan_or_an_honest_one() {
    let whole = table_map();
    for length in 0..whole.len() {
        let Ok(map) = TableMap::parse(Cursor::new(&whole[..length])) else { continue };
        let _ = RowPlan::new(&map, &mapped(), &TableLayout::default(), &Charsets::default());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn scrambled_rows_are_errors_and_never_panic(
        flips in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        length in any::<prop::sample::Index>(),
        operation in prop_oneof![Just(Operation::Write), Just(Operation::Update), Just(Operation::Delete)],
    ) {
        let mut event = update();
        for (at, byte) in flips {
            let at = at.index(event.len());
            event[at] = byte;
        }
        event.truncate(length.index(event.len() + 1));
        let _ = changes(&event, operation);
    }

    #[test]
    fn scrambled_table_maps_are_errors_and_never_panic(
        flips in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        rows in proptest::collection::vec(any::<u8>(), 0..80),
    ) {
        let mut map = table_map();
        for (at, byte) in flips {
            let at = at.index(map.len());
            map[at] = byte;
        }
        let Ok(map) = TableMap::parse(Cursor::new(&map)) else { return Ok(()) };
        let table = mapped();
        if let Ok(plan) = RowPlan::new(&map, &table, &TableLayout::default(), &Charsets::default())
            && let Ok(event) = RowsEvent::parse(&rows, Operation::Update, Version::One)
        {
            let _ = event.changes(&plan, &mut Vec::new());
        }
    }
}
