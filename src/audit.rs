/*! What audits need beside a book: outside figures, adjustments, explanations, causes and thresholds. */

use std::collections::BTreeMap;

use journal::Digest;
use model::{Amount, Finding, Month};
use serde_json::{Value, json};
use store::{Record, Store, Wanted};
use survey::{
    Form,
    audit::{self as rules, CAUSES, Causes, Claim, Explanation, Filed, Given, Outcome, Outside, Verdict},
    document::{Adjustment, Draft, Note},
    quality::{self, Thresholds},
};

use crate::{
    acts,
    build::{self, Ready},
    config::{Agent, Book, Deed, Person},
    forms::own_file,
    report::{self, Failure},
    reported,
};

/// Kind of the records of explanations.
pub const EXPLANATION: &str = "explanation";

/// What rules look at beside the book.
pub fn given(agent: &Agent, store: &Store, book: &Book) -> Result<Given, Failure> {
    let mut given = Given { outside: outside(agent)?, facts: agent.unit.facts(), ..Given::default() };
    for record in store.records(acts::ADJUSTMENT, Wanted { book: Some(&book.id), ..Wanted::default() })? {
        let adjustment: Adjustment = acts::body(&record)?;
        let parsed = (record.period.parse::<Month>(), adjustment.amount.parse::<Amount>());
        if let (Ok(month), Ok(amount), false) = (parsed.0, parsed.1, adjustment.withdrawn) {
            given.adjusted.insert((record.form, month, record.key), amount);
        }
    }
    for record in store.records(acts::TEXT, Wanted { book: Some(&book.id), ..Wanted::default() })? {
        let entry: acts::TextEntry = acts::body(&record)?;
        if let (Ok(month), false) = (record.period.parse::<Month>(), entry.withdrawn) {
            let entered = rules::Entered { text: entry.text, by: entry.by };
            given.texts.insert((record.form, month, record.key), entered);
        }
    }
    for (record, reported) in reported::of(store, &book.id, None, None)? {
        let Ok(month) = record.period.parse::<Month>() else { continue };
        for (column, figure) in &reported.columns {
            if let Ok(amount) = figure.parse() {
                given.platform.insert((record.form.clone(), month, record.key.clone(), column.clone()), amount);
            }
        }
        let mut filed = |month: Month, figure: Option<&String>, known_better: bool| {
            let Some(Ok(amount)) = figure.map(|text| text.parse::<Amount>()) else { return };
            let key = (record.form.clone(), month, record.key.clone());
            if known_better || !given.filed.contains_key(&key) {
                given.filed.insert(key, amount);
            }
        };
        filed(month, reported::main(&reported), true);
        // What this year's form brought along of last year, where last year's own was not loaded.
        if let Some(before) = month.prior_year() {
            filed(before, reported.columns.get("prior_year"), false);
        }
    }
    Ok(given)
}

/// The sheet of outside figures; no sheet is an empty one.
pub fn outside(agent: &Agent) -> Result<Outside, Failure> {
    let Some(path) = &agent.outside else { return Ok(Outside::default()) };
    let name = path.display().to_string();
    let wrong =
        |line: u64, reason: String| Finding::error("outside-unreadable").at(format!("{name}:{line}")).with("reason", reason);
    let mut reader = csv::ReaderBuilder::new()
        .trim(csv::Trim::All)
        .flexible(true)
        .from_path(path)
        .map_err(|error| Failure::config(wrong(1, error.to_string())))?;
    let headers: Vec<String> = match reader.headers() {
        // A spreadsheet may write a byte order mark before the first name.
        Ok(headers) => headers.iter().map(|name| name.trim_start_matches('\u{feff}').to_lowercase()).collect(),
        Err(error) => return Err(Failure::config(wrong(1, error.to_string()))),
    };
    let column = |wanted: &str| headers.iter().position(|name| name == wanted);
    let (Some(period), Some(named), Some(value)) = (column("period"), column("name"), column("value")) else {
        return Err(Failure::config(wrong(1, "period,name,value".to_owned())));
    };
    let (mut rows, mut findings) = (Vec::new(), Vec::new());
    for (at, record) in reader.records().enumerate() {
        let line = at as u64 + 2;
        match record {
            Ok(record) => rows.push((line, [period, named, value].map(|at| record.get(at).unwrap_or_default().to_owned()))),
            Err(error) => findings.push(wrong(line, error.to_string())),
        }
    }
    let texts = rows.iter().map(|(line, [period, named, value])| (*line, [period.as_str(), named, value]));
    let (outside, wrong) = Outside::of(&name, texts);
    findings.extend(wrong);
    if findings.is_empty() { Ok(outside) } else { Err(Failure { exit: 2, findings }) }
}

