/*! Keys and certificates of people who sign, and the roots that one trusts. */

use std::{fs, path::Path};

use model::Finding;
use seal::{Certificate, Identity, Moment, RevocationList, Role, SecretKey, Signer, Time, Trust};
use token::Token;

use crate::{
    config::{self, Agent, Person},
    report::Failure,
};

/// A person's key and certificates.
pub struct Signatory {
    signer: Box<dyn Signer>,
    chain: Vec<Certificate>,
}

impl Signatory {
    /// Of a person: the key is unlocked, and belongs to the certificate. With what the person types, the configuration is not asked for the
    /// password or PIN.
    pub fn of(agent: &Agent, person: &Person, typed: Option<&str>) -> Result<Signatory, Failure> {
        let place = agent.place(&format!("signing.key.{}", person.id));
        let at = |finding: Finding| Failure::config(finding.at(&place));
        let chain = certificates(agent, person)?;
        let signer = Signatory::unlocked(agent, person, typed)?;
        Identity::new(&*signer, chain.clone()).map_err(at)?;
        Ok(Signatory { signer, chain })
    }

    /// Where a person's key and certificate are.
    pub fn configured<'a>(agent: &'a Agent, person: &Person) -> Result<&'a config::Key, Failure> {
        let finding = || Finding::error("signing-key-missing").at(agent.place("signing")).with("person", &person.id);
        agent.signing.key.get(&person.id).ok_or_else(|| Failure::config(finding()))
    }

    /// A person's key, unlocked by what the configuration has.
    pub fn signer(agent: &Agent, person: &Person) -> Result<Box<dyn Signer>, Failure> {
        Signatory::unlocked(agent, person, None)
    }

    fn unlocked(agent: &Agent, person: &Person, typed: Option<&str>) -> Result<Box<dyn Signer>, Failure> {
        let own = Signatory::configured(agent, person)?;
        let place = agent.place(&format!("signing.key.{}", person.id));
        let at = |finding: Finding| Failure::config(finding.at(&place));
        let secret = |secret: &Option<config::Secret>| match (typed, secret) {
            (Some(typed), _) => Ok(typed.to_owned()),
            (None, Some(secret)) => agent.secret(secret, &place).map(Option::unwrap_or_default),
            (None, None) => Ok(String::new()),
        };
        Ok(match (&own.file, &own.module) {
            (Some(file), None) => {
                Box::new(SecretKey::from_pem(&text(agent, file)?, secret(&own.password)?.as_bytes()).map_err(at)?)
            }
            (None, Some(module)) => {
                let label = |text: &Option<String>| text.clone().unwrap_or_default();
                let module = agent.folder().join(module);
                Box::new(Token::open(&module, &label(&own.token), &label(&own.key), &secret(&own.pin)?).map_err(at)?)
            }
            _ => return Err(at(Finding::error("signing-key-unclear").with("person", &person.id))),
        })
    }

    /// A person's key, unlocked; on a token that has none of that label, a new one.
    pub fn signer_or_new(agent: &Agent, person: &Person) -> Result<Box<dyn Signer>, Failure> {
        let missing = |failure: &Failure| failure.findings.iter().any(|finding| finding.code == "token-key-missing");
        let own = Signatory::configured(agent, person)?;
        match (Signatory::signer(agent, person), &own.module) {
            (Err(failure), Some(module)) if missing(&failure) => {
                let place = agent.place(&format!("signing.key.{}", person.id));
                let pin = own.pin.as_ref().map(|secret| agent.secret(secret, &place)).transpose()?.flatten().unwrap_or_default();
                let label = |text: &Option<String>| text.clone().unwrap_or_default();
                let made = Token::generate(&agent.folder().join(module), &label(&own.token), &label(&own.key), &pin);
                Ok(Box::new(made.map_err(|finding| Failure::config(finding.at(place)))?))
            }
            (signer, _) => signer,
        }
    }

    /// Key and certificates together.
    pub fn identity(&self) -> Result<Identity<'_>, Failure> {
        Identity::new(&*self.signer, self.chain.clone()).map_err(Failure::config)
    }

    /// Why the certificate does not serve for this unit and person now; the role is asked for where a signature is made.
    pub fn unfit(&self, agent: &Agent, person: &Person, now: Time) -> Vec<Finding> {
        unfit(&self.chain[0], agent, person, now)
    }
}

fn text(agent: &Agent, path: &Path) -> Result<String, Failure> {
    let path = agent.folder().join(path);
    fs::read_to_string(&path).map_err(|error| Failure::config(Finding::io(&path, &error)))
}

