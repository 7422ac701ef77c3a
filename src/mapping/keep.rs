//! Indicators that go on with what a changed formula no longer uses: from then on they mean another thing, and whoever changes it should know.

use std::collections::BTreeSet;

use formula::{Account, Expr, Node, Selector, select};
use model::Finding;
use survey::Mapping;

use super::{About, Edit};
use crate::then;

/// Names that are told of each kind.
const NAMED: usize = 8;

/// Says which indicators keep items and accounts that an edited one drops.
pub fn others_keep(before: &Mapping, after: &Mapping, chart: &[Account], edit: &Edit) -> Option<Finding> {
    let About::Cell(form, row) = &edit.about else { return None };
    let own = edit.about.name();
    let [was, is] = [before, after].map(|mapping| then::leads_to(mapping, form, row));
    let items: BTreeSet<&String> = was.iter().filter(|name| name.starts_with('@') && !is.contains(*name)).collect();
    let dropped = &accounts(before, chart, &was) - &accounts(after, chart, &is);
    let mut others = Vec::new();
    let (mut kept_items, mut kept_accounts) = (BTreeSet::new(), BTreeSet::new());
    for (form, row) in after.cells.keys() {
        let name = format!("{form}:{row}");
        let leads = then::leads_to(after, form, row);
        // What goes through the changed indicator follows it.
        if name == own || leads.contains(&own) {
            continue;
        }
        let own_items: Vec<&String> = items.iter().copied().filter(|item| leads.contains(*item)).collect();
        let own_accounts = &accounts(after, chart, &leads) & &dropped;
        if own_items.is_empty() && own_accounts.is_empty() {
            continue;
        }
        let title = after.form(form).and_then(|form| form.row(row)).map_or("", |row| row.name.as_str());
        others.push(format!("{name} {title}"));
        kept_items.extend(own_items);
        kept_accounts.extend(own_accounts);
    }
    if others.is_empty() {
        return None;
    }
    let item = |item: &&String| {
        let known = after.items.get(item.trim_start_matches('@')).and_then(Option::as_ref);
        format!("{item} {}", known.and_then(|item| item.name.clone()).unwrap_or_default()).trim().to_owned()
    };
    let account = |code: &String| {
        let known = chart.iter().find(|account| account.code == *code);
        format!("{code} {}", known.map_or("", |account| account.name.as_str()))
    };
    let what: Vec<String> = kept_items.iter().map(item).chain(kept_accounts.iter().map(account)).collect();
    let finding = Finding::warning("mapping-others-keep").at(&own).with("cell", &own);
    Some(finding.with("item", listed(what)).with("others", listed(others)))
}

fn listed(mut all: Vec<String>) -> String {
    let more = all.len().saturating_sub(NAMED);
    all.truncate(NAMED);
    let more = if more > 0 { format!(" … +{more}") } else { String::new() };
    all.join("、") + &more
}

/// Accounts of the book that formulas ask about.
fn accounts(mapping: &Mapping, chart: &[Account], names: &BTreeSet<String>) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for name in names {
        let formula = match name.strip_prefix('@') {
            Some(item) => mapping.items.get(item).and_then(Option::as_ref),
            None => name.split_once(':').and_then(|(form, row)| mapping.cells.get(&(form.to_owned(), row.to_owned()))),
        };
        let Some(formula) = formula else { continue };
        for selector in selectors(&formula.expr) {
            let selected = select(selector, chart, formula.scope);
            found.extend(selected.accounts.iter().map(|at| chart[*at].code.clone()));
        }
    }
    found
}

/// What a formula picks accounts by.
fn selectors(expr: &Expr) -> Vec<&Selector> {
    let (mut found, mut waiting) = (Vec::new(), vec![expr]);
    while let Some(expr) = waiting.pop() {
        match &expr.node {
            Node::Account(call) => found.push(&call.accounts),
            Node::Negate(operand) | Node::Not(operand) => waiting.push(operand),
            Node::Binary { left, right, .. } => waiting.extend([&**left, &**right]),
            Node::Call { arguments, .. } => waiting.extend(arguments),
            _ => {}
        }
    }
    found
}
