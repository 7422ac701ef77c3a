/*! `taizhang sign`: people sign what was shown to them, under its digest. */

use std::{
    fs,
    path::{Path, PathBuf},
};

use model::{Finding, Month};
use seal::{Moment, Package, Role};
use serde_json::json;
use store::{DraftVersion, Record, Wanted};

use super::Ctx;
use crate::{
    acts,
    config::{self, Agent, Person},
    delivery::{
        clock,
        outbox::{self, State},
    },
    evidence,
    output::{self, Table, label},
    package::{self, Chosen},
    print::{self, Mark},
    report::{self, Failure},
    sheet,
    signing::{self, Signatory},
};

/// Kind of the records of signatures.
pub const SIGNATURE: &str = "signature";

/// Digits of a digest that must be repeated at least.
const REPEATED: usize = 12;

/// What is signed, in which role.
#[derive(clap::Args)]
pub struct What {
    /// 表号；all 是这个月的每张表 Form code; `all` is every form of the month
    #[arg(long)]
    form: String,
    /// 月份 YYYY-MM
    #[arg(long)]
    period: Month,
    /// 账套 id，表只有一个账套时可不给 Book id; the only one of the form where absent
    #[arg(long)]
    book: Option<String>,
    /// 以什么身份签 preparer, statistician, finance or head; without it, only what would be signed is shown
    #[arg(long)]
    role: Option<String>,
    /// 看到的内容摘要（至少前 12 位）Digest that was shown; what is signed is exactly that
    #[arg(long)]
    digest: Option<String>,
    /// 把要签的内容写成网页或 PDF，带摘要、二维码和签字栏 Writes what is to be signed as a page or PDF with digest, square code and lines for a hand
    #[arg(long)]
    print: Option<PathBuf>,
    /// 纸上签字的扫描件 pdf、png 或 jpg：由 --as 的人证明 Scan of the print that the role signed by hand; the person of --as attests it
    #[arg(long)]
    paper: Option<PathBuf>,
    /// 试填：只是试一试，不算数 A delivery that is only tried
    #[arg(long)]
    trial: bool,
}

