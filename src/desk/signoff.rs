//! Sign-off: who handed in, approved and signed, who must still, what is signed, and what may be done about it.

use std::collections::BTreeSet;

use model::{Finding, Level};
use seal::Role;
use serde_json::Value;
use store::{Record, Store, Wanted};
use web::{
    Answer, Comparison, File, FilingView, Hand, Key, Offer, Offers, Place, Reached, Sign, Signable, Signables, Signing, Stage,
};

use super::{book, deeds, drafts, local, month, telling::Telling};
use crate::{
    acts, compare,
    config::{Agent, Book, Channel, Deed, Person},
    delivery::{
        self,
        outbox::{self, Entry, State},
    },
    evidence::Paper,
    package::{self, Kept, Meant, PACKAGE},
    report::Failure,
    signature::{self, Asked, SIGNATURE, Shown},
    signing::{self, Signatory},
    signoff::{self, SIGNOFF},
    submission,
};

/// States in which somebody may sign.
const SIGNED_IN: [&str; 3] = ["approved", "signed", "refused"];

/// States from which a draft is given back.
const BACK: [&str; 5] = ["in_review", "approved", "signed", "refused", "returned"];

fn offer(findings: Vec<Finding>) -> Offer {
    Some(if findings.is_empty() { Ok(()) } else { Err(findings) })
}

/// Whether a person may do a deed.
pub fn may(person: &Person, deed: Deed) -> Result<(), Vec<Finding>> {
    match person.unfit(deed) {
        None => Ok(()),
        Some(finding) => Err(vec![finding]),
    }
}

/// Name of whoever the log names.
pub fn name(agent: &Agent, id: &str) -> String {
    agent.people.iter().find(|person| person.id == id).map_or_else(|| id.to_owned(), |person| person.name.clone())
}

fn those(agent: &Agent, fit: impl Fn(&Person) -> bool) -> Vec<String> {
    agent.people.iter().filter(|person| fit(person)).map(|person| person.name.clone()).collect()
}

/// Names of those who may.
pub fn who_may(agent: &Agent, deed: Deed) -> Vec<String> {
    those(agent, |person| person.may(deed))
}

/// Names of those who sign in a role.
pub fn who_signs(agent: &Agent, role: &str) -> Vec<String> {
    those(agent, |person| person.roles.iter().any(|own| own.id() == role))
}

/// What a person may do with a draft before it is signed.
pub fn offers(store: &Store, place: &Place, person: &Person) -> Answer<Offers> {
    let state = drafts::kept(store, place)?.state;
    let mut offers = Offers::default();
    match state.as_str() {
        "built" => offers.review = Some(may(person, Deed::Review)),
        "in_review" => {
            let mut findings: Vec<Finding> = person.unfit(Deed::Approve).into_iter().collect();
            if signoff::handed_in(store, (&place.book, &place.form, &place.period), person)? {
                findings.push(Finding::error("approver-is-preparer").with("person", &person.name));
            }
            offers.approve = offer(findings);
        }
        _ => {}
    }
    if BACK.contains(&&*state) {
        offers.back = Some(may(person, Deed::Return));
    }
    Ok(offers)
}

/// The package of a draft as it is now, where somebody has signed one, and how far it is.
pub fn package_of(store: &Store, place: &Place, draft: &str) -> Result<Option<(Kept, Option<Entry>)>, Failure> {
    let meant = Meant { form: Some(&place.form), period: &place.period, trial: false };
    let own = |[form, book, digest]: &[String; 3]| *form == place.form && *book == place.book && digest == draft;
    let Some(kept) = package::kept(store, None, Some(meant))?.filter(|kept| kept.forms.iter().any(own)) else { return Ok(None) };
    let entry = outbox::entry(store, &kept.digest)?;
    Ok(Some((kept, entry)))
}

/// Whether a package has left: it waits for its receipt, or has one that took it.
pub fn left(entry: Option<&Entry>) -> bool {
    entry.is_some_and(|entry| entry.state.waits() || entry.state == State::Delivered)
}

/// Roles that have signed a draft as it is now, without putting the package together.
pub fn signed_roles(store: &Store, place: &Place, draft: &str) -> Result<Vec<String>, Failure> {
    match package_of(store, place, draft)? {
        Some((kept, _)) if kept.unsigned_by(store, &place.period)?.is_none() => Ok(kept.roles),
        _ => Ok(Vec::new()),
    }
}

