//! Claims about what people type.

use jiff::tz::TimeZone;
use proptest::prelude::*;

use super::*;
use crate::value::{Date, DateTime, Fill};

fn column(kind: ColumnKind) -> Column {
    Column { name: "c".into(), kind, nullable: true, fill: Fill::Nothing }
}

fn read(kind: ColumnKind, cell: &Cell) -> Result<Value, Refusal> {
    read_as(Habits::default(), kind, cell)
}

fn read_as(habits: Habits, kind: ColumnKind, cell: &Cell) -> Result<Value, Refusal> {
    let rendering = Rendering::default();
    value(Reading { rendering: &rendering, habits }, &column(kind), cell)
}

const INT: ColumnKind = ColumnKind::Int { bits: 32, unsigned: false };
const BIG: ColumnKind = ColumnKind::Int { bits: 64, unsigned: true };
const MONEY: ColumnKind = ColumnKind::Decimal { precision: 10, scale: 2 };
const GERMAN: Habits = Habits { decimal_comma: true, day_first: true };

fn text(text: &str) -> Cell {
    Cell::text(text)
}

#[test]
fn whole_numbers_are_read_however_they_stand_in_the_cell() {
    for cell in [Cell::Number(7.0), text("7"), text(" 07 "), text("7.00"), text("+7")] {
        assert_eq!(read(INT, &cell), Ok(Value::Int(7)), "{cell:?}");
    }
    assert_eq!(read(INT, &text("1,234")), Ok(Value::Int(1234)));
    assert_eq!(read_as(GERMAN, INT, &text("1.234.567")), Ok(Value::Int(1_234_567)));
    assert_eq!(read(BIG, &text("18446744073709551615")), Ok(Value::UInt(u64::MAX)));
    assert_eq!(
        read(ColumnKind::Int { bits: 8, unsigned: false }, &Cell::Bool(true)),
        Ok(Value::Int(1))
    );
    assert_eq!(
        read(ColumnKind::Int { bits: 8, unsigned: false }, &text("false")),
        Ok(Value::Int(0))
    );
}

#[test]
fn what_is_no_whole_number_of_the_column_is_refused() {
    for cell in
        [Cell::Number(7.5), text("seven"), text("1,23"), text(""), text("2147483648"), text("0x7")]
    {
        assert!(read(INT, &cell).is_err(), "{cell:?}");
    }
    let sentence =
        read(ColumnKind::Int { bits: 8, unsigned: true }, &Cell::Number(256.0)).unwrap_err();
    assert_eq!(sentence, "column 'c': allowed are whole numbers from 0 to 255");
}

#[test]
fn decimals_keep_every_digit_and_refuse_one_too_many() {
    let decimal = |digits: &str| Ok(Value::Decimal(digits.into()));
    assert_eq!(read(MONEY, &Cell::Number(12.5)), decimal("12.50"));
    assert_eq!(
        read(MONEY, &Cell::Number(0.1 + 0.2)),
        decimal("0.30"),
        "noise of the sheet's arithmetic"
    );
    assert_eq!(read(MONEY, &text("-0")), decimal("0.00"));
    assert_eq!(read_as(GERMAN, MONEY, &text("1.234,5")), decimal("1234.50"));
    assert_eq!(read_as(GERMAN, MONEY, &text("12,5")), decimal("12.50"));
    assert_eq!(read_as(GERMAN, MONEY, &text("12.5")), decimal("12.50"), "as the server prints it");
    assert!(read_as(GERMAN, MONEY, &text("1.234")).is_err(), "a thousand or one and a bit");
    assert!(read(MONEY, &text("12,5")).is_err(), "a comma groups thousands here");
    assert!(read(MONEY, &Cell::Number(1.005)).is_err());
    assert!(read(MONEY, &text("123456789.00")).is_err());
    let long = ColumnKind::Decimal { precision: 65, scale: 30 };
    let digits = "12345678901234567890123456789012345.123456789012345678901234567890";
    assert_eq!(read(long, &text(digits)), decimal(digits));
}

#[test]
fn an_empty_cell_is_null_where_there_may_be_one() {
    assert_eq!(read(INT, &Cell::Empty), Ok(Value::Null));
    let rendering = Rendering::default();
    let strict = Column { nullable: false, ..column(INT) };
    let reading = Reading { rendering: &rendering, habits: Habits::default() };
    assert_eq!(value(reading, &strict, &Cell::Empty), Err("column 'c' may not be empty".into()));
}

#[test]
fn texts_come_back_as_they_are_shown() {
    for plain in ["", "\"\"", "\\\"\"", "=1+1", "007", " blanks "] {
        let rendering = Rendering::default();
        let cell = rendering.cell(&column(ColumnKind::Text), &Value::Text(plain.into()));
        assert_eq!(read(ColumnKind::Text, &cell), Ok(Value::Text(plain.into())));
    }
    assert_eq!(read(ColumnKind::Text, &Cell::Number(7.0)), Ok(Value::Text("7".into())));
    assert_eq!(read(ColumnKind::Text, &Cell::Bool(true)), Ok(Value::Text("TRUE".into())));
}

