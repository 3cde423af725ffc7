//! Answers of the API as the product's nouns. Only what the masks ask for is decoded, and cells go straight into [`Cell`]s.

use serde::Deserialize;
use sheetwire_engine::{
    batch::{Batch, ColumnIndex, Journal, TabImage, TabImages, TabProperties, TabRead, TabWork},
    cell::Cell,
};

use super::{
    a1, journal,
    layout::{Copied, FIRST_IMAGE_ROW, JournalLayout, TabLayout},
    shift::unshift,
};

/// Answer of `spreadsheets.batchUpdate` under [`super::BATCH_FIELDS`].
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct BatchAnswer {
    pub(crate) updated_spreadsheet: SheetsAnswer,
}

/// Answer of `spreadsheets.get` under [`super::READ_FIELDS`].
#[derive(Debug, Deserialize)]
pub(crate) struct SheetsAnswer {
    #[serde(default)]
    pub(crate) sheets: Vec<SheetAnswer>,
}

/// One tab.
#[derive(Debug, Deserialize)]
pub(crate) struct SheetAnswer {
    pub(crate) properties: PropertiesAnswer,
    #[serde(default)]
    pub(super) data: Vec<BlockAnswer>,
}

/// Name and size of a tab.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PropertiesAnswer {
    #[serde(default)]
    pub(crate) sheet_id: i32,
    #[serde(default)]
    pub(super) title: String,
    pub(super) grid_properties: Option<SizeAnswer>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SizeAnswer {
    #[serde(default)]
    pub(super) row_count: u32,
    #[serde(default)]
    pub(super) column_count: u32,
}

/// One of the ranges asked for, in the order they were asked for.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct BlockAnswer {
    #[serde(default)]
    pub(super) start_row: u32,
    #[serde(default)]
    pub(super) start_column: u32,
    #[serde(default)]
    pub(super) row_data: Vec<RowAnswer>,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct RowAnswer {
    #[serde(default)]
    pub(super) values: Vec<CellAnswer>,
}

#[derive(Debug, Deserialize)]
#[serde(from = "RawCell")]
pub(super) struct CellAnswer(Cell);

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RawCell {
    pub(super) user_entered_value: Option<RawValue>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct RawValue {
    #[serde(rename = "stringValue")]
    pub(super) text: Option<Box<str>>,
    #[serde(rename = "numberValue")]
    pub(super) number: Option<f64>,
    #[serde(rename = "boolValue")]
    pub(super) flag: Option<bool>,
    #[serde(rename = "formulaValue")]
    pub(super) formula: Option<Box<str>>,
    #[serde(rename = "errorValue")]
    pub(super) error: Option<RawError>,
}

#[derive(Deserialize)]
pub(super) struct RawError {
    #[serde(rename = "type", default)]
    pub(super) kind: String,
}

impl From<RawCell> for CellAnswer {
    fn from(raw: RawCell) -> Self {
        let value = raw.user_entered_value.unwrap_or_default();
        Self(match value {
            RawValue { formula: Some(formula), .. } => Cell::Formula(formula),
            RawValue { text: Some(text), .. } if text.is_empty() => Cell::Empty,
            RawValue { text: Some(text), .. } => Cell::Text(text),
            RawValue { number: Some(number), .. } => Cell::Number(number),
            RawValue { flag: Some(flag), .. } => Cell::Bool(flag),
            // A pasted error value: the same error as a formula, so that it can be put back.
            RawValue { error: Some(error), .. } => Cell::Formula(error.literal().into()),
            _ => Cell::Empty,
        })
    }
}

impl RawError {
    fn literal(&self) -> &'static str {
        match self.kind.as_str() {
            "NULL_VALUE" => "=#NULL!",
            "DIVIDE_BY_ZERO" => "=#DIV/0!",
            "VALUE" => "=#VALUE!",
            "REF" => "=#REF!",
            "NAME" => "=#NAME?",
            "NUM" => "=#NUM!",
            "N_A" => "=#N/A",
            _ => "=#ERROR!",
        }
    }
}

