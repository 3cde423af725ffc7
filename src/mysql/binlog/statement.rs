//! What a statement in the log does to mapped tables. A row log has few of them: DDL, transaction brackets, and the statement-logged
//! changes that must never be passed over.

/// A table as a statement names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// Schema, when it is written out.
    pub database: Option<String>,
    /// Table.
    pub table: String,
}

/// What a statement is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Statement {
    /// `BEGIN`.
    Begin,
    /// `COMMIT`.
    Commit,
    /// `ROLLBACK` of the whole transaction.
    Rollback,
    /// `ROLLBACK TO` a savepoint: some of the rows before it never happened.
    RollbackTo,
    /// `XA START`.
    XaStart,
    /// Nothing about mapped rows: savepoints, `XA END`, views, grants.
    Nothing,
    /// `XA COMMIT` or `XA ROLLBACK`: ends a transaction prepared before, and is one by itself.
    XaEnd,
    /// `TRUNCATE`.
    Truncate(Named),
    /// `DROP TABLE`.
    Drop(Vec<Named>),
    /// `DROP DATABASE`.
    DropDatabase(String),
    /// `RENAME TABLE`, or `ALTER TABLE ... RENAME`: old name, new name, in order.
    Rename(Vec<(Named, Named)>),
    /// `ALTER TABLE`, `CREATE INDEX` and the like: the columns may be others.
    Alter(Named),
    /// An `ALTER TABLE` that removes or exchanges rows without logging them, and all the names in it.
    AlterRows(Vec<Named>),
    /// `CREATE TABLE`; whether an old table of that name is replaced.
    Create(Named, bool),
    /// A change of rows as a statement, and every name in it.
    Change(Vec<Named>),
    /// A statement that may change rows of any table: a stored function or procedure, logged as a call.
    Call,
}

/// A piece of a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    /// A bare word, in upper case, and as written.
    Word(String, String),
    /// A name in backticks or double quotes.
    Quoted(String),
    Sign(char),
}

impl Token {
    fn is(&self, word: &str) -> bool {
        matches!(self, Self::Word(upper, _) if upper == word)
    }

    fn name(&self) -> Option<&str> {
        match self {
            Self::Word(_, written) => Some(written),
            Self::Quoted(name) => Some(name),
            Self::Sign(_) => None,
        }
    }
}

impl Statement {
    /// Reads a statement of the log.
    pub fn parse(sql: &str) -> Self {
        // The brackets of nearly every transaction are told apart without taking them to pieces.
        match sql {
            "BEGIN" => return Self::Begin,
            "COMMIT" => return Self::Commit,
            _ => {}
        }
        let tokens = tokens(sql);
        let words: Vec<&str> = tokens
            .iter()
            .take(4)
            .map(|token| match token {
                Token::Word(upper, _) => upper.as_str(),
                Token::Quoted(_) | Token::Sign(_) => "",
            })
            .collect();
        match words.as_slice() {
            ["BEGIN", ..] | ["START", "TRANSACTION", ..] => Self::Begin,
            ["COMMIT", ..] => Self::Commit,
            ["ROLLBACK", "TO", ..] | ["ROLLBACK", "WORK", "TO", ..] => Self::RollbackTo,
            ["ROLLBACK", ..] => Self::Rollback,
            ["XA", "START" | "BEGIN", ..] => Self::XaStart,
            ["XA", "COMMIT" | "ROLLBACK", ..] => Self::XaEnd,
            ["TRUNCATE", ..] => truncate(&tokens),
            ["DROP", "TABLE" | "TABLES", ..] => Self::Drop(names_behind(&tokens, 2)),
            ["DROP", "DATABASE" | "SCHEMA", ..] => drop_database(&tokens),
            ["RENAME", "TABLE" | "TABLES", ..] => rename(&tokens),
            ["ALTER", ..] => alter(&tokens),
            ["CREATE" | "DROP", ..] => create_or_index(&tokens),
            ["INSERT" | "UPDATE" | "DELETE" | "REPLACE" | "LOAD" | "WITH" | "MERGE", ..] => {
                Self::Change(every_name(&tokens))
            }
            ["CALL" | "DO" | "SELECT", ..] => Self::Call,
            _ => Self::Nothing,
        }
    }
}

