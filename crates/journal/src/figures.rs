/*! Answers of a sealed book to the questions of formulas. */

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    num::NonZero,
    panic::resume_unwind,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread::{available_parallelism, scope},
};

use ahash::{AHashMap, AHashSet};
use formula::{Figures, Filter, Gap, Measure, Name, Part, Question, Side, What};
use model::{Amount, Month, Period};

use crate::{
    Cell, DIMENSIONS, Digest, Entry, SealError, Sides, files, lines,
    rows::{Rows, Tally, Wanted},
};

/// From when to when a book can answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Coverage {
    /// First month whose closing balances are known.
    pub balances_from: Month,
    /// First month whose turnover is known: an opening that was booked as a voucher is no turnover.
    pub turnover_from: Month,
    /// Last month that was read.
    pub to: Month,
}

impl Coverage {
    /// Coverage of sealed periods: balances from the first period with entries on, turnover from the first month in which profit and
    /// loss moves. `first_period` is what the configuration says instead. `None` for a book without entries.
    pub fn of<'a>(
        cubes: impl Iterator<Item = (Period, &'a [Cell])>,
        is_profit_and_loss: impl Fn(&str) -> bool,
        first_period: Option<Month>,
    ) -> Option<Coverage> {
        let (mut first, mut moved, mut last) = (None, None, None);
        for (period, cells) in cubes {
            // A month without entries was read all the same.
            last = Some(period.month);
            if !cells.is_empty() {
                first = first.or(Some(period.month));
            }
            if moved.is_none() && cells.iter().any(|cell| is_profit_and_loss(&cell.account)) {
                moved = Some(period.month);
            }
        }
        let first: Month = first?;
        Some(Coverage {
            // A first period before the first entry says that the book is whole from then on: an enterprise founded in June has a January.
            balances_from: first_period.unwrap_or(first),
            turnover_from: first_period.or(moved).unwrap_or(first),
            to: last?,
        })
    }
}

/// An entry file as it was sealed. It is looked at before it is first read, and not while nobody asks for its lines.
pub struct Evidence {
    path: PathBuf,
    digest: Digest,
    sound: OnceLock<()>,
}

impl Evidence {
    /// The file at `path`, whose bytes have this digest.
    pub fn new(path: PathBuf, digest: Digest) -> Evidence {
        Evidence { path, digest, sound: OnceLock::new() }
    }

    /// Its path, once its bytes are those that were sealed.
    pub fn path(&self) -> Result<&Path, SealError> {
        if self.sound.get().is_none() {
            files::sound(&self.path, self.digest)?;
            let _ = self.sound.set(());
        }
        Ok(&self.path)
    }
}

/// What turned over on one account: its cells in the order of their periods, each with the number of its party among the account's parties.
#[derive(Default)]
struct Turnover {
    cells: Vec<(Period, Cell, usize)>,
    parties: usize,
}

/// The sealed cells of a book, ready to be asked.
pub struct Book {
    coverage: Coverage,
    accounts: HashMap<Arc<str>, Turnover>,
    periods: BTreeSet<Period>,
    pub(crate) entries: BTreeMap<Period, Vec<Evidence>>,
    /// Whether any line has foreign currency, and whether any has a quantity.
    kept: [bool; 2],
    /// Values that occur in each dimension.
    values: [AHashSet<Arc<str>>; DIMENSIONS.len()],
    /// Answers that had to be read from entry lines.
    read: Mutex<Vec<(bool, Question, ByPeriod)>>,
}

impl Book {
    /// A book from its cubes in order of periods, and the entry files of those periods that have one.
    pub fn new(
        coverage: Coverage,
        cubes: impl IntoIterator<Item = (Period, Vec<Cell>)>,
        entries: BTreeMap<Period, Vec<Evidence>>,
    ) -> Book {
        let mut accounts: HashMap<Arc<str>, Turnover> = HashMap::new();
        let mut parties: HashMap<Arc<str>, AHashMap<Option<Arc<str>>, usize>> = HashMap::new();
        let mut periods = BTreeSet::new();
        let mut kept = [false; 2];
        let mut values: [AHashSet<Arc<str>>; DIMENSIONS.len()] = Default::default();
        for (period, cells) in cubes {
            periods.insert(period);
            for cell in cells {
                kept[0] |= cell.sums.foreign != Sides::default();
                kept[1] |= cell.sums.quantity != Sides::default();
                for (known, value) in values.iter_mut().zip(&cell.dimensions) {
                    if let Some(value) = value.as_ref().filter(|value| !known.contains(*value)) {
                        known.insert(value.clone());
                    }
                }
                let numbers = parties.entry(cell.account.clone()).or_default();
                let next = numbers.len();
                let party = *numbers.entry(cell.dimensions[PARTY].clone()).or_insert(next);
                let turnover = accounts.entry(cell.account.clone()).or_default();
                turnover.parties = numbers.len();
                turnover.cells.push((period, cell, party));
            }
        }
        Book { coverage, accounts, periods, entries, kept, values, read: Mutex::new(Vec::new()) }
    }