/// That something is to be done before the forms are signed is no mistake of anybody: the page has the place where it is done.
fn next_step(finding: Finding) -> Finding {
    match &*finding.code {
        "filing-missing" => Finding { level: Level::Note, ..finding },
        "explanation-missing" => Finding { level: Level::Warning, ..finding },
        _ => finding,
    }
}

/// The sign-off of a draft.
pub fn signing(agent: &Agent, store: &mut Store, place: &Place, person: &Person) -> Answer<Signing> {
    let (own, month) = (book(agent, place)?, month(place)?);
    let view = drafts::view(agent, store, place)?;
    let official = agent.channel(&place.form, &place.book) == Channel::Official;
    let offers = offers(store, place, person)?;
    let kept = package_of(store, place, &view.digest)?;
    let sent = left(kept.as_ref().and_then(|(_, entry)| entry.as_ref()));
    let (mut shown, mut findings) = (None, Vec::new());
    if SIGNED_IN.contains(&&*view.state) && !sent {
        match signature::shown(agent, store, asked(place, own, month), false) {
            Ok(mut made) => {
                findings.append(&mut made.findings);
                shown = Some(made);
            }
            Err(failure) => findings.extend(failure.findings.into_iter().map(next_step)),
        }
    }
    let digest =
        shown.as_ref().map(|shown| shown.digest.clone()).or_else(|| Some(kept.as_ref().filter(|_| sent)?.0.digest.clone()));
    let roles = match (&shown, &kept) {
        (Some(shown), _) => shown.package.roles().map(|role| role.id().to_owned()).collect(),
        (None, Some((kept, _))) if sent => kept.roles.clone(),
        _ => Vec::new(),
    };
    let filed = filing(store, place, &view.digest)?;
    let way = Way { agent, store, place, draft: &view.digest, state: &view.state, digest: digest.as_deref(), roles: &roles };
    let stages = way.stages(official, filed.as_ref(), kept.as_ref().and_then(|(_, entry)| entry.as_ref()))?;
    let filing_offer =
        (!official && !sent && view.state != "built" && view.state != "in_review").then(|| may(person, Deed::Platform));
    let key = key(agent, person);
    let (hands, paper) = match &shown {
        Some(shown) => (hands(agent, store, shown, person, key)?, papers(agent, shown, person)),
        None => (Vec::new(), (Vec::new(), None)),
    };
    let ready = ["signed", "refused"].contains(&&*view.state) && shown.as_ref().is_some_and(Shown::complete);
    let submit = ready.then(|| may(person, Deed::Submit));
    let ([with_version, with_month], theirs) = comparisons(store, place, month)?;
    let rounds = rounds(agent, store, place)?;
    let filing = (filed, filing_offer);
    let sent = sent || !["built", "in_review", "approved", "signed"].contains(&&*view.state);
    Ok(Signing {
        view,
        official,
        stages,
        digest,
        findings,
        offers,
        filing,
        hands,
        key,
        paper,
        submit,
        sent,
        with_version,
        theirs,
        with_month,
        rounds,
    })
}

fn asked<'a>(place: &'a Place, book: &'a Book, month: model::Month) -> Asked<'a> {
    Asked { form: Some(&place.form), book: Some(&book.id), month, trial: false }
}

fn key(agent: &Agent, person: &Person) -> Key {
    match Signatory::configured(agent, person) {
        Ok(own) if own.module.is_some() => Key::Pin,
        Ok(_) => Key::Password,
        Err(_) => Key::None,
    }
}

/// The roles of a person, each with what holds it up.
fn hands(agent: &Agent, store: &Store, shown: &Shown, person: &Person, key: Key) -> Answer<Vec<Hand>> {
    let mut hands = Vec::new();
    for role in person.roles.iter().filter_map(|own| Role::from_id(own.id())).filter(|role| role.signs_off()) {
        let mut findings = Vec::new();
        if signature::approves_own(store, &shown.package, role, person)? {
            findings.push(Finding::error("approver-is-preparer").with("person", &person.name));
        }
        if key == Key::None {
            findings.extend(Signatory::configured(agent, person).err().into_iter().flat_map(|failure| failure.findings));
        }
        let signed = shown.package.roles().any(|there| there == role);
        let offer = if findings.is_empty() { Ok(()) } else { Err(findings) };
        hands.push(Hand { role: role.id().to_owned(), signed, offer });
    }
    Ok(hands)
}

