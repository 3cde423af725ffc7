//! Requests about named and protected ranges.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::Reply;
use super::parts::merge;
use crate::api::convert::{area, area_json, flag, int, list, part, text};
use crate::api::error::ApiError;
use crate::api::fields::request_mask;
use crate::api::get::protection_json;
use crate::model::area::parse_cells;
use crate::model::cell::object;
use crate::model::protect::Protection;
use crate::model::{NamedRange, Spreadsheet};

/// `addNamedRange`; the id may be chosen, but neither id nor name may exist.
pub(super) fn add_name(book: &mut Spreadsheet, body: &Value) -> Reply {
    let asked = part(body, "namedRange");
    let range = area(book, part(asked, "range"))?;
    let name = text(asked, "name").unwrap_or("").to_owned();
    let id = match text(asked, "namedRangeId").filter(|id| !id.is_empty()) {
        Some(id) if book.names.iter().any(|named| named.id == id) => {
            return Err(ApiError::invalid(format!("A named range with id: {id} already exists.")));
        }
        Some(id) => id.to_owned(),
        None => {
            let taken = |book: &Spreadsheet, id: i64| {
                book.names.iter().any(|named| named.id == id.to_string())
            };
            book.fresh_id(taken).to_string()
        }
    };
    check_name(book, &id, &name)?;
    let named = NamedRange { id, name, area: range };
    let reply = json!({
        "namedRangeId": named.id,
        "name": named.name,
        "range": area_json(&named.area),
    });
    Arc::make_mut(&mut book.names).push(named);
    Ok(Some(object("namedRange", reply)))
}

fn check_name(book: &Spreadsheet, id: &str, name: &str) -> Result<(), ApiError> {
    let shape = name.chars().next().is_some_and(|c| c.is_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_alphanumeric() || c == '_')
        && parse_cells(name).is_none()
        && !name.eq_ignore_ascii_case("true")
        && !name.eq_ignore_ascii_case("false");
    if !shape {
        return Err(ApiError::invalid(format!("Invalid name: {name}")));
    }
    if book.names.iter().any(|named| named.id != id && named.name.eq_ignore_ascii_case(name)) {
        return Err(ApiError::invalid(format!("A named range with name: {name} already exists.")));
    }
    Ok(())
}

fn find_name(book: &Spreadsheet, id: &str) -> Option<usize> {
    book.names.iter().position(|named| named.id == id)
}

fn no_name(id: &str) -> ApiError {
    ApiError::invalid(format!("No named range with id: {id}"))
}

/// `updateNamedRange`.
pub(super) fn update_name(book: &mut Spreadsheet, body: &Value) -> Reply {
    let mask = request_mask(body, "NamedRange")?;
    let new = part(body, "namedRange");
    let id = text(new, "namedRangeId").unwrap_or("");
    let found = find_name(book, id).ok_or_else(|| no_name(id))?;
    let mut named = book.names[found].clone();
    if mask.wants("name") {
        text(new, "name").unwrap_or("").clone_into(&mut named.name);
        check_name(book, id, &named.name)?;
    }
    if let Some(below) = mask.below("range") {
        let mut range = area_json(&named.area);
        merge(&mut range, part(new, "range"), &below);
        named.area = area(book, &range)?;
    }
    Arc::make_mut(&mut book.names)[found] = named;
    Ok(None)
}

/// `deleteNamedRange`; an unknown id is refused unless the model is told to be lenient.
pub(super) fn delete_name(book: &mut Spreadsheet, body: &Value) -> Reply {
    let id = text(body, "namedRangeId").unwrap_or("");
    match find_name(book, id) {
        Some(found) => {
            Arc::make_mut(&mut book.names).remove(found);
        }
        None if book.lenient_named_range_delete => {}
        None => return Err(no_name(id)),
    }
    Ok(None)
}

