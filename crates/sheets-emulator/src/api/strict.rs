//! Refuses what Google's JSON reader would refuse: unknown fields, wrong types, unknown enum words.

use std::fmt::Write;

use serde_json::Value;

use super::error::ApiError;
use super::schema::{self, Kind};

/// Checks a request body against a message of the schema.
pub fn check(message: &'static str, body: &Value) -> Result<(), ApiError> {
    let mut reader = Reader { problems: Vec::new(), path: String::new() };
    reader.message(message, body);
    if reader.problems.is_empty() {
        return Ok(());
    }
    let sentences: Vec<&str> =
        reader.problems.iter().map(|(_, sentence)| sentence.as_str()).collect();
    Err(ApiError::bad_request(sentences.join("\n"), &reader.problems))
}

/// Checks the word of an enum given in the query string.
pub fn check_word(
    parameter: &str,
    type_name: &str,
    enum_name: &str,
    word: &str,
) -> Result<(), ApiError> {
    if schema::words(enum_name).contains(&word) {
        return Ok(());
    }
    let sentence = format!(
        "Invalid value at '{parameter}' (type.googleapis.com/google.apps.sheets.v4.{type_name}), \"{word}\""
    );
    Err(ApiError::bad_request(sentence.clone(), &[(parameter.to_owned(), sentence)]))
}

/// Problems reported at once; a body full of them is cut here.
const PROBLEMS_MAX: usize = 20;

struct Reader {
    problems: Vec<(String, String)>,
    path: String,
}

impl Reader {
    fn message(&mut self, name: &'static str, value: &Value) {
        let Value::Object(map) = value else {
            if !value.is_null() {
                self.wrong(&format!("type.googleapis.com/google.apps.sheets.v4.{name}"), value);
            }
            return;
        };
        for (key, inner) in map {
            match schema::field(name, key) {
                None => self.unknown(key),
                Some(_) if inner.is_null() => {}
                Some(Kind::NotModelled) => {
                    let sentence = format!(
                        "'{key}' of {name} is known to Google but not modelled by this emulator."
                    );
                    self.note(sentence);
                }
                Some(kind) => {
                    let length = self.path.len();
                    if length > 0 {
                        self.path.push('.');
                    }
                    push_snake(&mut self.path, key);
                    self.kind(kind, inner);
                    self.path.truncate(length);
                }
            }
        }
    }

    fn kind(&mut self, kind: &'static Kind, value: &Value) {
        match (kind, value) {
            (Kind::Any | Kind::NotModelled, _)
            | (Kind::Text | Kind::Mask, Value::String(_))
            | (Kind::Bool, Value::Bool(_)) => {}
            (Kind::Int, Value::Number(number))
                if number.as_i64().is_some_and(|n| i32::try_from(n).is_ok()) => {}
            (Kind::Number, Value::Number(number)) if number.as_f64().is_some() => {}
            (Kind::Enum(name), Value::String(word))
                if schema::words(name).contains(&word.as_str()) => {}
            (Kind::Message(name), _) => self.message(name, value),
            (Kind::Map(name), Value::Object(map)) => {
                for (key, inner) in map {
                    self.at(key, |reader| reader.message(name, inner));
                }
            }
            (Kind::List(item), Value::Array(items)) => {
                for (index, inner) in items.iter().enumerate() {
                    let length = self.path.len();
                    let _ = write!(self.path, "[{index}]");
                    self.kind(item, inner);
                    self.path.truncate(length);
                }
            }
            (Kind::List(_), _) => {
                // Google takes a lone message for a list of one and then fails on its type.
                self.unknown_list(value);
            }
            (Kind::Int, _) => self.wrong("TYPE_INT32", value),
            (Kind::Number, _) => self.wrong("TYPE_DOUBLE", value),
            (Kind::Bool, _) => self.wrong("TYPE_BOOL", value),
            (Kind::Text, _) => self.wrong("TYPE_STRING", value),
            (Kind::Mask, _) => self.wrong("type.googleapis.com/google.protobuf.FieldMask", value),
            (Kind::Enum(name) | Kind::Map(name), _) => {
                self.wrong(&format!("type.googleapis.com/google.apps.sheets.v4.{name}"), value);
            }
        }
    }

    fn at(&mut self, segment: &str, inside: impl FnOnce(&mut Self)) {
        let length = self.path.len();
        if !self.path.is_empty() {
            self.path.push('.');
        }
        self.path.push_str(segment);
        inside(self);
        self.path.truncate(length);
    }

    fn unknown(&mut self, key: &str) {
        let place =
            if self.path.is_empty() { String::new() } else { format!(" at '{}'", self.path) };
        self.note(format!(
            "Invalid JSON payload received. Unknown name \"{key}\"{place}: Cannot find field."
        ));
    }

    fn unknown_list(&mut self, value: &Value) {
        let sentence = format!(
            "Invalid value at '{}' (repeated field), {}",
            self.path,
            if value.is_object() {
                "an object where a list is expected".to_owned()
            } else {
                value.to_string()
            }
        );
        self.note(sentence);
    }

    fn wrong(&mut self, kind: &str, value: &Value) {
        self.note(format!("Invalid value at '{}' ({kind}), {value}", self.path));
    }

    fn note(&mut self, sentence: String) {
        if self.problems.len() < PROBLEMS_MAX {
            self.problems.push((self.path.clone(), sentence));
        }
    }
}

/// Appends `updateCells` as `update_cells`, the way error paths are written.
fn push_snake(path: &mut String, name: &str) {
    for c in name.chars() {
        if c.is_ascii_uppercase() {
            path.push('_');
        }
        path.push(c.to_ascii_lowercase());
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn sentence(body: &Value) -> String {
        check("BatchUpdateSpreadsheetRequest", body)
            .map_or_else(|error| error.message, |()| "fine".to_owned())
    }

    #[test]
    fn an_unknown_name_is_named_with_its_place() {
        assert_eq!(
            sentence(&json!({"requests": [{"updateCells": {"x": 1}}]})),
            "Invalid JSON payload received. Unknown name \"x\" at 'requests[0].update_cells': Cannot find field."
        );
        assert_eq!(
            sentence(&json!({"request": []})),
            "Invalid JSON payload received. Unknown name \"request\": Cannot find field."
        );
    }

    #[test]
    fn wrong_types_and_words_are_refused_and_nulls_are_not() {
        let body = json!({"requests": [{"deleteSheet": {"sheetId": "zero"}}]});
        assert_eq!(
            sentence(&body),
            "Invalid value at 'requests[0].delete_sheet.sheet_id' (TYPE_INT32), \"zero\""
        );
        let body = json!({"requests": [{"copyPaste": {"pasteType": "PASTE_ALL"}}]});
        assert!(
            sentence(&body).starts_with("Invalid value at 'requests[0].copy_paste.paste_type'")
        );
        let body = json!({"requests": [{"addChart": {}}]});
        assert!(sentence(&body).contains("not modelled"));
        assert_eq!(sentence(&json!({"requests": [{"deleteSheet": {"sheetId": null}}]})), "fine");
    }
}
