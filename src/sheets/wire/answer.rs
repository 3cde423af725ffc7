//! Answers of the API as the product's nouns. Only what the masks ask for is decoded, and cells go straight into [`Cell`]s.

use serde::Deserialize;
use sheetwire_engine::{
    batch::{
        Batch, CellNote, ColumnIndex, Journal, RowIndex, TabImage, TabImages, TabProperties,
        TabRead, TabWork,
    },
    cell::Cell,
};

use super::{
    a1, dress, fence,
    journal::{self, JournalTab},
    layout::{Copied, FIRST_IMAGE_ROW, JournalLayout, TabLayout},
    shift::unshift,
};

/// Answer of `spreadsheets.batchUpdate` under [`super::BATCH_FIELDS`].
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct BatchAnswer {
    pub(crate) updated_spreadsheet: SheetsAnswer,
}

/// Answer of `spreadsheets.get` under [`super::READ_FIELDS`] or [`super::JOURNAL_FIELDS`].
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SheetsAnswer {
    #[serde(default)]
    pub(crate) sheets: Vec<SheetAnswer>,
    #[serde(default)]
    pub(super) named_ranges: Vec<NameAnswer>,
}

/// A named range.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct NameAnswer {
    #[serde(default)]
    pub(super) named_range_id: String,
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
    #[serde(default)]
    pub(super) column_metadata: Vec<DimensionAnswer>,
}

/// What is known of a column beside its cells.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DimensionAnswer {
    #[serde(default)]
    pub(super) developer_metadata: Vec<MarkAnswer>,
}

/// A mark, ours or somebody else's.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct MarkAnswer {
    #[serde(default)]
    pub(super) metadata_key: String,
    #[serde(default)]
    pub(super) metadata_value: String,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct RowAnswer {
    #[serde(default)]
    pub(super) values: Vec<CellAnswer>,
}

#[derive(Debug, Deserialize)]
#[serde(from = "RawCell")]
pub(super) struct CellAnswer {
    cell: Cell,
    note: Option<Box<str>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RawCell {
    pub(super) user_entered_value: Option<RawValue>,
    pub(super) effective_value: Option<RawValue>,
    pub(super) note: Option<Box<str>>,
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
        let entered = raw.user_entered_value.unwrap_or_default().into_cell();
        let cell = match (entered, raw.effective_value) {
            (Cell::Formula { text, .. }, Some(value)) => {
                Cell::Formula { text, value: Box::new(value.into_cell()) }
            }
            (entered, _) => entered,
        };
        Self { cell, note: raw.note.filter(|note| !note.is_empty()) }
    }
}

impl RawValue {
    fn into_cell(self) -> Cell {
        let formula = |text| Cell::Formula { text, value: Box::new(Cell::Empty) };
        match self {
            Self { formula: Some(text), .. } => formula(text),
            Self { text: Some(text), .. } if text.is_empty() => Cell::Empty,
            Self { text: Some(text), .. } => Cell::Text(text),
            Self { number: Some(number), .. } => Cell::Number(number),
            Self { flag: Some(flag), .. } => Cell::Bool(flag),
            // An error value: the same error as a formula. Pasted by a person, it can be put back; what a formula comes to, it is no value of
            // any type.
            Self { error: Some(error), .. } => formula(error.literal().into()),
            _ => Cell::Empty,
        }
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
        Some(&self.row_data.get(row)?.values.get(column)?.cell)
    }
}

/// The cells of the first row of the first block of a tab.
pub(crate) fn first_row(sheet: &SheetAnswer) -> Vec<Cell> {
    cells(sheet, 0, 0)
}

/// The cells of a row of a block of a tab; block and row counted from 0 as answered.
pub(crate) fn cells(sheet: &SheetAnswer, block: usize, row: usize) -> Vec<Cell> {
    let row = sheet.data.get(block).and_then(|block| block.row_data.get(row));
    row.map(|row| row.values.iter().map(|cell| cell.cell.clone()).collect()).unwrap_or_default()
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
        // What it came to where it was copied to means nothing.
        Some(Cell::Formula { text, .. }) => Cell::Formula {
            text: unshift(text, copied.distance()).into(),
            value: Box::new(Cell::Empty),
        },
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
    /// Row with which each range behind the first begins.
    first_row: u32,
}

