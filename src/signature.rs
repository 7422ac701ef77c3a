/*! Signatures: people sign what was shown to them, under its digest. The command line and the pages do it by this. */

use std::collections::{BTreeMap, BTreeSet};

use model::{Finding, Month};
use seal::{Moment, Package, Role};
use serde_json::json;
use store::{BookLock, DraftVersion, Record, Store, Wanted};

use crate::{
    acts, audit,
    config::{self, Agent, Person},
    delivery::{
        clock,
        outbox::{self, State},
    },
    evidence::Paper,
    package::{self, Chosen},
    print::{self, Beside, Mark, Print, Sheet},
    report::{self, Failure},
    signing::{self, Signatory},
    signoff::SHOWN,
};

/// Kind of the records of signatures.
pub const SIGNATURE: &str = "signature";

/// Roles in which people sign.
const KNOWN: &str = "preparer, statistician, finance, head";

/// What is to be signed.
#[derive(Clone, Copy)]
pub struct Asked<'a> {
    /// Form code; none is every form of the month.
    pub form: Option<&'a str>,
    /// Book, where a form has several.
    pub book: Option<&'a str>,
    /// Month.
    pub month: Month,
    /// 试填
    pub trial: bool,
}

/// What would be signed as things are.
pub struct Shown {
    /// Its drafts.
    pub chosen: Vec<Chosen>,
    /// It, with the signatures so far.
    pub package: Package,
    /// Digest of its payload.
    pub digest: String,
    /// Roles that must sign.
    pub required: Vec<Role>,
    /// What is to be known about it.
    pub findings: Vec<Finding>,
    place: String,
    month: Month,
    trial: bool,
    _locks: Vec<BookLock>,
}

/// A signature as it is asked for.
pub struct Hand<'a> {
    /// Who signs, or attests what another hand signed on paper.
    pub person: &'a Person,
    /// In which role.
    pub role: &'a str,
    /// The digest that was shown, or its first digits.
    pub seen: Option<&'a str>,
    /// Password of the key or PIN of the token, where the person typed it.
    pub secret: Option<&'a str>,
    /// Scan of the paper.
    pub paper: Option<&'a Paper>,
}

/// Role of a name.
pub fn role(name: &str, place: &str) -> Result<Role, Failure> {
    Role::from_id(name).filter(|role| role.signs_off()).ok_or_else(|| {
        let finding = Finding::error("signing-role-unknown").at(place).with("role", name);
        Failure::config(finding.with("known", KNOWN))
    })
}

/// Puts together what would be signed. Whoever signs holds the books meanwhile: two who sign at the same time would each make a container
/// without the other's signature.
pub fn shown(agent: &Agent, store: &mut Store, asked: Asked<'_>, alone: bool) -> Result<Shown, Failure> {
    let required = signing::required(agent)?;
    let chosen = package::choose(agent, store, asked.form, asked.book, asked.month)?;
    // 试填 asks the receiver what it would say; what is meant has been explained first.
    let open: Vec<Finding> = chosen.iter().filter(|_| !asked.trial).flat_map(|one| audit::unexplained(&one.draft)).collect();
    if !open.is_empty() {
        return Err(Failure::findings(open));
    }
    let books: BTreeSet<&str> = chosen.iter().map(|one| one.draft.book.as_str()).filter(|_| alone).collect();
    let locks = books.into_iter().map(|book| store.lock(book)).collect::<Result<Vec<_>, _>>()?;
    let (payload, mut told) = package::make(agent, store, &chosen, asked.trial)?;
    let digest = payload.digest().to_string();
    let mut findings = Vec::new();
    if !asked.trial && chosen.iter().all(|one| one.version.state == "delivered") {
        findings.push(Finding::note("sign-delivered-already").at(asked.month.to_string()));
    }
    findings.append(&mut told);
    let package = package::open(store, payload)?;
    let place = format!("{}, {}", asked.form.unwrap_or("all"), asked.month);
    let (month, trial) = (asked.month, asked.trial);
    Ok(Shown { chosen, package, digest, required, findings, place, month, trial, _locks: locks })
}

impl Shown {
    /// Whether everybody has signed who must.
    pub fn complete(&self) -> bool {
        self.open().next().is_none()
    }

    /// Roles that must sign yet.
    pub fn open(&self) -> impl Iterator<Item = Role> {
        self.required.iter().copied().filter(|role| !self.package.roles().any(|own| own == *role))
    }
}

