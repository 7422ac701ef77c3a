/*!
Measures (计量): what the books do not hold. `seal` reads and seals what the ERP keeps, `ledger` holds what people enter, `entering` is
what command line and pages do alike, `short` is about their short sheets, `sheet` shows how documents became a figure.
*/

pub mod entering;
mod fit;
pub mod ledger;
mod seal;
pub mod sheet;
pub mod short;

use std::collections::{BTreeMap, BTreeSet};

use journal::{Digest, measures_path};
use model::{Finding, MeasureRow, Month, Period};
use store::{Record, Store, Wanted};
use survey::{
    Sealed,
    measures::{Energy, Entered, Kinds, Measures},
};

use crate::{
    acts,
    config::{Agent, Book},
    forms, pull,
    report::{Failure, blocked},
};

pub use seal::{id, seal, sealed_under, verify};

const KINDS: &str = "mappings/measures/2025.toml";
const ENERGY: &str = "mappings/energy/2025.toml";

/// Kinds, order of prices, units and coefficients: the enterprise's own files where it has them.
pub struct Facts {
    /// Kinds.
    pub kinds: Kinds,
    /// Units and coefficients.
    pub energy: Energy,
    /// SHA-256 over both texts.
    pub digest: String,
    /// Both texts with the names of their files.
    pub texts: [(&'static str, String); 2],
}

/// Reads the facts; everything that is wrong is told at once.
pub fn facts(agent: &Agent) -> Result<Facts, Failure> {
    facts_of(Some(agent))
}

/// The same; those that come with the program where there is no configuration.
pub fn facts_of(agent: Option<&Agent>) -> Result<Facts, Failure> {
    let text = |name: &str, built_in: &str| {
        let own = agent.map_or(Ok(None), |agent| forms::own_file(agent, name));
        own.map(|own| own.unwrap_or_else(|| built_in.to_owned())).map_err(Failure::config)
    };
    let (kinds_text, energy_text) = (text(KINDS, survey::MEASURES)?, text(ENERGY, survey::ENERGY)?);
    parsed(agent, kinds_text, energy_text)
}

/// Whether a text that was kept with a draft is one of the facts.
pub fn is_fact(file: &str) -> bool {
    [KINDS, ENERGY].contains(&file)
}

/// The facts as they were kept with a draft; none where it asked for no measures.
pub fn facts_kept(texts: &[(String, String)]) -> Option<Facts> {
    let text = |name: &str| texts.iter().find(|(file, _)| file == name).map(|(_, text)| text.clone());
    parsed(None, text(KINDS)?, text(ENERGY)?).ok()
}

fn parsed(agent: Option<&Agent>, kinds_text: String, energy_text: String) -> Result<Facts, Failure> {
    let (kinds, mut findings) = Kinds::parse(KINDS, &kinds_text);
    let (energy, wrong) = Energy::parse(ENERGY, &energy_text);
    findings.extend(wrong);
    if let (Some(kinds), Some(agent)) = (&kinds, agent) {
        let unknown = |kind: &String, place: String| {
            let near = settings::nearest(kind, kinds.names()).unwrap_or("—");
            Finding::error("measure-kind-unknown").at(place).with("kind", kind).with("near", near)
        };
        let place = agent.path.display().to_string();
        let none = agent.no_measures.iter().filter(|kind| kinds.find(kind).is_none());
        findings.extend(none.map(|kind| unknown(kind, format!("{place}, [measures]"))));
        let sheets = agent.sheets.iter().filter(|sheet| kinds.find(&sheet.kind).is_none());
        findings.extend(sheets.map(|sheet| unknown(&sheet.kind, format!("{place}, sheet {}", sheet.id))));
    }
    match (kinds, energy) {
        (Some(kinds), Some(energy)) if !blocked(&findings) => {
            let digest = Digest::of(format!("{}\n{kinds_text}{energy_text}", kinds_text.len()).as_bytes()).to_string();
            Ok(Facts { kinds, energy, digest, texts: [(KINDS, kinds_text), (ENERGY, energy_text)] })
        }
        _ => Err(Failure { exit: 2, findings }),
    }
}

/// The kinds of energy that the unit uses, each as what a form is repeated for, in the unit of its coefficient.
pub fn energies(agent: &Agent) -> Result<Vec<survey::Product>, Vec<Finding>> {
    let facts = facts(agent).map_err(|failure| failure.findings)?;
    let (mut energies, mut findings) = (Vec::new(), Vec::new());
    for name in &agent.energy {
        let Some(fact) = facts.energy.kinds.get(name) else {
            let place = format!("{}, [measures]", agent.path.display());
            findings.push(Finding::error("energy-unknown").at(place).with("item", name));
            continue;
        };
        let [code, item] = [name.clone(), name.clone()];
        energies.push(survey::Product {
            code,
            name: name.clone(),
            unit: fact.unit.clone(),
            item,
            each: Some("energy".to_owned()),
            ..Default::default()
        });
    }
    if findings.is_empty() { Ok(energies) } else { Err(findings) }
}

/// The measures of a book: what was sealed, and what people entered.
pub fn load(agent: &Agent, store: &Store, book: &Book) -> Result<Measures, Failure> {
    load_with(agent, store, book, None)
}

/// The same by `given` facts; by those of now where none are given.
pub fn load_with(agent: &Agent, store: &Store, book: &Book, given: Option<Facts>) -> Result<Measures, Failure> {
    let Facts { kinds, energy, .. } = given.map_or_else(|| facts(agent), Ok)?;
    let sealed = seal::read(store, book)?;
    let entered: Vec<Entered> = ledger::current(store, &book.id, None)?
        .into_iter()
        .filter(|entry| !entry.body.withdrawn)
        .map(ledger::Entry::figure)
        .collect::<Result<_, _>>()?;
    let id = |name: &str| kinds.find(name).map(|(id, _)| id.to_owned());
    let none: BTreeSet<String> = agent.no_measures.iter().filter_map(|name| id(name)).collect();
    let mut expected: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for sheet in agent.sheets.iter().filter(|sheet| sheet.book.as_ref().is_none_or(|own| *own == book.id)) {
        if let Some(kind) = id(&sheet.kind) {
            expected.entry(kind).or_default().extend(sheet.items.iter().cloned());
        }
    }
    Ok(Measures::new(kinds, energy, sealed, entered, none, expected))
}

/// Puts the measures that figures stand on beside the seals of the book: the root of each month, and a digest of what people entered.
pub fn beside(store: &Store, book: &str, seals: &mut BTreeMap<Period, Sealed>) -> Result<(), Failure> {
    let mut more: BTreeMap<Period, String> = BTreeMap::new();
    for seal in store.current_seals(&id(book))? {
        more.insert(seal.period, format!("+{}", seal.root));
    }
    let mut entries: BTreeMap<Period, Vec<Record>> = BTreeMap::new();
    for record in store.records(ledger::RECORD, Wanted { book: Some(book), ..Wanted::default() })? {
        if let Ok(month) = record.period.parse::<Month>() {
            entries.entry(Period::from(month)).or_default().push(record);
        }
    }
    for (period, records) in entries {
        more.entry(period).or_default().push_str(&format!("+{}", entries_digest(records.iter())));
    }
    for (period, text) in more {
        // A month that only measures know is no open month of the books.
        let both = seals.entry(period).or_insert_with(|| Sealed { root: String::new(), closed: true });
        both.root.push_str(&text);
    }
    Ok(())
}

/// Kinds and items of a month that came, went or changed between two states that [`beside`] wrote: of the entries, and of the documents of the
/// ERP. Nothing where that cannot be told.
pub fn changed(
    store: &Store,
    book: &str,
    period: Period,
    old: &str,
    new: &str,
) -> Result<Option<BTreeSet<(String, String)>>, Failure> {
    let roots: BTreeSet<String> = store.seals_of(&id(book), period)?.into_iter().map(|seal| seal.root).collect();
    // What of a state is the ERP's, and what is the digest of the entries.
    let split = |state: &str| {
        let (erp, entries): (Vec<&str>, Vec<&str>) =
            state.split('+').filter(|part| !part.is_empty()).partition(|part| roots.contains(*part));
        (erp.concat(), entries.concat())
    };
    let ((old_erp, old), (new_erp, new)) = (split(old), split(new));
    let Some(mut changed) = documents_changed(store, book, period, &old_erp, &new_erp)? else { return Ok(None) };
    let month = period.month.to_string();
    let wanted = Wanted { book: Some(book), period: Some(&month), ..Wanted::default() };
    // Versions are written one after the other, so that every earlier state is some first part of them.
    let mut states: Vec<BTreeMap<String, Record>> = vec![BTreeMap::new()];
    for record in store.record_versions(ledger::RECORD, wanted)? {
        let mut next = states.last().cloned().unwrap_or_default();
        next.insert(record.key.clone(), record);
        states.push(next);
    }
    let digest = |state: &BTreeMap<String, Record>| if state.is_empty() { String::new() } else { entries_digest(state.values()) };
    let find = |wanted: &str| states.iter().rev().find(|state| digest(state) == wanted);
    let (Some(old), Some(new)) = (find(&old), find(&new)) else { return Ok(None) };
    for key in old.keys().chain(new.keys()) {
        let (before, after) = (old.get(key), new.get(key));
        if before.map(|record| &record.body) != after.map(|record| &record.body) {
            for record in [before, after].into_iter().flatten() {
                let body: ledger::Body = acts::body(record)?;
                changed.insert((body.kind, body.item));
            }
        }
    }
    Ok(Some(changed))
}

/// Kinds and items of the ERP's documents that are others in one seal of a month than in another, each under every name it has. Nothing where a
/// seal's file is gone, where one of the two months was never read, or where what is known of an item itself is another: its name, class and origin
/// are looked at from other months and kinds too.
fn documents_changed(
    store: &Store,
    book: &str,
    period: Period,
    old: &str,
    new: &str,
) -> Result<Option<BTreeSet<(String, String)>>, Failure> {
    if old == new {
        return Ok(Some(BTreeSet::new()));
    }
    let (Some(old), Some(new)) = (Digest::parse(old), Digest::parse(new)) else { return Ok(None) };
    let folder = store.snapshots(&id(book))?;
    let read = |root| journal::read_measures(&measures_path(&folder, period.month, root), period.month).ok();
    let (Some(old), Some(new)) = (read(old), read(new)) else { return Ok(None) };
    let known = |rows: &[MeasureRow]| {
        let of =
            |row: &MeasureRow| (row.kind.clone(), row.item.clone(), row.item_name.clone(), row.class.clone(), row.origin.clone());
        rows.iter().map(of).collect::<BTreeSet<_>>()
    };
    if known(&old) != known(&new) {
        return Ok(None);
    }
    // So many more or fewer of each row: two documents may say the same.
    let mut apart: BTreeMap<String, (i64, &MeasureRow)> = BTreeMap::new();
    for (rows, by) in [(&old, -1), (&new, 1)] {
        for row in rows {
            apart.entry(format!("{row:?}")).or_insert((0, row)).0 += by;
        }
    }
    let moved = apart.into_values().filter(|(count, _)| *count != 0);
    let names = moved.flat_map(|(_, row)| {
        let names = std::iter::once(&row.item).chain(&row.item_name);
        names.map(|name| (row.kind.clone(), name.clone())).collect::<Vec<_>>()
    });
    Ok(Some(names.collect()))
}

/// Digest over the entries of a month.
fn entries_digest<'a>(records: impl Iterator<Item = &'a Record>) -> String {
    let mut bodies: Vec<String> = records.map(|record| format!("{}\n{}\n", record.key, record.body)).collect();
    bodies.sort();
    Digest::of(bodies.concat().as_bytes()).to_string()
}

/// Pulls a book whose pack keeps measures and none are sealed: it was sealed before anyone asked for them.
pub fn first(agent: &Agent, store: &mut Store, book: &Book) -> Result<Vec<Finding>, Failure> {
    if !store.current_seals(&id(&book.id))?.is_empty() {
        return Ok(Vec::new());
    }
    let span = Some((Month::FIRST, Month::LAST));
    if pull::Opened::new(agent, book)?.query("measures", span).is_none() {
        return Ok(Vec::new());
    }
    Ok(pull::pull(agent, store, book, pull::Scope::default())?.findings)
}

/// The day that a time is in China, where the surveys are due.
pub fn day(at: jiff::Timestamp) -> jiff::civil::Date {
    // China has had one time zone and no summer time since 1991.
    jiff::tz::Offset::from_seconds(8 * 3600).unwrap_or(jiff::tz::Offset::UTC).to_datetime(at).date()
}

/// Today in China.
pub fn today() -> String {
    day(jiff::Timestamp::now()).to_string()
}
