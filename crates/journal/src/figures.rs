/*! Answers of a sealed book to the questions of formulas. */

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    fs::File,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use arrow_array::{Array, cast::AsArray, types::Decimal128Type};
use formula::{Figures, Filter, Gap, Measure, Name, Part, Question, Side, What};
use model::{Amount, Month, Period};
use parquet::arrow::{ProjectionMask, arrow_reader::ParquetRecordBatchReaderBuilder};

use crate::{Cell, DIMENSIONS, SealError, Sides, files};

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
            if !cells.is_empty() {
                first = first.or(Some(period.month));
                last = Some(period.month);
            }
            if moved.is_none() && cells.iter().any(|cell| is_profit_and_loss(&cell.account)) {
                moved = Some(period.month);
            }
        }
        let first: Month = first?;
        Some(Coverage {
            balances_from: first_period.unwrap_or(first).max(first),
            turnover_from: first_period.or(moved).unwrap_or(first).max(first),
            to: last?,
        })
    }
}

/// The sealed cells of a book, ready to be asked.
pub struct Book {
    coverage: Coverage,
    accounts: HashMap<Arc<str>, Vec<(Period, Cell)>>,
    entries: BTreeMap<Period, PathBuf>,
    /// Answers that had to be read from entry lines.
    read: Mutex<Vec<(bool, Question, Vec<Part>)>>,
}

impl Book {
    /// A book from its cubes in order of periods, and the entry files of those periods that have one.
    pub fn new(
        coverage: Coverage,
        cubes: impl IntoIterator<Item = (Period, Vec<Cell>)>,
        entries: BTreeMap<Period, PathBuf>,
    ) -> Book {
        let mut accounts: HashMap<Arc<str>, Vec<(Period, Cell)>> = HashMap::new();
        for (period, cells) in cubes {
            for cell in cells {
                accounts.entry(cell.account.clone()).or_default().push((period, cell));
            }
        }
        Book { coverage, accounts, entries, read: Mutex::new(Vec::new()) }
    }

    /// From when to when it can answer.
    pub fn coverage(&self) -> Coverage {
        self.coverage
    }

    /// Whether any line was ever booked on an account.
    pub fn is_used(&self, account: &str) -> bool {
        self.accounts.contains_key(account)
    }

    /// The book as a form sees it: monthly and quarterly forms leave `adjustments` out, annual ones take them in.
    pub fn seen(&self, adjustments: bool) -> Seen<'_> {
        Seen { book: self, adjustments }
    }
}

/// A book with or without adjustment periods.
#[derive(Clone, Copy)]
pub struct Seen<'a> {
    book: &'a Book,
    adjustments: bool,
}

impl Seen<'_> {
    fn covered(&self, question: &Question) -> Result<(), Gap> {
        let coverage = self.book.coverage;
        let (asked, known) = match question.what {
            What::Opening => (question.from, coverage.balances_from),
            What::Closing => (question.to, coverage.balances_from),
            _ => (question.from, coverage.turnover_from),
        };
        if asked < known {
            return Err(Gap::new("before_first_period", "before-first-period").with("month", asked).with("first", known));
        }
        let last = if question.what == What::Opening { question.from } else { question.to };
        if last > coverage.to {
            return Err(Gap::new("missing_source", "month-not-read").with("month", last).with("last", coverage.to));
        }
        Ok(())
    }

    fn holds(&self, period: Period, question: &Question) -> bool {
        let seen = !period.adjustment || self.adjustments;
        match question.what {
            // What was adjusted before a month is in its opening, whoever asks.
            What::Opening => period.month < question.from,
            What::Closing => period.month < question.to || period.month == question.to && seen,
            _ => (question.from..=question.to).contains(&period.month) && seen,
        }
    }

    fn part(&self, account: &str, question: &Question) -> Result<Option<Amount>, Gap> {
        let too_large = || Gap::new("error", "amount-too-large").with("account", account);
        let Some(cells) = self.book.accounts.get(account) else { return Ok(None) };
        let balance = matches!(question.what, What::Opening | What::Closing);
        let mut sum = None;
        // Balances by party, where only those on one side count.
        let mut details: BTreeMap<Option<&str>, Amount> = BTreeMap::new();
        for (period, cell) in cells.iter().filter(|(period, _)| self.holds(*period, question)) {
            let closing = cell.closing && (question.what == What::Movement || period.adjustment && !balance);
            if closing || !question.filters.iter().all(|filter| passes(filter, &cell.dimensions)) {
                continue;
            }
            let sides = match question.measure {
                Measure::Money => Sides { debit: cell.sums.debit, credit: cell.sums.credit },
                Measure::Foreign => cell.sums.foreign,
                Measure::Quantity => cell.sums.quantity,
            };
            let amount = match (question.what, question.side) {
                (What::Turnover, Some(Side::Credit)) => sides.credit,
                (What::Turnover, _) => sides.debit,
                _ => sides.debit.checked_sub(sides.credit).ok_or_else(too_large)?,
            };
            if question.detail.is_some() {
                let detail = details.entry(cell.dimensions[PARTY].as_deref()).or_default();
                *detail = detail.checked_add(amount).ok_or_else(too_large)?;
            } else {
                sum = Some(sum.unwrap_or(Amount::ZERO).checked_add(amount).ok_or_else(too_large)?);
            }
        }
        for amount in details.into_values() {
            let stands = if question.detail == Some(Side::Credit) { amount < Amount::ZERO } else { amount > Amount::ZERO };
            if stands {
                sum = Some(sum.unwrap_or(Amount::ZERO).checked_add(amount).ok_or_else(too_large)?);
            }
        }
        Ok(sum)
    }

    /// Turnover in vouchers whose other side has another account: read from entry lines, once for each question.
    fn counter(&self, question: &Question) -> Result<Vec<Part>, Gap> {
        let known = |read: &[(bool, Question, Vec<Part>)]| {
            let found = read.iter().find(|(adjustments, asked, _)| *adjustments == self.adjustments && asked == question);
            found.map(|(.., parts)| parts.clone())
        };
        let lock = || self.book.read.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(parts) = known(&lock()) {
            return Ok(parts);
        }
        let mut sums = BTreeMap::new();
        for period in self.book.accounts.values().flatten().map(|(period, _)| *period).collect::<HashSet<_>>() {
            if !self.holds(period, question) {
                continue;
            }
            let path = self.book.entries.get(&period);
            let path = path.ok_or_else(|| Gap::new("missing_source", "seal-without-entries").with("period", period))?;
            countered(path, question, &mut sums)?;
        }
        let parts: Vec<Part> = sums.into_iter().map(|(account, amount)| Part { account, amount }).collect();
        lock().push((self.adjustments, question.clone(), parts.clone()));
        Ok(parts)
    }
}

