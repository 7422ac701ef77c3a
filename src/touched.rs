/*! Which indicators of a kept draft a change of evidence touches: those that asked for what is another now. */

use std::collections::{BTreeMap, BTreeSet};

use journal::{Cell, Change, Digest, Sums};
use model::{Finding, Month, Period};
use store::{Seal, Store};
use survey::{
    Asked, By, Sealed, Seals,
    document::{Draft, Evidence, Stands},
};

use crate::{
    books::{self, Grain},
    measures,
    report::Failure,
    retyped::Retyped,
    unposted,
};

/// Indicators of a draft that stand on what is another since they were built.
#[derive(Debug, Default)]
pub struct Touched {
    /// By vouchers that were sealed anew.
    pub books: Vec<String>,
    /// By measures alone: what the ERP keeps of them, or what people entered.
    pub measures: Vec<String>,
}

impl Touched {
    /// Whether nothing is.
    pub fn is_empty(&self) -> bool {
        self.books.is_empty() && self.measures.is_empty()
    }

    /// All of them.
    pub fn cells(&self) -> Vec<String> {
        [self.books.as_slice(), &self.measures].concat()
    }

    /// What is told of it: what changed decides where a person looks.
    pub fn findings(&self, place: &str) -> Vec<Finding> {
        let told = [("evidence-changed", &self.books), ("measures-changed", &self.measures)];
        let told = told.into_iter().filter(|(_, cells)| !cells.is_empty());
        told.map(|(code, cells)| Finding::warning(code).at(place).with("cells", cells.join(", "))).collect()
    }
}

/// What of a draft is touched by what was sealed or entered since it was built.
pub fn touched(store: &Store, draft: &Draft) -> Result<Touched, Failure> {
    let books = unposted::seals(store, &draft.book, draft.unposted, false)?;
    let (mut measures, mut both) = Default::default();
    if draft.measures {
        measures::beside(store, &draft.book, &mut measures)?;
        both = unposted::seals(store, &draft.book, draft.unposted, true)?;
    }
    let seals = Seals { books: &books, measures: &measures, both: &both };
    let digest = |text: &str| Digest::of(text.as_bytes()).to_string();
    let mut moved = Touched::default();
    let mut differences = None;
    let retyped = Retyped::since(store, draft)?;
    for cell in &draft.cells {
        let Some(evidence) = &cell.evidence else { continue };
        let from = evidence.from.as_ref().and_then(|month| month.parse().ok());
        if let Ok(to) = evidence.to.parse() {
            let stands = |seals: &_| survey::evidence_digest(seals, from, to, &digest) == evidence.digest;
            // Before cells said what they stand on, all cells of a form that asks for measures stood on both.
            if stands(seals.of(evidence.on)) || draft.measures && evidence.on == Stands::Books && stands(&both) {
                if retyped.touches(evidence) {
                    moved.books.push(cell.id.clone());
                }
                continue;
            }
        }
        // Something in its months was sealed anew. Whether it asked for that, the seals say.
        let differences = match &mut differences {
            Some(known) => known,
            none => none.insert(Differences::since(store, draft, if draft.measures { &both } else { &books })?),
        };
        match differences.touch(evidence) {
            Some(true) => moved.books.push(cell.id.clone()),
            Some(false) => moved.measures.push(cell.id.clone()),
            None if retyped.touches(evidence) => moved.books.push(cell.id.clone()),
            None => {}
        }
    }
    Ok(moved)
}

/// What is another in the periods that were sealed anew.
#[derive(Default)]
struct Differences {
    /// Of the book.
    books: BTreeMap<Period, Difference>,
    /// Of measures, by periods that have others: kinds and items of the entries and documents that came, went or changed; `None` where what changed
    /// is not known.
    measures: BTreeMap<Period, Option<BTreeSet<(String, String)>>>,
    /// Nothing is known but that something changed.
    unknown: bool,
}

/// What is another in one period.
#[derive(Default)]
struct Difference {
    /// Accounts that turned over something else.
    accounts: BTreeSet<String>,
    /// Accounts that did with some party, department … or in another currency.
    dimensions: BTreeSet<String>,
    /// Accounts of lines that came, went or changed; `None` where that is not known.
    lines: Option<BTreeSet<String>>,
    /// What changed is not known, or may be asked for by anything.
    all: bool,
}

