/*!
Detached signatures (CMS, RFC 5652) in a CAdES-like profile.

Signed attributes: contentType, messageDigest, signingTime, signing-certificate-v2 (RFC 5035) and signer-attributes-v2 (ETSI EN 319 122-1) with one
claimed role. P-256 stands under the identifiers of RFC 5652, SM2 under those of GM/T 0010. A signature that is read is put together again from what
was understood of it and must be the same to the byte, so there is no place for anything else.
*/

use cms::{
    cert::{CertificateChoices, IssuerAndSerialNumber},
    content_info::{CmsVersion, ContentInfo},
    signed_data::{EncapsulatedContentInfo, SignedAttributes, SignedData, SignerIdentifier, SignerInfo},
};
use der::{
    Any, Decode as _, Encode as _,
    asn1::{Ia5String, ObjectIdentifier, OctetString},
};
use model::Finding;
use spki::AlgorithmIdentifierOwned;
use x509_cert::{attr::Attribute, ext::pkix::name::GeneralName};

use crate::{
    algorithm::Algorithm,
    certificate::{Certificate, set},
    key::Identity,
    role::Role,
    time::Time,
};

const CONTENT_TYPE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.3");
const MESSAGE_DIGEST: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.4");
const SIGNING_TIME: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.5");
const SIGNING_CERTIFICATE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.2.47");
const SIGNER_ATTRIBUTES: ObjectIdentifier = ObjectIdentifier::new_unwrap("0.4.0.19122.1.1");
const ROLE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.72");

/// `data` and `signedData` of RFC 5652 and of GM/T 0010.
const TYPES: [(Algorithm, ObjectIdentifier, ObjectIdentifier); 2] = [
    (Algorithm::P256, ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.1"), ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.2")),
    (
        Algorithm::Sm2,
        ObjectIdentifier::new_unwrap("1.2.156.10197.6.1.4.2.1"),
        ObjectIdentifier::new_unwrap("1.2.156.10197.6.1.4.2.2"),
    ),
];

/// What a signature says besides its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Statement {
    /// The role in which it is made.
    pub role: Role,
    /// Whether the role signed a print, and this signature attests the scan.
    pub on_paper: bool,
    /// When, by the signer's clock.
    pub at: Time,
}

impl Statement {
    fn uri(&self) -> String {
        format!("urn:taizhang:{}:{}", if self.on_paper { "signed-on-paper" } else { "role" }, self.role.id())
    }
}

/// A signature that holds over its content; whether its certificate is worth anything is another question.
pub(crate) struct SignedContent {
    pub statement: Statement,
    pub certificate: Certificate,
    pub others: Vec<Certificate>,
}

#[derive(der::Sequence)]
struct EssCertId {
    /// Left out for SHA-256, the default.
    #[asn1(optional = "true")]
    algorithm: Option<AlgorithmIdentifierOwned>,
    hash: OctetString,
}

#[derive(der::Sequence)]
struct SigningCertificate {
    certificates: Vec<EssCertId>,
}

#[derive(der::Sequence)]
struct SignerAttributes {
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT")]
    claimed: Vec<Attribute>,
}

#[derive(der::Sequence)]
struct RoleSyntax {
    #[asn1(context_specific = "1", tag_mode = "EXPLICIT")]
    name: GeneralName,
}

/// Signs `content`.
pub(crate) fn sign(identity: &Identity<'_>, content: &[u8], statement: Statement) -> Result<Vec<u8>, Finding> {
    let failed = |_| Finding::error("signer-failed");
    let own = identity.certificate();
    let algorithm = own.public_key().algorithm();
    // A root is known to whoever trusts it, and means nothing to others.
    let others = identity.chain()[1..].iter().filter(|other| other.issuer_name() != other.subject_name());
    let certificates: Vec<Certificate> = std::iter::once(own).chain(others).cloned().collect();
    let attributes = attributes(own, &certificates, algorithm.digest(content), statement).map_err(failed)?;
    let signature = identity.signer().sign(&attributes.to_der().map_err(failed)?)?;
    assemble(own, &certificates, attributes, signature).map_err(failed)
}

