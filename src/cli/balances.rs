/*! `taizhang balances`: the trial balance as the ERP's own, from sealed evidence. */

use std::collections::HashMap;

use model::{Amount, Finding, Period};

use super::Ctx;
use crate::{
    books::{self, Grain, SealedBook},
    output::Table,
    pull,
    report::Failure,
};

/// Writes the trial balance; pulls first where the period is not sealed yet.
pub fn run(ctx: &Ctx, book: Option<&str>, period: Period, without_closing: bool) -> Result<Vec<Finding>, Failure> {
    let (agent, mut store) = ctx.open()?;
    let book = agent.book(book)?;
    let (sealed, mut findings) = pull::sealed(&agent, &mut store, book, period, Grain::Accounts)?;
    let place = format!("book {}, {period}", book.id);
    findings.extend(beside(&sealed, period, &place));
    let balances = sealed.balances().map_err(|finding| Failure::findings(vec![finding]))?;
    let refused = |error| Failure::findings(vec![books::balance_finding(&error)]);
    let whole = if without_closing { balances.trial(period, false).map_err(refused)? } else { Vec::new() };
    let trial = balances.trial(period, without_closing).map_err(refused)?;
    let debits = |rows: &[journal::Row]| rows.iter().try_fold(Amount::ZERO, |sum, row| sum.checked_add(row.debit));
    let left_out = debits(&whole).zip(debits(&trial)).and_then(|(whole, shown)| whole.checked_sub(shown));
    let names: HashMap<&str, &str> =
        sealed.context.accounts.iter().map(|account| (account.account.as_str(), account.name.as_str())).collect();
    let undistributed = crate::output::label(ctx.lang, "undistributed");
    let row = |row: journal::Row| {
        let name = match row.account.as_str() {
            journal::UNDISTRIBUTED => &undistributed,
            account => names.get(account).copied().unwrap_or_default(),
        };
        let [opening, debit, credit, closing] = [row.opening, row.debit, row.credit, row.closing].map(|amount| amount.fixed(2));
        vec![row.account.clone(), name.to_owned(), opening, debit, credit, closing]
    };
    let columns = ["account", "name", "opening", "debit", "credit", "closing"];
    let numbers = ["opening", "debit", "credit", "closing"];
    Table { columns: &columns, numbers: &numbers, rows: trial.into_iter().map(row).collect() }.write(ctx.format, ctx.lang)?;
    if without_closing {
        if let Some(amount) = left_out.filter(|amount| !amount.is_zero()) {
            findings.push(Finding::note("turnover-without-closing").at(&place).with("amount", amount.fixed(2)));
        }
        let seal = sealed.seal(period);
        let left_out = seal.map(books::left_out).unwrap_or_default();
        findings.extend(seal.into_iter().flat_map(|seal| books::doubts(&book.id, [seal], period.month, true)));
        findings.extend(
            left_out
                .into_iter()
                .map(|[key, number]| Finding::note("closing-left-out").at(&place).with("number", number).with("voucher", key)),
        );
    }
    Ok(findings)
}

/// What a person must know of a period that the book does not have.
fn beside(sealed: &SealedBook, period: Period, place: &str) -> Option<Finding> {
    let entries = |period: &&Period| sealed.cubes.get(*period).is_some_and(|cells| !cells.is_empty());
    let (first, last) = (sealed.cubes.keys().find(entries)?, sealed.cubes.keys().next_back()?);
    if period < *first {
        return Some(Finding::warning("before-books").at(place).with("first", first));
    }
    if period.month > last.month {
        return Some(Finding::warning("period-beyond").at(place).with("last", last));
    }
    let none = period.adjustment && !sealed.cubes.contains_key(&period);
    none.then(|| Finding::warning("adjustment-none").at(place).with("month", period.month))
}
