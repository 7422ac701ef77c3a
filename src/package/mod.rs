/*! Packages: approved drafts of a unit's month, put together as a payload, and what is kept of it while people sign. */

pub mod content;

use std::{
    fs::{self, File},
    io::Write,
    path::Path,
};

use journal::Digest;
use model::{Finding, Level, Month};
use seal::{Limits, Package, Payload, Role};
use serde::{Deserialize, Serialize};
use store::{DraftVersion, Record, Store, Wanted};
use survey::{
    document::{Draft, Unit},
    filing::{FiledForm, Identity, SCHEMA},
};

use crate::{
    acts, build,
    config::{Agent, Channel},
    delivery,
    report::{self, Failure},
    signoff::SIGNOFF,
};

/// Kind of the records of packages, one version for each signature.
pub const PACKAGE: &str = "package";

/// States of a draft that somebody has approved and nobody has given back.
pub const APPROVED: [&str; 6] = ["approved", "signed", "handed_out", "queued", "delivered", "refused"];

/// A draft that goes into a package.
pub struct Chosen {
    /// Month.
    pub month: Month,
    /// As it was approved.
    pub draft: Draft,
    /// SHA-256 of its text.
    pub digest: String,
    /// Its version.
    pub version: DraftVersion,
    /// How it reaches the bureau.
    pub channel: Channel,
}

/// What is kept of a package.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Kept {
    /// Digest of the payload.
    pub digest: String,
    /// SHA-256 of the container with the signatures so far.
    pub container: String,
    /// Forms: code, book, digest of the draft.
    pub forms: Vec<[String; 3]>,
    /// Channel.
    pub channel: Channel,
    /// 试填
    pub trial: bool,
    /// Roles that have signed.
    pub roles: Vec<String>,
    /// Operation that kept it.
    #[serde(skip)]
    pub operation: i64,
}

/// Which package of a month is meant.
#[derive(Clone, Copy)]
pub struct Meant<'a> {
    /// One that holds this form.
    pub form: Option<&'a str>,
    /// Month.
    pub period: &'a str,
    /// 试填
    pub trial: bool,
}

/// The drafts of a month that are meant: of one form, or of every form that has one. They are approved, fresh, and without mandatory findings.
pub fn choose(
    agent: &Agent,
    store: &Store,
    form: Option<&str>,
    book: Option<&str>,
    month: Month,
) -> Result<Vec<Chosen>, Failure> {
    let period = month.to_string();
    let meant = |version: &DraftVersion| {
        version.period == period && form.is_none_or(|form| version.form == form) && book.is_none_or(|book| version.book == book)
    };
    let mut versions: Vec<DraftVersion> = store.current_drafts()?.into_iter().filter(meant).collect();
    versions.sort_by(|a, b| (&a.form, &a.book).cmp(&(&b.form, &b.book)));
    let mut findings = Vec::new();
    if versions.is_empty() {
        findings.push(Finding::error("draft-missing").at(format!("{}, {period}", form.unwrap_or("*"))));
    }
    let mut chosen: Vec<Chosen> = Vec::new();
    for version in versions {
        let draft = build::read(&version)?;
        let place = format!("{}, {period}, book {}", version.form, version.book);
        if !APPROVED.contains(&&*version.state) {
            let finding = Finding::error("draft-state-unfit").at(&place).with("state", &version.state);
            findings.push(finding.with("wanted", "approved"));
        }
        let own = agent.book(Some(&version.book))?;
        let error = |finding: Finding| Finding { level: Level::Error, ..finding };
        findings.extend(build::stale(agent, store, own, &draft)?.into_iter().map(error));
        let mandatory = draft.findings.iter().filter(|note| note.code == "rule-mandatory");
        findings.extend(mandatory.map(|note| error(note.finding())));
        if chosen.iter().any(|other| other.draft.form == draft.form) {
            findings.push(Finding::error("form-doubled").at(&place).with("form", &draft.form));
        }
        let channel = agent.channel(&draft.form, &draft.book);
        let digest = Digest::of(version.body.as_bytes()).to_string();
        chosen.push(Chosen { month, draft, digest, version, channel });
    }
    if let Some(first) = chosen.first()
        && let Some(other) = chosen.iter().find(|one| one.channel != first.channel)
    {
        let finding =
            Finding::error("channels-mixed").at(&period).with("one", &first.draft.form).with("other", &other.draft.form);
        findings.push(finding);
    }
    if report::blocked(&findings) { Err(Failure::findings(findings)) } else { Ok(chosen) }
}

