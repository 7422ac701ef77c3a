//! Unit tests of mappings: `[[test]]` in a layer gives figures and says what cells they make. No book and no database.

mod measured;

use std::collections::{BTreeMap, BTreeSet};

use formula::{Expr, Figures, Filter, Gap, Measure, Name, Node, Part, Question, Scope, Side, Value, What};
use model::{Amount, Finding, Month};
use serde::Deserialize;
use settings::Shape;
use toml::Spanned;

use self::measured::{MEASURES, Measured, Span};
use crate::{
    BookAccount, Engine, Mapping, Printed, RowKind, Sources, chart,
    document::Lineage,
    measures::{Beside, Energy, Kinds},
};

const ANY: Shape = Shape::Any;
pub(crate) const TEST: Shape = Shape::Each(&Shape::Table(&[
    ("name", ANY),
    ("form", ANY),
    ("period", ANY),
    ("from", ANY),
    (
        "given",
        Shape::Each(&Shape::Table(&[
            ("account", ANY),
            ("class", ANY),
            ("side", ANY),
            ("period", ANY),
            ("debit", ANY),
            ("credit", ANY),
            ("closing", ANY),
            ("voucher", ANY),
            ("party", ANY),
            ("product", ANY),
            ("department", ANY),
            ("project", ANY),
            ("person", ANY),
            ("currency", ANY),
            ("quantity_debit", ANY),
            ("quantity_credit", ANY),
            ("foreign_debit", ANY),
            ("foreign_credit", ANY),
        ])),
    ),
    ("measures", MEASURES),
    ("none", ANY),
    ("expect", Shape::Map(&ANY)),
]));

#[derive(Deserialize)]
struct Raw {
    #[serde(default)]
    standard: Option<String>,
    #[serde(default)]
    edition: Option<String>,
    #[serde(default)]
    test: Vec<RawTest>,
}

#[derive(Deserialize)]
struct RawTest {
    name: Spanned<String>,
    #[serde(default)]
    form: Option<String>,
    period: Text<Month>,
    #[serde(default)]
    from: Option<Text<Month>>,
    #[serde(default)]
    given: Vec<RawGiven>,
    #[serde(default)]
    measures: Vec<Measured>,
    #[serde(default)]
    none: Vec<String>,
    expect: BTreeMap<Spanned<String>, String>,
}

#[derive(Deserialize)]
struct RawGiven {
    account: String,
    #[serde(default)]
    class: String,
    #[serde(default)]
    side: Option<String>,
    #[serde(default)]
    period: Option<Text<Month>>,
    #[serde(default)]
    debit: Text<Amount>,
    #[serde(default)]
    credit: Text<Amount>,
    #[serde(default)]
    closing: bool,
    #[serde(default)]
    voucher: String,
    party: Option<String>,
    product: Option<String>,
    department: Option<String>,
    project: Option<String>,
    person: Option<String>,
    currency: Option<String>,
    #[serde(default)]
    quantity_debit: Text<Amount>,
    #[serde(default)]
    quantity_credit: Text<Amount>,
    #[serde(default)]
    foreign_debit: Text<Amount>,
    #[serde(default)]
    foreign_credit: Text<Amount>,
}

/// A value that is written as a string: figures are never floats.
#[derive(Clone, Copy, Default)]
struct Text<T>(T);

impl<'de, T: std::str::FromStr<Err: std::fmt::Display>> Deserialize<'de> for Text<T> {
    fn deserialize<D: serde::Deserializer<'de>>(input: D) -> Result<Text<T>, D::Error> {
        let text = String::deserialize(input)?;
        text.parse().map(Text).map_err(serde::de::Error::custom)
    }
}

/// The tests of a file.
pub struct Tests {
    /// Accounting standard that they are about, where the file says one.
    pub standard: Option<String>,
    /// Edition of the forms, where the file says one.
    pub edition: Option<String>,
    /// The tests.
    pub tests: Vec<Test>,
}

/// One test.
pub struct Test {
    /// What it proves.
    pub name: String,
    /// Form of the expected cells.
    pub form: Option<String>,
    /// Where it stands: `file:line:column`.
    pub place: String,
    month: Month,
    from: Month,
    given: Vec<Given>,
    measures: Vec<Measured>,
    none: Vec<String>,
    expect: Vec<(String, String, String)>,
}

