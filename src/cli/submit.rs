/*! `taizhang filing` and `taizhang submit`: the filing at the national portal is recorded, and the signed package leaves. */

use std::path::PathBuf;

use jiff::civil::Date;
use journal::Digest;
use model::{Finding, Level, Month};
use seal::Limits;
use serde_json::json;
use store::{Record, Store};

use super::{Ctx, receipt};
use crate::{
    acts, build,
    config::{Agent, Channel, Deed},
    delivery::{
        self, client, clock,
        machine::Machine,
        outbox::{self, Act, Entry},
    },
    due, evidence,
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
    if what.form.eq_ignore_ascii_case("all") {
        return Err(Failure::config(Finding::error("filing-one-form").at("--form")));
    }
    let book = agent.book_for(&what.form, what.book.as_deref())?;
    let (form, period) = (what.form.clone(), what.period.to_string());
    let place = format!("{form}, {period}, book {}", book.id);
    let mut findings = Vec::new();
    if agent.channel(&form, &book.id) == Channel::Official {
        findings.push(Finding::error("filing-official").at(&place).with("form", &form));
    }
    // What has not happened is not recorded: nothing is filed before its month begins, and nothing in days to come.
    let begins = Date::new(i16::try_from(what.period.year()).unwrap_or(i16::MAX), what.period.month().try_into().unwrap_or(1), 1);
    if what.at > due::today() || begins.is_ok_and(|begins| what.at < begins) {
        let finding = Finding::error("filing-date-unfit").at(&place).with("at", what.at).with("period", &period);
        findings.push(finding.with("today", due::today()));
    }
    if !findings.is_empty() {
        return Err(Failure::findings(findings));
    }
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

/// What a package holds by default and what it does not: shown before it leaves.
const STAYS: [&str; 5] = ["stays-lines", "stays-parties", "stays-persons", "stays-snapshots", "stays-attachments"];

/// Shows what would leave, or writes the container.
pub fn submit(ctx: &Ctx, what: &Submit) -> Result<Vec<Finding>, Failure> {
    let (agent, mut store) = ctx.open()?;
    let form = what.form.as_deref().filter(|form| !form.eq_ignore_ascii_case("all"));
    let period = what.period.to_string();
    let place = format!("{}, {period}", form.unwrap_or("all"));
    let meant = Meant { form, period: &period, trial: what.trial };
    if let Some(reason) = &what.withdraw {
        return withdraw(ctx, &agent, &mut store, meant, reason, &place);
    }
    let anyway = what.anyway.as_deref().map(super::acts::reason).transpose()?;
    let required = signing::required(&agent)?;
    let Some(kept) = package::kept(&store, None, Some(meant))? else {
        return Err(Failure::findings(vec![only_tried(&store, meant, &required, &place)?]));
    };
    let mut findings = ready(&store, &kept, &required, &period, &place)?;
    if findings.iter().any(|finding| finding.code == "package-outdated") {
        let tried = only_tried(&store, meant, &required, &place)?;
        if tried.code == "package-trial-only" {
            findings = vec![tried];
        }
    }
    if anyway.is_some() {
        let moved = |finding: &&mut Finding| finding.code == "submit-evidence-changed";
        findings.iter_mut().filter(moved).for_each(|finding| finding.level = Level::Warning);
    }
    let package = package::read(&store, &kept)?;
    let bytes = package.write(Limits::default()).map_err(Failure::source)?;
    if what.dry_run {
        leaves(ctx, &kept, &bytes)?;
        return Ok(findings.into_iter().map(|finding| Finding { level: finding.level.min(Level::Warning), ..finding }).collect());
    }
    if report::blocked(&findings) {
        return Err(Failure::findings(findings));
    }
    let person = ctx.person(&agent)?;
    person.must(Deed::Submit, &period)?;
    let act = Act { by: &person.id, anyway, file: what.to_file.as_deref() };
    let Some(path) = &what.to_file else {
        return send(ctx, &agent, &mut store, (&kept, &period), act, what.queue_only, findings);
    };
    // The same package may be written once more; another one that lies there is on its way perhaps.
    match std::fs::read(path) {
        Ok(there) if there != bytes => {
            return Err(Failure::config(Finding::error("submit-file-exists").at(path.display().to_string())));
        }
        Ok(_) => {}
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(Failure::source(Finding::io(path, &error))),
    }
    sheet::save(path, &bytes)?;
    if agent.machine().is_file() {
        // The receiver countersigns it, as it does when a package comes over the network.
        let mut beside = path.clone().into_os_string();
        beside.push(".checkpoint");
        sheet::save(beside.as_ref(), Machine::read(&agent)?.checkpoint(&agent, &store)?.to_string().as_bytes())?;
    }
    let _one = outbox::turn(&store)?;
    outbox::queue(&mut store, &kept, &period, act)?;
    findings.push(Finding::note("package-handed-out").at(path.display().to_string()).with("digest", &kept.digest));
    if ctx.people() {
        output::say(&format!("{}\n", path.display()))?;
    } else {
        let row = vec![path.display().to_string(), bytes.len().to_string(), kept.digest.clone()];
        Table { columns: &["file", "size", "digest"], numbers: &["size"], rows: vec![row] }.write(ctx.format, ctx.lang)?;
    }
    Ok(findings)
}

/// That there is no package; where people have signed one that is only tried, that it is this one.
fn only_tried(store: &Store, meant: Meant<'_>, required: &[seal::Role], place: &str) -> Result<Finding, Failure> {
    let tried = package::kept(store, None, Some(Meant { trial: true, ..meant }))?.filter(|_| !meant.trial);
    if let Some(kept) = tried
        && kept.open_roles(required).is_empty()
        && outbox::outdated(store, &kept, meant.period)?.is_empty()
        && kept.unsigned_by(store, meant.period)?.is_none()
    {
        return Ok(Finding::error("package-trial-only").at(place).with("digest", &kept.digest));
    }
    Ok(Finding::error("package-missing").at(place).with("period", meant.period))
}

/// Takes the newest package of the month back that waits for its receipt.
fn withdraw(
    ctx: &Ctx,
    agent: &Agent,
    store: &mut Store,
    meant: Meant<'_>,
    reason: &str,
    place: &str,
) -> Result<Vec<Finding>, Failure> {
    let person = ctx.person(agent)?;
    person.must(Deed::Submit, meant.period)?;
    let reason = super::acts::reason(reason)?;
    let fits = |(period, entry): &(String, Entry)| {
        let package = &entry.package;
        let form = meant.form.is_none_or(|form| package.forms.iter().any(|[own, ..]| own == form));
        period == meant.period && package.trial == meant.trial && entry.state.waits() && form
    };
    let Some((period, entry)) = outbox::entries(store)?.into_iter().rfind(fits) else {
        return Err(Failure::findings(vec![Finding::error("package-not-waiting").at(place)]));
    };
    outbox::withdraw(agent, store, (&entry.package.digest, &period), (&person.id, reason))
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
    client::bureau(agent)?;
    outbox::queue(store, kept, period, act)?;
    let queued = Finding::note("package-queued").at(period).with("digest", &kept.digest);
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

/// Why a package does not leave yet: roles that have not signed, drafts that have changed since.
fn ready(store: &Store, kept: &Kept, required: &[seal::Role], period: &str, place: &str) -> Result<Vec<Finding>, Failure> {
    let mut findings = Vec::new();
    let open = kept.open_roles(required);
    if !open.is_empty() {
        findings.push(Finding::error("package-roles-open").at(place).with("roles", open.join(", ")));
    }
    let old = outbox::outdated(store, kept, period)?;
    if !old.is_empty() {
        return Ok([findings, old].concat());
    }
    // What is only tried leaves its drafts as they are; a report's are signed, and nobody has given them back since.
    let wanted = if kept.trial { &package::APPROVED[..] } else { &package::APPROVED[1..] };
    for [form, book, _] in &kept.forms {
        let Some(version) = store.current_draft(book, form, period)? else { continue };
        let place = format!("{form}, {period}, book {book}");
        if !wanted.contains(&&*version.state) {
            let finding = Finding::error("draft-state-unfit").at(&place).with("state", &version.state);
            findings.push(finding.with("wanted", wanted[0]));
        }
        // What was signed stands; but whoever submits knows that the books have moved since.
        let moved = build::touched(store, &build::read(&version)?)?;
        match &*version.state {
            "queued" | "delivered" => findings.extend(moved.findings(&place)),
            _ if moved.is_empty() => {}
            _ => findings.push(Finding::error("submit-evidence-changed").at(place).with("cells", moved.cells().join(", "))),
        }
    }
    if let Some(record) = kept.unsigned_by(store, period)? {
        let since: serde_json::Value = acts::body(&record)?;
        let finding = Finding::error("signatures-withdrawn").at(place).with("by", since["name"].as_str().unwrap_or_default());
        findings.push(finding);
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
