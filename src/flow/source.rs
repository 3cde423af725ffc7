//! Reads the stream, reconnects, and hands events on in order.

use std::{sync::Arc, time::Duration};

use sheetwire_engine::{backoff::Backoff, position::Position};
use tokio::sync::mpsc;

use crate::{
    clock::Clock,
    fault::Fault,
    flow::filter::Filter,
    ports::{MappedTable, RowSource, SourceDoor, SourceEvent},
};

/// The source side of a pipeline.
pub struct Source {
    /// Opens streams.
    pub door: Arc<dyn SourceDoor>,
    /// Reads rows again where a table has a filter.
    pub rows: Arc<dyn RowSource>,
    /// Mapped tables.
    pub tables: Arc<Vec<MappedTable>>,
    /// Time.
    pub clock: Clock,
}

impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Source").field("tables", &self.tables.len()).finish_non_exhaustive()
    }
}

impl Source {
    /// Streams from `from` on into `out`, until a fault that trying again does not cure. A stream that breaks inside a transaction starts
    /// again before that transaction: rows say what is now, so hearing them twice is harmless.
    pub async fn run(self, from: Position, out: mpsc::Sender<SourceEvent>, seed: u64) -> Fault {
        let mut position = from;
        let mut backoff = Backoff::new(Duration::from_millis(500), Duration::from_secs(30), seed);
        loop {
            let fault = self.stream(&mut position, &out, &mut backoff).await;
            let Fault::Transient(reason) = fault else { return fault };
            let wait = backoff.next_wait();
            tracing::warn!(reason, wait_ms = wait.as_millis(), "the stream broke, reconnecting");
            self.clock.sleep_until(self.clock.now() + wait).await;
        }
    }

    async fn stream(
        &self,
        position: &mut Position,
        out: &mpsc::Sender<SourceEvent>,
        backoff: &mut Backoff,
    ) -> Fault {
        let mut stream = match self.door.open(position).await {
            Ok(stream) => stream,
            Err(fault) => return fault,
        };
        let mut filter = Filter::default();
        loop {
            let event = match stream.next().await {
                Ok(event) => event,
                Err(fault) => return fault,
            };
            backoff.reset();
            if let Err(fault) = filter.take(event, &self.tables) {
                return fault;
            }
            loop {
                let event = match filter.next(&self.tables, self.rows.as_ref()).await {
                    Ok(Some(event)) => event,
                    Ok(None) => break,
                    Err(fault) => return fault,
                };
                if let SourceEvent::Commit { position: reached, .. } = &event {
                    position.clone_from(reached);
                }
                if out.send(event).await.is_err() {
                    return Fault::Transient("the pipeline is closing".to_owned());
                }
            }
        }
    }
}