/// Makes the payload of chosen drafts. A companion's filing must have been recorded first: a copy follows the filing and never goes before it.
pub fn make(agent: &Agent, store: &mut Store, chosen: &[Chosen], trial: bool) -> Result<(Payload, Vec<Finding>), Failure> {
    let (mut forms, mut findings) = (Vec::new(), Vec::new());
    for one in chosen {
        let draft = &one.draft;
        let filed = match one.channel {
            Channel::Official => None,
            Channel::Companion => delivery::filing(store, &draft.book, &draft.form, &draft.period)?,
        };
        let place = format!("{}, {}, book {}", draft.form, draft.period, draft.book);
        if filed.is_some() && !delivery::filed_is(store, &draft.book, &draft.form, &draft.period, &one.digest)? {
            // A copy says what was filed: other figures are filed first.
            let cells = delivery::filed_otherwise(store, draft)?;
            findings.push(match cells.is_empty() {
                true => Finding::warning("filing-of-another-version").at(&place).with("form", &draft.form),
                false => {
                    Finding::error("filing-of-other-figures").at(&place).with("form", &draft.form).with("cells", cells.join(", "))
                }
            });
        }
        if one.channel == Channel::Companion && filed.is_none() {
            findings.push(Finding::error("filing-missing").at(place).with("form", &draft.form).with("period", &draft.period));
        }
        forms.push(FiledForm {
            form: draft.form.clone(),
            edition: draft.edition.clone(),
            book: draft.book.clone(),
            draft_version: one.version.version,
            draft: one.digest.clone(),
            mapping: draft.mapping.clone(),
            filed,
        });
    }
    if report::blocked(&findings) {
        return Err(Failure::findings(findings));
    }
    let names: Vec<(&str, &str)> = chosen.iter().map(|one| (one.draft.form.as_str(), one.draft.book.as_str())).collect();
    let period = chosen.first().map(|one| one.draft.period.clone()).unwrap_or_default();
    let identity = Identity {
        schema: SCHEMA.to_owned(),
        program: concat!("taizhang ", env!("CARGO_PKG_VERSION")).to_owned(),
        unit: Unit { code: agent.unit.code.clone(), name: agent.unit.name.clone() },
        supersedes: delivery::received(store, &names, &period, trial)?,
        channel: chosen.first().map_or(Channel::Companion, |one| one.channel).name().to_owned(),
        period,
        trial,
        forms,
    };
    Ok((content::payload(agent, store, chosen, &identity)?, findings))
}

/// The container that is kept under a digest; a new one without signatures where nobody has signed it yet, or where what was signed was given
/// back or approved anew since: those signatures stay in the record and count no more.
pub fn open(store: &Store, payload: Payload) -> Result<Package, Failure> {
    let digest = payload.digest().to_string();
    if let Some((kept, period)) = kept(store, Some(&digest), None)?.zip(delivery::period_of(store, &digest)?)
        && kept.unsigned_by(store, &period)?.is_none()
    {
        return read(store, &kept);
    }
    Package::new(payload).map_err(Failure::source)
}

/// The container of a package that is kept.
pub fn read(store: &Store, kept: &Kept) -> Result<Package, Failure> {
    let path = store.folder().join("packages").join(format!("{}.asice", kept.container));
    let bytes = fs::read(&path).map_err(|error| Failure::source(Finding::io(&path, &error)))?;
    if Digest::of(&bytes).to_string() != kept.container {
        let finding = Finding::error("file-damaged").at(path.display().to_string()).with("reason", "SHA-256");
        return Err(Failure::source(finding));
    }
    Package::read(&bytes, Limits::default()).map_err(|finding| Failure::source(finding.at(path.display().to_string())))
}

