/*! Accounts that an ERP has added since a book's newest draft was built, and that nobody has said what they are. */

use std::collections::BTreeSet;

use model::Finding;
use store::{DraftVersion, Store};
use survey::BookAccount;

use crate::{
    books, build,
    config::{Agent, Book},
    forms,
    report::Failure,
};

/// Names shown of them.
const SHOWN: usize = 5;

/// What is new in the chart and has no place yet, as one finding. Nothing where the chart is the one that the newest draft was built on: charts are
/// compared by their digests first, so that looking costs next to nothing.
pub fn accounts(agent: &Agent, store: &Store, book: &Book, drafts: &[DraftVersion]) -> Result<Option<Finding>, Failure> {
    let seals = store.current_seals(&book.id)?;
    let Some(newest) = seals.iter().max_by_key(|seal| (seal.operation, seal.id)) else { return Ok(None) };
    let Some(version) = drafts.iter().filter(|version| version.book == book.id).max_by_key(|version| version.operation) else {
        return Ok(None);
    };
    // The chart that was read last before it was built.
    let mut then = None;
    for period in build::read(version)?.evidence.keys().filter_map(|period| period.parse().ok()) {
        let earlier = store.seals_of(&book.id, period)?.into_iter().filter(|seal| seal.operation < version.operation);
        then = then.max(earlier.map(|seal| (seal.operation, seal.id, seal.context)).max());
    }
    let Some((.., then)) = then.filter(|(.., context)| *context != newest.context) else { return Ok(None) };
    let known: BTreeSet<String> = books::context(store, &then)?.accounts.into_iter().map(|account| account.account).collect();
    let now = books::context(store, &newest.context)?.accounts.into_iter();
    let added: Vec<BookAccount> = now
        .filter(|account| !known.contains(&account.account))
        .map(|account| BookAccount { code: account.account, name: account.name, class: account.class, side: account.side })
        .collect();
    if added.is_empty() {
        return Ok(None);
    }
    // What is wrong with the forms is told where they are built.
    let Ok(layers) = forms::configured(agent, book, None).and_then(|forms| forms::layers(agent, &forms)) else { return Ok(None) };
    let (chart, _) = survey::chart(&layers.mapping, &added, &|_| true);
    let open: Vec<String> = chart
        .iter()
        .filter(|account| account.standard.is_none() && !layers.mapping.accounts.contains_key(&account.code))
        .map(|account| format!("{} {}", account.code, account.name))
        .collect();
    let more = if open.len() > SHOWN { " …" } else { "" };
    let finding =
        Finding::warning("accounts-new").at(format!("{}, book {}", newest.period.month, book.id)).with("count", open.len());
    let names = open.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join("、");
    Ok((!open.is_empty()).then(|| finding.with("accounts", format!("{names}{more}"))))
}
