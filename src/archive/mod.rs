/*!
归档: everything of a year that somebody must be able to read years later, without this program, as one ZIP file.

The same state gives the same bytes: names are sorted, times are fixed, and what is inside says neither when nor by whom it was packed. That is
in the log, where packing is an operation.
*/

mod gaps;

use std::{
    collections::{BTreeMap, BTreeSet, btree_map::Entry},
    fs,
    path::{Path, PathBuf},
};

use journal::Digest;
use model::{Finding, Month};
use rust_xlsxwriter::ExcelDateTime;
use serde::Serialize;
use serde_json::{Value, json};
use store::{Operation, Record, Store};
use survey::document::Note;
use ui::Lang;

use crate::{
    build,
    config::{Agent, Book, Person},
    desk, ledger, measures,
    print::Beside,
    report::Failure,
    sheet, unposted,
    zipped::Zip,
};

/// What reads the file years later has to know.
const README: &str = include_str!("readme.md");
/// Name and version of the layout.
const FORMAT: &str = "taizhang-archive/1";
/// What is packed stands below this folder, whose name sorts between the two files that say what it is.
const CONTENT: &str = "content";
/// How often a year is packed anew because somebody wrote meanwhile.
const TIMES_MAX: usize = 5;

/// A file that was written.
pub struct Made {
    /// SHA-256 of the whole file.
    pub sha256: String,
    /// Files in it.
    pub files: usize,
    /// Bytes.
    pub size: u64,
    /// What the year lacks.
    pub findings: Vec<Finding>,
}

/// A file in the archive.
enum Content {
    /// Its bytes.
    Bytes(Vec<u8>),
    /// A file of the state that has this SHA-256.
    Kept(PathBuf, String),
}

impl Content {
    /// What goes into the package; a file that is kept must be what it was when it was kept.
    fn bytes(self) -> Result<Vec<u8>, Failure> {
        let (path, sha256) = match self {
            Content::Bytes(bytes) => return Ok(bytes),
            Content::Kept(path, sha256) => (path, sha256),
        };
        let bytes = fs::read(&path).map_err(|error| Failure::source(Finding::io(&path, &error)))?;
        if Digest::of(&bytes).to_string() != sha256 {
            let finding = Finding::error("file-damaged").at(path.display().to_string()).with("reason", "SHA-256");
            return Err(Failure::source(finding));
        }
        Ok(bytes)
    }
}

/// What is packed, by name.
#[derive(Default)]
struct Collected {
    files: BTreeMap<String, Content>,
    /// Operations that wrote something of it.
    operations: BTreeSet<i64>,
    findings: Vec<Finding>,
}

fn lost(error: serde_json::Error) -> Failure {
    Failure::source(Finding::error("output-refused").with("reason", error))
}

/// JSON as it stands in the archive: in lines, so that people can read it, and with a line end.
fn text(value: &impl Serialize) -> Result<Content, Failure> {
    let text = serde_json::to_string_pretty(value).map_err(lost)?;
    Ok(Content::Bytes((text + "\n").into_bytes()))
}

/// Packs a year of `books` into `path`, as one operation of `person`.
pub fn make(agent: &Agent, store: &mut Store, year: u16, books: &[&Book], person: &Person, path: &Path) -> Result<Made, Failure> {
    let ids: Vec<&str> = books.iter().map(|book| book.id.as_str()).collect();
    let part = path.with_extension("part");
    for _ in 0..TIMES_MAX {
        let log = store.operations()?;
        let collected = collect(agent, store, year, books, &log)?;
        let findings = collected.findings.clone();
        let (files, size, sha256) = pack(agent, year, &ids, &log, collected, &part)?;
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let detail = json!({ "year": year, "books": ids, "file": name, "size": size, "files": files, "sha256": sha256 });
        let work = store.begin(&person.id, "archive", &detail)?;
        // Nobody else can write now. What was written while this packed is not in it, so it packs again.
        if work.seq != log.last().map_or(0, |last| last.seq) + 1 {
            continue;
        }
        fs::rename(&part, path).map_err(|error| sheet::unwritten(path, &error))?;
        work.commit()?;
        return Ok(Made { sha256, files, size, findings });
    }
    let busy = ids.join(", ");
    Err(Failure::source(Finding::error("book-locked").at(format!("book {busy}")).with("book", busy)))
}

