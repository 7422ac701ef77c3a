/*! Issuing: requests (PKCS#10), an authority that answers them with certificates, and its list of what it revoked. */

use std::{collections::BTreeMap, net::IpAddr};

use der::{
    Decode as _, Encode as _,
    asn1::{BitString, Ia5String, OctetString},
    oid::AssociatedOid,
};
use model::Finding;
use spki::{AlgorithmIdentifierOwned, SubjectPublicKeyInfoOwned};
use x509_cert::{
    crl::{CertificateList, RevokedCert, TbsCertList},
    ext::{
        Extension, Extensions,
        pkix::{
            AuthorityKeyIdentifier, BasicConstraints, CrlNumber, ExtendedKeyUsage, KeyUsage, KeyUsages, SubjectAltName,
            SubjectKeyIdentifier, name::GeneralName,
        },
    },
    name::Name,
    request::{CertReq, CertReqInfo},
    serial_number::SerialNumber,
    time::Validity,
};

use crate::{
    algorithm::PublicKey,
    certificate::{Certificate, Subject},
    chain::RevocationList,
    digest::Digest,
    key::{Identity, Signer, random},
    time::Time,
};

/// A request for a certificate (PKCS#10) whose sender holds the key.
pub struct Request {
    der: Vec<u8>,
    key: PublicKey,
    subject: Subject,
}

impl Request {
    /// Makes one.
    pub fn new(signer: &dyn Signer, subject: &Subject) -> Result<Request, Finding> {
        let refused = |_| Finding::error("request-refused");
        let key = signer.public_key();
        let info = CertReqInfo {
            version: x509_cert::request::Version::V1,
            subject: subject.to_name().map_err(refused)?,
            public_key: SubjectPublicKeyInfoOwned::from_der(key.der()).map_err(refused)?,
            attributes: Default::default(),
        };
        let signature = signer.sign(&info.to_der().map_err(refused)?)?;
        let signature = BitString::from_bytes(&signature).map_err(refused)?;
        let request = CertReq { info, algorithm: key.algorithm().signature_id(), signature };
        Ok(Request { der: request.to_der().map_err(refused)?, key: key.clone(), subject: subject.clone() })
    }

    /// Reads one in DER and checks that it is signed by its own key.
    pub fn from_der(der: &[u8]) -> Result<Request, Finding> {
        let refused = |_| Finding::error("request-refused");
        let request = CertReq::from_der(der).map_err(refused)?;
        let key = PublicKey::from_der(&request.info.public_key.to_der().map_err(refused)?)?;
        let signed = request.info.to_der().map_err(refused)?;
        let own = request.signature.as_bytes().is_some_and(|signature| key.verifies(&signed, signature));
        if !own || request.algorithm != key.algorithm().signature_id() {
            return Err(Finding::error("request-refused"));
        }
        Ok(Request { der: der.to_vec(), key, subject: Subject::from_name(&request.info.subject) })
    }

    /// Reads one in PEM.
    pub fn from_pem(pem: &str) -> Result<Request, Finding> {
        match der::pem::decode_vec(pem.as_bytes()) {
            Ok(("CERTIFICATE REQUEST" | "NEW CERTIFICATE REQUEST", der)) => Request::from_der(&der),
            _ => Err(Finding::error("request-refused")),
        }
    }

    /// Its bytes.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// As a PEM block.
    pub fn to_pem(&self) -> Result<String, Finding> {
        der::pem::encode_string("CERTIFICATE REQUEST", der::pem::LineEnding::LF, &self.der)
            .map_err(|_| Finding::error("request-refused"))
    }

    /// The key that it is for.
    pub fn public_key(&self) -> &PublicKey {
        &self.key
    }

    /// What it wishes to be called. The authority decides.
    pub fn subject(&self) -> &Subject {
        &self.subject
    }
}

/// What a certificate is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// An authority that may have so many authorities below it.
    Authority(u8),
    /// A person who signs.
    Person,
    /// A machine: TLS as a client, and its log.
    Machine,
    /// A receiver: TLS as a server is another certificate; this signs receipts, checkpoints and packs.
    Receiver,
}

/// What a certificate is for, with what only some have.
#[derive(Clone, Copy)]
enum Usage<'a> {
    Of(Profile),
    /// TLS as a server with these names.
    Server(&'a [String]),
}

/// Who issues: an identity whose certificate is an authority's.
pub struct Authority<'a> {
    identity: Identity<'a>,
}

