//! Transactions on the writer: one at a time, each durable before it is sent and again before it is committed.

use std::time::Duration;

use super::Engine;
use crate::{
    backoff::Backoff,
    cell::Cell,
    conflict::{ConflictKind, Outcome},
    door::{Action, Notice},
    inbound,
    intent::{
        CommitOutcome, Intent, PrepareOutcome, Readback, ReadbackRow, Refusal, RowWork, Stage,
        WriterFailure,
    },
    merge::Side,
    mutants::{Mutant, on},
    open::{Refused, WHOLE_ROW},
    planner::Finding,
    position::Position,
    state::{RowKey, StoreStep},
    time::Moment,
};

/// Another session's lock is waited for so often before it counts as another instance's: a session of ours that died may take a while.
const LOCKED_MAX: u32 = 8;
/// Rows that the database refused are tried again this often: what refused them may have been mended elsewhere.
const RETRY_REFUSED: Duration = Duration::from_mins(10);
/// Rows that another row may cure are tried again behind a commit, but not more often than this.
const RETRY_PASSING: Duration = Duration::from_secs(5);

/// A removal that the database refuses so often is taken back.
const REMOVALS_MAX: u32 = 2;

/// What the writer is doing.
#[derive(Debug)]
pub(super) enum Phase {
    /// No table writes to the database.
    Unused,
    /// There is no session.
    Closed,
    /// [`Action::OpenWriter`] was asked for.
    Opening,
    /// Free.
    Idle,
    /// The draft waits for the store's ticket before it may be sent.
    Drafting { intent: Intent, ticket: u64 },
    /// Durable, to be sent.
    Drafted { intent: Intent },
    /// Sent; nothing is committed.
    Preparing { intent: Intent },
    /// What the rows became waits for the store's ticket before it may be committed.
    Sealing { intent: Intent, ticket: u64 },
    /// Durable, to be committed.
    Sealed { intent: Intent },
    /// The `COMMIT` was sent.
    Committing { intent: Intent },
}

impl Phase {
    /// The word for status and log.
    pub(super) fn word(&self) -> &'static str {
        match self {
            Self::Unused => "unused",
            Self::Closed | Self::Opening => "opening",
            Self::Idle => "ready",
            Self::Drafting { .. } | Self::Drafted { .. } | Self::Preparing { .. } => "writing",
            Self::Sealing { .. } | Self::Sealed { .. } | Self::Committing { .. } => "committing",
        }
    }
}

/// The connection that all writes to the database go over.
#[derive(Debug)]
pub(super) struct Writer {
    pub(super) phase: Phase,
    /// Transactions that are not forgotten yet, but for the one in the phase: in doubt, or with windows open.
    pub(super) intents: Vec<Intent>,
    pub(super) last_intent: u64,
    /// The lock is held, as far as is known.
    pub(super) held: bool,
    pub(super) backoff: Backoff,
    pub(super) not_before: Moment,
    pub(super) locked: u32,
    /// Why nothing goes on, where nothing does.
    pub(super) waits: Option<String>,
    pub(super) next_tab: usize,
    pub(super) next_retry: Moment,
    /// Something was committed that may have cured a row.
    pub(super) cured: bool,
    pub(super) next_cure: Moment,
}

impl Writer {
    pub(super) fn new(used: bool, seed: u64) -> Self {
        Self {
            phase: if used { Phase::Closed } else { Phase::Unused },
            intents: Vec::new(),
            last_intent: 0,
            held: false,
            backoff: Backoff::new(Duration::from_millis(200), Duration::from_secs(30), seed),
            not_before: Moment::START,
            locked: 0,
            waits: None,
            next_tab: 0,
            next_retry: Moment::START,
            cured: false,
            next_cure: Moment::START,
        }
    }

    /// Whether this process is the one that keeps the pipeline, as far as the database's lock can tell.
    pub(super) fn has_held(&self) -> bool {
        self.held || matches!(self.phase, Phase::Unused)
    }

    /// Whether nothing is under way and nothing in doubt.
    pub(super) fn is_idle(&self) -> bool {
        matches!(self.phase, Phase::Idle | Phase::Unused) && self.intents.is_empty()
    }
}