/// The newest package of a period, by its digest or by what it holds.
pub fn kept(store: &Store, digest: Option<&str>, wanted: Option<Meant<'_>>) -> Result<Option<Kept>, Failure> {
    let period = wanted.map(|meant| meant.period);
    let records = store.records(PACKAGE, Wanted { period, key: digest, ..Wanted::default() })?;
    for record in records.iter().rev() {
        let kept = Kept { operation: record.operation, ..acts::body(record)? };
        let form = wanted.and_then(|meant| meant.form);
        let fits = form.is_none_or(|form| kept.forms.iter().any(|[own, ..]| own == form));
        if fits && wanted.is_none_or(|meant| meant.trial == kept.trial) {
            return Ok(Some(kept));
        }
    }
    Ok(None)
}

/// Writes a container into the state, and gives the record that names it. Every signature makes another file; none is ever written over.
pub fn keep(store: &Store, package: &Package, chosen: &[Chosen], trial: bool) -> Result<Record, Failure> {
    let bytes = package.write(Limits::default()).map_err(Failure::source)?;
    let container = Digest::of(&bytes).to_string();
    let folder = store.folder().join("packages");
    lasting(&folder, &format!("{container}.asice"), &bytes).map_err(|error| Failure::source(Finding::io(&folder, &error)))?;
    let digest = package.digest().to_string();
    let kept = Kept {
        digest: digest.clone(),
        container,
        forms: chosen.iter().map(|one| [one.draft.form.clone(), one.draft.book.clone(), one.digest.clone()]).collect(),
        channel: chosen.first().map_or(Channel::Companion, |one| one.channel),
        trial,
        roles: package.roles().map(|role| role.id().to_owned()).collect(),
        operation: 0,
    };
    let body = serde_json::to_string(&kept).map_err(|e| Failure::source(Finding::error("state-refused").with("reason", e)))?;
    let period = chosen.first().map(|one| one.draft.period.clone()).unwrap_or_default();
    Ok(Record { kind: PACKAGE.to_owned(), period, key: digest, body, ..Record::default() })
}

/// Writes a file that is there after a power failure too, before a record names it.
pub fn lasting(folder: &Path, name: &str, bytes: &[u8]) -> std::io::Result<()> {
    fs::create_dir_all(folder)?;
    let part = folder.join(format!("{name}.part"));
    let mut file = File::create(&part)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&part, folder.join(name))?;
    File::open(folder)?.sync_all()
}

impl Kept {
    /// Digest of the package that this one corrects.
    pub fn corrects(&self, store: &Store) -> Result<Option<String>, Failure> {
        let package = read(store, self)?;
        let text = package.payload().get("identity.json").unwrap_or_default();
        let identity: Identity = serde_json::from_slice(text)
            .map_err(|error| Failure::source(Finding::error("payload-unreadable").at("identity.json").with("reason", error)))?;
        Ok(identity.supersedes)
    }

    /// Roles that have not signed yet.
    pub fn open_roles(&self, required: &[Role]) -> Vec<&'static str> {
        required.iter().map(|role| role.id()).filter(|role| !self.roles.iter().any(|own| own == role)).collect()
    }

    /// The return or new approval of one of its drafts that came after its newest signature: that signature is of an earlier round.
    pub fn unsigned_by(&self, store: &Store, period: &str) -> Result<Option<Record>, Failure> {
        for [form, book, _] in &self.forms {
            let own = Wanted { book: Some(book), form: Some(form), period: Some(period), key: None };
            let later = |record: &Record| record.operation > self.operation && matches!(&*record.key, "approve" | "return");
            if let Some(record) = store.records(SIGNOFF, own)?.into_iter().rev().find(later) {
                return Ok(Some(record));
            }
        }
        Ok(None)
    }
}