impl Figures for Seen<'_> {
    fn ask(&self, question: &Question) -> Result<Vec<Part>, Gap> {
        self.covered(question)?;
        if question.what == What::Counter {
            return self.counter(question);
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

/// Index of the party among [`DIMENSIONS`].
const PARTY: usize = 1;

/// Index of a filter's dimension among [`DIMENSIONS`]; none for any of them.
fn dimension(name: Name) -> Option<usize> {
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

/// One line of a voucher, as far as a counter question looks at it.
struct Line {
    account: String,
    money: Sides,
    sides: Sides,
    dimensions: [Option<String>; DIMENSIONS.len()],
}

fn countered(path: &Path, question: &Question, sums: &mut BTreeMap<String, Amount>) -> Result<(), Gap> {
    let failed = |error: SealError| Gap::new("error", "file-damaged").with("reason", error);
    let file = File::open(path).map_err(files::io(path)).map_err(failed)?;
    let builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(files::parquet(path)).map_err(failed)?;
    let measure = match question.measure {
        Measure::Money => None,
        Measure::Foreign => Some("foreign_amount"),
        Measure::Quantity => Some("quantity"),
    };
    let wanted = ["voucher", "account", "debit", "credit"].into_iter().chain(DIMENSIONS).chain(measure);
    let mask = ProjectionMask::columns(builder.parquet_schema(), wanted);
    let reader = builder.with_projection(mask).build().map_err(files::parquet(path)).map_err(failed)?;
    let (mut key, mut lines): (String, Vec<Line>) = (String::new(), Vec::new());
    for batch in reader {
        let batch = batch.map_err(files::damaged(path)).map_err(failed)?;
        let text = |name: &str| batch.column_by_name(name)?.as_string_opt::<i32>();
        let decimal = |name: &str| batch.column_by_name(name)?.as_primitive_opt::<Decimal128Type>();
        let columns = || {
            let dimensions: Option<Vec<_>> = DIMENSIONS.iter().map(|name| text(name)).collect();
            Some((text("voucher")?, text("account")?, decimal("debit")?, decimal("credit")?, dimensions?))
        };
        let Some((vouchers, accounts, debits, credits, dimensions)) = columns() else {
            return Err(failed(SealError::Damaged { path: path.to_owned(), reason: "a column is missing".to_owned() }));
        };
        for row in 0..batch.num_rows() {
            if vouchers.value(row) != key {
                voucher(&lines, question, sums)?;
                lines.clear();
                key = vouchers.value(row).to_owned();
            }
            let (debit, credit) = (Amount::from_units(debits.value(row)), Amount::from_units(credits.value(row)));
            let sides = match measure {
                None => Some(Sides { debit, credit }),
                Some(name) => {
                    let value = decimal(name).filter(|array| array.is_valid(row)).map_or(0, |array| array.value(row));
                    Sides::of(Amount::from_units(value), debit, credit)
                }
            };
            let sides = sides.ok_or_else(|| Gap::new("error", "amount-too-large").with("account", accounts.value(row)))?;
            let dimension = |at: usize| dimensions[at].is_valid(row).then(|| dimensions[at].value(row).to_owned());
            let dimensions = std::array::from_fn(dimension);
            let money = Sides { debit, credit };
            lines.push(Line { account: accounts.value(row).to_owned(), money, sides, dimensions });
        }
    }
    voucher(&lines, question, sums)
}

fn voucher(lines: &[Line], question: &Question, sums: &mut BTreeMap<String, Amount>) -> Result<(), Gap> {
    let credit = question.side == Some(Side::Credit);
    let on = |sides: &Sides, credit: bool| if credit { sides.credit } else { sides.debit };
    let across = lines.iter().any(|line| question.counter.contains(&line.account) && !on(&line.money, !credit).is_zero());
    if !across {
        return Ok(());
    }
    for line in lines {
        let passed = question.accounts.contains(&line.account)
            && question.filters.iter().all(|filter| passes(filter, &line.dimensions))
            && !on(&line.sides, credit).is_zero();
        if passed {
            let sum = sums.entry(line.account.clone()).or_default();
            let added = sum.checked_add(on(&line.sides, credit));
            *sum = added.ok_or_else(|| Gap::new("error", "amount-too-large").with("account", &line.account))?;
        }
    }
    Ok(())
}
