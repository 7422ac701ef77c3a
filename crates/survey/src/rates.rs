//! A book in another currency: its figures in 元 by a table of rates.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, PoisonError},
};

use formula::{Figures, Gap, Measure, Part, Question, What};
use model::{Amount, Month};

use crate::document::RateUsed;

/// Rates of one currency: 元 for one unit of it.
#[derive(Debug, Default)]
pub struct Rates {
    months: BTreeMap<Month, Rate>,
    /// What figures asked for since [`Rates::used`] was last called, whether the table has it or not.
    asked: Mutex<BTreeSet<(Month, Which)>>,
}

/// Which rate of a month.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Which {
    Average,
    Closing,
}

/// Rates of a month.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// On its last day: for balances.
    pub closing: Amount,
    /// Average of its days: for turnover.
    pub average: Amount,
}

impl Rates {
    /// Adds a month; `false` where the table has it already.
    pub fn add(&mut self, month: Month, rate: Rate) -> bool {
        self.months.insert(month, rate).is_none()
    }

    /// Puts the rates that a draft was converted by in the place of those of the table.
    pub fn put(&mut self, used: &[RateUsed]) {
        for RateUsed { month, of, rate } in used {
            let (Ok(month), Some(rate)) = (month.parse(), rate.as_deref().and_then(|rate| rate.parse().ok())) else { continue };
            let known = self.months.entry(month).or_insert(Rate { closing: rate, average: rate });
            *if of == "closing" { &mut known.closing } else { &mut known.average } = rate;
        }
    }

    /// The rates that were asked for since the last call: what the figures in between stand on, in order of months.
    pub fn used(&self) -> Vec<RateUsed> {
        let asked = std::mem::take(&mut *self.asked.lock().unwrap_or_else(PoisonError::into_inner));
        let used = |(month, which)| RateUsed {
            month: Month::to_string(&month),
            of: if which == Which::Closing { "closing" } else { "average" }.to_owned(),
            rate: self.find(month, which).map(|rate| rate.to_string()),
        };
        asked.into_iter().map(used).collect()
    }

    /// Whether a rate that a figure stands on is another in this table.
    pub fn differs(&self, used: &RateUsed) -> bool {
        let which = if used.of == "closing" { Which::Closing } else { Which::Average };
        let now = used.month.parse().ok().and_then(|month| self.find(month, which));
        now != used.rate.as_deref().and_then(|rate| rate.parse().ok())
    }

    fn find(&self, month: Month, which: Which) -> Option<Amount> {
        self.months.get(&month).map(|rate| if which == Which::Closing { rate.closing } else { rate.average })
    }

    pub(crate) fn of(&self, month: Month, currency: &str, which: Which) -> Result<Amount, Gap> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).insert((month, which));
        let rate = self.find(month, which);
        rate.ok_or_else(|| Gap::new("no_rate", "rate-missing").with("currency", currency).with("month", month))
    }
}

/// Figures of a book in `currency`, converted: balances at the closing rate of their month, turnover month by month at the average rate.
pub struct Converted<'a> {
    /// The book's own figures.
    pub figures: &'a dyn Figures,
    /// Its currency.
    pub currency: &'a str,
    /// The table.
    pub rates: &'a Rates,
}

impl Figures for Converted<'_> {
    fn covers(&self, what: What, from: Month, to: Month) -> Result<(), Gap> {
        self.figures.covers(what, from, to)
    }

    fn ask(&self, question: &Question) -> Result<Vec<Part>, Gap> {
        if question.measure != Measure::Money {
            return self.figures.ask(question);
        }
        let multiplied = |mut parts: Vec<Part>, rate: Amount| {
            for part in &mut parts {
                let product = part.amount.checked_mul(rate);
                part.amount = product.ok_or_else(|| Gap::new("error", "amount-too-large").with("account", &part.account))?;
            }
            Ok(parts)
        };
        let at = match question.what {
            What::Closing => Some(question.to),
            What::Opening => question.from.plus(-1),
            _ => None,
        };
        if let Some(month) = at {
            // What the book itself cannot say is told before what the table cannot say.
            let parts = self.figures.ask(question)?;
            return multiplied(parts, self.rates.of(month, self.currency, Which::Closing)?);
        }
        self.figures.ask(question)?;
        let mut sums: BTreeMap<String, Amount> = BTreeMap::new();
        let mut month = Some(question.from);
        while let Some(now) = month.filter(|month| *month <= question.to) {
            let rate = self.rates.of(now, self.currency, Which::Average)?;
            let parts = self.figures.ask(&Question { from: now, to: now, ..question.clone() })?;
            for part in multiplied(parts, rate)? {
                let sum = sums.entry(part.account.clone()).or_default();
                let added = sum.checked_add(part.amount);
                *sum = added.ok_or_else(|| Gap::new("error", "amount-too-large").with("account", &part.account))?;
            }
            month = now.plus(1);
        }
        Ok(sums.into_iter().map(|(account, amount)| Part { account, amount }).collect())
    }
}
