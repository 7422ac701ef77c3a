//! The ledger of entries: what people enter, with evidence, as versions that are never changed.

use std::collections::{BTreeMap, BTreeSet};

use journal::Digest;
use model::{Amount, Finding, MeasureRow, Month};
use serde::{Deserialize, Serialize};
use serde_json::json;
use store::{Record, Store, Wanted};
use survey::measures::{Basis, Entered, KindFact, Kinds, Measures, Nature, Need, days_in};

use super::fit;
use crate::{
    acts,
    config::{Agent, Book, Deed, Person},
    evidence::{self, Paper},
    measures::short,
    report::{Failure, blocked},
};

/// Fewest characters of a reason.
const REASON_LEAST: usize = 4;

/// Field that says what something was used for.
const USE: &str = "use";

/// Field that says what part of a whole something is.
const COMPOSITION: &str = "composition";

/// Kind of the records.
pub const RECORD: &str = "measure";

/// What an entry says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Body {
    /// Kind of measure, by its id.
    pub kind: String,
    /// Item.
    pub item: String,
    /// Day, where it has one.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub date: String,
    /// Number of the paper.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub document: String,
    /// Quantity, decimal text.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub quantity: String,
    /// Unit.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub unit: String,
    /// Money, decimal text.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub amount: String,
    /// `level` or `change`, of heads.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub basis: String,
    /// Measured coefficient.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub coefficient: String,
    /// Class of the item.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub class: String,
    /// `made`, `bought` or `service`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub origin: String,
    /// Texts that the kind has.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub fields: BTreeMap<String, String>,
    /// In words.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub note: String,
    /// Files that prove it, kept under their SHA-256.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<BTreeMap<String, String>>,
    /// Who entered this version.
    pub person: String,
    /// Why it was corrected or taken back.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// Whether it was taken back.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub withdrawn: bool,
}

impl Body {
    /// What tells an entry from the others of its month.
    pub fn key(&self) -> String {
        let mut key = format!("{}:{}", self.kind, self.item);
        let none = String::new();
        // What was used for one thing and for another are two lines of a sheet.
        let purpose = self.fields.get(USE).unwrap_or(&none);
        let part = self.fields.get(COMPOSITION).unwrap_or(&none);
        for (mark, text) in [('/', purpose), ('/', part), ('@', &self.date), ('#', &self.document)] {
            if !text.is_empty() {
                key.push(mark);
                key.push_str(text);
            }
        }
        key
    }

    /// Whether it says the same, whoever said it and why.
    pub fn says(&self, other: &Body) -> bool {
        let bare = |body: &Body| Body { person: String::new(), reason: String::new(), evidence: Vec::new(), ..body.clone() };
        bare(self) == bare(other)
    }

    /// Whether a file with this digest is among what proves it.
    fn is_proved_by(&self, sha256: &str) -> bool {
        self.evidence.iter().any(|file| file.get("sha256").is_some_and(|own| own == sha256))
    }
}

/// One version of an entry.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Month.
    pub month: Month,
    /// Key.
    pub key: String,
    /// Operation that wrote it.
    pub operation: i64,
    /// What it says.
    pub body: Body,
}

impl Entry {
    fn of(record: &Record) -> Result<Entry, Failure> {
        let month = record.period.parse().map_err(|error| {
            Failure::source(Finding::error("file-damaged").at(format!("measure {}", record.key)).with("reason", error))
        })?;
        Ok(Entry { month, key: record.key.clone(), operation: record.operation, body: acts::body(record)? })
    }

