//! What a table looks like on the server now: the columns that the log counts, in its order.

/// All columns of a table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TableLayout {
    /// In table order; generated and invisible ones included, because the log includes them.
    pub columns: Vec<ColumnLayout>,
}

/// One column of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnLayout {
    /// As declared.
    pub name: String,
    /// Character set; `None` for columns that are no text.
    pub charset: Option<String>,
    /// Labels of an `ENUM` or `SET`.
    pub labels: Vec<String>,
}
