//! What became another: the log filtered, versions of a draft, and vouchers that changed in a sealed month.

use std::collections::{BTreeMap, BTreeSet};

use journal::{Change, Entry};
use model::{Amount, Period};
use serde_json::Value;
use store::{Seal, Store, Wanted as Records};
use web::{
    Answer, ChangedLine, ChangedVoucher, Changes, History, MOST_VOUCHERS, Operation, Place, Refusal, Resealed, Versions, Wanted,
};

use super::{local, telling::Telling};
use crate::{
    acts, books, build, changes, compare,
    config::Agent,
    package::{Kept, PACKAGE},
    report::Failure,
};

/// Operations that are read at a time.
const READ: usize = 500;
/// Operations that are looked through for one page, so that a filter that fits nothing keeps nobody waiting.
const LOOKED: usize = 50_000;

/// What of an operation a filter looks at.
struct About {
    forms: BTreeSet<String>,
    periods: BTreeSet<String>,
    digest: String,
}

impl About {
    fn of(detail: &str) -> About {
        let detail: Value = serde_json::from_str(detail).unwrap_or_default();
        let mut about = About { forms: BTreeSet::new(), periods: BTreeSet::new(), digest: String::new() };
        about.digest = detail["digest"].as_str().unwrap_or_default().to_owned();
        about.read(&detail);
        about
    }

    /// Forms and periods stand under these names, in the operation itself or in the list of what it made.
    fn read(&mut self, value: &Value) {
        let text = |name: &str| value[name].as_str().filter(|text| !text.is_empty()).map(str::to_owned);
        self.forms.extend(text("form"));
        self.forms.extend(text("figure").and_then(|figure| Some(figure.split_once(':')?.0.to_owned())));
        self.forms.extend(value["forms"].as_array().into_iter().flatten().filter_map(|form| form.as_str().map(str::to_owned)));
        self.periods.extend(text("period"));
        self.periods.extend(text("month"));
        for list in ["drafts", "sealed"] {
            value[list].as_array().into_iter().flatten().for_each(|inner| self.read(inner));
        }
    }
}

/// Operations that a filter fits, the newest first.
pub fn history(agent: &Agent, store: &Store, wanted: &Wanted, most: usize) -> Result<History, Failure> {
    // A receipt names its package and not the forms of it.
    let mut packages: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    if !wanted.form.is_empty() || !wanted.period.is_empty() {
        for record in store.records(PACKAGE, Records::default())? {
            let kept: Kept = acts::body(&record)?;
            packages.insert(record.key, kept.forms.into_iter().map(|[form, ..]| form).collect());
        }
    }
    let fits = |operation: &store::Operation| {
        if !wanted.person.is_empty() && operation.who != wanted.person || !wanted.act.is_empty() && operation.what != wanted.act {
            return false;
        }
        if wanted.form.is_empty() && wanted.period.is_empty() {
            return true;
        }
        let about = About::of(&operation.detail);
        let form =
            about.forms.contains(&wanted.form) || packages.get(&about.digest).is_some_and(|forms| forms.contains(&wanted.form));
        (wanted.form.is_empty() || form) && (wanted.period.is_empty() || about.periods.contains(&wanted.period))
    };
    let telling = Telling::new(agent);
    let (mut found, mut before, mut looked) = (Vec::new(), wanted.before, 0);
    let mut next = None;
    'reading: loop {
        let read = store.operations_before(before, READ)?;
        let Some(last) = read.last().map(|operation| operation.seq) else { break };
        looked += read.len();
        for made in read {
            if fits(&made) {
                if found.len() == most {
                    next = found.last().map(|last: &Operation| last.seq);
                    break 'reading;
                }
                found.push(telling.operation(made));
            }
        }
        if looked >= LOOKED && last > 1 {
            next = Some(last);
            break;
        }
        before = Some(last);
    }
    let [people, acts] = store.log_names()?;
    let people = people.into_iter().map(|id| (id.clone(), super::signoff::name(agent, &id))).collect();
    let forms: BTreeSet<String> = agent.forms.iter().map(|form| form.code.clone()).collect();
    Ok(History { operations: found, next, forms: forms.into_iter().collect(), people, acts })
}

/// Versions of a draft, two of them compared.
pub fn versions(agent: &Agent, store: &Store, place: &Place, two: [Option<i64>; 2]) -> Answer<Versions> {
    let mut all = compare::versions(store, &place.book, &place.form, &place.period)?;
    compare::tell(agent, store, &mut all)?;
    let Some((newest, _)) = all.split_last() else { return Err(Refusal::missing()) };
    let name = build::read(&newest.1)?.name;
    let at = |number: i64| all.iter().position(|(version, _)| version.number == number).ok_or_else(Refusal::missing);
    let new = two[1].map(at).transpose()?.unwrap_or(all.len() - 1);
    let old = two[0].map(at).transpose()?.or(new.checked_sub(1));
    let comparison =
        old.filter(|old| *old != new).map(|old| compare::versions_of(&all[old.min(new)], &all[old.max(new)])).transpose()?;
    Ok(Versions { name, versions: all.into_iter().rev().map(|(version, _)| version).collect(), comparison })
}

