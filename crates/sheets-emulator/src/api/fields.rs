//! Field masks: which parts of an answer are wanted, or which parts of a message are written.

use serde_json::{Map, Value};

use super::error::ApiError;
use super::schema::{self, Kind};

/// A tree of field names. The empty tree selects everything below its place.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mask {
    children: Vec<(String, Mask)>,
}

impl Mask {
    /// The mask that keeps everything.
    pub fn everything() -> Self {
        Self::default()
    }

    /// Reads `a,b.c,d/e,f(g,h)`; `*` is everything at its place.
    pub fn parse(text: &str) -> Option<Self> {
        let mut mask = Self::default();
        let rest = mask.list(text)?;
        (rest.is_empty() && !text.is_empty()).then_some(mask)
    }

    /// Reads the `fields` of a query and checks it against a message; absent means everything.
    pub fn of_query(fields: Option<&str>, message: &'static str) -> Result<Self, ApiError> {
        let Some(text) = fields.filter(|fields| !fields.is_empty()) else {
            return Ok(Self::everything());
        };
        let refuse = |path: &str| {
            let description = format!(
                "Error expanding 'fields' parameter. Cannot find matching fields for path '{path}'."
            );
            ApiError::bad_request(
                "Request contains an invalid argument.",
                &[(path.to_owned(), description)],
            )
        };
        let mask = Self::parse(text).ok_or_else(|| refuse(text))?;
        match mask.stranger(message, "") {
            Some(path) => Err(refuse(&path)),
            None => Ok(mask),
        }
    }

    /// Whether everything is selected here.
    pub fn is_everything(&self) -> bool {
        self.children.is_empty()
    }

    /// The mask below a field, or `None` when the field is not wanted.
    pub fn below(&self, field: &str) -> Option<Self> {
        if self.is_everything() {
            return Some(Self::everything());
        }
        let wanted = |name: &str| name == field || name == "*";
        let mut found: Option<Self> = None;
        for (_, inner) in self.children.iter().filter(|(name, _)| wanted(name)) {
            found = Some(match found {
                Some(mask) if mask.is_everything() || inner.is_everything() => Self::everything(),
                Some(mut mask) => {
                    for (name, child) in &inner.children {
                        mask.add(name, child.clone());
                    }
                    mask
                }
                None => inner.clone(),
            });
        }
        found
    }

    /// Whether a field is wanted.
    pub fn wants(&self, field: &str) -> bool {
        self.is_everything() || self.children.iter().any(|(name, _)| name == field || name == "*")
    }

    /// The names at this level.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.children.iter().map(|(name, _)| name.as_str())
    }

    /// The part of `value` that is selected.
    pub fn apply(&self, value: Value) -> Value {
        if self.is_everything() {
            return value;
        }
        match value {
            Value::Object(map) => {
                let mut out = Map::new();
                for (key, inner) in map {
                    if let Some(mask) = self.below(&key) {
                        out.insert(key, mask.apply(inner));
                    }
                }
                Value::Object(out)
            }
            Value::Array(items) => items.into_iter().map(|item| self.apply(item)).collect(),
            other => other,
        }
    }

    /// The first path that the message does not have.
    pub fn stranger(&self, message: &'static str, prefix: &str) -> Option<String> {
        self.children.iter().filter(|(name, _)| name != "*").find_map(|(name, inner)| {
            let path = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
            let mut kind = schema::field(message, name);
            while let Some(Kind::List(item)) = kind {
                kind = Some(item);
            }
            match kind {
                None => Some(path),
                Some(Kind::Message(below)) => inner.stranger(below, &path),
                Some(Kind::Map(_) | Kind::Any | Kind::NotModelled) => None,
                Some(_) => inner.names().next().map(|name| format!("{path}.{name}")),
            }
        })
    }

    fn add(&mut self, name: &str, inner: Self) {
        match self.children.iter_mut().find(|(known, _)| known == name) {
            Some((_, known)) if known.is_everything() || inner.is_everything() => {
                *known = Self::everything();
            }
            Some((_, known)) => {
                for (child, mask) in inner.children {
                    known.add(&child, mask);
                }
            }
            None => self.children.push((name.to_owned(), inner)),
        }
    }

    fn list<'t>(&mut self, mut text: &'t str) -> Option<&'t str> {
        loop {
            text = self.item(text)?;
            match text.strip_prefix(',') {
                Some(rest) => text = rest,
                None => return Some(text),
            }
        }
    }

    fn item<'t>(&mut self, text: &'t str) -> Option<&'t str> {
        let length = text
            .find(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '*')
            .unwrap_or(text.len());
        let (name, rest) = text.split_at(length);
        if name.is_empty() {
            return None;
        }
        let mut inner = Self::default();
        let rest = if let Some(rest) = rest.strip_prefix(['.', '/']) {
            inner.item(rest)?
        } else if let Some(rest) = rest.strip_prefix('(') {
            inner.list(rest)?.strip_prefix(')')?
        } else {
            rest
        };
        if inner.children.iter().any(|(name, mask)| name == "*" && mask.is_everything()) {
            inner = Self::everything();
        }
        self.add(name, inner);
        Some(rest)
    }
}

