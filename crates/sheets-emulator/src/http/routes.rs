//! Which method of the API a request means, and whether its query string is one that method knows.

use axum::http::Method;

use crate::api::error::ApiError;
use crate::model::Query;

use super::quota::CallKind;
use super::wire;

/// A method of the API with what its path says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Route {
    Token,
    Create,
    Get(String),
    BatchUpdate(String),
    ValuesGet(String, String),
    ValuesUpdate(String, String),
    ValuesAppend(String, String),
    ValuesClear(String, String),
    ValuesBatchGet(String),
    ValuesBatchUpdate(String),
    ValuesBatchClear(String),
    MetadataSearch(String),
    MetadataGet(String, i64),
    DriveCreate,
    DriveList,
    DriveGet(String),
    DriveDelete(String),
    /// A method Google has and this emulator has not.
    Unmodelled(&'static str, String),
    /// Nothing Google has.
    Nowhere,
}

/// Query parameters every method takes.
const STANDARD: [&str; 6] =
    ["fields", "alt", "prettyPrint", "$.xgafv", "access_token", "oauth_token"];
/// Query parameters every method of Google takes, and this emulator does nothing about: whoever sends one would be answered
/// as if it were not there.
const NOT_MODELLED: [&str; 5] = ["key", "quotaUser", "callback", "uploadType", "upload_protocol"];
/// Of `spreadsheets.get`: with the first value, or without the parameter, an answer is what it is here anyway.
const ONLY_AS: [(&str, &[&str]); 2] = [
    ("excludeTablesInBandedRanges", &["false"]),
    ("commentsViewMode", &["COMMENTS_VIEW_MODE_OMITTED", "COMMENTS_VIEW_MODE_UNSPECIFIED"]),
];
const FLAGS: [&str; 3] = ["includeGridData", "includeValuesInResponse", "prettyPrint"];
const RENDERING: [&str; 3] = ["majorDimension", "valueRenderOption", "dateTimeRenderOption"];
const WRITING: [&str; 4] = [
    "valueInputOption",
    "includeValuesInResponse",
    "responseValueRenderOption",
    "responseDateTimeRenderOption",
];

impl Route {
    /// Reads method and raw path; path parameters are percent-decoded once.
    pub(crate) fn parse(method: &Method, path: &str) -> Self {
        if path == "/token" {
            return if method == Method::POST { Self::Token } else { Self::Nowhere };
        }
        if let Some(rest) = path.strip_prefix("/drive/v3/files") {
            return Self::of_drive(method, rest).unwrap_or(Self::Nowhere);
        }
        let Some(rest) = path.strip_prefix("/v4/spreadsheets") else {
            return Self::Nowhere;
        };
        if rest.is_empty() {
            return if method == Method::POST { Self::Create } else { Self::Nowhere };
        }
        let Some(rest) = rest.strip_prefix('/') else {
            return Self::Nowhere;
        };
        Self::below(method, rest).unwrap_or(Self::Nowhere)
    }

    fn of_drive(method: &Method, rest: &str) -> Option<Self> {
        match (method, rest) {
            (&Method::POST, "") => Some(Self::DriveCreate),
            (&Method::GET, "") => Some(Self::DriveList),
            _ => {
                let id = rest.strip_prefix('/').filter(|id| !id.contains('/'))?;
                match *method {
                    Method::GET => Some(Self::DriveGet(name(id)?)),
                    Method::DELETE => Some(Self::DriveDelete(name(id)?)),
                    _ => None,
                }
            }
        }
    }

    fn below(method: &Method, rest: &str) -> Option<Self> {
        let (get, post) = (method == Method::GET, method == Method::POST);
        let Some((id, tail)) = rest.split_once('/') else {
            return match rest.rsplit_once(':') {
                None if get => Some(Self::Get(name(rest)?)),
                Some((id, "batchUpdate")) if post => Some(Self::BatchUpdate(name(id)?)),
                Some((id, "getByDataFilter")) if post => {
                    Some(Self::Unmodelled("spreadsheets.getByDataFilter", name(id)?))
                }
                _ => None,
            };
        };
        let id = name(id)?;
        match tail {
            "values:batchGet" if get => Some(Self::ValuesBatchGet(id)),
            "values:batchUpdate" if post => Some(Self::ValuesBatchUpdate(id)),
            "values:batchClear" if post => Some(Self::ValuesBatchClear(id)),
            "values:batchGetByDataFilter" if post => {
                Some(Self::Unmodelled("spreadsheets.values.batchGetByDataFilter", id))
            }
            "values:batchUpdateByDataFilter" if post => {
                Some(Self::Unmodelled("spreadsheets.values.batchUpdateByDataFilter", id))
            }
            "values:batchClearByDataFilter" if post => {
                Some(Self::Unmodelled("spreadsheets.values.batchClearByDataFilter", id))
            }
            "developerMetadata:search" if post => Some(Self::MetadataSearch(id)),
            _ => Self::of_part(method, id, tail),
        }
    }

