//! Formulas: text in, a tree plus its references out, and the text back at any time.

use std::sync::Arc;

use super::cell::ErrorKind;
use super::refs::{Reference, Tab, parse_corner};
use super::shift::Shift;

/// A formula. The tree is shared by copies; each copy has its own references.
#[derive(Debug, Clone, PartialEq)]
pub struct Formula {
    shape: Arc<Shape>,
    refs: Vec<Reference>,
}

#[derive(Debug, PartialEq)]
struct Shape {
    pieces: Vec<Piece>,
    expr: Expr,
}

#[derive(Debug, PartialEq)]
enum Piece {
    Text(String),
    Ref(usize),
}

/// The tree of a formula; references are indexes into [`Formula::reference`].
#[derive(Debug, PartialEq)]
pub enum Expr {
    /// A number.
    Number(f64),
    /// A text.
    Text(String),
    /// TRUE or FALSE.
    Bool(bool),
    /// An error written out, such as `#REF!`.
    Error(ErrorKind),
    /// A cell or range.
    Ref(usize),
    /// A named range.
    Name(String),
    /// `-x`, `+x`.
    Sign(bool, Box<Expr>),
    /// `x%`.
    Percent(Box<Expr>),
    /// `a op b`.
    Binary(Operator, Box<Expr>, Box<Expr>),
    /// `NAME(a, b)`; the name is upper case.
    Call(String, Vec<Expr>),
    /// The text cannot be read as a formula.
    Unreadable,
}

/// Operators between two values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    /// `+`
    Add,
    /// `-`
    Subtract,
    /// `*`
    Multiply,
    /// `/`
    Divide,
    /// `^`
    Power,
    /// `&`
    Join,
    /// `=`
    Equal,
    /// `<>`
    Unequal,
    /// `<`
    Less,
    /// `<=`
    LessEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterEqual,
}

impl Formula {
    /// Reads the text with or without its leading `=`; `tab` finds the id of a title.
    pub fn parse(text: &str, tab: &dyn Fn(&str) -> Option<i64>) -> Self {
        let body = text.strip_prefix('=').unwrap_or(text);
        let mut refs = Vec::new();
        let (tokens, pieces) = scan(body, tab, &mut refs);
        let expr = tokens
            .and_then(|tokens| Parser { tokens, at: 0, depth: 0 }.whole())
            .unwrap_or(Expr::Unreadable);
        Self { shape: Arc::new(Shape { pieces, expr }), refs }
    }

    /// The text with `=`, with the present titles and places.
    pub fn text(&self, title: &dyn Fn(i64) -> Option<String>) -> String {
        let mut text = String::from("=");
        for piece in &self.shape.pieces {
            match piece {
                Piece::Text(part) => text.push_str(part),
                Piece::Ref(index) => text.push_str(&self.refs[*index].print(title)),
            }
        }
        text
    }

    /// The tree.
    pub fn expr(&self) -> &Expr {
        &self.shape.expr
    }

    /// The reference an [`Expr::Ref`] stands for.
    pub fn reference(&self, index: usize) -> Option<&Reference> {
        self.refs.get(index)
    }

    /// Whether a reference has lost its cells.
    pub fn is_broken(&self) -> bool {
        self.refs.iter().any(|reference| reference.corners.is_none())
    }

    /// A copy placed `rows` down and `cols` right.
    #[must_use]
    pub fn copied(&self, rows: isize, cols: isize) -> Self {
        Self {
            shape: Arc::clone(&self.shape),
            refs: self.refs.iter().map(|r| r.copied(rows, cols)).collect(),
        }
    }

    /// The formula after rows or columns moved; `None` when nothing in it changes.
    pub fn shifted(&self, home: i64, shift: &Shift) -> Option<Self> {
        self.mapped(|reference| reference.shifted(home, shift))
    }

