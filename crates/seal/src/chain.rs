/*! Trust: from a certificate to a root, at a moment, with what was revoked until then. */

use der::{Decode as _, Encode as _};
use model::Finding;
use x509_cert::crl::CertificateList;

use crate::{certificate::Certificate, time::Time};

/// Longest way from a certificate to its root, both counted.
const CHAIN_MAX: usize = 6;

/// Seconds by which clocks may differ.
pub(crate) const SKEW: u64 = 300;

/// The moment at which certificates are judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// This one, and nothing may have been signed after it: a receiver on arrival, or the time of a receipt.
    At(Time),
    /// When each was signed, by its own words, and not after this moment: a file in an archive, whose certificates have expired since.
    Signed(Time),
}

impl Moment {
    /// The moment for something that says it was signed `at`.
    pub(crate) fn judged(self, signed: Time) -> Time {
        match self {
            Moment::At(moment) => moment,
            Moment::Signed(_) => signed,
        }
    }

    /// After this, nothing can have been signed.
    pub(crate) fn latest(self) -> Time {
        match self {
            Moment::At(moment) | Moment::Signed(moment) => moment.plus(SKEW),
        }
    }
}

/// A list of revoked certificates (CRL), read; its signature is looked at where it is used.
#[derive(Clone)]
pub struct RevocationList {
    inner: CertificateList,
    tbs: Vec<u8>,
}

impl RevocationList {
    /// Reads one in DER.
    pub fn from_der(der: &[u8]) -> Result<RevocationList, Finding> {
        let unreadable = |_| Finding::error("revocation-list-unreadable");
        let inner = CertificateList::from_der(der).map_err(unreadable)?;
        let tbs = inner.tbs_cert_list.to_der().map_err(unreadable)?;
        Ok(RevocationList { inner, tbs })
    }

    /// Reads one in PEM.
    pub fn from_pem(pem: &str) -> Result<RevocationList, Finding> {
        match der::pem::decode_vec(pem.as_bytes()) {
            Ok(("X509 CRL", der)) => RevocationList::from_der(&der),
            _ => Err(Finding::error("revocation-list-unreadable")),
        }
    }

    /// When it was made.
    pub fn this_update(&self) -> Time {
        self.inner.tbs_cert_list.this_update.into()
    }

    /// Until when its maker promised the next one.
    pub fn next_update(&self) -> Option<Time> {
        self.inner.tbs_cert_list.next_update.map(Time::from)
    }

    fn is_of(&self, issuer: &Certificate) -> bool {
        let algorithm = issuer.public_key().algorithm().signature_id();
        let named = self.inner.signature_algorithm == algorithm && self.inner.tbs_cert_list.signature == algorithm;
        let signature = self.inner.signature.as_bytes();
        named && issuer.may_revoke() && signature.is_some_and(|signature| issuer.public_key().verifies(&self.tbs, signature))
    }

    /// Since when a certificate of its maker is revoked.
    fn revoked(&self, certificate: &Certificate) -> Option<Time> {
        let serial = certificate.inner.tbs_certificate().serial_number();
        let listed = self.inner.tbs_cert_list.revoked_certificates.iter().flatten();
        listed.filter(|one| &one.serial_number == serial).map(|one| one.revocation_date.into()).min()
    }
}

/// Whom one trusts, and when.
#[derive(Clone)]
pub struct Trust {
    /// Roots; a certificate that leads to none of them is worth nothing.
    pub roots: Vec<Certificate>,
    /// What was revoked.
    pub revoked: Vec<RevocationList>,
    /// The moment to judge at.
    pub moment: Moment,
}

impl Trust {
    /// Judges a certificate at `at`: a chain of signatures through `others` to a root, each valid at that moment and not revoked until then.
    /// Gives the certificates on the way, its own first.
    pub fn chain<'a>(
        &'a self,
        certificate: &'a Certificate,
        others: &'a [Certificate],
        at: Time,
    ) -> Result<Vec<&'a Certificate>, Finding> {
        let mut chain = vec![certificate];
        let mut own = certificate;
        loop {
            self.check_one(own, chain.len(), at)?;
            if self.roots.contains(own) {
                return Ok(chain);
            }
            let untrusted = || Finding::error("certificate-untrusted").with("subject", certificate.subject());
            if chain.len() == CHAIN_MAX {
                return Err(untrusted());
            }
            let candidates = self.roots.iter().chain(others).filter(|other| other.subject_name() == own.issuer_name());
            let issuer = candidates.into_iter().find(|other| !chain.contains(other) && own.is_signed_by(other.public_key()));
            let issuer = issuer.ok_or_else(untrusted)?;
            self.check_revocation(own, issuer, at)?;
            chain.push(issuer);
            own = issuer;
        }
    }

    /// What a certificate says by itself; `position` counts from 1 at the end of the chain.
    fn check_one(&self, certificate: &Certificate, position: usize, at: Time) -> Result<(), Finding> {
        let finding = |code: Finding| code.with("subject", certificate.subject());
        if at < certificate.not_before() {
            return Err(finding(Finding::error("certificate-not-yet-valid"))
                .with("from", certificate.not_before())
                .with("at", at));
        }
        if at > certificate.not_after() {
            return Err(finding(Finding::error("certificate-expired")).with("until", certificate.not_after()).with("at", at));
        }
        if let Some(extension) = certificate.strange_extension() {
            return Err(finding(Finding::error("certificate-extension")).with("extension", extension));
        }
        // An authority with a path length of n has at most n authorities between itself and the end.
        let below = position.saturating_sub(2);
        if position > 1 && certificate.authority().is_none_or(|allowed| usize::from(allowed) < below) {
            return Err(finding(Finding::error("certificate-no-authority")));
        }
        Ok(())
    }

    fn check_revocation(&self, certificate: &Certificate, issuer: &Certificate, at: Time) -> Result<(), Finding> {
        let lists = self.revoked.iter().filter(|list| &list.inner.tbs_cert_list.issuer == issuer.subject_name());
        for list in lists {
            if !list.is_of(issuer) {
                return Err(Finding::error("revocation-list-wrong").with("issuer", issuer.subject()));
            }
            if let Some(since) = list.revoked(certificate).filter(|since| *since <= at) {
                return Err(Finding::error("certificate-revoked").with("subject", certificate.subject()).with("since", since));
            }
        }
        Ok(())
    }
}