    /// From when to when it can answer.
    pub fn coverage(&self) -> Coverage {
        self.coverage
    }

    /// The entry files of a sealed period; none where only balances are kept.
    pub fn evidence(&self, period: Period) -> &[Evidence] {
        self.entries.get(&period).map_or(&[], Vec::as_slice)
    }

    /// Whether any line was ever booked on an account.
    pub fn is_used(&self, account: &str) -> bool {
        self.accounts.contains_key(account)
    }

    /// How many cells an answer about these accounts looks at.
    pub fn cells_of<'a>(&self, accounts: impl IntoIterator<Item = &'a String>) -> usize {
        accounts.into_iter().filter_map(|account| self.accounts.get(account.as_str())).map(|of| of.cells.len()).sum()
    }

    /// Whether any line was booked on an account up to a month.
    pub fn is_used_by(&self, account: &str, month: Month) -> bool {
        self.accounts.get(account).is_some_and(|of| of.cells.first().is_some_and(|(period, ..)| period.month <= month))
    }

    /// Whether an account has turnover in a period; its cells stand in the order of the periods.
    pub(crate) fn turns_over(&self, account: &str, period: Period) -> bool {
        self.accounts.get(account).is_some_and(|of| of.cells.binary_search_by_key(&period, |(at, ..)| *at).is_ok())
    }

    /// The book as a form sees it: monthly and quarterly forms leave `adjustments` out, annual ones take them in.
    pub fn seen(&self, adjustments: bool) -> Seen<'_> {
        Seen { book: self, adjustments }
    }
}

/// A book with or without adjustment periods.
#[derive(Clone, Copy)]
pub struct Seen<'a> {
    pub(crate) book: &'a Book,
    adjustments: bool,
}

