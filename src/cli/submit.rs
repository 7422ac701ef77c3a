/*! `taizhang filing` and `taizhang submit`: the filing at the national portal is recorded, and the signed package leaves. */

use std::path::PathBuf;

use jiff::civil::Date;
use journal::Digest;
use model::{Finding, Month};
use seal::Limits;
use serde_json::json;
use store::Record;

use super::{Ctx, receipt};
use crate::{
    acts, build,
    config::{Agent, Deed},
    delivery::{self, client, machine::Machine, outbox},
    evidence,
    output::{self, Format, Table, label},
    package::{self, Kept, Meant},
    report::{self, Failure},
    sheet, signing,
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
    let book = agent.book_for(&what.form, what.book.as_deref())?;
    let (form, period) = (what.form.clone(), what.period.to_string());
    let place = format!("{form}, {period}, book {}", book.id);
    let Some(version) = store.current_draft(&book.id, &form, &period)? else {
        return Err(Failure::findings(vec![Finding::error("draft-missing").at(place)]));
    };
    let files = what.evidence.iter().map(|file| evidence::keep(&store, file)).collect::<Result<Vec<_>, _>>()?;
    let draft = Digest::of(version.body.as_bytes()).to_string();
    let at = what.at.to_string();
    let body = json!({ "at": at, "reference": what.reference, "by": person.id, "draft": draft, "evidence": files });
    let detail = json!({ "book": book.id, "form": form, "period": period, "at": at, "reference": what.reference });
    let kind = delivery::FILED.to_owned();
    let record = Record { kind, book: book.id.clone(), form, period, body: body.to_string(), ..Record::default() };
    acts::write(&mut store, &person.id, delivery::FILED, &detail, &record)?;
    Ok(vec![Finding::note("filing-kept").at(place).with("at", at)])
}

/// Which package leaves, and how.
#[derive(clap::Args)]
#[command(group = clap::ArgGroup::new("way").args(["dry_run", "to_file", "queue_only"]))]
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
}

/// What a package holds by default and what it does not: shown before it leaves.
const STAYS: [&str; 5] = ["stays-lines", "stays-parties", "stays-persons", "stays-snapshots", "stays-attachments"];

/// Shows what would leave, or writes the container.
pub fn submit(ctx: &Ctx, what: &Submit) -> Result<Vec<Finding>, Failure> {
    let (agent, mut store) = ctx.open()?;
    let form = what.form.as_deref().filter(|form| !form.eq_ignore_ascii_case("all"));
    let period = what.period.to_string();
    let place = format!("{}, {period}", form.unwrap_or("all"));
    let Some(kept) = package::kept(&store, None, Some(Meant { form, period: &period, trial: what.trial }))? else {
        return Err(Failure::findings(vec![Finding::error("package-missing").at(place).with("period", period)]));
    };
    let findings = ready(&store, &kept, &signing::required(&agent)?, &period, &place)?;
    let package = package::read(&store, &kept)?;
    let bytes = package.write(Limits::default()).map_err(Failure::source)?;
    if what.dry_run {
        leaves(ctx, &kept, &bytes)?;
        return Ok(findings
            .into_iter()
            .map(|finding| Finding { level: finding.level.min(model::Level::Warning), ..finding })
            .collect());
    }
    if report::blocked(&findings) {
        return Err(Failure::findings(findings));
    }
    let Some(path) = &what.to_file else {
        return send(ctx, &agent, &mut store, &kept, &period, what.queue_only, findings);
    };
    sheet::save(path, &bytes)?;
    if agent.machine().is_file() {
        // The receiver countersigns it, as it does when a package comes over the network.
        let mut beside = path.clone().into_os_string();
        beside.push(".checkpoint");
        sheet::save(beside.as_ref(), Machine::read(&agent)?.checkpoint(&agent, &store)?.to_string().as_bytes())?;
    }
    let who = ctx.person.clone().unwrap_or_else(crate::packs::who);
    let detail =
        json!({ "digest": kept.digest, "container": kept.container, "period": period, "file": path.display().to_string() });
    store.begin(&who, "submit-file", &detail)?.commit()?;
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
    store: &mut store::Store,
    kept: &Kept,
    period: &str,
    queue_only: bool,
    mut findings: Vec<Finding>,
) -> Result<Vec<Finding>, Failure> {
    let person = ctx.person(agent)?;
    person.must(Deed::Submit, period)?;
    client::bureau(agent)?;
    outbox::queue(store, kept, period, &person.id)?;
    let queued = Finding::note("package-queued").at(period).with("digest", &kept.digest);
    if queue_only {
        findings.push(queued);
        return Ok(findings);
    }
    match outbox::deliver(agent, store, &kept.digest) {
        Ok((received, more)) => receipt::told(ctx, &received, findings.into_iter().chain(more).collect()),
        Err(failure) => {
            findings.push(queued);
            findings.extend(failure.findings);
            Err(Failure { exit: failure.exit, findings })
        }
    }
}

/// Why a package does not leave yet: roles that have not signed, drafts that have changed since.
fn ready(store: &store::Store, kept: &Kept, required: &[seal::Role], period: &str, place: &str) -> Result<Vec<Finding>, Failure> {
    let mut findings = Vec::new();
    let open = kept.open_roles(required);
    if !open.is_empty() {
        findings.push(Finding::error("package-roles-open").at(place).with("roles", open.join(", ")));
    }
    for [form, book, digest] in &kept.forms {
        let now = store.current_draft(book, form, period)?.map(|version| Digest::of(version.body.as_bytes()).to_string());
        if now.as_ref() != Some(digest) {
            findings.push(Finding::error("package-outdated").at(format!("{form}, {period}, book {book}")).with("form", form));
        } else if let Some(version) = store.current_draft(book, form, period)? {
            // What was signed stands; that the books have moved since is for a person to know.
            let moved = build::touched(store, &build::read(&version)?)?;
            findings.extend(moved.findings(&format!("{form}, {period}, book {book}")));
        }
    }
    Ok(findings)
}

/// Files, sizes and digests of what leaves, then what does not.
fn leaves(ctx: &Ctx, kept: &Kept, container: &[u8]) -> Result<(), Failure> {
    let files = seal::container::read(container, Limits::default()).map_err(Failure::source)?;
    let rows = files.iter().map(|(name, bytes)| {
        let kind = match name.split('/').next() {
            Some("META-INF") => "signature",
            Some("attachments") => "attachment",
            _ => "payload",
        };
        let kind = if ctx.people() { label(ctx.lang, &format!("part-{kind}")) } else { kind.to_owned() };
        vec![name.clone(), kind, bytes.len().to_string(), Digest::of(bytes).to_string()]
    });
    Table { columns: &["file", "kind", "size", "sha256"], numbers: &["size"], rows: rows.collect() }
        .write(ctx.format, ctx.lang)?;
    if ctx.format != Format::Table {
        return Ok(());
    }
    let mut text = format!("\n{}  {}\n", label(ctx.lang, "payload-digest"), kept.digest);
    text += &format!("{}  {}\n\n{}\n", label(ctx.lang, "size"), container.len(), label(ctx.lang, "stays"));
    STAYS.iter().for_each(|name| text += &format!("  · {}\n", label(ctx.lang, name)));
    output::say(&text)
}
