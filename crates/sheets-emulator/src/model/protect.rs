//! Protected ranges: who may write where.

use serde_json::Value;

use super::Spreadsheet;
use super::area::Area;
use crate::api::error::ApiError;

/// A protected range. With `named` the area is the one of that named range.
#[derive(Debug, Clone, PartialEq)]
pub struct Protection {
    /// `protectedRangeId`.
    pub id: i64,
    /// The area, or `None` when a named range gives it.
    pub area: Option<Area>,
    /// `namedRangeId`.
    pub named: Option<String>,
    /// Parts of the area that everyone may edit.
    pub open: Vec<Area>,
    /// Only a warning for people; programs are not stopped.
    pub warning_only: bool,
    /// `description`, `editors` and what else was given, as JSON.
    pub value: Value,
}

impl Protection {
    fn lists(&self, who: &str) -> bool {
        let users = self.value.pointer("/editors/users").and_then(Value::as_array);
        users.is_some_and(|users| {
            users.iter().filter_map(Value::as_str).any(|user| user.eq_ignore_ascii_case(who))
        })
    }
}

impl Spreadsheet {
    /// Whether the present caller may edit inside the protection.
    pub(crate) fn may_edit(&self, protection: &Protection) -> bool {
        match &self.caller {
            None => true,
            Some(caller) => self.owner.as_ref() == Some(caller) || protection.lists(caller),
        }
    }

    /// Refuses a write into an area that is protected against the caller.
    pub(crate) fn check_protection(&self, area: &Area) -> Result<(), ApiError> {
        let refused = self.protections.iter().any(|protection| {
            if protection.warning_only || self.may_edit(protection) {
                return false;
            }
            let guarded = match (&protection.area, &protection.named) {
                (Some(guarded), _) => Some(*guarded),
                (None, Some(id)) => self.names.iter().find(|n| n.id == *id).map(|n| n.area),
                (None, None) => None,
            };
            let open = protection.open.iter().any(|open| covers(open, area));
            guarded.is_some_and(|guarded| guarded.touches(area)) && !open
        });
        if refused {
            return Err(ApiError::invalid(
                "You are trying to edit a protected cell or object. Please contact the spreadsheet owner to \
                 remove protection if you need to edit.",
            ));
        }
        Ok(())
    }
}

fn covers(outer: &Area, inner: &Area) -> bool {
    let wide = |o: super::area::Span, i: super::area::Span| {
        o.start.unwrap_or(0) <= i.start.unwrap_or(0)
            && o.end.unwrap_or(usize::MAX) >= i.end.unwrap_or(usize::MAX)
    };
    outer.sheet == inner.sheet && wide(outer.rows, inner.rows) && wide(outer.cols, inner.cols)
}