/// What people said about the rules of a form in a period.
pub fn said(store: &Store, book: &str, form: &str, period: &str) -> Result<Vec<Explanation>, Failure> {
    let wanted = Wanted { book: Some(book), form: Some(form), period: Some(period), key: None };
    store.records(EXPLANATION, wanted)?.iter().map(acts::body).collect()
}

/// The causes there are: the enterprise's own file, or the built-in one.
pub fn causes(agent: &Agent) -> Result<Causes, Failure> {
    read(agent, "mappings/causes.toml", CAUSES, Causes::parse)
}

/// Thresholds of the screens: the enterprise's own file, or the built-in one.
pub fn thresholds(agent: &Agent) -> Result<Thresholds, Failure> {
    read(agent, "mappings/quality.toml", quality::THRESHOLDS, Thresholds::parse)
}

fn read<T>(
    agent: &Agent,
    name: &str,
    built_in: &str,
    parse: impl Fn(&str, &str) -> (Option<T>, Vec<Finding>),
) -> Result<T, Failure> {
    let own = own_file(agent, name).map_err(Failure::config)?;
    match parse(name, own.as_deref().unwrap_or(built_in)) {
        (Some(read), findings) if !report::blocked(&findings) => Ok(read),
        (_, findings) => Err(Failure { exit: 2, findings }),
    }
}

/// A form's verdicts, with what was said about them.
pub struct Audited {
    /// The form.
    pub form: Form,
    /// Book id.
    pub book: String,
    /// Verdicts.
    pub verdicts: Vec<Verdict>,
    /// What people said.
    pub said: Vec<Explanation>,
    /// Names of the book's accounts.
    pub names: BTreeMap<String, String>,
}

/// Judges the rules of one form of a book, or of all its forms.
pub fn judged(
    agent: &Agent,
    store: &mut Store,
    book: &Book,
    form: Option<&str>,
    month: Month,
) -> Result<(Vec<Audited>, Vec<Finding>), Failure> {
    let ready = build::ready(agent, store, book, form, month)?;
    let audited = judge(agent, store, book, form, month, &ready)?;
    Ok((audited, ready.findings))
}

/// The same on a book that is ready.
pub fn judge(
    agent: &Agent,
    store: &Store,
    book: &Book,
    form: Option<&str>,
    month: Month,
    ready: &Ready,
) -> Result<Vec<Audited>, Failure> {
    let given = given(agent, store, book)?;
    let mut audited = Vec::new();
    for configured in ready.forms.iter().filter(|configured| form.is_none_or(|code| configured.code == code)) {
        let Some(pack) = ready.layers.mapping.form(&configured.code) else { continue };
        let desk = ready.desk(&configured.code);
        let verdicts = desk.with(&ready.layers.mapping, |engine, _| {
            let world = Filed::new(engine, &pack.form, &given);
            let rules = rules::rules(engine.mapping(), &pack.form, month);
            rules.iter().map(|rule| rules::judge(rule, &world, month)).collect()
        });
        let said = said(store, &book.id, &pack.form, &month.to_string())?;
        audited.push(Audited { form: pack.clone(), book: book.id.clone(), verdicts, said, names: desk.names.clone() });
    }
    Ok(audited)
}

/// SHA-256 of a text, as explanations are bound to figures.
pub fn digest(text: &str) -> String {
    Digest::of(text.as_bytes()).to_string()
}