impl PropertiesAnswer {
    /// Name and size as the engine knows them.
    pub(crate) fn to_properties(&self) -> TabProperties {
        let size = self.grid_properties.as_ref();
        TabProperties {
            sheet_id: self.sheet_id,
            title: self.title.clone(),
            rows: size.map_or(0, |size| size.row_count),
            columns: size.map_or(0, |size| size.column_count),
        }
    }
}

impl BlockAnswer {
    /// A cell; what the answer leaves out is empty.
    fn cell(&self, row: u32, column: u32) -> Option<&Cell> {
        let row = usize::try_from(row.checked_sub(self.start_row)?).ok()?;
        let column = usize::try_from(column.checked_sub(self.start_column)?).ok()?;
        Some(&self.row_data.get(row)?.values.get(column)?.0)
    }
}

/// The cells of the first row of the first block of a tab.
pub(crate) fn first_row(sheet: &SheetAnswer) -> Vec<Cell> {
    cells(sheet, 0, 0)
}

/// The cells of a row of a block of a tab; block and row counted from 0 as answered.
pub(crate) fn cells(sheet: &SheetAnswer, block: usize, row: usize) -> Vec<Cell> {
    let row = sheet.data.get(block).and_then(|block| block.row_data.get(row));
    row.map(|row| row.values.iter().map(|cell| cell.0.clone()).collect()).unwrap_or_default()
}

/// The journal out of the tab that holds it; `None` where its first row is not a header or the pre-images are missing. Where the
/// header names another batch, there are no pre-images of ours to read.
pub(crate) fn journal(
    sheet: &SheetAnswer,
    batch: &Batch,
    layout: &JournalLayout,
) -> Option<Journal> {
    let header = journal::parse_header(&first_row(sheet))?;
    if header.batch != batch.id {
        return Some(Journal { header, tabs: Vec::new() });
    }
    if layout.is_empty() {
        let none = || TabImages { header: Vec::new(), writes: Vec::new(), deletes: Vec::new() };
        return Some(Journal { header, tabs: batch.tabs.iter().map(|_| none()).collect() });
    }
    let block = sheet.data.get(1).filter(|block| block.start_row == FIRST_IMAGE_ROW)?;
    let tabs = batch.tabs.iter().zip(&layout.tabs);
    let tabs = tabs.map(|(work, placed)| images(block, work, placed)).collect();
    Some(Journal { header, tabs })
}

fn images(block: &BlockAnswer, work: &TabWork, placed: &TabLayout) -> TabImages {
    let mapped: Vec<u32> = work.columns.iter().map(|column| column.0).collect();
    let width = placed.deletes.first().map_or(0, |copied| copied.size.1);
    let whole: Vec<u32> = (0..width).collect();
    let header = placed.header.iter().next();
    TabImages {
        header: header.map(|at| row(block, at, work.header_row.0, &mapped)).unwrap_or_default(),
        writes: rows(block, &placed.writes, work.writes.iter().map(|write| write.row.0), &mapped),
        deletes: rows(block, &placed.deletes, work.deletes.iter().map(|row| row.0), &whole),
    }
}

fn rows(
    block: &BlockAnswer,
    copies: &[Copied],
    wanted: impl Iterator<Item = u32>,
    columns: &[u32],
) -> Vec<Vec<Cell>> {
    wanted
        .map(|wanted| {
            let behind = copies.partition_point(|copied| copied.from.0 <= wanted);
            let holder = behind.checked_sub(1).and_then(|at| copies.get(at));
            let holder = holder.filter(|copied| copied.holds(wanted));
            row(block, holder.expect("the layout holds every row of its batch"), wanted, columns)
        })
        .collect()
}

