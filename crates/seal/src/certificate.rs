/*!
Certificates (X.509) and what they say of their holder.

The subject has it all, so that any tool can make one: `organizationIdentifier` is the unit's 18-digit code, `commonName` the person or machine,
`title` (as often as needed) the roles. What a certificate of this house looks like is in `docs/specs/package.md`.
*/

use std::{collections::BTreeSet, fmt};

use der::{
    Decode as _, Encode as _,
    asn1::{Any, ObjectIdentifier, SetOfVec},
};
use model::Finding;
use x509_cert::{
    attr::AttributeTypeAndValue,
    ext::pkix::{BasicConstraints, KeyUsage, name::DirectoryString},
    name::{Name, RdnSequence, RelativeDistinguishedName},
};

use crate::{algorithm::PublicKey, digest::Digest, role::Role, time::Time};

const COMMON_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.3");
const ORGANIZATION: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.10");
const TITLE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.12");
const ORGANIZATION_IDENTIFIER: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.97");

/// Whom a certificate is for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Subject {
    /// The unit's 18-digit unified social credit code; a bureau's own code for its receiver. Empty where there is none, as in a root.
    pub unit: String,
    /// Name of the unit; may be empty.
    pub organization: String,
    /// Name of the person or the machine.
    pub name: String,
    /// What its holder may sign.
    pub roles: BTreeSet<Role>,
}

impl Subject {
    /// As a distinguished name.
    pub(crate) fn to_name(&self) -> der::Result<Name> {
        let fields =
            [(ORGANIZATION_IDENTIFIER, self.unit.as_str()), (ORGANIZATION, &self.organization), (COMMON_NAME, &self.name)];
        let titles = self.roles.iter().map(|role| (TITLE, role.title()));
        let mut name = RdnSequence::default();
        for (oid, value) in fields.into_iter().filter(|(_, value)| !value.is_empty()).chain(titles) {
            let value = Any::encode_from(&value.to_owned())?;
            let mut part = RelativeDistinguishedName::default();
            part.insert(AttributeTypeAndValue { oid, value })?;
            name.push(part);
        }
        Name::from_der(&name.to_der()?)
    }

    /// From a distinguished name; attributes and titles that mean nothing here are passed over.
    pub(crate) fn from_name(name: &Name) -> Subject {
        let mut subject = Subject::default();
        for part in name.iter() {
            let text = part.value.decode_as::<DirectoryString>().ok().map(|text| text.value().into_owned());
            let text = text.unwrap_or_default();
            match part.oid {
                COMMON_NAME => subject.name = text,
                ORGANIZATION => subject.organization = text,
                ORGANIZATION_IDENTIFIER => subject.unit = text,
                TITLE => subject.roles.extend(Role::from_title(&text)),
                _ => {}
            }
        }
        subject
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [&self.name, &self.organization, &self.unit];
        let mut parts = parts.into_iter().filter(|part| !part.is_empty());
        f.write_str(parts.next().map_or("", String::as_str))?;
        parts.try_for_each(|part| write!(f, ", {part}"))
    }
}

/// A certificate that was read; whether it can be trusted is another question ([`crate::Trust`]).
#[derive(Clone, PartialEq, Eq)]
pub struct Certificate {
    pub(crate) inner: x509_cert::Certificate,
    der: Vec<u8>,
    tbs: Vec<u8>,
    key: PublicKey,
    subject: Subject,
}

impl Certificate {
    /// Reads one in DER.
    pub fn from_der(der: &[u8]) -> Result<Certificate, Finding> {
        let unreadable = |_| Finding::error("certificate-unreadable");
        let inner = x509_cert::Certificate::from_der(der).map_err(unreadable)?;
        // Written again it must be the same, or bytes that nobody looks at could change.
        if inner.to_der().map_err(unreadable)? != der {
            return Err(Finding::error("certificate-unreadable"));
        }
        let tbs = inner.tbs_certificate();
        let subject = Subject::from_name(tbs.subject());
        let key = tbs.subject_public_key_info().to_der().map_err(unreadable)?;
        let key = PublicKey::from_der(&key).map_err(|_| Finding::error("certificate-algorithm").with("subject", &subject))?;
        let tbs = tbs.to_der().map_err(unreadable)?;
        Ok(Certificate { der: der.to_vec(), tbs, key, subject, inner })
    }