impl Engine {
    pub(super) fn poll_writer(&mut self, now: Moment) -> Option<Action> {
        if matches!(self.writer.phase, Phase::Unused) {
            return None;
        }
        if matches!(self.writer.phase, Phase::Idle) && !self.writer.held {
            self.writer.phase = Phase::Closed;
        }
        if now < self.writer.not_before {
            self.remind(self.writer.not_before);
            return None;
        }
        match &self.writer.phase {
            Phase::Closed => {
                self.writer.phase = Phase::Opening;
                Some(Action::OpenWriter)
            }
            Phase::Idle => self.start_intent(now),
            Phase::Drafted { intent } => {
                let intent = intent.clone();
                self.writer.phase = Phase::Preparing { intent: intent.clone() };
                Some(Action::Prepare { intent: asked(intent) })
            }
            Phase::Sealed { intent } => {
                let (id, intent) = (intent.id, intent.clone());
                self.writer.phase = Phase::Committing { intent };
                Some(Action::Commit { intent: id })
            }
            Phase::Unused
            | Phase::Opening
            | Phase::Drafting { .. }
            | Phase::Preparing { .. }
            | Phase::Sealing { .. }
            | Phase::Committing { .. } => None,
        }
    }

    /// The store has what was handed to it up to this ticket.
    pub(super) fn writer_stored(&mut self, ticket: u64) {
        let phase = std::mem::replace(&mut self.writer.phase, Phase::Closed);
        self.writer.phase = match phase {
            Phase::Drafting { intent, ticket: wanted } if wanted <= ticket => {
                Phase::Drafted { intent }
            }
            Phase::Sealing { intent, ticket: wanted } if wanted <= ticket => {
                Phase::Sealed { intent }
            }
            other => other,
        };
    }

    /// Whether what a tab shows may be taken for what people want: it was read, nothing of ours stands in a wrong place, and nobody else
    /// writes there.
    fn may_be_sent(&self, tab: usize) -> bool {
        let one = &self.tabs[tab];
        one.is_inbound()
            && one.is_live()
            && !one.paused
            && !one.stale
            && one.repairs.is_empty()
            && !one.due.is_empty()
            && self.book_of(tab).is_some_and(super::super::book::Book::is_trusted)
    }

    fn start_intent(&mut self, now: Moment) -> Option<Action> {
        self.retry_refused(now);
        let count = self.tabs.len();
        let ready = (0..count)
            .map(|turn| (self.writer.next_tab + turn) % count)
            .find(|tab| self.may_be_sent(*tab))?;
        self.writer.next_tab = ready + 1;
        let id = self.writer.last_intent + 1;
        let intent = inbound::intent(&mut self.tabs[ready], id)?;
        self.writer.last_intent = id;
        self.outbox.push(StoreStep::Intent(intent.clone()));
        self.urgent = true;
        self.writer.phase = Phase::Drafting { intent, ticket: self.next_ticket };
        self.poll_store(now)
    }

    fn retry_refused(&mut self, now: Moment) {
        if now >= self.writer.next_retry {
            self.writer.next_retry = now.after(RETRY_REFUSED);
            self.forgive(false);
        }
        if self.writer.cured && self.tabs.iter().any(|tab| tab.open.may_pass()) {
            if now >= self.writer.next_cure {
                self.writer.next_cure = now.after(RETRY_PASSING);
                self.writer.cured = false;
                self.forgive(true);
            } else {
                self.remind(self.writer.next_cure);
            }
        }
    }

    /// Rows that were refused get another chance.
    fn forgive(&mut self, only_passing: bool) {
        for tab in &mut self.tabs {
            for key in tab.open.retry(only_passing) {
                tab.pending.wake(&key);
                tab.touched.insert(key);
            }
        }
    }