/// Why a certificate does not serve for this unit and person now.
pub fn unfit(own: &Certificate, agent: &Agent, person: &Person, now: Time) -> Vec<Finding> {
    let subject = own.subject();
    let place = agent.place(&format!("signing.key.{}", person.id));
    let mut findings = Vec::new();
    if subject.unit != agent.unit.code || subject.unit.is_empty() {
        let finding = Finding::error("certificate-of-another-unit").at(&place).with("unit", &subject.unit);
        findings.push(finding.with("wanted", &agent.unit.code));
    }
    if subject.name != person.name {
        let finding = Finding::error("certificate-of-another-person").at(&place).with("name", &subject.name);
        findings.push(finding.with("wanted", &person.name));
    }
    if now < own.not_before() || now > own.not_after() {
        let finding = Finding::error("certificate-not-valid-now").at(&place).with("from", own.not_before());
        findings.push(finding.with("until", own.not_after()));
    }
    findings
}

/// A person's certificates, their own first. No key is unlocked for it.
pub fn certificates(agent: &Agent, person: &Person) -> Result<Vec<Certificate>, Failure> {
    let own = Signatory::configured(agent, person)?;
    let at = |finding: Finding| Failure::config(finding.at(agent.place(&format!("signing.key.{}", person.id))));
    if !agent.folder().join(&own.certificate).exists() {
        let finding = Finding::error("person-not-enrolled").with("file", own.certificate.display());
        return Err(at(finding.with("person", &person.name).with("id", &person.id)));
    }
    Certificate::from_pem(&text(agent, &own.certificate)?).map_err(at)
}

/// Seconds of a day.
const DAY: u64 = 24 * 3600;

/// People whose certificates have ended or end soon, and what to do about it. What cannot be read is told by `check`.
pub fn reminders(agent: &Agent, now: Time) -> Vec<Finding> {
    let mut findings = Vec::new();
    for id in agent.signing.key.keys() {
        let Ok(person) = agent.person(id) else { continue };
        let Ok(certificates) = certificates(agent, person) else { continue };
        let Some(until) = certificates.first().map(Certificate::not_after) else { continue };
        let left = until.unix().saturating_sub(now.unix());
        let finding = match left {
            0 => Finding::warning("signing-certificate-ended"),
            left if left < agent.signing.remind_days.saturating_mul(DAY) => Finding::warning("signing-certificate-ends"),
            _ => continue,
        };
        let finding = finding.at(agent.place(&format!("signing.key.{id}")));
        findings.push(finding.with("person", &person.name).with("until", until).with("days", left / DAY).with("id", id));
    }
    findings
}

/// This moment, to the second.
pub fn now() -> Result<Time, Failure> {
    let seconds = u64::try_from(jiff::Timestamp::now().as_second()).ok();
    seconds.and_then(Time::from_unix).ok_or_else(|| Failure::source(Finding::error("clock-wrong")))
}

/// Roles that must sign: the three that every report has, and those that `[signing]` adds.
pub fn required(agent: &Agent) -> Result<Vec<Role>, Failure> {
    let mut required = vec![Role::Preparer, Role::StatisticsHead, Role::UnitHead];
    for name in &agent.signing.roles {
        match Role::from_id(name).filter(|role| role.signs_off()) {
            Some(role) if required.contains(&role) => {}
            Some(role) => required.push(role),
            None => {
                let finding = Finding::error("signing-role-unknown").at(agent.place("signing.roles")).with("role", name);
                return Err(Failure::config(finding.with("known", "preparer, statistician, finance, head")));
            }
        }
    }
    Ok(required)
}

/// Certificates and lists of revoked ones in a PEM file, or in every file of a folder.
pub fn trust(path: &Path, moment: Moment) -> Result<Trust, Failure> {
    let refused = |path: &Path, error: &std::io::Error| Failure::config(Finding::io(path, error));
    let mut files = vec![path.to_owned()];
    if path.is_dir() {
        let entries = fs::read_dir(path).map_err(|error| refused(path, &error))?;
        files = entries.flatten().map(|entry| entry.path()).filter(|path| path.is_file()).collect();
        files.sort();
    }
    let mut trust = Trust { roots: Vec::new(), revoked: Vec::new(), moment };
    for file in files {
        let bytes = fs::read(&file).map_err(|error| refused(&file, &error))?;
        // What is no text is no certificate in PEM: a folder may hold packages as well.
        let Ok(text) = String::from_utf8(bytes) else { continue };
        let at = |finding: Finding| Failure::config(finding.at(file.display().to_string()));
        if text.contains("BEGIN X509 CRL") {
            trust.revoked.push(RevocationList::from_pem(&text).map_err(at)?);
        } else if text.contains("BEGIN CERTIFICATE-----") {
            trust.roots.extend(Certificate::from_pem(&text).map_err(at)?);
        }
    }
    if trust.roots.is_empty() {
        return Err(Failure::config(Finding::error("roots-missing").at(path.display().to_string())));
    }
    Ok(trust)
}
