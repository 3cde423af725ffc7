//! The [`SheetSink`] over Google's API.

use sheetwire_engine::batch::{
    Batch, BatchId, Journal, JournalHeader, ReadFailure, SpreadsheetImage, TabImage, TabRead,
    TabWork, TabsImage, WriteOutcome,
};

use super::{
    auth::Credentials,
    failure::{CallFailure, Cure},
    known::{Atlas, Known},
    reply,
    transport::{ClientOptions, Transport},
    wire::{
        self, Compiled, Surroundings,
        answer::{self, SheetAnswer, SheetsAnswer, TabRanges},
        dress,
        fence::FenceKind,
        journal::{self, JournalTab},
        layout::JournalLayout,
        outgoing::{CRATE_BYTES, Outgoing},
    },
};
use crate::{
    fault::Fault,
    ports::{Ask, SheetSink},
};

/// Reads and writes spreadsheets as one service account.
#[derive(Debug)]
pub struct SheetsClient {
    transport: Transport,
    atlas: Atlas,
    crate_bytes: usize,
}

impl SheetsClient {
    /// A client with the key in the options. Makes no call; a key file or endpoint that cannot be used is a configuration fault.
    pub fn open(options: ClientOptions) -> Ask<'static, Result<Self, Fault>> {
        Box::pin(async move {
            let transport = Transport::open(options).await?;
            Ok(Self { transport, atlas: Atlas::default(), crate_bytes: CRATE_BYTES })
        })
    }

    /// E-mail address of the service account: spreadsheets are shared with it.
    pub fn email(&self) -> &str {
        self.credentials().email()
    }

    /// The account.
    pub fn credentials(&self) -> &Credentials {
        self.transport.credentials()
    }

    /// Reads and writes sent so far, as Google's quota counts them.
    pub fn calls(&self) -> (u64, u64) {
        self.transport.calls()
    }

    /// What the probe found for this spreadsheet. A fence that already stands there counts more.
    pub fn set_fence_kind(&self, spreadsheet: &str, kind: FenceKind) {
        self.atlas.set_kind(spreadsheet, kind);
    }

    /// The most memory, in bytes, that a call may take in the types of `google-sheets4`; larger calls travel as text. With 0, all do;
    /// both ways lead to the same outcomes, and tests hold them against each other.
    #[must_use]
    pub fn with_crate_bytes(mut self, bytes: usize) -> Self {
        self.crate_bytes = bytes;
        self
    }

    /// Cells that the journal tab may take up, and at least those that it took up when the spreadsheet was last looked at: the
    /// pre-images of so many rows, whole ones of the widest tab among them.
    pub fn journal_cells_max(&self, spreadsheet: &str, rows: u32, widest: Option<u32>) -> u64 {
        let known = self.atlas.recall(spreadsheet).and_then(|known| known.journal);
        journal::cells_max(known.as_ref(), rows, widest.unwrap_or_default())
    }

    pub(super) fn transport(&self) -> &Transport {
        &self.transport
    }

    pub(super) fn cure<'a>(&'a self, spreadsheet: &'a str) -> Cure<'a> {
        Cure { email: self.email(), spreadsheet }
    }

    /// Tabs and fence, fresh.
    async fn look(&self, spreadsheet: &str) -> Result<Known, CallFailure> {
        if !is_spreadsheet_id(spreadsheet) {
            return Err(CallFailure::NoCredentials(format!(
                "'{spreadsheet}' is not a spreadsheet id; \
                 take the part of the address between /d/ and /edit"
            )));
        }
        let answer = self.transport.look(spreadsheet, wire::LOOK_FIELDS).await?;
        let known = Known::of(answer);
        if known.title_is_taken() {
            return Err(CallFailure::NoCredentials(format!(
                "the spreadsheet {spreadsheet} has a tab '{}' that is not sheetwire's; rename that tab",
                journal::TITLE
            )));
        }
        self.atlas.keep(spreadsheet, known.clone());
        Ok(known)
    }

    async fn known(&self, spreadsheet: &str) -> Result<Known, CallFailure> {
        match self.atlas.recall(spreadsheet) {
            Some(known) => Ok(known),
            None => self.look(spreadsheet).await,
        }
    }

    /// Some ranges of the journal tab; `None` where the tab is gone by now.
    async fn journal_tab(
        &self,
        spreadsheet: &str,
        tab: &JournalTab,
        (ranges, cells): (&[String], usize),
    ) -> Result<Option<SheetAnswer>, CallFailure> {
        // The first row is read as a whole.
        let cells = cells.saturating_add(usize::try_from(tab.columns).unwrap_or(usize::MAX));
        let size = (wire::JOURNAL_FIELDS, cells, self.crate_bytes);
        let answer = self.transport.cells(spreadsheet, ranges, size).await?;
        Ok(answer.sheets.into_iter().find(|sheet| sheet.properties.sheet_id == tab.sheet_id))
    }

    async fn journal_header(
        &self,
        spreadsheet: &str,
        tab: &JournalTab,
    ) -> Result<Option<JournalHeader>, CallFailure> {
        if tab.rows == 0 {
            return Ok(None);
        }
        let ranges = [wire::a1::whole_row(&tab.title, 0)];
        let sheet = self.journal_tab(spreadsheet, tab, (&ranges, 0)).await?;
        Ok(sheet.and_then(|sheet| journal::parse_header(&answer::first_row(&sheet))))
    }

    async fn look_with_header(
        &self,
        spreadsheet: &str,
    ) -> Result<(Known, Option<JournalHeader>), CallFailure> {
        let known = self.look(spreadsheet).await?;
        let header = match &known.journal {
            Some(tab) => self.journal_header(spreadsheet, tab).await?,
            None => None,
        };
        Ok((known, header))
    }

    async fn image(&self, spreadsheet: &str) -> Result<SpreadsheetImage, CallFailure> {
        let (mut known, mut header) = self.look_with_header(spreadsheet).await?;
        if known.fence.zip(header.as_ref()).is_some_and(|(fence, seen)| fence != seen.sequence) {
            // A batch came in between the two reads, most likely; else the second look shows the same.
            (known, header) = self.look_with_header(spreadsheet).await?;
        }
        let carried = |tab: &JournalTab| {
            let sequence = header.as_ref()?.sequence;
            (journal::sheet_id_of(sequence) == tab.sheet_id).then_some(sequence)
        };
        let fence = match known.kind {
            Some(FenceKind::JournalTab) => known.journal.as_ref().and_then(carried),
            _ => known.fence,
        };
        Ok(SpreadsheetImage {
            title: known.title,
            locale: known.locale,
            tabs: known.tabs,
            fence,
            journal: header,
            journal_tab: known.journal.is_some(),
        })
    }

    async fn send(&self, batch: &Batch) -> WriteOutcome {
        let spreadsheet = batch.spreadsheet.as_str();
        let known = match self.known(spreadsheet).await {
            Ok(known) => known,
            // Nothing of the batch has left, whatever became of the look.
            Err(CallFailure::Ambiguous(reason)) => return WriteOutcome::NotSent { reason },
            Err(failure) => return refused_before(failure, &self.cure(spreadsheet)),
        };
        let standing = match self.standing(batch, &known).await {
            Ok(standing) => standing,
            Err(CallFailure::Ambiguous(reason)) => return WriteOutcome::NotSent { reason },
            Err(failure) => return refused_before(failure, &self.cure(spreadsheet)),
        };
        let rows = batch.tabs.iter().map(|tab| known.tab(tab.sheet_id).map(|tab| tab.rows));
        let surroundings = Surroundings {
            kind: self.atlas.kind(spreadsheet, &known),
            journal: known.journal.as_ref(),
            rows: rows.collect(),
            standing,
            crate_bytes: self.crate_bytes,
        };
        let mut compiled = match wire::compile(batch, &surroundings) {
            Ok(compiled) => compiled,
            Err(unwritable) => {
                let message = "a number that is not finite cannot be written to a cell".to_owned();
                return WriteOutcome::Refused { tab: Some(unwritable.tab), message };
            }
        };
        let body = std::mem::replace(&mut compiled.body, Outgoing::Text(String::new()));
        let answer = async {
            self.transport.batch_update(spreadsheet, body, wire::BATCH_FIELDS).await?.sheets().await
        };
        let outcome = match answer.await {
            Ok(answer) => confirmed(answer, batch, &compiled),
            Err(failure) => failure.of_write(&compiled, &self.cure(spreadsheet)),
        };
        match &outcome {
            WriteOutcome::Applied(_) => self.atlas.applied(batch, &compiled),
            WriteOutcome::Throttled | WriteOutcome::NotSent { .. } => {}
            WriteOutcome::Fenced
            | WriteOutcome::Refused { .. }
            | WriteOutcome::Unknown { .. }
            | WriteOutcome::Denied { .. } => self.atlas.forget(spreadsheet),
        }
        outcome
    }

    /// What people say about the columns that a batch makes ours, fresh, where that matters.
    async fn standing(
        &self,
        batch: &Batch,
        known: &Known,
    ) -> Result<Vec<dress::Standing>, CallFailure> {
        let tab = |work: &TabWork| known.tab(work.sheet_id).filter(|_| dress::asks(work));
        let ranges: Vec<String> = (batch.tabs.iter())
            .filter_map(|work| Some((work, tab(work)?)))
            .flat_map(|(work, tab)| dress::ranges(work, &tab.title, tab.rows))
            .collect();
        if ranges.is_empty() {
            return Ok(Vec::new());
        }
        let bytes = self.transport.get_bytes(&batch.spreadsheet, &ranges, dress::LOOK_FIELDS);
        let answer = match bytes.await {
            Ok(bytes) => reply::decode::<dress::StandingAnswer>(bytes).await?,
            Err(CallFailure::Refused(refusal)) if refusal.is_about_a_range() => {
                // A tab was renamed or made smaller: the next attempt looks again.
                self.atlas.forget(&batch.spreadsheet);
                return Err(CallFailure::NotSent(
                    "a tab was renamed or resized meanwhile".to_owned(),
                ));
            }
            Err(failure) => return Err(failure),
        };
        let standing = |work| tab(work).map(|tab| answer.of(work, tab.rows)).unwrap_or_default();
        Ok(batch.tabs.iter().map(standing).collect())
    }

    async fn read_back(&self, batch: &Batch) -> Result<Option<Journal>, CallFailure> {
        let spreadsheet = batch.spreadsheet.as_str();
        let known = self.look(spreadsheet).await?;
        let Some(tab) = &known.journal else { return Ok(None) };
        let Some(header) = self.journal_header(spreadsheet, tab).await? else { return Ok(None) };
        if header.batch != batch.id {
            return Ok(Some(Journal { header, tabs: Vec::new() }));
        }
        let layout = JournalLayout::of(batch);
        let ranges = wire::journal_ranges(&tab.title, &layout);
        let sheet = self.journal_tab(spreadsheet, tab, (&ranges, layout.cells())).await?;
        Ok(sheet.and_then(|sheet| answer::journal(&sheet, batch, &layout)))
    }

    /// One attempt at a read with the names and sizes given; `None` where they turn out to be out of date.
    async fn read_once(
        &self,
        spreadsheet: &str,
        known: &Known,
        tabs: &[TabRead],
    ) -> Result<Option<TabsImage>, CallFailure> {
        let Some(asked) = all_ranges(known, tabs) else { return Ok(None) };
        let mut ranges: Vec<String> =
            asked.iter().flat_map(|asked| asked.ranges.iter().cloned()).collect();
        ranges.extend(known.journal.as_ref().and_then(journal::first_cells));
        let (mut sheets, mut fence) = (Vec::new(), known.fence);
        if !ranges.is_empty() {
            // Ranges are open at their end, and a tab may have grown since it was looked at: never through the crate.
            let size = (wire::READ_FIELDS, usize::MAX, self.crate_bytes);
            match self.transport.cells(spreadsheet, &ranges, size).await {
                Ok(answer) => {
                    fence = answer::fence(&answer, known.journal.as_ref());
                    sheets = answer.sheets;
                }
                Err(CallFailure::Refused(refusal)) if refusal.is_about_a_range() => {
                    return Ok(None);
                }
                Err(failure) => return Err(failure),
            }
        }
        let mut images = Vec::with_capacity(tabs.len());
        for (read, asked) in tabs.iter().zip(&asked) {
            let at = sheets.iter().position(|sheet| sheet.properties.sheet_id == read.sheet_id);
            let image = match at.map(|at| sheets.swap_remove(at)) {
                Some(sheet) => answer::tab_image(sheet, read, asked),
                None if asked.ranges.is_empty() => known.tab(read.sheet_id).map(empty_image),
                None => None,
            };
            let Some(image) = image else { return Ok(None) };
            // A column more, a title changed: other ranges would have been asked for.
            if answer::ranges(read, &image.properties) != *asked {
                return Ok(None);
            }
            images.push(image);
        }
        for image in &images {
            self.atlas.keep_tab(spreadsheet, &image.properties);
        }
        Ok(Some(TabsImage { fence, tabs: images }))
    }

    async fn read_tabs(
        &self,
        spreadsheet: &str,
        tabs: &[TabRead],
    ) -> Result<TabsImage, ReadFailure> {
        let failed = |failure: CallFailure| failure.of_read(&self.cure(spreadsheet));
        if let Some(known) = self.atlas.recall(spreadsheet)
            && let Some(images) = self.read_once(spreadsheet, &known, tabs).await.map_err(failed)?
        {
            return Ok(images);
        }
        let known = self.look(spreadsheet).await.map_err(failed)?;
        if let Some(gone) = tabs.iter().find(|read| known.tab(read.sheet_id).is_none()) {
            return Err(ReadFailure::TabGone { sheet_id: gone.sheet_id });
        }
        let images = self.read_once(spreadsheet, &known, tabs).await.map_err(failed)?;
        images.ok_or_else(|| ReadFailure::Transient {
            reason: "tabs were renamed or resized while they were read".to_owned(),
        })
    }
}