    /// Reads PEM with one or more certificates, in their order.
    pub fn from_pem(pem: &str) -> Result<Vec<Certificate>, Finding> {
        let chain =
            x509_cert::Certificate::load_pem_chain(pem.as_bytes()).map_err(|_| Finding::error("certificate-unreadable"))?;
        let read = |one: x509_cert::Certificate| {
            Certificate::from_der(&one.to_der().map_err(|_| Finding::error("certificate-unreadable"))?)
        };
        let chain: Vec<Certificate> = chain.into_iter().map(read).collect::<Result<_, _>>()?;
        if chain.is_empty() { Err(Finding::error("certificate-unreadable")) } else { Ok(chain) }
    }

    /// Its bytes.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// As a PEM block.
    pub fn to_pem(&self) -> Result<String, Finding> {
        der::pem::encode_string("CERTIFICATE", der::pem::LineEnding::LF, &self.der)
            .map_err(|_| Finding::error("certificate-unreadable"))
    }

    /// Whom it is for.
    pub fn subject(&self) -> &Subject {
        &self.subject
    }

    /// The key it speaks of.
    pub fn public_key(&self) -> &PublicKey {
        &self.key
    }

    /// Its number with its issuer, in hexadecimal digits.
    pub fn serial(&self) -> String {
        self.inner.tbs_certificate().serial_number().as_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// SHA-256 of its bytes.
    pub fn fingerprint(&self) -> Digest {
        Digest::of(&self.der)
    }

    /// The first moment at which it holds.
    pub fn not_before(&self) -> Time {
        self.inner.tbs_certificate().validity().not_before.into()
    }

    /// The last moment at which it holds.
    pub fn not_after(&self) -> Time {
        self.inner.tbs_certificate().validity().not_after.into()
    }

    pub(crate) fn issuer_name(&self) -> &Name {
        self.inner.tbs_certificate().issuer()
    }

    pub(crate) fn subject_name(&self) -> &Name {
        self.inner.tbs_certificate().subject()
    }

    /// Whether `issuer`'s key signed it, under one algorithm that is named inside and outside alike.
    pub(crate) fn is_signed_by(&self, issuer: &PublicKey) -> bool {
        let algorithm = issuer.algorithm().signature_id();
        let named = self.inner.signature_algorithm() == &algorithm && self.inner.tbs_certificate().signature() == &algorithm;
        let signature = self.inner.signature().as_bytes();
        named && signature.is_some_and(|signature| issuer.verifies(&self.tbs, signature))
    }

    /// The number of authorities that may stand below it; `None` where it is no authority.
    pub(crate) fn authority(&self) -> Option<u8> {
        let tbs = self.inner.tbs_certificate();
        let constraints = tbs.get_extension::<BasicConstraints>().ok()??.1;
        let usage = tbs.get_extension::<KeyUsage>().ok()?;
        let signs = usage.is_none_or(|(_, usage)| usage.key_cert_sign());
        (constraints.ca && signs).then(|| constraints.path_len_constraint.unwrap_or(u8::MAX))
    }

    /// Whether its key may sign lists of revoked certificates.
    pub(crate) fn may_revoke(&self) -> bool {
        let usage = self.inner.tbs_certificate().get_extension::<KeyUsage>();
        usage.is_ok_and(|usage| usage.is_none_or(|(_, usage)| usage.crl_sign()))
    }

    /// Whether its key may sign documents.
    pub(crate) fn may_sign(&self) -> bool {
        let usage = self.inner.tbs_certificate().get_extension::<KeyUsage>();
        usage.is_ok_and(|usage| usage.is_none_or(|(_, usage)| usage.digital_signature() || usage.non_repudiation()))
    }

    /// Critical extensions that nobody here understands, as RFC 5280 asks to refuse.
    pub(crate) fn strange_extension(&self) -> Option<String> {
        let known = ["2.5.29.15", "2.5.29.19", "2.5.29.37", "2.5.29.17", "2.5.29.14", "2.5.29.35"];
        let extensions = self.inner.tbs_certificate().extensions().map(Vec::as_slice).unwrap_or_default();
        let strange = extensions.iter().filter(|extension| extension.critical).map(|extension| extension.extn_id.to_string());
        strange.into_iter().find(|oid| !known.contains(&oid.as_str()))
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "certificate {} of {}", self.serial(), self.subject)
    }
}

/// A set in DER's order.
pub(crate) fn set<T: der::DerOrd>(items: Vec<T>) -> der::Result<SetOfVec<T>> {
    SetOfVec::try_from(items)
}
