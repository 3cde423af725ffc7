//! Bytes on the wire: percent codes, forms, base64url and Google's pretty JSON.

use axum::body::Bytes;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_TYPE, HeaderValue, SERVER, VARY, X_CONTENT_TYPE_OPTIONS,
    X_FRAME_OPTIONS, X_XSS_PROTECTION,
};
use axum::http::{HeaderMap, StatusCode};
use serde_json::{Value, json};

use crate::api::error::ApiError;

/// An answer that is ready to be sent.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// Sentence of the error it tells, for the log.
    pub(crate) error: Option<String>,
}

/// How the caller wants JSON answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Style {
    pub(crate) pretty: bool,
    /// `$.xgafv=1`: errors carry the older `errors` list too.
    pub(crate) with_errors: bool,
}

impl Default for Style {
    fn default() -> Self {
        Self { pretty: true, with_errors: false }
    }
}

impl Answer {
    /// 200 with a JSON body.
    pub(crate) fn ok(value: &Value, style: Style) -> Self {
        Self::json(StatusCode::OK, value, style)
    }

    /// The answer of a refused call.
    pub(crate) fn refused(error: &ApiError, style: Style) -> Self {
        let mut body = error.body();
        if style.with_errors {
            body["error"]["errors"] = json!([{
                "message": error.message, "domain": "global", "reason": reason(error.http)
            }]);
        }
        let status = StatusCode::from_u16(error.http).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Self { error: Some(error.message.clone()), ..Self::json(status, &body, style) }
    }

    /// A refusal in the envelope of the Drive API, which differs from that of Sheets.
    pub(crate) fn refused_by_drive(error: &ApiError, style: Style) -> Self {
        let told = json!([{
            "domain": "global", "reason": reason(error.http), "message": error.message
        }]);
        let body = json!({
            "error": {"errors": told, "code": error.http, "message": error.message}
        });
        let status = StatusCode::from_u16(error.http).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Self { error: Some(error.message.clone()), ..Self::json(status, &body, style) }
    }

    /// 204: done, and nothing to say.
    pub(crate) fn empty() -> Self {
        let headers = HeaderMap::new();
        Self { status: StatusCode::NO_CONTENT, headers, body: Bytes::new(), error: None }
    }

    /// Any status with a JSON body and Google's headers.
    pub(crate) fn json(status: StatusCode, value: &Value, style: Style) -> Self {
        let mut text = if style.pretty { format!("{value:#}") } else { value.to_string() };
        if style.pretty {
            text.push('\n');
        }
        let mut headers = HeaderMap::new();
        for (name, value) in [
            (CONTENT_TYPE, "application/json; charset=UTF-8"),
            (SERVER, "ESF"),
            (CACHE_CONTROL, "private"),
            (X_XSS_PROTECTION, "0"),
            (X_FRAME_OPTIONS, "SAMEORIGIN"),
            (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
        for name in ["Origin", "X-Origin", "Referer"] {
            headers.append(VARY, HeaderValue::from_static(name));
        }
        Self { status, headers, body: text.into(), error: None }
    }

    /// The HTML page Google's front end gives for a path it does not serve.
    pub(crate) fn no_such_page(path: &str) -> Self {
        let shown = path.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        let text = format!(
            "<!DOCTYPE html>\n<html lang=en>\n<meta charset=utf-8>\n\
             <title>Error 404 (Not Found)!!1</title>\n\
             <p><b>404.</b> <ins>That's an error.</ins>\n\
             <p>Nothing is served at <code>{shown}</code>.\n"
        );
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=UTF-8"));
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        let error = Some(format!("there is no such route: {path}"));
        Self { status: StatusCode::NOT_FOUND, headers, body: text.into(), error }
    }
}

fn reason(http: u16) -> &'static str {
    match http {
        400 => "badRequest",
        401 => "authError",
        403 => "forbidden",
        404 => "notFound",
        429 => "rateLimitExceeded",
        _ => "backendError",
    }
}

/// The JSON object a call carries; an empty body is an empty object.
pub(crate) fn json_body(bytes: &[u8]) -> Result<Value, ApiError> {
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Ok(json!({}));
    }
    let value: Value = serde_json::from_slice(bytes).map_err(|error| {
        let said = if error.is_eof() { "Unexpected end of string." } else { "Unexpected token." };
        let message = format!("Invalid JSON payload received. {said}\n{}", excerpt(bytes, &error));
        ApiError::bad_request(message.clone(), &[(String::new(), message)])
    })?;
    if value.is_object() {
        return Ok(value);
    }
    let message =
        "Invalid JSON payload received. Unknown name \"\": Root element must be a message.";
    Err(ApiError::bad_request(message, &[(String::new(), message.to_owned())]))
}

