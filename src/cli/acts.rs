/*! Acts of people on the ledger: adjustments, locks, events (大事记), handover, and what may be disposed of. */

use std::path::PathBuf;

use clap::Subcommand;
use model::{Amount, Finding, Month};
use serde_json::json;
use store::{Record, Wanted};
use survey::document::Adjustment;

use super::Ctx;
use crate::{
    acts::{self, EVENT, Lock, reason},
    build,
    config::{Agent, Deed},
    evidence, forms, measures,
    output::{Table, label},
    report::Failure,
};

/// Kind of the records of handovers.
const HANDOVER: &str = "handover";

/// What a person does.
#[derive(Subcommand)]
pub enum Act {
    /// 调整 An adjustment beside the computed value, with its reason and evidence
    Adjust {
        /// 指标，表号:代码，如 B203:301 FORM:CODE
        figure: String,
        /// 月份 YYYY-MM
        #[arg(long)]
        period: Month,
        /// 账套 id，该表只有一个账套时可不给 Book id; the only one of the form where absent
        #[arg(long)]
        book: Option<String>,
        /// 加在计算值上的数，以表的计量单位计 What is added to the computed value, in the form's unit
        #[arg(long, allow_hyphen_values = true, required_unless_present = "withdraw")]
        amount: Option<Amount>,
        /// 理由 Why
        #[arg(long)]
        reason: String,
        /// 证明文件 Files that show it
        #[arg(long)]
        evidence: Vec<PathBuf>,
        /// 撤回调整 Take the adjustment back
        #[arg(long)]
        withdraw: bool,
    },
    /// 文字、选项 A text or a choice of a form, which no system holds, with who says so
    Text {
        /// 指标，表号:代码，如 101-1:206 FORM:CODE
        figure: String,
        /// 月份 YYYY-MM
        #[arg(long)]
        period: Month,
        /// 账套 id，该表只有一个账套时可不给 Book id; the only one of the form where absent
        #[arg(long)]
        book: Option<String>,
        /// 填什么；选项写编号或全称，多选用顿号隔开 What it says; a choice by its number or its words, several with 、 between
        #[arg(long, required_unless_present = "withdraw")]
        text: Option<String>,
        /// 更正或撤回的理由 Why it is corrected or taken back
        #[arg(long)]
        reason: Option<String>,
        /// 证明文件 Files that show it
        #[arg(long)]
        evidence: Vec<PathBuf>,
        /// 撤回 Take it back
        #[arg(long, requires = "reason", conflicts_with = "text")]
        withdraw: bool,
    },
    /// 锁定月份 Lock a month: nothing is built anew in it
    Lock {
        /// 月份 YYYY-MM
        #[arg(long)]
        period: Month,
        /// 账套 id，只有一个时可不给 Book id; the only one where absent
        #[arg(long)]
        book: Option<String>,
        /// 表号，不给则整个月 Form code; the whole month where absent
        #[arg(long)]
        form: Option<String>,
    },
    /// 解锁月份 Unlock a month, for a reason
    Unlock {
        /// 月份 YYYY-MM
        #[arg(long)]
        period: Month,
        /// 账套 id，只有一个时可不给 Book id; the only one where absent
        #[arg(long)]
        book: Option<String>,
        /// 表号，不给则整个月 Form code; the whole month where absent
        #[arg(long)]
        form: Option<String>,
        /// 理由 Why
        #[arg(long)]
        reason: String,
    },
    /// 大事记 An event that explains a break in a series; without --text, the list of events
    Event {
        /// 月份 YYYY-MM
        #[arg(long, requires = "text")]
        period: Option<Month>,
        /// 类别 capacity, price, product, process, equipment, restructuring, people or other
        #[arg(long, default_value = "other", value_parser = ["capacity", "price", "product", "process", "equipment", "restructuring", "people", "other"])]
        kind: String,
        /// 发生了什么 What happened
        #[arg(long, requires = "period")]
        text: Option<String>,
    },
    /// 交接记录 A handover when people change; without --to, the list
    Handover {
        /// 接收人 Who takes over: id of a [[person]]
        #[arg(long, requires = "note")]
        to: Option<String>,
        /// 移交了什么，还有什么未完 What was handed over, and what is open
        #[arg(long)]
        note: Option<String>,
    },
    /// 到期清册 What the retention rule no longer asks to keep, as a list; nothing is ever deleted
    Disposal {
        /// 今天的月份 Today, YYYY-MM
        #[arg(long)]
        at: Month,
    },
}