/// A line of the given figures.
struct Given {
    account: String,
    name: String,
    class: String,
    side: Option<String>,
    /// None: it was there before the first month.
    month: Option<Month>,
    money: (Amount, Amount),
    quantity: (Amount, Amount),
    foreign: (Amount, Amount),
    closing: bool,
    voucher: String,
    dimensions: Vec<(Name, String)>,
}

/// One expectation, held against the mapping.
pub struct Checked {
    /// Cell, as it is written in the test.
    pub cell: String,
    /// What the test expects.
    pub expected: String,
    /// What came out: a decimal, or the status of what is missing.
    pub got: String,
    /// Whether they are the same.
    pub passed: bool,
    /// Where the expectation stands.
    pub place: String,
    /// How it came about.
    pub lineage: Lineage,
}

/// Reads the tests of a layer, or of a file of its own.
pub fn tests(file: &str, text: &str) -> (Option<Tests>, Vec<Finding>) {
    let (raw, findings) = settings::read::<Raw>(file, text, &crate::mapping::LAYER);
    let Some(raw) = raw else { return (None, findings) };
    let place = |at: usize| settings::place(file, text, at);
    let tests = raw.test.into_iter().map(|test| {
        let month = test.period.0;
        let first = Month::new(month.year(), 1).unwrap_or(month);
        let books = test.given.iter().filter_map(|given| given.period.map(|period| period.0));
        let earliest = books.chain(test.measures.iter().filter_map(Measured::month)).min();
        let earliest = earliest.and_then(|month| Month::new(month.year(), 1)).map_or(first, |month| month.min(first));
        Test {
            form: test.form,
            place: place(test.name.span().start),
            from: test.from.map_or(earliest, |from| from.0),
            month,
            given: test.given.into_iter().map(given).collect(),
            measures: test.measures,
            none: test.none,
            expect: test
                .expect
                .into_iter()
                .map(|(cell, value)| {
                    let at = place(cell.span().start);
                    (cell.into_inner(), value, at)
                })
                .collect(),
            name: test.name.into_inner(),
        }
    });
    let tests = Tests { standard: raw.standard, edition: raw.edition, tests: tests.collect() };
    (Some(tests), findings)
}

fn given(raw: RawGiven) -> Given {
    let (account, name) = raw.account.split_once(' ').map_or((raw.account.as_str(), ""), |(code, name)| (code, name.trim()));
    let dimensions = [
        (Name::Party, raw.party),
        (Name::Product, raw.product),
        (Name::Department, raw.department),
        (Name::Project, raw.project),
        (Name::Person, raw.person),
        (Name::Currency, raw.currency),
    ];
    Given {
        account: account.to_owned(),
        name: name.to_owned(),
        class: raw.class,
        side: raw.side,
        month: raw.period.map(|period| period.0),
        money: (raw.debit.0, raw.credit.0),
        quantity: (raw.quantity_debit.0, raw.quantity_credit.0),
        foreign: (raw.foreign_debit.0, raw.foreign_credit.0),
        closing: raw.closing,
        voucher: raw.voucher,
        dimensions: dimensions.into_iter().filter_map(|(name, value)| Some((name, value?))).collect(),
    }
}

impl Test {
    /// Holds the test against a mapping; `kinds` and `energy` say what its measures are.
    pub fn run(&self, mapping: &Mapping, kinds: &Kinds, energy: &Energy) -> (Vec<Checked>, Vec<Finding>) {
        let (chart, findings) = self.chart(mapping);
        let own = |finding: Finding| Finding { place: format!("{}, {}", self.place, finding.place), ..finding };
        let mut findings: Vec<Finding> = findings.into_iter().map(own).collect();
        let span = Span { from: self.from, to: self.month };
        let (measures, wrong) = measured::measures(&self.measures, &self.none, &span, kinds, energy, &self.place);
        findings.extend(wrong);
        let beside = Beside { figures: self, measures: Some(&measures), rates: None };
        let engine = Engine::new(mapping, &chart, Sources { monthly: &beside, annual: &beside });
        let checked = self.expect.iter().map(|(cell, expected, place)| self.checked(&engine, cell, expected, place));
        (checked.collect(), findings)
    }