#[test]
fn labels_are_found_whatever_their_case_and_named_when_they_are_not() {
    let labels = ColumnKind::Enum(vec!["open".into(), "Closed".into()]);
    assert_eq!(read(labels.clone(), &text("CLOSED ")), Ok(Value::Text("Closed".into())));
    assert_eq!(read(labels, &text("shut")), Err("column 'c': allowed are open, Closed".into()));
    let set = ColumnKind::Set(vec!["a".into(), "b".into(), "c".into()]);
    assert_eq!(read(set.clone(), &text("c, A,c")), Ok(Value::Text("a,c".into())));
    assert!(read(set, &text("a,d")).is_err());
}

#[test]
fn days_are_read_as_people_write_them_here() {
    let day = |year, month, day| Ok(Value::Date(Date { year, month, day }));
    assert_eq!(read(ColumnKind::Date, &Cell::Number(43_831.0)), day(2020, 1, 1));
    assert_eq!(read(ColumnKind::Date, &text("2020-1-31")), day(2020, 1, 31));
    assert_eq!(read(ColumnKind::Date, &text("3/4/2020")), day(2020, 3, 4));
    assert_eq!(read_as(GERMAN, ColumnKind::Date, &text("3.4.2020")), day(2020, 4, 3));
    assert_eq!(read(ColumnKind::Date, &text("2024-00-15")), day(2024, 0, 15));
    for wrong in ["2020-02-30", "3/4/20", "yesterday", "2020-13-01"] {
        assert!(read(ColumnKind::Date, &text(wrong)).is_err(), "{wrong}");
    }
    assert!(read(ColumnKind::Date, &Cell::Number(43_831.5)).is_err());
}

#[test]
fn times_keep_what_the_column_keeps() {
    let moment = DateTime { date: Date { year: 2020, month: 1, day: 1 }, micros: 43_200_000_000 };
    let plain = ColumnKind::DateTime { fsp: 0 };
    assert_eq!(read(plain.clone(), &Cell::Number(43_831.5)), Ok(Value::DateTime(moment)));
    assert_eq!(read(plain.clone(), &text("2020-01-01 12:00")), Ok(Value::DateTime(moment)));
    assert!(read(plain, &text("2020-01-01 12:00:00.5")).is_err());
    let fine = ColumnKind::Time { fsp: 3 };
    assert_eq!(read(fine.clone(), &text("-838:59:59.999")), Ok(Value::Time(-3_020_399_999_000)));
    assert!(read(fine, &text("12:60")).is_err());
    assert_eq!(
        read(ColumnKind::Time { fsp: 0 }, &Cell::Number(-1.0 / 24.0)),
        Ok(Value::Time(-3_600_000_000))
    );
}

#[test]
fn a_time_that_clocks_left_out_is_refused_and_one_that_came_twice_is_the_first() {
    let rendering =
        Rendering { zone: TimeZone::get("Europe/Berlin").unwrap(), ..Rendering::default() };
    let reading = Reading { rendering: &rendering, habits: Habits::default() };
    let point =
        |words: &str| value(reading, &column(ColumnKind::Timestamp { fsp: 0 }), &text(words));
    assert!(point("2025-03-30 02:30:00").is_err());
    assert_eq!(point("2025-10-26 02:30:00"), Ok(Value::Timestamp(Some(1_761_438_600_000_000))));
    assert_eq!(point("0000-00-00 00:00:00"), Ok(Value::Timestamp(None)));
}

#[test]
fn a_formula_counts_as_what_it_comes_to() {
    let cell = Cell::Formula { text: "=1+1".into(), value: Box::new(Cell::Number(2.0)) };
    assert_eq!(read(INT, &cell), Ok(Value::Int(2)));
}

#[test]
fn locales_say_how_numbers_and_days_are_written() {
    assert_eq!(Habits::of_locale("en_US"), Habits { decimal_comma: false, day_first: false });
    assert_eq!(Habits::of_locale("en_GB"), Habits { decimal_comma: false, day_first: true });
    assert_eq!(Habits::of_locale("de_DE"), GERMAN);
    assert_eq!(Habits::of_locale("de_CH"), Habits { decimal_comma: false, day_first: true });
}

