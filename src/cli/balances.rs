/*! `taizhang balances`: the trial balance as the ERP's own, from sealed evidence. */

use std::collections::HashMap;

use model::{Finding, Period};

use super::Ctx;
use crate::{books::Grain, output::Table, pull, report::Failure};

/// Writes the trial balance; pulls first where the period is not sealed yet.
pub fn run(ctx: &Ctx, book: Option<&str>, period: Period, without_closing: bool) -> Result<Vec<Finding>, Failure> {
    let (agent, mut store) = ctx.open()?;
    let book = agent.book(book)?;
    let (sealed, mut findings) = pull::sealed(&agent, &mut store, book, period, Grain::Accounts)?;
    let place = format!("book {}, {period}", book.id);
    if sealed.cubes.keys().next_back().is_some_and(|last| *last < period) {
        findings.push(Finding::warning("period-beyond").at(&place));
    }
    let balances = sealed.balances().map_err(|finding| Failure::findings(vec![finding]))?;
    let trial = balances.trial(period, without_closing);
    let trial = trial.map_err(|error| Failure::findings(vec![crate::books::balance_finding(&error)]))?;
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
        let seal = sealed.seal(period);
        let left_out: Vec<[String; 2]> = seal.and_then(|seal| serde_json::from_str(&seal.closing).ok()).unwrap_or_default();
        findings.extend(
            left_out
                .into_iter()
                .map(|[key, number]| Finding::note("closing-left-out").at(&place).with("number", number).with("voucher", key)),
        );
    }
    Ok(findings)
}
