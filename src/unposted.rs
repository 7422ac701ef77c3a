/*! Unposted vouchers (未记账凭证): sealed beside a book, under an id of their own, and only where a form declares that it wants them. */

use std::{collections::BTreeMap, ops::ControlFlow};

use journal::Sealer;
use model::{Finding, Level, Month, Period};
use reader::Verb;
use store::Store;
use survey::{Sealed, Standard};

use crate::{
    books::{Grain, SealedBook},
    forms, pull,
    pull::Opened,
    report::Failure,
};

/// Id under which a book's unposted vouchers are sealed. No book of a configuration can have it.
pub fn id(book: &str) -> String {
    format!("{book}+unposted")
}

/// Reads and seals the unposted vouchers of the months that the ERP has not closed. What is wrong with a draft voucher is worth knowing
/// and holds nothing up.
pub fn seal(opened: &Opened<'_>, standard: &Standard, store: &mut Store) -> Result<Vec<Finding>, Failure> {
    let book = &opened.book.id;
    let place = format!("book {book}");
    let Some(mut posted) = SealedBook::load(store, book, Grain::Accounts)? else { return Ok(Vec::new()) };
    let Some(query) = opened.query("unposted", Some((Month::FIRST, Month::LAST_ASKED))) else {
        return Ok(vec![Finding::warning("unposted-unknown").at(place).with("connector", &opened.pack.name)]);
    };
    let own = id(book);
    let folder = store.snapshots(&own)?;
    store.collect_orphans(&own, pull::names)?;
    let before = SealedBook::load(store, &own, Grain::Accounts)?;
    let roles = posted.context.decide_roles(standard);
    let mut sealer = Sealer::new(&folder, &roles, None);
    let mut broken = None;
    opened.reading().run(Verb::Read, vec![query], |_, batch| match sealer.push(&batch) {
        Ok(()) => ControlFlow::Continue(()),
        Err(error) => {
            broken = Some(error);
            ControlFlow::Break(())
        }
    })?;
    if let Some(error) = broken {
        return Err(error.into());
    }
    // A voucher that was posted since leaves an empty period behind.
    let sealed: Vec<Period> = before.iter().flat_map(|before| before.cubes.keys().copied()).collect();
    let (pending, mut findings) = sealer.finish(&sealed)?;
    for finding in &mut findings {
        finding.level = finding.level.min(Level::Warning);
    }
    let closed = |period: Period| posted.context.periods.iter().any(|info| info.closed && info.period() == Some(period));
    let pending = pending.into_iter().filter(|pending| !closed(pending.period)).collect();
    let outcome = pull::keep(store, &own, &posted.context, None, pending, before.as_ref(), findings)?;
    let vouchers: i64 = store.current_seals(&own)?.iter().map(|seal| seal.vouchers).sum();
    let mut findings = outcome.findings;
    findings.push(Finding::note("unposted-sealed").at(place).with("vouchers", vouchers));
    Ok(findings)
}

/// Seals that a form's figures stand on: the book's, with `unposted` those of its unposted vouchers, with `measures` the measures too.
pub fn seals(store: &Store, book: &str, unposted: bool, measures: bool) -> Result<BTreeMap<Period, Sealed>, Failure> {
    let mut seals = forms::sealed(store.current_seals(book)?.iter());
    if unposted {
        for seal in store.current_seals(&id(book))? {
            let both = seals.entry(seal.period).or_insert_with(|| Sealed { root: String::new(), closed: false });
            both.root = format!("{}+{}", both.root, seal.root);
        }
    }
    if measures {
        crate::measures::beside(store, book, &mut seals)?;
    }
    Ok(seals)
}
