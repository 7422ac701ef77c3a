//! From text to tree, second half: account functions with their selectors and arguments in UFO's order.

use std::ops::Range;

use crate::{
    Fault,
    ast::{AccountCall, Aspect, Filter, Measure, MeasureCall, Name, Pick, Selector, Span, What, Year},
    lexer::{Lexer, Token},
    names::{ASPECTS, DIMENSIONS, FIELDS, SIDES, SPANS, YEARS, find},
    parser::Parser,
    select::Class,
};

/// What an argument after the accounts says.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Period,
    Side,
    /// Number of the set of books: a formula is about one book, and says so by leaving this empty.
    Book,
    Year,
    Detail,
    /// Summary of the voucher and how it is compared: not kept in the cube.
    Summary,
    Dimension(Name),
}

impl Place {
    /// UFO's order; an argument past its end has no place.
    fn at(what: What, position: usize) -> Option<Place> {
        const CODE: Place = Place::Dimension(Name::Any);
        const USUAL: [Place; 6] = [Place::Period, Place::Side, Place::Book, Place::Year, CODE, CODE];
        const COUNTER: [Place; 8] =
            [Place::Period, Place::Side, Place::Summary, Place::Summary, Place::Book, Place::Year, CODE, CODE];
        let order: &[Place] = if what == What::Counter { &COUNTER } else { &USUAL };
        order.get(position.checked_sub(1)?).copied()
    }

    fn named(name: &str) -> Option<Place> {
        Some(match name {
            "period" | "期间" => Place::Period,
            "side" | "方向" => Place::Side,
            "book" | "账套" => Place::Book,
            "year" | "年度" => Place::Year,
            "detail" | "明细" => Place::Detail,
            _ => return find(DIMENSIONS, name).map(Place::Dimension),
        })
    }

    fn name(self) -> &'static str {
        match self {
            Place::Period => "period",
            Place::Side => "side",
            Place::Book => "book",
            Place::Year => "year",
            Place::Detail => "detail",
            Place::Summary => "summary",
            Place::Dimension(_) => "dimension",
        }
    }
}

/// A value of an argument.
struct Given {
    text: String,
    /// 月-1, 年-1, or a number alone.
    offset: Option<i32>,
    quoted: bool,
    span: Range<usize>,
}

impl Given {
    /// Lower case, for words of the language.
    fn word(&self) -> String {
        self.text.to_lowercase()
    }
}

fn span(word: &str, offset: Option<i32>, to_date: bool) -> Option<Span> {
    match (find(SPANS, word), offset, to_date) {
        (Some(Span::Month(0)), None, true) => Some(Span::ToDate),
        (Some(span), None, false) => Some(span),
        (Some(span @ (Span::Quarter | Span::Year | Span::ToDate)), None, true) => Some(span),
        (Some(Span::Month(0)) | None, Some(offset @ -1200..=0), false) => Some(Span::Month(offset)),
        // LFS and SL run from January, also to a month that is said.
        (None, Some(month @ 1..=12), _) => {
            let month = u8::try_from(month).ok()?;
            Some(if to_date { Span::Through(month) } else { Span::Of(month) })
        }
        _ => None,
    }
}

fn year(word: &str, offset: Option<i32>) -> Option<Year> {
    match (find(YEARS, word), offset) {
        (Some(year), None) => Some(year),
        (Some(Year::Offset(0)) | None, Some(offset @ -100..=0)) => Some(Year::Offset(offset)),
        (None, Some(year @ 1900..=9998)) => u16::try_from(year).ok().map(Year::Of),
        _ => None,
    }
}

