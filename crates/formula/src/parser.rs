//! From text to tree, with every syntax error that can be told apart.

use std::ops::Range;

use model::Amount;

use crate::{
    Fault,
    ast::{AccountCall, Column, Expr, Filter, Function, Measure, Name, Node, Operator, Pick, Selector, Side, Span, What, Year},
    lexer::{Lexer, Token},
    select::Class,
};

/// Bytes of the longest formula.
pub const LONGEST: usize = 10_240;
/// Depth of the deepest formula.
const DEEPEST: usize = 64;
/// Operators of the longest formula: a chain of them is as deep a tree.
const MOST: usize = 256;

/// Reads a formula. A tree is given only when nothing is wrong.
pub fn parse(text: &str) -> (Option<Expr>, Vec<Fault>) {
    if text.len() > LONGEST {
        return (None, vec![Fault::new("formula-too-long", 0..0).with("longest", LONGEST)]);
    }
    let mut parser =
        Parser { lexer: Lexer::new(text), token: Token::End, span: 0..0, faults: Vec::new(), depth: 0, operators: 0 };
    parser.advance();
    let mut expr = None;
    loop {
        let before = parser.span.start;
        let part = parser.formula();
        expr = expr.or(part);
        if parser.token == Token::End {
            break;
        }
        if parser.faults.last().is_none_or(|fault| fault.span.start < before) {
            parser.expected("formula-operator");
        }
        // What follows is read for its own faults.
        if parser.span.start == before || matches!(parser.token, Token::Mark(_) | Token::Strange) {
            parser.advance();
        }
        if parser.token == Token::End {
            break;
        }
    }
    if parser.faults.is_empty() { (expr, Vec::new()) } else { (None, parser.faults) }
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

    /// A keyword under the token, in lower case.
    fn word(&self) -> String {
        match self.token {
            Token::Word => self.lexer.text(&self.span).to_lowercase(),
            _ => String::new(),
        }
    }

    fn expected(&mut self, code: &'static str) {
        let found = if self.token == Token::End { "—".to_owned() } else { self.lexer.text(&self.span) };
        // One fault per place: what follows from the first says nothing.
        if self.faults.last().is_none_or(|last| last.span != self.span) {
            self.faults.push(Fault::new(code, self.span.clone()).with("found", found));
        }
    }

    fn close(&mut self, mark: &'static str) {
        if !self.eat(mark) {
            self.expected("formula-unclosed");
            if let Some(last) = self.faults.last_mut().filter(|last| last.code == "formula-unclosed" && last.arguments.len() == 1)
            {
                last.arguments.push(("mark", mark.to_owned()));
            }
        }
    }

    /// Nothing after this can be told apart; the rest is not read.
    fn skip(&mut self) {
        while self.token != Token::End {
            self.advance();
        }
    }

    fn formula(&mut self) -> Option<Expr> {
        self.depth += 1;
        let expr = if self.depth > DEEPEST {
            self.faults.push(Fault::new("formula-too-deep", self.span.clone()).with("deepest", DEEPEST));
            self.skip();
            None
        } else {
            self.binary(0)
        };
        self.depth -= 1;
        expr
    }

    fn operator(&self) -> Option<(Operator, u8)> {
        use Operator as O;
        let operator = match (&self.token, self.word().as_str()) {
            (Token::Mark("||"), _) | (_, "or" | "或者" | "或") => (O::Or, 1),
            (Token::Mark("&&"), _) | (_, "and" | "并且" | "且") => (O::And, 2),
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
        };
        Some(operator)
    }

    /// Operators that bind at least as tightly as `least`; those of one level group to the left, comparisons do not chain.
    fn binary(&mut self, least: u8) -> Option<Expr> {
        let mut left = self.unary();
        while let Some((operator, level)) = self.operator().filter(|(_, level)| *level >= least) {
            self.operators += 1;
            if self.operators > MOST {
                self.faults.push(Fault::new("formula-too-deep", self.span.clone()).with("deepest", MOST));
                self.skip();
                return None;
            }
            self.advance();
            let right = self.binary(level + 1);
            left = left.zip(right).map(|(left, right)| {
                let span = left.span.start..right.span.end;
                Expr { node: Node::Binary { operator, left: Box::new(left), right: Box::new(right) }, span }
            });
            if level == 4 && self.operator().is_some_and(|(_, level)| level == 4) {
                self.expected("formula-chained");
            }
        }
        left
    }

    fn unary(&mut self) -> Option<Expr> {
        let from = self.span.start;
        let not = self.is("!") || matches!(self.word().as_str(), "not" | "非");
        if !not && !self.is("-") {
            return self.primary();
        }
        self.advance();
        self.depth += 1;
        let operand = if self.depth > DEEPEST {
            return self.formula();
        } else if not {
            // `not` takes a whole comparison.
            self.binary(3)
        } else {
            self.unary()
        };
        self.depth -= 1;
        operand.map(|operand| {
            let span = from..operand.span.end;
            let operand = Box::new(operand);
            Expr { node: if not { Node::Not(operand) } else { Node::Negate(operand) }, span }
        })
    }

    fn primary(&mut self) -> Option<Expr> {
        let span = self.span.clone();
        match &self.token {
            Token::Digits => {
                let text = self.lexer.text(&span);
                self.advance();
                match text.parse::<Amount>() {
                    Ok(number) => Some(Expr { node: Node::Number(number), span }),
                    Err(error) => {
                        self.faults.push(Fault::new("formula-number", span).with("text", text).with("reason", error));
                        None
                    }
                }
            }
            Token::Mark("(") => {
                self.advance();
                let inner = self.formula();
                self.close(")");
                inner
            }
            Token::Mark("[") => self.reference(),
            Token::Mark("@") => {
                self.advance();
                let end = self.span.end;
                let name = if self.token == Token::Word { self.lexer.text(&self.span) } else { String::new() };
                if name.is_empty() {
                    self.expected("formula-item");
                    return None;
                }
                self.advance();
                Some(Expr { node: Node::Item(name), span: span.start..end })
            }
            Token::Word => self.named(),
            _ => {
                self.expected("formula-operand");
                if !matches!(self.token, Token::End | Token::Mark(")" | "]" | "}" | ",")) {
                    self.advance();
                }
                None
            }
        }
    }

    /// `[code]`, `[form:code]`, then `.column`.
    fn reference(&mut self) -> Option<Expr> {
        let from = self.span.start;
        let first = self.lexer.code();
        let mut code = self.lexer.text(&first);
        self.advance();
        let mut form = None;
        if self.is(":") {
            form = Some(code);
            let second = self.lexer.code();
            code = self.lexer.text(&second);
            self.advance();
        }
        if code.is_empty() || form.as_ref().is_some_and(String::is_empty) {
            self.expected("formula-reference");
            return None;
        }
        let mut end = self.span.end;
        self.close("]");
        let mut column = None;
        if self.is(".") {
            self.advance();
            let word = self.word();
            match columns().iter().find(|(names, _)| names.contains(&word.as_str())) {
                Some((_, found)) => column = Some(*found),
                None => self.expected("formula-column"),
            }
            end = self.span.end;
            self.advance();
        }
        Some(Expr { node: Node::Reference { form, code, column }, span: from..end })
    }

    fn named(&mut self) -> Option<Expr> {
        let (span, name) = (self.span.clone(), self.word());
        match name.as_str() {
            "true" | "真" => {
                self.advance();
                return Some(Expr { node: Node::Truth(true), span });
            }
            "false" | "假" => {
                self.advance();
                return Some(Expr { node: Node::Truth(false), span });
            }
            _ => {}
        }
        let known = functions().iter().find(|(names, _)| names.contains(&name.as_str())).map(|(_, function)| *function);
        let asks = account_function(&name);
        if known.is_none() && asks.is_none() {
            let names = functions().iter().flat_map(|(names, _)| names.iter().copied());
            let near = nearest(&name, names.chain(ACCOUNT_FUNCTIONS.iter().map(|(name, ..)| *name)));
            self.faults.push(Fault::new("formula-function", span.clone()).with("name", &name).with("near", near));
        }
        // The bracket is looked at without reading past it: account arguments are read by their own rules.
        let mut ahead = Lexer::new("");
        std::mem::swap(&mut ahead, &mut self.lexer);
        let at = ahead.at;
        let (token, bracket) = ahead.next();
        ahead.at = at;
        std::mem::swap(&mut ahead, &mut self.lexer);
        if token != Token::Mark("(") {
            self.advance();
            if known.is_some() || asks.is_some() {
                self.expected("formula-call");
            }
            return None;
        }
        self.lexer.at = bracket.end;
        if let Some((what, measure, to_date)) = asks {
            return self.account_call(span, what, measure, to_date);
        }
        self.advance();
        let mut arguments = Vec::new();
        let mut whole = true;
        while !self.is(")") && self.token != Token::End {
            match self.formula() {
                Some(argument) => arguments.push(argument),
                None => whole = false,
            }
            if !self.eat(",") {
                break;
            }
        }
        let end = self.span.end;
        self.close(")");
        let function = known?;
        whole.then_some(Expr { node: Node::Call { function, arguments }, span: span.start..end })
    }

    /// Arguments of an account function, from behind its bracket.
    fn account_call(&mut self, name: Range<usize>, what: What, measure: Measure, to_date: bool) -> Option<Expr> {
        let before = self.faults.len();
        let accounts = self.selector();
        let mut counter = None;
        if what == What::Counter {
            if self.is(",") {
                counter = Some(self.selector());
            } else {
                self.expected("formula-counter");
            }
        }
        let span = if to_date { Span::ToDate } else { Span::Month(0) };
        let mut call = AccountCall {
            what,
            measure,
            accounts,
            counter,
            span,
            year: Year::Offset(0),
            side: None,
            detail: None,
            filters: Vec::new(),
        };
        let mut position = 0;
        while self.is(",") {
            self.advance();
            self.argument(&mut call, &mut position, to_date);
        }
        let end = self.span.end;
        self.close(")");
        (self.faults.len() == before).then_some(Expr { node: Node::Account(call), span: name.start..end })
    }

    /// One argument after the accounts: by its name, or by its place in UFO's order.
    fn argument(&mut self, call: &mut AccountCall, position: &mut usize, to_date: bool) {
        if matches!(self.token, Token::Mark("," | ")") | Token::End) {
            *position += 1;
            return;
        }
        let mut span = self.span.clone();
        let mut value = self.value();
        let mut name = None;
        if self.eat("=") {
            name = Some(value.to_lowercase());
            span = self.span.clone();
            value = self.value();
        } else {
            *position += 1;
        }
        let word = value.to_lowercase();
        let place = match (name.as_deref(), *position) {
            (Some("period" | "期间"), _) | (None, 1) => 1,
            (Some("side" | "方向"), _) | (None, 2) => 2,
            // UFO has the number of the set of books here; a formula is about one book, and says so by being empty.
            (None, 3) => 3,
            (Some("year" | "年度"), _) | (None, 4) => 4,
            (Some("detail" | "明细"), _) => 5,
            (None, 5 | 6) => 6,
            (Some(_), _) => 7,
            (None, _) => 0,
        };
        let whole = || word.parse::<i32>().ok();
        let understood = match place {
            1 => match (word.as_str(), whole()) {
                ("月" | "month", _) => {
                    call.span = if to_date { Span::ToDate } else { Span::Month(0) };
                    true
                }
                ("季" | "quarter", _) => {
                    call.span = Span::Quarter;
                    true
                }
                ("年" | "year", _) => {
                    call.span = Span::Year;
                    true
                }
                ("累计" | "ytd", _) => {
                    call.span = Span::ToDate;
                    true
                }
                (_, Some(month @ 1..=12)) => {
                    call.span = Span::Of(u8::try_from(month).unwrap_or(1));
                    true
                }
                (_, Some(offset @ -1200..=0)) if !to_date => {
                    call.span = Span::Month(offset);
                    true
                }
                _ => false,
            },
            2 => side(&word).map(|side| call.side = Some(side)).is_some(),
            4 => match whole() {
                Some(year @ 1900..=9998) => {
                    call.year = Year::Of(u16::try_from(year).unwrap_or(1900));
                    true
                }
                Some(offset @ -100..=0) => {
                    call.year = Year::Offset(offset);
                    true
                }
                _ => false,
            },
            5 => side(&word).map(|side| call.detail = Some(side)).is_some(),
            6 => {
                call.filters.push(Filter { name: Name::Any, value });
                return;
            }
            7 => {
                let dimension = name.as_deref().and_then(|name| dimensions().iter().find(|(names, _)| names.contains(&name)));
                dimension.map(|(_, name)| call.filters.push(Filter { name: *name, value: value.clone() })).is_some()
            }
            _ => false,
        };
        if !understood {
            let what =
                name.unwrap_or_else(|| ["", "period", "side", "book", "year"].get(place).copied().unwrap_or("").to_owned());
            self.faults.push(Fault::new("formula-argument", span).with("argument", what).with("value", word));
        }
    }

    /// A value of an argument: a word, a number with its sign, or a text.
    fn value(&mut self) -> String {
        let sign = if self.eat("-") { "-" } else { "" };
        let value = match &self.token {
            Token::Text(text) => text.clone(),
            Token::Word | Token::Digits => self.lexer.text(&self.span),
            _ => {
                self.expected("formula-value");
                if matches!(self.token, Token::Mark("," | ")") | Token::End) {
                    return String::new();
                }
                String::new()
            }
        };
        self.advance();
        format!("{sign}{value}")
    }

    /// Accounts: one pick, or `{pick, pick, !pick}`. The lexer stands before it; the token after it is read.
    fn selector(&mut self) -> Selector {
        let mut selector = Selector { picks: Vec::new(), without: Vec::new() };
        let at = self.lexer.at;
        self.advance();
        if !self.is("{") {
            self.lexer.at = at;
            selector.picks.extend(self.pick());
            return selector;
        }
        loop {
            let at = self.lexer.at;
            self.advance();
            if self.is("}") && !selector.picks.is_empty() {
                break;
            }
            let without = self.is("!");
            if !without {
                self.lexer.at = at;
            }
            let pick = self.pick();
            let list = if without { &mut selector.without } else { &mut selector.picks };
            match pick {
                Some(pick) => list.push(pick),
                None => break,
            }
            if !self.is(",") {
                break;
            }
        }
        self.close("}");
        if selector.picks.is_empty() && !selector.without.is_empty() {
            self.expected("formula-accounts");
        }
        selector
    }

    /// One pick; the lexer stands before it, and the token after it is read.
    fn pick(&mut self) -> Option<Pick> {
        let at = self.lexer.at;
        self.advance();
        if self.is("#") {
            self.advance();
            let class = Class::named(&self.word());
            if class.is_none() {
                self.expected("formula-class");
            }
            self.advance();
            return class.map(Pick::Class);
        }
        self.lexer.at = at;
        let code = self.code()?;
        if self.is(":") {
            return self.code().map(|to| Pick::Range(code, to));
        }
        if self.is("~") {
            self.advance();
            let text = match &self.token {
                Token::Text(text) => text.clone(),
                Token::Word => self.lexer.text(&self.span),
                _ => {
                    self.expected("formula-value");
                    return None;
                }
            };
            self.advance();
            return Some(Pick::Code(code, Some(text)));
        }
        if code.contains(['*', '?']) { Some(Pick::Pattern(code)) } else { Some(Pick::Code(code, None)) }
    }

    /// A code, bare or quoted; the token after it is read.
    fn code(&mut self) -> Option<String> {
        let span = self.lexer.code();
        let mut code = self.lexer.text(&span);
        self.advance();
        if code.is_empty()
            && let Token::Text(text) = &self.token
        {
            code = text.clone();
            self.advance();
        }
        if code.is_empty() {
            self.expected("formula-accounts");
            return None;
        }
        Some(code)
    }
}