fn any_kind() -> impl Strategy<Value = ColumnKind> {
    let labels = || vec!["a".to_owned(), "B".to_owned(), "c d".to_owned()];
    prop_oneof![
        (prop::sample::select(vec![8_u8, 16, 24, 32, 64]), any::<bool>())
            .prop_map(|(bits, unsigned)| ColumnKind::Int { bits, unsigned }),
        (1_u8..=65, 0_u8..=30)
            .prop_map(|(p, s)| ColumnKind::Decimal { precision: p.max(s), scale: s }),
        Just(ColumnKind::Double),
        Just(ColumnKind::Float),
        (1_u8..=64).prop_map(|bits| ColumnKind::Bit { bits }),
        Just(ColumnKind::Text),
        Just(ColumnKind::Date),
        (0_u8..=6).prop_map(|fsp| ColumnKind::DateTime { fsp }),
        (0_u8..=6).prop_map(|fsp| ColumnKind::Timestamp { fsp }),
        (0_u8..=6).prop_map(|fsp| ColumnKind::Time { fsp }),
        Just(ColumnKind::Enum(labels())),
        Just(ColumnKind::Bytes { fixed: None }),
    ]
}

/// A value of the kind, out of a seed.
fn some_value(kind: &ColumnKind, seed: u64, words: &str) -> Value {
    let coarse = |fsp: u8| 10_u64.pow(u32::from(6 - fsp));
    let date = Date {
        year: u16::try_from(1971 + seed % 66).unwrap(),
        month: u8::try_from(1 + seed / 7 % 12).unwrap(),
        day: u8::try_from(1 + seed / 91 % 28).unwrap(),
    };
    let micros = |fsp: u8| seed % 86_400_000_000 / coarse(fsp) * coarse(fsp);
    match kind {
        ColumnKind::Int { bits, unsigned: true } | ColumnKind::Bit { bits } => {
            Value::UInt(seed >> (64 - u32::from(*bits)))
        }
        ColumnKind::Int { bits, .. } => Value::Int(seed.cast_signed() >> (64 - u32::from(*bits))),
        ColumnKind::Decimal { precision, scale } => {
            let (precision, scale) = (usize::from(*precision), usize::from(*scale));
            let digits: String =
                format!("{seed:020}").chars().cycle().skip(3).take(precision).collect();
            let (whole, fraction) = digits.split_at(precision - scale);
            let whole = whole.trim_start_matches('0');
            let whole = if whole.is_empty() { "0" } else { whole };
            Value::Decimal(if scale == 0 {
                whole.to_owned()
            } else {
                format!("{whole}.{fraction}")
            })
        }
        ColumnKind::Double => Value::Double(f64::from_bits(seed)).clone_if_finite(),
        ColumnKind::Float => {
            Value::Float(f32::from_bits(u32::try_from(seed >> 32).unwrap())).clone_if_finite()
        }
        ColumnKind::Date => Value::Date(date),
        ColumnKind::DateTime { fsp } => Value::DateTime(DateTime { date, micros: micros(*fsp) }),
        ColumnKind::Timestamp { fsp } => {
            let point = 86_400_000_000 + seed % 2_000_000_000_000_000 / coarse(*fsp) * coarse(*fsp);
            Value::Timestamp(Some(i64::try_from(point).unwrap()))
        }
        ColumnKind::Time { fsp } => Value::Time(i64::try_from(micros(*fsp)).unwrap()),
        ColumnKind::Enum(labels) => Value::Text(labels[usize::try_from(seed % 3).unwrap()].clone()),
        ColumnKind::Bytes { .. } => Value::Bytes(seed.to_be_bytes().to_vec()),
        _ => Value::Text(words.to_owned()),
    }
}

trait Finite {
    fn clone_if_finite(self) -> Self;
}

impl Finite for Value {
    fn clone_if_finite(self) -> Self {
        match self {
            Self::Double(number) if !number.is_finite() => Self::Double(0.5),
            Self::Float(number) if !number.is_finite() => Self::Float(0.5),
            other => other,
        }
    }
}

proptest! {
    #[test]
    fn what_is_shown_reads_back_as_the_same_value(
        kind in any_kind(), seed in any::<u64>(), words in ".{0,12}", german in any::<bool>(),
    ) {
        let rendering = Rendering::default();
        let column = column(kind);
        let habits = if german { GERMAN } else { Habits::default() };
        let reading = Reading { rendering: &rendering, habits };
        let before = some_value(&column.kind, seed, &words);
        let cell = rendering.cell(&column, &before);
        match value(reading, &column, &cell) {
            Ok(after) => {
                prop_assert_eq!(&rendering.cell(&column, &after), &cell);
                prop_assert_eq!(after, before);
            }
            Err(why) => prop_assert!(false, "{:?} as {:?}: {}", before, cell, why),
        }
    }

    #[test]
    fn a_canonical_look_is_its_own(kind in any_kind(), words in "[-0-9.,:/ a-zB]{0,14}") {
        let rendering = Rendering::default();
        let column = column(kind);
        let reading = Reading { rendering: &rendering, habits: Habits::default() };
        if let Some(look) = canonical(reading, &column, &text(&words)) {
            prop_assert_eq!(canonical(reading, &column, &look), Some(look));
        }
    }
}
