/*! The entry lines that answer a question. */

use std::{collections::HashSet, ops::ControlFlow, path::Path};

use formula::{Measure, Question, Side, What};
use model::Amount;

use crate::{DIMENSIONS, Entry, SealError, Sides, entries, figures::passes};

/// Gives each line of an entry file that adds to the answer, with the amount it adds: debit-positive for balances, net turnover and
/// movement, of its side for turnover. Vouchers in `left_out` are passed over.
pub(crate) fn walk(
    path: &Path,
    question: &Question,
    left_out: &HashSet<String>,
    mut take: impl FnMut(&Entry, Amount),
) -> Result<(), SealError> {
    let accounts: HashSet<&str> = question.accounts.iter().map(String::as_str).collect();
    let counter: HashSet<&str> = question.counter.iter().map(String::as_str).collect();
    let mut voucher: Vec<Entry> = Vec::new();
    let too_large = || SealError::Damaged { path: path.to_owned(), reason: "an amount is too large".to_owned() };
    let mut broken = false;
    let mut end = |lines: &mut Vec<Entry>| {
        let counts = lines.first().is_some_and(|line| !left_out.contains(line.voucher())) && crosses(lines, question, &counter);
        for line in lines.drain(..).filter(|_| counts) {
            match amount(&line, question, &accounts) {
                Some(Some(amount)) => take(&line, amount),
                Some(None) => {}
                None => broken = true,
            }
        }
    };
    entries::read(path, |entry| {
        if voucher.first().is_some_and(|first| first.voucher() != entry.voucher()) {
            end(&mut voucher);
        }
        voucher.push(entry);
        ControlFlow::Continue(())
    })?;
    end(&mut voucher);
    if broken { Err(too_large()) } else { Ok(()) }
}

fn money(line: &Entry) -> Sides {
    Sides { debit: line.debit(), credit: line.credit() }
}

pub(crate) fn on(sides: Sides, credit: bool) -> Amount {
    if credit { sides.credit } else { sides.debit }
}

/// Whether the other side of a voucher has an account of the counter; true for every other question.
fn crosses(lines: &[Entry], question: &Question, counter: &HashSet<&str>) -> bool {
    let credit = question.side == Some(Side::Credit);
    let has = |line: &Entry| counter.contains(line.account()) && !on(money(line), !credit).is_zero();
    question.what != What::Counter || lines.iter().any(has)
}

/// What a line adds: nothing where it is none of the question's, `None` past the range of an amount.
fn amount(line: &Entry, question: &Question, accounts: &HashSet<&str>) -> Option<Option<Amount>> {
    let dimensions: [Option<&str>; DIMENSIONS.len()] = DIMENSIONS.map(|name| line.text(name));
    if !accounts.contains(line.account()) || !question.filters.iter().all(|filter| passes(filter, &dimensions)) {
        return Some(None);
    }
    let value = |at: usize| line.amounts[at].unwrap_or(Amount::ZERO);
    let sides = match question.measure {
        Measure::Money => money(line),
        Measure::Foreign => Sides::of(value(2), line.debit(), line.credit())?,
        Measure::Quantity => Sides::of(value(3), line.debit(), line.credit())?,
    };
    let amount = added(question, sides)?;
    Some((!amount.is_zero()).then_some(amount))
}

/// What these sides of a question's measure add to its answer; `None` past the range of an amount.
pub(crate) fn added(question: &Question, sides: Sides) -> Option<Amount> {
    match question.what {
        What::Turnover | What::Counter => Some(on(sides, question.side == Some(Side::Credit))),
        _ => sides.debit.checked_sub(sides.credit),
    }
}
