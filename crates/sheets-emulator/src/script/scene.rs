//! What an execution is told of the world when it starts: the spreadsheet, the person, the event.

use serde_json::{Value, json};

use super::ScriptError;
use crate::model::Spreadsheet;
use crate::model::area::{Rect, parse_cells};
use crate::model::event::Event;
use crate::model::grid::Sheet;

/// Where a person stands in the grid.
#[derive(Debug, Default)]
pub(super) struct Selection {
    /// Title of the tab; the first visible one where none is given.
    pub(super) tab: Option<String>,
    /// A1 range; its first cell is the current one. A1 where none is given.
    pub(super) cell: Option<String>,
}

/// Why an execution starts.
#[derive(Debug, Clone, Copy)]
pub(super) enum Mode<'a> {
    /// To see whether the text loads.
    Load,
    /// From a menu or the editor: all rights, and a window to show something in.
    Menu,
    /// `onOpen`, a simple trigger: few rights.
    Open,
    /// A trigger; `uid` is none for a simple one.
    Event { event: &'a Event, uid: Option<&'a str> },
}

impl Mode<'_> {
    fn has_window(self) -> bool {
        matches!(self, Self::Menu | Self::Open)
    }

    fn is_simple(self) -> bool {
        matches!(self, Self::Load | Self::Open | Self::Event { uid: None, .. })
    }
}

/// The world as JSON for `host.js`.
#[derive(Debug)]
pub(super) struct Scene {
    pub(super) json: Value,
    /// Whether few rights and half a minute are all it has.
    pub(super) simple: bool,
}

impl Scene {
    pub(super) fn new(
        book: &Spreadsheet,
        scopes: Option<&[String]>,
        mode: Mode<'_>,
        (selection, user): (&Selection, &str),
    ) -> Result<Self, ScriptError> {
        let sheets: Vec<Value> = book
            .tabs()
            .map(|it| json!({"id": it.id, "title": it.title, "rows": it.rows, "columns": it.cols}))
            .collect();
        let active = match mode {
            Mode::Event { event: Event::Edit { sheet, rect, .. }, .. } => place(*sheet, *rect),
            Mode::Event { event: Event::Change { sheet, .. }, .. } => {
                place(*sheet, Rect::at(0, 0, 1, 1))
            }
            _ => chosen(book, selection)?,
        };
        Ok(Self {
            json: json!({
                "spreadsheet": {"id": book.id(), "name": book.title()},
                "sheets": sheets,
                "active": active,
                "mode": if mode.is_simple() { "LIMITED" } else { "FULL" },
                "ui": mode.has_window(),
                "scopes": scopes,
                "user": user,
                "event": event(mode),
            }),
            simple: mode.is_simple(),
        })
    }
}

/// The event object's fields; absent ones are left out.
fn event(mode: Mode<'_>) -> Value {
    let (event, uid) = match mode {
        Mode::Load | Mode::Menu => return Value::Null,
        Mode::Open => return json!({"type": "open"}),
        Mode::Event { event, uid } => (event, uid),
    };
    let mut told = match event {
        Event::Change { kind, .. } => json!({"type": "change", "changeType": kind}),
        Event::Edit { sheet, rect, value, old_value } => {
            let mut told = json!({"type": "edit", "sheet": sheet, "range": place(*sheet, *rect)});
            if let Some(value) = value {
                told["value"] = value.as_str().into();
            }
            if let Some(value) = old_value {
                told["oldValue"] = value.as_str().into();
            }
            told
        }
    };
    if let Some(uid) = uid {
        told["uid"] = uid.into();
    }
    told
}

/// Rows and columns count from 1, and the ends are inside.
fn place(sheet: i64, rect: Rect) -> Value {
    json!({
        "sheet": sheet,
        "rowStart": rect.r0 + 1,
        "rowEnd": rect.r1,
        "columnStart": rect.c0 + 1,
        "columnEnd": rect.c1,
    })
}

fn chosen(book: &Spreadsheet, selection: &Selection) -> Result<Value, ScriptError> {
    let refuse = |what: String| ScriptError::Selection(what);
    let sheet: Option<&Sheet> = match &selection.tab {
        Some(tab) => book.tabs().find(|sheet| sheet.title == *tab),
        None => book.tabs().find(|sheet| !sheet.hidden),
    };
    let tab = selection.tab.as_deref().unwrap_or_default();
    let sheet = sheet.ok_or_else(|| refuse(format!("there is no tab '{tab}'")))?;
    let cell = selection.cell.as_deref().unwrap_or("A1");
    let (rows, cols) = parse_cells(cell).ok_or_else(|| refuse(format!("'{cell}' is no range")))?;
    let ((r0, r1), (c0, c1)) = (rows.within(sheet.rows), cols.within(sheet.cols));
    let rect = Rect { r0, r1, c0, c1 };
    if rect.is_empty() {
        return Err(refuse(format!("'{cell}' is outside the grid of '{}'", sheet.title)));
    }
    Ok(place(sheet.id, rect))
}
