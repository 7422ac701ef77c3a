//! Kingdee's ACCT: one name, and an order of arguments that differs by product.

use std::ops::Range;

use model::Amount;

use super::{Degree, Dialect, Import, Term, binary, call, expr, fault, is_code, lacking};
use crate::ast::{AccountCall, Expr, Filter, Function, Measure, Name, Node, Operator, Pick, Selector, Side, Span, What, Year};

/// What is taken of an account.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Item {
    what: What,
    side: Option<Side>,
    to_date: bool,
    form: Form,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    /// As it is.
    Plain,
    /// Only a balance on this side; nothing where it is on the other.
    OneSide,
    /// Without its sign.
    Absolute,
}

const DEBIT: Option<Side> = Some(Side::Debit);
const CREDIT: Option<Side> = Some(Side::Credit);

const fn item(what: What, side: Option<Side>, to_date: bool, form: Form) -> Item {
    Item { what, side, to_date, form }
}

/// Kingdee's codes.
const KINGDEE: [(&str, Item); 14] = [
    ("C", item(What::Opening, None, false, Form::Plain)),
    ("JC", item(What::Opening, DEBIT, false, Form::OneSide)),
    ("DC", item(What::Opening, CREDIT, false, Form::OneSide)),
    ("AC", item(What::Opening, DEBIT, false, Form::Absolute)),
    ("Y", item(What::Closing, None, false, Form::Plain)),
    ("JY", item(What::Closing, DEBIT, false, Form::OneSide)),
    ("DY", item(What::Closing, CREDIT, false, Form::OneSide)),
    ("AY", item(What::Closing, DEBIT, false, Form::Absolute)),
    ("JF", item(What::Turnover, DEBIT, false, Form::Plain)),
    ("DF", item(What::Turnover, CREDIT, false, Form::Plain)),
    ("JL", item(What::Turnover, DEBIT, true, Form::Plain)),
    ("DL", item(What::Turnover, CREDIT, true, Form::Plain)),
    ("SY", item(What::Movement, None, false, Form::Plain)),
    ("SL", item(What::Movement, None, true, Form::Plain)),
];

/// Codes of programs that took the name ACCT and not its codes.
const OTHERS: [(&str, Item); 6] = [
    ("QC", item(What::Opening, None, false, Form::Plain)),
    ("QM", item(What::Closing, None, false, Form::Plain)),
    ("JFS", item(What::Turnover, DEBIT, false, Form::Plain)),
    ("DFS", item(What::Turnover, CREDIT, false, Form::Plain)),
    ("JLFS", item(What::Turnover, DEBIT, true, Form::Plain)),
    ("DLFS", item(What::Turnover, CREDIT, true, Form::Plain)),
];

fn find(codes: &[(&str, Item)], code: &str) -> Option<Item> {
    codes.iter().find(|(known, _)| known.eq_ignore_ascii_case(code)).map(|(_, item)| *item)
}

/// Places of the arguments, from 0.
struct Places {
    account: usize,
    kind: usize,
    year: usize,
    from: usize,
    to: usize,
    currency: usize,
    book: usize,
}

fn places(dialect: Dialect) -> Places {
    match dialect {
        Dialect::KingdeeCloud => Places { book: 0, account: 1, kind: 2, year: 3, from: 4, to: 5, currency: 6 },
        Dialect::KingdeeKis => Places { account: 0, kind: 1, year: 2, from: 3, to: 4, currency: 5, book: 6 },
        _ => Places { account: 0, kind: 1, currency: 2, year: 3, from: 4, to: 5, book: 6 },
    }
}

/// The order that the arguments of an ACCT are in, and what shows it.
pub(super) fn order(arguments: &[Option<Term>]) -> Option<(Dialect, String)> {
    let text = |at: usize| arguments.get(at).and_then(Option::as_ref).and_then(Term::text).unwrap_or_default();
    let number = |at: usize| arguments.get(at).and_then(Option::as_ref).is_some_and(|term| term.whole().is_some());
    let kind = |at: usize, codes| find(codes, &text(at)).is_some();
    let why = |at: usize| format!("#{} = {}", at + 1, text(at));
    // An account in the second place is no code of the item, and a book in the first no account.
    if kind(2, &KINGDEE) && !kind(1, &KINGDEE) {
        return Some((Dialect::KingdeeCloud, why(2)));
    }
    if kind(1, &OTHERS) {
        return Some((Dialect::AcctQm, why(1)));
    }
    if !kind(1, &KINGDEE) {
        return None;
    }
    // The third place is a year in one order and a currency in the other; where it is empty, the sixth says it the other way round.
    let year = number(2) || arguments.get(2).is_some_and(Option::is_none) && !number(5) && !text(5).is_empty();
    if year { Some((Dialect::KingdeeKis, format!("{}, {}", why(1), why(2)))) } else { Some((Dialect::KingdeeK3, why(1))) }
}

