//! Errors in the envelope Google uses.

use serde_json::{Value, json};

/// A refused call: HTTP status, Google's status word, the sentence and the optional details.
#[derive(Debug, Clone, PartialEq)]
pub struct ApiError {
    /// HTTP status code.
    pub http: u16,
    /// Google's canonical status word, for example `INVALID_ARGUMENT`.
    pub status: &'static str,
    /// The sentence clients match on.
    pub message: String,
    /// Entries of `error.details`; empty means the field is left out.
    pub details: Vec<Value>,
}

impl ApiError {
    /// A 400 `INVALID_ARGUMENT` without details.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self { http: 400, status: "INVALID_ARGUMENT", message: message.into(), details: Vec::new() }
    }

    /// The 404 of a thing that is not there.
    pub fn not_found() -> Self {
        Self {
            http: 404,
            status: "NOT_FOUND",
            message: "Requested entity was not found.".to_owned(),
            details: Vec::new(),
        }
    }

    /// A 400 about the JSON itself: each violation is a field path and its description.
    pub fn bad_request(message: impl Into<String>, violations: &[(String, String)]) -> Self {
        let violations: Vec<Value> = violations
            .iter()
            .map(|(field, description)| {
                if field.is_empty() {
                    json!({"description": description})
                } else {
                    json!({"field": field, "description": description})
                }
            })
            .collect();
        Self {
            details: vec![json!({
                "@type": "type.googleapis.com/google.rpc.BadRequest",
                "fieldViolations": violations,
            })],
            ..Self::invalid(message)
        }
    }

    /// The same error with the sentence put behind `prefix`.
    #[must_use]
    pub fn prefixed(mut self, prefix: &str) -> Self {
        self.message = format!("{prefix}{}", self.message);
        self
    }

    /// The response body: `{"error": {code, message, status, details?}}`.
    pub fn body(&self) -> Value {
        let mut error = json!({
            "code": self.http,
            "message": self.message,
            "status": self.status,
        });
        if !self.details.is_empty() {
            error["details"] = Value::Array(self.details.clone());
        }
        json!({ "error": error })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn details_are_left_out_when_there_are_none() {
        assert_eq!(
            ApiError::invalid("no").body(),
            json!({"error": {"code": 400, "message": "no", "status": "INVALID_ARGUMENT"}})
        );
        let with = ApiError::bad_request("m", &[("a.b".into(), "d".into())]).body();
        assert_eq!(with["error"]["details"][0]["fieldViolations"][0]["field"], "a.b");
    }
}