    /// The entry as figures are made of it.
    pub fn figure(self) -> Result<Entered, Failure> {
        let Entry { month, key, operation, body } = self;
        let number = |text: &str| match text {
            "" => Ok(None),
            text => text.parse::<Amount>().map(Some).map_err(|error| {
                Failure::source(Finding::error("file-damaged").at(format!("measure {key}")).with("reason", error))
            }),
        };
        let filled = |text: &String| (!text.is_empty()).then(|| text.clone());
        let row = MeasureRow {
            month,
            kind: body.kind.clone(),
            item: body.item.clone(),
            item_name: None,
            class: filled(&body.class),
            origin: filled(&body.origin),
            unit: filled(&body.unit),
            quantity: number(&body.quantity)?,
            amount: number(&body.amount)?,
            document: if body.document.is_empty() { key.clone() } else { body.document.clone() },
            line: None,
            date: filled(&body.date),
        };
        let basis = if body.basis == "level" { Basis::Level } else { Basis::Change };
        let coefficient = number(&body.coefficient)?;
        let [purpose, composition] = [USE, COMPOSITION].map(|name| body.fields.get(name).cloned());
        Ok(Entered { row, operation, person: body.person, basis, purpose, composition, coefficient, key })
    }
}

/// The version of each entry that holds, of one month or of all.
pub fn current(store: &Store, book: &str, month: Option<Month>) -> Result<Vec<Entry>, Failure> {
    let period = month.map(|month| month.to_string());
    let wanted = Wanted { book: Some(book), period: period.as_deref(), ..Wanted::default() };
    let mut entries = store.records(RECORD, wanted)?.iter().map(Entry::of).collect::<Result<Vec<_>, _>>()?;
    entries.sort_by(|a, b| (a.month, &a.key).cmp(&(b.month, &b.key)));
    Ok(entries)
}

/// Every version of an entry, oldest first; with the month, where several months have it.
pub fn versions(store: &Store, book: &str, month: Option<Month>, key: &str) -> Result<Vec<Entry>, Failure> {
    let period = month.map(|month| month.to_string());
    let wanted = Wanted { book: Some(book), period: period.as_deref(), key: Some(key), ..Wanted::default() };
    store.record_versions(RECORD, wanted)?.iter().map(Entry::of).collect()
}

/// How entries are made.
pub struct Act<'a> {
    /// Who makes them.
    pub person: &'a Person,
    /// Whether entries that are there are corrected, or taken back.
    pub correct: bool,
    /// Whether they add to what the ERP has of the same item.
    pub beside: bool,
    /// Why.
    pub reason: &'a str,
    /// Files that prove them.
    pub evidence: &'a [Paper],
}

/// Entries that were made, and those that said nothing new.
pub struct Made {
    /// Keys that were written.
    pub written: Vec<String>,
    /// Entries that were there already and say the same.
    pub same: usize,
    /// What is worth knowing of them.
    pub findings: Vec<Finding>,
}

/// Entries of a month, each with its place for findings.
pub type Bodies = (Month, Vec<(String, Body)>);

