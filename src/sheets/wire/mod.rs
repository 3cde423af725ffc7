//! Batches as requests, answers as journals: the only place that knows A1 text and the API's shapes.
//!
//! ```text
//! Batch -> compile -> body of one batchUpdate      answer -> answer::journal -> Journal
//!             '------------ layout::JournalLayout ------------'
//! ```

pub(crate) mod a1;
pub(crate) mod answer;
pub(crate) mod dress;
pub(crate) mod fence;
pub(crate) mod journal;
pub(crate) mod layout;
pub(crate) mod outgoing;
pub(crate) mod probe;
pub(crate) mod requests;
pub(crate) mod shift;
mod tab;
mod typed;

use sheetwire_engine::{batch::Batch, cell::Cell};

use self::{
    fence::FenceKind,
    journal::JournalTab,
    layout::{FIRST_IMAGE_ROW, JournalLayout},
    outgoing::Outgoing,
    requests::{
        Body, CellData, GridCoordinate, GridProperties, GridRange, Request, RowData,
        SheetProperties, UpdateCells,
    },
};

/// Mask of the answer to a batch: the journal and nothing else. Spaces are refused by Google.
pub(crate) const BATCH_FIELDS: &str = "updatedSpreadsheet(sheets(properties(sheetId,title,\
    gridProperties(rowCount,columnCount)),data(startRow,startColumn,\
    rowData(values(userEnteredValue)))))";

/// Mask of a read of the journal.
pub(crate) const JOURNAL_FIELDS: &str = "sheets(properties(sheetId,title,\
    gridProperties(rowCount,columnCount)),data(startRow,startColumn,\
    rowData(values(userEnteredValue))))";

/// Mask of a read of tabs: with what formulas come to, notes, the marks of columns and the fence.
pub(crate) const READ_FIELDS: &str = "namedRanges(namedRangeId),sheets(properties(sheetId,title,\
    gridProperties(rowCount,columnCount)),data(startRow,startColumn,\
    rowData(values(userEnteredValue,effectiveValue,note)),\
    columnMetadata(developerMetadata(metadataKey,metadataValue))))";

/// Mask of a look at a spreadsheet without any cell.
pub(crate) const LOOK_FIELDS: &str = "properties(title,locale),sheets(properties(sheetId,title,hidden,\
    gridProperties(rowCount,columnCount))),namedRanges(namedRangeId,name)";

/// What a batch must know of the spreadsheet to be written down. A stale belief costs a refusal, never a wrong write.
#[derive(Debug)]
pub(crate) struct Surroundings<'a> {
    /// How the fence is built here.
    pub(crate) kind: FenceKind,
    /// The journal tab, where there is one.
    pub(crate) journal: Option<&'a JournalTab>,
    /// Rows of the grid of each tab of the batch, where known.
    pub(crate) rows: Vec<Option<u32>>,
    /// What people say about the columns of each tab of the batch; beyond its end nothing was looked at.
    pub(crate) standing: Vec<dress::Standing>,
    /// The most memory, in bytes, that the call may take in the crate's types.
    pub(crate) crate_bytes: usize,
}

/// A batch written down.
#[derive(Debug)]
pub(crate) struct Compiled {
    /// Body of the one call.
    pub(crate) body: Outgoing,
    /// How many of the first requests are the fence.
    pub(crate) fence_requests: usize,
    /// For each request, the tab (index into [`Batch::tabs`]) it works for.
    pub(crate) owners: Vec<Option<usize>>,
    /// Where the pre-images stand.
    pub(crate) layout: JournalLayout,
    /// The journal tab as the batch leaves it.
    pub(crate) journal: JournalTab,
}

/// A cell that cannot be sent at all.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Unwritable {
    /// Index into [`Batch::tabs`].
    pub(crate) tab: usize,
}

/// Requests in order, each with the tab it works for.
struct Script<'a> {
    requests: Vec<Request<'a>>,
    owners: Vec<Option<usize>>,
}

impl<'a> Script<'a> {
    fn push(&mut self, owner: Option<usize>, request: Request<'a>) {
        self.requests.push(request);
        self.owners.push(owner);
    }

    fn extend(&mut self, owner: Option<usize>, requests: impl IntoIterator<Item = Request<'a>>) {
        self.requests.extend(requests);
        self.owners.resize(self.requests.len(), owner);
    }
}