/// Does it.
pub fn run(ctx: &Ctx, act: &Act) -> Result<Vec<Finding>, Failure> {
    match act {
        Act::Adjust { figure, period, book, amount, reason, evidence, withdraw } => {
            let amount = amount.filter(|_| !withdraw);
            adjust(ctx, figure, *period, book.as_deref(), amount, reason, evidence)
        }
        Act::Text { figure, period, book, text, reason, evidence, withdraw: _ } => {
            text_entry(ctx, (figure, *period, book.as_deref()), text.as_deref(), reason.as_deref(), evidence)
        }
        Act::Lock { period, book, form } => lock(ctx, *period, book.as_deref(), form.as_deref(), None),
        Act::Unlock { period, book, form, reason } => lock(ctx, *period, book.as_deref(), form.as_deref(), Some(reason)),
        Act::Event { period, kind, text } => event(ctx, *period, kind, text.as_deref()),
        Act::Handover { to, note } => handover(ctx, to.as_deref(), note.as_deref()),
        Act::Disposal { at } => disposal(ctx, *at),
    }
}

fn adjust(
    ctx: &Ctx,
    figure: &str,
    month: Month,
    book: Option<&str>,
    amount: Option<Amount>,
    why: &str,
    files: &[PathBuf],
) -> Result<Vec<Finding>, Failure> {
    let (agent, mut store) = ctx.open()?;
    let person = ctx.person(&agent)?;
    let why = reason(why)?;
    let (form, row, book) = agent.figure(figure, book)?;
    let place = format!("{figure}, {month}, book {}", book.id);
    person.must(Deed::Adjust, &place)?;
    configured(&agent, form)?;
    acts::unlocked(&store, &book.id, form, month)?;
    let (outcome, _) = build::current(&agent, &mut store, book, form, month)?;
    let Some(cell) = outcome.draft.cells.iter().find(|cell| cell.id == row) else {
        let near = settings::nearest(row, outcome.draft.cells.iter().map(|cell| cell.id.as_str())).unwrap_or("—");
        let finding = Finding::error("indicator-unknown").with("indicator", format!("[{figure}]")).with("near", near);
        return Err(Failure::config(finding));
    };
    if matches!(&*cell.kind, "text" | "choice") {
        return Err(Failure::findings(vec![Finding::error("adjust-text").at(place)]));
    }
    let evidence = files.iter().map(|file| evidence::keep(&store, file)).collect::<Result<Vec<_>, _>>()?;
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
    acts::write(&mut store, &person.id, "adjust", &detail, &record)?;
    let (outcomes, mut findings) = build::build(&agent, &mut store, book, Some(&form), month)?;
    findings = crate::report::grave(findings);
    let cells = outcomes.iter().flat_map(|outcome| &outcome.draft.cells);
    let made = cells.filter_map(|cell| cell.adjustment.as_ref().filter(|_| cell.id == row)).next();
    let reported = made.map_or(&adjustment.computed, |made| &made.reported);
    let finding = Finding::note("adjusted").at(place).with("computed", &adjustment.computed);
    findings.push(finding.with("amount", &adjustment.amount).with("reported", reported));
    Ok(findings)
}

/// Refuses a form that the configuration does not have: nobody files it.
fn configured<'a>(agent: &'a Agent, form: &str) -> Result<&'a crate::config::Form, Failure> {
    agent.forms.iter().find(|own| own.code == form).ok_or_else(|| {
        let near = settings::nearest(form, agent.forms.iter().map(|own| own.code.as_str())).unwrap_or("—");
        let finding = Finding::error("form-not-configured").at(agent.path.display().to_string()).with("form", form);
        Failure::config(finding.with("near", near))
    })
}

