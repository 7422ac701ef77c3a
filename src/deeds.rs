/*!
What people do to a month: adjust a figure, say a text, lock and unlock, note an event, hand over. The command line and the pages do it with this,
and neither has a rule of its own.
*/

use std::collections::BTreeMap;

use model::{Amount, Finding, Month};
use serde_json::json;
use store::{Record, Store, Wanted};
use survey::document::{Adjustment, Cell};

use crate::{
    acts::{self, EVENT, Lock},
    audit, build,
    config::{self, Agent, Book, Deed, Person},
    evidence::{self, Paper},
    forms, loading, measures,
    report::Failure,
};

/// Kind of the records of handovers.
const HANDOVER: &str = "handover";
/// Kinds of events (大事记).
pub const EVENTS: [&str; 8] = ["capacity", "price", "product", "process", "equipment", "restructuring", "people", "other"];

/// What a figure is: form, row, book and month.
#[derive(Clone, Copy)]
pub struct Target<'a> {
    /// Form code.
    pub form: &'a str,
    /// Row of the form.
    pub row: &'a str,
    /// Book.
    pub book: &'a Book,
    /// Month.
    pub month: Month,
}

impl Target<'_> {
    fn figure(&self) -> String {
        format!("{}:{}", self.form, self.row)
    }

    fn place(&self) -> String {
        format!("{}, {}, book {}", self.figure(), self.month, self.book.id)
    }
}

/// Adds to a computed value, or takes that back where there is no amount; then builds the form with it.
pub fn adjust(
    agent: &Agent,
    store: &mut Store,
    person: &Person,
    target: Target<'_>,
    amount: Option<Amount>,
    why: &str,
    papers: &[Paper],
) -> Result<Vec<Finding>, Failure> {
    let Target { form, row, book, month } = target;
    let (figure, place) = (target.figure(), target.place());
    let why = acts::reason(why)?;
    if audit::causes(agent)?.says_nothing(why) {
        return Err(Failure::findings(vec![Finding::error("reason-empty").at(place).with("text", why)]));
    }
    person.must(Deed::Adjust, &place)?;
    configured(agent, form)?;
    acts::unlocked(store, &book.id, form, month)?;
    let (outcome, _) = build::current(agent, store, book, form, month)?;
    let Some(cell) = outcome.draft.cells.iter().find(|cell| cell.id == row) else {
        let near = settings::nearest(row, outcome.draft.cells.iter().map(|cell| cell.id.as_str())).unwrap_or("—");
        let finding = Finding::error("indicator-unknown").with("indicator", format!("[{figure}]")).with("near", near);
        return Err(Failure::config(finding));
    };
    if matches!(&*cell.kind, "text" | "choice") {
        return Err(Failure::findings(vec![Finding::error("adjust-text").at(place)]));
    }
    if let Some(amount) = amount {
        fits(agent, form, cell, amount).map_err(|finding| Failure::findings(vec![finding.at(&place)]))?;
    }
    let evidence = evidence::keep_all(store, papers)?;
    let adjustment = Adjustment {
        amount: amount.unwrap_or_default().to_string(),
        computed: acts::main_value(cell).unwrap_or_default(),
        reported: String::new(),
        reason: why.to_owned(),
        by: person.id.clone(),
        evidence,
        withdrawn: amount.is_none(),
    };
    let body =
        serde_json::to_string(&adjustment).map_err(|e| Failure::source(Finding::error("state-refused").with("reason", e)))?;
    let (kind, form, key) = (acts::ADJUSTMENT.to_owned(), form.to_owned(), row.to_owned());
    let record = Record { operation: 0, kind, book: book.id.clone(), form: form.clone(), period: month.to_string(), key, body };
    let detail =
        json!({ "book": book.id, "figure": figure, "period": record.period, "amount": adjustment.amount, "reason": why });
    acts::write(store, &person.id, "adjust", &detail, &record)?;
    let (outcomes, mut findings) = build::build(agent, store, book, Some(&form), month, &person.id)?;
    findings = crate::report::grave(findings);
    let cells = outcomes.iter().flat_map(|outcome| &outcome.draft.cells);
    let made = cells.filter_map(|cell| cell.adjustment.as_ref().filter(|_| cell.id == row)).next();
    let reported = made.map_or(&adjustment.computed, |made| &made.reported);
    let finding = Finding::note("adjusted").at(place).with("computed", &adjustment.computed);
    findings.push(finding.with("amount", &adjustment.amount).with("reported", reported));
    Ok(findings)
}

