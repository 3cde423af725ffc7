//! From the words of the configuration to the engine's rules: who may change what, and who wins.

use sheetwire_engine::{
    InboundLimits,
    merge::{ColumnPolicy, OnRemoved, RowPolicy, Rule},
    value::Column,
};

use crate::{
    config::{ConflictPolicy, DeletePolicy, Direction, Table},
    ports::MappedTable,
};

/// The rules of a table.
pub(crate) fn of(table: &Table, mapped: &MappedTable) -> RowPolicy {
    let (outbound, inbound) = match table.direction {
        Direction::ToSheet => {
            let on_dropped = on_removed(table.on_delete.in_database);
            return RowPolicy::to_sheet(mapped.columns.len(), on_dropped);
        }
        Direction::Both => (true, true),
        Direction::ToDatabase => (false, true),
    };
    let owner = |place: usize| table.owner.get(table.columns.get(place)?).copied();
    let column = |(place, column): (usize, &Column)| ColumnPolicy {
        rule: rule(owner(place).unwrap_or(table.conflict)),
        // The key names the row: an edit of it is put back.
        inbound: column.is_writable() && !mapped.key.contains(&place),
    };
    RowPolicy {
        columns: mapped.columns.iter().enumerate().map(column).collect(),
        rule: rule(table.conflict),
        outbound,
        inbound,
        on_removed: on_removed(table.on_delete.in_sheet),
        on_dropped: on_removed(table.on_delete.in_database),
        overwrite_formulas: false,
    }
}

/// What limits the sheet's way to the database.
pub(crate) fn limits(table: &Table) -> InboundLimits {
    InboundLimits {
        brake_rows: usize::try_from(table.brake.rows.get()).unwrap_or(usize::MAX),
        brake_percent: table.brake.percent.get(),
        ..InboundLimits::default()
    }
}

fn rule(policy: ConflictPolicy) -> Rule {
    match policy {
        ConflictPolicy::Database => Rule::Database,
        ConflictPolicy::Sheet => Rule::Sheet,
        ConflictPolicy::Newest => Rule::Newest,
        ConflictPolicy::Hold => Rule::Hold,
    }
}

fn on_removed(policy: DeletePolicy) -> OnRemoved {
    match policy {
        DeletePolicy::Remove => OnRemoved::Remove,
        DeletePolicy::Hold => OnRemoved::Hold,
        DeletePolicy::Ignore => OnRemoved::Ignore,
    }
}
