//! Formulas of sheets, as UFO, Kingdee and spreadsheets write them: numbers, texts, cells, calls whose arguments may be left out, and
//! operators. What a call means is the dialect's.

use std::ops::Range;

use super::fault;
use crate::{
    Fault,
    ast::Operator,
    lexer::{Lexer, Token},
};

/// Levels of brackets and operators that are read: what walks the tree recurses so often.
const DEEPEST: usize = 24;
/// Operators of the longest formula.
const MOST: usize = 256;

/// A cell of a sheet: column and row from 1.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CellName {
    /// Another sheet than the one the formula stands in.
    pub sheet: Option<String>,
    /// Column, A being 1.
    pub column: u32,
    /// Row.
    pub row: u32,
}

impl CellName {
    /// Reads `C5` or `$C$5`.
    pub fn parse(text: &str) -> Option<CellName> {
        let text = text.strip_prefix('$').unwrap_or(text);
        let letters = text.bytes().take_while(u8::is_ascii_alphabetic).count();
        let (letters, digits) = text.split_at(letters);
        let digits = digits.strip_prefix('$').unwrap_or(digits);
        if letters.is_empty() || letters.len() > 3 || digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let column = letters.bytes().fold(0, |column, b| column * 26 + u32::from(b.to_ascii_uppercase() - b'A') + 1);
        let row = digits.parse::<u32>().ok().filter(|row| (1..=1_048_576).contains(row))?;
        Some(CellName { sheet: None, column, row })
    }
}

impl std::fmt::Display for CellName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(sheet) = &self.sheet {
            write!(f, "{sheet}!")?;
        }
        let (mut rest, mut letters) = (self.column, Vec::new());
        while rest > 0 {
            rest -= 1;
            letters.push(char::from(b'A' + u8::try_from(rest % 26).unwrap_or(0)));
            rest /= 26;
        }
        write!(f, "{}{}", letters.iter().rev().collect::<String>(), self.row)
    }
}

/// A part of a formula and its bytes.
#[derive(Clone, Debug)]
pub(super) struct Term {
    pub node: TermNode,
    pub span: Range<usize>,
}

#[derive(Clone, Debug)]
pub(super) enum TermNode {
    /// A run of digits and points: a number, or an account code.
    Digits(String),
    Text(String),
    /// 月, TRUE, a code that begins with a letter.
    Word(String),
    Cell(CellName),
    Area(CellName, CellName),
    /// Name in capitals; an argument that is left out is `None`.
    Call(String, Vec<Option<Term>>),
    Binary(Operator, Box<Term>, Box<Term>),
    Negate(Box<Term>),
    Not(Box<Term>),
    Percent(Box<Term>),
}

/// Name, arguments and place of a call.
pub(super) type Called<'t> = (&'t str, &'t [Option<Term>], &'t Range<usize>);

impl Term {
    /// A whole number, also with a sign or in quotes.
    pub(super) fn whole(&self) -> Option<i64> {
        match &self.node {
            TermNode::Digits(text) => text.parse().ok(),
            TermNode::Text(text) => Lexer::plain(text).trim().parse().ok(),
            TermNode::Negate(inner) => inner.whole().and_then(i64::checked_neg),
            _ => None,
        }
    }

    /// A text, a word or digits as they are written.
    pub(super) fn text(&self) -> Option<String> {
        match &self.node {
            TermNode::Digits(text) | TermNode::Word(text) => Some(text.clone()),
            TermNode::Text(text) => Some(Lexer::plain(text).trim().to_owned()),
            TermNode::Cell(cell) if cell.sheet.is_none() => Some(cell.to_string()),
            _ => None,
        }
    }

    /// Every call in it, from outside to inside.
    pub(super) fn calls<'t>(&'t self, found: &mut Vec<Called<'t>>) {
        match &self.node {
            TermNode::Call(name, arguments) => {
                found.push((name, arguments, &self.span));
                arguments.iter().flatten().for_each(|argument| argument.calls(found));
            }
            TermNode::Binary(_, left, right) => {
                left.calls(found);
                right.calls(found);
            }
            TermNode::Negate(inner) | TermNode::Not(inner) | TermNode::Percent(inner) => inner.calls(found),
            _ => {}
        }
    }
}