/// Refuses what would leave more decimals in a figure than its form has: a mandatory rule would, after it was kept.
fn fits(agent: &Agent, form: &str, cell: &Cell, amount: Amount) -> Result<(), Finding> {
    // A form that cannot be read is told where it is built.
    let Ok(pack) = loading::form(agent, form) else { return Ok(()) };
    let Some(row) = pack.row(&cell.id) else { return Ok(()) };
    let computed = acts::main_value(cell).and_then(|text| text.parse::<Amount>().ok()).unwrap_or_default();
    let (reported, (_, places)) = (computed.checked_add(amount).unwrap_or(amount).to_string(), pack.conversion(row));
    let decimals = reported.split_once('.').map_or(0, |(_, decimals)| decimals.len());
    if decimals <= places as usize {
        return Ok(());
    }
    Err(Finding::error("adjust-decimals").with("reported", reported).with("places", places))
}

/// Refuses a form that the configuration does not have: nobody files it.
pub fn configured<'a>(agent: &'a Agent, form: &str) -> Result<&'a config::Form, Failure> {
    agent.forms.iter().find(|own| own.code == form).ok_or_else(|| {
        let near = settings::nearest(form, agent.forms.iter().map(|own| own.code.as_str())).unwrap_or("—");
        let finding = Finding::error("form-not-configured").at(agent.path.display().to_string()).with("form", form);
        Failure::config(finding.with("near", near))
    })
}

/// Writes a text that a person says, or takes it back where there is none; then builds the form with it.
pub fn say(
    agent: &Agent,
    store: &mut Store,
    person: &Person,
    target: Target<'_>,
    text: Option<&str>,
    why: Option<&str>,
    papers: &[Paper],
) -> Result<Vec<Finding>, Failure> {
    let Target { form, row, book, month } = target;
    let (figure, place) = (target.figure(), target.place());
    person.must(Deed::Adjust, &place)?;
    configured(agent, form)?;
    acts::unlocked(store, &book.id, form, month)?;
    let configured = forms::configured(agent, book, Some(form))?;
    let layers = forms::layers(agent, &configured)?;
    let Some(known) = layers.mapping.form(form).and_then(|pack| pack.row(row)) else {
        let keys = layers.mapping.form(form).map(|pack| &pack.rows[..]).unwrap_or_default();
        let near = settings::nearest(row, keys.iter().map(survey::Row::key)).unwrap_or("—");
        let finding = Finding::error("indicator-unknown").with("indicator", format!("[{figure}]")).with("near", near);
        return Err(Failure::config(finding));
    };
    if known.kind.is_number() {
        return Err(Failure::config(Finding::error("text-on-figure").at(place).with("indicator", row).with("name", &known.name)));
    }
    let facts = agent.unit.facts();
    if let Some(fact) = known.fill.as_ref().filter(|fact| facts.get(*fact).is_some_and(|text| !text.is_empty())) {
        return Err(Failure::config(Finding::error("text-is-fact").at(place).with("indicator", row).with("fact", fact)));
    }
    let text = text.map(|text| known.answer(text)).transpose().map_err(|finding| Failure::config(finding.at(&place)))?;
    let (kind, period, key) = (acts::TEXT.to_owned(), month.to_string(), row.to_owned());
    let wanted = Wanted { book: Some(&book.id), form: Some(form), period: Some(&period), key: Some(row) };
    let before = store.records(acts::TEXT, wanted)?.pop().map(|record| acts::body::<acts::TextEntry>(&record)).transpose()?;
    let before = before.filter(|entry| !entry.withdrawn);
    match (&before, &text) {
        (None, None) => return Err(Failure::config(Finding::error("text-missing").at(place))),
        (Some(entry), Some(text)) if entry.text == *text && papers.is_empty() => {
            return Ok(vec![Finding::note("text-same").at(place).with("text", text)]);
        }
        (Some(entry), Some(text)) if why.is_none() => {
            let finding = Finding::error("text-entered-already").at(place).with("before", &entry.text).with("text", text);
            return Err(Failure::config(finding.with("by", &entry.by)));
        }
        _ => {}
    }
    let why = why.map(acts::reason).transpose()?.unwrap_or_default();
    let entry = acts::TextEntry {
        text: text.clone().unwrap_or_default(),
        reason: why.to_owned(),
        by: person.id.clone(),
        evidence: evidence::keep_all(store, papers)?,
        withdrawn: text.is_none(),
    };
    let body = serde_json::to_string(&entry).map_err(|e| Failure::source(Finding::error("state-refused").with("reason", e)))?;
    let detail = json!({ "book": book.id, "figure": figure, "period": period, "text": text, "reason": why });
    let record = Record { operation: 0, kind, book: book.id.clone(), form: form.to_owned(), period, key, body };
    acts::write(store, &person.id, acts::TEXT, &detail, &record)?;
    let (_, findings) = build::build(agent, store, book, Some(form), month, &person.id)?;
    let mut findings = crate::report::grave(findings);
    let told = match text {
        Some(text) => Finding::note("text-entered").with("text", text),
        None => Finding::note("text-withdrawn"),
    };
    findings.push(told.at(place).with("by", &person.name));
    Ok(findings)
}