/// Writes a batch down: fence, journal, creations, pre-images of everything, writes, marks and notes, deletes, inserts.
pub(crate) fn compile(
    batch: &Batch,
    surroundings: &Surroundings<'_>,
) -> Result<Compiled, Unwritable> {
    refuse_unwritable(batch)?;
    let layout = JournalLayout::of(batch);
    let header = journal::header_row(batch);
    let mut script = Script { requests: Vec::new(), owners: Vec::new() };
    let (journal, fence_requests) =
        prepare_journal(batch, surroundings, (&layout, &header), &mut script);
    for (index, tab) in batch.tabs.iter().enumerate() {
        let rows = surroundings.rows.get(index).copied().flatten();
        script.extend(Some(index), tab::create(tab, rows));
    }
    for (index, (work, placed)) in batch.tabs.iter().zip(&layout.tabs).enumerate() {
        script.extend(Some(index), tab::pre_images(work, placed, journal.sheet_id));
    }
    for (index, tab) in batch.tabs.iter().enumerate() {
        script.extend(Some(index), tab::writes(tab));
    }
    let nothing = dress::Standing::default();
    for (index, tab) in batch.tabs.iter().enumerate() {
        let standing = surroundings.standing.get(index).unwrap_or(&nothing);
        script.extend(Some(index), dress::bind(tab, standing));
        script.extend(Some(index), dress::notes(tab));
    }
    for (index, tab) in batch.tabs.iter().enumerate() {
        let rows = surroundings.rows.get(index).copied().flatten();
        script.extend(Some(index), tab::deletes(tab));
        script.extend(Some(index), tab::insert(tab, rows));
    }
    let body = Body {
        requests: &script.requests,
        include_spreadsheet_in_response: true,
        response_ranges: &journal_ranges(&journal.title, &layout),
    };
    let answered = header.len() + layout.cells();
    let body = Outgoing::of(&body, answered, surroundings.crate_bytes);
    Ok(Compiled { body, fence_requests, owners: script.owners, layout, journal })
}

/// The ranges that hold a journal: its first row and, where there are any, the pre-images.
pub(crate) fn journal_ranges(title: &str, layout: &JournalLayout) -> Vec<String> {
    let mut ranges = vec![a1::whole_row(title, 0)];
    if !layout.is_empty() {
        let rows = (FIRST_IMAGE_ROW, layout.end_row);
        ranges.push(a1::block(title, rows, (0, layout.end_column)));
    }
    ranges
}

/// JSON has no word for such a number, and a null would be read as an empty cell.
fn refuse_unwritable(batch: &Batch) -> Result<(), Unwritable> {
    let unwritable = |cell: &Cell| matches!(cell, Cell::Number(number) if !number.is_finite());
    for (tab, work) in batch.tabs.iter().enumerate() {
        let mut written = work.writes.iter().flat_map(|write| &write.cells).map(|(_, cell)| cell);
        let mut inserted = work.insert.iter().flat_map(|insert| insert.rows.iter().flatten());
        if written.any(unwritable) || inserted.any(unwritable) {
            return Err(Unwritable { tab });
        }
    }
    Ok(())
}

/// Fence, size, clearing and first row of the journal. Answers the tab as it will be, and how many requests are the fence.
fn prepare_journal<'a>(
    batch: &Batch,
    surroundings: &Surroundings<'_>,
    (layout, header): (&JournalLayout, &'a [Cell]),
    script: &mut Script<'a>,
) -> (JournalTab, usize) {
    let kept = surroundings.journal.filter(|_| surroundings.kind == FenceKind::NamedRange);
    let size = journal::grid_for(layout, header.len(), kept);
    let fence = fence::fence(surroundings.kind, batch.fence, surroundings.journal, size);
    script.extend(None, fence);
    let fence_requests = script.requests.len();
    let sheet_id = match (surroundings.kind, kept) {
        (FenceKind::JournalTab, _) => journal::sheet_id_of(batch.fence.next),
        (FenceKind::NamedRange, kept) => kept.map_or(journal::SHEET_ID, |tab| tab.sheet_id),
    };
    if let Some(tab) = kept {
        script.extend(None, resize(tab, size));
        script.push(None, Request::UnmergeCells { range: GridRange::tab(sheet_id) });
        script.push(
            None,
            Request::UpdateCells(UpdateCells {
                rows: Vec::new(),
                fields: "*",
                start: None,
                range: Some(GridRange::tab(sheet_id)),
            }),
        );
    }
    script.push(
        None,
        Request::UpdateCells(UpdateCells {
            rows: vec![RowData { values: header.iter().map(CellData::Cell).collect() }],
            fields: requests::ENTERED,
            start: Some(GridCoordinate { sheet_id, row_index: 0, column_index: 0 }),
            range: None,
        }),
    );
    let title = kept.map_or(journal::TITLE, |tab| tab.title.as_str()).to_owned();
    let (rows, columns) = (size.row_count, size.column_count);
    (JournalTab { sheet_id, title, rows, columns }, fence_requests)
}

fn resize<'a>(tab: &JournalTab, size: GridProperties) -> Option<Request<'a>> {
    ((tab.rows, tab.columns) != (size.row_count, size.column_count)).then(|| {
        Request::UpdateSheetProperties {
            properties: SheetProperties {
                sheet_id: tab.sheet_id,
                grid_properties: Some(size),
                ..SheetProperties::default()
            },
            fields: "gridProperties.rowCount,gridProperties.columnCount",
        }
    })
}

#[cfg(test)]
mod tests;