/// Makes entries of some months, all of them or none; what is wrong is told all at once. Each month is an operation of its own.
pub fn make(
    agent: &Agent,
    store: &mut Store,
    book: &Book,
    measures: &Measures,
    act: &Act<'_>,
    months: Vec<Bodies>,
) -> Result<Made, Failure> {
    let (mut findings, mut fresh, mut same, mut befores) = (Vec::new(), BTreeMap::new(), 0, BTreeMap::new());
    for (month, bodies) in months {
        let locked = acts::unlocked(store, &book.id, "", month).err().into_iter().flat_map(|failure| failure.findings);
        findings.extend(locked);
        findings.extend(fit::month(month).map(|finding| finding.at(format!("{month}, book {}", book.id))));
        let before: BTreeMap<String, Body> =
            current(store, &book.id, Some(month))?.into_iter().map(|entry| (entry.key, entry.body)).collect();
        let asked = Asked { agent, measures, act, month, before: &before };
        same += asked.look(bodies, &mut fresh, &mut findings);
        befores.insert(month, before);
    }
    if !blocked(&findings) {
        findings.extend(fit::heads(store, &book.id, measures, &fresh)?);
    }
    if blocked(&findings) {
        return Err(Failure::findings(findings));
    }
    if fresh.is_empty() {
        return Ok(Made { written: Vec::new(), same, findings });
    }
    let files = evidence::keep_all(store, act.evidence)?;
    let mut records: BTreeMap<Month, Vec<Record>> = BTreeMap::new();
    for ((month, key), (_, mut body)) in fresh {
        body.evidence.clone_from(&files);
        if let Some(old) = befores.get(&month).and_then(|before| before.get(&key)).filter(|_| files.is_empty()) {
            // What proved the version before stays with its entry.
            body.evidence.clone_from(&old.evidence);
        }
        let text = serde_json::to_string(&body)
            .map_err(|error| Failure::source(Finding::error("state-refused").with("reason", error)))?;
        let (kind, book, period) = (RECORD.to_owned(), book.id.clone(), month.to_string());
        let record = Record { operation: 0, kind, book, form: String::new(), period, key, body: text };
        records.entry(month).or_default().push(record);
    }
    let mut written = Vec::new();
    for (month, records) in records {
        let list: Vec<_> = records
            .iter()
            .map(|record| json!({ "key": record.key, "sha256": Digest::of(record.body.as_bytes()).to_string() }))
            .collect();
        let detail = json!({ "book": book.id, "period": month.to_string(), "entries": list, "reason": act.reason.trim() });
        let work = store.begin(&act.person.id, "measure", &detail)?;
        for record in &records {
            work.put_record(record)?;
        }
        work.commit()?;
        written.extend(records.into_iter().map(|record| record.key));
    }
    Ok(Made { written, same, findings })
}

/// What is looked at when entries of a month are made.
struct Asked<'a> {
    agent: &'a Agent,
    measures: &'a Measures,
    act: &'a Act<'a>,
    month: Month,
    /// What the month has.
    before: &'a BTreeMap<String, Body>,
}

impl Asked<'_> {
    /// Puts what is new among `fresh`, and what is wrong with it among the findings; how many say nothing new.
    fn look(
        &self,
        bodies: Vec<(String, Body)>,
        fresh: &mut BTreeMap<(Month, String), (String, Body)>,
        findings: &mut Vec<Finding>,
    ) -> usize {
        let Asked { agent, measures, act, month, before } = *self;
        let proofs: BTreeSet<String> = act.evidence.iter().map(Paper::digest).collect();
        let mut unchanged = 0;
        for (place, mut body) in bodies {
            let mut wrong = unfit(&measures.kinds, month, &mut body);
            let whole = wrong.is_empty();
            if whole && !body.withdrawn {
                wrong.extend(fit::unit(measures, &body));
            }
            findings.extend(wrong.into_iter().map(|finding| finding.at(place.clone())));
            if !whole {
                continue;
            }
            let key = body.key();
            if !allowed(agent, act.person, &body, &measures.kinds) {
                let finding = Finding::error("measure-not-yours").at(&place).with("person", &act.person.id);
                findings.push(finding.with("kind", &body.kind).with("item", &body.item));
            }
            let theirs = measures.of_month(&body.kind, month);
            let held = theirs.iter().any(|(row, origin)| *origin == survey::measures::Origin::Erp && row.is(&body.item));
            if held && !act.beside && !body.withdrawn {
                findings.push(Finding::error("measure-held-by-erp").at(&place).with("key", &key).with("month", month));
            }
            match before.get(&key).filter(|old| !old.withdrawn) {
                // The same papers again prove nothing new.
                Some(old) if old.says(&body) && proofs.iter().all(|proof| old.is_proved_by(proof)) => {
                    unchanged += 1;
                    continue;
                }
                Some(_) if !act.correct => {
                    findings.push(Finding::error("measure-entered-already").at(&place).with("key", &key).with("month", month));
                }
                Some(_) if act.reason.trim().chars().count() < REASON_LEAST => {
                    let finding = Finding::error("reason-too-short").at(&place).with("reason", act.reason.trim());
                    findings.push(finding.with("least", REASON_LEAST));
                }
                None if body.withdrawn => {
                    findings.push(Finding::error("measure-entry-unknown").at(&place).with("key", &key).with("month", month));
                }
                _ => {}
            }
            // A total and its parts, entered both, would be counted twice.
            let own = fresh.iter().filter(|((other, _), _)| *other == month).map(|(_, (_, body))| body);
            let others: Vec<&Body> =
                before.values().chain(own).filter(|other| other.kind == body.kind && !other.withdrawn).collect();
            let split = |other: &Body| other.fields.contains_key(USE);
            if !body.withdrawn && others.iter().any(|other| other.item == body.item && split(other) != split(&body)) {
                findings.push(Finding::error("measure-use-mixed").at(&place).with("item", &body.item).with("month", month));
            }
            if let Some(all) = measures.kinds.kinds.get(&body.kind).and_then(short::whole).filter(|_| !body.withdrawn)
                && let Some(other) = others.iter().find(|other| (other.item == all) != (body.item == all))
            {
                let parts = if body.item == all { &other.item } else { &body.item };
                findings.push(
                    Finding::error("measure-whole-mixed").at(&place).with("kind", all).with("item", parts).with("month", month),
                );
            }
            body.person.clone_from(&act.person.id);
            act.reason.trim().clone_into(&mut body.reason);
            if fresh.insert((month, key.clone()), (place.clone(), body)).is_some() {
                findings.push(Finding::error("measure-entry-doubled").at(&place).with("key", &key));
            }
        }
        unchanged
    }
}

