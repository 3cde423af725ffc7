//! What people see at a mapped column when it becomes ours: a note on its header, allowed values, a warning where edits are not wanted. Given once,
//! together with the mark by which the column is known, and never again: whatever people make of it afterwards is theirs.

use crate::{
    batch::{ColumnBind, Validation},
    tab::Tab,
    value::{Column, ColumnKind, Fill},
};

/// More labels than this make a list that nobody can choose from.
const LABELS_MAX: usize = 200;

/// The mapped columns that are not ours yet.
pub(crate) fn binds(tab: &Tab) -> Vec<ColumnBind> {
    let bind = |number: &u16| {
        let place = usize::from(*number);
        let column = tab.spec.columns.get(place)?;
        let bare = ColumnBind {
            column: *number,
            name: column.name.clone(),
            note: None,
            values: None,
            protect: false,
        };
        if !tab.spec.dress {
            return Some(bare);
        }
        let inbound = tab.spec.policy.columns.get(place).is_some_and(|policy| policy.inbound);
        let stands = tab.geometry.columns.get(place);
        let noted = stands.is_some_and(|place| tab.geometry.header_notes.contains(place));
        Some(ColumnBind {
            note: (!noted).then(|| note(tab, place, column, inbound)),
            values: if inbound { validation(column) } else { None },
            protect: !inbound,
            ..bare
        })
    };
    tab.geometry.unbound.iter().filter_map(bind).collect()
}

fn note(tab: &Tab, place: usize, column: &Column, inbound: bool) -> String {
    let mut lines = vec![format!("{}: {}", column.name, type_name(&column.kind))];
    lines.push(match (tab.spec.key.contains(&place), inbound) {
        (true, _) if column.fill == Fill::AutoIncrement => {
            "Key: leave it empty in a new row, the database gives it".to_owned()
        }
        (true, _) => "Key: it names the row; a change is put back".to_owned(),
        (false, true) => "Both ways: an edit here is written to the database".to_owned(),
        (false, false) => "From the database only: an edit here is put back".to_owned(),
    });
    if let ColumnKind::Timestamp { .. } = column.kind {
        let zone = tab.spec.rendering.zone.iana_name().unwrap_or("UTC");
        lines.push(format!("Times are in {zone}"));
    }
    if let ColumnKind::Enum(labels) | ColumnKind::Set(labels) = &column.kind
        && labels.len() <= LABELS_MAX
    {
        lines.push(format!("One of: {}", labels.join(", ")));
    }
    if inbound && !column.may_be_left_out() {
        lines.push("May not be empty".to_owned());
    }
    lines.join("\n")
}

fn validation(column: &Column) -> Option<Validation> {
    match &column.kind {
        ColumnKind::Enum(labels) if labels.len() <= LABELS_MAX => {
            Some(Validation::OneOf(labels.clone()))
        }
        ColumnKind::Date | ColumnKind::DateTime { fsp: 0 } | ColumnKind::Timestamp { fsp: 0 } => {
            Some(Validation::Date)
        }
        _ if !column.may_be_left_out() => Some(Validation::NotEmpty),
        _ => None,
    }
}

/// The type as people write it.
pub(crate) fn type_name(kind: &ColumnKind) -> String {
    let fraction =
        |name: &str, fsp: u8| if fsp == 0 { name.into() } else { format!("{name}({fsp})") };
    match kind {
        ColumnKind::Int { bits, unsigned } => {
            let name = match bits {
                8 => "TINYINT",
                16 => "SMALLINT",
                24 => "MEDIUMINT",
                64 => "BIGINT",
                _ => "INT",
            };
            if *unsigned { format!("{name} UNSIGNED") } else { name.into() }
        }
        ColumnKind::Decimal { precision, scale } => format!("DECIMAL({precision},{scale})"),
        ColumnKind::Float => "FLOAT".into(),
        ColumnKind::Double => "DOUBLE".into(),
        ColumnKind::Bit { bits } => format!("BIT({bits})"),
        ColumnKind::Year => "YEAR".into(),
        ColumnKind::Text => "text".into(),
        ColumnKind::Bytes { .. } => "bytes, shown as text".into(),
        ColumnKind::Date => "DATE".into(),
        ColumnKind::DateTime { fsp } => fraction("DATETIME", *fsp),
        ColumnKind::Timestamp { fsp } => fraction("TIMESTAMP", *fsp),
        ColumnKind::Time { fsp } => fraction("TIME", *fsp),
        ColumnKind::Enum(_) => "ENUM".into(),
        ColumnKind::Set(_) => "SET, labels joined by commas".into(),
        ColumnKind::Json => "JSON".into(),
    }
}