/// Writes a text that a person says, or takes it back where there is none; then builds the form with it.
fn text_entry(
    ctx: &Ctx,
    (figure, month, book): (&str, Month, Option<&str>),
    text: Option<&str>,
    why: Option<&str>,
    files: &[PathBuf],
) -> Result<Vec<Finding>, Failure> {
    let (agent, mut store) = ctx.open()?;
    let person = ctx.person(&agent)?;
    let (form, row, book) = agent.figure(figure, book)?;
    let place = format!("{figure}, {month}, book {}", book.id);
    person.must(Deed::Adjust, &place)?;
    configured(&agent, form)?;
    acts::unlocked(&store, &book.id, form, month)?;
    let configured = forms::configured(&agent, book, Some(form))?;
    let layers = forms::layers(&agent, &configured)?;
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
        (Some(entry), Some(text)) if entry.text == *text && files.is_empty() => {
            return Ok(vec![Finding::note("text-same").at(place).with("text", text)]);
        }
        (Some(entry), Some(text)) if why.is_none() => {
            let finding = Finding::error("text-entered-already").at(place).with("before", &entry.text).with("text", text);
            return Err(Failure::config(finding.with("by", &entry.by)));
        }
        _ => {}
    }
    let why = why.map(reason).transpose()?.unwrap_or_default();
    let entry = acts::TextEntry {
        text: text.clone().unwrap_or_default(),
        reason: why.to_owned(),
        by: person.id.clone(),
        evidence: files.iter().map(|file| evidence::keep(&store, file)).collect::<Result<Vec<_>, _>>()?,
        withdrawn: text.is_none(),
    };
    let body = serde_json::to_string(&entry).map_err(|e| Failure::source(Finding::error("state-refused").with("reason", e)))?;
    let detail = json!({ "book": book.id, "figure": figure, "period": period, "text": text, "reason": why });
    let record = Record { operation: 0, kind, book: book.id.clone(), form: form.to_owned(), period, key, body };
    acts::write(&mut store, &person.id, acts::TEXT, &detail, &record)?;
    let (_, findings) = build::build(&agent, &mut store, book, Some(form), month)?;
    let mut findings = crate::report::grave(findings);
    let told = match text {
        Some(text) => Finding::note("text-entered").with("text", text),
        None => Finding::note("text-withdrawn"),
    };
    findings.push(told.at(place).with("by", &person.name));
    Ok(findings)
}

fn lock(ctx: &Ctx, month: Month, book: Option<&str>, form: Option<&str>, unlock: Option<&str>) -> Result<Vec<Finding>, Failure> {
    let (agent, mut store) = ctx.open()?;
    let person = ctx.person(&agent)?;
    let book = agent.book(book)?;
    let place = match form {
        Some(form) => format!("{form}, {month}, book {}", book.id),
        None => format!("{month}, book {}", book.id),
    };
    person.must(if unlock.is_some() { Deed::Unlock } else { Deed::Lock }, &place)?;
    if let Some(form) = form {
        configured(&agent, form)?;
    }
    // A month that has not begun has nothing to be kept from change.
    if unlock.is_none() && month.to_string().as_str() > measures::today().get(..7).unwrap_or_default() {
        return Err(Failure::findings(vec![Finding::error("lock-of-the-future").at(place)]));
    }
    let why = unlock.map(reason).transpose()?;
    let state = Lock { locked: why.is_none(), reason: why.unwrap_or_default().to_owned(), by: person.id.clone() };
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
    acts::write(&mut store, &person.id, what, &detail, &record)?;
    let told = if state.locked { Finding::note("month-locked") } else { Finding::note("month-unlocked") };
    Ok(vec![told.at(place)])
}

fn event(ctx: &Ctx, month: Option<Month>, kind: &str, text: Option<&str>) -> Result<Vec<Finding>, Failure> {
    let (agent, mut store) = ctx.open()?;
    if let (Some(month), Some(text)) = (month, text) {
        let person = ctx.person(&agent)?;
        person.must(Deed::Event, month)?;
        let text = reason(text)?;
        let key = (store.record_versions(EVENT, Wanted::default())?.len() + 1).to_string();
        let body = json!({ "kind": kind, "text": text, "by": person.id }).to_string();
        let record = Record { kind: EVENT.to_owned(), period: month.to_string(), key, body, ..Record::default() };
        let detail = json!({ "period": record.period, "kind": kind, "text": text });
        acts::write(&mut store, &person.id, EVENT, &detail, &record)?;
    }
    let mut records = store.records(EVENT, Wanted::default())?;
    records.sort_by(|a, b| a.period.cmp(&b.period));
    let mut rows = Vec::new();
    for record in &records {
        let body: serde_json::Value = acts::body(record)?;
        let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
        let kind = if ctx.people() { label(ctx.lang, &format!("event-{}", text("kind"))) } else { text("kind") };
        rows.push(vec![record.period.clone(), kind, text("text"), text("by"), record.operation.to_string()]);
    }
    Table { columns: &["period", "kind", "text", "by", "version"], numbers: &["version"], rows }.write(ctx.format, ctx.lang)?;
    Ok(Vec::new())
}