/// The rest of the line from the place where parsing stopped, with a caret under its beginning.
fn excerpt(bytes: &[u8], error: &serde_json::Error) -> String {
    let text = String::from_utf8_lossy(bytes);
    let line = text.lines().nth(error.line().saturating_sub(1)).unwrap_or_default();
    let rest: String = line.chars().skip(error.column().saturating_sub(1)).take(40).collect();
    format!("{rest}\n^")
}

/// Undoes percent codes once; `plus` also turns `+` into a space, as forms and query strings want.
pub(crate) fn percent_decoded(text: &str, plus: bool) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        match first {
            b'%' => {
                let [high, low, tail @ ..] = rest else { return None };
                let digit = |byte: &u8| char::from(*byte).to_digit(16);
                bytes.push(u8::try_from(digit(high)? * 16 + digit(low)?).ok()?);
                rest = tail;
            }
            b'+' if plus => bytes.push(b' '),
            other => bytes.push(*other),
        }
    }
    String::from_utf8(bytes).ok()
}

/// The pairs of a query string or form, in order; none when a percent code is broken.
pub(crate) fn pairs(text: &str) -> Option<Vec<(String, String)>> {
    text.split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Some((percent_decoded(name, true)?, percent_decoded(value, true)?))
        })
        .collect()
}

/// The bytes of base64url text, with or without padding.
pub(crate) fn base64url(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() * 3 / 4);
    let (mut bits, mut count) = (0_u32, 0_u32);
    for byte in text.trim_end_matches('=').bytes() {
        let digit = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'-' | b'+' => 62,
            b'_' | b'/' => 63,
            _ => return None,
        };
        bits = (bits << 6) | u32::from(digit);
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push(u8::try_from((bits >> count) & 0xFF).ok()?);
            bits &= (1 << count) - 1;
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percent_codes_are_undone_once() {
        assert_eq!(percent_decoded("a%2520b+c", false).as_deref(), Some("a%20b+c"));
        assert_eq!(percent_decoded("a%20b+c", true).as_deref(), Some("a b c"));
        assert_eq!(percent_decoded("a%2", false), None);
        assert_eq!(percent_decoded("a%zz", false), None);
        let read = pairs("ranges=%27T%27!A1&ranges=B&flag").unwrap();
        assert_eq!(read[0], ("ranges".into(), "'T'!A1".into()));
        assert_eq!(read[2], ("flag".into(), String::new()));
    }

    #[test]
    fn base64url_reads_padded_and_bare_text() {
        assert_eq!(base64url("eyJhIjoxfQ").unwrap(), b"{\"a\":1}");
        assert_eq!(base64url("eyJhIjoxfQ==").unwrap(), b"{\"a\":1}");
        assert_eq!(base64url("-_8").unwrap(), [0xFB, 0xFF]);
        assert!(base64url("a b").is_none());
    }

    #[test]
    fn broken_json_is_refused_in_googles_words() {
        let error = json_body(b"{\"requests\": [}").unwrap_err();
        assert!(error.message.starts_with("Invalid JSON payload received. Unexpected token.\n"));
        assert!(json_body(b"[]").unwrap_err().message.contains("Root element must be a message."));
        assert_eq!(json_body(b" \n").unwrap(), json!({}));
    }
}