/// Shows what is to be signed, or signs it.
pub fn run(ctx: &Ctx, what: &What) -> Result<Vec<Finding>, Failure> {
    let (agent, mut store) = ctx.open()?;
    let required = signing::required(&agent)?;
    let form = Some(what.form.as_str()).filter(|form| !form.eq_ignore_ascii_case("all"));
    let chosen = package::choose(&agent, &store, form, what.book.as_deref(), what.period)?;
    // Two who sign at the same time would each make a container without the other's signature.
    let books: std::collections::BTreeSet<&str> = chosen.iter().map(|one| one.draft.book.as_str()).collect();
    let _locks = books.into_iter().map(|book| store.lock(book)).collect::<Result<Vec<_>, _>>()?;
    let (payload, mut told) = package::make(&agent, &mut store, &chosen, what.trial)?;
    let digest = payload.digest().to_string();
    let mut findings = Vec::new();
    if !what.trial && chosen.iter().all(|one| one.version.state == "delivered") {
        findings.push(Finding::note("sign-delivered-already").at(what.period.to_string()));
    }
    findings.append(&mut told);
    let mut package = package::open(&store, payload)?;
    if let Some(path) = &what.print {
        printed(ctx, path, &chosen, &digest)?;
    }
    let Some(role) = &what.role else {
        shown(ctx, &chosen, &package, &digest, &required)?;
        findings.push(Finding::note("sign-shown").at(what.period.to_string()).with("digest", &digest));
        return Ok(findings);
    };
    let place = format!("{}, {}", what.form, what.period);
    let person = ctx.person(&agent)?;
    let role = Role::from_id(role).filter(|role| role.signs_off()).ok_or_else(|| {
        let finding = Finding::error("signing-role-unknown").at("--role").with("role", role);
        Failure::config(finding.with("known", "preparer, statistician, finance, head"))
    })?;
    match &what.digest {
        None => findings.push(Finding::error("sign-digest-missing").at(&place).with("digest", &digest)),
        Some(seen) if seen.len() < REPEATED || !digest.starts_with(seen.as_str()) => {
            findings.push(Finding::error("sign-digest-differs").at(&place).with("now", &digest));
        }
        Some(_) => {}
    }
    // On paper, somebody else's hand signed; whoever attests it needs a role, not that one.
    let may = match what.paper {
        Some(_) => person.may(config::Deed::Attest),
        None => person.roles.iter().any(|own| own.id() == role.id()),
    };
    if !may {
        findings.push(Finding::error("role-unfit").at(&place).with("person", &person.name).with("wanted", role.id()));
    }
    if let Some(entry) = outbox::entry(&store, &digest)?.filter(|entry| entry.state.waits() || entry.state == State::Delivered) {
        findings.push(Finding::error("signature-after-submission").at(&place).with("state", entry.state.name()));
    }
    // Whoever signs anew in a role takes the place of the signature that was there.
    let replaced = package.remove(role);
    if what.paper.is_none() && approves_own(&store, &package, role, person)? {
        findings.push(Finding::error("approver-is-preparer").at(&place).with("person", &person.name));
    }
    if report::blocked(&findings) {
        return Err(Failure::findings(findings));
    }
    let now = signing::now()?;
    let signatory = Signatory::of(&agent, person)?;
    findings.extend(signatory.unfit(&agent, person, now));
    if report::blocked(&findings) {
        return Err(Failure::findings(findings));
    }
    let identity = signatory.identity()?;
    let scan = what.paper.as_deref().map(scan).transpose()?;
    let attached = what.paper.as_deref().map(|path| evidence::keep(&store, path)).transpose()?;
    let done = match scan {
        Some(scan) => package.sign_on_paper(&identity, role, scan, now),
        None => package.sign(&identity, role, now),
    };
    done.map_err(|finding| Failure::findings(vec![finding.at(&place)]))?;
    findings.extend(refused(&agent, &mut package, role, &place)?);
    findings.extend(clock::asked(&agent));
    let record = package::keep(&store, &package, &chosen, what.trial)?;
    let signature = signature(person, role, &digest, &identity, attached, what.period);
    let complete = required.iter().all(|role| package.roles().any(|own| own == *role));
    let detail = json!({ "digest": digest, "role": role.id(), "forms": chosen.iter().map(|one| &one.draft.form).collect::<Vec<_>>(),
        "period": what.period.to_string(), "paper": what.paper.is_some(), "complete": complete, "replaces": replaced });
    let work = store.begin(&person.id, "sign", &detail)?;
    work.put_record(&record)?;
    work.put_record(&signature)?;
    if complete && !what.trial {
        for one in chosen.iter().filter(|one| one.version.state != "signed") {
            work.put_draft(&DraftVersion { state: "signed".to_owned(), ..one.version.clone() })?;
        }
    }
    work.commit()?;
    shown(ctx, &chosen, &package, &digest, &required)?;
    if replaced {
        findings.push(Finding::note("signature-replaced").at(&place).with("role", role.id()));
    }
    if complete {
        findings.push(Finding::note("package-signed").at(&place).with("digest", &digest));
    }
    Ok(findings)
}

/// The record of a signature: who, in which role, over what, with which certificate.
fn signature(
    person: &Person,
    role: Role,
    digest: &str,
    identity: &seal::Identity<'_>,
    attached: Option<std::collections::BTreeMap<String, String>>,
    month: Month,
) -> Record {
    let certificate = identity.certificate();
    let body = json!({
        "person": person.id, "name": person.name, "role": role.id(), "digest": digest, "certificate": certificate.fingerprint().to_string(),
        "serial": certificate.serial(), "paper": attached,
    });
    let key = format!("{digest}/{}", role.id());
    Record { kind: SIGNATURE.to_owned(), period: month.to_string(), key, body: body.to_string(), ..Record::default() }
}

/// What a receiver would refuse is not made: a preparer who approves; with roots, everything else that it looks at. What is wrong with a signature of
/// another role does not stand in the way of this one: it is set aside, and that role signs anew.
fn refused(agent: &Agent, package: &mut Package, role: Role, place: &str) -> Result<Vec<Finding>, Failure> {
    let moment = Moment::Signed(signing::now()?);
    let trust = match &agent.signing.roots {
        Some(roots) => signing::trust(&agent.folder().join(roots), moment)?,
        None => return Ok(Vec::new()),
    };
    let demands = seal::Demands { unit: Some(agent.unit.code.clone()), roles: Vec::new() };
    let findings = package.verify(&trust, &demands).findings;
    let of = |finding: &Finding| Role::from_id(&finding.place).filter(|other| *other != role);
    let (others, own): (Vec<Finding>, Vec<Finding>) = findings.into_iter().partition(|finding| of(finding).is_some());
    if !own.is_empty() {
        return Err(Failure::findings(own.into_iter().map(|found| found.at(place)).collect()));
    }
    let mut told = Vec::new();
    for other in Role::ALL {
        let why: Vec<&str> = others.iter().filter(|finding| of(finding) == Some(other)).map(|finding| &*finding.code).collect();
        if !why.is_empty() && package.remove(other) {
            let finding = Finding::warning("signature-set-aside").at(place).with("role", other.id());
            told.push(finding.with("reasons", why.join(", ")));
        }
    }
    Ok(told)
}