    /// `/values/{range}`, `/developerMetadata/{id}` and `/sheets/{id}:copyTo`.
    fn of_part(method: &Method, id: String, tail: &str) -> Option<Self> {
        let (part, leaf) = tail.split_once('/')?;
        if leaf.contains('/') {
            return None;
        }
        match part {
            "values" if method == Method::GET => Some(Self::ValuesGet(id, name(leaf)?)),
            "values" if method == Method::PUT => Some(Self::ValuesUpdate(id, name(leaf)?)),
            "values" if method == Method::POST => match leaf.rsplit_once(':')? {
                (range, "append") => Some(Self::ValuesAppend(id, name(range)?)),
                (range, "clear") => Some(Self::ValuesClear(id, name(range)?)),
                _ => None,
            },
            "developerMetadata" if method == Method::GET => {
                Some(Self::MetadataGet(id, leaf.parse().ok()?))
            }
            "sheets" if method == Method::POST && leaf.ends_with(":copyTo") => {
                Some(Self::Unmodelled("spreadsheets.sheets.copyTo", id))
            }
            _ => None,
        }
    }

    /// Name of the method in Google's discovery document.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::Create => "spreadsheets.create",
            Self::Get(_) => "spreadsheets.get",
            Self::BatchUpdate(_) => "spreadsheets.batchUpdate",
            Self::ValuesGet(..) => "spreadsheets.values.get",
            Self::ValuesUpdate(..) => "spreadsheets.values.update",
            Self::ValuesAppend(..) => "spreadsheets.values.append",
            Self::ValuesClear(..) => "spreadsheets.values.clear",
            Self::ValuesBatchGet(_) => "spreadsheets.values.batchGet",
            Self::ValuesBatchUpdate(_) => "spreadsheets.values.batchUpdate",
            Self::ValuesBatchClear(_) => "spreadsheets.values.batchClear",
            Self::MetadataSearch(_) => "spreadsheets.developerMetadata.search",
            Self::MetadataGet(..) => "spreadsheets.developerMetadata.get",
            Self::DriveCreate => "drive.files.create",
            Self::DriveList => "drive.files.list",
            Self::DriveGet(_) => "drive.files.get",
            Self::DriveDelete(_) => "drive.files.delete",
            Self::Unmodelled(name, _) => name,
            Self::Nowhere => "none",
        }
    }

    /// The quota the method draws on.
    pub(crate) fn kind(&self) -> CallKind {
        match self {
            Self::Token => CallKind::Token,
            Self::Nowhere => CallKind::Unknown,
            Self::DriveCreate | Self::DriveList | Self::DriveGet(_) | Self::DriveDelete(_) => {
                CallKind::Drive
            }
            Self::Get(_)
            | Self::ValuesGet(..)
            | Self::ValuesBatchGet(_)
            | Self::MetadataSearch(_)
            | Self::MetadataGet(..) => CallKind::Read,
            Self::Unmodelled(name, _) if name.contains("etBy") || name.contains("GetBy") => {
                CallKind::Read
            }
            _ => CallKind::Write,
        }
    }

    /// The spreadsheet in the path.
    pub(crate) fn spreadsheet(&self) -> Option<&str> {
        match self {
            Self::Token | Self::Create | Self::DriveCreate | Self::DriveList | Self::Nowhere => {
                None
            }
            Self::Get(id)
            | Self::BatchUpdate(id)
            | Self::ValuesGet(id, _)
            | Self::ValuesUpdate(id, _)
            | Self::ValuesAppend(id, _)
            | Self::ValuesClear(id, _)
            | Self::ValuesBatchGet(id)
            | Self::ValuesBatchUpdate(id)
            | Self::ValuesBatchClear(id)
            | Self::MetadataSearch(id)
            | Self::MetadataGet(id, _)
            | Self::DriveGet(id)
            | Self::DriveDelete(id)
            | Self::Unmodelled(_, id) => Some(id),
        }
    }

    /// Whether the method takes this query parameter.
    fn takes(&self, parameter: &str) -> bool {
        if STANDARD.contains(&parameter) {
            return true;
        }
        match self {
            Self::Get(_) => {
                let own = [
                    "ranges",
                    "includeGridData",
                    "excludeTablesInBandedRanges",
                    "commentsViewMode",
                ];
                own.contains(&parameter)
            }
            // There is one drive, and its list is one page.
            Self::DriveCreate | Self::DriveList | Self::DriveGet(_) | Self::DriveDelete(_) => {
                ["supportsAllDrives", "includeItemsFromAllDrives"].contains(&parameter)
                    || (*self == Self::DriveList && ["q", "pageSize"].contains(&parameter))
            }
            Self::ValuesGet(..) => RENDERING.contains(&parameter),
            Self::ValuesBatchGet(_) => parameter == "ranges" || RENDERING.contains(&parameter),
            Self::ValuesUpdate(..) => WRITING.contains(&parameter),
            Self::ValuesAppend(..) => {
                parameter == "insertDataOption" || WRITING.contains(&parameter)
            }
            _ => false,
        }
    }

    /// Refuses parameters the method does not take, as Google does, and those that this emulator does not model, naming each.
    pub(crate) fn check(&self, query: &Query) -> Result<(), ApiError> {
        for (parameter, value) in &query.0 {
            self.check_modelled(parameter, value)?;
        }
        let unknown: Vec<(String, String)> = query
            .0
            .iter()
            .filter(|(parameter, _)| !self.takes(parameter))
            .map(|(parameter, _)| {
                let said = format!(
                    "Invalid JSON payload received. Unknown name \"{parameter}\": Cannot bind \
                     query parameter. Field '{parameter}' could not be found in request message."
                );
                (String::new(), said)
            })
            .collect();
        if !unknown.is_empty() {
            let said: Vec<&str> = unknown.iter().map(|(_, said)| said.as_str()).collect();
            return Err(ApiError::bad_request(said.join("\n"), &unknown));
        }
        match query.first("alt") {
            None | Some("json" | "") => Ok(()),
            Some(other) => Err(ApiError::invalid(format!(
                "The emulator answers alt=json only, not alt={other}."
            ))),
        }
    }
}