impl Parser<'_> {
    /// Arguments of an account function, from behind its bracket: its end, and the call where nothing is wrong with it.
    pub(crate) fn account_call(&mut self, what: What, measure: Measure, to_date: bool) -> (usize, Option<AccountCall>) {
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
        let (year, side, detail, filters) = (Year::Offset(0), None, None, Vec::new());
        let mut call = AccountCall { what, measure, accounts, counter, span, year, side, detail, filters };
        let (mut position, mut given) = (0, Vec::new());
        self.recover(before);
        while self.is(",") {
            self.advance();
            let before = self.faults.len();
            self.argument(&mut call, &mut position, to_date, &mut given);
            self.recover(before);
        }
        let end = self.span.end;
        self.close(")");
        (end, (self.faults.len() == before).then_some(call))
    }

    /// Arguments of a question to the measures, from behind its bracket: kind, aspect, period, then named ones.
    pub(crate) fn measure_call(&mut self) -> (usize, Option<MeasureCall>) {
        let before = self.faults.len();
        let kind = match &self.token {
            Token::Word => self.lexer.text(&self.span),
            Token::Text(text) => text.clone(),
            _ => String::new(),
        };
        if kind.is_empty() {
            self.expected("formula-measure");
        } else {
            self.advance();
        }
        let (fields, span, year) = (Vec::new(), Span::ToDate, Year::Offset(0));
        let mut call = MeasureCall { kind, aspect: Aspect::Quantity, fields, unit: None, span, year };
        let (mut position, mut given) = (0, Vec::new());
        self.recover(before);
        if !self.is(",") {
            self.expected("formula-aspect");
        }
        while self.is(",") {
            self.advance();
            let before = self.faults.len();
            self.measure_argument(&mut call, &mut position, &mut given);
            self.recover(before);
        }
        let end = self.span.end;
        self.close(")");
        (end, (self.faults.len() == before).then_some(call))
    }

    fn measure_argument(&mut self, call: &mut MeasureCall, position: &mut usize, before: &mut Vec<&'static str>) {
        if *position == 0 {
            *position = 1;
            match find(ASPECTS, &self.word()) {
                Some(aspect) => {
                    call.aspect = aspect;
                    self.advance();
                }
                None => self.expected("formula-aspect"),
            }
            return;
        }
        if matches!(self.token, Token::Mark("," | ")") | Token::End) {
            *position += 1;
            return;
        }
        let Some(mut value) = self.value() else { return };
        let mut name = "period";
        if self.eat("=") {
            let word = value.word();
            let field = find(FIELDS, &word);
            name = match word.as_str() {
                "period" | "期间" => "period",
                "year" | "年度" => "year",
                "unit" | "单位" => "unit",
                _ if field.is_some() => "field",
                _ => "",
            };
            if name.is_empty() {
                self.faults.push(Fault::new("formula-argument-name", value.span.clone()).with("name", &word));
            }
            match self.value() {
                Some(second) => value = second,
                None => return,
            }
            match field {
                Some(field) => {
                    call.fields.push((field, value.text));
                    return;
                }
                None if name.is_empty() => return,
                None => {}
            }
        } else {
            *position += 1;
            if value.quoted && value.text.is_empty() {
                return;
            }
        }
        let word = value.word();
        let understood = match name {
            "period" if *position <= 2 => span(&word, value.offset, false).map(|span| call.span = span).is_some(),
            "year" => year(&word, value.offset).map(|year| call.year = year).is_some(),
            "unit" => {
                call.unit = Some(value.text.clone());
                true
            }
            _ => false,
        };
        if !understood {
            self.faults.push(Fault::new("formula-argument", value.span).with("argument", name).with("value", value.text));
        } else if before.contains(&name) {
            self.faults.push(Fault::new("formula-argument-twice", value.span).with("argument", name));
        }
        before.push(name);
    }

    /// One argument after the accounts: by its name, or by its place in UFO's order.
    fn argument(&mut self, call: &mut AccountCall, position: &mut usize, to_date: bool, before: &mut Vec<Place>) {
        if matches!(self.token, Token::Mark("," | ")") | Token::End) {
            *position += 1;
            return;
        }
        let Some(mut value) = self.value() else { return };
        let (mut place, mut name) = (None, String::new());
        if self.eat("=") {
            name = value.word();
            place = Place::named(&name);
            if place.is_none() {
                self.faults.push(Fault::new("formula-argument-name", value.span.clone()).with("name", &name));
            }
            match self.value() {
                Some(second) => value = second,
                None => return,
            }
            if place.is_none() {
                return;
            }
        } else {
            *position += 1;
            // UFO's function wizard writes "" for an argument that is left out.
            if value.quoted && value.text.is_empty() {
                return;
            }
            place = place.or_else(|| Place::at(call.what, *position));
        }
        let word = value.word();
        let understood = match place {
            Some(Place::Period) => span(&word, value.offset, to_date).map(|span| call.span = span).is_some(),
            Some(Place::Side) => find(SIDES, &word).map(|side| call.side = Some(side)).is_some(),
            Some(Place::Year) => year(&word, value.offset).map(|year| call.year = year).is_some(),
            Some(Place::Detail) => find(SIDES, &word).map(|side| call.detail = Some(side)).is_some(),
            Some(Place::Dimension(name)) => {
                call.filters.push(Filter { name, value: value.text.clone() });
                return;
            }
            Some(Place::Book | Place::Summary) | None => false,
        };
        if !understood {
            if name.is_empty() {
                name = place.map_or_else(|| position.to_string(), |place| place.name().to_owned());
            }
            let fault = Fault::new("formula-argument", value.span).with("argument", name);
            self.faults.push(fault.with("value", value.text));
        } else if let Some(place) = place {
            if before.contains(&place) {
                self.faults.push(Fault::new("formula-argument-twice", value.span).with("argument", place.name()));
            }
            before.push(place);
        }
    }

    /// A value of an argument: a word, a number with its sign, 月-1, or a text.
    fn value(&mut self) -> Option<Given> {
        let from = self.span.start;
        let minus = self.eat("-");
        let sign = if minus { "-" } else { "" };
        let mut end = self.span.end;
        let given = |text: String, offset, quoted, end| Some(Given { text, offset, quoted, span: from..end });
        match self.token.clone() {
            Token::Text(text) if !minus => {
                self.advance();
                let offset = text.parse().ok();
                given(text, offset, true, end)
            }
            Token::Digits => {
                let text = format!("{sign}{}", self.lexer.text(&self.span));
                self.advance();
                let offset = text.parse().ok();
                given(text, offset, false, end)
            }
            Token::Word if !minus => {
                let text = self.lexer.text(&self.span);
                self.advance();
                let shifts = matches!(text.to_lowercase().as_str(), "月" | "month" | "年" | "year");
                if !shifts || !(self.is("-") || self.is("+")) {
                    return given(text, None, false, end);
                }
                let sign = if self.is("-") { "-" } else { "+" };
                self.advance();
                end = self.span.end;
                let digits = if self.token == Token::Digits { self.lexer.text(&self.span) } else { String::new() };
                let Ok(offset) = format!("{sign}{digits}").parse() else {
                    self.expected("formula-value");
                    return None;
                };
                self.advance();
                given(text, Some(offset), false, end)
            }
            _ => {
                self.expected("formula-value");
                None
            }
        }
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
        let open = self.span.clone();
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
                None => {
                    // What is wrong has been said; the rest of the list is read for its own faults.
                    while !self.is(",") && !self.is("}") && !self.is(")") && self.token != Token::End {
                        self.advance();
                    }
                }
            }
            if !self.is(",") {
                break;
            }
        }
        let none = selector.picks.is_empty() && !selector.without.is_empty();
        let whole = open.start..self.span.end;
        self.close("}");
        if none {
            self.faults.push(Fault::new("formula-accounts", whole).with("found", &selector));
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
            if self.token == Token::Word {
                self.advance();
            }
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
                Token::Word | Token::Digits => self.lexer.text(&self.span),
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
            // A quoted code with full-width digits is that code all the same.
            let plain = Lexer::plain(text);
            let bare = Lexer::new(&plain).code() == (0..plain.len());
            code = if bare { plain } else { text.clone() };
            self.advance();
        }
        if code.is_empty() {
            self.expected("formula-accounts");
            return None;
        }
        Some(code)
    }
}
