/*! `taizhang receipt`: receipts that were carried back by hand, and those that are kept. */

use std::{
    fs,
    path::{Path, PathBuf},
};

use clap::Subcommand;
use model::{Finding, Month};
use seal::{Received, Verdict};

use super::{Ctx, verify};
use crate::{
    acts,
    config::Deed,
    delivery::{self, theirs},
    output::{Table, label},
    report::{self, Failure},
};

/// What to do with receipts.
#[derive(Subcommand)]
pub enum What {
    /// 列出收到的回执 Every receipt that is kept, each looked at again
    List {
        /// 表号 Form code; every form where absent
        #[arg(long)]
        form: Option<String>,
        /// 月份 YYYY-MM; every month where absent
        #[arg(long)]
        period: Option<Month>,
    },
    /// 统计局告诉您接收端换了新的数据库：以后的回执不再与以前见过的日志比，以前的回执留作证据 The bureau told you that its receiver began anew: what comes next is not held against the log that was seen before
    Restart {
        /// 为什么：谁、何时告诉的 Why: who said so, and when
        #[arg(long)]
        reason: String,
    },
    /// 导入带回来的回执 Keep a receipt that was carried back
    Import {
        /// 回执文件 .asice The receipt
        file: PathBuf,
    },
}

/// Runs the verb.
pub fn run(ctx: &Ctx, what: &What) -> Result<Vec<Finding>, Failure> {
    match what {
        What::List { form, period } => list(ctx, form.as_deref(), *period),
        What::Import { file } => import(ctx, file),
        What::Restart { reason } => {
            let (agent, mut store) = ctx.open()?;
            let person = ctx.person(&agent)?;
            person.must(Deed::Submit, "receipt restart")?;
            theirs::restarted(&mut store, &person.id, acts::reason(reason)?)
        }
    }
}

fn list(ctx: &Ctx, form: Option<&str>, period: Option<Month>) -> Result<Vec<Finding>, Failure> {
    let (agent, store) = ctx.open()?;
    let period = period.map(|period| period.to_string());
    let (mut rows, mut findings) = (Vec::new(), Vec::new());
    let word = |name: &str, shown: &str| if ctx.people() { label(ctx.lang, shown) } else { name.to_owned() };
    for receipt in delivery::list(&agent, &store, form, period.as_deref())? {
        let record = receipt.record;
        // People count from one.
        let place = receipt.place.map_or_else(String::new, |(index, size)| format!("{}/{size}", index + 1));
        let holds = if receipt.findings.is_empty() { "yes" } else { "no" };
        let trial = if receipt.trial { "yes" } else { "no" };
        rows.push(vec![
            record.form,
            record.book,
            record.period,
            ctx.short(&record.key),
            ctx.time(&receipt.at),
            word(&receipt.verdict, &format!("verdict-{}", receipt.verdict)),
            if receipt.trial || !ctx.people() { word(trial, "trial") } else { String::new() },
            receipt.reasons.join(" "),
            place,
            word(holds, if receipt.findings.is_empty() { "valid" } else { "invalid" }),
            ctx.short(&receipt.name),
            record.operation.to_string(),
        ]);
        findings.extend(receipt.findings);
    }
    let columns =
        ["form", "book", "period", "digest", "at", "result", "trial", "reasons", "log_entry", "valid", "receipt", "operation"];
    Table { columns: &columns, numbers: &["operation"], rows }.write(ctx.format, ctx.lang)?;
    if report::blocked(&findings) { Err(Failure::findings(findings)) } else { Ok(findings) }
}

fn import(ctx: &Ctx, file: &Path) -> Result<Vec<Finding>, Failure> {
    let (agent, mut store) = ctx.open()?;
    let place = file.display().to_string();
    let who = ctx.who(&agent)?;
    let bytes = fs::read(file).map_err(|error| Failure::config(Finding::io(file, &error)))?;
    match delivery::import(&agent, &mut store, &bytes, &who, &place)? {
        (Some(received), findings) => told(ctx, &received, findings),
        (None, findings) => Ok(findings),
    }
}

/// What a receipt says; a refusal is no success.
pub fn told(ctx: &Ctx, received: &Received, mut findings: Vec<Finding>) -> Result<Vec<Finding>, Failure> {
    verify::verdict(ctx, received)?;
    if received.receipt.verdict == Verdict::Refused && !report::blocked(&findings) {
        findings.push(Finding::error("submission-refused").with("reasons", delivery::why(&received.receipt)));
    }
    if report::blocked(&findings) { Err(Failure::findings(findings)) } else { Ok(findings) }
}
