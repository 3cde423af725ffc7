//! `sheetwire held`: rows that are gone from a tab and wait for a person, because they are many or because the configuration says so.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde_json::{Value, json};
use sheetwire_engine::{change::TableId, state::RowKey};

use super::{
    output::{self, counted, harmless},
    pause::of_table,
    pipeline::{Pipeline, unexpected},
    say, tables,
};
use crate::{
    fault::Fault,
    flow::request::{Answer, Held, Request},
};

/// Rows listed for each table.
const SHOWN_MAX: usize = 50;

/// What is said behind `held`.
#[derive(Debug, Subcommand)]
pub(super) enum HeldVerb {
    /// Rows that wait; exit 1 if there are any.
    List {
        /// Of this table only.
        table: Option<String>,
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Let rows go: they are removed from the database too.
    Approve(WhichRows),
    /// Put rows back into the tab.
    Reject(WhichRows),
}

/// Which rows are meant.
#[derive(Debug, Args)]
pub(super) struct WhichRows {
    /// The table; needed where rows are named.
    table: Option<String>,
    /// Keys as `held list` shows them, the parts of one key with commas between them.
    #[arg(value_name = "KEY", allow_negative_numbers = true)]
    keys: Vec<String>,
    /// All rows that are held.
    #[arg(long, conflicts_with = "keys")]
    all: bool,
    /// As JSON.
    #[arg(long)]
    json: bool,
}

/// Does what was typed.
pub(super) async fn held(pipeline: &Pipeline, verb: &HeldVerb) -> Result<ExitCode, Fault> {
    match verb {
        HeldVerb::List { table, json } => list(pipeline, table.as_deref(), *json).await,
        HeldVerb::Approve(which) => release(pipeline, which, true).await,
        HeldVerb::Reject(which) => release(pipeline, which, false).await,
    }
}

/// What waits in the chosen tables.
async fn waiting(pipeline: &Pipeline, table: Option<&str>) -> Result<Vec<Held>, Fault> {
    let chosen = tables::chosen(&pipeline.config, table)?;
    match pipeline.demand(&Request::Held {}).await? {
        Answer::Held(mut all) => {
            all.retain(|held| chosen.contains(&held.table));
            Ok(all)
        }
        other => Err(unexpected(&other)),
    }
}

async fn list(pipeline: &Pipeline, table: Option<&str>, json: bool) -> Result<ExitCode, Fault> {
    let all = waiting(pipeline, table).await?;
    if json {
        let tables: Vec<Value> = all.iter().map(|held| as_json(pipeline, held)).collect();
        let object = json!({"held": tables});
        say(&serde_json::to_string_pretty(&object).unwrap_or_default());
    } else if all.is_empty() {
        say("nothing is held");
    } else {
        all.iter()
            .flat_map(|held| lines(pipeline.name(held.table), held))
            .for_each(|line| say(&line));
        if all.iter().any(|held| held.count > 0) {
            say("approve: they go from the database too; reject: they are put back into the tab");
        }
    }
    Ok(ExitCode::from(u8::from(!all.is_empty())))
}

fn lines(name: &str, held: &Held) -> Vec<String> {
    let mut lines = Vec::new();
    if held.count > 0 {
        let rows = counted(held.count, "row is", "rows are");
        lines.push(format!("{name}: {rows} gone from the tab and held"));
        let shown = held.keys.iter().take(SHOWN_MAX);
        lines.extend(shown.map(|key| harmless(&format!("  {}", output::key(key)))));
        if held.count > SHOWN_MAX {
            lines.push(format!("  and {} more", held.count - SHOWN_MAX));
        }
    }
    if !held.drafts.is_empty() {
        let rows = counted(held.drafts.len(), "new row lacks", "new rows lack");
        lines.push(format!("{name}: {rows} something before the database can take it"));
        let drafts = held.drafts.iter().take(SHOWN_MAX);
        lines.extend(drafts.map(|(row, what)| harmless(&format!("  row {}: {what}", row.0 + 1))));
    }
    lines
}

async fn release(
    pipeline: &Pipeline,
    which: &WhichRows,
    approved: bool,
) -> Result<ExitCode, Fault> {
    let verb = if approved { "approve" } else { "reject" };
    if which.keys.is_empty() && !which.all {
        return Err(Fault::Configuration(format!(
            "say which rows: `sheetwire held {verb} TABLE KEY...`, or --all for every row that `sheetwire held list` shows"
        )));
    }
    let all = waiting(pipeline, which.table.as_deref()).await?;
    let mut rows = 0;
    let mut done = Vec::new();
    for (table, keys) in meant(pipeline, which, &all)? {
        let count = all.iter().find(|held| held.table == table).map_or(0, |held| held.count);
        let count = keys.as_ref().map_or(count, Vec::len);
        let order = Request::Release { table, keys, approved };
        pipeline.status(&order).await.map_err(|fault| of_table(pipeline, table, &fault))?;
        rows += count;
        done.push(json!({"where": pipeline.table_json(table), "rows": count}));
    }
    if which.json {
        let object = json!({"approved": approved, "rows": rows, "tables": done});
        say(&serde_json::to_string_pretty(&object).unwrap_or_default());
    } else {
        let rows_ = counted(rows, "row", "rows");
        say(&match (rows, approved) {
            (0, _) => "nothing is held".to_owned(),
            (_, true) => {
                format!("{rows_} let go: removed from the database with the next transaction")
            }
            (_, false) => format!("{rows_} to be put back: in the tab with the next batch"),
        });
    }
    Ok(ExitCode::SUCCESS)
}

/// Rows of one table; no list stands for all of them.
type Rows = Option<Vec<RowKey>>;

/// The tables and rows that are meant.
fn meant(
    pipeline: &Pipeline,
    which: &WhichRows,
    all: &[Held],
) -> Result<Vec<(TableId, Rows)>, Fault> {
    if which.all {
        let tables = all.iter().filter(|held| held.count > 0);
        return Ok(tables.map(|held| (held.table, None)).collect());
    }
    let table = tables::find(&pipeline.config, which.table.as_deref().unwrap_or_default())?;
    let held = all.iter().find(|held| held.table == table);
    let known = held.map(|held| held.keys.as_slice()).unwrap_or_default();
    let key = |word: &String| {
        find(known, word).map_err(|why| {
            Fault::Configuration(format!("{} of {}: {why}", harmless(word), pipeline.name(table)))
        })
    };
    let keys: Result<Vec<RowKey>, Fault> = which.keys.iter().map(key).collect();
    Ok(vec![(table, Some(keys?))])
}

/// The one held row that is meant.
fn find(known: &[RowKey], word: &str) -> Result<RowKey, &'static str> {
    let mut meant = known.iter().filter(|key| output::key(key) == word);
    match (meant.next(), meant.next()) {
        (Some(key), None) => Ok(key.clone()),
        (Some(_), Some(_)) => Err("several held rows are written like this; use --all"),
        (None, _) => Err("this row is not held; `sheetwire held list` shows those that are"),
    }
}