impl Seen<'_> {
    pub(crate) fn covered(&self, what: What, from: Month, to: Month) -> Result<(), Gap> {
        let coverage = self.book.coverage;
        let (asked, known) = match what {
            What::Opening => (from, coverage.balances_from),
            What::Closing => (to, coverage.balances_from),
            _ => (from, coverage.turnover_from),
        };
        if asked < known {
            return Err(Gap::new("before_first_period", "before-first-period").with("month", asked).with("first", known));
        }
        let last = if what == What::Opening { from } else { to };
        if last > coverage.to {
            return Err(Gap::new("not_read", "month-not-read").with("month", last).with("last", coverage.to));
        }
        Ok(())
    }

    /// What a book does not keep at all is missing and not zero: quantities, or a value of a dimension that no line ever had.
    pub(crate) fn kept(&self, question: &Question) -> Result<(), Gap> {
        let kept = match question.measure {
            Measure::Money => true,
            Measure::Foreign => self.book.kept[0],
            Measure::Quantity => self.book.kept[1],
        };
        if !kept {
            let measure = if question.measure == Measure::Foreign { "foreign_amount" } else { "quantity" };
            return Err(Gap::new("missing_source", "measure-not-kept").with("measure", measure));
        }
        for filter in &question.filters {
            let means = |at: usize| {
                self.book.values[at].iter().any(|value| {
                    let mut dimensions = [const { None }; DIMENSIONS.len()];
                    dimensions[at] = Some(&**value);
                    passes(filter, &dimensions)
                })
            };
            if !(0..DIMENSIONS.len()).any(means) {
                return Err(Gap::new("missing_source", "dimension-value-unknown").with("value", &filter.value));
            }
        }
        Ok(())
    }

    pub(crate) fn holds(&self, period: Period, question: &Question) -> bool {
        let seen = !period.adjustment || self.adjustments;
        match question.what {
            // What was adjusted before a month is in its opening, whoever asks.
            What::Opening => period.month < question.from,
            What::Closing => period.month < question.to || period.month == question.to && seen,
            _ => (question.from..=question.to).contains(&period.month) && seen,
        }
    }

    /// Whether closing vouchers of a period do not count: profit and loss is asked for without them, and an adjustment period is taken in
    /// without them. What was closed in earlier years is closed.
    pub(crate) fn leaves_closing_out(&self, period: Period, question: &Question) -> bool {
        match question.what {
            What::Movement => true,
            // Who asks what a voucher has on its other side may be asking about closings.
            What::Opening | What::Counter => false,
            // An ERP may close accounts that the standard has on the balance sheet (制造费用): the year's report is of before.
            What::Closing => period.adjustment && period.month == question.to,
            _ => period.adjustment,
        }
    }

    /// The cells of an account that an answer adds up, the oldest period first, each with what it adds: `None` past the range of an amount.
    pub(crate) fn adding<'s>(
        &'s self,
        account: &str,
        question: &'s Question,
    ) -> impl Iterator<Item = (Period, &'s Cell, Option<Amount>)> + 's {
        self.adding_of(self.book.accounts.get(account), question).map(|(period, cell, _, amount)| (period, cell, amount))
    }

    /// The same with the number of each cell's party.
    fn adding_of<'s>(
        &'s self,
        turnover: Option<&'s Turnover>,
        question: &'s Question,
    ) -> impl Iterator<Item = (Period, &'s Cell, usize, Option<Amount>)> + 's {
        let cells = turnover.map_or(&[][..], |of| of.cells.as_slice());
        // Months that no answer looks at are not walked: a book may have ten years.
        let first = match question.what {
            What::Opening | What::Closing => 0,
            _ => cells.partition_point(|(period, ..)| period.month < question.from),
        };
        let last = if question.what == What::Opening { question.from } else { question.to };
        let cells = cells[first..].iter().take_while(move |(period, ..)| period.month <= last);
        cells.filter_map(|(period, cell, party)| {
            let counts = self.holds(*period, question)
                && !(cell.closing && self.leaves_closing_out(*period, question))
                && question.filters.iter().all(|filter| passes(filter, &cell.dimensions));
            let sides = match question.measure {
                Measure::Money => Sides { debit: cell.sums.debit, credit: cell.sums.credit },
                Measure::Foreign => cell.sums.foreign,
                Measure::Quantity => cell.sums.quantity,
            };
            counts.then(|| (*period, cell, *party, lines::added(question, sides)))
        })
    }

    pub(crate) fn part(&self, account: &str, question: &Question) -> Result<Option<Amount>, Gap> {
        let too_large = || too_large(account);
        let mut sum = None;
        let turnover = self.book.accounts.get(account);
        // Balances by party, where only those on one side count.
        let parties = turnover.filter(|_| question.detail.is_some()).map_or(0, |of| of.parties);
        let mut details = vec![Amount::ZERO; parties];
        for (_, _, party, amount) in self.adding_of(turnover, question) {
            let amount = amount.ok_or_else(too_large)?;
            match details.get_mut(party).filter(|_| question.detail.is_some()) {
                Some(detail) => *detail = detail.checked_add(amount).ok_or_else(too_large)?,
                None => sum = Some(sum.unwrap_or(Amount::ZERO).checked_add(amount).ok_or_else(too_large)?),
            }
        }
        for amount in details.into_iter().filter(|amount| stands(*amount, question.detail)) {
            sum = Some(sum.unwrap_or(Amount::ZERO).checked_add(amount).ok_or_else(too_large)?);
        }
        Ok(sum)
    }

    /// Turnover in vouchers whose other side has another account, by account and period: read from entry lines, once for each question.
    pub(crate) fn counter(&self, question: &Question) -> Result<ByPeriod, Gap> {
        let known = |read: &[(bool, Question, ByPeriod)]| {
            let found = read.iter().find(|(adjustments, asked, _)| *adjustments == self.adjustments && asked == question);
            found.map(|(.., sums)| sums.clone())
        };
        let lock = || self.book.read.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sums) = known(&lock()) {
            return Ok(sums);
        }
        let periods: Vec<Period> = self.book.periods.iter().copied().filter(|period| self.holds(*period, question)).collect();
        if let Some(period) = periods.iter().find(|period| !self.book.entries.contains_key(period)) {
            return Err(Gap::new("missing_source", "seal-without-entries").with("period", period));
        }
        // A form waits for this: the files are read side by side.
        let next = AtomicUsize::new(0);
        let work = || {
            let mut read = Vec::new();
            while let Some(period) = periods.get(next.fetch_add(1, Ordering::Relaxed)) {
                read.push((*period, self.crossing(question, *period)));
            }
            read
        };
        let threads = available_parallelism().map_or(1, NonZero::get).min(THREADS).min(periods.len());
        let mut read: BTreeMap<Period, _> = scope(|scope| {
            let others: Vec<_> = (1..threads).map(|_| scope.spawn(work)).collect();
            let mut read = work();
            for other in others {
                read.extend(other.join().unwrap_or_else(|panic| resume_unwind(panic)));
            }
            read.into_iter().collect()
        });
        let mut sums = ByPeriod::new();
        while let Some((period, found)) = read.pop_last() {
            for (account, sum) in found? {
                sums.entry(account).or_default().push((period, sum));
            }
        }
        lock().push((self.adjustments, question.clone(), sums.clone()));
        Ok(sums)
    }

    /// What the accounts of a counter question have in one period.
    fn crossing(&self, question: &Question, period: Period) -> Result<Vec<(String, Amount)>, Gap> {
        let mut tallies = self.tallies(question, period, |_| (0, 0));
        // Where the other side has nothing, no voucher crosses.
        let crosses = question.counter.iter().any(|account| self.book.turns_over(account, period));
        for evidence in self.book.evidence(period).iter().filter(|_| crosses) {
            let damaged =
                |error: SealError| Gap::new("error", "file-damaged").with("path", evidence.path.display()).with("reason", error);
            let rows = Rows::open(evidence.path().map_err(damaged)?).map_err(damaged)?;
            rows.tally(&Wanted { question, left_out: &HashSet::new(), standing: None }, &mut tallies).map_err(damaged)?;
        }
        let sum = |(account, tally): (String, Tally)| {
            let sum = tally.sum.ok_or_else(|| too_large(&account))?;
            Ok((account, sum))
        };
        tallies.into_iter().filter(|(_, tally)| tally.count > 0).map(sum).collect()
    }
}

