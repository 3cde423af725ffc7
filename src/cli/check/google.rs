//! The spreadsheets: whether they are reached, whose they are, whether they keep what the writer relies on, and whether tabs fit.

use sheetwire_engine::{
    TabSpec,
    batch::{SpreadsheetImage, TabRead},
    compare::compare,
};

use super::{super::comparison::refused, fail, folder::Kept, info, of_fault, warn};
use crate::{
    app,
    clock::Clock,
    config::Config,
    fault::Fault,
    mysql::preflight::Finding,
    ports::{MappedTable, SheetSink},
    sheets::SheetsClient,
};

/// Looks at every spreadsheet; one that refuses hides nothing of the others.
pub(super) async fn look(
    config: &Config,
    (clock, kept, tables): (&Clock, &Kept, &[MappedTable]),
    findings: &mut Vec<Finding>,
) {
    let client = match app::open_sheets(config, clock).await {
        Ok(client) => client,
        Err(fault) => return findings.push(of_fault("Google", &fault)),
    };
    let specs = app::specs(config, tables);
    for spreadsheet in app::spreadsheets(config) {
        let desk = Desk { config, client: &client, kept, spreadsheet: &spreadsheet };
        if let Err(fault) = desk.look(&specs, findings).await {
            findings.push(of_fault(&desk.place(), &fault));
        }
    }
}

/// One spreadsheet, looked at.
struct Desk<'a> {
    config: &'a Config,
    client: &'a SheetsClient,
    kept: &'a Kept,
    spreadsheet: &'a str,
}

impl Desk<'_> {
    fn place(&self) -> String {
        format!("spreadsheet {}", self.spreadsheet)
    }

    async fn look(&self, specs: &[TabSpec], findings: &mut Vec<Finding>) -> Result<(), Fault> {
        let place = self.place();
        let image = SheetSink::open(self.client, self.spreadsheet).await.map_err(refused)?;
        findings.push(info(&place, &format!("'{}', readable", image.title)));
        findings.push(self.cells(&image));
        if let Some(foreign) = self.owner(&image) {
            // Not even the probe's hidden tab goes into a spreadsheet of somebody else's.
            findings.push(foreign);
        } else {
            let report = self.client.probe(self.spreadsheet).await?;
            findings.push(info(&place, &format!("writable; fence by {:?}", report.fence)));
        }
        for table in &self.config.tables {
            if table.to.spreadsheet.as_str() != self.spreadsheet {
                continue;
            }
            let spec = specs.iter().find(|spec| {
                spec.spreadsheet == self.spreadsheet && spec.title == table.to.tab.as_str()
            });
            findings.push(self.tab(table.to.tab.as_str(), spec, &image).await?);
        }
        Ok(())
    }

    async fn tab(
        &self,
        title: &str,
        spec: Option<&TabSpec>,
        image: &SpreadsheetImage,
    ) -> Result<Finding, Fault> {
        let place = format!("tab '{title}'");
        let by_title = || image.tabs.iter().find(|tab| tab.title == title);
        let found = match spec {
            Some(spec) => self.kept.homes.find(spec, image),
            None => by_title(),
        };
        let Some(tab) = found else {
            return Ok(info(&place, "does not exist; `run` makes it"));
        };
        let called = if tab.title == title {
            String::new()
        } else {
            format!("is called '{}' by now; ", tab.title)
        };
        let Some(spec) = spec else {
            return Ok(info(
                &place,
                "exists; its columns are looked at when the table is readable",
            ));
        };
        let read = TabRead {
            sheet_id: tab.sheet_id,
            header_row: spec.header_row,
            columns: None,
            rows: None,
        };
        let images = self.client.read(self.spreadsheet, &[read]).await.map_err(refused)?;
        let Some(image) = images.tabs.into_iter().next() else {
            return Err(Fault::Google("Google answered without a tab; try again".into()));
        };
        Ok(match compare(spec.clone(), std::iter::empty(), image) {
            Ok(found) => {
                let keyed = found.differences.len();
                info(&place, &format!("{called}columns found, {keyed} rows with a key"))
            }
            Err(reason) => {
                let (found, cure) =
                    reason.rsplit_once("; ").unwrap_or((&reason, "mend the tab's header row"));
                fail(&place, found, cure)
            }
        })
    }

    /// Who keeps the spreadsheet, where that is not this pipeline.
    fn owner(&self, image: &SpreadsheetImage) -> Option<Finding> {
        let place = self.place();
        let broken = || {
            fail(
                &place,
                "its journal tab '_sheetwire' was changed by somebody",
                "delete that tab, and everything is compared again",
            )
        };
        let Some(journal) = &image.journal else {
            return (image.journal_tab || image.fence.is_some()).then(broken);
        };
        if image.fence != Some(journal.sequence) {
            return Some(broken());
        }
        let owner = &journal.owner;
        if owner.spreadsheet != self.spreadsheet {
            let found =
                format!("it is a copy of the spreadsheet {}, journal and all", owner.spreadsheet);
            return Some(fail(&place, &found, "run with --takeover, if it shall be kept too"));
        }
        if owner.pipeline == self.config.name.as_str()
            && Some(&owner.instance) == self.kept.instance.as_ref()
        {
            return None;
        }
        let found = format!(
            "it is kept by another instance (pipeline '{}', instance {})",
            owner.pipeline, owner.instance
        );
        Some(fail(&place, &found, "stop that one, or run with --takeover if it is gone for good"))
    }

    /// How full it is, with the journal as large as it may become.
    fn cells(&self, image: &SpreadsheetImage) -> Finding {
        let size = |rows: u32, columns: u32| u64::from(rows) * u64::from(columns);
        let tabs: u64 = image.tabs.iter().map(|tab| size(tab.rows, tab.columns)).sum();
        let mapped = |title: &str| {
            let tables = self.config.tables.iter();
            let mut here = tables.filter(|table| table.to.spreadsheet.as_str() == self.spreadsheet);
            here.any(|table| table.to.tab.as_str() == title)
        };
        let widest = image.tabs.iter().filter(|tab| mapped(&tab.title)).map(|tab| tab.columns);
        let rows = u32::try_from(self.config.sheets.flush.max_rows).unwrap_or(u32::MAX);
        let journal = self.client.journal_cells_max(self.spreadsheet, rows, widest.max());
        let used = tabs + journal;
        let percent = used * 100 / CELLS_MAX;
        let found = format!(
            "{used} cells with the journal tab's {journal}, {percent} % of what Google allows"
        );
        if percent < 80 {
            return info(&self.place(), &found);
        }
        let cure = "remove empty rows and columns, or spread the tabs over two spreadsheets";
        warn(&self.place(), &found, cure)
    }
}

/// Google's limit for a spreadsheet, empty cells of the grids included.
const CELLS_MAX: u64 = 10_000_000;
