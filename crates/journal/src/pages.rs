/*! From an answer down to its lines without reading every file: what each period gives, and the lines of one account in one period. */

use std::collections::{BTreeMap, BTreeSet, HashSet};

use formula::{Gap, Question, What};
use model::{Amount, Period};

use crate::{
    Entry, SealError, Seen,
    figures::{ByPeriod, PARTY, counts, too_large},
    rows::{Ranked, Rows, Tally, Wanted},
};

/// A voucher with what its lines of one account add to an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Added {
    /// The first of these lines.
    pub first: Entry,
    /// What they add together, with the signs of [`formula::Part`].
    pub amount: Amount,
    /// How many they are.
    pub lines: u64,
}

/// Lines of one account in one period that add to an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// Those that were asked for, in the order in which they were sealed, each with what it adds.
    pub lines: Vec<(Entry, Amount)>,
    /// How many lines add to the answer.
    pub count: u64,
    /// What the period adds to it, with the signs of [`formula::Part`].
    pub sum: Amount,
    /// What the account carries where the period was sealed without lines: then it is the sum, and there are no lines to show.
    pub opening: Option<Amount>,
}

impl Seen<'_> {
    /// What each sealed period gives to each account's part of an answer, the newest period first: the sums are the parts of
    /// [`formula::Figures::ask`]. No entry file is read, except for a counter question, and for that only once. A period is named where the
    /// account has turnover that the question is about, even if it comes to nothing. `closing` is what [`Seen::page`] wants of each period:
    /// the cubes know their closing turnover themselves.
    pub fn by_period(&self, question: &Question, _closing: &BTreeMap<Period, HashSet<String>>) -> Result<ByPeriod, Gap> {
        self.covered(question.what, question.from, question.to)?;
        self.kept(question)?;
        if question.what == What::Counter {
            return self.counter(question);
        }
        let standing = self.standing(question);
        let mut parts = ByPeriod::new();
        for account in &question.accounts {
            // What stands is told from sums that must fit.
            if self.part(account, question)?.is_none() {
                continue;
            }
            let mut periods: BTreeMap<Period, Amount> = BTreeMap::new();
            for (period, cell, amount) in self.adding(account, question) {
                if counts(standing.as_ref(), account, cell.dimensions[PARTY].as_deref()) {
                    let sum = periods.entry(period).or_default();
                    let added = amount.and_then(|amount| sum.checked_add(amount));
                    *sum = added.ok_or_else(|| too_large(account))?;
                }
            }
            parts.insert(account.clone(), periods.into_iter().rev().collect());
        }
        Ok(parts)
    }

    /// The lines of one account in one period that add to an answer: `most` of them after the first `skip`, and all of them counted and
    /// added. `closing` names the closing vouchers of the period.
    pub fn page(
        &self,
        question: &Question,
        account: &str,
        period: Period,
        closing: &HashSet<String>,
        skip: usize,
        most: usize,
    ) -> Result<Page, SealError> {
        let accounts = question.accounts.iter().filter(|own| *own == account).take(1).cloned().collect();
        let question = Question { accounts, ..question.clone() };
        let mut pages = self.pages(&question, period, closing, |_| (skip, most))?;
        Ok(pages.remove(account).unwrap_or(Page { lines: Vec::new(), count: 0, sum: Amount::ZERO, opening: None }))
    }

    /// The same for all accounts of a question in one reading; `window` says how many lines of an account to skip and to give. Accounts
    /// that add nothing are absent.
    pub fn pages(
        &self,
        question: &Question,
        period: Period,
        closing: &HashSet<String>,
        window: impl FnMut(&str) -> (usize, usize),
    ) -> Result<BTreeMap<String, Page>, SealError> {
        let mut pages = BTreeMap::new();
        if !self.holds(period, question) {
            return Ok(pages);
        }
        let standing = self.standing(question);
        let standing = standing.as_ref();
        let Some(files) = self.book.entries.get(&period) else {
            for account in &question.accounts {
                if let Some(sum) = self.opening(account, period, question, standing) {
                    pages.insert(account.clone(), Page { lines: Vec::new(), count: 0, sum, opening: Some(sum) });
                }
            }
            return Ok(pages);
        };
        let none = HashSet::new();
        let left_out = if self.leaves_closing_out(period, question) { closing } else { &none };
        let mut tallies = self.tallies(question, period, window);
        let mut lines: BTreeMap<String, Vec<(Entry, Amount)>> = BTreeMap::new();
        for evidence in files {
            let file = Rows::open(evidence.path()?)?;
            file.tally(&Wanted { question, left_out, standing }, &mut tallies)?;
            // Lines of all accounts in one reading.
            let mut rows: Vec<(u64, Amount, &str)> = Vec::new();
            for (account, tally) in &mut tallies {
                rows.extend(tally.rows.drain(..).map(|(row, amount)| (row, amount, account.as_str())));
            }
            rows.sort_unstable_by_key(|(row, ..)| *row);
            let wanted: Vec<u64> = rows.iter().map(|(row, ..)| *row).collect();
            for (entry, (_, amount, account)) in file.lines(&wanted)?.into_iter().zip(rows) {
                lines.entry(account.to_owned()).or_default().push((entry, amount));
            }
        }
        for (account, tally) in tallies.into_iter().filter(|(_, tally)| tally.count > 0) {
            let sum = tally.sum.ok_or_else(|| SealError::TooLarge { account: account.clone(), period })?;
            let lines = lines.remove(&account).unwrap_or_default();
            pages.insert(account, Page { lines, count: tally.count, sum, opening: None });
        }
        Ok(pages)
    }

    /// The vouchers of a period that add most to what each account of a question gives, `most` of each, whichever sign they have, the largest
    /// first; and how many vouchers there are. Where a period was sealed without lines there are none.
    pub fn largest(
        &self,
        question: &Question,
        period: Period,
        closing: &HashSet<String>,
        most: usize,
    ) -> Result<BTreeMap<String, (Vec<Added>, u64)>, SealError> {
        let (standing, none) = (self.standing(question), HashSet::new());
        let left_out = if self.leaves_closing_out(period, question) { closing } else { &none };
        let mut found = BTreeMap::new();
        let Some(files) = self.book.entries.get(&period).filter(|_| self.holds(period, question)) else { return Ok(found) };
        let accounts = question.accounts.iter().filter(|account| self.book.turns_over(account, period));
        let mut ranked: BTreeMap<String, Ranked> = accounts.map(|account| (account.clone(), Ranked::new(most))).collect();
        let mut opened = Vec::new();
        for (at, evidence) in files.iter().enumerate() {
            let file = Rows::open(evidence.path()?)?;
            file.rank(&Wanted { question, left_out, standing: standing.as_ref() }, at, &mut ranked)?;
            opened.push(file);
        }
        let mut wanted: Vec<BTreeSet<u64>> = vec![BTreeSet::new(); opened.len()];
        for (_, at, row, ..) in ranked.values().flat_map(|ranked| &ranked.largest) {
            wanted[*at].insert(*row);
        }
        let mut lines: BTreeMap<(usize, u64), Entry> = BTreeMap::new();
        for (at, (file, rows)) in opened.iter().zip(&wanted).enumerate() {
            let rows: Vec<u64> = rows.iter().copied().collect();
            lines.extend(rows.iter().map(|row| (at, *row)).zip(file.lines(&rows)?));
        }
        for (account, ranked) in ranked {
            if ranked.broken {
                return Err(SealError::TooLarge { account, period });
            }
            let added = ranked.largest.iter().filter_map(|(_, at, row, amount, count)| {
                let first = lines.get(&(*at, *row)).cloned()?;
                Some(Added { first, amount: *amount, lines: *count })
            });
            found.insert(account, (added.collect(), ranked.count));
        }
        Ok(found)
    }

    /// A tally for each account of a question that has turnover in a period.
    pub(crate) fn tallies(
        &self,
        question: &Question,
        period: Period,
        mut window: impl FnMut(&str) -> (usize, usize),
    ) -> BTreeMap<String, Tally> {
        let accounts = question.accounts.iter().filter(|account| self.book.turns_over(account, period));
        let tally = |account: &String| {
            let (skip, most) = window(account);
            (account.clone(), Tally::new(skip, most))
        };
        accounts.map(tally).collect()
    }
}