    /// The formula with some references replaced; `None` when `change` replaces none.
    pub fn mapped(&self, change: impl Fn(&Reference) -> Option<Reference>) -> Option<Self> {
        let mut refs = None;
        for (index, reference) in self.refs.iter().enumerate() {
            if let Some(new) = change(reference) {
                refs.get_or_insert_with(|| self.refs.clone())[index] = new;
            }
        }
        Some(Self { shape: Arc::clone(&self.shape), refs: refs? })
    }
}

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Number(f64),
    Text(String),
    Word(String),
    Ref(usize),
    Error(ErrorKind),
    Op(Operator),
    Percent,
    Open,
    Close,
    Comma,
}

/// What stands at the start of a text.
enum Cut {
    Token(Token),
    Blank,
    Unreadable,
}

/// Cuts the text into tokens and into the pieces it is printed from again.
fn scan(
    body: &str,
    tab: &dyn Fn(&str) -> Option<i64>,
    refs: &mut Vec<Reference>,
) -> (Option<Vec<Token>>, Vec<Piece>) {
    let mut tokens = Some(Vec::new());
    let mut operators = 0;
    let mut pieces: Vec<Piece> = Vec::new();
    let mut rest = body;
    while !rest.is_empty() {
        let (cut, length) = if let Some((reference, length)) = next_reference(rest, tab) {
            refs.push(reference);
            pieces.push(Piece::Ref(refs.len() - 1));
            (Cut::Token(Token::Ref(refs.len() - 1)), length)
        } else {
            let (cut, length) = next_token(rest);
            match pieces.last_mut() {
                Some(Piece::Text(text)) => text.push_str(&rest[..length]),
                _ => pieces.push(Piece::Text(rest[..length].to_owned())),
            }
            (cut, length)
        };
        operators += usize::from(matches!(cut, Cut::Token(Token::Op(_) | Token::Percent)));
        match (cut, &mut tokens) {
            (Cut::Token(token), Some(list)) => list.push(token),
            (Cut::Blank, _) | (_, None) => {}
            (Cut::Unreadable, list) => *list = None,
        }
        rest = &rest[length..];
    }
    (tokens.filter(|_| operators <= OPERATORS_MAX), pieces)
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '.' | '$')
}

/// A reference at the start of the text, and its length in bytes.
fn next_reference(text: &str, tab: &dyn Fn(&str) -> Option<i64>) -> Option<(Reference, usize)> {
    let (title, cells) = if let Some(rest) = text.strip_prefix('\'') {
        let (title, rest) = super::area::unquote(rest)?;
        (Some(title), rest.strip_prefix('!')?)
    } else {
        let word = text.find(|c| !is_word(c)).unwrap_or(text.len());
        match text[word..].strip_prefix('!') {
            Some(rest) if word > 0 => (Some(text[..word].to_owned()), rest),
            _ => (None, text),
        }
    };
    let length = cells.find(|c| !is_word(c)).unwrap_or(cells.len());
    let first = parse_corner(&cells[..length])?;
    let mut used = length;
    let mut last = None;
    if let Some(rest) = cells[length..].strip_prefix(':') {
        let end = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
        last = parse_corner(&rest[..end]);
        if last.is_some() {
            used += 1 + end;
        }
    }
    // A name followed by "(" is a function (LOG10), a bare number or letter is no cell.
    if cells[used..].starts_with('(')
        || (last.is_none() && (first.row.is_none() || first.col.is_none()))
    {
        return None;
    }
    let tab = match title {
        None => Tab::Own,
        Some(title) => tab(&title).map_or(Tab::Unknown(title), Tab::Known),
    };
    Some((Reference { tab, corners: Some((first, last)) }, text.len() - cells.len() + used))
}