/// Cuts a statement into words, names and signs. Comments and texts fall away; what a version comment holds stays.
fn tokens(sql: &str) -> Vec<Token> {
    let letters: Vec<char> = sql.chars().collect();
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(letter) = letters.get(at).copied() {
        let next = letters.get(at + 1).copied();
        at = match (letter, next) {
            ('/', Some('*')) => match letters.get(at + 2) {
                // The content of a version comment is executed; its number is not a word of the statement.
                Some('!') => at + 3 + count(&letters[at + 3..], |one| one.is_ascii_digit()),
                Some('M') if letters.get(at + 3) == Some(&'!') => {
                    at + 4 + count(&letters[at + 4..], |one| one.is_ascii_digit())
                }
                _ => behind(&letters, at + 2, &['*', '/']),
            },
            ('*', Some('/')) => at + 2,
            ('-', Some('-')) | ('#', _) => behind(&letters, at + 1, &['\n']),
            ('\'', _) => quoted(&letters, at).1,
            ('`' | '"', _) => {
                let (name, end) = quoted(&letters, at);
                tokens.push(Token::Quoted(name));
                end
            }
            (one, _) if is_word(one) => {
                let end = at + count(&letters[at..], is_word);
                let word: String = letters[at..end].iter().collect();
                tokens.push(Token::Word(word.to_uppercase(), word));
                end
            }
            (one, _) => {
                if !one.is_whitespace() {
                    tokens.push(Token::Sign(one));
                }
                at + 1
            }
        };
    }
    tokens
}

fn is_word(letter: char) -> bool {
    letter.is_alphanumeric() || matches!(letter, '_' | '$' | '@') || !letter.is_ascii()
}

fn count(letters: &[char], fits: impl Fn(char) -> bool) -> usize {
    letters.iter().take_while(|letter| fits(**letter)).count()
}

/// Where a run of letters ends, or the end of the statement.
fn behind(letters: &[char], from: usize, end: &[char]) -> usize {
    letters[from..]
        .windows(end.len())
        .position(|window| window == end)
        .map_or(letters.len(), |found| from + found + end.len())
}

/// The content of a quoted text or name, and where it ends. A doubled quote stands for itself.
fn quoted(letters: &[char], from: usize) -> (String, usize) {
    let quote = letters[from];
    let mut content = String::new();
    let mut at = from + 1;
    while let Some(letter) = letters.get(at).copied() {
        if letter == quote {
            if letters.get(at + 1) != Some(&quote) {
                return (content, at + 1);
            }
            at += 1;
        } else if letter == '\\' && quote != '`' {
            at += 1;
        }
        content.extend(letters.get(at));
        at += 1;
    }
    (content, letters.len())
}

/// Reads a name, with its schema or without, and says where it ends.
fn name_at(tokens: &[Token], at: usize) -> Option<(Named, usize)> {
    let first = tokens.get(at)?.name()?.to_owned();
    if tokens.get(at + 1) == Some(&Token::Sign('.')) {
        let table = tokens.get(at + 2)?.name()?.to_owned();
        return Some((Named { database: Some(first), table }, at + 3));
    }
    Some((Named { database: None, table: first }, at + 1))
}

/// Steps over `IF EXISTS`, `IF NOT EXISTS` and `TABLE`.
fn past_fillers(tokens: &[Token], mut at: usize) -> usize {
    let filler = |token: &Token| {
        ["IF", "NOT", "EXISTS", "TABLE", "IGNORE", "ONLINE", "OFFLINE"]
            .iter()
            .any(|word| token.is(word))
    };
    while tokens.get(at).is_some_and(filler) {
        at += 1;
    }
    at
}

fn names_behind(tokens: &[Token], from: usize) -> Vec<Named> {
    let mut names = Vec::new();
    let mut at = past_fillers(tokens, from);
    while let Some((name, end)) = name_at(tokens, at) {
        names.push(name);
        if tokens.get(end) != Some(&Token::Sign(',')) {
            break;
        }
        at = end + 1;
    }
    names
}

fn truncate(tokens: &[Token]) -> Statement {
    name_at(tokens, past_fillers(tokens, 1))
        .map_or(Statement::Nothing, |(name, _)| Statement::Truncate(name))
}

