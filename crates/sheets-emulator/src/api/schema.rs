//! The messages of the API: which fields exist and what they hold.

use std::collections::HashMap;
use std::sync::OnceLock;

/// What a field holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// Text.
    Text,
    /// A 32-bit integer.
    Int,
    /// A double.
    Number,
    /// A boolean.
    Bool,
    /// A field mask.
    Mask,
    /// Anything.
    Any,
    /// Another message.
    Message(&'static str),
    /// A map from any key to a message.
    Map(&'static str),
    /// A list.
    List(Box<Kind>),
    /// One of the words of an enum.
    Enum(&'static str),
    /// Google knows it, this model does not.
    NotModelled,
}

#[derive(Debug)]
struct Schema {
    messages: HashMap<&'static str, Vec<(&'static str, Kind)>>,
    enums: HashMap<&'static str, Vec<&'static str>>,
}

/// The fields of a message; none for a name that is not in the table.
pub fn message(name: &str) -> &'static [(&'static str, Kind)] {
    schema().messages.get(name).map_or(&[], Vec::as_slice)
}

/// The kind of one field.
pub fn field(message_name: &str, field: &str) -> Option<&'static Kind> {
    message(message_name).iter().find(|(name, _)| *name == field).map(|(_, kind)| kind)
}

/// The words of an enum.
pub fn words(name: &str) -> &'static [&'static str] {
    schema().enums.get(name).map_or(&[], Vec::as_slice)
}

fn schema() -> &'static Schema {
    static SCHEMA: OnceLock<Schema> = OnceLock::new();
    SCHEMA.get_or_init(|| read(include_str!("schema.txt")))
}

fn read(text: &'static str) -> Schema {
    let mut schema = Schema { messages: HashMap::new(), enums: HashMap::new() };
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let mut words = line.split(' ');
        match words.next() {
            Some("enum") => {
                if let (Some(name), Some(list)) = (words.next(), words.next()) {
                    schema.enums.insert(name, list.split('|').collect());
                }
            }
            Some(name) => {
                let fields = words.filter_map(|word| word.split_once(':'));
                schema
                    .messages
                    .insert(name, fields.map(|(field, kind)| (field, read_kind(kind))).collect());
            }
            None => {}
        }
    }
    schema
}

fn read_kind(text: &'static str) -> Kind {
    match (text.split_at_checked(1), text) {
        (Some(("@", name)), _) => Kind::Message(name),
        (Some(("%", name)), _) => Kind::Map(name),
        (Some(("#", name)), _) => Kind::Enum(name),
        (Some(("*", item)), _) => Kind::List(Box::new(read_kind(item))),
        (_, "str") => Kind::Text,
        (_, "int") => Kind::Int,
        (_, "num") => Kind::Number,
        (_, "bool") => Kind::Bool,
        (_, "mask") => Kind::Mask,
        (_, "any") => Kind::Any,
        _ => Kind::NotModelled,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_in_the_table_is_defined() {
        fn check(kind: &Kind) {
            match kind {
                Kind::Message(name) | Kind::Map(name) => {
                    assert!(schema().messages.contains_key(name), "{name}");
                }
                Kind::Enum(name) => assert!(!words(name).is_empty(), "{name}"),
                Kind::List(item) => check(item),
                _ => {}
            }
        }
        let mut names: Vec<_> = schema().messages.keys().copied().collect();
        names.sort_unstable();
        for name in names {
            for (_, kind) in message(name) {
                check(kind);
            }
        }
        assert_eq!(field("UpdateCellsRequest", "fields"), Some(&Kind::Mask));
        assert_eq!(field("Request", "addChart"), Some(&Kind::NotModelled));
    }
}