/// The next token that is no reference, and its length in bytes.
fn next_token(text: &str) -> (Cut, usize) {
    let Some(first) = text.chars().next() else { return (Cut::Unreadable, 0) };
    let simple = |token: Token, length: usize| (Cut::Token(token), length);
    if first.is_whitespace() {
        return (Cut::Blank, first.len_utf8());
    }
    for (mark, op) in TWO_CHARS {
        if text.starts_with(mark) {
            return simple(Token::Op(op), 2);
        }
    }
    match first {
        '(' => simple(Token::Open, 1),
        ')' => simple(Token::Close, 1),
        ',' | ';' => simple(Token::Comma, 1),
        '%' => simple(Token::Percent, 1),
        '+' => simple(Token::Op(Operator::Add), 1),
        '-' => simple(Token::Op(Operator::Subtract), 1),
        '*' => simple(Token::Op(Operator::Multiply), 1),
        '/' => simple(Token::Op(Operator::Divide), 1),
        '^' => simple(Token::Op(Operator::Power), 1),
        '&' => simple(Token::Op(Operator::Join), 1),
        '=' => simple(Token::Op(Operator::Equal), 1),
        '<' => simple(Token::Op(Operator::Less), 1),
        '>' => simple(Token::Op(Operator::Greater), 1),
        '"' => string_token(text),
        '#' => error_token(text),
        '0'..='9' | '.' => number_token(text),
        c if c.is_alphabetic() || c == '_' || c == '$' => {
            let length = text.find(|c| !is_word(c)).unwrap_or(text.len());
            simple(Token::Word(text[..length].to_owned()), length)
        }
        c => (Cut::Unreadable, c.len_utf8()),
    }
}

const TWO_CHARS: [(&str, Operator); 3] =
    [("<>", Operator::Unequal), ("<=", Operator::LessEqual), (">=", Operator::GreaterEqual)];

fn string_token(text: &str) -> (Cut, usize) {
    let mut out = String::new();
    let mut at = 1;
    while let Some(end) = text[at..].find('"') {
        out.push_str(&text[at..at + end]);
        at += end + 1;
        if !text[at..].starts_with('"') {
            return (Cut::Token(Token::Text(out)), at);
        }
        out.push('"');
        at += 1;
    }
    (Cut::Unreadable, text.len())
}

fn error_token(text: &str) -> (Cut, usize) {
    const KINDS: [ErrorKind; 7] = [
        ErrorKind::Parse,
        ErrorKind::DivideByZero,
        ErrorKind::Value,
        ErrorKind::Ref,
        ErrorKind::Name,
        ErrorKind::Num,
        ErrorKind::NotAvailable,
    ];
    match KINDS.into_iter().find(|kind| text.starts_with(kind.shown())) {
        Some(kind) => (Cut::Token(Token::Error(kind)), kind.shown().len()),
        None => (Cut::Unreadable, 1),
    }
}

fn number_token(text: &str) -> (Cut, usize) {
    let bytes = text.as_bytes();
    let mut end = bytes.iter().take_while(|b| b.is_ascii_digit() || **b == b'.').count();
    if matches!(bytes.get(end), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
        let digits = bytes[end + 1 + sign..].iter().take_while(|b| b.is_ascii_digit()).count();
        if digits > 0 {
            end += 1 + sign + digits;
        }
    }
    match text[..end].parse::<f64>() {
        Ok(number) => (Cut::Token(Token::Number(number)), end),
        Err(_) => (Cut::Unreadable, end.max(1)),
    }
}

struct Parser {
    tokens: Vec<Token>,
    at: usize,
    depth: usize,
}

/// A longer chain of operators is refused: its tree would be too deep to walk by recursion.
const OPERATORS_MAX: usize = 400;

/// Nesting beyond this is refused, so that no formula can exhaust the stack.
const DEPTH_MAX: usize = 64;

impl Parser {
    fn whole(mut self) -> Option<Expr> {
        let expr = self.level(0)?;
        (self.at == self.tokens.len()).then_some(expr)
    }

