//! `QUERY_EVENT`: a statement with the schema it ran in.

use crate::mysql::{
    decode::bytes::{Cursor, Malformed},
    mariadb,
};

/// A logged statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// Schema for names that have none.
    pub schema: String,
    /// Text, as far as it is UTF-8.
    pub text: String,
}

/// Thread, execution time, length of the schema, error code, length of the status variables.
const POST_HEADER: usize = 4 + 4 + 1 + 2 + 2;

/// `EXECUTE_LOAD_QUERY` adds: file number, start and end of the file name, handling of duplicates.
const LOAD_HEADER: usize = 4 + 4 + 4 + 1;

impl Query {
    /// Reads a `QUERY_EVENT`.
    pub fn parse(data: &[u8]) -> Result<Self, Malformed> {
        Self::parse_with(data, 0)
    }

    /// Reads an `EXECUTE_LOAD_QUERY_EVENT`.
    pub fn parse_load(data: &[u8]) -> Result<Self, Malformed> {
        Self::parse_with(data, LOAD_HEADER)
    }

    fn parse_with(data: &[u8], extra: usize) -> Result<Self, Malformed> {
        let (schema, text) = split(data, extra)?;
        let plain = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Ok(Self { schema: plain(schema), text: plain(&data[text..]) })
    }
}

/// The schema, and where the text begins.
fn split(data: &[u8], extra: usize) -> Result<(&[u8], usize), Malformed> {
    let mut cursor = Cursor::new(data);
    cursor.take(8)?;
    let schema = usize::from(cursor.u8()?);
    cursor.take(2)?;
    let status = usize::from(cursor.u16()?);
    cursor.take(extra + status)?;
    let schema = cursor.take(schema)?;
    cursor.u8()?;
    debug_assert!(data.len() >= POST_HEADER);
    Ok((schema, data.len() - cursor.len()))
}

/// The same event with its text inflated, for MariaDB's `log_bin_compress`.
pub fn inflated(data: &[u8]) -> Result<Vec<u8>, Malformed> {
    let (_, text) = split(data, 0)?;
    let mut plain = data[..text].to_vec();
    plain.extend(mariadb::inflate(&data[text..])?);
    Ok(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_event_gives_schema_and_text() {
        let mut data = vec![0; 8];
        data.extend([4, 0, 0, 3, 0, 9, 9, 9]);
        data.extend(b"shop\0BEGIN");
        let query = Query::parse(&data).unwrap();
        assert_eq!((query.schema.as_str(), query.text.as_str()), ("shop", "BEGIN"));
        for length in 0..20 {
            assert!(Query::parse(&data[..length]).is_err());
        }
    }
}