fn handover(ctx: &Ctx, to: Option<&str>, note: Option<&str>) -> Result<Vec<Finding>, Failure> {
    let (agent, mut store) = ctx.open()?;
    if let (Some(to), Some(note)) = (to, note) {
        let person = ctx.person(&agent)?;
        person.must(Deed::Handover, &person.id)?;
        let next = agent.person(to)?;
        if next.id == person.id {
            return Err(Failure::findings(vec![
                Finding::error("handover-to-oneself").at(&person.id).with("person", &person.name),
            ]));
        }
        let note = reason(note)?;
        // What is open is part of what is handed over, whoever remembers to write it.
        let mut open: Vec<String> = Vec::new();
        for version in store.current_drafts()?.iter().filter(|version| {
            !matches!(&*version.state, "approved" | "signed" | "handed_out" | "queued" | "delivered" | "accepted")
        }) {
            open.push(format!("{} {} {} {}", version.book, version.form, version.period, version.state));
        }
        let key = (store.record_versions(HANDOVER, Wanted::default())?.len() + 1).to_string();
        let body = json!({ "from": person.id, "to": next.id, "note": note, "open": open });
        let record = Record { kind: HANDOVER.to_owned(), key, body: body.to_string(), ..Record::default() };
        acts::write(&mut store, &person.id, HANDOVER, &body, &record)?;
    }
    let operations = store.operations()?;
    let mut rows = Vec::new();
    for record in store.records(HANDOVER, Wanted::default())? {
        let body: serde_json::Value = acts::body(&record)?;
        let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
        let at =
            operations.iter().find(|operation| operation.seq == record.operation).map_or_else(String::new, |op| op.at.clone());
        let open = body["open"].as_array().map_or(0, Vec::len).to_string();
        rows.push(vec![at, text("from"), text("to"), text("note"), open]);
    }
    Table { columns: &["at", "handed_from", "handed_to", "text", "open"], numbers: &["open"], rows }
        .write(ctx.format, ctx.lang)?;
    Ok(Vec::new())
}

fn disposal(ctx: &Ctx, at: Month) -> Result<Vec<Finding>, Failure> {
    let (agent, store) = ctx.open()?;
    let Some(before) = at.plus(-12 * i32::from(agent.retention_years)) else { return Ok(Vec::new()) };
    // Years are counted from when a record was made, not from the month that it is about.
    let times: std::collections::BTreeMap<i64, String> = store.operations()?.into_iter().map(|op| (op.seq, op.at)).collect();
    let before_text = before.to_string();
    let old =
        |operation: i64| times.get(&operation).is_some_and(|at| at.get(..7).is_some_and(|made| made < before_text.as_str()));
    let mut rows = Vec::new();
    for book in &agent.books {
        for seal in store.current_seals(&book.id)?.iter().filter(|seal| old(seal.operation)) {
            let period = seal.period.to_string();
            rows.push(vec!["seal".to_owned(), book.id.clone(), String::new(), period, seal.root.clone()]);
        }
    }
    for draft in store.current_drafts()? {
        if old(draft.operation) {
            rows.push(vec!["draft".to_owned(), draft.book, draft.form, draft.period, draft.operation.to_string()]);
        }
    }
    if ctx.people() {
        rows.iter_mut().for_each(|row| row[0] = label(ctx.lang, &format!("kept-{}", row[0])));
    }
    Table { columns: &["kind", "book", "form", "period", "what"], numbers: &[], rows }.write(ctx.format, ctx.lang)?;
    let finding = Finding::note("nothing-is-deleted").with("years", agent.retention_years).with("before", before);
    Ok(vec![finding])
}