fn collect(agent: &Agent, store: &Store, year: u16, books: &[&Book], log: &[Operation]) -> Result<Collected, Failure> {
    let mut all = Collected::default();
    let by: BTreeMap<i64, &Operation> = log.iter().map(|operation| (operation.seq, operation)).collect();
    for book in books {
        ledger_of(store, book, year, &by, &mut all)?;
        drafts_of((agent, store), book, year, &by, &mut all)?;
        seals_of(store, book, year, &mut all)?;
    }
    if all.files.is_empty() {
        let names = books.iter().map(|book| book.id.as_str()).collect::<Vec<_>>().join(", ");
        return Err(Failure::findings(vec![Finding::error("archive-empty").at(format!("book {names}, {year}"))]));
    }
    records_of(store, books, year, &by, &mut all)?;
    for book in books {
        mapping_of(agent, store, book, &by, &mut all)?;
        all.findings.extend(gaps::of(agent, store, book, year)?);
    }
    // What several books share is told once.
    let mut told: Vec<Finding> = Vec::new();
    for finding in std::mem::take(&mut all.findings) {
        if !told.contains(&finding) {
            told.push(finding);
        }
    }
    all.findings = told;
    Ok(all)
}

fn who(by: &BTreeMap<i64, &Operation>, operation: i64) -> [String; 2] {
    by.get(&operation).map_or_else(Default::default, |operation| [operation.at.clone(), operation.who.clone()])
}

fn body(place: impl FnOnce() -> String, body: &str) -> Result<Value, Failure> {
    serde_json::from_str(body).map_err(|error| Failure::source(Finding::error("file-damaged").at(place()).with("reason", error)))
}

/// Every version of every ledger cell: a table for spreadsheets, and whole with the tree below each value.
fn ledger_of(store: &Store, book: &Book, year: u16, by: &BTreeMap<i64, &Operation>, all: &mut Collected) -> Result<(), Failure> {
    let versions = store.cells_of_year(&book.id, year)?;
    if versions.is_empty() {
        return Ok(());
    }
    let (mut rows, mut bodies) = (Vec::new(), Vec::new());
    for version in &versions {
        all.operations.insert(version.operation);
        let [at, person] = who(by, version.operation);
        let place = || format!("{}:{}, {}, book {}", version.form, version.cell, version.period, version.book);
        let mut row = ledger::row(version, &ledger::read(version)?);
        row.extend([at.clone(), person.clone()]);
        rows.push(row);
        bodies.push(json!({
            "form": version.form, "edition": version.edition, "period": version.period, "cell": version.cell,
            "version": version.version, "operation": version.operation, "at": at, "who": person, "body": body(place, &version.body)?,
        }));
    }
    let columns = [&ledger::COLUMNS[..], &["at", "who"]].concat();
    let table = sheet::inert_csv(&columns, &ledger::NUMBERS, &rows)?;
    let folder = format!("{CONTENT}/books/{}", book.id);
    all.files.insert(format!("{folder}/ledger.csv"), Content::Bytes(table.into_bytes()));
    all.files.insert(format!("{folder}/ledger.json"), text(&bodies)?);
    Ok(())
}