    /// The given accounts as formulas see them.
    pub(crate) fn chart(&self, mapping: &Mapping) -> (Vec<formula::Account>, Vec<Finding>) {
        let mut accounts: BTreeMap<&str, BookAccount> = BTreeMap::new();
        for given in &self.given {
            let account = accounts.entry(&given.account).or_insert_with(|| BookAccount {
                code: given.account.clone(),
                name: String::new(),
                class: String::new(),
                side: None,
            });
            // Said once is enough.
            if account.name.is_empty() {
                account.name.clone_from(&given.name);
            }
            if account.class.is_empty() {
                account.class.clone_from(&given.class);
            }
            account.side = account.side.take().or_else(|| given.side.clone());
        }
        let accounts: Vec<BookAccount> = accounts.into_values().collect();
        chart(mapping, &accounts, &|_| true)
    }

    fn checked(&self, engine: &Engine<'_>, cell: &str, expected: &str, place: &str) -> Checked {
        // A column is one of ours: codes have points of their own.
        let column = cell.rsplit_once('.').and_then(|(key, column)| Some((key, crate::exam::column_named(column)?)));
        let (key, column) = column.map_or((cell, None), |(key, column)| (key, Some(column)));
        let form = self.form.as_deref().unwrap_or_default();
        let pack = engine.mapping().form(form);
        let (trace, shown) = match key.strip_prefix('@') {
            Some(item) => {
                let at = column.unwrap_or(Printed::Cumulative).at(self.month, RowKind::Flow);
                let expr = Expr { node: Node::Item(item.to_owned()), span: 0..0 };
                (at.map(|at| engine.formula(form, &expr, Scope::Standard, at)), None)
            }
            None => {
                let row = pack.and_then(|pack| pack.row(key));
                let kind = row.map_or(RowKind::Flow, |row| row.kind);
                let usual = if kind == RowKind::Opening { Printed::Opening } else { Printed::Cumulative };
                let at = column.unwrap_or(usual).at(self.month, kind);
                (at.map(|at| engine.cell(form, key, at)), pack.zip(row).map(|(pack, row)| pack.conversion(row)))
            }
        };
        let outcome = trace.as_ref().map(|trace| &trace.outcome);
        let value = match outcome {
            Some(Ok(Value::Number(raw))) => match shown {
                Some((divisor, places)) => raw.div_round(i128::from(divisor), places),
                None => Some(*raw),
            },
            _ => None,
        };
        let got = match (value, outcome) {
            (Some(value), _) => value.to_string(),
            (None, Some(Err(Gap { status, .. }))) => (*status).to_owned(),
            (None, Some(Ok(_))) => "error".to_owned(),
            (None, None) => "before_first_period".to_owned(),
        };
        // 70.00 is 70, and a status is the word that it is.
        let passed = match (expected.parse::<Amount>(), value) {
            (Ok(expected), Some(value)) => expected == value,
            (Ok(_), None) => false,
            (Err(_), _) => expected == got,
        };
        let lineage = trace.as_ref().map_or_else(Lineage::default, Lineage::from);
        Checked { cell: cell.to_owned(), expected: expected.to_owned(), got, passed, place: place.to_owned(), lineage }
    }

    fn covered(&self, what: What, from: Month, to: Month) -> Result<(), Gap> {
        let early = |month: Month| {
            let gap = Gap::new("before_first_period", "before-first-period");
            Err(gap.with("month", month).with("first", self.from))
        };
        let late = |month: Month| Err(Gap::new("not_read", "month-not-read").with("month", month).with("last", self.month));
        match what {
            What::Opening if from < self.from => early(from),
            What::Opening if from > self.month => late(from),
            // The balance before the first month is given too.
            What::Closing if to.plus(1).is_some_and(|next| next < self.from) => early(to),
            What::Opening => Ok(()),
            What::Closing if to > self.month => late(to),
            What::Closing => Ok(()),
            _ if from < self.from => early(from),
            _ if to > self.month => late(to),
            _ => Ok(()),
        }
    }

    fn lines<'a>(&'a self, question: &'a Question) -> impl Iterator<Item = &'a Given> {
        self.given.iter().filter(move |given| {
            let within = match question.what {
                What::Opening => given.month.is_none_or(|month| month < question.from),
                What::Closing => given.month.is_none_or(|month| month <= question.to),
                _ => given.month.is_some_and(|month| (question.from..=question.to).contains(&month)),
            };
            within
                && !(given.closing && question.what == What::Movement)
                && question.filters.iter().all(|filter| given.passes(filter))
        })
    }

