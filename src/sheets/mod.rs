//! Google Sheets: the door through which spreadsheets are read and written.

mod wire;

pub use wire::fence::FenceKind;
