/*! Certificates of people who sign, for one-time codes of the bureau. */

use std::fs;

use seal::{Algorithm, Certificate, SecretKey};

use super::{client::Client, est};
use model::Finding;

use crate::{
    config::{Agent, Person},
    report::{self, Failure},
    sheet,
    signing::{self, Signatory},
};

/// A person's certificate for a one-time code. The key is the one that the configuration names; where its file is not there yet, it is made, so
/// that an answer that was lost can be asked for again with the same key.
pub fn enrol(agent: &Agent, client: &Client, person: &Person, code: &str, algorithm: Algorithm) -> Result<Certificate, Failure> {
    let own = Signatory::configured(agent, person)?;
    let place = agent.place(&format!("signing.key.{}", person.id));
    if let Some(file) = own.file.as_ref().map(|file| agent.folder().join(file)).filter(|file| !file.exists()) {
        let password = own.password.as_ref().map(|secret| agent.secret(secret, &place)).transpose()?.flatten();
        let key = SecretKey::generate(algorithm).map_err(Failure::source)?;
        let text = key.to_pem(password.unwrap_or_default().as_bytes());
        let text = text.map_err(|finding| Failure::config(finding.at(&place)))?;
        est::private(&file, text.as_bytes()).map_err(|error| Failure::source(Finding::io(&file, &error)))?;
    }
    let signer = Signatory::signer(agent, person)?;
    let answer = client.enrol(&agent.unit.code, code, &est::request_for(&*signer, &agent.unit.code, &person.name)?)?;
    let path = agent.folder().join(&own.certificate);
    let certificate = est::certificate(&answer, signer.public_key());
    let certificate = certificate.map_err(|finding| Failure::source(finding.at(path.display().to_string())))?;
    // What is another person's serves nobody here, and takes no certificate's place.
    let findings = signing::unfit(&certificate, agent, person, signing::now()?);
    if report::blocked(&findings) {
        return Err(Failure::findings(findings));
    }
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(|error| Failure::source(Finding::io(folder, &error)))?;
    }
    sheet::save(&path, certificate.to_pem().map_err(Failure::source)?.as_bytes())?;
    Ok(certificate)
}
