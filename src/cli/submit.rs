/*! `taizhang filing` and `taizhang submit`: the filing at the national portal is recorded, and the signed package leaves. */

use std::path::{Path, PathBuf};

use jiff::civil::Date;
use model::{Finding, Month};
use store::Store;

use super::{Ctx, receipt};
use crate::{
    acts,
    config::{Agent, Deed},
    delivery::{
        clock,
        outbox::{self, Act},
    },
    evidence::Paper,
    output::{self, Format, Table, label},
    package::{Kept, Meant},
    report::{self, Failure},
    sheet,
    submission::{self, Leaving},
};

/// A filing at the national portal.
#[derive(clap::Args)]
pub struct Filed {
    /// 表号 Form code
    #[arg(long)]
    form: String,
    /// 月份 YYYY-MM
    #[arg(long)]
    period: Month,
    /// 账套 id，该表只有一个账套时可不给 Book id; the only one of the form where absent
    #[arg(long)]
    book: Option<String>,
    /// 在联网直报平台报出的日期 YYYY-MM-DD The day it was filed at the national portal
    #[arg(long)]
    at: Date,
    /// 平台给的编号或回执号 What the portal calls it
    #[arg(long, default_value = "")]
    reference: String,
    /// 截图等证明文件 Files that show it
    #[arg(long)]
    evidence: Vec<PathBuf>,
}

/// Records a filing.
pub fn filed(ctx: &Ctx, what: &Filed) -> Result<Vec<Finding>, Failure> {
    let (agent, mut store) = ctx.open()?;
    let person = ctx.person(&agent)?;
    person.must(Deed::Platform, format!("{}, {}", what.form, what.period))?;
    if what.form.eq_ignore_ascii_case("all") {
        return Err(Failure::config(Finding::error("filing-one-form").at("--form")));
    }
    let papers = Paper::all(&what.evidence)?;
    let book = agent.book_for(&what.form, what.book.as_deref())?;
    let (form, month, at) = (what.form.as_str(), what.period, what.at);
    let filed = submission::Filed { book, form, month, at, reference: &what.reference, papers: &papers };
    submission::filed(&agent, &mut store, person, &filed)
}

/// Which package leaves, and how.
#[derive(clap::Args)]
#[command(group = clap::ArgGroup::new("way").args(["dry_run", "to_file", "queue_only", "withdraw"]))]
pub struct Submit {
    /// 表号；all 或不给是这个月最新的一包 Form code; `all` or nothing is the newest package of the month
    #[arg(long)]
    form: Option<String>,
    /// 月份 YYYY-MM
    #[arg(long)]
    period: Month,
    /// 试填的那一包 The package that is only tried
    #[arg(long)]
    trial: bool,
    /// 只列出将要离开本单位的内容 Only show what would leave the firm
    #[arg(long)]
    dry_run: bool,
    /// 写成文件，人工带走 Write the signed container into a file, to be carried by hand
    #[arg(long)]
    to_file: Option<PathBuf>,
    /// 只放进发件箱，由 taizhang run 发送 Only put it into the outbox; `taizhang run` sends it
    #[arg(long)]
    queue_only: bool,
    /// 把还没有回执的那一包撤回，写明理由 Take the package back that has no receipt yet, for this reason
    #[arg(long, value_name = "REASON")]
    withdraw: Option<String>,
    /// 签名之后账有变动，仍照签了名的报，写明理由 Submit what was signed although the books have moved since, for this reason
    #[arg(long, value_name = "REASON", conflicts_with = "withdraw")]
    anyway: Option<String>,
}

/// Shows what would leave, or writes the container.
pub fn submit(ctx: &Ctx, what: &Submit) -> Result<Vec<Finding>, Failure> {
    let (agent, mut store) = ctx.open()?;
    let form = what.form.as_deref().filter(|form| !form.eq_ignore_ascii_case("all"));
    let period = what.period.to_string();
    let meant = Meant { form, period: &period, trial: what.trial };
    if let Some(reason) = &what.withdraw {
        return submission::withdraw(&agent, &mut store, ctx.person(&agent)?, meant, reason);
    }
    let anyway = what.anyway.as_deref().map(acts::reason).transpose()?;
    let Leaving { kept, bytes, findings } = submission::leaving(&agent, &store, meant, anyway.is_some())?;
    if what.dry_run {
        leaves(ctx, &kept, &bytes)?;
        let no_error = |finding: Finding| Finding { level: finding.level.min(model::Level::Warning), ..finding };
        return Ok(findings.into_iter().map(no_error).collect());
    }
    if report::blocked(&findings) {
        return Err(Failure::findings(findings));
    }
    let person = ctx.person(&agent)?;
    person.must(Deed::Submit, &period)?;
    let act = Act { by: &person.id, anyway, file: what.to_file.as_deref() };
    match &what.to_file {
        None => send(ctx, &agent, &mut store, (&kept, &period), act, what.queue_only, findings),
        Some(path) => hand_out(ctx, &agent, &mut store, (&kept, &period, &bytes), (act, path), findings),
    }
}