/// A period: 0 is the report's, below it are those before, 1 to 12 are months of the year.
#[derive(Clone, Copy, PartialEq, Eq)]
enum When {
    Back(i32),
    Of(u8),
}

const CURRENT: When = When::Back(0);

/// Names of kinds of items that dimensions are kept under.
const KINDS: [(&str, Name); 12] = [
    ("客户", Name::Party),
    ("供应商", Name::Party),
    ("往来单位", Name::Party),
    ("部门", Name::Department),
    ("职员", Name::Person),
    ("员工", Name::Person),
    ("个人", Name::Person),
    ("项目", Name::Project),
    ("物料", Name::Product),
    ("存货", Name::Product),
    ("商品", Name::Product),
    ("币别", Name::Currency),
];

/// The book's own currency, as these programs write it; `PRE001` is the code that 云星空 ships 人民币 with.
const OWN: [&str; 7] = ["RMB", "CNY", "人民币", "本位币", "综合本位币", "BB01", "PRE001"];

/// An account expression `a1:a2|类别|c1:c2`, read.
struct Accounts {
    selector: Selector,
    filters: Vec<Filter>,
    /// Each customer or supplier on its own.
    by_party: bool,
}

impl Import<'_> {
    pub(super) fn acct(&mut self, arguments: &[Option<Term>], span: &Range<usize>) -> Option<Expr> {
        let places = places(self.dialect);
        let before = self.remarks.iter().filter(|remark| remark.degree == Degree::Lost).count();
        let codes: &[(&str, Item)] = if self.dialect == Dialect::AcctQm { &OTHERS } else { &KINGDEE };
        let kind = match self.text(arguments.get(places.kind)) {
            None => self.lost(lacking("ACCT", "取数类型", span)),
            Some(code) => match (find(codes, &code), arguments.get(places.kind)) {
                (Some(item), _) => Some(item),
                (None, Some(Some(term))) => self.strange("ACCT", "取数类型", term),
                _ => None,
            },
        };
        let accounts = self.accounts(arguments.get(places.account), span);
        let year = self.kingdee_year(arguments.get(places.year));
        let from = self.when(arguments.get(places.from), "起始期间");
        let to = self.when(arguments.get(places.to), "结束期间");
        self.book(arguments, places.book);
        let currency = self.text(arguments.get(places.currency)).filter(|text| !OWN.contains(&&*text.to_uppercase()));
        if let (Some(currency), Some(Some(term))) = (&currency, arguments.get(places.currency)) {
            self.remark(Degree::Check, fault("import-currency", term.span.clone()).with("currency", currency));
        }
        for (at, term) in arguments.iter().enumerate().skip(7) {
            if let (Some(term), Some(_)) = (term, self.text(arguments.get(at))) {
                self.strange::<()>("ACCT", &(at + 1).to_string(), term);
            }
        }
        if self.remarks.iter().filter(|remark| remark.degree == Degree::Lost).count() > before {
            return None;
        }
        let (kind, mut accounts, year, from, to) = (kind?, accounts?, year?, from?, to?);
        let measure = if currency.is_some() { Measure::Foreign } else { Measure::Money };
        accounts.filters.extend(currency.map(|value| Filter { name: Name::Currency, value }));
        let spans = self.spans(kind, from, to, span)?;
        let detail = (kind.form == Form::OneSide && accounts.by_party).then_some(kind.side).flatten();
        let asked = spans.into_iter().map(|span| {
            expr(Node::Account(AccountCall {
                what: kind.what,
                measure,
                accounts: accounts.selector.clone(),
                counter: None,
                span,
                year,
                side: if detail.is_some() { None } else { kind.side },
                detail,
                filters: accounts.filters.clone(),
            }))
        });
        let asked = asked.reduce(|left, right| binary(Operator::Add, left, right))?;
        match kind.form {
            Form::Plain => Some(asked),
            Form::Absolute => Some(call(Function::Abs, vec![asked])),
            Form::OneSide if detail.is_some() => {
                self.remark(Degree::Check, fault("import-by-party", span.clone()).with("function", "ACCT"));
                Some(asked)
            }
            Form::OneSide => {
                self.remark(Degree::Renamed, fault("import-one-side", span.clone()).with("function", "ACCT"));
                Some(call(Function::Max, vec![asked, expr(Node::Number(Amount::ZERO))]))
            }
        }
    }

    /// `a1:a2|类别|c1:c2`; `a:` is from a on, `:a` up to a.
    fn accounts(&mut self, argument: Option<&Option<Term>>, span: &Range<usize>) -> Option<Accounts> {
        let (Some(text), Some(Some(term))) = (self.text(argument), argument) else {
            return self.lost(lacking("ACCT", "科目", span));
        };
        let mut parts = text.split('|').map(str::trim);
        let codes = parts.next().unwrap_or_default();
        let pick = match codes.split_once(':').map(|(from, to)| (from.trim(), to.trim())) {
            None if is_code(codes) => Some(Pick::Code(codes.to_owned(), None)),
            Some((from, to)) if is_code(from) && is_code(to) => Some(Pick::Range(from.to_owned(), to.to_owned())),
            Some((from, "")) if is_code(from) => {
                Some(Pick::Range(from.to_owned(), from.chars().map(|c| if c.is_ascii_digit() { '9' } else { c }).collect()))
            }
            Some(("", to)) if is_code(to) => {
                Some(Pick::Range(to.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect(), to.to_owned()))
            }
            _ => None,
        };
        let Some(pick) = pick else { return self.strange("ACCT", "科目", term) };
        if matches!(&pick, Pick::Range(..)) && (codes.starts_with(':') || codes.ends_with(':')) {
            let fault = fault("import-open-range", term.span.clone()).with("range", codes);
            self.remark(Degree::Renamed, fault.with("accounts", &pick));
        }
        let (class, mut item) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        if parts.next().is_some() {
            return self.strange("ACCT", "科目", term);
        }
        if let Some((from, to)) = item.split_once(':') {
            if from.trim() != to.trim() {
                // A range of customers cannot be said; which of them are meant is for a person to say.
                return self.strange("ACCT", "科目", term);
            }
            item = from.trim();
        }
        let name = KINDS.iter().find(|(kind, _)| *kind == class).map(|(_, name)| *name);
        let mut filters = Vec::new();
        if !item.is_empty() {
            if class.is_empty() {
                return self.strange("ACCT", "科目", term);
            }
            if name.is_none() {
                let fault = fault("import-kind", term.span.clone()).with("kind", class);
                self.remark(Degree::Check, fault);
            }
            filters.push(Filter { name: name.unwrap_or(Name::Any), value: item.to_owned() });
        }
        let by_party = item.is_empty() && name == Some(Name::Party);
        Some(Accounts { selector: Selector { picks: vec![pick], without: Vec::new() }, filters, by_party })
    }

    fn kingdee_year(&mut self, argument: Option<&Option<Term>>) -> Option<Year> {
        let Some(Some(term)) = argument else { return Some(Year::Offset(0)) };
        if term.text().is_some_and(|text| text.is_empty()) {
            return Some(Year::Offset(0));
        }
        match term.whole() {
            Some(offset @ -100..=0) => i32::try_from(offset).ok().map(Year::Offset),
            Some(year @ 1900..=2199) => {
                self.remark(Degree::Check, fault("import-year", term.span.clone()).with("year", year));
                u16::try_from(year).ok().map(Year::Of)
            }
            _ => self.strange("ACCT", "年度", term),
        }
    }

    fn when(&mut self, argument: Option<&Option<Term>>, name: &str) -> Option<When> {
        let Some(Some(term)) = argument else { return Some(CURRENT) };
        if term.text().is_some_and(|text| text.is_empty()) {
            return Some(CURRENT);
        }
        match term.whole() {
            Some(back @ -120..=0) => i32::try_from(back).ok().map(When::Back),
            Some(month @ 1..=12) => u8::try_from(month).ok().map(When::Of),
            _ => self.strange("ACCT", name, term),
        }
    }

    /// The spans that an item is taken over; turnover of several months is their sum.
    fn spans(&mut self, kind: Item, from: When, to: When, place: &Range<usize>) -> Option<Vec<Span>> {
        let single = |when: When| match when {
            When::Back(back) => Span::Month(back),
            When::Of(month) => Span::Of(month),
        };
        let spans = match (kind.what, kind.to_date) {
            (What::Opening, _) => Some(vec![single(from)]),
            (What::Closing, _) => Some(vec![single(to)]),
            (_, true) => match to {
                CURRENT => Some(vec![Span::ToDate]),
                When::Of(month) => Some(vec![Span::Through(month)]),
                When::Back(_) => None,
            },
            (_, false) => match (from, to) {
                (from, to) if from == to => Some(vec![single(from)]),
                (When::Of(1), CURRENT) => Some(vec![Span::ToDate]),
                (When::Of(1), When::Of(month)) => Some(vec![Span::Through(month)]),
                (When::Of(first), When::Of(last)) if first < last => Some((first..=last).map(Span::Of).collect()),
                (When::Back(first), When::Back(last)) if first < last && last - first < 12 => {
                    Some((first..=last).map(Span::Month).collect())
                }
                _ => None,
            },
        };
        match spans {
            Some(spans) => Some(spans),
            None => {
                let said = |when: When| match when {
                    When::Back(back) => back.to_string(),
                    When::Of(month) => month.to_string(),
                };
                let fault = fault("import-argument", place.clone()).with("function", "ACCT");
                self.lost(fault.with("argument", "起止期间").with("value", format!("{}, {}", said(from), said(to))))
            }
        }
    }
}