impl Seen<'_> {
    /// The sealed lines that an answer is made of, the newest period first: their amounts add up to the answer's parts. `closing` names
    /// the closing vouchers of each period. What was sealed without lines comes as one amount for each account.
    pub fn lines(
        &self,
        question: &Question,
        closing: &BTreeMap<Period, HashSet<String>>,
        mut take: impl FnMut(Period, Sealed<'_>),
    ) -> Result<(), SealError> {
        let standing = self.standing(question);
        let none = HashSet::new();
        for period in self.book.periods.iter().rev().filter(|period| self.holds(**period, question)) {
            let closing = closing.get(period).unwrap_or(&none);
            let left_out = if self.leaves_closing_out(*period, question) { closing } else { &none };
            let counts = |account: &str, party: Option<&str>| counts(standing.as_ref(), account, party);
            if let Some(paths) = self.book.entries.get(period) {
                for evidence in paths {
                    lines::walk(evidence.path()?, question, left_out, |entry, amount| {
                        if counts(entry.account(), entry.text("party")) {
                            take(*period, Sealed::Entry(entry, amount));
                        }
                    })?;
                }
                continue;
            }
            for account in &question.accounts {
                if let Some(amount) = self.opening(account, *period, question, standing.as_ref()) {
                    take(*period, Sealed::Opening(account, amount));
                }
            }
        }
        Ok(())
    }

    /// What an account adds in a period that was sealed without lines.
    pub(crate) fn opening(
        &self,
        account: &str,
        period: Period,
        question: &Question,
        standing: Option<&Standing<'_>>,
    ) -> Option<Amount> {
        let mut carried = None;
        for (_, cell, amount) in self.adding(account, question).filter(|(at, ..)| *at == period) {
            if let Some(amount) = amount.filter(|_| counts(standing, account, cell.dimensions[PARTY].as_deref())) {
                carried = carried.unwrap_or(Amount::ZERO).checked_add(amount);
            }
        }
        carried
    }

    /// The parties of each account whose balances stand on the side a question asks for; `None` where it asks for both.
    pub(crate) fn standing<'s>(&'s self, question: &'s Question) -> Option<Standing<'s>> {
        question.detail?;
        let of = |account: &'s String| {
            let mut details: BTreeMap<Option<&str>, Amount> = BTreeMap::new();
            for (_, cell, amount) in self.adding(account, question) {
                let detail = details.entry(cell.dimensions[PARTY].as_deref()).or_default();
                *detail = amount.and_then(|amount| detail.checked_add(amount)).unwrap_or(*detail);
            }
            details.retain(|_, amount| stands(*amount, question.detail));
            (account.as_str(), details.into_keys().collect())
        };
        Some(question.accounts.iter().map(of).collect())
    }
}