impl SheetSink for SheetsClient {
    fn open<'a>(&'a self, spreadsheet: &'a str) -> Ask<'a, Result<SpreadsheetImage, ReadFailure>> {
        Box::pin(async move {
            let image = self.image(spreadsheet).await;
            image.map_err(|failure| failure.of_read(&self.cure(spreadsheet)))
        })
    }

    fn read<'a>(
        &'a self,
        spreadsheet: &'a str,
        tabs: &'a [TabRead],
    ) -> Ask<'a, Result<TabsImage, ReadFailure>> {
        Box::pin(self.read_tabs(spreadsheet, tabs))
    }

    fn write<'a>(&'a self, batch: &'a Batch) -> Ask<'a, WriteOutcome> {
        Box::pin(self.send(batch))
    }

    fn journal<'a>(&'a self, batch: &'a Batch) -> Ask<'a, Result<Option<Journal>, ReadFailure>> {
        Box::pin(async move {
            let journal = self.read_back(batch).await;
            journal.map_err(|failure| failure.of_read(&self.cure(&batch.spreadsheet)))
        })
    }
}

/// An answer with success. It counts only if it shows this very batch in the journal.
fn confirmed(answer: SheetsAnswer, batch: &Batch, compiled: &Compiled) -> WriteOutcome {
    let unknown = |reason: &str| WriteOutcome::Unknown { reason: reason.to_owned() };
    let sheet = answer
        .sheets
        .into_iter()
        .find(|sheet| sheet.properties.sheet_id == compiled.journal.sheet_id);
    match sheet.and_then(|sheet| answer::journal(&sheet, batch, &compiled.layout)) {
        Some(journal) if journal.header.batch == batch.id => WriteOutcome::Applied(journal),
        Some(Journal { header: JournalHeader { batch: BatchId(other), .. }, .. }) => {
            unknown(&format!("Google says done, but the journal names batch {other}"))
        }
        None => unknown("Google says done, but the answer holds no journal"),
    }
}