impl Route {
    fn check_modelled(&self, parameter: &str, value: &str) -> Result<(), ApiError> {
        let here = matches!(self, Self::Get(_));
        let only = ONLY_AS.iter().find(|(name, _)| here && *name == parameter);
        let page = *self == Self::DriveList && parameter == "pageToken" && !value.is_empty();
        if page
            || NOT_MODELLED.contains(&parameter)
            || only.is_some_and(|(_, words)| !words.contains(&value))
        {
            return Err(ApiError::invalid(format!(
                "The query parameter {parameter}={value} is known to Google but not modelled by this emulator."
            )));
        }
        let known = ["", "true", "false", "0", "1"];
        if FLAGS.contains(&parameter) && !known.contains(&value.to_lowercase().as_str()) {
            return Err(ApiError::invalid(format!(
                "Invalid value at '{parameter}' (TYPE_BOOL), \"{value}\""
            )));
        }
        Ok(())
    }
}

fn name(raw: &str) -> Option<String> {
    wire::percent_decoded(raw, false).filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_lead_to_their_methods() {
        let route = |method: Method, path: &str| Route::parse(&method, path);
        let id = || "S".to_owned();
        for (method, path, wanted) in [
            (Method::POST, "/token", Route::Token),
            (Method::POST, "/v4/spreadsheets", Route::Create),
            (Method::GET, "/v4/spreadsheets/S", Route::Get(id())),
            (Method::POST, "/v4/spreadsheets/S:batchUpdate", Route::BatchUpdate(id())),
            (Method::GET, "/v4/spreadsheets/S/values:batchGet", Route::ValuesBatchGet(id())),
            (
                Method::POST,
                "/v4/spreadsheets/S/values/T%21A1:B2:append",
                Route::ValuesAppend(id(), "T!A1:B2".into()),
            ),
            (
                Method::GET,
                "/v4/spreadsheets/S/values/a%2Fb%2521",
                Route::ValuesGet(id(), "a/b%21".into()),
            ),
            (Method::GET, "/v4/spreadsheets/S/developerMetadata/7", Route::MetadataGet(id(), 7)),
            (Method::GET, "/v4/spreadsheets/S/values/a/b", Route::Nowhere),
            (Method::DELETE, "/v4/spreadsheets/S", Route::Nowhere),
            (Method::GET, "/v5/spreadsheets/S", Route::Nowhere),
        ] {
            assert_eq!(route(method, path), wanted, "{path}");
        }
        assert_eq!(Route::MetadataSearch(id()).kind(), CallKind::Read);
        let copy = route(Method::POST, "/v4/spreadsheets/S/sheets/0:copyTo");
        assert_eq!(copy.kind(), CallKind::Write);
        let read = route(Method::POST, "/v4/spreadsheets/S/values:batchGetByDataFilter");
        assert_eq!(read.kind(), CallKind::Read);
    }

    #[test]
    fn a_parameter_the_method_does_not_take_is_refused_by_name() {
        let query = Query(vec![("rangs".into(), "A1".into()), ("fields".into(), "a".into())]);
        let error = Route::Get("S".into()).check(&query).unwrap_err();
        assert!(error.message.contains("Unknown name \"rangs\""), "{}", error.message);
        let query = Query(vec![("$.xgafv".into(), "1".into()), ("ranges".into(), "A1".into())]);
        assert!(Route::Get("S".into()).check(&query).is_ok());
        assert!(Route::BatchUpdate("S".into()).check(&query).is_err());
    }
}
