/*!
Receipts: what the receiver answers to a package, signed, with its place in the receiver's log.

A container like a package, with `receipt.json` (the entry of the log), `receipt.tlog-proof` (its place there) and, where the agent sent one,
`agent-checkpoint.txt`: the agent's checkpoint with the receiver's name under it. A refusal is a receipt as well.
*/

use std::borrow::Cow;

use model::{Finding, Level};
use serde_json::{Value, json};

use crate::{
    canonical,
    certificate::Certificate,
    chain::Trust,
    checkpoint::{Note, Proof},
    container::Limits,
    digest::Digest,
    manifest,
    package::Package,
    payload::Payload,
    role::Role,
    time::Time,
    verify::{Demands, Verification},
};

const RECEIPT: &str = "receipt.json";
const PROOF: &str = "receipt.tlog-proof";
const AGENT: &str = "agent-checkpoint.txt";
/// What the first version of this format is called.
const FORMAT: &str = "taizhang-receipt/1";

/// What the receiver did with a package.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is kept.
    Received,
    /// It is not; the receipt says why.
    Refused,
}

impl Verdict {
    const fn name(self) -> &'static str {
        match self {
            Verdict::Received => "received",
            Verdict::Refused => "refused",
        }
    }
}

/// A form in a package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Form {
    /// Its code.
    pub form: String,
    /// Its edition.
    pub edition: String,
    /// Its period.
    pub period: String,
    /// The receiver's count of what arrived for it, from 1; a correction has the next.
    pub version: u64,
}

/// What a receipt says.
#[derive(Clone, Debug, PartialEq)]
pub struct Receipt {
    /// Digest of the package's payload.
    pub payload: Digest,
    /// SHA-256 of the package as it arrived.
    pub package: Digest,
    /// The unit's code.
    pub unit: String,
    /// `official` or `companion`.
    pub channel: String,
    /// A test delivery (试填): kept apart, and no report.
    pub test: bool,
    /// What was in it; empty where it could not be read.
    pub forms: Vec<Form>,
    /// When it arrived, by the receiver's clock.
    pub received: Time,
    /// Code and name of the receiver.
    pub receiver: (String, String),
    /// Whether it is kept.
    pub verdict: Verdict,
    /// Why it was refused, or what the receiver noticed.
    pub reasons: Vec<Finding>,
    /// Summary of the audit on arrival: whole numbers and texts.
    pub audit: Value,
}

impl Receipt {
    /// Canonical bytes: `receipt.json`, and the entry of the receiver's log.
    pub fn to_bytes(&self) -> Result<Vec<u8>, Finding> {
        let form =
            |form: &Form| json!({ "form": form.form, "edition": form.edition, "period": form.period, "version": form.version });
        canonical::to_bytes(&json!({
            "format": FORMAT,
            "payload": self.payload.to_string(),
            "package": self.package.to_string(),
            "unit": self.unit,
            "channel": self.channel,
            "test": self.test,
            "forms": self.forms.iter().map(form).collect::<Vec<_>>(),
            "received": self.received.to_string(),
            "receiver": { "code": self.receiver.0, "name": self.receiver.1 },
            "verdict": self.verdict.name(),
            "reasons": self.reasons.iter().map(reason).collect::<Vec<_>>(),
            "audit": self.audit,
        }))
    }

    /// Reads `receipt.json`.
    pub fn from_bytes(bytes: &[u8]) -> Result<Receipt, Finding> {
        let value = canonical::from_bytes(bytes)?;
        let receipt = Receipt::from_value(&value).ok_or_else(|| Finding::error("receipt-damaged"))?;
        // Nothing may stand in it that was not understood.
        if receipt.to_bytes()? == bytes { Ok(receipt) } else { Err(Finding::error("receipt-damaged")) }
    }

    fn from_value(value: &Value) -> Option<Receipt> {
        let text = |value: &Value, name: &str| value[name].as_str().map(str::to_owned);
        let form = |value: &Value| {
            let version = value["version"].as_u64()?;
            Some(Form { form: text(value, "form")?, edition: text(value, "edition")?, period: text(value, "period")?, version })
        };
        (value["format"] == FORMAT).then_some(())?;
        Some(Receipt {
            payload: Digest::parse(value["payload"].as_str()?)?,
            package: Digest::parse(value["package"].as_str()?)?,
            unit: text(value, "unit")?,
            channel: text(value, "channel")?,
            test: value["test"].as_bool()?,
            forms: value["forms"].as_array()?.iter().map(form).collect::<Option<_>>()?,
            received: value["received"].as_str()?.parse().ok()?,
            receiver: (text(&value["receiver"], "code")?, text(&value["receiver"], "name")?),
            verdict: [Verdict::Received, Verdict::Refused].into_iter().find(|verdict| value["verdict"] == verdict.name())?,
            reasons: value["reasons"].as_array()?.iter().map(finding).collect::<Option<_>>()?,
            audit: value["audit"].clone(),
        })
    }