/// Roles that may be signed on paper, and whether the person may attest it.
fn papers(agent: &Agent, shown: &Shown, person: &Person) -> (Vec<String>, Offer) {
    let open: Vec<String> = shown.open().map(|role| role.id().to_owned()).collect();
    let mut findings: Vec<Finding> = person.unfit(Deed::Attest).into_iter().collect();
    findings.extend(Signatory::configured(agent, person).err().into_iter().flat_map(|failure| failure.findings));
    let may = if open.is_empty() { None } else { offer(findings) };
    (open, may)
}

fn filing(store: &Store, place: &Place, draft: &str) -> Answer<Option<FilingView>> {
    let (book, form, period) = (&place.book, &place.form, &place.period);
    let Some(filing) = delivery::filing(store, book, form, period)? else { return Ok(None) };
    let current = delivery::filed_is(store, book, form, period, draft)?;
    let wanted = Wanted { book: Some(book), form: Some(form), period: Some(period), key: None };
    let record = store.records(delivery::FILED, wanted).map_err(Failure::from)?.pop();
    let body: Value = record.as_ref().map(acts::body).transpose()?.unwrap_or_default();
    Ok(Some(FilingView { at: filing.at, reference: filing.reference, current, papers: crate::deeds::papers(&body) }))
}

/// What is asked when stages are put together.
struct Way<'a> {
    agent: &'a Agent,
    store: &'a Store,
    place: &'a Place,
    /// SHA-256 of the draft.
    draft: &'a str,
    /// Its state.
    state: &'a str,
    /// Digest of what is signed.
    digest: Option<&'a str>,
    /// Roles that have signed.
    roles: &'a [String],
}

impl Way<'_> {
    fn wanted<'b>(&'b self, key: Option<&'b str>) -> Wanted<'b> {
        Wanted { book: Some(&self.place.book), form: Some(&self.place.form), period: Some(&self.place.period), key }
    }

    /// Who made an operation, and when.
    fn made(&self, operation: i64) -> Result<(String, String), Failure> {
        let made = self.store.operation(operation)?;
        Ok(made.map(|made| (name(self.agent, &made.who), local(&made.at))).unwrap_or_default())
    }

    fn stage(&self, name: &str, done: Option<&Record>, note: &str, waits: Vec<String>) -> Result<Stage, Failure> {
        let (who, at) = done.map(|record| self.made(record.operation)).transpose()?.unwrap_or_default();
        let reached = if done.is_some() { Reached::Done } else { Reached::Later };
        let waits = if done.is_some() { Vec::new() } else { waits };
        Ok(Stage { name: name.to_owned(), reached, who, at, note: note.to_owned(), waits })
    }

    /// The hand-in or approval of this very draft that nobody has given back since.
    fn step(&self, key: &str) -> Result<Option<Record>, Failure> {
        let newest = |key| Ok::<_, Failure>(self.store.records(SIGNOFF, self.wanted(Some(key)))?.pop());
        let back = newest("return")?.map_or(0, |record| record.operation);
        let Some(record) = newest(key)?.filter(|record| record.operation > back) else { return Ok(None) };
        let body: Value = acts::body(&record)?;
        Ok((body["draft"] == self.draft).then_some(record))
    }

    fn stages(&self, official: bool, filed: Option<&FilingView>, entry: Option<&Entry>) -> Result<Vec<Stage>, Failure> {
        let (agent, store) = (self.agent, self.store);
        let mut stages = vec![
            self.stage("stage-review", self.step("review")?.as_ref(), "", who_may(agent, Deed::Review))?,
            self.stage("stage-approve", self.step("approve")?.as_ref(), "", who_may(agent, Deed::Approve))?,
        ];
        if !official {
            let record = store.records(delivery::FILED, self.wanted(None))?.pop();
            let note = filed.map(|filed| format!("{} {}", filed.at, filed.reference)).unwrap_or_default();
            stages.push(self.stage("stage-filed", record.as_ref(), note.trim(), who_may(agent, Deed::Platform))?);
        }
        let required = signing::required(agent)?;
        let roles = Role::ALL.into_iter().filter(|role| required.contains(role) || self.roles.iter().any(|own| own == role.id()));
        for role in roles {
            let signed = self.roles.iter().any(|own| own == role.id());
            let key = format!("{}/{}", self.digest.unwrap_or_default(), role.id());
            let record = store.records(SIGNATURE, Wanted { key: Some(&key), ..Wanted::default() })?.pop().filter(|_| signed);
            let body: Value = record.as_ref().map(acts::body).transpose()?.unwrap_or_default();
            let note = body["paper"]["name"].as_str().unwrap_or_default();
            stages.push(self.stage(&format!("role-{}", role.id()), record.as_ref(), note, who_signs(agent, role.id()))?);
        }
        let wanted = Wanted { key: self.digest, period: Some(&self.place.period), ..Wanted::default() };
        let digest = self.digest.filter(|_| entry.is_some_and(|entry| entry.state != State::Withdrawn));
        let sent = digest.map(|_| store.record_versions(outbox::OUTBOX, wanted)).transpose()?.unwrap_or_default();
        stages.push(self.stage("stage-submit", sent.first(), "", who_may(agent, Deed::Submit))?);
        let receipt = digest.map(|_| store.records(delivery::RECEIPT, wanted)).transpose()?.unwrap_or_default().pop();
        let body: Value = receipt.as_ref().map(acts::body).transpose()?.unwrap_or_default();
        let mut stage = self.stage("stage-receipt", receipt.as_ref(), "", Vec::new())?;
        if receipt.is_some() {
            // The receiver's clock says when it arrived there.
            (stage.who, stage.at) = (String::new(), local(body["at"].as_str().unwrap_or_default()));
            if body["verdict"] != delivery::RECEIVED {
                stage.reached = Reached::Wrong;
            }
        }
        stages.push(stage);
        if official {
            let mut stage = self.stage("stage-accepted", None, "", Vec::new())?;
            match self.state {
                "accepted" => stage.reached = Reached::Done,
                "returned" => (stage.reached, stage.name) = (Reached::Wrong, "stage-returned".to_owned()),
                _ => {}
            }
            stages.push(stage);
        }
        turn(&mut stages);
        Ok(stages)
    }
}

