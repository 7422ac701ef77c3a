/*!
Measures (计量): what the books do not hold, from documents of the ERP and entries of people, as figures that formulas ask for.

Pure: rows come in, answers with the rows they are made of go out. Kinds, prices' order, units and coefficients are data.
*/

mod answer;
mod asked;
mod heads;
mod kinds;
mod price;

use std::collections::{BTreeMap, BTreeSet};

use formula::{Aspect, Figures, Gap, MeasureQuestion, Part, Question};
use model::{Amount, MeasureRow, Month};

use crate::{Rates, rates::Which};

pub use answer::Counted;
pub use asked::AskedMeasure;
pub use heads::days_in;
pub use kinds::{AlsoFact, Energy, EnergyFact, FieldFact, KindFact, Kinds, Nature, Need, PriceSource};
pub use price::{Price, Priced};

/// What an entry of a person says about the quantity of what is counted by day.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Basis {
    /// So many more or less from its date on.
    #[default]
    Change,
    /// So many from its date on.
    Level,
}

/// An entry of a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entered {
    /// What it says.
    pub row: MeasureRow,
    /// Its key in the ledger of entries.
    pub key: String,
    /// Operation that wrote this version.
    pub operation: i64,
    /// Who entered it.
    pub person: String,
    /// Heads: change or level.
    pub basis: Basis,
    /// What it was used for, of kinds that have a field `use`.
    pub purpose: Option<String>,
    /// What part of a whole it is, of kinds that have a field `composition`.
    pub composition: Option<String>,
    /// Measured coefficient: tonnes of standard coal for one unit of the row.
    pub coefficient: Option<Amount>,
}

/// Where a row comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin<'a> {
    /// A document of the ERP.
    Erp,
    /// An entry.
    Entry(&'a Entered),
}

/// The measures of a book.
#[derive(Debug)]
pub struct Measures {
    /// Kinds.
    pub kinds: Kinds,
    /// Units and coefficients.
    pub energy: Energy,
    rows: BTreeMap<Month, Vec<MeasureRow>>,
    entered: Vec<Entered>,
    /// First and last month that the ERP was read for.
    coverage: Option<(Month, Month)>,
    /// Kinds that the unit has nothing of.
    none: BTreeSet<String>,
    /// Items of each kind that someone must enter every month.
    expected: BTreeMap<String, BTreeSet<String>>,
    /// Kinds that the ERP keeps.
    kept: BTreeSet<String>,
}

impl Measures {
    /// Measures from the months that were sealed (each, even without rows), and what people entered.
    pub fn new(
        kinds: Kinds,
        energy: Energy,
        sealed: BTreeMap<Month, Vec<MeasureRow>>,
        entered: Vec<Entered>,
        none: BTreeSet<String>,
        expected: BTreeMap<String, BTreeSet<String>>,
    ) -> Measures {
        let kept: BTreeSet<String> = sealed.values().flatten().map(|row| row.kind.clone()).collect();
        let coverage = sealed.keys().next().copied().zip(sealed.keys().next_back().copied());
        let mut measures = Measures { kinds, energy, rows: sealed, entered, coverage, none, expected, kept };
        measures.learn();
        measures
    }

    /// An entry of an item that the ERP knows has the name, class, origin and unit that the ERP gives it, where it says none.
    fn learn(&mut self) {
        let mut known: BTreeMap<&str, &MeasureRow> = BTreeMap::new();
        for row in self.rows.values().flatten() {
            known.insert(&row.item, row);
            if let Some(name) = &row.item_name {
                known.entry(name).or_insert(row);
            }
        }
        for entry in &mut self.entered {
            let Some(like) = known.get(entry.row.item.as_str()) else { continue };
            entry.row.item.clone_from(&like.item);
            let fill = |own: &mut Option<String>, theirs: &Option<String>| {
                if own.is_none() {
                    own.clone_from(theirs);
                }
            };
            fill(&mut entry.row.item_name, &like.item_name);
            fill(&mut entry.row.class, &like.class);
            fill(&mut entry.row.origin, &like.origin);
        }
    }

    /// Whether the ERP keeps a kind.
    pub fn is_kept(&self, kind: &str) -> bool {
        self.kept.contains(kind)
    }

    /// Names of items as people know them.
    pub fn names(&self) -> BTreeMap<String, String> {
        let rows = self.rows.values().flatten().chain(self.entered.iter().map(|entry| &entry.row));
        rows.filter_map(|row| Some((row.item.clone(), row.item_name.clone()?))).collect()
    }

    /// Rows of a kind in a month: what the sheet of that month is made of.
    pub fn of_month<'a>(&'a self, kind: &'a str, month: Month) -> Vec<(&'a MeasureRow, Origin<'a>)> {
        let theirs = self.rows.get(&month).into_iter().flatten().filter(|row| row.kind == kind);
        let ours = self.entries(kind).filter(|entry| entry.row.month == month);
        theirs.map(|row| (row, Origin::Erp)).chain(ours.map(|entry| (&entry.row, Origin::Entry(entry)))).collect()
    }

    fn entries(&self, kind: &str) -> impl Iterator<Item = &Entered> {
        self.entered.iter().filter(move |entry| entry.row.kind == kind)
    }
}

/// Figures of a book with its measures beside them.
pub struct Beside<'a> {
    /// The book's figures.
    pub figures: &'a dyn Figures,
    /// Its measures, where a formula asks for any.
    pub measures: Option<&'a Measures>,
    /// Rates and the book's currency, where that is not the form's: money of measures is in the book's, as its documents are.
    pub rates: Option<(&'a Rates, &'a str)>,
}

/// The rows that answer a question, each with what it gives: they add up to the answer. With rates, money is converted: flows at the
/// average rate of their month, what is at hand at the closing rate of the last.
pub fn counted<'a>(
    measures: Option<&'a Measures>,
    rates: Option<(&Rates, &str)>,
    question: &MeasureQuestion,
) -> Result<Vec<Counted<'a>>, Gap> {
    let Some(measures) = measures else {
        return Err(Gap::new("missing_source", "measure-without-source").with("kind", &question.kind));
    };
    let mut counted = measures.counted(question)?;
    if let (Some((rates, currency)), Aspect::Amount | Aspect::Value) = (rates, question.aspect) {
        let stock = measures.kinds.find(&question.kind).is_some_and(|(_, kind)| kind.nature == Nature::Stock);
        for one in &mut counted {
            let (month, which) = if stock { (question.to, Which::Closing) } else { (one.month, Which::Average) };
            let rate = rates.of(month, currency, which)?;
            one.amount = one.amount.checked_mul(rate).ok_or_else(answer::too_large)?;
        }
    }
    Ok(counted)
}

impl Figures for Beside<'_> {
    fn covers(&self, what: formula::What, from: Month, to: Month) -> Result<(), Gap> {
        self.figures.covers(what, from, to)
    }

    fn ask(&self, question: &Question) -> Result<Vec<Part>, Gap> {
        self.figures.ask(question)
    }

    fn measure(&self, question: &MeasureQuestion) -> Result<Vec<Part>, Gap> {
        let mut sums: BTreeMap<&str, Amount> = BTreeMap::new();
        let counted = counted(self.measures, self.rates, question)?;
        for one in &counted {
            let sum = sums.entry(&one.row.item).or_default();
            *sum = sum.checked_add(one.amount).ok_or_else(answer::too_large)?;
        }
        let parts = sums.into_iter().filter(|(_, amount)| !amount.is_zero());
        Ok(parts.map(|(item, amount)| Part { account: item.to_owned(), amount }).collect())
    }
}