    /// Vouchers that have one of the counter accounts on the other side.
    fn countered(&self, question: &Question) -> BTreeSet<&str> {
        let other = |given: &&Given| {
            let (debit, credit) = given.money;
            let opposite = if question.side == Some(Side::Credit) { debit } else { credit };
            question.counter.contains(&given.account) && !opposite.is_zero()
        };
        self.given.iter().filter(other).map(|given| given.voucher.as_str()).filter(|voucher| !voucher.is_empty()).collect()
    }
}

impl Given {
    fn passes(&self, filter: &Filter) -> bool {
        let means = |text: &str| {
            text == filter.value
                || text.rsplit_once(" #").is_some_and(|(name, code)| name == filter.value || code == filter.value)
        };
        self.dimensions.iter().any(|(name, value)| (filter.name == Name::Any || *name == filter.name) && means(value))
    }

    fn party(&self) -> Option<&str> {
        self.dimensions.iter().find(|(name, _)| *name == Name::Party).map(|(_, value)| value.as_str())
    }
}

impl Figures for Test {
    fn covers(&self, what: What, from: Month, to: Month) -> Result<(), Gap> {
        self.covered(what, from, to)
    }

    fn ask(&self, question: &Question) -> Result<Vec<Part>, Gap> {
        self.covered(question.what, question.from, question.to)?;
        let too_large = |account: &str| Gap::new("error", "amount-too-large").with("account", account);
        let vouchers = if question.what == What::Counter { self.countered(question) } else { BTreeSet::new() };
        // Balances by account and party, where only those on one side count.
        let mut sums: BTreeMap<(&str, Option<&str>), Amount> = BTreeMap::new();
        for given in self.lines(question).filter(|given| question.accounts.contains(&given.account)) {
            if question.what == What::Counter && !vouchers.contains(given.voucher.as_str()) {
                continue;
            }
            let (debit, credit) = match question.measure {
                Measure::Money => given.money,
                Measure::Quantity => given.quantity,
                Measure::Foreign => given.foreign,
            };
            let amount = match (question.what, question.side) {
                (What::Turnover | What::Counter, Some(Side::Credit)) => Some(credit),
                (What::Turnover | What::Counter, _) => Some(debit),
                _ => debit.checked_sub(credit),
            };
            let party = question.detail.and(given.party());
            let sum = sums.entry((&given.account, party)).or_default();
            let added = amount.and_then(|amount| sum.checked_add(amount));
            *sum = added.ok_or_else(|| too_large(&given.account))?;
        }
        let mut parts: BTreeMap<&str, Amount> = BTreeMap::new();
        for ((account, _), amount) in sums {
            let stands = match question.detail {
                Some(Side::Debit) => amount > Amount::ZERO,
                Some(Side::Credit) => amount < Amount::ZERO,
                None => true,
            };
            if stands {
                let sum = parts.entry(account).or_default();
                *sum = sum.checked_add(amount).ok_or_else(|| too_large(account))?;
            }
        }
        Ok(parts.into_iter().map(|(account, amount)| Part { account: account.to_owned(), amount }).collect())
    }
}

/// The questions of a tree and what each account gave: how a figure came about, on one line.
fn told(lineage: &Lineage) -> String {
    let mut told = Vec::new();
    let mut waiting = vec![lineage];
    while let Some(part) = waiting.pop() {
        waiting.extend(part.children.iter().rev());
        if part.question.is_none() && part.gap.is_none() || !part.children.is_empty() {
            continue;
        }
        let parts: Vec<String> = part.parts.iter().map(|part| format!("{} {}", part.account, part.amount)).collect();
        let value = part.value.clone().or_else(|| part.gap.as_ref().map(|gap| gap.code.clone())).unwrap_or_default();
        told.push(format!(
            "{} = {value}{}",
            part.text,
            if parts.is_empty() { String::new() } else { format!(" ({})", parts.join(", ")) }
        ));
    }
    told.join("; ")
}

impl Checked {
    /// How it came about, on one line.
    pub fn told(&self) -> String {
        told(&self.lineage)
    }
}