/// Marks whose turn it is: the first stage that is not done, and with one signature all others that are open.
fn turn(stages: &mut [Stage]) {
    let Some(first) = stages.iter().position(|stage| stage.reached != Reached::Done) else { return };
    let signs = |stage: &Stage| stage.name.starts_with("role-");
    let with = signs(&stages[first]);
    for (at, stage) in stages.iter_mut().enumerate() {
        if stage.reached == Reached::Later && (at == first || with && signs(stage)) {
            stage.reached = Reached::Now;
        }
    }
}

/// The draft beside what the bureau has of it, or else the version before; and beside the month before.
fn comparisons(store: &Store, place: &Place, month: model::Month) -> Answer<([Option<Comparison>; 2], bool)> {
    let (book, form, period) = (&place.book, &place.form, &place.period);
    let versions = compare::versions(store, book, form, period)?;
    let Some((new, earlier)) = versions.split_last() else { return Ok(([None, None], false)) };
    let theirs = match delivery::received(store, &[(form, book)], period, false)? {
        Some(digest) => package::kept(store, Some(&digest), None)?,
        None => None,
    };
    let theirs = theirs.and_then(|kept| kept.forms.into_iter().find(|[own, there, _]| own == form && there == book));
    let has = theirs.and_then(|[_, _, digest]| earlier.iter().find(|(version, _)| version.digest == digest));
    let theirs = has.is_some();
    let with_version = has.or(earlier.last()).map(|old| compare::versions_of(old, new)).transpose()?;
    let with_month = match month.plus(-1) {
        Some(before) => compare::versions(store, book, form, &before.to_string())?.pop(),
        None => None,
    };
    let with_month = with_month.map(|old| compare::months(&old, new)).transpose()?;
    Ok(([with_version, with_month], theirs))
}