/// Writes the container into a file that a person carries.
fn hand_out(
    ctx: &Ctx,
    agent: &Agent,
    store: &mut Store,
    (kept, period, bytes): (&Kept, &str, &[u8]),
    (act, path): (Act<'_>, &Path),
    mut findings: Vec<Finding>,
) -> Result<Vec<Finding>, Failure> {
    // The same package may be written once more; another one that lies there is on its way perhaps.
    match std::fs::read(path) {
        Ok(there) if there != bytes => {
            return Err(Failure::config(Finding::error("submit-file-exists").at(path.display().to_string())));
        }
        Ok(_) => {}
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(Failure::source(Finding::io(path, &error))),
    }
    sheet::save(path, bytes)?;
    if let Some(checkpoint) = submission::checkpoint(agent, store)? {
        let mut beside = path.as_os_str().to_owned();
        beside.push(".checkpoint");
        sheet::save(beside.as_ref(), checkpoint.as_bytes())?;
    }
    let _one = outbox::turn(store)?;
    outbox::queue(store, kept, period, act)?;
    findings.push(Finding::note("package-handed-out").at(path.display().to_string()).with("digest", &kept.digest));
    if ctx.people() {
        output::say(&format!("{}\n", path.display()))?;
    } else {
        let row = vec![path.display().to_string(), bytes.len().to_string(), kept.digest.clone()];
        Table { columns: &["file", "size", "digest"], numbers: &["size"], rows: vec![row] }.write(ctx.format, ctx.lang)?;
    }
    Ok(findings)
}

/// Puts a package into the outbox, as the act of a person, and sends it from there.
fn send(
    ctx: &Ctx,
    agent: &Agent,
    store: &mut Store,
    (kept, period): (&Kept, &str),
    act: Act<'_>,
    queue_only: bool,
    mut findings: Vec<Finding>,
) -> Result<Vec<Finding>, Failure> {
    let queued = submission::queue(agent, store, kept, period, act)?;
    if queue_only {
        findings.push(queued);
        return Ok(findings);
    }
    match outbox::deliver(agent, store, &kept.digest) {
        Ok((received, more)) => {
            if received.receipt.reasons.iter().any(|reason| reason.code == "signature-time") {
                findings.extend(clock::asked(agent));
            }
            receipt::told(ctx, &received, findings.into_iter().chain(more).collect())
        }
        Err(failure) => {
            findings.push(queued);
            // A certificate that TLS turns away may be one that is not valid yet by the other clock; the connection is lost, and does not say it.
            if failure.exit == 3 {
                findings.extend(clock::asked(agent));
            }
            findings.extend(failure.findings);
            Err(Failure { exit: failure.exit, findings })
        }
    }
}

/// Files, sizes and digests of what leaves, then what does not.
fn leaves(ctx: &Ctx, kept: &Kept, container: &[u8]) -> Result<(), Failure> {
    let rows = submission::parts(container)?.into_iter().map(|part| {
        let kind = if ctx.people() { label(ctx.lang, &format!("part-{}", part.kind)) } else { part.kind.to_owned() };
        vec![part.name, kind, part.size.to_string(), part.sha256]
    });
    Table { columns: &["file", "kind", "size", "sha256"], numbers: &["size"], rows: rows.collect() }
        .write(ctx.format, ctx.lang)?;
    if ctx.format != Format::Table {
        return Ok(());
    }
    let mut text = format!("\n{}  {}\n", label(ctx.lang, "payload-digest"), kept.digest);
    text += &format!("{}  {}\n\n{}\n", label(ctx.lang, "size"), container.len(), label(ctx.lang, "stays"));
    submission::STAYS.iter().for_each(|name| text += &format!("  · {}\n", label(ctx.lang, name)));
    output::say(&text)
}