    /// The receipt's container, still to be signed by the receiver ([`Role::Receiver`]). The proof is that of [`Receipt::to_bytes`] in the
    /// receiver's log; `agent` is the agent's checkpoint, countersigned under the name of the receiver's log.
    pub fn package(&self, proof: &Proof, agent: Option<&Note>) -> Result<Package, Finding> {
        let mut payload = Payload::new();
        payload.insert(RECEIPT, self.to_bytes()?)?;
        payload.insert(PROOF, proof.to_string())?;
        if let Some(agent) = agent {
            payload.insert(AGENT, agent.to_string())?;
        }
        Package::new(payload)
    }
}

fn reason(finding: &Finding) -> Value {
    let values: serde_json::Map<String, Value> =
        finding.arguments.iter().map(|(name, value)| (name.clone().into_owned(), json!(value))).collect();
    json!({ "code": finding.code, "level": finding.level.name(), "place": finding.place, "values": values })
}

fn finding(value: &Value) -> Option<Finding> {
    let level = [Level::Note, Level::Warning, Level::Error].into_iter().find(|level| value["level"] == level.name())?;
    let argument = |(name, value): (&String, &Value)| Some((Cow::Owned(name.clone()), value.as_str()?.to_owned()));
    Some(Finding {
        code: Cow::Owned(value["code"].as_str()?.to_owned()),
        level,
        place: value["place"].as_str()?.to_owned(),
        arguments: value["values"].as_object()?.iter().map(argument).collect::<Option<_>>()?,
    })
}

/// A receipt's container that was read.
#[derive(Clone, Debug, PartialEq)]
pub struct Received {
    /// What it says.
    pub receipt: Receipt,
    /// Its place in the receiver's log.
    pub proof: Proof,
    /// The agent's checkpoint with the receiver's name under it.
    pub agent: Option<Note>,
    /// The container.
    pub package: Package,
}

impl Received {
    /// Reads a receipt's container.
    pub fn read(bytes: &[u8], limits: Limits) -> Result<Received, Finding> {
        let package = Package::read(bytes, limits)?;
        let payload = package.payload();
        let text = |name: &str| {
            let bytes = payload.get(name);
            bytes
                .map(|bytes| std::str::from_utf8(bytes).map_err(|_| Finding::error("receipt-damaged").with("file", name)))
                .transpose()
        };
        let missing = || Finding::error("receipt-damaged");
        if let Some((file, _)) = payload.files().find(|(name, _)| ![RECEIPT, PROOF, AGENT].contains(name)) {
            return Err(Finding::error("package-file-unexpected").with("file", file));
        }
        if let Some(role) = package.roles().find(|role| *role != Role::Receiver) {
            return Err(Finding::error("package-file-unexpected").with("file", manifest::signature_name(role)));
        }
        let receipt = Receipt::from_bytes(payload.get(RECEIPT).ok_or_else(missing)?)?;
        let proof = Proof::parse(text(PROOF)?.ok_or_else(missing)?)?;
        let agent = text(AGENT)?.map(Note::parse).transpose()?;
        Ok(Received { receipt, proof, agent, package })
    }

    /// Looks at all of it: the receiver's signature and certificate, the entry's place in its log, and the countersignature.
    pub fn verify(&self, trust: &Trust) -> Verification {
        let demands = Demands { unit: Some(self.receipt.receiver.0.clone()), roles: vec![Role::Receiver] };
        let mut verification = self.package.verify(trust, &demands);
        if let Some(signed) = verification.signed(Role::Receiver)
            && let Err(finding) = self.verify_log(&signed.certificate)
        {
            verification.findings.push(finding);
        }
        verification
    }

    fn verify_log(&self, certificate: &[u8]) -> Result<(), Finding> {
        let certificate = Certificate::from_der(certificate)?;
        let checkpoint = self.proof.verify(&self.receipt.to_bytes()?, certificate.public_key())?;
        match &self.agent {
            Some(agent) => agent.verify(&checkpoint.origin, certificate.public_key()),
            None => Ok(()),
        }
    }

    /// Whether it is the receipt of this package.
    pub fn is_of(&self, package: &Package) -> Result<(), Finding> {
        let (wanted, digest) = (package.digest(), self.receipt.payload);
        if wanted == digest {
            Ok(())
        } else {
            Err(Finding::error("receipt-of-another-package").with("payload", digest).with("wanted", wanted))
        }
    }
}