/// What a certificate is signed over.
#[derive(der::Sequence)]
struct ToBeSigned {
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT")]
    version: u8,
    serial: SerialNumber,
    signature: AlgorithmIdentifierOwned,
    issuer: Name,
    validity: Validity,
    subject: Name,
    key: SubjectPublicKeyInfoOwned,
    #[asn1(context_specific = "3", tag_mode = "EXPLICIT")]
    extensions: Extensions,
}

#[derive(der::Sequence)]
struct Issued {
    tbs: ToBeSigned,
    algorithm: AlgorithmIdentifierOwned,
    signature: BitString,
}

impl<'a> Authority<'a> {
    /// An authority, whose certificate must be one.
    pub fn new(identity: Identity<'a>) -> Result<Authority<'a>, Finding> {
        if identity.certificate().authority().is_none() {
            return Err(Finding::error("certificate-no-authority").with("subject", identity.certificate().subject()));
        }
        Ok(Authority { identity })
    }

    /// Makes the certificate of a root for `signer`'s key.
    pub fn root(signer: &dyn Signer, subject: &Subject, from: Time, until: Time) -> Result<Certificate, Finding> {
        let name = subject.to_name().map_err(refused)?;
        issue(signer, signer.public_key(), name, subject, Usage::Of(Profile::Authority(1)), signer.public_key(), from, until)
    }

    /// Its own certificate.
    pub fn certificate(&self) -> &Certificate {
        self.identity.certificate()
    }

    /// Issues a certificate for `key`: who it is for is `subject`, whatever the request said.
    pub fn issue(
        &self,
        key: &PublicKey,
        subject: &Subject,
        profile: Profile,
        from: Time,
        until: Time,
    ) -> Result<Certificate, Finding> {
        let own = self.identity.certificate();
        let until = until.min(own.not_after());
        issue(self.identity.signer(), own.public_key(), own.subject_name().clone(), subject, Usage::Of(profile), key, from, until)
    }

    /// Issues the certificate of a TLS server that is reached by `names`: host names and addresses.
    pub fn issue_server(
        &self,
        key: &PublicKey,
        subject: &Subject,
        names: &[String],
        from: Time,
        until: Time,
    ) -> Result<Certificate, Finding> {
        let own = self.identity.certificate();
        let until = until.min(own.not_after());
        let usage = Usage::Server(names);
        issue(self.identity.signer(), own.public_key(), own.subject_name().clone(), subject, usage, key, from, until)
    }

    /// The list of revoked certificates: serial in hexadecimal digits → since when. `number` grows by one with each list.
    pub fn revocation_list(
        &self,
        number: u64,
        revoked: &BTreeMap<String, Time>,
        from: Time,
        until: Time,
    ) -> Result<Vec<u8>, Finding> {
        let own = self.identity.certificate();
        let algorithm = own.public_key().algorithm().signature_id();
        let entry = |(serial, since): (&String, &Time)| -> der::Result<RevokedCert> {
            let bytes = unhex(serial).ok_or(der::ErrorKind::Failed)?;
            Ok(RevokedCert {
                serial_number: SerialNumber::new(&bytes)?,
                revocation_date: since.x509()?,
                crl_entry_extensions: None,
            })
        };
        let list = (|| -> der::Result<TbsCertList> {
            let entries = revoked.iter().map(entry).collect::<der::Result<Vec<_>>>()?;
            let number = CrlNumber(der::asn1::Uint::new(&number.to_be_bytes())?);
            Ok(TbsCertList {
                version: x509_cert::certificate::Version::V2,
                signature: algorithm.clone(),
                issuer: own.subject_name().clone(),
                this_update: from.x509()?,
                next_update: Some(until.x509()?),
                // An empty list is left out altogether (RFC 5280, 5.1.2.6).
                revoked_certificates: (!entries.is_empty()).then_some(entries),
                crl_extensions: Some(vec![extension(&authority_key(own.public_key())?, false)?, extension(&number, false)?]),
            })
        })();
        let list = list.map_err(|_| Finding::error("revocation-list-unreadable"))?;
        let signature = self.identity.signer().sign(&list.to_der().map_err(refused)?)?;
        let signature = BitString::from_bytes(&signature).map_err(refused)?;
        let list =
            CertificateList { tbs_cert_list: list, signature_algorithm: algorithm, signature }.to_der().map_err(refused)?;
        RevocationList::from_der(&list).map(|_| list)
    }
}

fn refused(_: der::Error) -> Finding {
    Finding::error("certificate-unreadable")
}

#[expect(clippy::too_many_arguments, reason = "the fields of a certificate, named once")]
fn issue(
    signer: &dyn Signer,
    issuer_key: &PublicKey,
    issuer: Name,
    subject: &Subject,
    usage: Usage<'_>,
    key: &PublicKey,
    from: Time,
    until: Time,
) -> Result<Certificate, Finding> {
    let mut serial = random::<16>()?;
    // Positive and never zero.
    serial[0] = (serial[0] & 0x7f) | 0x40;
    let algorithm = issuer_key.algorithm().signature_id();
    let tbs = (|| -> der::Result<ToBeSigned> {
        Ok(ToBeSigned {
            version: 2,
            serial: SerialNumber::new(&serial)?,
            signature: algorithm.clone(),
            issuer,
            validity: Validity::new(from.x509()?, until.x509()?),
            subject: subject.to_name()?,
            key: SubjectPublicKeyInfoOwned::from_der(key.der())?,
            extensions: extensions(usage, key, issuer_key)?,
        })
    })();
    let tbs = tbs.map_err(refused)?;
    let signature = signer.sign(&tbs.to_der().map_err(refused)?)?;
    let signature = BitString::from_bytes(&signature).map_err(refused)?;
    let issued = Issued { tbs, algorithm, signature }.to_der().map_err(refused)?;
    Certificate::from_der(&issued)
}

fn extensions(usage: Usage<'_>, key: &PublicKey, issuer: &PublicKey) -> der::Result<Extensions> {
    let subject_key = SubjectKeyIdentifier(OctetString::new(key_id(key).to_vec())?);
    let mut extensions = vec![extension(&subject_key, false)?, extension(&authority_key(issuer)?, false)?];
    let usage = match usage {
        Usage::Of(Profile::Authority(below)) => {
            extensions.push(extension(&BasicConstraints { ca: true, path_len_constraint: Some(below) }, true)?);
            KeyUsages::KeyCertSign | KeyUsages::CRLSign
        }
        Usage::Of(Profile::Person | Profile::Receiver) => KeyUsages::DigitalSignature | KeyUsages::NonRepudiation,
        Usage::Of(Profile::Machine) => {
            extensions.push(extension(&ExtendedKeyUsage(vec![der::oid::db::rfc5280::ID_KP_CLIENT_AUTH]), false)?);
            KeyUsages::DigitalSignature.into()
        }
        Usage::Server(names) => {
            let name = |name: &String| {
                Ok(match name.parse::<IpAddr>() {
                    Ok(IpAddr::V4(address)) => GeneralName::IpAddress(OctetString::new(address.octets().to_vec())?),
                    Ok(IpAddr::V6(address)) => GeneralName::IpAddress(OctetString::new(address.octets().to_vec())?),
                    Err(_) => GeneralName::DnsName(Ia5String::new(name)?),
                })
            };
            let names = SubjectAltName(names.iter().map(name).collect::<der::Result<_>>()?);
            extensions.push(extension(&names, false)?);
            extensions.push(extension(&ExtendedKeyUsage(vec![der::oid::db::rfc5280::ID_KP_SERVER_AUTH]), false)?);
            KeyUsages::DigitalSignature.into()
        }
    };
    extensions.push(extension(&KeyUsage(usage), true)?);
    Ok(extensions)
}

fn extension<T: der::Encode + AssociatedOid>(value: &T, critical: bool) -> der::Result<Extension> {
    Ok(Extension { extn_id: T::OID, critical, extn_value: OctetString::new(value.to_der()?)? })
}

/// The first 160 bits of a SHA-256 over the key, as RFC 7093 allows; SHA-1 need not be here for a mere name.
fn key_id(key: &PublicKey) -> [u8; 20] {
    let mut id = [0; 20];
    id.copy_from_slice(&Digest::of(key.der()).0[..20]);
    id
}

fn authority_key(key: &PublicKey) -> der::Result<AuthorityKeyIdentifier> {
    Ok(AuthorityKeyIdentifier { key_identifier: Some(OctetString::new(key_id(key).to_vec())?), ..Default::default() })
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    if !text.is_ascii() || text.len() % 2 == 1 {
        return None;
    }
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).ok()).collect()
}