    fn level(&mut self, level: usize) -> Option<Expr> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return None;
        }
        let mut left = self.unary()?;
        while let Some(Token::Op(op)) = self.tokens.get(self.at) {
            let (op, rank) = (*op, rank(*op));
            if rank < level {
                break;
            }
            self.at += 1;
            let right = self.level(rank + 1)?;
            left = Expr::Binary(op, Box::new(left), Box::new(right));
        }
        self.depth -= 1;
        Some(left)
    }

    fn unary(&mut self) -> Option<Expr> {
        let mut minus = Vec::new();
        while let Some(Token::Op(op @ (Operator::Add | Operator::Subtract))) =
            self.tokens.get(self.at)
        {
            minus.push(*op == Operator::Subtract);
            self.at += 1;
        }
        let mut expr = self.primary()?;
        while self.tokens.get(self.at) == Some(&Token::Percent) {
            self.at += 1;
            expr = Expr::Percent(Box::new(expr));
        }
        Some(minus.into_iter().rev().fold(expr, |expr, minus| Expr::Sign(minus, Box::new(expr))))
    }

    fn primary(&mut self) -> Option<Expr> {
        let token = self.tokens.get(self.at)?.clone();
        self.at += 1;
        Some(match token {
            Token::Number(number) => Expr::Number(number),
            Token::Text(text) => Expr::Text(text),
            Token::Error(kind) => Expr::Error(kind),
            Token::Ref(index) => Expr::Ref(index),
            Token::Open => {
                let inner = self.level(0)?;
                self.expect(&Token::Close)?;
                inner
            }
            Token::Word(word) if self.tokens.get(self.at) == Some(&Token::Open) => {
                self.at += 1;
                Expr::Call(word.to_uppercase(), self.arguments()?)
            }
            Token::Word(word) if word.eq_ignore_ascii_case("true") => Expr::Bool(true),
            Token::Word(word) if word.eq_ignore_ascii_case("false") => Expr::Bool(false),
            Token::Word(word) => Expr::Name(word),
            Token::Op(_) | Token::Percent | Token::Close | Token::Comma => return None,
        })
    }

    fn arguments(&mut self) -> Option<Vec<Expr>> {
        let mut arguments = Vec::new();
        if self.tokens.get(self.at) == Some(&Token::Close) {
            self.at += 1;
            return Some(arguments);
        }
        loop {
            arguments.push(self.level(0)?);
            match self.tokens.get(self.at)? {
                Token::Comma => self.at += 1,
                Token::Close => {
                    self.at += 1;
                    return Some(arguments);
                }
                _ => return None,
            }
        }
    }

    fn expect(&mut self, token: &Token) -> Option<()> {
        let found = self.tokens.get(self.at)? == token;
        self.at += 1;
        found.then_some(())
    }
}

fn rank(op: Operator) -> usize {
    match op {
        Operator::Equal
        | Operator::Unequal
        | Operator::Less
        | Operator::LessEqual
        | Operator::Greater
        | Operator::GreaterEqual => 0,
        Operator::Join => 1,
        Operator::Add | Operator::Subtract => 2,
        Operator::Multiply | Operator::Divide => 3,
        Operator::Power => 4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn again(text: &str) -> String {
        let tab = |title: &str| (title == "My tab").then_some(7);
        Formula::parse(text, &tab).text(&|id| (id == 7).then(|| "Renamed tab".to_owned()))
    }

    #[test]
    fn the_text_comes_back_with_the_present_titles() {
        assert_eq!(again("=SUM( A1:B$2 ) & \"a \"\"A1\"\"\""), "=SUM( A1:B$2 ) & \"a \"\"A1\"\"\"");
        assert_eq!(again("='My tab'!A1+1"), "='Renamed tab'!A1+1");
        assert_eq!(again("=Gone!A1"), "=Gone!A1");
        assert_eq!(again("=LOG10(2)+1e5"), "=LOG10(2)+1e5");
    }

    #[test]
    fn nonsense_is_unreadable_but_kept() {
        let formula = Formula::parse("=1+*(", &|_| None);
        assert_eq!(formula.expr(), &Expr::Unreadable);
        assert_eq!(formula.text(&|_| None), "=1+*(");
        let deep = format!("={}1{}", "(".repeat(9_000), ")".repeat(9_000));
        assert_eq!(Formula::parse(&deep, &|_| None).expr(), &Expr::Unreadable);
    }
}