    pub(super) fn on_writer_opened(
        &mut self,
        answer: Result<Position, WriterFailure>,
        now: Moment,
    ) {
        self.writer.phase = Phase::Closed;
        match answer {
            Ok(executed) => {
                self.writer.phase = Phase::Idle;
                self.writer.held = true;
                self.writer.locked = 0;
                self.writer.waits = None;
                self.writer.backoff.reset();
                for intent in &mut self.writer.intents {
                    if is_asked_again(intent) {
                        continue;
                    }
                    // Nobody else can hold its transaction any more: it is in the log up to here, or it never was.
                    if intent.stage == Stage::Prepared {
                        intent.stage = Stage::Doubtful { until: executed.clone() };
                        self.outbox.push(StoreStep::Intent(intent.clone()));
                    }
                }
                #[cfg(feature = "mutants")]
                self.reinsert();
                self.close_windows();
            }
            Err(WriterFailure::Locked { holder }) => {
                self.writer.locked += 1;
                // Whoever has it keeps the sheets, too.
                self.writer.held = false;
                if self.writer.locked > LOCKED_MAX {
                    self.stop = Some(format!(
                        "another session ({holder}) holds the lock of pipeline '{}' on the database: stop that sheetwire; if none runs, end that session",
                        self.settings.pipeline
                    ));
                }
                self.writer_waits(format!("its lock is held by {holder}"), now);
            }
            Err(WriterFailure::Transient { reason }) => self.writer_waits(reason, now),
            Err(WriterFailure::Denied { message }) => self.writer_waits(message, now),
        }
    }

    /// Whatever was under way is answered by itself; nothing new is begun before the lock is held again.
    pub(super) fn on_writer_lost(&mut self, reason: String, now: Moment) {
        self.writer.held = false;
        if matches!(self.writer.phase, Phase::Idle) {
            self.writer.phase = Phase::Closed;
        }
        self.writer_waits(reason, now);
    }

    fn writer_waits(&mut self, reason: String, now: Moment) {
        self.writer.not_before = now.after(self.writer.backoff.next_wait());
        if self.writer.waits.as_ref() != Some(&reason) {
            self.notices.push_back(Notice::WriterWaits { reason: reason.clone() });
            self.writer.waits = Some(reason);
        }
    }

    pub(super) fn on_prepared(&mut self, id: u64, outcome: PrepareOutcome, now: Moment) {
        let phase = std::mem::replace(&mut self.writer.phase, Phase::Idle);
        let Phase::Preparing { mut intent } = phase else {
            self.writer.phase = phase;
            return;
        };
        assert!(intent.id == id, "one transaction at a time");
        self.sequence += 1;
        match outcome {
            PrepareOutcome::Ready(rows) => {
                self.seal(&mut intent, rows);
                self.writer.phase = Phase::Sealing { intent, ticket: self.next_ticket };
            }
            PrepareOutcome::Missed { row, current, executed } => {
                self.on_missed(intent, row, (current, executed), now);
            }
            PrepareOutcome::Exists { row, current, executed } => {
                self.on_exists(intent, row, (current, executed), now);
            }
            PrepareOutcome::Refused { row, refusal } => {
                self.on_row_refused(&intent, row, refusal, now);
            }
            PrepareOutcome::NotNow { reason, lost } => {
                if is_asked_again(&intent) {
                    intent.stage = Stage::Prepared;
                    self.writer.intents.push(intent);
                    self.writer.phase = Phase::Closed;
                    return self.writer_waits(reason, now);
                }
                self.drop_intent(&intent);
                if lost {
                    self.writer.phase = Phase::Closed;
                }
                self.writer_waits(reason, now);
                return;
            }
        }
        self.writer.waits = None;
        self.writer.backoff.reset();
    }

    /// What the rows became is made durable before anything can be committed, and from now on the log is ahead or behind.
    fn seal(&mut self, intent: &mut Intent, rows: Vec<ReadbackRow>) {
        let (id, is_loose) = (intent.id, is_loose(intent));
        let Some(tab) = self.tabs.iter_mut().find(|tab| tab.spec.table == intent.table) else {
            return;
        };
        for (row, back) in intent.rows.iter_mut().zip(rows) {
            let cells = back.row.map(|values| tab.rendered(&values));
            let key = cells.as_ref().and_then(|cells| tab.shown_key(cells));
            let key =
                key.or_else(|| tab.key_of_values(&back.key?)).unwrap_or_else(|| row.key.clone());
            row.readback = Some(cells.map_or(Readback::Gone, Readback::Row));
            tab.windows.open(&key, id);
            if !is_loose {
                self.outbox.push(tab.windows.step(intent.table, &key));
            }
        }
        if is_loose {
            // As if it was never sent.
            self.outbox.push(StoreStep::Intent(intent.clone()));
        }
        intent.stage = Stage::Prepared;
        if !is_loose {
            self.outbox.push(StoreStep::Intent(intent.clone()));
        }
        self.urgent = true;
    }

