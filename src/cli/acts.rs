/*! Acts of people on the ledger: adjustments, locks, events (大事记), handover, and what may be disposed of. */

use std::path::PathBuf;

use clap::Subcommand;
use model::{Amount, Finding, Month};

use super::Ctx;
use crate::{
    config::{Agent, Deed},
    deeds::{self, EVENTS, Target},
    evidence::Paper,
    output::{Table, label},
    report::Failure,
};

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
        /// 证明文件 Files that show it
        #[arg(long)]
        evidence: Vec<PathBuf>,
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
        /// 证明文件 Files that show it
        #[arg(long)]
        evidence: Vec<PathBuf>,
    },
    /// 大事记 An event that explains a break in a series; without --text, the list of events
    Event {
        /// 月份 YYYY-MM
        #[arg(long, requires = "text")]
        period: Option<Month>,
        /// 类别 capacity, price, product, process, equipment, restructuring, people or other
        #[arg(long, default_value = "other", value_parser = EVENTS)]
        kind: String,
        /// 发生了什么 What happened
        #[arg(long, requires = "period")]
        text: Option<String>,
        /// 证明文件 Files that show it
        #[arg(long, requires = "text")]
        evidence: Vec<PathBuf>,
        /// 撤回：大事记的序号 Take one back, by its number in the list
        #[arg(long, requires = "reason", conflicts_with = "text")]
        withdraw: Option<String>,
        /// 撤回的理由 Why it is taken back
        #[arg(long, requires = "withdraw")]
        reason: Option<String>,
    },
    /// 交接记录 A handover when people change; without --to, the list
    Handover {
        /// 接收人 Who takes over: id of a [[person]]
        #[arg(long, requires = "note")]
        to: Option<String>,
        /// 移交了什么，还有什么未完 What was handed over, and what is open
        #[arg(long)]
        note: Option<String>,
        /// 证明文件 Files that show it
        #[arg(long, requires = "to")]
        evidence: Vec<PathBuf>,
        /// 撤回：交接记录的序号 Take one back, by its number in the list
        #[arg(long, requires = "reason", conflicts_with = "to")]
        withdraw: Option<String>,
        /// 撤回的理由 Why it is taken back
        #[arg(long, requires = "withdraw")]
        reason: Option<String>,
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
            let (agent, mut store) = ctx.open()?;
            let person = ctx.person(&agent)?;
            let target = target(&agent, figure, book.as_deref(), *period)?;
            let amount = amount.filter(|_| !withdraw);
            deeds::adjust(&agent, &mut store, person, target, amount, reason, &Paper::all(evidence)?)
        }
        Act::Text { figure, period, book, text, reason, evidence, withdraw: _ } => {
            let (agent, mut store) = ctx.open()?;
            let person = ctx.person(&agent)?;
            let target = target(&agent, figure, book.as_deref(), *period)?;
            let papers = Paper::all(evidence)?;
            deeds::say(&agent, &mut store, person, target, text.as_deref(), reason.as_deref(), &papers)
        }
        Act::Lock { period, book, form, evidence } => {
            lock(ctx, *period, book.as_deref(), form.as_deref(), None, &Paper::all(evidence)?)
        }
        Act::Unlock { period, book, form, reason, evidence } => {
            lock(ctx, *period, book.as_deref(), form.as_deref(), Some(reason), &Paper::all(evidence)?)
        }
        Act::Event { period, kind, text, evidence, withdraw, reason } => {
            back(ctx, Deed::Event, withdraw.as_deref(), reason.as_deref())?;
            event(ctx, *period, kind, text.as_deref(), &Paper::all(evidence)?)
        }
        Act::Handover { to, note, evidence, withdraw, reason } => {
            back(ctx, Deed::Handover, withdraw.as_deref(), reason.as_deref())?;
            handover(ctx, to.as_deref(), note.as_deref(), &Paper::all(evidence)?)
        }
        Act::Disposal { at } => disposal(ctx, *at),
    }
}

/// The figure that a person names as `FORM:CODE`.
fn target<'a>(agent: &'a Agent, figure: &'a str, book: Option<&str>, month: Month) -> Result<Target<'a>, Failure> {
    let (form, row, book) = agent.figure(figure, book)?;
    Ok(Target { form, row, book, month })
}

fn lock(
    ctx: &Ctx,
    month: Month,
    book: Option<&str>,
    form: Option<&str>,
    unlock: Option<&str>,
    papers: &[Paper],
) -> Result<Vec<Finding>, Failure> {
    let (agent, mut store) = ctx.open()?;
    deeds::lock(&agent, &mut store, ctx.person(&agent)?, (agent.book(book)?, form, month), unlock, papers)
}

/// Takes an event or a handover back, where one is named.
fn back(ctx: &Ctx, what: Deed, key: Option<&str>, why: Option<&str>) -> Result<(), Failure> {
    let (Some(key), Some(why)) = (key, why) else { return Ok(()) };
    let (agent, mut store) = ctx.open()?;
    deeds::take_back(&mut store, ctx.person(&agent)?, what, key, None, why)
}

fn event(ctx: &Ctx, month: Option<Month>, kind: &str, text: Option<&str>, papers: &[Paper]) -> Result<Vec<Finding>, Failure> {
    let (agent, mut store) = ctx.open()?;
    if let (Some(month), Some(text)) = (month, text) {
        deeds::note(&mut store, ctx.person(&agent)?, month, kind, text, papers)?;
    }
    let rows = deeds::events(&store)?.into_iter().map(|event| {
        let kind = if ctx.people() { label(ctx.lang, &format!("event-{}", event.kind)) } else { event.kind };
        vec![
            event.period,
            kind,
            event.text,
            event.by,
            event.operation.to_string(),
            event.key,
            event.withdrawn.unwrap_or_default(),
        ]
    });
    let columns = ["period", "kind", "text", "by", "version", "number", "withdrawn"];
    Table { columns: &columns, numbers: &["version"], rows: rows.collect() }.write(ctx.format, ctx.lang)?;
    Ok(Vec::new())
}

fn handover(ctx: &Ctx, to: Option<&str>, note: Option<&str>, papers: &[Paper]) -> Result<Vec<Finding>, Failure> {
    let (agent, mut store) = ctx.open()?;
    if let (Some(to), Some(note)) = (to, note) {
        deeds::hand_over(&agent, &mut store, ctx.person(&agent)?, to, note, papers)?;
    }
    let rows = deeds::handovers(&store)?.into_iter();
    let rows = rows.map(|made| {
        vec![made.at, made.from, made.to, made.note, made.open.to_string(), made.key, made.withdrawn.unwrap_or_default()]
    });
    let columns = ["at", "handed_from", "handed_to", "text", "open", "number", "withdrawn"];
    Table { columns: &columns, numbers: &["open"], rows: rows.collect() }.write(ctx.format, ctx.lang)?;
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
