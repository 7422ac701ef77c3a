//! Whether a package can be taken.

use std::collections::BTreeMap;

use model::{Finding, Month};
use seal::{Certificate, Demands, Digest, Limits, Moment, Note, Package, Receipt, Time, Trust, Verdict, canonical};
use survey::{
    document::Draft,
    filing::{Identity, Report, SCHEMA},
};

use super::audit;
use crate::{
    db,
    keys::DAY,
    knowledge::Editions,
    office::Office,
    store::{Issued, NewReport, StoreError, Unit},
};

/// What arrived, and how.
pub struct Arrived<'a> {
    /// The bytes; of a file that is larger than any package, its first ones.
    pub bytes: &'a [u8],
    /// Digest and length of the whole file, where these are not all bytes.
    pub whole: Option<(Digest, u64)>,
    /// Unit of the connection; nobody's where a file was carried by hand.
    pub unit: Option<&'a str>,
    /// Certificates whose key may have signed the agent's checkpoint: the connection's, or those of the unit's machines.
    pub machines: Vec<Certificate>,
    /// What is wrong with the connection's certificate.
    pub connection: Vec<Finding>,
    /// The agent's checkpoint.
    pub agent: Option<&'a str>,
    /// When.
    pub at: Time,
}

/// A package that was looked at.
#[derive(Clone)]
pub struct Judged {
    /// The receipt as far as it can be written: versions are given when it is written down.
    pub receipt: Receipt,
    /// Reports in it.
    pub reports: Vec<NewReport>,
    /// What it says it corrects.
    pub supersedes: Option<String>,
    /// The agent's checkpoint, with its signature looked at.
    pub agent: Option<Note>,
}

/// Bytes that make the same finding when JSON is not what it should be.
fn read<T: serde::de::DeserializeOwned>(package: &Package, name: &str) -> Result<T, Finding> {
    let bytes = package.payload().get(name).ok_or_else(|| Finding::error("payload-file-missing").with("file", name))?;
    let value = canonical::from_bytes(bytes).map_err(|finding| finding.at(name))?;
    serde_json::from_value(value).map_err(|error| Finding::error("payload-unreadable").at(name).with("reason", error))
}

/// Drafts of a package that was taken before, as rules see them.
pub fn drafts(bytes: &[u8]) -> Vec<Draft> {
    let package = Package::read(bytes, Limits::default()).ok();
    let report = package.and_then(|package| read::<Report>(&package, "report.json").ok());
    report.map(|report| report.forms.iter().map(audit::reported).collect()).unwrap_or_default()
}

/// Keeps the bytes of a package that will be taken, where they are kept apart from the row that will name them.
pub fn keep(office: &Office, judged: &Judged, bytes: &[u8]) -> Result<(), StoreError> {
    if judged.receipt.verdict == Verdict::Received {
        office.store().keep(&judged.receipt.package.to_string(), bytes)
    } else {
        Ok(())
    }
}

