/*! What changed between two seals of a period, voucher by voucher. Old seals stay readable, so this needs no source. */

use journal::Change;
use model::{Finding, Period};
use store::{Seal, Store};

use crate::{books, report::Failure};

/// Two seals of a period and what is different.
pub struct Between {
    /// The older one; none where the period was sealed once.
    pub old: Option<Seal>,
    /// The newer one.
    pub new: Seal,
    /// What changed.
    pub changes: Vec<Change>,
}

/// What changed between two seals of a period, by their roots; without them between the last and the newest one that differs from it.
pub fn between(store: &Store, book: &str, period: Period, roots: Option<(&str, &str)>) -> Result<Between, Failure> {
    let place = format!("book {book}, {period}");
    let mut seals = store.seals_of(book, period)?;
    let known = |root: &str| seals.iter().rposition(|seal| seal.root == root);
    let unsealed = || Failure::findings(vec![Finding::error("period-unsealed").at(&place)]);
    let (old, new) = match roots {
        Some((old, new)) => (Some(known(old).ok_or_else(unsealed)?), known(new).ok_or_else(unsealed)?),
        None => {
            let new = seals.len().checked_sub(1).ok_or_else(unsealed)?;
            (seals.iter().rposition(|seal| seal.root != seals[new].root), new)
        }
    };
    let old = old.map(|old| seals[old].clone());
    let new = seals.swap_remove(new);
    let Some(before) = &old else { return Ok(Between { old, new, changes: Vec::new() }) };
    let folder = store.snapshots(book)?;
    let changes = match (books::entry_file(&folder, before)?, books::entry_file(&folder, &new)?) {
        (Some(old), Some(new)) => journal::diff(Some(old.path()?), Some(new.path()?), period)?,
        _ => return Err(Failure::findings(vec![Finding::error("seal-without-entries").at(place)])),
    };
    Ok(Between { old, new, changes })
}