fn drop_database(tokens: &[Token]) -> Statement {
    name_at(tokens, past_fillers(tokens, 2))
        .map_or(Statement::Nothing, |(name, _)| Statement::DropDatabase(name.table))
}

fn rename(tokens: &[Token]) -> Statement {
    let mut pairs = Vec::new();
    let mut at = past_fillers(tokens, 2);
    while let Some((old, end)) = name_at(tokens, at) {
        // MariaDB takes WAIT and NOWAIT between the two names.
        let Some(to) = (end..tokens.len()).find(|at| tokens[*at].is("TO")) else { break };
        let Some((new, end)) = name_at(tokens, to + 1) else { break };
        pairs.push((old, new));
        at = end + 1;
    }
    Statement::Rename(pairs)
}

fn alter(tokens: &[Token]) -> Statement {
    let Some(table) = tokens.iter().take(4).position(|token| token.is("TABLE")) else {
        return Statement::Nothing;
    };
    let Some((name, end)) = name_at(tokens, past_fillers(tokens, table)) else {
        return Statement::Nothing;
    };
    let rest = &tokens[end..];
    let pair = |first: &str, second: &str| {
        rest.windows(2).any(|two| two[0].is(first) && two[1].is(second))
    };
    let removes_rows = pair("TRUNCATE", "PARTITION")
        || pair("DROP", "PARTITION")
        || pair("EXCHANGE", "PARTITION")
        || pair("CONVERT", "PARTITION")
        || pair("CONVERT", "TABLE")
        || pair("IMPORT", "TABLESPACE")
        || pair("DISCARD", "TABLESPACE");
    if removes_rows {
        return Statement::AlterRows(every_name(tokens));
    }
    let renamed = rest.iter().enumerate().find_map(|(at, token)| {
        let to = rest.get(at + 1)?;
        let kept = ["COLUMN", "INDEX", "KEY", "CONSTRAINT"].iter().any(|word| to.is(word));
        if !token.is("RENAME") || kept {
            return None;
        }
        let skip = usize::from(to.is("TO") || to.is("AS")) + usize::from(*to == Token::Sign('='));
        name_at(rest, at + 1 + skip)
    });
    match renamed {
        Some((new, _)) => Statement::Rename(vec![(name, new)]),
        None => Statement::Alter(name),
    }
}

/// `CREATE TABLE`, and the indexes, which change no column and are told to be safe. Temporary tables are of nobody's concern.
fn create_or_index(tokens: &[Token]) -> Statement {
    let head = &tokens[..tokens.len().min(6)];
    if head.iter().any(|token| token.is("TEMPORARY")) {
        return Statement::Nothing;
    }
    if let Some(on) = tokens.iter().position(|token| token.is("ON"))
        && head.iter().any(|token| token.is("INDEX"))
    {
        return name_at(tokens, on + 1)
            .map_or(Statement::Nothing, |(name, _)| Statement::Alter(name));
    }
    let replaces = tokens.get(1).is_some_and(|token| token.is("OR"));
    let table = if replaces { 3 } else { 1 };
    if !tokens[0].is("CREATE") || !tokens.get(table).is_some_and(|token| token.is("TABLE")) {
        return Statement::Nothing;
    }
    name_at(tokens, past_fillers(tokens, table))
        .map_or(Statement::Nothing, |(name, _)| Statement::Create(name, replaces))
}

