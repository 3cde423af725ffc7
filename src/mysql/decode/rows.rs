//! `WRITE_ROWS`, `UPDATE_ROWS` and `DELETE_ROWS` events, versions 1 and 2: rows out of images.

use sheetwire_engine::{
    change::{Row, RowChange},
    value::Value,
};

use super::{
    bytes::{Bitmap, Cursor, Malformed},
    plan::RowPlan,
    value::Unreadable,
};

/// What happened to the rows of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// One image a row: what was inserted.
    Write,
    /// Two images a row: before and after.
    Update,
    /// One image a row: what was deleted.
    Delete,
}

/// Version of the event's header: the second has room for extra data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// MariaDB, and MySQL with `log_bin_use_v1_row_events`.
    One,
    /// MySQL since 5.6.
    Two,
}

/// A rows event up to its first row.
#[derive(Debug, Clone, Copy)]
pub struct RowsEvent<'a> {
    operation: Operation,
    columns: usize,
    /// Columns of the only image, or of the image before.
    present: Present<'a>,
    /// Columns of the image after an update.
    present_after: Present<'a>,
    rows: Cursor<'a>,
}

/// Which columns an image has, and how many.
#[derive(Debug, Clone, Copy)]
struct Present<'a> {
    columns: Bitmap<'a>,
    count: usize,
}

impl<'a> Present<'a> {
    fn read(cursor: &mut Cursor<'a>, columns: usize) -> Result<Self, Malformed> {
        let bitmap = Bitmap::read(cursor, columns)?;
        Ok(Self { columns: bitmap, count: bitmap.count(columns) })
    }
}

/// Why the rows of an event cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RowFault {
    /// The bytes do not fit the table map.
    Malformed(Malformed),
    /// The value of a mapped column cannot be read.
    Value(usize, Unreadable),
    /// The image leaves a mapped column out.
    Absent(usize),
}

impl From<Malformed> for RowFault {
    fn from(malformed: Malformed) -> Self {
        Self::Malformed(malformed)
    }
}

/// Which columns an image is read for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wanted {
    Everything,
    Key,
}

impl<'a> RowsEvent<'a> {
    /// Reads the header.
    pub fn parse(
        bytes: &'a [u8],
        operation: Operation,
        version: Version,
    ) -> Result<Self, Malformed> {
        let mut cursor = Cursor::new(bytes);
        // Number of the table and flags: the caller knows whose rows they are.
        cursor.take(8)?;
        if version == Version::Two {
            let extra = usize::from(cursor.u16()?);
            cursor.take(
                extra.checked_sub(2).ok_or(Malformed("extra data shorter than its length"))?,
            )?;
        }
        let columns = cursor.size()?;
        let present = Present::read(&mut cursor, columns)?;
        let present_after = match operation {
            Operation::Update => Present::read(&mut cursor, columns)?,
            Operation::Write | Operation::Delete => present,
        };
        Ok(Self { operation, columns, present, present_after, rows: cursor })
    }

    /// Appends what the rows are now. An update of the key is two changes: the old key gone, the new key there.
    pub fn changes(&self, plan: &RowPlan, changes: &mut Vec<RowChange>) -> Result<(), RowFault> {
        if self.columns != plan.steps.len() {
            return Err(
                Malformed("rows with another number of columns than their table map").into()
            );
        }
        let mut cursor = self.rows;
        while !cursor.is_empty() {
            let before = cursor.len();
            self.change(plan, &mut cursor, changes)?;
            if cursor.len() == before {
                return Err(Malformed("a row without bytes").into());
            }
        }
        Ok(())
    }

    fn change(
        &self,
        plan: &RowPlan,
        cursor: &mut Cursor<'a>,
        changes: &mut Vec<RowChange>,
    ) -> Result<(), RowFault> {
        match self.operation {
            Operation::Write => {
                let row = Self::image(plan, cursor, self.present, Wanted::Everything)?;
                changes.push(RowChange { key: key_of(plan, &row), after: Some(row) });
            }
            Operation::Delete => {
                let row = Self::image(plan, cursor, self.present, Wanted::Key)?;
                changes.push(RowChange { key: key_of(plan, &row), after: None });
            }
            Operation::Update => {
                let old = Self::image(plan, cursor, self.present, Wanted::Key)?;
                let row = Self::image(plan, cursor, self.present_after, Wanted::Everything)?;
                let key = key_of(plan, &row);
                if plan.key.iter().any(|index| old[*index] != row[*index]) {
                    changes.push(RowChange { key: key_of(plan, &old), after: None });
                }
                changes.push(RowChange { key, after: Some(row) });
            }
        }
        Ok(())
    }

    fn image(
        plan: &RowPlan,
        cursor: &mut Cursor<'a>,
        present: Present<'_>,
        wanted: Wanted,
    ) -> Result<Row, RowFault> {
        let nulls = Bitmap::read(cursor, present.count)?;
        let mut row = vec![Value::Null; plan.decodes.len()];
        let mut logged = 0;
        for (ordinal, step) in plan.steps.iter().enumerate() {
            let taken = step.mapped.filter(|_| wanted == Wanted::Everything || step.in_key);
            if !present.columns.has(ordinal) {
                if let Some(index) = taken {
                    return Err(RowFault::Absent(index));
                }
                continue;
            }
            let null = nulls.has(logged);
            logged += 1;
            if null {
                continue;
            }
            let bytes = step.width.take(cursor)?;
            if let Some(index) = taken {
                row[index] =
                    plan.decodes[index].value(bytes).map_err(|why| RowFault::Value(index, why))?;
            }
        }
        Ok(row)
    }
}

fn key_of(plan: &RowPlan, row: &Row) -> Vec<Value> {
    plan.key.iter().map(|index| row[*index].clone()).collect()
}
