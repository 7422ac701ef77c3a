/*! `taizhang mapping set` and `account`: a change of the mapping, with what it does to every form. */

use clap::Args;
use model::{Finding, Month};

use super::Ctx;
use crate::{
    build,
    config::Book,
    mapping::{
        About,
        change::{self, Plan},
        effect::{self, Moved},
    },
    output::{Table, label},
    report::Failure,
};

/// How a change is made.
#[derive(Args)]
pub struct How {
    /// 理由，写进映射层和日志 Why; it goes into the layer and the log
    #[arg(long, required_unless_present = "dry_run", default_value = "")]
    reason: String,
    /// 月份：看对哪个月各表的影响；不给则最后封存的月份 Month whose forms are looked at, YYYY-MM; the last sealed one where absent
    #[arg(long)]
    period: Option<Month>,
    /// 账套 id，只有一个时可不给 Book id; the only one where absent
    #[arg(long)]
    book: Option<String>,
    /// 只试算，不写 Only show what it would do; nothing is written
    #[arg(long)]
    dry_run: bool,
}

/// A formula.
#[derive(Args)]
pub struct Formula {
    /// 指标，表号:代码，如 B203:301；或项目 @名称 FORM:CODE, or an item as @NAME
    target: String,
    /// 公式 The formula; accounts by the codes of the book
    #[arg(long)]
    formula: String,
    #[command(flatten)]
    how: How,
}

/// A decision about an account.
#[derive(Args)]
pub struct Account {
    /// 账套里的科目编码 Code of the account in the book
    account: String,
    /// 它是准则的哪个科目；none 表示不进任何报表 Account of the standard that it is, or none where it is reported nowhere
    #[arg(long)]
    is: String,
    #[command(flatten)]
    how: How,
}

/// Sets a formula.
pub fn formula(ctx: &Ctx, what: &Formula) -> Result<Vec<Finding>, Failure> {
    let agent = ctx.agent()?;
    let (about, book) = match what.target.strip_prefix('@') {
        Some(name) => (About::Item(name.to_owned()), agent.book(what.how.book.as_deref())?),
        None => {
            let (form, row, book) = agent.figure(&what.target, what.how.book.as_deref())?;
            (About::Cell(form.to_owned(), row.to_owned()), book)
        }
    };
    run(ctx, about, &what.formula, book, &what.how)
}

/// Decides about an account.
pub fn account(ctx: &Ctx, what: &Account) -> Result<Vec<Finding>, Failure> {
    let agent = ctx.agent()?;
    let book = agent.book(what.how.book.as_deref())?;
    run(ctx, About::Account(what.account.clone()), &what.is, book, &what.how)
}

fn run(ctx: &Ctx, about: About, say: &str, book: &Book, how: &How) -> Result<Vec<Finding>, Failure> {
    let (agent, mut store) = ctx.open()?;
    let person = ctx.person(&agent)?;
    let ready = build::ready(&agent, &mut store, book, None, how.period.unwrap_or(Month::LAST))?;
    let month = how.period.unwrap_or_else(|| ready.desk.book.coverage().to);
    let of = vec![about.name()];
    let reason = how.reason.trim();
    let why = if how.dry_run && reason.is_empty() { "—" } else { reason };
    let edits = [change::edit(about, say, person, why)];
    let (plan, tried) = change::plan(&agent, book, (&ready.layers.mapping, &ready.desk.chart), &edits, why)?;
    let (moved, found) = effect::effects(&agent, &mut store, (book, &ready), tried, &of, month)?;
    show(ctx, &plan, &moved)?;
    let mut findings = found;
    if how.dry_run {
        findings.extend(plan.findings.iter().cloned());
        findings.push(Finding::note("mapping-only-tried").at(&plan.layer.name));
    } else {
        findings.extend(plan.keep(&agent, &mut store, person, None)?);
    }
    Ok(findings)
}

fn show(ctx: &Ctx, plan: &Plan, moved: &[Moved]) -> Result<(), Failure> {
    let mut rows = Vec::new();
    let word = |kind: &str, word: &str| {
        if ctx.people() { label(ctx.lang, &format!("{kind}{}", word.replace('_', "-"))) } else { word.to_owned() }
    };
    let text = |figure: &effect::Figure| match &figure.value {
        Some(value) => value.clone(),
        None if figure.status.is_empty() => String::new(),
        None => word("status-", &figure.status),
    };
    for moved in moved {
        let column = word("", moved.column);
        let changed = word("", if moved.is_other() { "yes" } else { "no" });
        let head = [&moved.book, &moved.figure(), &moved.name, &column, &moved.unit].map(String::clone);
        rows.push([&head[..], &[text(&moved.before), text(&moved.after), changed]].concat());
    }
    let columns = ["book", "indicator", "name", "column", "unit", "before", "after", "changed"];
    Table { columns: &columns, numbers: &["before", "after"], rows }.write(ctx.format, ctx.lang)?;
    if ctx.people() {
        for said in &plan.said {
            let before = said.before.as_deref().unwrap_or("—");
            crate::output::say(&format!("\n{}: {before}\n  → {}\n", said.name, said.after))?;
        }
    }
    Ok(())
}