/// Reads a formula; what is wrong with it is told, and then there is none.
pub(super) fn parse(text: &str) -> Result<Term, Vec<Fault>> {
    if text.len() > crate::LONGEST {
        return Err(vec![Fault::new("formula-too-long", 0..0).with("longest", crate::LONGEST)]);
    }
    let lexer = Lexer::new(text);
    let mut parser = Parser { lexer, token: Token::End, span: 0..0, faults: Vec::new(), depth: 0, operators: 0 };
    parser.advance();
    // A cell of a sheet begins with it, and a text that must not be a formula with an apostrophe before it.
    parser.eat("=");
    let term = parser.binary(0);
    if parser.faults.is_empty() && parser.token != Token::End {
        parser.unexpected("formula-operator");
    }
    match term {
        Some(term) if parser.faults.is_empty() => Ok(term),
        _ => Err(parser.faults),
    }
}

struct Parser<'a> {
    lexer: Lexer<'a>,
    token: Token,
    span: Range<usize>,
    faults: Vec<Fault>,
    depth: usize,
    operators: usize,
}

impl Parser<'_> {
    fn advance(&mut self) {
        (self.token, self.span) = self.lexer.next();
    }

    fn is(&self, mark: &str) -> bool {
        matches!(self.token, Token::Mark(found) if found == mark)
    }

    fn eat(&mut self, mark: &str) -> bool {
        let found = self.is(mark);
        if found {
            self.advance();
        }
        found
    }

    fn found(&self) -> String {
        if self.token == Token::End { "—".to_owned() } else { self.lexer.text(&self.span) }
    }

    /// The first thing that is wrong is told; what follows from it says nothing.
    fn unexpected(&mut self, code: &'static str) {
        if self.faults.is_empty() {
            let (found, span) = (self.found(), self.span.clone());
            let fault = if self.token == Token::Strange && found.starts_with(['"', '\'']) {
                Fault::new("formula-quote", span)
            } else if found == "->" || found == "@" || found.eq_ignore_ascii_case("relation") {
                fault("import-relation", span)
            } else {
                Fault::new(code, span)
            };
            self.faults.push(fault.with("found", found));
        }
    }

    fn operator(&self) -> Option<(Operator, u8)> {
        use Operator as O;
        let word = if self.token == Token::Word { self.lexer.text(&self.span).to_lowercase() } else { String::new() };
        Some(match (&self.token, word.as_str()) {
            (_, "or") => (O::Or, 1),
            (_, "and") => (O::And, 2),
            (Token::Mark("=" | "=="), _) => (O::Equal, 4),
            (Token::Mark("<>" | "!="), _) => (O::Unequal, 4),
            (Token::Mark("<"), _) => (O::Less, 4),
            (Token::Mark("<="), _) => (O::AtMost, 4),
            (Token::Mark(">"), _) => (O::Greater, 4),
            (Token::Mark(">="), _) => (O::AtLeast, 4),
            (Token::Mark("+"), _) => (O::Add, 5),
            (Token::Mark("-"), _) => (O::Subtract, 5),
            (Token::Mark("*"), _) => (O::Multiply, 6),
            (Token::Mark("/"), _) => (O::Divide, 6),
            _ => return None,
        })
    }

    fn deeper<T>(&mut self, read: impl FnOnce(&mut Self) -> Option<T>) -> Option<T> {
        self.depth += 1;
        let read = if self.depth > DEEPEST {
            if self.faults.is_empty() {
                self.faults.push(Fault::new("formula-too-deep", self.span.clone()).with("deepest", DEEPEST));
            }
            None
        } else {
            read(self)
        };
        self.depth -= 1;
        read
    }

    fn binary(&mut self, least: u8) -> Option<Term> {
        let mut left = self.unary()?;
        while let Some((operator, level)) = self.operator().filter(|(_, level)| *level >= least) {
            self.operators += 1;
            if self.operators > MOST {
                self.faults.push(Fault::new("formula-too-deep", self.span.clone()).with("deepest", MOST));
                return None;
            }
            self.advance();
            if operator == Operator::Subtract && self.is(">") {
                // "表"->C5: a cell of another sheet.
                self.faults.push(fault("import-relation", self.span.clone()).with("found", "->"));
                return None;
            }
            let right = self.deeper(|parser| parser.binary(level + 1))?;
            let span = left.span.start..right.span.end;
            left = Term { node: TermNode::Binary(operator, Box::new(left), Box::new(right)), span };
        }
        Some(left)
    }

    fn unary(&mut self) -> Option<Term> {
        let from = self.span.start;
        let not = self.token == Token::Word && self.lexer.text(&self.span).eq_ignore_ascii_case("not") && !self.called();
        if self.is("-") || not {
            self.advance();
            let operand = self.deeper(|parser| if not { parser.binary(3) } else { parser.unary() })?;
            let span = from..operand.span.end;
            let operand = Box::new(operand);
            return Some(Term { node: if not { TermNode::Not(operand) } else { TermNode::Negate(operand) }, span });
        }
        if self.eat("+") {
            return self.deeper(Parser::unary);
        }
        let mut term = self.primary()?;
        while self.is("%") {
            let span = term.span.start..self.span.end;
            self.advance();
            term = Term { node: TermNode::Percent(Box::new(term)), span };
        }
        Some(term)
    }

    /// Whether a bracket follows the token.
    fn called(&mut self) -> bool {
        let at = self.lexer.at;
        let called = self.lexer.next().0 == Token::Mark("(");
        self.lexer.at = at;
        called
    }

    fn primary(&mut self) -> Option<Term> {
        let span = self.span.clone();
        let term = |node| Some(Term { node, span: span.clone() });
        match self.token.clone() {
            Token::Digits => {
                let text = self.lexer.text(&span);
                self.advance();
                term(TermNode::Digits(text))
            }
            Token::Text(text) => {
                self.advance();
                // 'Sheet 1'!C5
                if self.eat("!") { self.cell(Some(text), span.start) } else { term(TermNode::Text(text)) }
            }
            Token::Mark("(") => {
                self.advance();
                let inner = self.deeper(|parser| parser.binary(0))?;
                if !self.eat(")") {
                    self.unclosed();
                    return None;
                }
                Some(inner)
            }
            Token::Word => self.word(),
            // $C$5
            Token::Strange if self.found() == "$" => self.cell(None, span.start),
            _ => {
                self.unexpected("formula-operand");
                None
            }
        }
    }

    fn unclosed(&mut self) {
        self.unexpected("formula-unclosed");
        if let Some(last) = self.faults.last_mut().filter(|last| last.code == "formula-unclosed" && last.arguments.len() == 1) {
            last.arguments.push(("mark", ")".to_owned()));
        }
    }

    fn word(&mut self) -> Option<Term> {
        let span = self.span.clone();
        let name = self.lexer.text(&span);
        if self.called() {
            self.advance();
            self.advance();
            return self.deeper(|parser| parser.arguments(name.to_uppercase(), span.start));
        }
        if name.eq_ignore_ascii_case("relation") {
            self.unexpected("import-relation");
            return None;
        }
        if CellName::parse(&name).is_some() {
            return self.cell(None, span.start);
        }
        self.advance();
        if self.is("!") {
            self.advance();
            return self.cell(Some(name), span.start);
        }
        Some(Term { node: TermNode::Word(name), span })
    }

    /// One cell, `$` before its parts or not: the token is its first part.
    fn corner(&mut self, sheet: Option<String>) -> Option<CellName> {
        let mut text = String::new();
        let mut end = self.span.start;
        // `$C$5` comes as `$`, `C`, `$`, `5`.
        while self.span.start == end || text.is_empty() {
            let part = match self.token {
                Token::Strange if self.found() == "$" => String::new(),
                Token::Word | Token::Digits => self.lexer.text(&self.span),
                _ => break,
            };
            text.push_str(&part);
            end = self.span.end;
            self.advance();
            if CellName::parse(&text).is_some() {
                break;
            }
        }
        match CellName::parse(&text) {
            Some(cell) => Some(CellName { sheet, ..cell }),
            None => {
                self.unexpected("formula-operand");
                None
            }
        }
    }

    fn cell(&mut self, sheet: Option<String>, from: usize) -> Option<Term> {
        let first = self.corner(sheet.clone())?;
        if self.is("@") {
            // C5@2: another page of the same report.
            self.unexpected("import-relation");
            return None;
        }
        let mut node = TermNode::Cell(first.clone());
        if self.eat(":") {
            node = TermNode::Area(first, self.corner(sheet)?);
        }
        Some(Term { node, span: from..self.span.start.max(from) })
    }

    /// Arguments of a call, from behind its bracket.
    fn arguments(&mut self, name: String, from: usize) -> Option<Term> {
        let mut arguments = Vec::new();
        if !self.is(")") {
            loop {
                if self.is(",") || self.is(")") {
                    arguments.push(None);
                } else {
                    arguments.push(Some(self.binary(0)?));
                }
                if !self.eat(",") {
                    break;
                }
            }
        }
        let end = self.span.end;
        if !self.is(")") {
            self.unclosed();
            return None;
        }
        self.advance();
        Some(Term { node: TermNode::Call(name, arguments), span: from..end })
    }
}