type Named<T> = &'static [(&'static [&'static str], T)];

pub(crate) fn columns() -> Named<Column> {
    &[
        (&["this_month", "本月"], Column::ThisMonth),
        (&["cumulative", "累计", "本年累计"], Column::Cumulative),
        (&["prior_year_month", "上年同月"], Column::PriorYearMonth),
        (&["prior_year", "上年同期"], Column::PriorYear),
        (&["closing", "期末"], Column::Closing),
        (&["previous", "上期"], Column::Previous),
    ]
}

pub(crate) fn functions() -> Named<Function> {
    &[
        (&["abs", "绝对值"], Function::Abs),
        (&["min", "最小"], Function::Min),
        (&["max", "最大"], Function::Max),
        (&["round", "四舍五入"], Function::Round),
        (&["if", "如果"], Function::If),
        (&["coalesce", "有则取"], Function::Coalesce),
        (&["missing", "缺失"], Function::Missing),
    ]
}

pub(crate) fn dimensions() -> Named<Name> {
    &[
        (&["any"], Name::Any),
        (&["party", "往来单位"], Name::Party),
        (&["product", "存货"], Name::Product),
        (&["department", "部门"], Name::Department),
        (&["project", "项目"], Name::Project),
        (&["person", "个人"], Name::Person),
        (&["currency", "币种"], Name::Currency),
    ]
}

/// Names of account functions without their S and W families, and whether they run from January.
pub(crate) const ACCOUNT_FUNCTIONS: &[(&str, What, bool)] = &[
    ("qc", What::Opening, false),
    ("qm", What::Closing, false),
    ("fs", What::Turnover, false),
    ("lfs", What::Turnover, true),
    ("je", What::Net, false),
    ("dfs", What::Counter, false),
    ("sy", What::Movement, false),
    ("sl", What::Movement, true),
    ("opening", What::Opening, false),
    ("closing", What::Closing, false),
    ("turnover", What::Turnover, false),
    ("turnover_to_date", What::Turnover, true),
    ("net", What::Net, false),
    ("counter", What::Counter, false),
    ("movement", What::Movement, false),
    ("movement_to_date", What::Movement, true),
];

fn account_function(name: &str) -> Option<(What, Measure, bool)> {
    let find = |name: &str| ACCOUNT_FUNCTIONS.iter().find(|(known, ..)| *known == name);
    if let Some((_, what, to_date)) = find(name) {
        return Some((*what, Measure::Money, *to_date));
    }
    for (prefix, measure) in
        [("s", Measure::Quantity), ("w", Measure::Foreign), ("quantity_", Measure::Quantity), ("foreign_", Measure::Foreign)]
    {
        // The short names have short prefixes, the long ones long prefixes.
        let rest = name.strip_prefix(prefix).filter(|rest| (prefix.len() == 1) == (rest.len() <= 3));
        if let Some((_, what, to_date)) = rest.and_then(find) {
            return Some((*what, measure, *to_date));
        }
    }
    None
}

fn side(word: &str) -> Option<Side> {
    match word {
        "借" | "debit" | "d" | "借方" => Some(Side::Debit),
        "贷" | "credit" | "c" | "贷方" => Some(Side::Credit),
        _ => None,
    }
}

/// The known name that differs least; bounded, as names are short.
fn nearest<'k>(name: &str, known: impl Iterator<Item = &'k str>) -> &'k str {
    let distance = |a: &str, b: &str| {
        let b: Vec<char> = b.chars().take(32).collect();
        let mut row: Vec<usize> = (0..=b.len()).collect();
        for (i, x) in a.chars().take(32).enumerate() {
            let mut diagonal = row[0];
            row[0] = i + 1;
            for (j, y) in b.iter().enumerate() {
                let next = (diagonal + usize::from(x != *y)).min(row[j] + 1).min(row[j + 1] + 1);
                diagonal = std::mem::replace(&mut row[j + 1], next);
            }
        }
        row.last().copied().unwrap_or(0)
    };
    known.min_by_key(|known| distance(name, known)).unwrap_or("—")
}