/// Everything that was done with a draft, the newest first.
fn rounds(agent: &Agent, store: &Store, place: &Place) -> Answer<Vec<web::Operation>> {
    let own = Wanted { book: Some(&place.book), form: Some(&place.form), period: Some(&place.period), key: None };
    let month = Wanted { period: Some(&place.period), ..Wanted::default() };
    let mut operations: BTreeSet<i64> = BTreeSet::new();
    operations.extend(
        store.drafts_of(&place.book, &place.form, &place.period).map_err(Failure::from)?.iter().map(|draft| draft.operation),
    );
    for kind in [SIGNOFF, delivery::FILED, delivery::RECEIPT] {
        operations.extend(store.record_versions(kind, own).map_err(Failure::from)?.iter().map(|record| record.operation));
    }
    // Packages name their forms within.
    let mut digests = BTreeSet::new();
    for record in store.record_versions(PACKAGE, month).map_err(Failure::from)? {
        let kept: Kept = acts::body(&record)?;
        if kept.forms.iter().any(|[form, book, _]| *form == place.form && *book == place.book) {
            operations.insert(record.operation);
            digests.insert(record.key);
        }
    }
    let sent = store.record_versions(outbox::OUTBOX, month).map_err(Failure::from)?;
    operations.extend(sent.iter().filter(|record| digests.contains(&record.key)).map(|record| record.operation));
    let telling = Telling::new(agent);
    let mut rounds = Vec::new();
    for seq in operations.into_iter().rev() {
        rounds.extend(store.operation(seq).map_err(Failure::from)?.map(|operation| telling.operation(operation)));
    }
    Ok(rounds)
}

/// Every draft that a person may sign now, each with what is signed; and those that wait for something else.
pub fn signables(agent: &Agent, store: &mut Store, person: &Person) -> Answer<Signables> {
    let (mut open, mut held, key) = (Vec::new(), Vec::new(), key(agent, person));
    let drafts = store.current_drafts().map_err(Failure::from)?;
    for version in drafts.into_iter().filter(|version| version.state == "approved") {
        let place = Place { book: version.book, form: version.form, period: version.period };
        // A book or month that is no more is no draft to be signed.
        let (Ok(own), Ok(month)) = (book(agent, &place), month(&place)) else { continue };
        match signature::shown(agent, store, asked(&place, own, month), false) {
            Ok(shown) => {
                let hands = hands(agent, store, &shown, person, key)?;
                let roles: Vec<String> =
                    hands.into_iter().filter(|hand| !hand.signed && hand.offer.is_ok()).map(|hand| hand.role).collect();
                if !roles.is_empty() {
                    let view = drafts::view(agent, store, &place)?;
                    open.push(Signable { place, view, digest: shown.digest, roles });
                }
            }
            Err(failure) => held.push((place, failure.findings.into_iter().map(next_step).collect())),
        }
    }
    Ok(Signables { open, held, key })
}

/// Signs, or attests a signature on paper.
pub fn sign(agent: &Agent, store: &mut Store, place: &Place, person: &Person, sign: &Sign) -> Answer<Vec<Finding>> {
    let (own, month) = (book(agent, place)?, month(place)?);
    let paper = sign.paper.as_ref().map(|paper| Paper::received(&paper.name, paper.bytes.clone())).transpose()?;
    let mut shown = signature::shown(agent, store, asked(place, own, month), true)?;
    let (seen, secret) = (Some(sign.digest.as_str()), Some(sign.secret.as_str()));
    let hand = signature::Hand { person, role: &sign.role, seen, secret, paper: paper.as_ref() };
    Ok(signature::sign(agent, store, &mut shown, &hand)?)
}

/// What is to be signed, to be printed.
pub fn paper(agent: &Agent, store: &mut Store, place: &Place, pdf: bool) -> Answer<File> {
    let (own, month) = (book(agent, place)?, month(place)?);
    let shown = signature::shown(agent, store, asked(place, own, month), false)?;
    let bytes = signature::rendered(&signature::print(agent, store, &shown)?, pdf)?;
    let (kind, media) = if pdf { ("pdf", "application/pdf") } else { ("html", "text/html; charset=utf-8") };
    Ok(File { name: format!("{}-{}-{}.{kind}", place.form, place.period, &shown.digest[..signoff::SHOWN]), media, bytes })
}

/// Records the filing of the draft that was on the screen.
pub fn file(
    agent: &Agent,
    store: &mut Store,
    place: &Place,
    person: &Person,
    [digest, at, reference]: [&str; 3],
    papers: &[web::Paper],
) -> Answer<()> {
    let (own, month) = (book(agent, place)?, month(place)?);
    drafts::same(store, place, digest)?;
    let at = at.trim().parse().map_err(|_| {
        let finding = Finding::error("filing-date-unfit").with("at", at).with("period", &place.period);
        Failure::findings(vec![finding.with("today", crate::due::today())])
    })?;
    let papers = deeds::papers(papers)?;
    let what = submission::Filed { book: own, form: &place.form, month, at, reference: reference.trim(), papers: &papers };
    submission::filed(agent, store, person, &what)?;
    Ok(())
}