/// Looks at a package: everything that is wrong is told at once.
pub fn judge(office: &Office, arrived: &Arrived<'_>) -> Result<Judged, StoreError> {
    let config = office.config();
    let content = arrived.whole.map_or_else(|| Digest::of(arrived.bytes), |(digest, _)| digest);
    let mut receipt = Receipt {
        payload: content,
        package: content,
        unit: arrived.unit.unwrap_or_default().to_owned(),
        channel: String::new(),
        test: false,
        forms: Vec::new(),
        received: arrived.at,
        receiver: (config.code.clone(), config.name.clone()),
        verdict: Verdict::Refused,
        reasons: arrived.connection.clone(),
        audit: serde_json::json!({}),
    };
    let judged = |receipt: Receipt| Judged { receipt, reports: Vec::new(), supersedes: None, agent: None };
    let limits = Limits { bytes: config.receive.package_max, ..Limits::default() };
    let opened = match arrived.whole {
        Some((_, length)) => Err(Finding::error("container-too-large").with("bytes", length).with("limit", limits.bytes)),
        None => Package::read(arrived.bytes, limits),
    };
    let package = match opened {
        Ok(package) => package,
        Err(finding) => {
            receipt.reasons.push(finding);
            return Ok(judged(receipt));
        }
    };
    receipt.payload = package.digest();
    signatures(office, arrived, &package, &mut receipt.reasons)?;
    let identity = match read::<Identity>(&package, "identity.json") {
        Ok(identity) => identity,
        Err(finding) => {
            receipt.reasons.push(finding);
            return Ok(judged(receipt));
        }
    };
    if receipt.unit.is_empty() {
        receipt.unit = identity.unit.code.clone();
    }
    (receipt.channel, receipt.test) = (identity.channel.clone(), identity.trial);
    let known = office.knowledge().now(office.store())?;
    identified(office, &known, arrived, &identity, &mut receipt.reasons)?;
    let drafts = match read::<Report>(&package, "report.json") {
        Ok(report) => matching(&identity, report, &mut receipt.reasons),
        Err(finding) => {
            receipt.reasons.push(finding);
            Vec::new()
        }
    };
    let agent = arrived.agent.and_then(|text| match checkpoint(text, &receipt.unit, &arrived.machines) {
        Ok(note) => Some(note),
        Err(finding) => {
            // What is wrong with the agent's log is worth knowing, and no reason to refuse the unit's report.
            receipt.reasons.push(Finding { level: model::Level::Warning, ..finding }.at("agent-checkpoint"));
            None
        }
    });
    receipt.forms = identity
        .forms
        .iter()
        .map(|form| seal::Form {
            form: form.form.clone(),
            edition: form.edition.clone(),
            period: identity.period.clone(),
            version: 0,
        })
        .collect();
    if receipt.reasons.iter().any(|reason| reason.level == model::Level::Error) {
        return Ok(judged(receipt));
    }
    receipt.audit = audit::summary(office, &known, &identity, &drafts)?;
    receipt.verdict = Verdict::Received;
    let report = |form: &seal::Form| NewReport {
        form: form.form.clone(),
        edition: form.edition.clone(),
        period: form.period.clone(),
        file: "report.json".to_owned(),
        channel: identity.channel.clone(),
    };
    let reports = receipt.forms.iter().map(report).collect();
    Ok(Judged { receipt, reports, supersedes: identity.supersedes.clone(), agent })
}

/// Signatures, their certificates and roles, and how old they are.
fn signatures(office: &Office, arrived: &Arrived<'_>, package: &Package, reasons: &mut Vec<Finding>) -> Result<(), StoreError> {
    let config = office.config();
    // Revocations are asked of the register, not of a list that would have to be signed and checked for each package.
    let trust = Trust { roots: vec![office.keys().root().clone()], revoked: Vec::new(), moment: Moment::At(arrived.at) };
    let demands = Demands { unit: arrived.unit.map(str::to_owned), roles: config.receive.roles.clone() };
    let verification = package.verify(&trust, &demands);
    reasons.extend(verification.findings);
    let oldest = arrived.at.unix().saturating_sub(u64::from(config.receive.signature_days) * DAY);
    let revoked = office.store().read(|connection| {
        let serials = verification.signatures.iter().map(|signed| Issued::revoked(connection, &signed.serial));
        serials.collect::<db::Result<Vec<_>>>()
    })?;
    for (signed, revoked) in verification.signatures.iter().zip(revoked) {
        if let Some(since) = revoked {
            let finding = Finding::error("certificate-revoked").at(signed.role.id());
            reasons.push(finding.with("subject", &signed.by).with("since", since).with("at", arrived.at));
        }
        if signed.at.unix() < oldest {
            let finding = Finding::error("signature-too-old").at(signed.role.id());
            reasons.push(finding.with("at", signed.at).with("days", config.receive.signature_days));
        }
    }
    Ok(())
}

