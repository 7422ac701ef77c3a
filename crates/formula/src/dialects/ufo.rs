//! Yonyou's UFO: `QM(科目, 期间, 方向, 账套号, 年度, 编码1, 编码2, …)`.

use std::ops::Range;

use model::Amount;

use super::{Degree, Import, Term, TermNode, call, expr, fault, is_code, lacking};
use crate::{
    ast::{AccountCall, Expr, Filter, Function, Measure, Name, Node, Operator, Pick, Selector, Side, Span, What, Year},
    names::{SIDES, find},
};

const NAMES: [(&str, What, bool); 6] = [
    ("QC", What::Opening, false),
    ("QM", What::Closing, false),
    ("FS", What::Turnover, false),
    ("LFS", What::Turnover, true),
    ("JE", What::Net, false),
    ("DFS", What::Counter, false),
];

fn known(name: &str) -> Option<(What, Measure, bool)> {
    let families = [("", Measure::Money), ("S", Measure::Quantity), ("W", Measure::Foreign)];
    families.iter().find_map(|(prefix, measure)| {
        let bare = name.strip_prefix(prefix)?;
        NAMES.iter().find(|(known, ..)| *known == bare).map(|(_, what, to_date)| (*what, *measure, *to_date))
    })
}

pub(super) fn is_known(name: &str) -> bool {
    known(name).is_some()
}

/// Places of the arguments after the accounts, from 0. What stands behind `codes` says what is counted in and summed up.
struct Order {
    period: usize,
    side: Option<usize>,
    summary: &'static [usize],
    book: usize,
    year: usize,
    codes: [usize; 2],
}

const USUAL: Order = Order { period: 1, side: Some(2), summary: &[], book: 3, year: 4, codes: [5, 6] };
/// JE gives both sides at once and has no place for one.
const NET: Order = Order { period: 1, side: None, summary: &[], book: 2, year: 3, codes: [4, 5] };
const COUNTER: Order = Order { period: 2, side: Some(3), summary: &[4, 5], book: 6, year: 7, codes: [8, 9] };
/// Behind 编码2 of the usual order: 截止日期, 含未记账, 编码1汇总, 编码2汇总.
const UNPOSTED: usize = 8;
const SUMMED: [usize; 2] = [9, 10];