/// Every version of every draft, with the bytes whose digest people saw and approved, and the newest as a workbook.
fn drafts_of(
    (agent, store): (&Agent, &Store),
    book: &Book,
    year: u16,
    by: &BTreeMap<i64, &Operation>,
    all: &mut Collected,
) -> Result<(), Failure> {
    let versions = store.drafts_of_year(&book.id, year)?;
    let folder = format!("{CONTENT}/books/{}", book.id);
    let mut rows = Vec::new();
    for (at, version) in versions.iter().enumerate() {
        all.operations.insert(version.operation);
        let stem = format!("{folder}/drafts/{}/{}", version.period, version.form);
        let [made, person] = who(by, version.operation);
        let same = |other: &store::DraftVersion| (&other.form, &other.period) == (&version.form, &version.period);
        if !versions.get(at + 1).is_some_and(same) {
            let draft = build::read(version)?;
            let place = PathBuf::from(format!("{stem}.xlsx"));
            let beside = Beside::of(agent, store, &draft)?;
            // A workbook holds when it was made: that is when the draft was written.
            let first = versions.iter().find(|first| same(first) && first.body == version.body).unwrap_or(version);
            let made = time(&who(by, first.operation)[0]);
            let workbook = sheet::workbook(&place, &draft, Vec::new(), store, Lang::Zh, &beside, Some(&made))?;
            all.files.insert(format!("{stem}.xlsx"), Content::Bytes(workbook));
        }
        let name = format!("{stem}-v{}.json", version.version);
        let digest = Digest::of(version.body.as_bytes()).to_string();
        rows.push(vec![
            version.form.clone(),
            version.edition.clone(),
            version.period.clone(),
            version.version.to_string(),
            version.state.clone(),
            made,
            person,
            version.operation.to_string(),
            digest,
            name.clone(),
        ]);
        all.files.insert(name, Content::Bytes(version.body.clone().into_bytes()));
    }
    if !rows.is_empty() {
        let columns = ["form", "edition", "period", "version", "state", "at", "who", "operation", "sha256", "file"];
        let table = sheet::inert_csv(&columns, &["version", "operation"], &rows)?;
        all.files.insert(format!("{folder}/drafts.csv"), Content::Bytes(table.into_bytes()));
    }
    Ok(())
}

/// A time of the log as a workbook has it.
fn time(at: &str) -> ExcelDateTime {
    ExcelDateTime::parse_from_str(at.get(..19).unwrap_or_default()).unwrap_or_default()
}

/// Every seal of the year, with chart and calendar that were read with it. Entries stay in the state: they are the books' own archive.
fn seals_of(store: &Store, book: &Book, year: u16, all: &mut Collected) -> Result<(), Failure> {
    let mut rows = Vec::new();
    for id in [book.id.clone(), measures::id(&book.id), unposted::id(&book.id)] {
        for seal in store.seals_of_year(&id, year)? {
            all.operations.insert(seal.operation);
            let name = format!("{CONTENT}/contexts/{}.json", seal.context);
            if let Entry::Vacant(place) = all.files.entry(name) {
                place.insert(Content::Bytes(store.context(&seal.context)?.into_bytes()));
            }
            rows.push(vec![
                seal.book,
                seal.period.to_string(),
                seal.root,
                seal.file.unwrap_or_default(),
                seal.rows.to_string(),
                seal.vouchers.to_string(),
                seal.debit,
                seal.credit,
                seal.closing,
                seal.state,
                seal.fingerprint,
                seal.context,
                seal.cube.unwrap_or_default(),
                seal.operation.to_string(),
            ]);
        }
    }
    if !rows.is_empty() {
        let columns = [
            "book",
            "period",
            "root",
            "file_sha256",
            "rows",
            "vouchers",
            "debit",
            "credit",
            "closing_vouchers",
            "state",
            "fingerprint",
            "context",
            "cube_sha256",
            "operation",
        ];
        let table = sheet::inert_csv(&columns, &["rows", "vouchers", "debit", "credit", "operation"], &rows)?;
        all.files.insert(format!("{CONTENT}/books/{}/seals.csv", book.id), Content::Bytes(table.into_bytes()));
    }
    Ok(())
}

