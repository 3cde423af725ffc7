//! Which spreadsheets have been probed: a probe costs a few calls, so its result is kept beside the store.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use super::{FenceKind, SheetsClient};
use crate::{fault::Fault, hold};

/// Results by spreadsheet, in `probes.json` of the data folder. Losing the file costs a new probe.
#[derive(Debug)]
pub struct Probes {
    file: PathBuf,
}

impl Probes {
    /// The results kept in a data folder.
    pub fn of(data_dir: &Path) -> Self {
        Self { file: data_dir.join("probes.json") }
    }

    /// Probes every spreadsheet that was not probed before and tells the client its kind of fence. Gives the reads and writes spent.
    pub async fn run(
        &self,
        client: &SheetsClient,
        spreadsheets: &[String],
    ) -> Result<[u64; 2], Fault> {
        let mut known = self.load();
        let mut spent = [0, 0];
        for spreadsheet in spreadsheets {
            if let Some(kind) = known.get(spreadsheet).and_then(|word| kind(word)) {
                client.set_fence_kind(spreadsheet, kind);
                continue;
            }
            let report = client.probe(spreadsheet).await?;
            hold::here(hold::PROBED).await;
            tracing::info!(spreadsheet, fence = ?report.fence, "probed");
            spent[0] += report.reads;
            spent[1] += report.writes;
            known.insert(spreadsheet.clone(), word(report.fence).to_owned());
            self.save(&known)?;
        }
        Ok(spent)
    }

    fn load(&self) -> BTreeMap<String, String> {
        std::fs::read(&self.file)
            .ok()
            .and_then(|bytes| serde_json::from_slice(&bytes).ok())
            .unwrap_or_default()
    }

    fn save(&self, known: &BTreeMap<String, String>) -> Result<(), Fault> {
        let fresh = self.file.with_extension("new");
        let text = serde_json::to_vec_pretty(known).unwrap_or_default();
        std::fs::write(&fresh, text).and_then(|()| std::fs::rename(&fresh, &self.file)).map_err(
            |error| Fault::Configuration(format!("cannot write {}: {error}", self.file.display())),
        )
    }
}

fn word(kind: FenceKind) -> &'static str {
    match kind {
        FenceKind::NamedRange => "named_range",
        FenceKind::JournalTab => "journal_tab",
    }
}

fn kind(word: &str) -> Option<FenceKind> {
    match word {
        "named_range" => Some(FenceKind::NamedRange),
        "journal_tab" => Some(FenceKind::JournalTab),
        _ => None,
    }
}
