/*! Certificates of people who sign, for one-time codes of the bureau. */

use std::fs;

use seal::{Algorithm, Certificate, Moment, SecretKey, Signer};

use model::Finding;

use super::{
    client::{self, Client},
    est,
};
use crate::{
    config::{Agent, Person},
    report::{self, Failure},
    sheet,
    signing::{self, Signatory},
};

/// A person's certificate for a one-time code. The key is the one that the configuration names; where its file or its place on the token is
/// empty yet, it is made there, so that an answer that was lost can be asked for again with the same key.
pub fn enrol(agent: &Agent, client: &Client, person: &Person, code: &str, algorithm: Algorithm) -> Result<Certificate, Failure> {
    let own = Signatory::configured(agent, person)?;
    let place = agent.place(&format!("signing.key.{}", person.id));
    if own.module.is_some() && algorithm == Algorithm::Sm2 {
        // PKCS#11 has no common name for it.
        return Err(Failure::config(Finding::error("token-key-sm2").at(place)));
    }
    if let Some(file) = own.file.as_ref().map(|file| agent.folder().join(file)).filter(|file| !file.exists()) {
        let password = own.password.as_ref().map(|secret| agent.secret(secret, &place)).transpose()?.flatten();
        let key = SecretKey::generate(algorithm).map_err(Failure::source)?;
        let text = key.to_pem(password.unwrap_or_default().as_bytes());
        let text = text.map_err(|finding| Failure::config(finding.at(&place)))?;
        est::private(&file, text.as_bytes()).map_err(|error| Failure::source(Finding::io(&file, &error)))?;
    }
    let signer = Signatory::signer_or_new(agent, person)?;
    let answer = client.enrol(&agent.unit.code, code, &est::request_for(&*signer, &agent.unit.code, &person.name)?)?;
    keep(agent, person, &*signer, &answer, &[])
}

/// A certificate in the place of the one that a person has, for the same key. The machine's connection carries the request, which the person's
/// key signs.
pub fn renew(agent: &Agent, client: &Client, person: &Person) -> Result<Certificate, Failure> {
    let old = signing::certificates(agent, person)?;
    // Another authority's certificate is not for the bureau to renew.
    let roots = agent.folder().join(&client::bureau(agent)?.ca);
    let now = signing::now()?;
    let at = |finding: Finding| Failure::findings(vec![finding.at(agent.place(&format!("signing.key.{}", person.id)))]);
    let (own, others) = old.split_first().ok_or_else(|| at(Finding::error("certificate-unreadable")))?;
    signing::trust(&roots, Moment::At(now))?.chain(own, others, now).map_err(at)?;
    let signer = Signatory::signer(agent, person)?;
    let answer = client.reenrol(&est::request(&*signer)?)?;
    keep(agent, person, &*signer, &answer, others)
}

/// Keeps the certificate of a person's key in an answer of EST, before those of its issuers.
fn keep(
    agent: &Agent,
    person: &Person,
    signer: &dyn Signer,
    answer: &str,
    issuers: &[Certificate],
) -> Result<Certificate, Failure> {
    let path = agent.folder().join(&Signatory::configured(agent, person)?.certificate);
    let certificate = est::certificate(answer, signer.public_key());
    let certificate = certificate.map_err(|finding| Failure::source(finding.at(path.display().to_string())))?;
    // What is another person's serves nobody here, and takes no certificate's place.
    let findings = signing::unfit(&certificate, agent, person, signing::now()?);
    if report::blocked(&findings) {
        return Err(Failure::findings(findings));
    }
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(|error| Failure::source(Finding::io(folder, &error)))?;
    }
    let mut text = String::new();
    for one in std::iter::once(&certificate).chain(issuers) {
        text += &one.to_pem().map_err(Failure::source)?;
    }
    sheet::save(&path, text.as_bytes())?;
    Ok(certificate)
}

/// What is told of a person who has a certificate now.
pub fn told(agent: &Agent, person: &Person) -> Finding {
    Finding::note("person-enrolled").at(agent.place(&format!("signing.key.{}", person.id))).with("person", &person.name)
}