    fn on_missed(
        &mut self,
        intent: Intent,
        row: usize,
        (current, executed): (Option<Vec<crate::value::Value>>, Position),
        now: Moment,
    ) {
        let key = intent.rows.get(row).map(|row| row.key.clone());
        let table = intent.table;
        self.drop_intent(&intent);
        let (Some(key), Some(tab)) = (key, self.tab_mut(table)) else { return };
        let cells = current.map(|values| tab.rendered(&values));
        self.learn(intent, &key, (cells, executed), now);
    }

    fn on_exists(
        &mut self,
        intent: Intent,
        row: usize,
        (current, executed): (Option<Vec<crate::value::Value>>, Position),
        now: Moment,
    ) {
        if is_asked_again(&intent) {
            // What was asked for again is there.
            return self.settle_intent(intent, executed, now);
        }
        let shown = intent.rows.get(row).map(|row| row.key.clone());
        let table = intent.table;
        self.drop_intent(&intent);
        let (Some(shown), Some(tab)) = (shown, self.tab_mut(table)) else { return };
        let cells = current.map(|values| tab.rendered(&values));
        match inbound::exists(tab, &shown, cells.as_deref()) {
            Ok(key) => self.learn(intent, &key, (cells, executed), now),
            Err(finding) => {
                if let Some(sheet) = tab.sheet_view(&shown) {
                    let refused = Refused { sheet, database: None, may_pass: true, times: 1 };
                    tab.open.refuse(shown, refused);
                }
                self.find(table, vec![*finding], now);
            }
        }
    }

    /// A row was read apart from the log, and is newer than what the log will say about it for a while, if the log has not come so far.
    fn learn(
        &mut self,
        intent: Intent,
        key: &RowKey,
        (cells, until): (Option<Vec<Cell>>, Position),
        now: Moment,
    ) {
        let stamp = (self.sequence, self.wall_clock(now));
        let consumed = self.ledger.consumed();
        let heard = consumed.is_some_and(|consumed| consumed.contains(&until).unwrap_or(false));
        let Some(tab) = self.tab_mut(intent.table) else { return };
        tab.touched.insert(key.clone());
        if !heard {
            tab.pending.absorb(key.clone(), cells, stamp.0, stamp.1);
            self.hear_until(intent, key, until);
        }
    }

    fn on_row_refused(&mut self, intent: &Intent, row: usize, refusal: Refusal, now: Moment) {
        let table = intent.table;
        let key = intent.rows.get(row).map(|row| row.key.clone());
        let columns: Vec<u16> = intent.rows.get(row).map(columns_of).unwrap_or_default();
        let removal =
            intent.rows.get(row).is_some_and(|row| matches!(row.work, RowWork::Delete { .. }));
        self.drop_intent(intent);
        let (Some(key), Some(tab)) = (key, self.tab_mut(table)) else { return };
        let sheet = tab.sheet_view(&key);
        let database = tab.database_view(&key).flatten();
        let may_pass = refusal.may_pass;
        let refused = Refused {
            sheet: sheet.clone().unwrap_or_default(),
            database: database.clone(),
            may_pass,
            times: 1,
        };
        let times = tab.open.refuse(key.clone(), refused);
        let mut outcome = Outcome::Open;
        if removal && (!may_pass || times >= REMOVALS_MAX) {
            // The database keeps the row, so the sheet gets it back.
            tab.open.accept(&key);
            tab.gone.reject(&key);
            outcome = Outcome::Kept(Side::Database);
        }
        let column = match (refusal.column, columns.as_slice()) {
            (Some(named), _) if database.is_some() => named,
            (_, [only]) => *only,
            _ => WHOLE_ROW,
        };
        let cell = |cells: &Option<Vec<Cell>>| cells.as_ref()?.get(usize::from(column)).cloned();
        let base = tab.base.get(&key).and_then(|base| base.database(usize::from(column))).cloned();
        let finding = Finding {
            column,
            kind: ConflictKind::ConstraintRefused,
            base,
            database: cell(&database),
            sheet: cell(&sheet),
            reason: Some(refusal.message.clone()),
            outcome,
            key,
        };
        self.writer.cured |= removal;
        self.writer.next_cure = self.writer.next_cure.max(now.after(RETRY_PASSING));
        self.notices.push_back(Notice::Refused { table, reason: refusal.message });
        self.find(table, vec![finding], now);
    }