/// Every name and word of a statement, as if each could be a table: too many rather than too few.
fn every_name(tokens: &[Token]) -> Vec<Named> {
    (0..tokens.len())
        .filter(|at| *at == 0 || tokens[at - 1] != Token::Sign('.'))
        .filter_map(|at| name_at(tokens, at))
        .map(|(name, _)| name)
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn named(text: &str) -> Named {
        match text.split_once('.') {
            Some((database, table)) => {
                Named { database: Some(database.into()), table: table.into() }
            }
            None => Named { database: None, table: text.into() },
        }
    }

    #[test]
    fn brackets_are_told_apart() {
        for (sql, expected) in [
            ("BEGIN", Statement::Begin),
            ("COMMIT /* implicit */", Statement::Commit),
            ("ROLLBACK", Statement::Rollback),
            ("ROLLBACK TO `s`", Statement::RollbackTo),
            ("SAVEPOINT `s`", Statement::Nothing),
            ("XA START X'61',X'',1", Statement::XaStart),
            ("XA END X'61',X'',1", Statement::Nothing),
            ("XA ROLLBACK X'61',X'',1", Statement::XaEnd),
            ("GRANT SELECT ON t TO u", Statement::Nothing),
            ("DROP TEMPORARY TABLE IF EXISTS `t`", Statement::Nothing),
            (
                "CREATE DEFINER=`a`@`b` TRIGGER tr AFTER INSERT ON t FOR EACH ROW DELETE FROM u",
                Statement::Nothing,
            ),
            ("", Statement::Nothing),
        ] {
            assert_eq!(Statement::parse(sql), expected, "{sql}");
        }
    }

    #[test]
    fn ddl_names_its_tables() {
        for (sql, expected) in [
            ("truncate table `shop`.`or``ders`", Statement::Truncate(named("shop.or`ders"))),
            ("TRUNCATE orders", Statement::Truncate(named("orders"))),
            (
                "DROP TABLE IF EXISTS `a`,shop.b /* generated by server */",
                Statement::Drop(vec![named("a"), named("shop.b")]),
            ),
            ("DROP SCHEMA IF EXISTS `shop`", Statement::DropDatabase("shop".into())),
            (
                "/* gh-ost */ rename /* cut */ table `s`.`t` to `s`.`_t_del`, `s`.`_t_gho` to `s`.`t`",
                Statement::Rename(vec![
                    (named("s.t"), named("s._t_del")),
                    (named("s._t_gho"), named("s.t")),
                ]),
            ),
            ("ALTER TABLE t RENAME TO u", Statement::Rename(vec![(named("t"), named("u"))])),
            ("alter table t rename column a to b", Statement::Alter(named("t"))),
            (
                "ALTER IGNORE TABLE s.t ADD c INT COMMENT 'rename to x'",
                Statement::Alter(named("s.t")),
            ),
            ("CREATE UNIQUE INDEX i ON s.t (a)", Statement::Alter(named("s.t"))),
            ("DROP INDEX i ON t", Statement::Alter(named("t"))),
            ("CREATE TABLE IF NOT EXISTS `t` (a INT)", Statement::Create(named("t"), false)),
            ("CREATE OR REPLACE TABLE t (a INT)", Statement::Create(named("t"), true)),
        ] {
            assert_eq!(Statement::parse(sql), expected, "{sql}");
        }
        let Statement::AlterRows(names) =
            Statement::parse("ALTER TABLE a EXCHANGE PARTITION p WITH TABLE s.b")
        else {
            panic!("rows change hands")
        };
        assert!(names.contains(&named("a")) && names.contains(&named("s.b")));
    }

    #[test]
    fn statement_logged_changes_are_never_missed() {
        for sql in [
            "INSERT INTO shop.orders VALUES ('x', \"y\")",
            "/*!50001 UPDATE */ shop . orders SET a = 'it''s \\' quoted'",
            "WITH c AS (SELECT 1) DELETE FROM `shop`.`orders`",
            "-- note\nREPLACE shop.orders SET a = 1",
            "UPDATE other JOIN shop.orders USING (id) SET a = 1",
        ] {
            let Statement::Change(names) = Statement::parse(sql) else { panic!("{sql}") };
            assert!(names.contains(&named("shop.orders")), "{sql}: {names:?}");
        }
        let Statement::Change(names) =
            Statement::parse("INSERT INTO log VALUES ('orders') /* orders */")
        else {
            panic!()
        };
        assert!(!names.contains(&named("orders")), "texts and comments are no names");
        assert_eq!(Statement::parse("SELECT `shop`.`raise_all`(1)"), Statement::Call);
    }

    proptest! {
        #[test]
        fn any_text_is_taken_to_pieces_without_panic(sql in "(ALTER|DROP|RENAME|CREATE|TRUNCATE|TABLE|TO|ON|INDEX|OR|[`'\"/*!\\\\.#a-zé(),= \n-]){0,40}") {
            let _ = Statement::parse(&sql);
        }
    }
}