/// Locks a form's month, or a whole month where no form is said; unlocks it where there is a reason for that.
pub fn lock(
    agent: &Agent,
    store: &mut Store,
    person: &Person,
    (book, form, month): (&Book, Option<&str>, Month),
    unlock: Option<&str>,
    papers: &[Paper],
) -> Result<Vec<Finding>, Failure> {
    let place = match form {
        Some(form) => format!("{form}, {month}, book {}", book.id),
        None => format!("{month}, book {}", book.id),
    };
    person.must(if unlock.is_some() { Deed::Unlock } else { Deed::Lock }, &place)?;
    if let Some(form) = form {
        configured(agent, form)?;
    }
    // A month that has not begun has nothing to be kept from change.
    if unlock.is_none() && month.to_string().as_str() > measures::today().get(..7).unwrap_or_default() {
        return Err(Failure::findings(vec![Finding::error("lock-of-the-future").at(place)]));
    }
    let why = unlock.map(acts::reason).transpose()?;
    let evidence = evidence::keep_all(store, papers)?;
    let state = Lock { locked: why.is_none(), reason: why.unwrap_or_default().to_owned(), by: person.id.clone(), evidence };
    let body = serde_json::to_string(&state).map_err(|e| Failure::source(Finding::error("state-refused").with("reason", e)))?;
    let (kind, form) = (acts::LOCK.to_owned(), form.unwrap_or_default().to_owned());
    let record = Record {
        operation: 0,
        kind,
        book: book.id.clone(),
        form: form.clone(),
        period: month.to_string(),
        key: String::new(),
        body,
    };
    let what = if state.locked { "lock" } else { "unlock" };
    let detail = json!({ "book": book.id, "form": form, "period": record.period, "reason": state.reason });
    acts::write(store, &person.id, what, &detail, &record)?;
    let told = if state.locked { Finding::note("month-locked") } else { Finding::note("month-unlocked") };
    Ok(vec![told.at(place)])
}

/// Keeps files and names them in what is written, where there are any.
fn attach(store: &Store, body: &mut serde_json::Value, papers: &[Paper]) -> Result<(), Failure> {
    if !papers.is_empty() {
        body["evidence"] = json!(evidence::keep_all(store, papers)?);
    }
    Ok(())
}

/// What a record says of a file: its name and SHA-256.
pub fn named(file: &BTreeMap<String, String>) -> (String, String) {
    let of = |name: &str| file.get(name).cloned().unwrap_or_default();
    (of("name"), of("sha256"))
}

/// Files that a record names.
pub fn papers(body: &serde_json::Value) -> Vec<(String, String)> {
    let of = |file: &serde_json::Value| ["name", "sha256"].map(|name| file[name].as_str().unwrap_or_default().to_owned());
    body["evidence"].as_array().into_iter().flatten().map(of).map(|[name, digest]| (name, digest)).collect()
}

/// An event that is in the 大事记.
pub struct Event {
    /// Month, `YYYY-MM`.
    pub period: String,
    /// One of [`EVENTS`].
    pub kind: String,
    /// What happened.
    pub text: String,
    /// Who wrote it.
    pub by: String,
    /// The operation that wrote it.
    pub operation: i64,
    /// Files that show it: name and SHA-256.
    pub papers: Vec<(String, String)>,
    /// Number by which it is taken back.
    pub key: String,
    /// Why it was taken back, where it was.
    pub withdrawn: Option<String>,
}

/// The 大事记, by month, with what was taken back.
pub fn events(store: &Store) -> Result<Vec<Event>, Failure> {
    let mut events = Vec::new();
    for record in store.records(EVENT, Wanted::default())? {
        let body: serde_json::Value = acts::body(&record)?;
        let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
        let (kind, by, operation) = (text("kind"), text("by"), record.operation);
        let (key, withdrawn) = (record.key, body["withdrawn"].as_str().map(str::to_owned));
        events.push(Event {
            text: text("text"),
            period: record.period,
            kind,
            by,
            operation,
            papers: papers(&body),
            key,
            withdrawn,
        });
    }
    events.sort_by(|a, b| a.period.cmp(&b.period));
    Ok(events)
}