/// Reads a signature over `content` and checks it with the certificate that it carries.
pub(crate) fn read(der: &[u8], content: &[u8]) -> Result<SignedContent, Finding> {
    let unreadable = || Finding::error("signature-unreadable");
    let (signed, info) = parse(der).ok_or_else(unreadable)?;
    let attributes = info.signed_attrs.as_ref().ok_or_else(unreadable)?;
    let value = |oid: ObjectIdentifier| attributes.iter().find(|one| one.oid == oid).and_then(|one| one.values.get(0));
    let statement = (|| {
        let at: x509_cert::time::Time = value(SIGNING_TIME)?.decode_as().ok()?;
        let claimed: SignerAttributes = value(SIGNER_ATTRIBUTES)?.decode_as().ok()?;
        let role: RoleSyntax = claimed.claimed.first()?.values.get(0)?.decode_as().ok()?;
        let GeneralName::UniformResourceIdentifier(uri) = role.name else { return None };
        let uri = uri.as_str();
        let (on_paper, id) = match uri.strip_prefix("urn:taizhang:signed-on-paper:") {
            Some(id) => (true, id),
            None => (false, uri.strip_prefix("urn:taizhang:role:")?),
        };
        Some(Statement { role: Role::from_id(id)?, on_paper, at: at.into() })
    })();
    let statement = statement.ok_or_else(unreadable)?;
    let mut certificates = Vec::new();
    for choice in signed.certificates.iter().flat_map(|set| set.0.iter()) {
        let CertificateChoices::Certificate(certificate) = choice else { return Err(unreadable()) };
        certificates.push(Certificate::from_der(&certificate.to_der().map_err(|_| unreadable())?)?);
    }
    let SignerIdentifier::IssuerAndSerialNumber(sid) = &info.sid else { return Err(unreadable()) };
    let own = certificates.iter().position(|certificate| {
        certificate.issuer_name() == &sid.issuer && certificate.inner.tbs_certificate().serial_number() == &sid.serial_number
    });
    let own = certificates[own.ok_or_else(|| Finding::error("certificate-missing"))?].clone();
    let digest = own.public_key().algorithm().digest(content);
    let said: Option<OctetString> = value(MESSAGE_DIGEST).and_then(|digest| digest.decode_as().ok());
    if said.ok_or_else(unreadable)?.as_bytes() != digest {
        return Err(Finding::error("signature-of-other-content"));
    }
    let wanted = self::attributes(&own, &certificates, digest, statement).map_err(|_| unreadable())?;
    let again = assemble(&own, &certificates, wanted.clone(), info.signature.as_bytes().to_vec());
    if again.map_err(|_| unreadable())? != der {
        return Err(unreadable());
    }
    let message = wanted.to_der().map_err(|_| unreadable())?;
    if !own.public_key().verifies_one(&message, info.signature.as_bytes()) {
        return Err(Finding::error("signature-wrong").with("subject", own.subject()));
    }
    let others = certificates.into_iter().filter(|other| *other != own).collect();
    Ok(SignedContent { statement, certificate: own, others })
}

fn parse(der: &[u8]) -> Option<(SignedData, SignerInfo)> {
    let outer = ContentInfo::from_der(der).ok()?;
    let signed: SignedData = outer.content.decode_as().ok()?;
    let info = signed.signer_infos.0.get(0).cloned()?;
    Some((signed, info))
}

/// `certificates` are those that the signature carries, its own among them; each is named by its digest, so that none can be exchanged.
fn attributes(
    own: &Certificate,
    certificates: &[Certificate],
    digest: [u8; 32],
    statement: Statement,
) -> der::Result<SignedAttributes> {
    let algorithm = own.public_key().algorithm();
    let (_, data, _) = types(algorithm);
    let attribute = |oid, value: Any| -> der::Result<Attribute> { Ok(Attribute { oid, values: set(vec![value])? }) };
    let hash = |certificate: &Certificate| -> der::Result<EssCertId> {
        let named = (algorithm != Algorithm::P256).then(|| algorithm.digest_id());
        Ok(EssCertId { algorithm: named, hash: OctetString::new(algorithm.digest(certificate.der()).to_vec())? })
    };
    let mut others: Vec<&Certificate> = certificates.iter().filter(|other| *other != own).collect();
    others.sort_by(|one, other| one.der().cmp(other.der()));
    let hashes = std::iter::once(own).chain(others).map(hash).collect::<der::Result<_>>()?;
    let role = RoleSyntax { name: GeneralName::UniformResourceIdentifier(Ia5String::new(&statement.uri())?) };
    let role = attribute(ROLE, Any::encode_from(&role)?)?;
    set(vec![
        attribute(CONTENT_TYPE, Any::encode_from(&data)?)?,
        attribute(SIGNING_TIME, Any::encode_from(&statement.at.x509()?)?)?,
        attribute(MESSAGE_DIGEST, Any::encode_from(&OctetString::new(digest.to_vec())?)?)?,
        attribute(SIGNING_CERTIFICATE, Any::encode_from(&SigningCertificate { certificates: hashes })?)?,
        attribute(SIGNER_ATTRIBUTES, Any::encode_from(&SignerAttributes { claimed: vec![role] })?)?,
    ])
}

fn types(algorithm: Algorithm) -> (Algorithm, ObjectIdentifier, ObjectIdentifier) {
    TYPES[usize::from(algorithm == Algorithm::Sm2)]
}

fn assemble(
    own: &Certificate,
    certificates: &[Certificate],
    attributes: SignedAttributes,
    signature: Vec<u8>,
) -> der::Result<Vec<u8>> {
    let algorithm = own.public_key().algorithm();
    let (_, data, signed_data) = types(algorithm);
    let tbs = own.inner.tbs_certificate();
    let info = SignerInfo {
        version: CmsVersion::V1,
        sid: SignerIdentifier::IssuerAndSerialNumber(IssuerAndSerialNumber {
            issuer: tbs.issuer().clone(),
            serial_number: tbs.serial_number().clone(),
        }),
        digest_alg: algorithm.digest_id(),
        signed_attrs: Some(attributes),
        signature_algorithm: algorithm.signature_id(),
        signature: OctetString::new(signature)?,
        unsigned_attrs: None,
    };
    let certificates: Vec<CertificateChoices> =
        certificates.iter().map(|certificate| CertificateChoices::Certificate(certificate.inner.clone())).collect();
    let signed = SignedData {
        version: CmsVersion::V1,
        digest_algorithms: set(vec![algorithm.digest_id()])?,
        encap_content_info: EncapsulatedContentInfo { econtent_type: data, econtent: None },
        certificates: Some(certificates.try_into()?),
        crls: None,
        signer_infos: vec![info].try_into()?,
    };
    ContentInfo { content_type: signed_data, content: Any::encode_from(&signed)? }.to_der()
}
