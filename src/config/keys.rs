//! Every key there is, and its kind. Unknown keys, environment overrides and the example file are checked against this list.

/// What a key holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A string; durations, sizes, paths and choices too.
    Text,
    /// A whole number.
    Integer,
    /// A list of strings.
    List,
    /// Strings under names that the operator chooses.
    Map,
}

impl Kind {
    /// The kind in sentences.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Text => "text in quotes",
            Self::Integer => "a whole number",
            Self::List => "a list of texts, as in [\"a\", \"b\"]",
            Self::Map => "names with texts, as in { a = \"x\" }",
        }
    }
}

/// Path of each key and its kind. `[]` stands behind a section that is repeated.
pub(super) const KEYS: &[(&str, Kind)] = &[
    ("name", Kind::Text),
    ("data_dir", Kind::Text),
    ("mysql.host", Kind::Text),
    ("mysql.port", Kind::Integer),
    ("mysql.user", Kind::Text),
    ("mysql.password_file", Kind::Text),
    ("mysql.password_env", Kind::Text),
    ("mysql.tls", Kind::Text),
    ("mysql.ca_file", Kind::Text),
    ("mysql.server_id", Kind::Integer),
    ("mysql.heartbeat", Kind::Text),
    ("mysql.position", Kind::Text),
    ("mysql.snapshot", Kind::Text),
    ("mysql.writer.host", Kind::Text),
    ("mysql.writer.port", Kind::Integer),
    ("mysql.writer.user", Kind::Text),
    ("mysql.writer.password_file", Kind::Text),
    ("mysql.writer.password_env", Kind::Text),
    ("mysql.writer.tls", Kind::Text),
    ("mysql.writer.ca_file", Kind::Text),
    ("sheets.endpoint", Kind::Text),
    ("sheets.credentials_file", Kind::Text),
    ("sheets.timeout", Kind::Text),
    ("sheets.budget.writes_per_minute", Kind::Integer),
    ("sheets.budget.reads_per_minute", Kind::Integer),
    ("sheets.flush.every", Kind::Text),
    ("sheets.flush.max_bytes", Kind::Text),
    ("sheets.flush.max_rows", Kind::Integer),
    ("webhook.listen", Kind::Text),
    ("webhook.secret_file", Kind::Text),
    ("webhook.sweep", Kind::Text),
    ("status.listen", Kind::Text),
    ("limits.rows_pending_max", Kind::Integer),
    ("limits.chunk_rows", Kind::Integer),
    ("limits.history_changes_max", Kind::Integer),
    ("log.format", Kind::Text),
    ("log.filter", Kind::Text),
    ("table[].from", Kind::Text),
    ("table[].to.spreadsheet", Kind::Text),
    ("table[].to.tab", Kind::Text),
    ("table[].to.header_row", Kind::Integer),
    ("table[].direction", Kind::Text),
    ("table[].columns", Kind::List),
    ("table[].where", Kind::Text),
    ("table[].conflict", Kind::Text),
    ("table[].owner", Kind::Map),
    ("table[].on_delete.in_database", Kind::Text),
    ("table[].on_delete.in_sheet", Kind::Text),
    ("table[].empty_text", Kind::Text),
    ("table[].brake.rows", Kind::Integer),
    ("table[].brake.percent", Kind::Integer),
    ("table[].timezone", Kind::Text),
];

/// The path of every key, as in `mysql.writer.host` and `table[].to.tab`.
pub fn all() -> impl Iterator<Item = &'static str> {
    KEYS.iter().map(|(path, _)| *path)
}

/// Kind of the key with this path.
pub(super) fn kind(path: &str) -> Option<Kind> {
    KEYS.iter().find(|(known, _)| *known == path).map(|(_, kind)| *kind)
}

/// Whether keys stand below this path.
pub(super) fn is_section(path: &str) -> bool {
    all().any(|known| known.strip_prefix(path).is_some_and(|rest| rest.starts_with('.')))
}

/// What may stand directly in a section (`""` for the top of the file).
pub(super) fn names_in(section: &str) -> impl Iterator<Item = &'static str> {
    let prefix = if section.is_empty() { String::new() } else { format!("{section}.") };
    all().filter_map(move |known| {
        let rest = known.strip_prefix(&*prefix)?;
        let name = rest.split('.').next()?;
        Some(name.trim_end_matches("[]"))
    })
}

/// The advice for a key that does not exist: the nearest name in its section, or where the name is known.
pub(super) fn advice(section: &str, name: &str) -> String {
    if name.contains("password") || name.contains("secret") {
        return "is not a key: secrets do not stand in the configuration; write it to a file of its own and name that file (mysql.password_file, webhook.secret_file)".into();
    }
    if let Some(near) = nearest(name, names_in(section)) {
        return format!("is not a key; did you mean {near}?");
    }
    let elsewhere = all().find(|known| known.rsplit('.').next() == Some(name));
    if let Some(path) = elsewhere {
        return format!("is not a key here; did you mean {path}?");
    }
    let mut known: Vec<_> = names_in(section).collect();
    known.dedup();
    format!("is not a key; known here: {}", known.join(", "))
}

/// The candidate that is least different, if it is near enough to be meant: a third of its letters may differ.
pub fn nearest<'a>(word: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_lowercase().replace('-', "_");
    candidates
        .map(|candidate| (distance(&word, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= candidate.chars().count().div_ceil(3))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Letters to insert, remove, change or swap with their neighbour to make `b` of `a`.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut before: Vec<usize> = Vec::new();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, &from) in a.iter().enumerate() {
        let mut next = vec![i + 1];
        for (j, &to) in b.iter().enumerate() {
            let changed = row[j] + usize::from(from != to);
            let mut best = changed.min(row[j + 1] + 1).min(next[j] + 1);
            if i > 0 && j > 0 && from == b[j - 1] && a[i - 1] == to {
                best = best.min(before[j - 1] + 1);
            }
            next.push(best);
        }
        before = std::mem::replace(&mut row, next);
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_the_one_that_was_meant() {
        let cases = [
            ("mysql", "prot", "did you mean port?"),
            ("mysql", "sever_id", "did you mean server_id?"),
            ("mysql", "passwordfile", "secrets do not stand"),
            ("table[]", "colums", "did you mean columns?"),
            ("sheets.flush", "max-bytes", "did you mean max_bytes?"),
            ("", "host", "did you mean mysql.host?"),
            ("", "datadir", "did you mean data_dir?"),
            ("status", "colour", "known here: listen"),
        ];
        for (section, name, wanted) in cases {
            let advice = advice(section, name);
            assert!(advice.contains(wanted), "{section} {name}: {advice}");
        }
    }

    #[test]
    fn distance_counts_single_slips() {
        let cases = [("", "abc", 3), ("abc", "abc", 0), ("acb", "abc", 1), ("abx", "abc", 1)];
        for (a, b, wanted) in cases {
            assert_eq!((distance(a, b), distance(b, a)), (wanted, wanted), "{a} {b}");
        }
    }
}