/// The ranges for a tab of this name and size. Whole columns are read from the header row on, since a range may not start behind the
/// last row. Empty where the header row is not in the grid.
pub(crate) fn ranges(read: &TabRead, tab: &TabProperties) -> TabRanges {
    let header = read.header_row.0;
    if header >= tab.rows || tab.columns == 0 {
        return TabRanges { ranges: Vec::new(), runs: Vec::new(), first_row: header };
    }
    let mut columns: Vec<u32> = match &read.columns {
        Some(columns) => columns.iter().map(|column| column.0).collect(),
        None => (0..tab.columns).collect(),
    };
    columns.retain(|column| *column < tab.columns);
    columns.sort_unstable();
    columns.dedup();
    let runs = columns.chunk_by(|a, b| *b == a + 1).map(|run| (run[0], run[run.len() - 1]));
    let mut ranges = vec![a1::whole_row(&tab.title, header)];
    let Some((from, count)) = read.rows else {
        let runs: Vec<_> = runs.collect();
        ranges.extend(runs.iter().map(|run| a1::columns_from(&tab.title, header, run.0, run.1)));
        return TabRanges { ranges, runs, first_row: header };
    };
    let first_row = from.0.max(header + 1);
    let end = from.0.saturating_add(count).min(tab.rows);
    let runs: Vec<_> = if first_row < end { runs.collect() } else { Vec::new() };
    ranges
        .extend(runs.iter().map(|run| a1::block(&tab.title, (first_row, end), (run.0, run.1 + 1))));
    TabRanges { ranges, runs, first_row }
}

/// The sequence number that the spreadsheet holds, as the answer to [`super::READ_FIELDS`] shows it with the journal's first cells among
/// the ranges.
pub(crate) fn fence(answer: &SheetsAnswer, tab: Option<&JournalTab>) -> Option<u64> {
    let names = answer.named_ranges.iter();
    let named = names.filter_map(|name| fence::sequence_of(&name.named_range_id)).max();
    named.or_else(|| {
        let tab = tab.filter(|tab| journal::is_fence_tab(tab.sheet_id))?;
        let sheet = answer.sheets.iter().find(|one| one.properties.sheet_id == tab.sheet_id)?;
        let sequence = journal::parse_header(&first_row(sheet))?.sequence;
        (journal::sheet_id_of(sequence) == tab.sheet_id).then_some(sequence)
    })
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
    let bound = sheet.data.first().map(bound).unwrap_or_default();
    let header_notes = header_notes(&sheet);
    let (mut found, mut notes) = (Vec::new(), Vec::new());
    let whole = read.columns.is_none() && read.rows.is_none();
    for (block, run) in sheet.data.iter_mut().skip(1).zip(&asked.runs) {
        if block.start_row != asked.first_row || block.start_column != run.0 {
            return None;
        }
        if read.rows.is_none() && !block.row_data.is_empty() {
            // The header, which the first range has, too.
            block.row_data.remove(0);
        }
        if whole {
            notes.extend(notes_of(block, read.header_row.0 + 1));
        }
        found.extend(columns_of(block, *run));
    }
    let columns = match &read.columns {
        None => {
            let used = found.iter().rposition(|(_, cells)| !cells.is_empty());
            found.truncate(used.map_or(0, |last| last + 1).max(header.len()));
            found
        }
        Some(wanted) => {
            let take = |column: &ColumnIndex| {
                let at = found.iter().position(|(found, _)| found == column);
                (*column, at.map(|at| std::mem::take(&mut found[at].1)).unwrap_or_default())
            };
            wanted.iter().map(take).collect()
        }
    };
    Some(TabImage { properties, header, columns, bound, notes, header_notes })
}

/// Columns with our mark.
fn bound(block: &BlockAnswer) -> Vec<(ColumnIndex, String)> {
    let columns = (block.start_column..).zip(&block.column_metadata);
    let ours = |(column, known): (u32, &DimensionAnswer)| {
        let mark = known.developer_metadata.iter().find(|mark| mark.metadata_key == dress::MARK)?;
        Some((ColumnIndex(column), mark.metadata_value.clone()))
    };
    columns.filter_map(ours).collect()
}

fn header_notes(sheet: &SheetAnswer) -> Vec<ColumnIndex> {
    let block = sheet.data.first();
    let row = block.and_then(|block| block.row_data.first());
    let cells = (0..).zip(row.map(|row| row.values.as_slice()).unwrap_or_default());
    cells.filter(|(_, cell)| cell.note.is_some()).map(|(at, _)| ColumnIndex(at)).collect()
}

/// Notes of a block whose first row stands in `first`.
fn notes_of(block: &mut BlockAnswer, first: u32) -> Vec<CellNote> {
    let mut notes = Vec::new();
    for (row, cells) in (first..).zip(&mut block.row_data) {
        for (column, cell) in (block.start_column..).zip(&mut cells.values) {
            if let Some(note) = cell.note.take() {
                let (row, column) = (RowIndex(row), ColumnIndex(column));
                notes.push(CellNote { row, column, text: note.into() });
            }
        }
    }
    notes
}

fn columns_of(block: &mut BlockAnswer, (first, last): (u32, u32)) -> Vec<(ColumnIndex, Vec<Cell>)> {
    let rows = block.row_data.len();
    let mut columns: Vec<(ColumnIndex, Vec<Cell>)> =
        (first..=last).map(|column| (ColumnIndex(column), Vec::with_capacity(rows))).collect();
    for row in block.row_data.drain(..) {
        let mut cells = row.values.into_iter();
        for (_, column) in &mut columns {
            column.push(cells.next().map_or(Cell::Empty, |cell| cell.cell));
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