/// A seal as people recognise it: root and time.
fn seal(store: &Store, seal: &Seal) -> Result<(String, String), Failure> {
    let made = store.operation(seal.operation)?;
    Ok((seal.root.clone(), made.map(|made| local(&made.at)).unwrap_or_default()))
}

/// Seals of a period with another content each, the newest first.
fn seals(store: &Store, book: &str, period: Period) -> Result<Vec<(String, String)>, Failure> {
    let mut all = store.seals_of(book, period)?;
    all.dedup_by(|later, earlier| later.root == earlier.root);
    all.iter().rev().map(|one| seal(store, one)).collect()
}

/// Periods that were sealed more than once, the newest first.
pub fn resealed(agent: &Agent, store: &Store, book: &str) -> Answer<Vec<Resealed>> {
    if agent.books.iter().all(|own| own.id != book) {
        return Err(Refusal::missing());
    }
    let mut found = Vec::new();
    for current in store.current_seals(book).map_err(Failure::from)?.iter().rev() {
        let seals = seals(store, book, current.period)?;
        if seals.len() > 1 {
            found.push(Resealed { period: current.period.to_string(), seals });
        }
    }
    Ok(found)
}

/// What changed between two seals of a period.
pub fn changes(agent: &Agent, store: &Store, book: &str, period: &str, roots: Option<[String; 2]>) -> Answer<Changes> {
    let own = agent.books.iter().find(|own| own.id == book).ok_or_else(Refusal::missing)?;
    let sealed: Period = period.parse().map_err(|_| Refusal::missing())?;
    let roots = roots.as_ref().map(|[old, new]| (old.as_str(), new.as_str()));
    let found = changes::between(store, book, sealed, roots)?;
    let names = books::names(store, book)?;
    let count = found.changes.iter().map(|change| if let Change::Renumbered(pairs) = change { pairs.len() } else { 1 }).sum();
    let vouchers = found.changes.into_iter().flat_map(|change| voucher(change, &names)).take(MOST_VOUCHERS).collect();
    let mut drafts = Vec::new();
    for version in store.current_drafts().map_err(Failure::from)?.iter().filter(|version| version.book == own.id) {
        let cells = build::touched(store, &build::read(version)?)?.cells();
        if !cells.is_empty() {
            let (form, period) = (version.form.clone(), version.period.clone());
            drafts.push((Place { book: book.to_owned(), form, period }, cells));
        }
    }
    Ok(Changes {
        book: book.to_owned(),
        period: period.to_owned(),
        old: found.old.as_ref().map(|old| seal(store, old)).transpose()?,
        new: seal(store, &found.new)?,
        seals: seals(store, book, sealed)?,
        vouchers,
        count,
        drafts,
    })
}

/// A change as vouchers.
fn voucher(change: Change, names: &BTreeMap<String, String>) -> Vec<ChangedVoucher> {
    let lines = |lines: Vec<Entry>, added: bool| lines.into_iter().map(move |entry| (added, entry)).collect::<Vec<_>>();
    let (how, number, lines) = match change {
        Change::Renumbered(pairs) => {
            let one = |(old, new): (String, String)| ChangedVoucher {
                how: "renumbered",
                number: format!("{old} → {new}"),
                lines: Vec::new(),
                totals: Default::default(),
            };
            return pairs.into_iter().map(one).collect();
        }
        Change::Changed { number, lines } => {
            ("changed", number, lines.into_iter().map(|change| (change.added, change.entry)).collect())
        }
        Change::Added { number, lines: entries } => ("added", number, lines(entries, true)),
        Change::Removed { number, lines: entries } => ("removed", number, lines(entries, false)),
    };
    let total = |added: bool, amount: fn(&Entry) -> Amount| {
        let mut own = lines.iter().filter(|(there, _)| *there == added);
        let sum = own.try_fold(Amount::ZERO, |sum, (_, entry)| sum.checked_add(amount(entry)));
        sum.map(|sum| sum.fixed(2)).unwrap_or_default()
    };
    let totals = [false, true].map(|added| [total(added, Entry::debit), total(added, Entry::credit)]);
    let lines = lines.iter().map(|(added, entry)| line(*added, entry, names)).collect();
    vec![ChangedVoucher { how, number, lines, totals }]
}

fn line(added: bool, entry: &Entry, names: &BTreeMap<String, String>) -> ChangedLine {
    let text = |name: &str| entry.text(name).unwrap_or_default().to_owned();
    let account = entry.account().to_owned();
    let name = names.get(&account).cloned().unwrap_or_default();
    let (debit, credit) = (entry.debit().fixed(2), entry.credit().fixed(2));
    ChangedLine {
        added,
        account: [account, name],
        date: text("date"),
        summary: text("summary"),
        party: text("party"),
        debit,
        credit,
    }
}
