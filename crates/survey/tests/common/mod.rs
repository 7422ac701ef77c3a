//! A made world of reported figures: whatever a rule asks for is what a test put there.
#![allow(dead_code, clippy::unwrap_used, reason = "shared by tests; a case that cannot be set up must fail")]

use std::{cell::RefCell, collections::BTreeMap};

use formula::{Account, At, Column, Gap, Part, Question, Scope, Trace, Value, World};
use model::Amount;
use survey::{
    Form, RowKind,
    audit::{Described, Reported},
};

/// A pseudorandom number from the one before, the same in every run.
pub fn next(seed: &mut u64) -> u64 {
    // Knuth's MMIX constants; the upper half is the random one.
    *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    *seed >> 33
}

pub type Key = (String, String, Option<Column>);

/// Figures by form, code and column, in the row's unit; a gap's status where there is none.
pub struct Table<'a> {
    pub forms: &'a [Form],
    pub own: &'a str,
    pub figures: BTreeMap<Key, Result<Amount, &'static str>>,
    /// What was asked for and is not there.
    pub asked: RefCell<Vec<Key>>,
    /// How many rows there are of a form's row that is repeated: `1.code`, `2.code` …
    pub rows: usize,
    /// Texts by form and code; a gap's status where there is none.
    pub texts: BTreeMap<(String, String), Result<Option<String>, &'static str>>,
    /// Texts that were asked for and are not there.
    pub asked_texts: RefCell<Vec<(String, String)>>,
}

impl<'a> Table<'a> {
    pub fn new(forms: &'a [Form], own: &'a str) -> Table<'a> {
        Table {
            forms,
            own,
            figures: BTreeMap::new(),
            asked: RefCell::default(),
            rows: 3,
            texts: BTreeMap::new(),
            asked_texts: RefCell::default(),
        }
    }

    fn row(&self, form: Option<&str>, code: &str) -> Option<(&'a Form, &'a survey::Row)> {
        let form = self.forms.iter().find(|known| known.form == form.unwrap_or(self.own))?;
        // `2.code` is the second of a row that is repeated.
        let code = code.split_once('.').filter(|(_, code)| form.row(code).is_some()).map_or(code, |(_, code)| code);
        Some((form, form.row(code)?))
    }

    pub fn divisor(&self, form: &str, code: &str) -> i64 {
        self.row(Some(form), code).map_or(1, |(form, row)| form.reckoned(row))
    }

    fn value(&self, key: Key) -> Trace {
        let found = self.figures.get(&key).copied();
        let outcome = match found {
            None => {
                self.asked.borrow_mut().push(key.clone());
                Err(Gap::new("not_applicable", "rule-indicator-absent"))
            }
            Some(Err(status)) => Err(Gap::new(status, "rule-indicator-absent")),
            Some(Ok(value)) => {
                let by = Amount::from_whole(self.divisor(&key.0, &key.1).into()).unwrap();
                Ok(Value::Number(value.checked_mul(by).unwrap()))
            }
        };
        Trace { text: format!("{key:?}"), outcome, question: None, measured: None, parts: Vec::new(), children: Vec::new() }
    }
}

impl World for Table<'_> {
    fn chart(&self) -> &[Account] {
        &[]
    }

    fn ask(&self, _: &Question) -> Result<Vec<Part>, Gap> {
        Err(Gap::new("not_applicable", "rule-without-book"))
    }

    fn item(&self, name: &str, _: At) -> Trace {
        self.value(("@".to_owned(), name.to_owned(), None))
    }

    fn reference(&self, form: Option<&str>, code: &str, column: Option<Column>, _: At) -> Trace {
        self.value((form.unwrap_or(self.own).to_owned(), code.to_owned(), column))
    }

    fn scope(&self) -> Scope {
        Scope::Standard
    }

    fn repeated(&self, form: Option<&str>, code: &str, _: At) -> Vec<String> {
        if self.is_repeated(form, code) {
            return (1..=self.rows).map(|at| format!("{at}.{code}")).collect();
        }
        vec![code.to_owned()]
    }

    fn text(&self, form: Option<&str>, code: &str, _: At) -> Result<Option<String>, Gap> {
        let key = (form.unwrap_or(self.own).to_owned(), code.to_owned());
        match self.texts.get(&key) {
            Some(Ok(text)) => Ok(text.clone()),
            Some(Err(status)) => Err(Gap::new(status, "rule-indicator-absent")),
            None => {
                self.asked_texts.borrow_mut().push(key);
                Err(Gap::new("not_applicable", "rule-indicator-absent"))
            }
        }
    }
}

impl Reported for Table<'_> {
    fn step(&self, form: Option<&str>, code: &str) -> Option<(Amount, bool)> {
        let (form, row) = self.row(form, code)?;
        let (_, places) = form.conversion(row);
        if row.kind == RowKind::Count {
            return Some((Amount::ZERO, false));
        }
        let step = Amount::from_whole(form.reckoned(row).into())?.checked_div(Amount::from_whole(10_i128.pow(places))?)?;
        Some((step, form.is_money(row)))
    }

    fn is_repeated(&self, form: Option<&str>, code: &str) -> bool {
        let form = self.forms.iter().find(|known| known.form == form.unwrap_or(self.own));
        form.is_some_and(|form| form.is_repeated(code))
    }

    fn main(&self, _: Option<&str>, _: &str) -> &'static str {
        "cumulative"
    }

    fn describe(&self, form: Option<&str>, code: &str) -> Described {
        let divisor = self.divisor(form.unwrap_or(self.own), code);
        Described { name: code.to_owned(), unit: String::new(), divisor }
    }
}

/// The forms that come with the program.
pub fn shipped() -> Vec<Form> {
    survey::FORMS.iter().map(|(_, name, text)| Form::parse(name, text).0.unwrap_or_else(|| panic!("{name}"))).collect()
}