/// A contributor enters what its own sheets are about; everyone else with a role may enter anything.
pub fn allowed(agent: &Agent, person: &Person, body: &Body, kinds: &Kinds) -> bool {
    if person.may(Deed::Enter) {
        return true;
    }
    let same = |name: &str| kinds.find(name).is_some_and(|(id, _)| id == body.kind);
    agent.sheets.iter().any(|sheet| {
        sheet.person == person.id && same(&sheet.kind) && (sheet.items.is_empty() || sheet.items.contains(&body.item))
    })
}

/// Lines of a sheet that add up the others: entered, everything would count twice.
const TOTALS: [&str; 5] = ["合计", "总计", "小计", "total", "Total"];

/// What is wrong with an entry by itself; the kind gets its id, the numbers their canonical text.
fn unfit(kinds: &Kinds, month: Month, body: &mut Body) -> Vec<Finding> {
    if body.kind.trim().is_empty() {
        return vec![Finding::error("measure-kind-unsaid").with("item", &body.item)];
    }
    let Some((id, kind)) = kinds.find(&body.kind) else {
        let near = settings::nearest(&body.kind, kinds.names()).unwrap_or("—");
        return vec![Finding::error("measure-kind-unknown").with("kind", &body.kind).with("near", near)];
    };
    body.kind = id.to_owned();
    if let Some(all) = short::whole(kind).filter(|_| body.item.trim().is_empty()) {
        all.clone_into(&mut body.item);
    }
    let mut findings = Vec::new();
    if body.item.trim().is_empty() {
        findings.push(Finding::error("measure-field-missing").with("field", short::shown("item")).with("kind", &kind.name));
    } else if TOTALS.contains(&body.item.trim()) {
        findings.push(Finding::error("measure-item-total").with("item", &body.item));
    } else if !kind.items.is_empty() && !kind.items.contains(&body.item) {
        let finding = Finding::error("measure-field-unfit").with("field", short::shown("item")).with("value", &body.item);
        findings.push(finding.with("known", kind.items.join(", ")));
    }
    if !body.withdrawn {
        numbers(kind, body, &mut findings);
        texts(kind, body, &mut findings);
    }
    if !body.date.is_empty() && !in_month(&body.date, month) {
        let finding = Finding::error("measure-date-unfit").with("item", &body.item).with("document", &body.date);
        findings.push(finding.with("month", month).with("last", days_in(month)));
    }
    findings
}