impl Differences {
    fn since(store: &Store, draft: &Draft, now: &BTreeMap<Period, Sealed>) -> Result<Differences, Failure> {
        let Ok(last) = draft.period.parse::<Month>() else {
            return Ok(Differences { unknown: true, ..Differences::default() });
        };
        if draft.unposted {
            return Ok(Differences { unknown: true, ..Differences::default() });
        }
        let mut then: BTreeMap<Period, &str> = BTreeMap::new();
        for (period, root) in &draft.evidence {
            match period.parse() {
                Ok(period) => then.insert(period, root),
                Err(_) => return Ok(Differences { unknown: true, ..Differences::default() }),
            };
        }
        let vouchers = draft.cells.iter().filter_map(|cell| cell.evidence.as_ref()).flat_map(|evidence| &evidence.asked);
        let compared = Compared { store, draft, then: &then, vouchers: vouchers.clone().any(|asked| asked.by == By::Voucher) };
        let mut found = Differences::default();
        let periods: BTreeSet<Period> = then.keys().chain(now.keys()).copied().filter(|period| period.month <= last).collect();
        for period in periods {
            let (old, old_measures) = parts(then.get(&period).copied().unwrap_or_default());
            let (new, new_measures) = parts(now.get(&period).map(|seal| seal.root.as_str()).unwrap_or_default());
            if old_measures != new_measures {
                found.measures.insert(period, measures::changed(store, &draft.book, period, old_measures, new_measures)?);
            }
            if old != new {
                found.books.insert(period, compared.difference(period, old, new)?);
            }
        }
        Ok(found)
    }

    /// Whether a figure is touched: by the book, or by measures alone.
    fn touch(&self, evidence: &Evidence) -> Option<bool> {
        // A draft of an earlier version does not say what it asked.
        let silent = evidence.on != Stands::Measures && evidence.asked.is_empty();
        if self.unknown || silent && evidence.measured.is_empty() {
            return Some(true);
        }
        let month = evidence.to.parse::<Month>().ok();
        let within = |period: &Period| month.is_none_or(|to| period.month <= to);
        let of_books =
            |asked: &Asked| self.books.iter().any(|(period, difference)| asked.covers(*period) && difference.touches(asked));
        if evidence.on != Stands::Measures && evidence.asked.iter().any(of_books) {
            return Some(true);
        }
        let asks = |period: &Period, changed: &Option<BTreeSet<(String, String)>>| {
            let Some(changed) = changed.as_ref().filter(|_| !evidence.measured.is_empty()) else { return true };
            changed.iter().any(|(kind, item)| evidence.measured.iter().any(|asked| asked.asks(period.month, kind, item)))
        };
        let of_measures = || self.measures.iter().any(|(period, changed)| within(period) && asks(period, changed));
        (evidence.on != Stands::Books && of_measures()).then_some(false)
    }
}

impl Difference {
    fn all() -> Difference {
        Difference { all: true, ..Difference::default() }
    }

    fn touches(&self, asked: &Asked) -> bool {
        let any = |accounts: &BTreeSet<String>| accounts.iter().any(|account| asked.asks(account));
        self.all
            || match asked.by {
                By::Account => any(&self.accounts),
                By::Dimension => any(&self.dimensions),
                By::Voucher => self.lines.as_ref().is_none_or(any),
            }
    }
}

/// Root of the book's own seal, and what stands beside it of measures.
fn parts(root: &str) -> (&str, &str) {
    root.find('+').map_or((root, ""), |at| root.split_at(at))
}

/// A draft whose seals of then are compared with those of now.
struct Compared<'a> {
    store: &'a Store,
    draft: &'a Draft,
    then: &'a BTreeMap<Period, &'a str>,
    /// Whether anything looks at single vouchers.
    vouchers: bool,
}

