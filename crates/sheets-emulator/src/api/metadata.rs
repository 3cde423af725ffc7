//! Developer metadata over the API: locations, filters, search.

use serde_json::{Map, Value, json};

use super::convert::{self, flag, int, list, part, text};
use super::error::ApiError;
use super::{ranges, strict};
use crate::model::Spreadsheet;
use crate::model::area::{Area, Span};
use crate::model::metadata::{Metadata, Place};
use crate::model::shift::Axis;

/// `developerMetadata.get`.
pub(crate) fn get(book: &Spreadsheet, id: i64) -> Result<Value, ApiError> {
    let found = book.metadata.iter().find(|entry| entry.id == id);
    found.map(metadata_json).ok_or_else(ApiError::not_found)
}

/// `developerMetadata.search`.
pub(crate) fn search(book: &Spreadsheet, body: &Value) -> Result<Value, ApiError> {
    strict::check("SearchDeveloperMetadataRequest", body)?;
    let mut filters = Vec::new();
    for filter in list(body, "dataFilters") {
        filters.push((Filter::read(book, filter)?, filter));
    }
    let found: Vec<Value> = book
        .metadata
        .iter()
        .filter_map(|entry| {
            let by: Vec<Value> = filters
                .iter()
                .filter(|(f, _)| f.matches(entry))
                .map(|(_, json)| (*json).clone())
                .collect();
            (!by.is_empty())
                .then(|| json!({"developerMetadata": metadata_json(entry), "dataFilters": by}))
        })
        .collect();
    Ok(if found.is_empty() { json!({}) } else { json!({"matchedDeveloperMetadata": found}) })
}

/// A `DeveloperMetadata`.
pub(crate) fn metadata_json(entry: &Metadata) -> Value {
    let mut out = Map::new();
    out.insert("metadataId".into(), entry.id.into());
    out.insert("metadataKey".into(), entry.key.as_str().into());
    if let Some(value) = &entry.value {
        out.insert("metadataValue".into(), value.as_str().into());
    }
    let run = |kind: &str, sheet: i64, index: usize| {
        let mut range = Map::new();
        if sheet != 0 {
            range.insert("sheetId".into(), sheet.into());
        }
        range.insert("dimension".into(), format!("{kind}S").into());
        range.insert("startIndex".into(), index.into());
        range.insert("endIndex".into(), (index + 1).into());
        json!({"locationType": kind, "dimensionRange": range})
    };
    let location = match entry.place {
        Place::Spreadsheet => json!({"locationType": "SPREADSHEET", "spreadsheet": true}),
        Place::Sheet(sheet) => json!({"locationType": "SHEET", "sheetId": sheet}),
        Place::Row(sheet, row) => run("ROW", sheet, row),
        Place::Column(sheet, col) => run("COLUMN", sheet, col),
    };
    out.insert("location".into(), location);
    out.insert("visibility".into(), entry.visibility.as_str().into());
    Value::Object(out)
}

/// A `DeveloperMetadataLocation`: exactly one of spreadsheet, tab, single row, single column.
pub(crate) fn place(book: &Spreadsheet, value: &Value) -> Result<Place, ApiError> {
    let refuse =
        || ApiError::invalid("Developer metadata must be associated with exactly one location.");
    let sheet = int(value, "sheetId");
    let range = part(value, "dimensionRange");
    match (flag(value, "spreadsheet"), sheet, range.is_null()) {
        (true, None, true) => Ok(Place::Spreadsheet),
        (false, Some(sheet), true) => match book.sheet(sheet) {
            Some(_) => Ok(Place::Sheet(sheet)),
            None => Err(ApiError::invalid(format!("No sheet with id: {sheet}"))),
        },
        (false, None, false) => {
            let (sheet, axis, span) = convert::dimension(book, range)?;
            let (Some(start), Some(end)) = (span.start, span.end) else {
                return Err(single());
            };
            let size = book.sheet(sheet).map_or(0, |tab| match axis {
                Axis::Rows => tab.rows,
                Axis::Cols => tab.cols,
            });
            if end != start + 1 {
                return Err(single());
            }
            if end > size {
                return Err(ApiError::invalid(format!(
                    "dimensionRange.endIndex[{end}] must be less than or equal to the grid size ({size})."
                )));
            }
            Ok(match axis {
                Axis::Rows => Place::Row(sheet, start),
                Axis::Cols => Place::Column(sheet, start),
            })
        }
        _ => Err(refuse()),
    }
}