fn row(block: &BlockAnswer, copied: &Copied, row: u32, columns: &[u32]) -> Vec<Cell> {
    let journal_row = copied.to.0 + (row - copied.from.0);
    let cell = |column: &u32| match block.cell(journal_row, copied.to.1 + (column - copied.from.1))
    {
        Some(Cell::Formula(text)) => Cell::Formula(unshift(text, copied.distance()).into()),
        Some(cell) => cell.clone(),
        None => Cell::Empty,
    };
    columns.iter().map(cell).collect()
}

/// What a read asks of one tab, in the order of its ranges.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TabRanges {
    /// A1 texts: the header row, then one for each run of columns.
    pub(crate) ranges: Vec<String>,
    /// Columns (first, last) of each range behind the first.
    runs: Vec<(u32, u32)>,
}

/// The ranges for a tab of this name and size. Columns are read from the header row on, since a range may not start behind the
/// last row. Empty where the header row is not in the grid.
pub(crate) fn ranges(read: &TabRead, tab: &TabProperties) -> TabRanges {
    if read.header_row.0 >= tab.rows || tab.columns == 0 {
        return TabRanges { ranges: Vec::new(), runs: Vec::new() };
    }
    let mut columns: Vec<u32> = match &read.columns {
        Some(columns) => columns.iter().map(|column| column.0).collect(),
        None => (0..tab.columns).collect(),
    };
    columns.retain(|column| *column < tab.columns);
    columns.sort_unstable();
    columns.dedup();
    let runs: Vec<(u32, u32)> =
        columns.chunk_by(|a, b| *b == a + 1).map(|run| (run[0], run[run.len() - 1])).collect();
    let mut ranges = vec![a1::whole_row(&tab.title, read.header_row.0)];
    let row = read.header_row.0;
    ranges.extend(runs.iter().map(|run| a1::columns_from(&tab.title, row, run.0, run.1)));
    TabRanges { ranges, runs }
}

/// The content of a tab; `None` where the answer does not hold what was asked for.
pub(crate) fn tab_image(
    mut sheet: SheetAnswer,
    read: &TabRead,
    asked: &TabRanges,
) -> Option<TabImage> {
    let properties = sheet.properties.to_properties();
    if !asked.ranges.is_empty() && sheet.data.len() != asked.ranges.len() {
        return None;
    }
    let mut header = first_row(&sheet);
    trim(&mut header);
    let mut found = Vec::new();
    for (block, run) in sheet.data.iter_mut().skip(1).zip(&asked.runs) {
        if block.start_row != read.header_row.0 || block.start_column != run.0 {
            return None;
        }
        found.extend(columns_of(block, *run));
    }
    let Some(wanted) = &read.columns else {
        let used = found.iter().rposition(|(_, cells)| !cells.is_empty());
        found.truncate(used.map_or(0, |last| last + 1).max(header.len()));
        return Some(TabImage { properties, header, columns: found });
    };
    let take = |column: &ColumnIndex| {
        let at = found.iter().position(|(found, _)| found == column);
        (*column, at.map(|at| std::mem::take(&mut found[at].1)).unwrap_or_default())
    };
    let columns = wanted.iter().map(take).collect();
    Some(TabImage { properties, header, columns })
}

fn columns_of(block: &mut BlockAnswer, (first, last): (u32, u32)) -> Vec<(ColumnIndex, Vec<Cell>)> {
    let rows = block.row_data.len().saturating_sub(1);
    let mut columns: Vec<(ColumnIndex, Vec<Cell>)> =
        (first..=last).map(|column| (ColumnIndex(column), Vec::with_capacity(rows))).collect();
    for row in block.row_data.drain(..).skip(1) {
        let mut cells = row.values.into_iter();
        for (_, column) in &mut columns {
            column.push(cells.next().map_or(Cell::Empty, |cell| cell.0));
        }
    }
    for (_, column) in &mut columns {
        trim(column);
    }
    columns
}

fn trim(cells: &mut Vec<Cell>) {
    let used = cells.iter().rposition(|cell| !cell.is_empty()).map_or(0, |last| last + 1);
    cells.truncate(used);
    cells.shrink_to_fit();
}
