//! Reads a table and its tab, and compares them cell by cell: for `verify` and `repair`.

use std::time::Duration;

use sheetwire_engine::{
    TabSpec,
    batch::{ReadFailure, TabImage, TabRead},
    change::Row,
    compare::{Comparison, compare},
};

use super::{homes::Homes, progress::Progress};
use crate::{
    app::Doorway,
    clock::Clock,
    fault::Fault,
    ports::{MappedTable, SheetSink},
};

/// Rows read at once.
const CHUNK_ROWS: usize = 10_000;
/// A table that still changes is compared again, so often at most.
const ROUNDS: u32 = 5;
const BETWEEN_ROUNDS: Duration = Duration::from_secs(3);
/// Where the running pipeline or somebody else has used up the read quota of a minute, the next one is waited for; so often at most.
const QUOTA_ROUNDS: u32 = 6;
const QUOTA_PAUSE: Duration = Duration::from_secs(20);

/// Compares a table with its tab. Rows that are on their way while it looks are given time to arrive.
pub(super) async fn settle(
    doorway: &Doorway,
    (table, spec, homes): (&MappedTable, &TabSpec, &Homes),
    clock: &Clock,
    progress: &Progress,
) -> Result<Comparison, Fault> {
    let mut round = 1;
    loop {
        let rows = read_table(doorway, table, progress).await?;
        progress.begins(&format!("tab '{}'", spec.title));
        let image = read_tab(doorway, (spec, homes), (clock, progress)).await?;
        progress.begins(&format!("comparing {} rows of '{}'", rows.len(), spec.title));
        let found = compare(spec.clone(), rows.into_iter(), image).map_err(Fault::Table)?;
        if found.differences.is_empty() || round == ROUNDS {
            return Ok(found);
        }
        round += 1;
        progress.begins(&format!("'{}' differs; looking again", spec.title));
        clock.sleep_until(clock.now() + BETWEEN_ROUNDS).await;
    }
}

async fn read_table(
    doorway: &Doorway,
    table: &MappedTable,
    progress: &Progress,
) -> Result<Vec<Row>, Fault> {
    let mut rows: Vec<Row> = Vec::new();
    progress.begins(&format!("table {}.{}", table.database, table.table));
    loop {
        let after = rows.last().map(|row| table.key_of(row));
        let chunk = doorway.rows.chunk(table, after.as_deref(), CHUNK_ROWS, None).await?;
        rows.extend(chunk.rows);
        progress.has_read(rows.len());
        if chunk.last {
            return Ok(rows);
        }
    }
}

async fn read_tab(
    doorway: &Doorway,
    (spec, homes): (&TabSpec, &Homes),
    (clock, progress): (&Clock, &Progress),
) -> Result<TabImage, Fault> {
    let open = || doorway.sheets.open(&spec.spreadsheet);
    let image = within_quota((clock, progress), open).await.map_err(refused)?;
    let Some(tab) = homes.find(spec, &image) else {
        return Err(Fault::Table(format!(
            "spreadsheet {} has no tab '{}': start `sheetwire run`, which makes it",
            spec.spreadsheet, spec.title
        )));
    };
    let read =
        TabRead { sheet_id: tab.sheet_id, header_row: spec.header_row, columns: None, rows: None };
    let reads = [read];
    let read = || doorway.sheets.read(&spec.spreadsheet, &reads);
    let images = within_quota((clock, progress), read).await.map_err(refused)?;
    images
        .tabs
        .into_iter()
        .next()
        .ok_or_else(|| Fault::Google("Google answered without a tab".into()))
}

/// Asks again where only the quota stood in the way.
async fn within_quota<T, F>(
    (clock, progress): (&Clock, &Progress),
    ask: impl Fn() -> F,
) -> Result<T, ReadFailure>
where
    F: Future<Output = Result<T, ReadFailure>>,
{
    let mut round = 1;
    loop {
        match ask().await {
            Err(ReadFailure::Throttled) if round < QUOTA_ROUNDS => {
                round += 1;
                progress.begins("waiting for Google: the read quota of this minute is used up");
                clock.sleep_until(clock.now() + QUOTA_PAUSE).await;
            }
            answer => return answer,
        }
    }
}

pub(super) fn refused(failure: ReadFailure) -> Fault {
    match failure {
        ReadFailure::Throttled => {
            Fault::Google("the read quota of this minute is used up: try again in a minute".into())
        }
        ReadFailure::Transient { reason } => Fault::Google(format!("{reason}; try again")),
        ReadFailure::TabGone { .. } => Fault::Google("the tab was removed meanwhile".into()),
        ReadFailure::Denied { message } => Fault::Google(message),
    }
}