impl Compared<'_> {
    fn difference(&self, period: Period, old: &str, new: &str) -> Result<Difference, Failure> {
        let (Some(before), Some(after)) = (self.seal(period, old)?, self.seal(period, new)?) else {
            return Ok(Difference::all());
        };
        // What is lost or damaged is told by who reads it; here it means that what changed is not known.
        let (Some(old), Some(new)) = (self.cube(&before), self.cube(&after)) else { return Ok(Difference::all()) };
        let mut found = Difference::default();
        let account = |cell: &Cell| (cell.account.clone(), cell.closing);
        let whole = |cell: &Cell| (cell.account.clone(), cell.closing, cell.dimensions.clone());
        let (Some(accounts), Some(cells)) = (moved(&old, &new, account), moved(&old, &new, whole)) else {
            return Ok(Difference::all());
        };
        found.accounts = accounts.into_iter().map(|(account, _)| account.to_string()).collect();
        found.dimensions = cells.into_iter().map(|(account, ..)| account.to_string()).collect();
        let had: BTreeSet<&str> = old.iter().map(|cell| &*cell.account).collect();
        for account in found.dimensions.iter().filter(|account| !had.contains(account.as_str())) {
            // An account that nobody could ask for may belong to anything; one whose code and name disagree is in doubt from its first line on.
            let known = self.charted(account)?;
            let doubtful = self.draft.doubtful.contains(account) && !self.used(account)?;
            if !known || doubtful {
                return Ok(Difference::all());
            }
        }
        found.lines = if self.vouchers { self.lines(period, &before, &after) } else { None };
        Ok(found)
    }

    /// The newest seal with a root.
    fn seal(&self, period: Period, root: &str) -> Result<Option<Seal>, Failure> {
        Ok(self.store.seals_of(&self.draft.book, period)?.into_iter().rev().find(|seal| seal.root == root))
    }

    fn cube(&self, seal: &Seal) -> Option<Vec<Cell>> {
        let folder = self.store.snapshots(&self.draft.book).ok()?;
        books::cube(&folder, seal, Grain::Dimensions).ok()
    }

    /// Whether the chart had an account with any seal that the draft stands on.
    fn charted(&self, account: &str) -> Result<bool, Failure> {
        let mut looked = BTreeSet::new();
        for (period, root) in self.then.iter().rev() {
            let Some(seal) = self.seal(*period, parts(root).0)? else { continue };
            if looked.insert(seal.context.clone())
                && books::context(self.store, &seal.context)?.accounts.iter().any(|known| known.account == account)
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether an account had a line in any period that the draft stands on.
    fn used(&self, account: &str) -> Result<bool, Failure> {
        for (period, root) in self.then {
            let Some(seal) = self.seal(*period, parts(root).0)? else { continue };
            if self.cube(&seal).is_some_and(|cells| cells.iter().any(|cell| *cell.account == *account)) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Accounts of the lines that differ. A number alone is no line.
    fn lines(&self, period: Period, before: &Seal, after: &Seal) -> Option<BTreeSet<String>> {
        let folder = self.store.snapshots(&self.draft.book).ok()?;
        let file = |seal| books::entry_file(&folder, seal).ok().flatten();
        let (old, new) = (file(before)?, file(after)?);
        let changes = journal::diff(Some(old.path().ok()?), Some(new.path().ok()?), period).ok()?;
        let accounts = changes.into_iter().flat_map(|change| match change {
            Change::Renumbered(_) => Vec::new(),
            Change::Changed { lines, .. } => lines.into_iter().map(|line| line.entry).collect(),
            Change::Added { lines, .. } | Change::Removed { lines, .. } => lines,
        });
        Some(accounts.map(|entry| entry.account().to_owned()).collect())
    }
}

/// Keys under which two cubes have other sums; `None` past the range of an amount. How many lines made a sum does not matter.
fn moved<K: Ord>(old: &[Cell], new: &[Cell], key: impl Fn(&Cell) -> K) -> Option<Vec<K>> {
    let mut sums: BTreeMap<K, [Sums; 2]> = BTreeMap::new();
    for (at, cells) in [old, new].into_iter().enumerate() {
        for cell in cells {
            let sum = &mut sums.entry(key(cell)).or_default()[at];
            *sum = sum.plus(Sums { lines: 0, ..cell.sums })?;
        }
    }
    Some(sums.into_iter().filter(|(_, [old, new])| old != new).map(|(key, _)| key).collect())
}
