//! What the ERP keeps of measures: read with a pull, sealed month by month beside the book.

use std::{collections::BTreeMap, path::Path};

use journal::{Digest, measures_path};
use model::{Finding, MeasureRow, Month, Period};
use reader::Verb;
use serde_json::json;
use store::{Seal, Store};

use crate::{
    books,
    config::Book,
    packs,
    pull::{Opened, Scope},
    report::{Failure, blocked},
};

const SUFFIX: &str = "+measures";

/// Id under which a book's measures are sealed. No book of a configuration can have it.
pub fn id(book: &str) -> String {
    format!("{book}{SUFFIX}")
}

/// Whether something is sealed under such an id.
pub fn sealed_under(id: &str) -> bool {
    id.ends_with(SUFFIX)
}

fn names(seal: &Seal) -> Vec<String> {
    let path = Digest::parse(&seal.root).map(|root| measures_path(Path::new(""), seal.period.month, root));
    path.and_then(|path| path.file_name().map(|name| name.to_string_lossy().into_owned())).into_iter().collect()
}

/// Reads and seals the measures of a book, where its pack and its options say how. A month without rows between the first and the last is
/// sealed too: it was read, and nothing was there.
pub fn seal(opened: &Opened<'_>, store: &mut Store, scope: Scope) -> Result<Vec<Finding>, Failure> {
    let (book, own) = (&opened.book.id, id(&opened.book.id));
    let place = format!("book {book}");
    let first = opened.book.first_period.map(|text| text.0);
    // What is at hand is made of every change since the beginning.
    let span = (Month::FIRST, scope.to.unwrap_or(Month::LAST));
    let Some(query) = opened.query("measures", Some(span)) else { return Ok(Vec::new()) };
    let rows = opened.reading().rows(Verb::Read, vec![query])?;
    let (rows, mut findings) = connector::measures(&opened.pack.name, &rows[0]);
    if blocked(&findings) {
        return Err(Failure::findings(findings));
    }
    let mut months: BTreeMap<Month, Vec<MeasureRow>> = BTreeMap::new();
    let count = rows.len();
    for row in rows {
        months.entry(row.month).or_default().push(row);
    }
    let posted = store.current_seals(book)?;
    let before = store.current_seals(&own)?;
    let sealed = |seals: &[Seal]| seals.iter().map(|seal| seal.period.month).collect::<Vec<_>>();
    let last = months.keys().copied().chain(sealed(&posted)).filter(|month| *month <= span.1).max();
    let known = months.keys().copied().chain(sealed(&before)).min();
    if let (Some(known), Some(last)) = (known, last) {
        // An enterprise that begins in January and finishes its first product in March has a January without output.
        // The book begins with its first period, whether the configuration says which or the ERP's first voucher does.
        let begins = first.into_iter().chain(sealed(&posted)).min().unwrap_or(known);
        let mut month = Some(begins.min(known));
        while let Some(now) = month.filter(|month| *month <= last) {
            months.entry(now).or_default();
            month = now.plus(1);
        }
    }
    let Some(newest) = posted.iter().max_by_key(|seal| (seal.operation, seal.id)) else { return Ok(findings) };
    let folder = store.snapshots(&own)?;
    store.collect_orphans(&own, names)?;
    let mut fresh = Vec::new();
    for (month, rows) in months {
        let pending = journal::seal_measures(&folder, month, rows)?;
        let period = Period::from(month);
        let state = posted.iter().find(|seal| seal.period == period).map_or("provisional", |seal| seal.state.as_str());
        let whole = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        let seal = Seal {
            id: 0,
            operation: 0,
            book: own.clone(),
            period,
            root: pending.root.to_string(),
            file: Some(pending.file.to_string()),
            rows: whole(pending.rows),
            vouchers: whole(pending.documents),
            debit: "0".to_owned(),
            credit: "0".to_owned(),
            closing: "[]".to_owned(),
            fingerprint: String::new(),
            state: state.to_owned(),
            context: newest.context.clone(),
            cube: None,
        };
        let same = |old: &Seal| old.period == period && old.root == seal.root && old.state == seal.state;
        // A file that is lost or damaged is written again while the ERP still says the same.
        let same = before.iter().any(|old| same(old) && old.file == seal.file && sound(&folder, old).is_ok());
        if same {
            pending.discard();
        } else {
            fresh.push((pending, seal));
        }
    }
    let changed = fresh.len();
    for (pending, _) in &fresh {
        pending.keep()?;
    }
    if !fresh.is_empty() {
        let list: Vec<_> =
            fresh.iter().map(|(_, seal)| json!({ "period": seal.period.to_string(), "root": seal.root })).collect();
        let work = store.begin(&packs::who(), "pull", &json!({ "book": own, "sealed": list }))?;
        for (_, seal) in &fresh {
            work.put_seal(seal)?;
        }
        work.commit()?;
    }
    store.collect_orphans(&own, names)?;
    findings.push(Finding::note("measures-sealed").at(place).with("rows", count).with("months", changed));
    Ok(findings)
}

/// Whether the file of a seal holds the bytes that were sealed.
fn sound(folder: &Path, seal: &Seal) -> Result<(), Failure> {
    let path = measures_path(folder, seal.period.month, books::digest(seal)?);
    match seal.file.as_deref().and_then(Digest::parse) {
        Some(known) => Ok(journal::sound(&path, known)?),
        None => Err(Failure::source(Finding::error("file-damaged").at(path.display().to_string()).with("reason", "SHA-256"))),
    }
}

/// Checks a seal: the bytes of its file, and its root computed anew from the rows. `None` for a seal that is none of measures.
pub fn verify(store: &Store, seal: &Seal) -> Option<Result<(), Failure>> {
    seal.book.strip_suffix(SUFFIX)?;
    let check = || {
        let folder = store.snapshots(&seal.book)?;
        sound(&folder, seal)?;
        let (month, root) = (seal.period.month, books::digest(seal)?);
        let path = measures_path(&folder, month, root);
        let found = journal::measures_root(month, &journal::read_measures(&path, month)?);
        let wrong = || Finding::error("file-damaged").at(path.display().to_string()).with("reason", format!("root is {found}"));
        if found == root { Ok(()) } else { Err(Failure::source(wrong())) }
    };
    Some(check())
}

/// The rows of every sealed month.
pub fn read(store: &Store, book: &Book) -> Result<BTreeMap<Month, Vec<MeasureRow>>, Failure> {
    let own = id(&book.id);
    let mut months = BTreeMap::new();
    let seals = store.current_seals(&own)?;
    if seals.is_empty() {
        return Ok(months);
    }
    let folder = store.snapshots(&own)?;
    for seal in &seals {
        let month = seal.period.month;
        sound(&folder, seal)?;
        months.insert(month, journal::read_measures(&measures_path(&folder, month, books::digest(seal)?), month)?);
    }
    Ok(months)
}
