//! Texts without their quotes: TOML's parser takes them for broken numbers, and says so.

use super::keys::{KEYS, Kind};

/// The sentence for a line that holds such a text; none where something else is wrong with it.
pub(super) fn missing(line: &str) -> Option<String> {
    let (key, value) = line.split_once('=').unwrap_or(("", line));
    if !unquoted(value).split([',', '[', ']', '{', '}']).any(is_bare_word) {
        return None;
    }
    let key = key.trim();
    let known = KEYS.iter().find(|(path, _)| path.rsplit('.').next() == Some(key));
    Some(match known {
        Some((_, Kind::List)) => {
            format!("every text needs quotes: {key} = [\"id\", \"status\"]")
        }
        Some((_, Kind::Text)) => format!("a text needs quotes: {key} = \"...\""),
        Some((_, Kind::Integer | Kind::Map)) | None => "a text needs quotes, as in \"id\"".into(),
    })
}

/// Everything outside of quotes, up to a comment.
fn unquoted(value: &str) -> String {
    let mut quote = None;
    let mut bare = String::new();
    for letter in value.chars() {
        match (quote, letter) {
            (None, '#') => break,
            (None, '"' | '\'') => quote = Some(letter),
            (None, other) => bare.push(other),
            (Some(open), other) if open == other => quote = None,
            (Some(_), _) => {}
        }
    }
    bare
}

fn is_bare_word(part: &str) -> bool {
    // Of `note = sheet` in an inline table the value counts.
    let word = part.rsplit('=').next().unwrap_or(part).trim();
    word.starts_with(|first: char| first.is_alphabetic() || first == '_')
        && !["true", "false", "inf", "nan"].contains(&word)
}