fn numbers(kind: &KindFact, body: &mut Body, findings: &mut Vec<Finding>) {
    let signed = matches!(kind.nature, Nature::Flow) || kind.nature == Nature::Heads && body.basis != "level";
    for (name, text, positive) in [
        ("quantity", &mut body.quantity, false),
        ("amount", &mut body.amount, kind.nature == Nature::Price),
        ("coefficient", &mut body.coefficient, true),
    ] {
        if text.is_empty() {
            continue;
        }
        let reason = match text.replace([',', '，'], "").trim().parse::<Amount>() {
            Ok(number) if positive && number <= Amount::ZERO || !signed && number < Amount::ZERO => {
                let least = if positive { "> 0" } else { "≥ 0" };
                let finding = Finding::error("measure-number-too-small").with("field", name).with("text", &*text);
                findings.push(finding.with("least", least));
                continue;
            }
            Ok(number) => {
                *text = number.to_string();
                continue;
            }
            Err(error) => error.code(),
        };
        findings.push(
            Finding::error("measure-number-unfit").with("field", short::shown(name)).with("text", &*text).with("reason", reason),
        );
    }
    if !body.coefficient.is_empty() && !kind.coal {
        let finding = Finding::error("measure-field-unknown").with("field", "coefficient").with("kind", &kind.name);
        findings.push(finding.with("known", ""));
    }
}

fn texts(kind: &KindFact, body: &Body, findings: &mut Vec<Finding>) {
    for need in &kind.needs {
        let given = match need {
            Need::Quantity => &body.quantity,
            Need::Unit => &body.unit,
            Need::Amount => &body.amount,
            Need::Date => &body.date,
        };
        if given.is_empty() {
            findings
                .push(Finding::error("measure-field-missing").with("field", short::shown(need.name())).with("kind", &kind.name));
        }
    }
    for (name, fact) in &kind.fields {
        let given = body.fields.get(name).map(String::as_str).unwrap_or_default();
        if given.is_empty() && fact.needed {
            findings.push(Finding::error("measure-field-missing").with("field", &fact.name).with("kind", &kind.name));
        } else if !given.is_empty() && !fact.choices.is_empty() && !fact.choices.iter().any(|known| known == given) {
            let finding = Finding::error("measure-field-unfit").with("field", &fact.name).with("value", given);
            findings.push(finding.with("known", fact.choices.join(", ")));
        } else if !given.is_empty() && fact.month && !formula::is_date(given) {
            let finding = Finding::error("measure-field-unfit").with("field", &fact.name).with("value", given);
            findings.push(finding.with("known", "2025-03, 202503, 2025-03-01"));
        }
    }
    for name in body.fields.keys().filter(|name| !kind.fields.contains_key(*name)) {
        let known: Vec<&str> = kind.fields.keys().map(String::as_str).collect();
        let finding = Finding::error("measure-field-unknown").with("field", name).with("kind", &kind.name);
        findings.push(finding.with("known", known.join(", ")));
    }
    let choices: [(&str, &String, &[&str]); 2] =
        [("basis", &body.basis, &["level", "change"]), ("origin", &body.origin, &["made", "bought", "service"])];
    for (name, given, known) in choices {
        if !given.is_empty() && !known.contains(&given.as_str()) {
            let finding = Finding::error("measure-field-unfit").with("field", short::shown(name)).with("value", given);
            let known: Vec<String> = known.iter().map(|word| short::word(word)).collect();
            findings.push(finding.with("known", known.join(", ")));
        }
    }
}

/// Whether a date `YYYY-MM-DD` lies in a month.
fn in_month(date: &str, month: Month) -> bool {
    let day = date.strip_prefix(&format!("{month}-")).filter(|day| day.len() == 2);
    day.and_then(|day| day.parse::<u8>().ok()).is_some_and(|day| (1..=days_in(month)).contains(&day))
}