impl Import<'_> {
    pub(super) fn ufo(&mut self, name: &str, arguments: &[Option<Term>], span: &Range<usize>) -> Option<Expr> {
        let (what, measure, to_date) = known(name)?;
        let before = self.remarks.iter().filter(|remark| remark.degree == Degree::Lost).count();
        let accounts = self.account(name, arguments, 0, span);
        let counter = if what == What::Counter { Some(self.account(name, arguments, 1, span)) } else { None };
        let order = match what {
            What::Counter => &COUNTER,
            What::Net if !self.net_with_side(arguments) => &NET,
            _ => &USUAL,
        };
        if what == What::Net {
            self.remark(Degree::Check, fault("import-net", span.clone()).with("function", name));
        }
        let period = self.period(name, arguments.get(order.period), to_date);
        let side = order.side.and_then(|at| self.side(name, arguments.get(at)));
        let said = order.side.and_then(|at| self.text(arguments.get(at))).is_some();
        if !said && matches!(what, What::Turnover | What::Counter) {
            self.remark(Degree::Lost, lacking(name, "方向", span));
        }
        for at in order.summary {
            if let Some(term) = arguments.get(*at).and_then(Option::as_ref)
                && self.text(arguments.get(*at)).is_some()
            {
                self.strange::<()>(name, "摘要", term);
            }
        }
        self.book(arguments, order.book);
        let year = self.year(name, arguments.get(order.year));
        let mut filters = Vec::new();
        for at in order.codes {
            if let Some(value) = self.text(arguments.get(at)) {
                filters.push(Filter { name: Name::Any, value });
            }
        }
        let detail = self.tail(name, arguments, order, side, what);
        let lost = self.remarks.iter().filter(|remark| remark.degree == Degree::Lost).count() > before;
        if lost {
            return None;
        }
        let counter = match counter {
            Some(counter) => Some(counter?),
            None => None,
        };
        let balance = matches!(what, What::Opening | What::Closing);
        let (accounts, span_of, year) = (accounts?, period?, year?);
        let side_said = if detail.is_some() { None } else { side };
        let asked = AccountCall {
            what,
            measure,
            accounts,
            counter,
            span: span_of,
            year,
            side: if what == What::Net { None } else { side_said },
            detail,
            filters,
        };
        let asked = expr(Node::Account(asked));
        if !balance || side_said.is_none() {
            return Some(asked);
        }
        // UFO leaves a balance on the other side blank, and a blank counts as nothing.
        self.remark(Degree::Renamed, fault("import-one-side", span.clone()).with("function", name));
        Some(call(Function::Max, vec![asked, expr(Node::Number(Amount::ZERO))]))
    }

    /// JE is met in both orders: with an empty place for the side, and without.
    fn net_with_side(&self, arguments: &[Option<Term>]) -> bool {
        let year = |at: usize| {
            let text = self.text(arguments.get(at)).unwrap_or_default();
            let shifted = matches!(arguments.get(at), Some(Some(Term { node: TermNode::Binary(..), .. })));
            shifted
                || matches!(text.as_str(), "年" | "全年")
                || text.parse::<u16>().is_ok_and(|year| (1900..2200).contains(&year))
        };
        let side = self.text(arguments.get(2)).is_some_and(|text| find(SIDES, &text.to_lowercase()).is_some());
        side || year(4) && !year(3)
    }

    fn account(&mut self, name: &str, arguments: &[Option<Term>], at: usize, span: &Range<usize>) -> Option<Selector> {
        match self.text(arguments.get(at)) {
            Some(code) if is_code(&code) => Some(Selector { picks: vec![Pick::Code(code, None)], without: Vec::new() }),
            _ => match arguments.get(at).and_then(Option::as_ref) {
                Some(term) => self.strange(name, "科目", term),
                None => self.lost(lacking(name, "科目", span)),
            },
        }
    }

    fn period(&mut self, name: &str, argument: Option<&Option<Term>>, to_date: bool) -> Option<Span> {
        let month = if to_date { Span::ToDate } else { Span::Month(0) };
        let Some(Some(term)) = argument else { return Some(month) };
        let word = self.text(argument).unwrap_or_default();
        let found = match word.as_str() {
            "" if matches!(term.node, TermNode::Text(_)) => Some(month),
            "月" => Some(month),
            "季" => Some(Span::Quarter),
            "年" | "全年" => Some(Span::Year),
            _ => match (term.whole(), shifted(term, "月")) {
                (Some(number @ 1..=12), _) => {
                    let number = u8::try_from(number).ok()?;
                    Some(if to_date { Span::Through(number) } else { Span::Of(number) })
                }
                (_, Some(offset @ -1200..=-1)) if !to_date => i32::try_from(offset).ok().map(Span::Month),
                (_, Some(0)) => Some(month),
                _ => None,
            },
        };
        match found {
            Some(span) => Some(span),
            None => self.strange(name, "期间", term),
        }
    }

    fn side(&mut self, name: &str, argument: Option<&Option<Term>>) -> Option<Side> {
        let text = self.text(argument)?;
        match (find(SIDES, &text.to_lowercase()), argument) {
            (Some(side), _) => Some(side),
            (None, Some(Some(term))) => self.strange(name, "方向", term),
            _ => None,
        }
    }

    fn year(&mut self, name: &str, argument: Option<&Option<Term>>) -> Option<Year> {
        let Some(Some(term)) = argument else { return Some(Year::Offset(0)) };
        let found = match self.text(argument).unwrap_or_default().as_str() {
            "" if matches!(term.node, TermNode::Text(_)) => Some(Year::Offset(0)),
            "年" | "全年" => Some(Year::Offset(0)),
            _ => match (term.whole(), shifted(term, "年")) {
                (Some(year @ 1900..=2199), _) => u16::try_from(year).ok().map(Year::Of),
                (Some(offset @ -100..=-1), _) | (_, Some(offset @ -100..=0)) => i32::try_from(offset).ok().map(Year::Offset),
                _ => None,
            },
        };
        match found {
            Some(year) => {
                if matches!(year, Year::Of(_)) {
                    let fault = fault("import-year", term.span.clone()).with("year", term.text().unwrap_or_default());
                    self.remark(Degree::Check, fault);
                }
                Some(year)
            }
            None => self.strange(name, "年度", term),
        }
    }

    /// Arguments behind 编码2. A sum by customer turns the side into that of each customer.
    fn tail(&mut self, name: &str, arguments: &[Option<Term>], order: &Order, side: Option<Side>, what: What) -> Option<Side> {
        let mut detail = None;
        for (at, term) in arguments.iter().enumerate().skip(order.codes[1] + 1) {
            let (Some(term), Some(text)) = (term, self.text(arguments.get(at))) else { continue };
            let usual = order.codes == USUAL.codes;
            match text.to_lowercase().as_str() {
                "n" => {}
                "y" if usual && at == UNPOSTED => {
                    self.remark(Degree::Check, fault("import-unposted", term.span.clone()).with("value", text));
                }
                "y" if usual && at == SUMMED[0] && self.by_customer(arguments) => {}
                "t" if usual && at == SUMMED[1] && side.is_some() && matches!(what, What::Opening | What::Closing) => {
                    self.remark(Degree::Check, fault("import-by-party", term.span.clone()).with("function", name));
                    detail = side;
                }
                _ => drop(self.strange::<()>(name, &(at + 1).to_string(), term)),
            }
        }
        detail
    }

    fn by_customer(&self, arguments: &[Option<Term>]) -> bool {
        self.text(arguments.get(SUMMED[1])).is_some_and(|text| text.eq_ignore_ascii_case("t"))
    }
}

/// 月-1, 年+0: how far from the word.
fn shifted(term: &Term, word: &str) -> Option<i64> {
    match &term.node {
        TermNode::Word(found) if found == word => Some(0),
        TermNode::Binary(operator, left, right) => {
            let sign = match operator {
                Operator::Subtract => -1,
                Operator::Add => 1,
                _ => return None,
            };
            let named = matches!(&left.node, TermNode::Word(found) if found == word);
            let by = right.whole().filter(|_| named)?;
            by.checked_mul(sign)
        }
        _ => None,
    }
}
