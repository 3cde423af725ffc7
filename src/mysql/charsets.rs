//! Asks a server for its collations and for the tables of its one-byte character sets.

use std::{collections::BTreeMap, fmt::Write as _, sync::Arc};

use super::{
    connect::{Session, at},
    decode::text::Charsets,
};
use crate::fault::Fault;

/// Reads what is needed to turn bytes into text exactly as this server would.
pub async fn ask(session: &mut Session) -> Result<Charsets, Fault> {
    let mut collations = BTreeMap::new();
    let mut questions = vec![
        "SELECT ID, CHARACTER_SET_NAME FROM information_schema.COLLATIONS WHERE ID IS NOT NULL",
    ];
    if session.server().is_mariadb() && session.server().version >= (10, 10, 1) {
        // Newer collations have a number per character set, and that is told elsewhere.
        questions.push("SELECT ID, CHARACTER_SET_NAME FROM information_schema.COLLATION_CHARACTER_SET_APPLICABILITY WHERE ID IS NOT NULL");
    }
    for question in questions {
        for row in session.query(question).await? {
            if let (Some(id), Some(name)) = (at::<u64>(&row, 0), at::<String>(&row, 1)) {
                collations.insert(id, name);
            }
        }
    }
    let mut tables = BTreeMap::new();
    let names = session
        .query("SELECT CHARACTER_SET_NAME FROM information_schema.CHARACTER_SETS WHERE MAXLEN = 1 AND CHARACTER_SET_NAME NOT IN ('binary', 'ascii')")
        .await?;
    for row in names {
        let name: String = at(&row, 0).unwrap_or_default();
        let plain = name.bytes().all(|letter| letter.is_ascii_alphanumeric() || letter == b'_');
        if plain && let Some(table) = table(session, &name).await? {
            tables.insert(name, Arc::new(table));
        }
    }
    Ok(Charsets::new(collations, tables))
}

/// The 256 characters of a set, converted by the server itself.
async fn table(session: &mut Session, name: &str) -> Result<Option<[char; 256]>, Fault> {
    let every_byte = (0..=255_u8).fold(String::new(), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02X}");
        text
    });
    let question = format!("SELECT HEX(CONVERT(CONVERT(0x{every_byte} USING {name}) USING utf32))");
    let Some(answer) = session.text(&question).await? else { return Ok(None) };
    let characters: Option<Vec<char>> = answer
        .as_bytes()
        .chunks(8)
        .map(|digits| {
            let digits = std::str::from_utf8(digits).ok()?;
            char::from_u32(u32::from_str_radix(digits, 16).ok()?)
        })
        .collect();
    Ok(characters.and_then(|all| all.try_into().ok()))
}