/// Writes an event into the 大事记.
pub fn note(store: &mut Store, person: &Person, month: Month, kind: &str, text: &str, papers: &[Paper]) -> Result<(), Failure> {
    person.must(Deed::Event, month)?;
    let text = acts::reason(text)?;
    let key = (store.record_versions(EVENT, Wanted::default())?.len() + 1).to_string();
    let mut body = json!({ "kind": kind, "text": text, "by": person.id });
    attach(store, &mut body, papers)?;
    let body = body.to_string();
    let record = Record { kind: EVENT.to_owned(), period: month.to_string(), key, body, ..Record::default() };
    let detail = json!({ "period": record.period, "kind": kind, "text": text });
    acts::write(store, &person.id, EVENT, &detail, &record)
}

/// Takes an event or a handover back: a new version of its record says so, and the one before stays. `seen` is the operation of the one that was shown.
pub fn take_back(store: &mut Store, person: &Person, what: Deed, key: &str, seen: Option<i64>, why: &str) -> Result<(), Failure> {
    let kind = if what == Deed::Handover { HANDOVER } else { EVENT };
    person.must(what, format!("{kind} {key}"))?;
    let why = acts::reason(why)?;
    let place = format!("{kind} {key}");
    let record = store.records(kind, Wanted { key: Some(key), ..Wanted::default() })?.pop();
    let Some(record) = record.filter(|record| seen.is_none_or(|seen| seen == record.operation)) else {
        return Err(Failure::findings(vec![Finding::error("note-unknown").at(place)]));
    };
    let mut body: serde_json::Value = acts::body(&record)?;
    if body["withdrawn"].is_string() {
        return Err(Failure::findings(vec![Finding::error("note-unknown").at(place)]));
    }
    (body["withdrawn"], body["withdrawn_by"]) = (json!(why), json!(person.id));
    let detail =
        json!({ "period": record.period, "kind": body["kind"], "text": body["text"], "note": body["note"], "reason": why });
    let record = Record { body: body.to_string(), ..record };
    acts::write(store, &person.id, &format!("{kind}-withdraw"), &detail, &record)
}

/// A handover (交接).
pub struct Handover {
    /// When, RFC 3339.
    pub at: String,
    /// Who handed over.
    pub from: String,
    /// Who took over.
    pub to: String,
    /// What.
    pub note: String,
    /// Drafts that were open then.
    pub open: usize,
    /// Files that show it: name and SHA-256.
    pub papers: Vec<(String, String)>,
    /// Number by which it is taken back.
    pub key: String,
    /// The operation that wrote it last.
    pub operation: i64,
    /// Why it was taken back, where it was.
    pub withdrawn: Option<String>,
}

/// Handovers, the oldest first.
pub fn handovers(store: &Store) -> Result<Vec<Handover>, Failure> {
    let mut handovers = Vec::new();
    for record in store.records(HANDOVER, Wanted::default())? {
        let body: serde_json::Value = acts::body(&record)?;
        let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
        let versions = store.record_versions(HANDOVER, Wanted { key: Some(&record.key), ..Wanted::default() })?;
        // When it was handed over, and not when that was taken back.
        let made = versions.first().map_or(record.operation, |first| first.operation);
        let at = store.operation(made)?.map(|operation| operation.at).unwrap_or_default();
        let open = body["open"].as_array().map_or(0, Vec::len);
        let papers = papers(&body);
        let (key, operation, withdrawn) = (record.key, record.operation, body["withdrawn"].as_str().map(str::to_owned));
        let (from, to, note) = (text("from"), text("to"), text("note"));
        handovers.push(Handover { at, from, to, note, open, papers, key, operation, withdrawn });
    }
    Ok(handovers)
}

/// Hands over to somebody; what is open is part of it, whoever remembers to write it.
pub fn hand_over(
    agent: &Agent,
    store: &mut Store,
    person: &Person,
    to: &str,
    note: &str,
    papers: &[Paper],
) -> Result<(), Failure> {
    person.must(Deed::Handover, &person.id)?;
    let next = agent.person(to)?;
    if next.id == person.id {
        let finding = Finding::error("handover-to-oneself").at(&person.id).with("person", &person.name);
        return Err(Failure::findings(vec![finding]));
    }
    let note = acts::reason(note)?;
    let mut open: Vec<String> = Vec::new();
    for version in store
        .current_drafts()?
        .iter()
        .filter(|version| !matches!(&*version.state, "approved" | "signed" | "handed_out" | "queued" | "delivered" | "accepted"))
    {
        open.push(format!("{} {} {} {}", version.book, version.form, version.period, version.state));
    }
    let key = (store.record_versions(HANDOVER, Wanted::default())?.len() + 1).to_string();
    let mut body = json!({ "from": person.id, "to": next.id, "note": note, "open": open });
    attach(store, &mut body, papers)?;
    let record = Record { kind: HANDOVER.to_owned(), key, body: body.to_string(), ..Record::default() };
    acts::write(store, &person.id, HANDOVER, &body, &record)
}
