/*! A package: a payload with its signatures, in a container. Receipts are packages too, signed by the receiver. */

use std::collections::BTreeMap;

use model::Finding;

use crate::{
    cms::{self, Statement},
    container::{self, Limits},
    digest::Digest,
    key::Identity,
    manifest,
    payload::{self, Payload},
    role::Role,
    time::Time,
};

/// The scan of a print that was signed on paper.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scan {
    /// `pdf`, `png` or `jpg`.
    pub kind: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// Bytes that no scan of a page has fewer of.
const LEAST: usize = 1024;

impl Scan {
    /// Whether the bytes begin and end as a file of that kind does, and are not fewer than a page's.
    fn is_whole(&self) -> bool {
        let bytes = self.bytes.as_slice();
        // Writers and scanners leave some bytes before the head or after the end.
        let near = |part: &[u8], mark: &[u8]| part.windows(mark.len()).any(|own| own == mark);
        let head = &bytes[..bytes.len().min(1024)];
        let tail = &bytes[bytes.len().saturating_sub(1024)..];
        let whole = match self.kind.as_str() {
            "pdf" => near(head, b"%PDF-") && near(tail, b"%%EOF"),
            "png" => bytes.starts_with(b"\x89PNG\r\n\x1a\n") && bytes.get(12..16) == Some(b"IHDR") && near(tail, b"IEND"),
            _ => bytes.starts_with(&[0xff, 0xd8, 0xff]) && near(tail, &[0xff, 0xd9]),
        };
        whole && bytes.len() >= LEAST
    }
}

/// Kinds of scans.
const SCANS: [&str; 3] = ["pdf", "png", "jpg"];

/// A role's signature with the manifest that it is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RoleSignature {
    pub manifest: Vec<u8>,
    pub cms: Vec<u8>,
    pub scan: Option<Scan>,
}

/// A payload with the signatures that were made over it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Package {
    payload: Payload,
    signatures: BTreeMap<Role, RoleSignature>,
}

impl Package {
    /// A package without signatures.
    pub fn new(payload: Payload) -> Result<Package, Finding> {
        if payload.is_empty() {
            return Err(Finding::error("package-empty"));
        }
        Ok(Package { payload, signatures: BTreeMap::new() })
    }

    /// Reads a container. What is in it is in its place and whole; whether signatures hold is said by [`Package::verify`].
    pub fn read(bytes: &[u8], limits: Limits) -> Result<Package, Finding> {
        let mut files = container::read(bytes, limits)?;
        let mut signatures = BTreeMap::new();
        for role in Role::ALL {
            let (manifest, cms) = (files.remove(&manifest::name(role)), files.remove(&manifest::signature_name(role)));
            let scan = SCANS.iter().find_map(|kind| {
                let bytes = files.remove(&scan_name(role, kind))?;
                Some(Scan { kind: (*kind).to_owned(), bytes })
            });
            match (manifest, cms) {
                (Some(manifest), Some(cms)) => drop(signatures.insert(role, RoleSignature { manifest, cms, scan })),
                (None, None) if scan.is_none() => {}
                _ => return Err(Finding::error("signature-incomplete").with("role", role.id())),
            }
        }
        let mut payload = Payload::new();
        for (name, bytes) in files {
            if payload::reserved(&name) {
                return Err(Finding::error("package-file-unexpected").with("file", name));
            }
            payload.insert(&name, bytes)?;
        }
        Ok(Package { signatures, ..Package::new(payload)? })
    }

    /// Its container. The same payload and signatures give the same bytes.
    pub fn write(&self, limits: Limits) -> Result<Vec<u8>, Finding> {
        let mut files: BTreeMap<String, Vec<u8>> = BTreeMap::new();
        files.extend(self.payload.files().map(|(name, bytes)| (name.to_owned(), bytes.to_vec())));
        for (role, signature) in &self.signatures {
            files.insert(manifest::name(*role), signature.manifest.clone());
            files.insert(manifest::signature_name(*role), signature.cms.clone());
            if let Some(scan) = &signature.scan {
                files.insert(scan_name(*role, &scan.kind), scan.bytes.clone());
            }
        }
        container::write(&files, limits)
    }

    /// What people approved.
    pub fn payload(&self) -> &Payload {
        &self.payload
    }

    /// Digest of the payload.
    pub fn digest(&self) -> Digest {
        self.payload.digest()
    }

    /// Roles in which it is signed, by name only.
    pub fn roles(&self) -> impl Iterator<Item = Role> {
        self.signatures.keys().copied()
    }

    /// Adds a signature in `role`, which the certificate must allow.
    pub fn sign(&mut self, identity: &Identity<'_>, role: Role, at: Time) -> Result<(), Finding> {
        let subject = identity.certificate().subject();
        if !subject.roles.contains(&role) {
            return Err(Finding::error("signature-role-refused").with("role", role.id()).with("subject", subject));
        }
        self.add(identity, role, at, None)
    }

    /// Adds the scan of a print that `role` signed on paper; the identity, who signs reports in some role, attests it.
    pub fn sign_on_paper(&mut self, identity: &Identity<'_>, role: Role, scan: Scan, at: Time) -> Result<(), Finding> {
        let subject = identity.certificate().subject();
        if !role.signs_off() || !subject.roles.iter().any(|role| role.signs_off()) {
            return Err(Finding::error("signature-role-refused").with("role", role.id()).with("subject", subject));
        }
        if !SCANS.contains(&scan.kind.as_str()) {
            return Err(Finding::error("scan-kind").with("kind", scan.kind));
        }
        if !scan.is_whole() {
            return Err(Finding::error("scan-unreadable").with("kind", scan.kind).with("size", scan.bytes.len()));
        }
        self.add(identity, role, at, Some(scan))
    }

    /// Takes a role's signature away, so that the role may sign anew; whether there was one.
    pub fn remove(&mut self, role: Role) -> bool {
        self.signatures.remove(&role).is_some()
    }

    fn add(&mut self, identity: &Identity<'_>, role: Role, at: Time, scan: Option<Scan>) -> Result<(), Finding> {
        if self.signatures.contains_key(&role) {
            return Err(Finding::error("signature-doubled").with("role", role.id()));
        }
        let manifest = self.manifest(role, scan.as_ref()).into_bytes();
        let cms = cms::sign(identity, &manifest, Statement { role, on_paper: scan.is_some(), at })?;
        self.signatures.insert(role, RoleSignature { manifest, cms, scan });
        Ok(())
    }

    /// The manifest that a role's signature must be over.
    pub(crate) fn manifest(&self, role: Role, scan: Option<&Scan>) -> String {
        let scan = scan.map(|scan| (scan_name(role, &scan.kind), Digest::of(&scan.bytes)));
        manifest::render(role, self.payload.digests().chain(scan.iter().map(|(name, digest)| (name.as_str(), *digest))))
    }

    pub(crate) fn signatures(&self) -> impl Iterator<Item = (Role, &RoleSignature)> {
        self.signatures.iter().map(|(role, signature)| (*role, signature))
    }

    /// The bytes that a role's signature is over and the signature, for other tools.
    pub fn signature(&self, role: Role) -> Option<(&[u8], &[u8])> {
        self.signatures.get(&role).map(|signature| (signature.manifest.as_slice(), signature.cms.as_slice()))
    }
}

/// Name of a scan in the container.
pub(crate) fn scan_name(role: Role, kind: &str) -> String {
    format!("attachments/{}.{kind}", role.id())
}