fn read_protection(book: &Spreadsheet, id: i64, value: &Value) -> Result<Protection, ApiError> {
    let range = part(value, "range");
    let named = text(value, "namedRangeId").filter(|id| !id.is_empty());
    if let Some(id) = named {
        find_name(book, id).ok_or_else(|| no_name(id))?;
    }
    let area = match (range.is_null(), named) {
        (false, None) => Some(area(book, range)?),
        (true, Some(_)) => None,
        _ => return Err(ApiError::invalid("Must specify exactly one of: range, namedRangeId")),
    };
    let mut open = Vec::new();
    for range in list(value, "unprotectedRanges") {
        open.push(crate::api::convert::area(book, range)?);
    }
    let mut rest = Map::new();
    for key in ["description", "editors"] {
        rest.extend(value.get(key).filter(|v| !v.is_null()).map(|v| (key.to_owned(), v.clone())));
    }
    let warning_only = flag(value, "warningOnly");
    if warning_only && rest.contains_key("editors") {
        return Err(ApiError::invalid(
            "editors cannot be set on a protected range that is warningOnly.",
        ));
    }
    // Whoever protects a range stays able to edit it.
    if let (false, Some(caller)) = (warning_only, &book.caller) {
        let editors = rest.entry("editors").or_insert_with(|| json!({}));
        let users =
            editors.as_object_mut().map(|map| map.entry("users").or_insert_with(|| json!([])));
        if let Some(Value::Array(users)) = users
            && !users.iter().any(|user| user.as_str() == Some(caller))
        {
            users.push(caller.as_str().into());
        }
    }
    Ok(Protection {
        id,
        area,
        named: named.map(str::to_owned),
        open,
        warning_only,
        value: Value::Object(rest),
    })
}

/// `addProtectedRange`.
pub(super) fn add_protection(book: &mut Spreadsheet, body: &Value) -> Reply {
    let asked = part(body, "protectedRange");
    let taken = |book: &Spreadsheet, id: i64| book.protections.iter().any(|p| p.id == id);
    let id = match int(asked, "protectedRangeId") {
        Some(id) if taken(book, id) => {
            return Err(ApiError::invalid(format!(
                "A protected range with id: {id} already exists."
            )));
        }
        Some(id) => id,
        None => book.fresh_id(taken),
    };
    let protection = read_protection(book, id, asked)?;
    let reply = protection_json(book, &protection);
    Arc::make_mut(&mut book.protections).push(protection);
    Ok(Some(object("protectedRange", reply)))
}

fn find_protection(book: &Spreadsheet, id: i64) -> Result<usize, ApiError> {
    let found = book.protections.iter().position(|p| p.id == id);
    found.ok_or_else(|| ApiError::invalid(format!("No protected range with id: {id}")))
}

fn may_change(book: &Spreadsheet, found: usize) -> Result<(), ApiError> {
    let protection = &book.protections[found];
    if protection.warning_only || book.may_edit(protection) {
        return Ok(());
    }
    Err(ApiError::invalid(
        "You are trying to edit a protected cell or object. Please contact the spreadsheet owner to remove \
         protection if you need to edit.",
    ))
}

/// `updateProtectedRange`.
pub(super) fn update_protection(book: &mut Spreadsheet, body: &Value) -> Reply {
    let mask = request_mask(body, "ProtectedRange")?;
    let new = part(body, "protectedRange");
    let id = int(new, "protectedRangeId").unwrap_or(0);
    let found = find_protection(book, id)?;
    may_change(book, found)?;
    let mut value = protection_json(book, &book.protections[found]);
    merge(&mut value, new, &mask);
    let protection = read_protection(book, id, &value)?;
    Arc::make_mut(&mut book.protections)[found] = protection;
    Ok(None)
}

/// `deleteProtectedRange`.
pub(super) fn delete_protection(book: &mut Spreadsheet, body: &Value) -> Reply {
    let found = find_protection(book, int(body, "protectedRangeId").unwrap_or(0))?;
    may_change(book, found)?;
    Arc::make_mut(&mut book.protections).remove(found);
    Ok(None)
}
