//! Which accounts reach which indicators, and the money that they carry.

use std::collections::{BTreeMap, BTreeSet};

use formula::{At, Class, Figures, Measure, Mode, Pick, Question, Trace, What as Asked};
use model::{Amount, Month};

use crate::{build::Ready, forms::Desk};

/// How an account reaches the forms.
#[derive(Clone, Debug, Default)]
pub struct Reach {
    /// Rows whose formula names it, as `form:row`.
    pub named: BTreeSet<String>,
    /// Rows that take it in with its whole class.
    pub class: BTreeSet<String>,
}

impl Reach {
    /// `named`, `class` or `none`.
    pub fn how(found: Option<&Reach>) -> &'static str {
        match found {
            Some(found) if !found.named.is_empty() => "named",
            Some(_) => "class",
            None => "none",
        }
    }
}

/// What reaches the forms named `forms`, by account.
pub fn reaches(ready: &Ready, forms: &[&str], month: Month) -> BTreeMap<String, Reach> {
    let mut reach = BTreeMap::new();
    let (monthly, annual) = (ready.desk.book.seen(false), ready.desk.book.seen(true));
    // In the book's own currency: what reaches an indicator does not depend on a rate.
    let sources = survey::Sources { monthly: &monthly, annual: &annual };
    let own = survey::Engine::new(&ready.layers.mapping, &ready.desk.chart, sources);
    for pack in ready.layers.mapping.forms.iter().filter(|pack| forms.contains(&pack.form.as_str())) {
        for row in &pack.rows {
            let trace = own.cell(&pack.form, row.key(), At { month, mode: Mode::ToDate });
            mark(&trace, &format!("{}:{}", pack.form, row.key()), &mut reach);
        }
    }
    reach
}

/// What each account carries: movement since January for profit and loss, the balance for the others. An account that nothing is known of is
/// not among them.
pub fn carried(desk: &Desk, month: Month) -> BTreeMap<String, Amount> {
    let Some(year) = Month::new(month.year(), 1) else { return BTreeMap::new() };
    let seen = desk.book.seen(false);
    let mut carried = BTreeMap::new();
    for loss in [false, true] {
        let accounts = desk.chart.iter().filter(|account| (account.class == Some(Class::ProfitAndLoss)) == loss);
        let question = Question {
            what: if loss { Asked::Movement } else { Asked::Closing },
            measure: Measure::Money,
            accounts: accounts.map(|account| account.code.clone()).collect(),
            counter: Vec::new(),
            from: if loss { year.max(desk.book.coverage().turnover_from) } else { month },
            to: month,
            side: None,
            detail: None,
            filters: Vec::new(),
        };
        if let Ok(parts) = seen.ask(&question) {
            carried.extend(parts.into_iter().map(|part| (part.account, part.amount)));
        }
    }
    carried
}

/// Marks the accounts that a figure was made of.
fn mark(trace: &Trace, name: &str, reach: &mut BTreeMap<String, Reach>) {
    let mut waiting = vec![trace];
    while let Some(trace) = waiting.pop() {
        waiting.extend(&trace.children);
        let Some(question) = &trace.question else { continue };
        let whole = by_class(&trace.text);
        for account in &question.accounts {
            let reached = reach.entry(account.clone()).or_default();
            if whole {
                reached.class.insert(name.to_owned())
            } else {
                reached.named.insert(name.to_owned())
            };
        }
    }
}

/// Whether a question picks accounts by their class, so that an account nobody thought of is in it too.
fn by_class(text: &str) -> bool {
    match formula::parse(text).0.map(|expr| expr.node) {
        Some(formula::Node::Account(call)) => call.accounts.picks.iter().any(|pick| matches!(pick, Pick::Class(_))),
        _ => false,
    }
}