/// What people wrote of the year, kind by kind, with the files that they attached. A handover belongs to no month: the day on which it was
/// made counts, and whether the year was being worked on.
fn records_of(
    store: &Store,
    books: &[&Book],
    year: u16,
    by: &BTreeMap<i64, &Operation>,
    all: &mut Collected,
) -> Result<(), Failure> {
    let ids: Vec<&str> = books.iter().map(|book| book.id.as_str()).collect();
    let records = store.records_of_year(&ids, year)?;
    // What people sign in with is nobody's to read later, however it is kept.
    let records: Vec<_> = records.into_iter().filter(|(_, record)| record.kind != desk::ACCOUNT).collect();
    let dated = |record: &Record| !record.period.is_empty();
    let in_year =
        |record: &Record| who(by, record.operation)[0].parse().is_ok_and(|at| measures::day(at).year() == year.cast_signed());
    let own = |record: &&(i64, Record)| dated(&record.1) || in_year(&record.1);
    all.operations.extend(records.iter().filter(own).map(|(_, record)| record.operation));
    let (first, last) = (all.operations.first().copied(), all.operations.last().copied());
    let span = first.unwrap_or_default()..=last.unwrap_or_default();
    let mut kinds: BTreeMap<&str, Vec<Value>> = BTreeMap::new();
    for (version, record) in records.iter().filter(|record| own(record) || span.contains(&record.1.operation)) {
        let Record { kind, book, form, period, key, .. } = record;
        let body = body(|| format!("{kind} {form} {period} {key}"), &record.body)?;
        for (sha256, name) in attached(&body) {
            let path = store.folder().join("evidence").join(&sha256);
            let extension = Path::new(&name).extension().and_then(|name| name.to_str()).unwrap_or_default();
            let plain = !extension.is_empty() && extension.len() <= 8 && extension.bytes().all(|c| c.is_ascii_alphanumeric());
            let dot = if plain { format!(".{}", extension.to_ascii_lowercase()) } else { String::new() };
            all.files.insert(format!("{CONTENT}/evidence/{sha256}{dot}"), Content::Kept(path, sha256));
        }
        let [at, person] = who(by, record.operation);
        kinds.entry(kind).or_default().push(json!({
            "book": book, "form": form, "period": period, "key": key, "version": version, "operation": record.operation,
            "at": at, "who": person, "body": body,
        }));
    }
    for (kind, records) in kinds {
        all.files.insert(format!("{CONTENT}/records/{kind}.json"), text(&records)?);
    }
    Ok(())
}

/// Files that a record names: digest and name.
fn attached(body: &Value) -> Vec<(String, String)> {
    let files = body["evidence"].as_array().into_iter().flatten();
    let text = |file: &Value, name: &str| file[name].as_str().map(str::to_owned);
    files
        .filter_map(|file| Some((text(file, "sha256")?, text(file, "name").unwrap_or_default())))
        .filter(|(sha256, _)| Digest::parse(sha256).is_some())
        .collect()
}

