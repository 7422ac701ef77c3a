//! Answers to questions, with the rows that they are made of.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::RangeInclusive,
};

use formula::{Aspect, Field, Gap, MeasureQuestion};
use model::{Amount, MeasureRow, Month};

use super::{Entered, KindFact, Measures, Nature, Origin, PriceSource};

/// A row with what it gives to an answer.
#[derive(Clone, Debug)]
pub struct Counted<'a> {
    /// The row.
    pub row: &'a MeasureRow,
    /// Where it is from.
    pub origin: Origin<'a>,
    /// Month that it counts in: of heads, a change counts in every month after it.
    pub month: Month,
    /// What it gives.
    pub amount: Amount,
    /// Price or coefficient that it was multiplied by.
    pub factor: Option<Amount>,
    /// Where the price is from.
    pub price: Option<PriceSource>,
}

pub(super) fn error(code: &'static str) -> Gap {
    Gap::new("error", code)
}

pub(super) fn missing(code: &'static str) -> Gap {
    Gap::new("missing_source", code)
}

pub(super) fn too_large() -> Gap {
    error("amount-too-large")
}

/// Months from one to another.
pub(super) fn span(from: Month, to: Month) -> impl Iterator<Item = Month> {
    std::iter::successors(Some(from), |month| month.plus(1)).take_while(move |month| *month <= to)
}

/// Asks for each of some months. What nobody has entered for several of them is told once, with all of these months: a person enters them in one go.
pub(super) fn each<T>(months: impl Iterator<Item = Month>, ask: impl Fn(Month) -> Result<T, Gap>) -> Result<Vec<T>, Gap> {
    let (mut answers, mut first, mut open) = (Vec::new(), None::<Gap>, Vec::new());
    for month in months {
        match (ask(month), &first) {
            (Ok(answer), _) => answers.push(answer),
            (Err(gap), None) if gap.code == NOT_ENTERED => {
                open.push(month.to_string());
                first = Some(gap);
            }
            (Err(gap), Some(known)) if gap.code == NOT_ENTERED => {
                let item = |gap: &Gap| gap.arguments.iter().find(|(name, _)| *name == "item").map(|(_, item)| item.clone());
                open.extend((item(&gap) == item(known)).then(|| month.to_string()));
            }
            (Err(gap), None) => return Err(gap),
            (Err(_), Some(_)) => {}
        }
    }
    let Some(mut gap) = first else { return Ok(answers) };
    if let Some((_, months)) = gap.arguments.iter_mut().find(|(name, _)| *name == "month") {
        *months = open.join(", ");
    }
    Err(gap)
}

/// Code of what nobody has entered.
const NOT_ENTERED: &str = "measure-not-entered";

fn wanted(row: &MeasureRow, fields: &[(Field, String)]) -> bool {
    fields.iter().all(|(field, value)| match field {
        Field::Item => row.is(value),
        Field::Class => row.class.as_ref() == Some(value),
        Field::Origin => row.origin.as_ref() == Some(value),
        // No document of an ERP says what something was used for, or what part of a project it is; people do.
        Field::Use | Field::Composition => false,
    })
}

fn said(entry: &Entered, fields: &[(Field, String)]) -> bool {
    fields.iter().all(|field| match field {
        (Field::Use, value) => entry.purpose.as_ref() == Some(value),
        (Field::Composition, value) => entry.composition.as_ref() == Some(value),
        _ => wanted(&entry.row, std::slice::from_ref(field)),
    })
}