/// The ESS validation report over forms, with what people said beside each verdict.
pub fn ess(event: &rules::Event<'_>, audited: &[Audited]) -> Value {
    let entries = audited.iter().flat_map(|audited| {
        let Value::Array(mut entries) = rules::report(event, &audited.verdicts) else { return Vec::new() };
        for (entry, verdict) in entries.iter_mut().zip(&audited.verdicts) {
            entry["details"]["book"] = json!(audited.book);
            entry["details"]["explanation"] = match verdict.claim(&audited.said, &digest) {
                Claim::Holds(said) => json!({ "cause": said.cause, "text": said.text, "by": said.by, "valid": true }),
                Claim::Stale(said) => json!({ "cause": said.cause, "text": said.text, "by": said.by, "valid": false }),
                Claim::None => Value::Null,
            };
        }
        entries
    });
    entries.collect()
}

/// Rules to be verified that a draft does not meet and nobody has explained: nothing of it is signed before that.
pub fn unexplained(draft: &Draft) -> Vec<Finding> {
    let text = |note: &Note, name: &str| note.arguments.get(name).cloned().unwrap_or_default();
    let open = draft.findings.iter().filter(|note| note.code == "rule-verify");
    open.map(|note| {
        Finding::error("explanation-missing").at(&note.place).with("rule", text(note, "rule")).with("text", text(note, "text"))
    })
    .collect()
}

/// An explanation that a person gives.
pub struct Saying<'a> {
    /// Form code.
    pub form: &'a str,
    /// Id of the rule.
    pub rule: &'a str,
    /// Month.
    pub period: Month,
    /// Code of the cause.
    pub cause: &'a str,
    /// What happened.
    pub text: &'a str,
}

/// 核实说明: keeps what a person says about a rule that is not met, and builds the draft that carries it.
pub fn explain(
    agent: &Agent,
    store: &mut Store,
    book: &Book,
    person: &Person,
    asked: &Saying<'_>,
) -> Result<Vec<Finding>, Failure> {
    person.must(Deed::Explain, format!("{}, {}, book {}", asked.form, asked.period, book.id))?;
    acts::unlocked(store, &book.id, asked.form, asked.period)?;
    let (audited, _) = judged(agent, store, book, Some(asked.form), asked.period)?;
    let place = format!("{}, {}, book {}", asked.form, asked.period, book.id);
    let verdicts: Vec<&Verdict> = audited.iter().flat_map(|audited| &audited.verdicts).collect();
    let Some(verdict) = verdicts.iter().find(|verdict| verdict.rule == asked.rule) else {
        let near = settings::nearest(asked.rule, verdicts.iter().map(|verdict| verdict.rule.as_str())).unwrap_or("—");
        return Err(Failure::config(Finding::error("rule-unknown").at(place).with("rule", asked.rule).with("near", near)));
    };
    if verdict.outcome != Outcome::Unmet {
        let finding = Finding::error("explanation-needless").at(place).with("rule", &verdict.rule);
        return Err(Failure::findings(vec![finding.with("result", verdict.outcome.name())]));
    }
    if verdict.severity == "mandatory" {
        return Err(Failure::findings(vec![Finding::error("explanation-mandatory").at(place).with("rule", &verdict.rule)]));
    }
    let findings = causes(agent)?.check(asked.cause, asked.text, agent.explanation_min);
    if report::blocked(&findings) {
        return Err(Failure { exit: 2, findings });
    }
    let said = Explanation {
        rule: verdict.rule.clone(),
        cause: asked.cause.to_owned(),
        text: asked.text.trim().to_owned(),
        by: person.id.clone(),
        figures: rules::digest_of(verdict, &digest),
    };
    let body = serde_json::to_string(&said).map_err(|e| Failure::source(Finding::error("state-refused").with("reason", e)))?;
    let (kind, form, key) = (EXPLANATION.to_owned(), asked.form.to_owned(), said.rule.clone());
    let record = Record { operation: 0, kind, book: book.id.clone(), form, period: asked.period.to_string(), key, body };
    let detail = json!({ "book": book.id, "form": asked.form, "period": record.period, "rule": said.rule, "cause": said.cause });
    acts::write(store, &person.id, "explain", &detail, &record)?;
    let (_, findings) = build::build(agent, store, book, Some(asked.form), asked.period, &person.id)?;
    let mut findings = report::grave(findings);
    findings.push(Finding::note("explanation-kept").at(place).with("rule", &said.rule).with("cause", &said.cause));
    Ok(findings)
}