/// The `fields` of a request inside a batch: mandatory, and checked against the message it selects from.
pub fn request_mask(request: &Value, message: &'static str) -> Result<Mask, ApiError> {
    let text = request.get("fields").and_then(Value::as_str).unwrap_or("");
    if text.is_empty() {
        return Err(ApiError::invalid(
            "At least one field must be listed in 'fields'. (Use '*' to indicate all fields.)",
        ));
    }
    let mask =
        Mask::parse(text).ok_or_else(|| ApiError::invalid(format!("Invalid field: {text}")))?;
    if let Some(path) = mask.stranger(message, "") {
        return Err(ApiError::invalid(format!("Invalid field: {path}")));
    }
    if mask.names().any(|name| name == "*") { Ok(Mask::everything()) } else { Ok(mask) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(mask: &str, expected: &Value) {
        let value = json!({
            "id": "x",
            "sheets": [
                {"properties": {"sheetId": 0, "title": "T", "gridProperties": {"rowCount": 5}}, "data": [{"startRow": 2}]},
                {"properties": {"sheetId": 1}},
            ],
        });
        assert_eq!(&Mask::parse(mask).unwrap().apply(value), expected, "{mask}");
    }

    #[test]
    fn dots_slashes_and_parentheses_mean_the_same() {
        let ids =
            json!({"sheets": [{"properties": {"sheetId": 0}}, {"properties": {"sheetId": 1}}]});
        check("sheets.properties.sheetId", &ids);
        check("sheets/properties/sheetId", &ids);
        check("sheets(properties(sheetId))", &ids);
        check("sheets.properties(sheetId)", &ids);
        check("id", &json!({"id": "x"}));
        check("id,sheets.data", &json!({"id": "x", "sheets": [{"data": [{"startRow": 2}]}, {}]}));
        check(
            "sheets.*.sheetId",
            &json!({"sheets": [
            {"properties": {"sheetId": 0}, "data": [{}]}, {"properties": {"sheetId": 1}}]}),
        );
    }

    #[test]
    fn nonsense_is_refused() {
        for mask in ["", "a, b", "a(b", "a)", "a..b", "a,"] {
            assert_eq!(Mask::parse(mask), None, "{mask}");
        }
        let error = Mask::of_query(Some("sheets.nope"), "Spreadsheet").unwrap_err();
        assert_eq!(error.message, "Request contains an invalid argument.");
        assert_eq!(error.details[0]["fieldViolations"][0]["field"], "sheets.nope");
        assert!(Mask::of_query(Some("*"), "Spreadsheet").unwrap().wants("sheets"));
    }
}