/// What each sealed period gives to each account's part of an answer, the newest period first.
pub type ByPeriod = BTreeMap<String, Vec<(Period, Amount)>>;

/// By account: the parties that count, `None` being what has no party.
pub(crate) type Standing<'s> = HashMap<&'s str, HashSet<Option<&'s str>>>;

/// Whether what an account has with a party counts.
pub(crate) fn counts(standing: Option<&Standing<'_>>, account: &str, party: Option<&str>) -> bool {
    standing.is_none_or(|standing| standing.get(account).is_some_and(|parties| parties.contains(&party)))
}

/// Whether the balance of an account with a party counts where only one side is asked for.
fn stands(balance: Amount, detail: Option<Side>) -> bool {
    if detail == Some(Side::Credit) { balance < Amount::ZERO } else { balance > Amount::ZERO }
}

pub(crate) fn too_large(account: &str) -> Gap {
    Gap::new("error", "amount-too-large").with("account", account)
}

/// A sealed line of an answer, with the amount it adds.
pub enum Sealed<'e> {
    /// A line.
    Entry(&'e Entry, Amount),
    /// What an account carries from periods that were sealed without lines.
    Opening(&'e str, Amount),
}

impl Figures for Seen<'_> {
    fn covers(&self, what: What, from: Month, to: Month) -> Result<(), Gap> {
        self.covered(what, from, to)
    }

    fn ask(&self, question: &Question) -> Result<Vec<Part>, Gap> {
        self.covered(question.what, question.from, question.to)?;
        self.kept(question)?;
        if question.what == What::Counter {
            let sum = |(account, periods): (String, Vec<(Period, Amount)>)| {
                let sum = periods.iter().try_fold(Amount::ZERO, |sum, (_, amount)| sum.checked_add(*amount));
                let amount = sum.ok_or_else(|| too_large(&account))?;
                Ok(Part { account, amount })
            };
            return self.counter(question)?.into_iter().map(sum).collect();
        }
        let mut parts = Vec::new();
        for account in &question.accounts {
            if let Some(amount) = self.part(account, question)? {
                parts.push(Part { account: account.clone(), amount });
            }
        }
        Ok(parts)
    }
}

/// Entry files that are read side by side.
const THREADS: usize = 4;

/// Index of the party among [`DIMENSIONS`].
pub(crate) const PARTY: usize = 1;

/// Index of a filter's dimension among [`DIMENSIONS`]; none for any of them.
pub(crate) fn dimension(name: Name) -> Option<usize> {
    match name {
        Name::Any => None,
        Name::Currency => Some(0),
        Name::Party => Some(PARTY),
        Name::Product => Some(2),
        Name::Department => Some(3),
        Name::Project => Some(4),
        Name::Person => Some(5),
    }
}

/// Whether a line with these dimensions passes. `name #code` is meant by all of it, by the name, and by the code.
pub fn passes<T: AsRef<str>>(filter: &Filter, dimensions: &[Option<T>; DIMENSIONS.len()]) -> bool {
    let means = |value: &Option<T>| {
        value.as_ref().map(AsRef::as_ref).is_some_and(|text| {
            text == filter.value
                || text.rsplit_once(" #").is_some_and(|(name, code)| name == filter.value || code == filter.value)
        })
    };
    match dimension(filter.name) {
        Some(at) => means(&dimensions[at]),
        None => dimensions.iter().any(means),
    }
}