/// The texts of standard, forms and layers that the drafts were made by, each under its digest.
fn mapping_of(
    agent: &Agent,
    store: &Store,
    book: &Book,
    by: &BTreeMap<i64, &Operation>,
    all: &mut Collected,
) -> Result<(), Failure> {
    let current: BTreeMap<String, String> = match gaps::layers(agent, book) {
        Ok(layers) => layers.texts.into_iter().map(|(_, text)| (Digest::of(text.as_bytes()).to_string(), text)).collect(),
        // That the mapping of today is broken is told where its drafts are looked at.
        Err(_) => BTreeMap::new(),
    };
    let mut texts: BTreeMap<(String, String), BTreeSet<i64>> = BTreeMap::new();
    let mut missing: BTreeSet<String> = BTreeSet::new();
    for operation in all.operations.iter().filter_map(|seq| by.get(seq)).filter(|operation| operation.what == "build") {
        let detail = body(|| format!("operation {}", operation.seq), &operation.detail)?;
        if detail["book"] != book.id.as_str() {
            continue;
        }
        for source in detail["mapping"].as_array().into_iter().flatten() {
            let [file, sha256] = ["file", "sha256"].map(|name| source[name].as_str().unwrap_or_default().to_owned());
            let name = format!("{CONTENT}/mapping/{sha256}.toml");
            if let Entry::Vacant(place) = all.files.entry(name) {
                match store.find_context(&sha256)?.or_else(|| current.get(&sha256).cloned()) {
                    Some(text) => {
                        place.insert(Content::Bytes(text.into_bytes()));
                    }
                    None => {
                        missing.insert(format!("{file} {}", sha256.get(..12).unwrap_or_default()));
                    }
                }
            }
            texts.entry((file, sha256)).or_default().insert(operation.seq);
        }
    }
    if !missing.is_empty() {
        let names = missing.into_iter().collect::<Vec<_>>().join(", ");
        all.findings.push(Finding::warning("archive-text-missing").at(format!("book {}", book.id)).with("texts", names));
    }
    let list: Vec<Value> =
        texts.into_iter().map(|((file, sha256), builds)| json!({ "file": file, "sha256": sha256, "builds": builds })).collect();
    if !list.is_empty() {
        all.files.insert(format!("{CONTENT}/books/{}/mapping.json", book.id), text(&list)?);
    }
    Ok(())
}

/// Writes the archive: number of files, bytes, SHA-256.
fn pack(
    agent: &Agent,
    year: u16,
    books: &[&str],
    log: &[Operation],
    mut collected: Collected,
    path: &Path,
) -> Result<(usize, u64, String), Failure> {
    let first = collected.operations.first().copied().unwrap_or_default();
    let last = collected.operations.last().copied().unwrap_or_default();
    // Whole from the first operation that has to do with the year to the last: the chain can be followed through it.
    let span: Vec<&Operation> = log.iter().filter(|operation| (first..=last).contains(&operation.seq)).collect();
    let entries: Vec<Value> = span
        .iter()
        .map(|entry| {
            json!({
                "seq": entry.seq, "at": entry.at, "who": entry.who, "what": entry.what, "detail": entry.detail,
                "previous": entry.previous, "hash": entry.hash, "of_the_year": collected.operations.contains(&entry.seq),
            })
        })
        .collect();
    collected.files.insert(format!("{CONTENT}/log.json"), text(&entries)?);
    let unit = &agent.unit;
    let readme = README.replace("{unit}", &unit.name).replace("{code}", &unit.code).replace("{year}", &year.to_string());
    collected.files.insert("README.md".to_owned(), Content::Bytes(readme.into_bytes()));
    let mut zip = Zip::new(path)?;
    let (mut files, mut sums) = (Vec::new(), String::new());
    for (name, content) in collected.files {
        let (size, sha256) = zip.add(&name, &content.bytes()?)?;
        sums.push_str(&format!("{sha256}  {name}\n"));
        files.push(json!({ "name": name, "size": size, "sha256": sha256 }));
    }
    let notes: Vec<Note> = collected.findings.iter().map(Note::from).collect();
    let manifest = json!({
        "format": FORMAT, "program": env!("CARGO_PKG_VERSION"), "unit": { "code": unit.code, "name": unit.name }, "year": year,
        "books": books, "findings": notes, "files": files,
        "log": {
            "from": first, "to": last, "previous": span.first().map(|entry| &entry.previous),
            "last": span.last().map(|entry| &entry.hash),
        },
    });
    let (_, sha256) = zip.add("manifest.json", &text(&manifest)?.bytes()?)?;
    sums.push_str(&format!("{sha256}  manifest.json\n"));
    zip.add("manifest.sha256", sums.as_bytes())?;
    let (size, sha256) = zip.finish()?;
    Ok((files.len() + 2, size, sha256))
}

/// Months of a year.
fn months(year: u16) -> impl Iterator<Item = Month> {
    (1..=12).filter_map(move |month| Month::new(year, month))
}
