//! The database: whether it is reached, its settings, grants and tables, and whether it still holds what comes next.

use super::{fail, folder::Kept, of_fault, warn};
use crate::{
    app,
    config::Config,
    mysql::preflight::{Finding, Reader},
    ports::MappedTable,
};

/// Gives the tables that can be carried.
pub(super) async fn look(
    config: &Config,
    kept: &Kept,
    findings: &mut Vec<Finding>,
) -> Vec<MappedTable> {
    let server = &config.mysql.server;
    let place = format!("database {}:{}", server.host, server.port);
    let found = match app::resolve_tables(config).await {
        Ok(found) => found,
        Err(fault) => {
            findings.push(of_fault(&place, &fault));
            return Vec::new();
        }
    };
    let reader = if kept.runs { Reader::Ours } else { Reader::Unknown };
    match app::preflight(config, &found.tables, (kept.position.as_ref(), reader)).await {
        Ok(more) => findings.extend(more),
        Err(fault) => findings.push(of_fault(&place, &fault)),
    }
    let names = config.table_names();
    for (table, reason) in &found.refused {
        let name = names.get(usize::from(table.0)).map(String::as_str).unwrap_or_default();
        let place = format!("table {name}");
        let said = reason.strip_prefix(&format!("{place}: ")).unwrap_or(reason);
        findings.push(fail(&place, said, app::AFTER_A_CURE));
    }
    findings.extend(found.warnings.iter().map(|said| warn("table", said, "see that it fits you")));
    found.tables
}