fn single() -> ApiError {
    ApiError::invalid(
        "The dimensionRange of a developer metadata location must represent a single row or column.",
    )
}

/// A `DataFilter` as a question about entries.
#[derive(Debug)]
pub(crate) struct Filter {
    id: Option<i64>,
    key: Option<String>,
    value: Option<String>,
    visibility: Option<String>,
    kind: Option<String>,
    place: Option<(Place, bool)>,
    area: Option<Area>,
}

impl Filter {
    /// Reads a filter; exactly one of its three forms must be set.
    pub(crate) fn read(book: &Spreadsheet, value: &Value) -> Result<Self, ApiError> {
        let mut filter = Self {
            id: None,
            key: None,
            value: None,
            visibility: None,
            kind: None,
            place: None,
            area: None,
        };
        if let Some(range) = text(value, "a1Range") {
            filter.area = Some(ranges::resolve(book, range)?);
        } else if value.get("gridRange").is_some_and(|range| !range.is_null()) {
            filter.area = Some(convert::area(book, part(value, "gridRange"))?);
        } else if value.get("developerMetadataLookup").is_some_and(|lookup| !lookup.is_null()) {
            let lookup = part(value, "developerMetadataLookup");
            let owned = |key: &str| text(lookup, key).map(str::to_owned);
            let word = |key: &str| owned(key).filter(|word| !word.ends_with("UNSPECIFIED"));
            filter.id = int(lookup, "metadataId");
            filter.key = owned("metadataKey");
            filter.value = owned("metadataValue");
            filter.visibility = word("visibility");
            filter.kind = word("locationType");
            if lookup.get("metadataLocation").is_some_and(|location| !location.is_null()) {
                let exact = text(lookup, "locationMatchingStrategy") == Some("EXACT_LOCATION");
                filter.place = Some((place(book, part(lookup, "metadataLocation"))?, exact));
            }
        } else {
            return Err(ApiError::invalid("A DataFilter must have exactly one filter set."));
        }
        Ok(filter)
    }

    /// Whether the entry is meant.
    pub(crate) fn matches(&self, entry: &Metadata) -> bool {
        fn same<T: PartialEq>(wanted: Option<&T>, have: &T) -> bool {
            wanted.is_none_or(|wanted| wanted == have)
        }
        let kind = match entry.place {
            Place::Spreadsheet => "SPREADSHEET",
            Place::Sheet(_) => "SHEET",
            Place::Row(..) => "ROW",
            Place::Column(..) => "COLUMN",
        };
        let value = entry.value.clone().unwrap_or_default();
        same(self.id.as_ref(), &entry.id)
            && same(self.key.as_ref(), &entry.key)
            && same(self.value.as_ref(), &value)
            && same(self.visibility.as_ref(), &entry.visibility)
            && self.kind.as_deref().is_none_or(|wanted| wanted == kind)
            && self.place.is_none_or(|(place, exact)| {
                if exact { place == entry.place } else { meets(place, entry.place) }
            })
            && self.area.is_none_or(|area| inside(area, entry.place))
    }
}

fn meets(asked: Place, have: Place) -> bool {
    match (asked, have) {
        (Place::Spreadsheet, _) | (_, Place::Spreadsheet) => true,
        (Place::Sheet(a), other) | (other, Place::Sheet(a)) => other.sheet() == Some(a),
        (Place::Row(a, _), Place::Column(b, _)) | (Place::Column(a, _), Place::Row(b, _)) => a == b,
        (a, b) => a == b,
    }
}

fn inside(area: Area, place: Place) -> bool {
    let (rows, cols) = match place {
        Place::Spreadsheet => return false,
        Place::Sheet(_) => (Span::default(), Span::default()),
        Place::Row(_, row) => (Span::new(row, row + 1), Span::default()),
        Place::Column(_, col) => (Span::default(), Span::new(col, col + 1)),
    };
    place.sheet().is_some_and(|sheet| area.touches(&Area { sheet, rows, cols }))
}