/// Whoever made a report does not approve it.
fn approves_own(store: &store::Store, package: &Package, role: Role, person: &Person) -> Result<bool, Failure> {
    let own = role == Role::Preparer;
    let digest = package.digest().to_string();
    for record in store.records(SIGNATURE, Wanted::default())? {
        let Some(other) = record.key.strip_prefix(&digest).and_then(|rest| rest.strip_prefix('/')) else { continue };
        // A signature of an earlier round does not count.
        if !package.roles().any(|there| there.id() == other) {
            continue;
        }
        let body: serde_json::Value = acts::body(&record)?;
        let apart = if own { matches!(other, "statistician" | "head") } else { other == "preparer" && role != Role::FinanceHead };
        // A signature on paper is that of another hand, whoever attests it.
        if apart && body["paper"].is_null() && body["person"] == person.id.as_str() {
            return Ok(true);
        }
    }
    Ok(false)
}

fn scan(path: &Path) -> Result<seal::Scan, Failure> {
    let bytes = fs::read(path).map_err(|error| Failure::config(Finding::io(path, &error)))?;
    let kind = path.extension().map(|kind| kind.to_string_lossy().to_lowercase()).unwrap_or_default();
    Ok(seal::Scan { kind: if kind == "jpeg" { "jpg".to_owned() } else { kind }, bytes })
}

/// What the print of a package is recognised by.
fn printed(ctx: &Ctx, path: &Path, chosen: &[Chosen], digest: &str) -> Result<(), Failure> {
    let mut print = package::content::view(chosen);
    print.mark = Some(Mark { name: "payload-digest", digest: digest.to_owned(), code: format!("taizhang:payload:{digest}") });
    print.signing = true;
    let pdf = path.extension().is_some_and(|kind| kind.eq_ignore_ascii_case("pdf"));
    let bytes = if pdf {
        let font = print::font::find().map_err(Failure::config)?;
        print::pdf(&print, font).map_err(Failure::source)?
    } else {
        print::html(&print).into_bytes()
    };
    sheet::save(path, &bytes)?;
    // Beside a table for programs, the name of a file would be noise.
    if ctx.people() { output::say(&format!("{}\n", path.display())) } else { Ok(()) }
}

/// The forms with the digest of all of them, and who has signed.
fn shown(ctx: &Ctx, chosen: &[Chosen], package: &Package, digest: &str, required: &[Role]) -> Result<(), Failure> {
    let roles = Role::ALL.into_iter().filter(|role| role.signs_off());
    let name = |role: Role| if ctx.people() { label(ctx.lang, &format!("role-{}", role.id())) } else { role.id().to_owned() };
    let signed: Vec<String> = roles.clone().filter(|role| package.roles().any(|own| own == *role)).map(name).collect();
    let open = roles.filter(|role| required.contains(role) && !package.roles().any(|own| own == *role)).map(name);
    let open = open.collect::<Vec<_>>().join(" ");
    let signed = signed.join(" ");
    let rows = chosen.iter().map(|one| {
        let channel = one.channel.name();
        let channel = if ctx.people() { label(ctx.lang, &format!("channel-{channel}")) } else { channel.to_owned() };
        let draft = &one.draft;
        // The digest is what a person compares and repeats: it is whole.
        let own = [&draft.form, &draft.book, &draft.period, &channel, &signed, &open].map(Clone::clone).to_vec();
        [own, vec![digest.to_owned()]].concat()
    });
    Table { columns: &["form", "book", "period", "channel", "signed", "unsigned", "digest"], numbers: &[], rows: rows.collect() }
        .write(ctx.format, ctx.lang)
}