/// A batch that could not even be written down, since the spreadsheet could not be looked at.
fn refused_before(failure: CallFailure, cure: &Cure<'_>) -> WriteOutcome {
    match failure.of_read(cure) {
        ReadFailure::Throttled => WriteOutcome::Throttled,
        ReadFailure::Denied { message } => WriteOutcome::Denied { message },
        ReadFailure::Transient { reason } => WriteOutcome::NotSent { reason },
        ReadFailure::TabGone { sheet_id } => {
            WriteOutcome::NotSent { reason: format!("tab {sheet_id} is gone") }
        }
    }
}

/// What to ask for; `None` where a tab is not known.
fn all_ranges(known: &Known, tabs: &[TabRead]) -> Option<Vec<TabRanges>> {
    tabs.iter().map(|read| Some(answer::ranges(read, known.tab(read.sheet_id)?))).collect()
}

/// A tab whose header row is not in its grid.
fn empty_image(properties: &sheetwire_engine::batch::TabProperties) -> TabImage {
    TabImage {
        properties: properties.clone(),
        header: Vec::new(),
        columns: Vec::new(),
        bound: Vec::new(),
        notes: Vec::new(),
        header_notes: Vec::new(),
    }
}

/// Ids go into the path of a URL, so nothing else than an id may.
fn is_spreadsheet_id(text: &str) -> bool {
    !text.is_empty()
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}
