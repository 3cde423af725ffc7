//! Owns the engine: one loop, one `select!`.

use sheetwire_engine::{
    door::{Action, Input},
    time::Moment,
};
use tokio::sync::{mpsc, oneshot};

use crate::{
    clock::Clock,
    fault::Fault,
    flow::{
        answers::Clerk,
        asks::Asks,
        bells::Bells,
        herald::Herald,
        recorder::Recorded,
        request::{Answer, Request},
    },
    ports::{Said, SheetQuestion, SourceEvent},
};

/// A question from outside to the running pipeline.
#[derive(Debug)]
pub enum Question {
    /// From the control socket.
    Person(Request, oneshot::Sender<Answer>),
    /// From a person in a sheet.
    Sheet(SheetQuestion, oneshot::Sender<Said>),
}

/// The control loop of one pipeline.
#[derive(Debug)]
pub struct Control {
    recorded: Recorded,
    asks: Asks,
    clock: Clock,
    herald: Herald,
    clerk: Clerk,
    bells: Bells,
}

/// Events are absorbed so many at a time before the engine is asked again.
const EVENTS_AT_ONCE: usize = 64;

impl Control {
    /// A loop around an engine; `tables` are the configured names, for people.
    pub fn new(
        recorded: Recorded,
        (asks, bells): (Asks, Bells),
        clock: Clock,
        tables: &[String],
    ) -> Self {
        let clerk = Clerk::new(asks.tables());
        Self { recorded, asks, clock, herald: Herald::new(tables), clerk, bells }
    }

    /// Runs until a fault or until `shutdown` resolves; then drains for at most `grace`: what is pending goes to the sheets as far as the quota
    /// allows, and to the store in any case.
    pub async fn run(
        mut self,
        mut events: mpsc::Receiver<SourceEvent>,
        mut questions: mpsc::Receiver<Question>,
        shutdown: impl Future<Output = ()> + Send,
    ) -> Result<(), Fault> {
        let mut shutdown = std::pin::pin!(shutdown);
        loop {
            self.act()?;
            let wake = self.recorded.engine().wake();
            tokio::select! {
                biased;
                // 1. Being asked to stop comes before more work.
                () = &mut shutdown => break,
                // 2. Answers free the engine to go on.
                answer = self.asks.next() => self.handle(answer?),
                // 3. People waiting at a terminal.
                Some(question) = questions.recv() => self.reply(question),
                // 4. People working in a sheet.
                bell = self.bells.next() => self.handle(Input::Rang(bell)),
                // 5. The stream, as long as the store keeps up.
                Some(event) = events.recv(), if self.recorded.engine().wants_changes() => {
                    self.absorb(event);
                    for _ in 1..EVENTS_AT_ONCE {
                        let Ok(event) = events.try_recv() else { break };
                        self.absorb(event);
                    }
                }
                // 6. Time.
                () = alarm(&self.clock, wake) => {}
            }
        }
        self.drain(&mut questions).await
    }

    /// The shorter loop at the end: no intake, only answers and people, until the engine is at rest or the grace is over.
    async fn drain(&mut self, questions: &mut mpsc::Receiver<Question>) -> Result<(), Fault> {
        const GRACE: std::time::Duration = std::time::Duration::from_secs(20);
        let end = self.clock.now() + GRACE;
        while !self.recorded.engine().is_idle() && self.clock.now() < end {
            self.act()?;
            let wake = self.recorded.engine().wake();
            tokio::select! {
                biased;
                answer = self.asks.next() => self.handle(answer?),
                Some(question) = questions.recv() => self.reply(question),
                () = alarm(&self.clock, wake) => {}
                () = self.clock.sleep_until(end) => {}
            }
        }
        self.save().await?;
        let status = self.recorded.engine().status();
        let pending: usize = status.tables.iter().map(|table| table.pending).sum();
        tracing::info!(pending, position = status.position, "stopped");
        Ok(())
    }

    /// Makes everything durable that is not yet.
    async fn save(&mut self) -> Result<(), Fault> {
        while self.recorded.engine().has_unsaved() {
            self.recorded.hurry();
            self.act()?;
            let answer = self.asks.next().await?;
            self.handle(answer);
        }
        Ok(())
    }

    fn now(&self) -> Moment {
        Moment(u64::try_from(self.clock.now().as_micros()).unwrap_or(u64::MAX))
    }

    /// Does everything that the engine wants done now.
    fn act(&mut self) -> Result<(), Fault> {
        let now = self.now();
        for action in self.recorded.poll(now) {
            match action {
                Action::Tell(notice) => self.herald.tell(&notice),
                Action::Stop { reason } => return Err(Fault::AnotherInstance(reason)),
                question => self.asks.start(question),
            }
        }
        Ok(())
    }

    fn handle(&mut self, input: Input) {
        let now = self.now();
        self.recorded.handle(input, now);
    }

    fn absorb(&mut self, event: SourceEvent) {
        match event {
            SourceEvent::Rows { table, changes, at_us } => {
                self.handle(Input::Rows { table, changes, at_us });
            }
            SourceEvent::Commit { position, .. } => self.handle(Input::Commit { position }),
            SourceEvent::Heartbeat => {}
            SourceEvent::TableSetAside { table, reason } => {
                self.handle(Input::TableSetAside { table, reason });
            }
            SourceEvent::TableEmptied { table } => self.handle(Input::TableEmptied { table }),
        }
    }

    fn reply(&mut self, question: Question) {
        let now = self.now();
        match question {
            Question::Person(request, asker) => {
                let answer = self.clerk.answer(&mut self.recorded, request, now);
                if asker.send(answer).is_err() {
                    tracing::debug!("the asker has gone");
                }
            }
            Question::Sheet(question, asker) => {
                let said = self.clerk.say(&mut self.recorded, &question, now);
                if asker.send(said).is_err() {
                    tracing::debug!("the person in the sheet has gone");
                }
            }
        }
    }
}

async fn alarm(clock: &Clock, wake: Option<Moment>) {
    match wake {
        Some(moment) => clock.sleep_until(std::time::Duration::from_micros(moment.0)).await,
        None => std::future::pending().await,
    }
}
