//! The decoded query string of a call.

/// Decoded query pairs in the order they came.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Query(pub Vec<(String, String)>);

impl Query {
    /// The first value of `key`; Google lets the first `fields` win when it is repeated.
    pub fn first(&self, key: &str) -> Option<&str> {
        self.0.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
    }

    /// Every value of `key` in order.
    pub fn all(&self, key: &str) -> Vec<&str> {
        self.0.iter().filter(|(name, _)| name == key).map(|(_, value)| value.as_str()).collect()
    }

    /// Whether `key` is given as `true` (or as a bare flag).
    pub fn flag(&self, key: &str) -> bool {
        self.first(key).is_some_and(|value| value.is_empty() || value.eq_ignore_ascii_case("true"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_value_wins_and_all_keeps_the_order() {
        let query = Query(vec![
            ("a".into(), "1".into()),
            ("b".into(), "true".into()),
            ("a".into(), "2".into()),
        ]);
        assert_eq!(query.first("a"), Some("1"));
        assert_eq!(query.all("a"), ["1", "2"]);
        assert!(query.flag("b") && !query.flag("a"));
    }
}
