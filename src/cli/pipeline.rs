//! The pipeline that a verb is about: it runs and is asked over its socket, or it does not and its store is looked into.

use std::{io, path::PathBuf, time::Duration};

use sheetwire_engine::{change::TableId, engine::Status, render::Rendering};

use super::{look::Look, tables};
use crate::{
    app,
    clock::Clock,
    config::{Config, Table},
    fault::Fault,
    flow::{
        request::{Answer, Request},
        socket,
    },
    store::SledStore,
};

/// Between two questions while something is waited for.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// A configured pipeline.
pub(super) struct Pipeline {
    pub(super) config: Config,
    /// The configuration file, for sentences.
    file: PathBuf,
    /// By number, the names that people type.
    names: Vec<String>,
    pub(super) clock: Clock,
}

impl Pipeline {
    /// Of a configuration whose tables are those of the data folder.
    pub(super) fn new(config: Config, file: PathBuf) -> Result<Self, Fault> {
        app::same_tables(&config)?;
        Ok(Self { names: tables::names(&config), config, file, clock: Clock::start() })
    }

    /// The name of a table.
    pub(super) fn name(&self, table: TableId) -> &str {
        self.names.get(usize::from(table.0)).map_or("?", String::as_str)
    }

    /// What is configured for a table.
    pub(super) fn table(&self, table: TableId) -> Option<&Table> {
        self.config.tables.get(usize::from(table.0))
    }

    /// A table as it stands in JSON.
    pub(super) fn table_json(&self, table: TableId) -> serde_json::Value {
        let (name, to) = match self.table(table) {
            Some(found) => (format!("{}.{}", found.database, found.table), Some(&found.to)),
            None => ("?".to_owned(), None),
        };
        serde_json::json!({
            "table": name,
            "spreadsheet": to.map(|to| to.spreadsheet.as_str()),
            "tab": to.map(|to| to.tab.as_str()),
        })
    }

    /// Asks the process; none where there is none.
    pub(super) async fn ask(&self, request: &Request) -> Result<Option<Answer>, Fault> {
        let dir = &self.config.data_dir;
        match socket::ask(dir, request).await {
            Ok(Some(Answer::Refused(why))) => Err(Fault::Configuration(why)),
            Ok(answer) => Ok(answer),
            Err(error) if error.kind() == io::ErrorKind::TimedOut => {
                Err(Fault::Configuration(format!(
                    "pipeline {} does not answer within {:?}: it is stopped, or very busy; look at its log",
                    self.config.name,
                    socket::ANSWER_WITHIN
                )))
            }
            Err(error) => Err(Fault::Configuration(format!(
                "could not ask over {}: {error}; do this as the user that runs the pipeline",
                socket::path(dir).display()
            ))),
        }
    }

    /// Asks the process, which must be there and have started.
    pub(super) async fn demand(&self, request: &Request) -> Result<Answer, Fault> {
        match self.ask(request).await? {
            None => Err(self.does_not_run()),
            Some(Answer::Starting(whom)) => Err(Fault::Configuration(format!(
                "pipeline {} is starting, and waits for {whom}; try again when `sheetwire status` says that it runs",
                self.config.name
            ))),
            Some(answer) => Ok(answer),
        }
    }

    /// Gives an order, or asks; how it is since.
    pub(super) async fn status(&self, request: &Request) -> Result<Status, Fault> {
        match self.demand(request).await? {
            Answer::Status(status) => Ok(*status),
            other => Err(unexpected(&other)),
        }
    }

    /// How it is once `rests` holds, or when the time is up; and whether it does.
    pub(super) async fn wait(
        &self,
        within: Duration,
        rests: impl Fn(&Status) -> bool,
    ) -> Result<(Status, bool), Fault> {
        let end = self.clock.now() + within;
        loop {
            let status = self.status(&Request::Status {}).await?;
            let now = self.clock.now();
            if rests(&status) || now >= end {
                return Ok((status.clone(), rests(&status)));
            }
            self.clock.sleep_until(end.min(now + LOOK_EVERY)).await;
        }
    }

    /// How a table's rows look, from the running pipeline; none where it does not run or does not carry the table.
    pub(super) async fn look(&self, table: TableId) -> Option<Look> {
        let rendering = self.table(table).map(|table| Rendering {
            zone: table.timezone.clone(),
            empty_text: table.empty_text.clone(),
        })?;
        match self.ask(&Request::Columns { table }).await {
            Ok(Some(Answer::Columns(layout))) => Some(Look { layout, rendering }),
            _ => None,
        }
    }

    /// The store of a pipeline that does not run.
    pub(super) fn store(&self) -> Result<SledStore, Fault> {
        app::closed_store(&self.config)?.ok_or_else(|| {
            Fault::Configuration(format!(
                "pipeline {} has never run: {} holds nothing yet; start it with {}",
                self.config.name,
                self.config.data_dir.display(),
                self.run_command()
            ))
        })
    }

    /// That something needs a running pipeline.
    pub(super) fn does_not_run(&self) -> Fault {
        Fault::Configuration(format!(
            "pipeline {} does not run, and this needs it: start it with {}, or its service, and try again",
            self.config.name,
            self.run_command()
        ))
    }

    fn run_command(&self) -> String {
        format!("`sheetwire run --config {}`", self.file.display())
    }
}

/// An answer to another question.
pub(super) fn unexpected(answer: &Answer) -> Fault {
    // Not the answer itself: it may carry values.
    let kind = match answer {
        Answer::Starting(_) => "that it is starting",
        Answer::Status(_) => "how it is",
        Answer::Held(_) => "what is held",
        Answer::Conflicts(_) | Answer::Conflict(_) => "conflicts",
        Answer::History(_) => "a history",
        Answer::Columns(_) => "columns",
        Answer::Refused(_) => "that it refuses",
    };
    Fault::Configuration(format!(
        "the pipeline answered another question ({kind}): use the `sheetwire` that `run` was started with, or restart `run`"
    ))
}
