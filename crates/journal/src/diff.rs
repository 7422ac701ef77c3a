/*! What changed between two seals of a period, voucher by voucher and matched by content. */

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    path::Path,
};

use model::Period;

use crate::{
    Digest, Entry, SealError,
    columns::{LINE, NUMBER, VOUCHER},
    entries,
};

/// A line that one side has and the other has not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LineChange {
    /// Whether the newer seal has it.
    pub added: bool,
    /// The line.
    pub entry: Entry,
}

/// One difference between two seals.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// The same content under other numbers: one change for all of them, as pairs (old number, new number).
    Renumbered(Vec<(String, String)>),
    /// A voucher whose lines changed.
    Changed {
        /// Number in the newer seal.
        number: String,
        /// Lines that differ; a line that changed is one removed and one added.
        lines: Vec<LineChange>,
    },
    /// A voucher that only the newer seal has.
    Added {
        /// Its number.
        number: String,
        /// Its lines.
        lines: Vec<Entry>,
    },
    /// A voucher that only the older seal has.
    Removed {
        /// Its number.
        number: String,
        /// Its lines.
        lines: Vec<Entry>,
    },
}

/// What `new` changed against `old`: two entry files of one period; no file is a period that was not sealed.
///
/// Vouchers with the same identity are the same. Of the rest, those with the same content apart from key, number and line numbers were
/// renumbered; then those with the same key changed; then those with the same number. What is left was added or removed.
pub fn diff(old: Option<&Path>, new: Option<&Path>, period: Period) -> Result<Vec<Change>, SealError> {
    let load = |path: Option<&Path>| path.map_or_else(|| Ok(Vec::new()), entries::vouchers);
    let (mut old, mut new) = (load(old)?, load(new)?);
    let period = period.to_string();
    pair_off(&mut old, &mut new, |lines| entries::leaf(&period, lines, &[]));
    let mut changes = Vec::new();
    let content = |lines: &[Entry]| entries::leaf(&period, lines, &[VOUCHER, NUMBER, LINE]);
    let renumbered: Vec<(String, String)> = pair_off(&mut old, &mut new, content)
        .iter()
        .map(|(old, new)| (old[0].number().to_owned(), new[0].number().to_owned()))
        .collect();
    if !renumbered.is_empty() {
        changes.push(Change::Renumbered(renumbered));
    }
    let mut changed = pair_off(&mut old, &mut new, |lines| Digest::of(lines[0].voucher().as_bytes()));
    changed.extend(pair_off(&mut old, &mut new, |lines| Digest::of(lines[0].number().as_bytes())));
    changes.extend(
        changed.iter().map(|(old, new)| Change::Changed { number: new[0].number().to_owned(), lines: line_changes(old, new) }),
    );
    changes.extend(new.into_iter().map(|lines| Change::Added { number: lines[0].number().to_owned(), lines }));
    changes.extend(old.into_iter().map(|lines| Change::Removed { number: lines[0].number().to_owned(), lines }));
    Ok(changes)
}

type Vouchers = Vec<Vec<Entry>>;

/// Takes pairs with the same key out of both, in the order of `new`. Equal vouchers that occur several times pair one by one.
fn pair_off(old: &mut Vouchers, new: &mut Vouchers, key: impl Fn(&[Entry]) -> Digest) -> Vec<(Vec<Entry>, Vec<Entry>)> {
    let mut waiting: HashMap<Digest, VecDeque<usize>> = HashMap::new();
    let mut taken: Vec<Option<Vec<Entry>>> = std::mem::take(old).into_iter().map(Some).collect();
    for (at, lines) in taken.iter().enumerate() {
        waiting.entry(key(lines.as_deref().unwrap_or_default())).or_default().push_back(at);
    }
    let mut pairs = Vec::new();
    let mut left = Vec::new();
    for lines in std::mem::take(new) {
        let partner = waiting.get_mut(&key(&lines)).and_then(VecDeque::pop_front).and_then(|at| taken[at].take());
        match partner {
            Some(partner) => pairs.push((partner, lines)),
            None => left.push(lines),
        }
    }
    *new = left;
    *old = taken.into_iter().flatten().collect();
    pairs
}

fn line_changes(old: &[Entry], new: &[Entry]) -> Vec<LineChange> {
    let mut waiting: BTreeMap<Vec<u8>, Vec<&Entry>> = BTreeMap::new();
    for entry in old {
        waiting.entry(entry.canonical(&[])).or_default().push(entry);
    }
    let mut added = Vec::new();
    for entry in new {
        if waiting.get_mut(&entry.canonical(&[])).and_then(Vec::pop).is_none() {
            added.push(LineChange { added: true, entry: entry.clone() });
        }
    }
    let removed = old.iter().filter(|entry| {
        let left = waiting.get(&entry.canonical(&[]));
        left.is_some_and(|left| left.iter().any(|other| std::ptr::eq(*other, *entry)))
    });
    let mut changes: Vec<LineChange> = removed.map(|entry| LineChange { added: false, entry: entry.clone() }).collect();
    changes.extend(added);
    changes
}
