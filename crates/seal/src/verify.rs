/*! Whether a package is what it says it is: every signature, its certificate, and what the roles ask for. */

use model::Finding;

use crate::{
    algorithm::Algorithm,
    certificate::Subject,
    chain::{SKEW, Trust},
    cms,
    digest::Digest,
    manifest,
    package::{Package, scan_name},
    role::Role,
    time::Time,
};

/// What is asked of a package besides that its signatures hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Demands {
    /// The unit whose people must have signed; `None` where any one unit will do.
    pub unit: Option<String>,
    /// Roles that must have signed.
    pub roles: Vec<Role>,
}

/// A signature that holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    /// In which role.
    pub role: Role,
    /// Who: the holder of the certificate. For a role that signed on paper, who attests the scan.
    pub by: Subject,
    /// The scan in the container, where the role signed on paper.
    pub scan: Option<String>,
    /// When, by the signer's clock.
    pub at: Time,
    /// With what.
    pub algorithm: Algorithm,
    /// Number of the certificate.
    pub serial: String,
    /// The certificate's bytes.
    pub certificate: Vec<u8>,
    /// SHA-256 of the certificate.
    pub fingerprint: Digest,
}

/// What came of looking at a package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verification {
    /// Digest of the payload that is there.
    pub digest: Digest,
    /// Signatures that hold, in the order of roles.
    pub signatures: Vec<Signed>,
    /// Why it is not valid; nothing where it is.
    pub findings: Vec<Finding>,
}

impl Verification {
    /// Whether everything holds.
    pub fn is_valid(&self) -> bool {
        self.findings.is_empty()
    }

    /// The signature in a role.
    pub fn signed(&self, role: Role) -> Option<&Signed> {
        self.signatures.iter().find(|signed| signed.role == role)
    }
}

impl Package {
    /// Looks at every signature and gives all that is wrong, not only the first.
    pub fn verify(&self, trust: &Trust, demands: &Demands) -> Verification {
        let mut findings = Vec::new();
        let mut signatures = Vec::new();
        for (role, _) in self.signatures() {
            match self.verify_role(role, trust) {
                Ok(signed) => signatures.push(signed),
                Err(found) => findings.extend(found.into_iter().map(|finding| finding.at(role.id()))),
            }
        }
        let signed = |role: Role| signatures.iter().find(|signed: &&Signed| signed.role == role);
        let there = |role: Role| self.signatures().any(|(other, _)| other == role);
        for role in demands.roles.iter().filter(|role| !there(**role)) {
            findings.push(Finding::error("signature-missing").with("role", role.id()));
        }
        if self.signatures().next().is_none() && demands.roles.is_empty() {
            findings.push(Finding::error("package-unsigned"));
        }
        let unit = demands.unit.as_deref().or_else(|| signatures.first().map(|signed| signed.by.unit.as_str()));
        for other in signatures.iter().filter(|signed| Some(signed.by.unit.as_str()) != unit) {
            let finding = Finding::error("signature-of-another-unit").at(other.role.id());
            findings.push(finding.with("unit", &other.by.unit).with("wanted", unit.unwrap_or_default()));
        }
        // Whoever made a report does not approve it. A signature on paper is that of another hand, whoever attests it.
        if let Some(preparer) = signed(Role::Preparer).filter(|signed| signed.scan.is_none()) {
            for role in [Role::StatisticsHead, Role::UnitHead] {
                let same = |other: &&Signed| {
                    other.scan.is_none() && (other.by.name == preparer.by.name || other.fingerprint == preparer.fingerprint)
                };
                if let Some(other) = signed(role).filter(same) {
                    findings.push(Finding::error("signature-same-person").with("role", role.id()).with("name", &other.by.name));
                }
            }
        }
        Verification { digest: self.digest(), signatures, findings }
    }

    fn verify_role(&self, role: Role, trust: &Trust) -> Result<Signed, Vec<Finding>> {
        let Some((_, signature)) = self.signatures().find(|(other, _)| *other == role) else {
            return Err(vec![Finding::error("signature-missing").with("role", role.id())]);
        };
        let wanted = self.manifest(role, signature.scan.as_ref());
        let manifest = String::from_utf8_lossy(&signature.manifest);
        let mut findings = manifest::differences(role, &manifest, &wanted);
        let content = match cms::read(&signature.cms, &signature.manifest) {
            Ok(content) => content,
            Err(finding) => {
                findings.push(finding);
                return Err(findings);
            }
        };
        let (statement, certificate) = (content.statement, &content.certificate);
        let by = certificate.subject();
        let allowed = match statement.on_paper {
            true => by.roles.iter().any(|role| role.signs_off()) && role.signs_off(),
            false => by.roles.contains(&role),
        };
        if statement.role != role || statement.on_paper != signature.scan.is_some() || !allowed {
            findings.push(Finding::error("signature-role-refused").with("role", role.id()).with("subject", by));
        }
        let validity = certificate.not_before()..=certificate.not_after();
        // A signer's clock may be ahead of the issuer's by a little.
        let early = statement.at.plus(SKEW) < *validity.start();
        if early || statement.at > *validity.end() || statement.at > trust.moment.latest() {
            findings.push(Finding::error("signature-time").with("at", statement.at).with("subject", by));
        }
        if by.unit.is_empty() || by.name.is_empty() {
            findings.push(Finding::error("certificate-subject").with("serial", certificate.serial()));
        }
        if !certificate.may_sign() {
            findings.push(Finding::error("certificate-purpose").with("subject", by));
        }
        let judged = trust.moment.judged(statement.at.max(*validity.start()));
        match trust.chain(certificate, &content.others, judged) {
            Ok(chain) => {
                if let Some(other) = content.others.iter().find(|other| !chain.contains(other)) {
                    findings.push(Finding::error("certificate-superfluous").with("subject", other.subject()));
                }
            }
            Err(finding) => findings.push(finding),
        }
        if !findings.is_empty() {
            return Err(findings);
        }
        Ok(Signed {
            role,
            by: by.clone(),
            scan: signature.scan.as_ref().map(|scan| scan_name(role, &scan.kind)),
            at: statement.at,
            algorithm: certificate.public_key().algorithm(),
            serial: certificate.serial(),
            certificate: certificate.der().to_vec(),
            fingerprint: certificate.fingerprint(),
        })
    }
}