/// Signs what was shown. What is told of it; the records are kept.
pub fn sign(agent: &Agent, store: &mut Store, shown: &mut Shown, hand: &Hand<'_>) -> Result<Vec<Finding>, Failure> {
    let Hand { person, paper, .. } = *hand;
    let (place, digest) = (shown.place.clone(), shown.digest.clone());
    let role = role(hand.role, "--role")?;
    let mut findings = Vec::new();
    match hand.seen {
        None => findings.push(Finding::error("sign-digest-missing").at(&place).with("digest", &digest)),
        Some(seen) if seen.len() < SHOWN || !digest.starts_with(seen) => {
            findings.push(Finding::error("sign-digest-differs").at(&place).with("now", &digest));
        }
        Some(_) => {}
    }
    // On paper, somebody else's hand signed; whoever attests it needs a role, not that one.
    let may = match paper {
        Some(_) => person.may(config::Deed::Attest),
        None => person.roles.iter().any(|own| own.id() == role.id()),
    };
    if !may {
        findings.push(Finding::error("role-unfit").at(&place).with("person", &person.name).with("wanted", role.id()));
    }
    if let Some(entry) = outbox::entry(store, &digest)?.filter(|entry| entry.state.waits() || entry.state == State::Delivered) {
        findings.push(Finding::error("signature-after-submission").at(&place).with("state", entry.state.name()));
    }
    // Whoever signs anew in a role takes the place of the signature that was there.
    let replaced = shown.package.remove(role);
    if paper.is_none() && approves_own(store, &shown.package, role, person)? {
        findings.push(Finding::error("approver-is-preparer").at(&place).with("person", &person.name));
    }
    if report::blocked(&findings) {
        return Err(Failure::findings(findings));
    }
    let now = signing::now()?;
    let signatory = Signatory::of(agent, person, hand.secret)?;
    findings.extend(signatory.unfit(agent, person, now));
    if report::blocked(&findings) {
        return Err(Failure::findings(findings));
    }
    let identity = signatory.identity()?;
    let attached = paper.map(|paper| paper.keep(store)).transpose()?;
    let done = match paper {
        Some(paper) => shown.package.sign_on_paper(&identity, role, scan(paper), now),
        None => shown.package.sign(&identity, role, now),
    };
    done.map_err(|finding| Failure::findings(vec![finding.at(&place)]))?;
    findings.extend(refused(agent, &mut shown.package, role, &place)?);
    findings.extend(clock::asked(agent));
    let record = package::keep(store, &shown.package, &shown.chosen, shown.trial)?;
    let signature = signature(person, role, &digest, &identity, attached, shown.month);
    let complete = shown.complete();
    let forms: Vec<&String> = shown.chosen.iter().map(|one| &one.draft.form).collect();
    let detail = json!({ "digest": digest, "role": role.id(), "forms": forms, "period": shown.month.to_string(), "paper": paper.is_some(),
        "complete": complete, "replaces": replaced });
    let work = store.begin(&person.id, "sign", &detail)?;
    work.put_record(&record)?;
    work.put_record(&signature)?;
    if complete && !shown.trial {
        for one in shown.chosen.iter().filter(|one| one.version.state != "signed") {
            work.put_draft(&DraftVersion { state: "signed".to_owned(), ..one.version.clone() })?;
        }
    }
    work.commit()?;
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
    attached: Option<BTreeMap<String, String>>,
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
pub fn approves_own(store: &Store, package: &Package, role: Role, person: &Person) -> Result<bool, Failure> {
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

fn scan(paper: &Paper) -> seal::Scan {
    let kind = paper.name().rsplit_once('.').map(|(_, kind)| kind.to_lowercase()).unwrap_or_default();
    seal::Scan { kind: if kind == "jpeg" { "jpg".to_owned() } else { kind }, bytes: paper.bytes().to_vec() }
}

/// What is to be signed, as a print with its digest, a square code and lines for a hand. In Chinese whoever asks, as the forms are and as the
/// package has it: one paper is signed.
pub fn print(agent: &Agent, store: &Store, shown: &Shown) -> Result<Print, Failure> {
    let digest = shown.digest.clone();
    let mut print = package::content::view(&shown.chosen);
    for (sheet, one) in print.forms.iter_mut().zip(&shown.chosen) {
        let roles = shown.package.roles().map(|role| role.id());
        let beside = Beside::of(agent, store, &one.draft)?.signed_by(store, &digest, roles)?;
        *sheet = Sheet::of(&one.draft, &one.digest, print.lang, &beside);
    }
    print.mark = Some(Mark { name: "payload-digest", code: format!("taizhang:payload:{digest}"), digest });
    print.signing = true;
    Ok(print)
}

/// A print as a page, or as PDF.
pub fn rendered(print: &Print, pdf: bool) -> Result<Vec<u8>, Failure> {
    if !pdf {
        return Ok(print::html(print).into_bytes());
    }
    let font = print::font::find().map_err(Failure::config)?;
    print::pdf(print, font).map_err(Failure::source)
}