/// What a package says of itself against what the register says.
fn identified(
    office: &Office,
    known: &Editions,
    arrived: &Arrived<'_>,
    identity: &Identity,
    reasons: &mut Vec<Finding>,
) -> Result<(), StoreError> {
    let config = office.config();
    let mut wrong = |finding: Finding| reasons.push(finding.at("identity.json"));
    if identity.schema != SCHEMA {
        wrong(Finding::error("package-schema-unknown").with("schema", &identity.schema).with("known", SCHEMA));
    }
    if let Some(unit) = arrived.unit.filter(|unit| *unit != identity.unit.code) {
        wrong(Finding::error("package-of-another-unit").with("unit", &identity.unit.code).with("wanted", unit));
    }
    match identity.period.parse::<Month>() {
        Err(_) => wrong(Finding::error("package-period-unfit").with("period", &identity.period)),
        Ok(month) => {
            let now = office.month(arrived.at);
            let back = -i32::try_from(config.receive.months_back).unwrap_or(i32::MAX);
            let oldest = now.plus(back).unwrap_or(now);
            if month > now || month < oldest {
                let finding = Finding::error("package-period-refused").with("period", month);
                wrong(finding.with("from", oldest).with("to", now));
            }
        }
    }
    let unit = office.store().read(|connection| Unit::find(connection, &identity.unit.code))?;
    if unit.is_none() {
        wrong(Finding::error("bureau-unit-unknown").with("unit", &identity.unit.code));
    }
    if identity.forms.is_empty() {
        wrong(Finding::error("package-without-forms"));
    }
    for (at, form) in identity.forms.iter().enumerate() {
        let named = |finding: Finding| finding.with("form", &form.form).with("edition", &form.edition);
        let edition = known.get(&form.edition);
        let taken = config.receive.editions.is_empty() || config.receive.editions.contains(&form.edition);
        if !taken || edition.is_none_or(|edition| edition.mapping.form(&form.form).is_none()) {
            wrong(named(Finding::error("package-form-unknown")));
        }
        if identity.forms.iter().take(at).any(|other| other.form == form.form) {
            wrong(named(Finding::error("package-form-doubled")));
        }
        let channel = unit.as_ref().map(|unit| unit.channel(&form.form));
        if let Some(wanted) = channel.filter(|channel| *channel != identity.channel) {
            let finding = named(Finding::error("package-channel-differs"));
            wrong(finding.with("channel", &identity.channel).with("wanted", wanted));
        }
        if identity.channel == "companion" && !identity.trial && form.filed.is_none() {
            wrong(named(Finding::error("package-filing-missing")));
        }
    }
    Ok(())
}

/// The drafts, which must be those that the identity names.
fn matching(identity: &Identity, report: Report, reasons: &mut Vec<Finding>) -> Vec<Draft> {
    let mut wrong = |what: &str| reasons.push(Finding::error("package-report-differs").at("report.json").with("what", what));
    if report.unit.code != identity.unit.code {
        wrong("unit");
    }
    if report.period != identity.period {
        wrong("period");
    }
    let named: BTreeMap<&str, &str> = identity.forms.iter().map(|form| (form.form.as_str(), form.edition.as_str())).collect();
    let held: BTreeMap<&str, &str> = report.forms.iter().map(|draft| (draft.form.as_str(), draft.edition.as_str())).collect();
    if named != held || report.forms.len() != identity.forms.len() {
        wrong("forms");
    }
    for draft in &report.forms {
        if draft.unit.code != identity.unit.code {
            wrong(&format!("{} unit", draft.form));
        }
        if draft.period != identity.period {
            wrong(&format!("{} period", draft.form));
        }
    }
    report.forms.iter().map(audit::reported).collect()
}

/// The agent's checkpoint, signed by one of its machines.
fn checkpoint(text: &str, unit: &str, machines: &[Certificate]) -> Result<Note, Finding> {
    let note = Note::parse(text)?;
    let origin = format!("taizhang/unit/{unit}");
    let checkpoint = note.checkpoint()?;
    if checkpoint.origin != origin {
        return Err(Finding::error("checkpoint-name").with("name", checkpoint.origin));
    }
    let mut last = Err(Finding::error("checkpoint-unsigned").with("name", &origin));
    for machine in machines {
        last = note.verify(&origin, machine.public_key());
        if last.is_ok() {
            break;
        }
    }
    last.map(|()| note)
}