fn as_json(pipeline: &Pipeline, held: &Held) -> Value {
    let keys: Vec<Vec<String>> = held.keys.iter().map(RowKey::parts).collect();
    let drafts = held.drafts.iter();
    let drafts: Vec<Value> =
        drafts.map(|(row, what)| json!({"row": row.0 + 1, "lacks": what})).collect();
    json!({
        "where": pipeline.table_json(held.table),
        "rows": held.count,
        "keys": keys,
        "incomplete": drafts,
    })
}

#[cfg(test)]
mod tests {
    use sheetwire_engine::batch::RowIndex;

    use super::*;

    fn keys(words: &[&str]) -> Vec<RowKey> {
        words.iter().map(|word| RowKey((*word).into())).collect()
    }

    #[test]
    fn a_held_row_is_named_as_it_is_listed() {
        let known = keys(&["7", "'a\u{1f}2", "'b,c\u{1f}'d", "'b\u{1f}'c,d"]);
        assert_eq!(find(&known, "7").unwrap(), known[0]);
        assert_eq!(find(&known, "a,2").unwrap(), known[1]);
        assert!(find(&known, "8").unwrap_err().contains("not held"));
        assert!(find(&known, "b,c,d").unwrap_err().contains("--all"));
    }

    #[test]
    fn what_waits_is_listed_with_its_number() {
        let held = Held {
            table: TableId(0),
            count: 51,
            keys: (0..51).map(|n| RowKey(n.to_string().into())).collect(),
            drafts: vec![(RowIndex(4), "name is missing".to_owned())],
        };
        let lines = lines("shop.orders", &held);
        assert_eq!(lines[0], "shop.orders: 51 rows are gone from the tab and held");
        assert_eq!((lines[1].as_str(), lines[51].as_str()), ("  0", "  and 1 more"));
        assert_eq!(lines[53], "  row 5: name is missing");
    }
}