impl Measures {
    /// The rows that answer a question, each with what it gives: they add up to the answer.
    pub fn counted(&self, question: &MeasureQuestion) -> Result<Vec<Counted<'_>>, Gap> {
        let Some((id, kind)) = self.kinds.find(&question.kind) else {
            let near = settings::nearest(&question.kind, self.kinds.names()).unwrap_or("—");
            return Err(error("measure-kind-unknown").with("kind", &question.kind).with("near", near));
        };
        let fits = match question.aspect {
            Aspect::Quantity | Aspect::Amount => matches!(kind.nature, Nature::Flow | Nature::Stock),
            Aspect::Value => kind.priced,
            Aspect::Coal => kind.coal,
            Aspect::Average | Aspect::Closing => kind.nature == Nature::Heads,
        };
        if !fits {
            return Err(error("measure-aspect-unfit").with("kind", &kind.name));
        }
        if self.none.contains(id) {
            return Ok(Vec::new());
        }
        match kind.nature {
            Nature::Heads => self.heads(id, kind, question),
            Nature::Stock => self.at_hand(id, kind, question),
            Nature::Flow | Nature::Price => self.flow(id, kind, question),
        }
    }

    /// Rows of a kind in a month that a question wants, after making sure that all of them are known.
    pub(super) fn known<'a>(
        &'a self,
        id: &'a str,
        kind: &KindFact,
        question: &MeasureQuestion,
        month: Month,
        erp: RangeInclusive<Month>,
    ) -> Result<Vec<(&'a MeasureRow, Origin<'a>)>, Gap> {
        let fields = &question.fields;
        let own = |entry: &&Entered| entry.row.month == month && said(entry, fields);
        let entered: Vec<&Entered> = self.entries(id).filter(own).collect();
        if self.is_kept(id) {
            self.covered(month)?;
            self.occurs(id, kind, fields)?;
        } else if entered.is_empty() && self.entries(id).next().is_none() {
            return Err(missing("measure-without-source").with("kind", &kind.name));
        } else if entered.is_empty() {
            return Err(missing("measure-not-entered").with("kind", &kind.name).with("item", shown(fields)).with("month", month));
        }
        for item in self.expected.get(id).into_iter().flatten() {
            let like = MeasureRow { item: item.clone(), ..blank(id, month) };
            let asked = fields.iter().all(|(field, value)| *field != Field::Item || like.is(value));
            if asked && !self.entries(id).any(|entry| entry.row.month == month && entry.row.is(item)) {
                return Err(missing("measure-not-entered").with("kind", &kind.name).with("item", item).with("month", month));
            }
        }
        let theirs = self.rows.range(erp).flat_map(|(_, rows)| rows).filter(move |row| row.kind == id && wanted(row, fields));
        let mut rows: Vec<_> = theirs.map(|row| (row, Origin::Erp)).collect();
        rows.extend(entered.into_iter().map(|entry| (&entry.row, Origin::Entry(entry))));
        Ok(rows)
    }

    fn covered(&self, month: Month) -> Result<(), Gap> {
        let Some((first, last)) = self.coverage else { return Ok(()) };
        if month < first {
            return Err(Gap::new("before_first_period", "before-first-period").with("month", month).with("first", first));
        }
        if month > last {
            return Err(missing("month-not-read").with("month", month).with("last", last));
        }
        Ok(())
    }

    /// A value that never occurs is most likely misspelt, or the ERP does not say it.
    fn occurs(&self, id: &str, kind: &KindFact, fields: &[(Field, String)]) -> Result<(), Gap> {
        for field in fields {
            let one = std::slice::from_ref(field);
            let mut rows = self.rows.values().flatten().filter(|row| row.kind == id);
            let entered = self.entries(id).any(|entry| said(entry, one));
            if !entered && !rows.any(|row| wanted(row, one)) {
                let own = || self.rows.values().flatten().filter(|row| row.kind == id);
                // An ERP may tell services from goods, and goods that were made from none.
                let tells = |row: &MeasureRow| matches!(row.origin.as_deref(), Some("made" | "bought"));
                let untold = !own().any(tells) && !self.entries(id).any(|entry| tells(&entry.row));
                if field.0 == Field::Origin && untold {
                    let classes: BTreeSet<&str> = own().filter_map(|row| row.class.as_deref()).collect();
                    let classes =
                        if classes.is_empty() { "—".to_owned() } else { classes.into_iter().collect::<Vec<_>>().join("、") };
                    return Err(missing("measure-origin-untold").with("kind", &kind.name).with("classes", classes));
                }
                return Err(missing("measure-item-unknown").with("kind", &kind.name).with("item", shown(one)));
            }
        }
        Ok(())
    }

    fn flow<'a>(&'a self, id: &'a str, kind: &KindFact, question: &MeasureQuestion) -> Result<Vec<Counted<'a>>, Gap> {
        let mut counted = Vec::new();
        let known = |month| Ok((month, self.known(id, kind, question, month, month..=month)?));
        for (month, rows) in each(span(question.from, question.to), known)? {
            counted.extend(match question.aspect {
                Aspect::Value => self.valued(rows, month)?,
                Aspect::Coal => self.coal(rows, month)?,
                _ => self.plain(rows, kind, question, month)?,
            });
        }
        self.one_unit(&counted, question, kind)?;
        Ok(counted)
    }

    /// What is there at the end of the last month: changes in the ERP since the beginning, levels that people entered for that month, or the last
    /// ones that stand.
    fn at_hand<'a>(&'a self, id: &'a str, kind: &KindFact, question: &MeasureQuestion) -> Result<Vec<Counted<'a>>, Gap> {
        let rows = if kind.stands && !self.is_kept(id) {
            self.standing(id, kind, question)?
        } else {
            self.known(id, kind, question, question.to, Month::FIRST..=question.to)?
        };
        let counted = self.plain(rows, kind, question, question.to)?;
        self.one_unit(&counted, question, kind)?;
        Ok(counted)
    }

    /// The last entry of each item, use and part.
    fn standing<'a>(
        &'a self,
        id: &'a str,
        kind: &KindFact,
        question: &MeasureQuestion,
    ) -> Result<Vec<(&'a MeasureRow, Origin<'a>)>, Gap> {
        let mut newest: BTreeMap<_, Vec<&Entered>> = BTreeMap::new();
        let until = |entry: &&Entered| entry.row.month <= question.to && said(entry, &question.fields);
        for entry in self.entries(id).filter(until) {
            let known = newest.entry((&entry.row.item, &entry.purpose, &entry.composition)).or_default();
            let month = known.first().map(|known| known.row.month);
            if month.is_none_or(|month| month < entry.row.month) {
                known.clear();
            }
            if month.is_none_or(|month| month <= entry.row.month) {
                known.push(entry);
            }
        }
        if newest.is_empty() {
            let code = if self.entries(id).next().is_none() { "measure-without-source" } else { "measure-not-entered" };
            return Err(missing(code).with("kind", &kind.name).with("item", shown(&question.fields)).with("month", question.to));
        }
        Ok(newest.into_values().flatten().map(|entry| (&entry.row, Origin::Entry(entry))).collect())
    }

    /// Quantities in the unit that is wanted, or amounts.
    fn plain<'a>(
        &'a self,
        rows: Vec<(&'a MeasureRow, Origin<'a>)>,
        kind: &KindFact,
        question: &MeasureQuestion,
        month: Month,
    ) -> Result<Vec<Counted<'a>>, Gap> {
        let quantities = question.aspect == Aspect::Quantity;
        // An item that has rows and nothing of what is asked for: not zero, but not known.
        let mut has: BTreeMap<&str, bool> = BTreeMap::new();
        let mut counted = Vec::new();
        for (row, origin) in rows {
            let given = if quantities { row.quantity } else { row.amount };
            *has.entry(&row.item).or_default() |= given.is_some();
            let Some(given) = given else { continue };
            let amount = match (&question.unit, quantities) {
                (Some(unit), true) => self.converted(row, given, unit)?,
                _ => given,
            };
            let month = if kind.nature == Nature::Stock { row.month } else { month };
            counted.push(Counted { row, origin, month, amount, factor: None, price: None });
        }
        if let Some((item, _)) = has.iter().find(|(_, has)| !**has) {
            let code = if quantities { "measure-without-quantity" } else { "measure-without-amount" };
            return Err(missing(code).with("kind", &kind.name).with("item", item).with("month", month));
        }
        Ok(counted)
    }

    pub(super) fn converted(&self, row: &MeasureRow, quantity: Amount, unit: &str) -> Result<Amount, Gap> {
        let own = row.unit.as_deref().unwrap_or("—");
        self.energy
            .convert(quantity, own, unit)
            .ok_or_else(|| missing("measure-unit-unknown").with("item", &row.item).with("unit", own).with("wanted", unit))
    }

    /// Without a unit in the question, quantities of different units are never added.
    fn one_unit(&self, counted: &[Counted<'_>], question: &MeasureQuestion, kind: &KindFact) -> Result<(), Gap> {
        if question.aspect != Aspect::Quantity || question.unit.is_some() {
            return Ok(());
        }
        let mut units: Vec<&str> = counted.iter().map(|one| one.row.unit.as_deref().unwrap_or("—")).collect();
        units.sort_unstable();
        units.dedup();
        if units.len() > 1 {
            return Err(error("measure-units-mixed").with("kind", &kind.name).with("units", units.join(", ")));
        }
        Ok(())
    }

    /// Tonnes of standard coal. A measured coefficient is of its own quantity; what has none takes the month's measured average of its
    /// item, weighted by quantity, and where nothing was measured the coefficient of the data.
    fn coal<'a>(&'a self, rows: Vec<(&'a MeasureRow, Origin<'a>)>, month: Month) -> Result<Vec<Counted<'a>>, Gap> {
        let mut counted = Vec::new();
        for (row, origin) in rows {
            let quantity = row.quantity.ok_or_else(|| missing("measure-without-quantity").with("item", &row.item))?;
            let own = match origin {
                Origin::Entry(entry) => entry.coefficient,
                Origin::Erp => None,
            };
            let (quantity, factor) = match own {
                Some(own) => (quantity, own),
                None => self.coefficient(row, quantity, month)?,
            };
            let amount = quantity.checked_mul(factor).ok_or_else(too_large)?;
            counted.push(Counted { row, origin, month, amount, factor: Some(factor), price: None });
        }
        Ok(counted)
    }

    /// A quantity in the unit of its coefficient, and the coefficient.
    fn coefficient(&self, row: &MeasureRow, quantity: Amount, month: Month) -> Result<(Amount, Amount), Gap> {
        let unknown = || missing("energy-unknown").with("item", &row.item);
        let unit = row.unit.as_deref().ok_or_else(unknown)?;
        let fact = self.energy.kinds.get(&row.item).or_else(|| self.energy.kinds.get(row.item_name.as_ref()?));
        // The same goods are written in 吨, t and 千克: all are weighed in the unit of the data, or in the row's own where that says nothing.
        let brought = fact.and_then(|fact| Some((self.energy.convert(quantity, unit, &fact.unit)?, fact.unit.as_str())));
        let (quantity, wanted) = brought.unwrap_or((quantity, unit));
        let measured = self.entered.iter().filter(|entry| {
            let own = &entry.row;
            let coal = self.kinds.kinds.get(&own.kind).is_some_and(|kind| kind.coal && kind.nature == Nature::Flow);
            coal && own.month == month && own.item == row.item
        });
        let (mut weights, mut weighted) = (Amount::ZERO, Amount::ZERO);
        for entry in measured {
            let (Some(own), Some(coefficient), Some(written)) =
                (entry.row.quantity, entry.coefficient, entry.row.unit.as_deref())
            else {
                continue;
            };
            let Some(weight) = self.energy.convert(own, written, wanted) else { continue };
            weights = weights.checked_add(weight).ok_or_else(too_large)?;
            // The coefficient is of the unit that it was written with.
            let product = own.checked_mul(coefficient).ok_or_else(too_large)?;
            weighted = weighted.checked_add(product).ok_or_else(too_large)?;
        }
        if weights > Amount::ZERO {
            return Ok((quantity, weighted.checked_div(weights).ok_or_else(too_large)?));
        }
        let fact = fact.ok_or_else(unknown)?;
        if wanted != fact.unit {
            return Err(missing("measure-unit-unknown").with("item", &row.item).with("unit", unit).with("wanted", &fact.unit));
        }
        Ok((quantity, fact.coal))
    }
}

pub(super) fn blank(kind: &str, month: Month) -> MeasureRow {
    MeasureRow {
        month,
        kind: kind.to_owned(),
        item: String::new(),
        item_name: None,
        class: None,
        origin: None,
        unit: None,
        quantity: None,
        amount: None,
        document: String::new(),
        line: None,
        date: None,
    }
}

/// The values that a question is narrowed by, for a message.
pub(super) fn shown(fields: &[(Field, String)]) -> String {
    let values: Vec<&str> = fields.iter().map(|(_, value)| value.as_str()).collect();
    if values.is_empty() { "*".to_owned() } else { values.join(", ") }
}

pub(super) fn matches(row: &MeasureRow, fields: &[(Field, String)]) -> bool {
    wanted(row, fields)
}
