//! The body of a request, strictly: one JSON object of these fields, each once.

use serde::Deserialize;

/// What is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Verb {
    /// Something changed here.
    Ring,
    /// How does this tab stand?
    Status,
    /// What is known about this cell?
    Explain,
    /// The database's value, please.
    Revert,
}

/// A request of the script.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Payload {
    /// What is wanted.
    pub(super) verb: Verb,
    /// Which spreadsheet.
    pub(super) spreadsheet: String,
    /// Numeric id of the tab.
    pub(super) sheet: i32,
    /// Its title; a hint for people.
    pub(super) tab: String,
    /// The range in A1 notation, where there is one.
    pub(super) range: Option<String>,
    /// `edit`, a change type of Google's, `menu` or `conflicts`.
    pub(super) kind: String,
    /// When, by the script's clock, milliseconds since the Unix epoch.
    pub(super) at: i64,
    /// Who, where Google tells.
    pub(super) user: Option<String>,
}

impl Payload {
    /// Reads a body.
    ///
    /// # Errors
    /// What is wrong with it, without any of its content.
    pub(super) fn read(body: &[u8]) -> Result<Self, String> {
        serde_json::from_slice(body).map_err(|error| {
            format!(
                "{:?} error in line {}, column {}",
                error.classify(),
                error.line(),
                error.column()
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"{"verb":"ring","spreadsheet":"s","sheet":7,"tab":"T","range":"B5","kind":"edit","at":1700000000000,"user":null}"#;

    #[test]
    fn one_object_of_known_fields_each_once_and_nothing_deep() {
        let payload = Payload::read(GOOD.as_bytes()).unwrap();
        assert_eq!(
            (payload.verb, payload.sheet, payload.range.as_deref()),
            (Verb::Ring, 7, Some("B5"))
        );
        let deep = format!("{}{}", "[".repeat(5_000), "]".repeat(5_000));
        for wrong in [
            GOOD.replace("\"tab\":\"T\"", "\"tab\":\"T\",\"tab\":\"U\""),
            GOOD.replace("\"sheet\":7", "\"sheet\":7,\"verb\":\"revert\""),
            GOOD.replace("\"tab\":\"T\"", "\"tab\":\"T\",\"value\":1"),
            GOOD.replace("\"ring\"", "\"write\""),
            GOOD.replace("\"B5\"", &deep),
            GOOD.replace('7', "7e99"),
            GOOD.replace("\"kind\":\"edit\",", ""),
            format!("{GOOD} {GOOD}"),
            deep,
            String::new(),
        ] {
            let why = Payload::read(wrong.as_bytes()).unwrap_err();
            assert!(!why.contains("spreadsheet") && why.len() < 80, "{why}");
        }
    }
}
