//! From text to tree, with every syntax error that can be told apart: expressions. Account functions are read in `questions`.

use std::ops::Range;

use model::Amount;

use crate::{
    Fault,
    ast::{Expr, Node, Operator, depth},
    lexer::{Lexer, Token},
    names::{ACCOUNT_FUNCTIONS, COLUMNS, FUNCTIONS, MEASURE, account_function, find, nearest_function},
};

/// Bytes of the longest formula.
pub const LONGEST: usize = 10_240;
/// Levels of the deepest formula, a chain of operators being one: what walks a tree, or reads its lineage as JSON, recurses so often.
const DEEPEST: usize = 32;
/// Operators of the longest formula: printing and dropping a chain of them recurses as often.
const MOST: usize = 256;

/// Reads a formula. A tree is given only when nothing is wrong.
pub fn parse(text: &str) -> (Option<Expr>, Vec<Fault>) {
    if text.len() > LONGEST {
        return (None, vec![Fault::new("formula-too-long", 0..0).with("longest", LONGEST)]);
    }
    let mut parser =
        Parser { lexer: Lexer::new(text), token: Token::End, span: 0..0, faults: Vec::new(), depth: 0, operators: 0 };
    parser.advance();
    // A cell of a sheet begins with it.
    parser.eat("=");
    let mut expr = None;
    loop {
        let before = parser.faults.len();
        let part = parser.formula();
        expr = expr.or(part);
        if parser.token != Token::End && parser.faults.len() == before {
            parser.expected("formula-operator");
        }
        // What follows is read for its own faults, from where a formula may begin.
        while !matches!(parser.token, Token::End | Token::Digits | Token::Word | Token::Mark("(" | "[" | "@" | "-" | "!")) {
            parser.advance();
        }
        if parser.token == Token::End {
            break;
        }
    }
    if let Some(deep) = expr.as_ref().filter(|expr| depth(expr) > DEEPEST) {
        parser.faults.push(Fault::new("formula-too-deep", deep.span.clone()).with("deepest", DEEPEST));
    }
    if parser.faults.is_empty() {
        return (expr, Vec::new());
    }
    parser.faults.sort_by_key(|fault| fault.span.start);
    (None, parser.faults)
}

pub(crate) struct Parser<'a> {
    pub lexer: Lexer<'a>,
    pub token: Token,
    pub span: Range<usize>,
    pub faults: Vec<Fault>,
    depth: usize,
    operators: usize,
}

impl Parser<'_> {
    pub(crate) fn advance(&mut self) {
        (self.token, self.span) = self.lexer.next();
    }

    pub(crate) fn is(&self, mark: &str) -> bool {
        matches!(self.token, Token::Mark(found) if found == mark)
    }

    pub(crate) fn eat(&mut self, mark: &str) -> bool {
        let found = self.is(mark);
        if found {
            self.advance();
        }
        found
    }

    /// A keyword under the token, in lower case.
    pub(crate) fn word(&self) -> String {
        match self.token {
            Token::Word => self.lexer.text(&self.span).to_lowercase(),
            _ => String::new(),
        }
    }

    pub(crate) fn expected(&mut self, code: &'static str) {
        // All that follows an open quote is inside it, so that nothing more can be said.
        if self.faults.last().is_some_and(|last| last.code == "formula-quote") {
            return;
        }
        if self.token == Token::Strange && self.lexer.text(&self.span).starts_with(['"', '\'']) {
            self.faults.push(Fault::new("formula-quote", self.span.clone()).with("found", self.lexer.text(&self.span)));
            return;
        }
        let found = if self.token == Token::End { "—".to_owned() } else { self.lexer.text(&self.span) };
        // One fault per place: what follows from the first says nothing.
        if self.faults.last().is_none_or(|last| last.span != self.span) {
            self.faults.push(Fault::new(code, self.span.clone()).with("found", found));
        }
    }

    pub(crate) fn close(&mut self, mark: &'static str) {
        if !self.eat(mark) {
            self.expected("formula-unclosed");
            if let Some(last) = self.faults.last_mut().filter(|last| last.code == "formula-unclosed" && last.arguments.len() == 1)
            {
                last.arguments.push(("mark", mark.to_owned()));
            }
        }
    }

    /// To the next comma or bracket of the arguments that are being read. An operator or a new bracket ends the search: the bracket of
    /// the arguments is missing then, and what follows has faults of its own. `before` is the number of faults before the argument.
    pub(crate) fn recover(&mut self, before: usize) {
        if !matches!(self.token, Token::Mark(_) | Token::End) && self.operator().is_none() && self.faults.len() == before {
            self.expected("formula-separator");
        }
        while matches!(self.token, Token::Digits | Token::Word | Token::Text(_) | Token::Strange) && self.operator().is_none() {
            self.advance();
        }
    }

    /// Past the bracket that is open.
    fn pass_bracket(&mut self) {
        let mut open = 1;
        while self.token != Token::End && open > 0 {
            open += i32::from(self.is("(")) - i32::from(self.is(")"));
            self.advance();
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
                        self.faults.push(Fault::new("formula-number", span).with("text", text).with("reason", error.code()));
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
            Token::Text(text) => {
                let node = Node::Text(text.clone());
                self.advance();
                Some(Expr { node, span })
            }
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
            column = find(COLUMNS, &word);
            if column.is_none() {
                self.expected("formula-column");
            }
            end = self.span.end;
            if self.token == Token::Word {
                self.advance();
            }
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
        let (known, asks, measure) = (find(FUNCTIONS, &name), account_function(&name), MEASURE.contains(&&*name));
        // The bracket is looked at without reading past it: account arguments are read by their own rules.
        let before = self.lexer.at;
        let called = self.lexer.next().0 == Token::Mark("(");
        if !called {
            self.lexer.at = before;
            if known.is_none() && asks.is_none() && !measure {
                self.expected("formula-operand");
                self.advance();
            } else {
                self.advance();
                self.expected("formula-call");
            }
            return None;
        }
        if let Some((what, measure, to_date)) = asks {
            let (end, call) = self.account_call(what, measure, to_date);
            return call.map(|call| Expr { node: Node::Account(call), span: span.start..end });
        }
        self.advance();
        if measure {
            let (end, call) = self.measure_call();
            return call.map(|call| Expr { node: Node::Measure(call), span: span.start..end });
        }
        if known.is_none() {
            let near = nearest_function(&name);
            self.faults.push(Fault::new("formula-function", span.clone()).with("name", &name).with("near", near));
            // Where accounts are meant, its arguments are no expressions and say nothing more.
            if MEASURE.contains(&near) || ACCOUNT_FUNCTIONS.iter().any(|(short, long, ..)| near == *short || near == *long) {
                self.pass_bracket();
                return None;
            }
        }
        let mut arguments = Vec::new();
        let mut whole = true;
        while !self.is(")") && self.token != Token::End {
            let before = self.faults.len();
            match self.formula() {
                Some(argument) => arguments.push(argument),
                None => whole = false,
            }
            self.recover(before);
            if !self.eat(",") {
                break;
            }
        }
        let end = self.span.end;
        self.close(")");
        let function = known?;
        whole.then_some(Expr { node: Node::Call { function, arguments }, span: span.start..end })
    }
}