    /// The transaction was certainly not committed and never will be.
    pub(super) fn drop_intent(&mut self, intent: &Intent) {
        self.outbox.push(StoreStep::IntentGone(intent.id));
        if let Some(tab) = self.tabs.iter_mut().find(|tab| tab.spec.table == intent.table) {
            inbound::give_up(tab, &intent.rows);
            tab.touched.extend(intent.rows.iter().map(|row| row.key.clone()));
        }
        if is_asked_again(intent) {
            self.shut_windows(intent.id, intent.table);
        }
    }

    pub(super) fn on_committed(&mut self, id: u64, outcome: CommitOutcome, now: Moment) {
        let phase = std::mem::replace(&mut self.writer.phase, Phase::Idle);
        let Phase::Committing { intent } = phase else {
            self.writer.phase = phase;
            return;
        };
        assert!(intent.id == id, "one transaction at a time");
        match outcome {
            CommitOutcome::Done { executed: Some(executed) } => {
                self.settle_intent(intent, executed, now);
            }
            CommitOutcome::Done { executed: None } => {
                // Committed, but up to where nobody said: the log tells.
                self.writer.intents.push(intent);
                self.writer.phase = Phase::Closed;
            }
            CommitOutcome::RolledBack { reason } => {
                self.drop_intent(&intent);
                self.shut_windows(intent.id, intent.table);
                self.writer_waits(reason, now);
            }
            CommitOutcome::Unknown { reason } if is_loose(&intent) => {
                self.drop_intent(&intent);
                self.shut_windows(intent.id, intent.table);
                self.writer.phase = Phase::Closed;
                self.writer_waits(reason, now);
            }
            CommitOutcome::Unknown { reason } => {
                self.writer.intents.push(intent);
                self.writer.phase = Phase::Closed;
                self.writer_waits(reason, now);
            }
        }
    }
}

/// What is asked of the database: a write that compares.
fn asked(mut intent: Intent) -> Intent {
    for row in &mut intent.rows {
        if let (RowWork::Update { guard, .. }, true) = (&mut row.work, on(Mutant::NoCompare)) {
            guard.clear();
        }
    }
    intent
}

/// Whether a new row whose answer was lost is asked for again, under the key that it was to have.
pub(super) fn is_asked_again(intent: &Intent) -> bool {
    on(Mutant::ReinsertAtOnce)
        && matches!(
            intent.rows.as_slice(),
            [row] if matches!((&row.work, &row.readback), (RowWork::Insert { .. }, Some(Readback::Row(_)))) && !row.seen
        )
}

/// Whether nothing is known about the transaction after a crash or a lost answer.
pub(super) fn is_loose(intent: &Intent) -> bool {
    let inserts = intent.rows.iter().any(|row| matches!(row.work, RowWork::Insert { .. }));
    if inserts { on(Mutant::KeyNotReserved) } else { on(Mutant::NoIntent) }
}

fn columns_of(row: &crate::intent::RowIntent) -> Vec<u16> {
    match &row.work {
        RowWork::Update { set, .. } => set.iter().map(|(column, _)| *column).collect(),
        RowWork::Insert { .. } | RowWork::Delete { .. } => Vec::new(),
    }
}

/// An update that changed nothing leaves nothing in the log, and it does not matter whether it was committed.
pub(super) fn is_without_effect(row: &crate::intent::RowIntent) -> bool {
    match (&row.work, &row.readback) {
        (RowWork::Update { guard, .. }, Some(Readback::Row(cells))) => {
            guard.iter().all(|(column, old)| cells.get(usize::from(*column)) == Some(old))
        }
        _ => false,
    }
}
