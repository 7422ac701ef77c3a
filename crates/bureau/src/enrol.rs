/*! One-time codes and the certificates they are exchanged for. */

use exchange::{Caller, Code, Problem};
use model::Finding;
use seal::{Algorithm, Certificate, Digest, Profile, Request, Role, Subject, Time};

use crate::{
    clock, db, est,
    failure::Failure,
    keys::{DAY, EARLY},
    office::Office,
    problem::{self, Unwritten},
    store::{Enrolment, Issued, StoreError, Unit},
};

/// Letters of a code: none that looks like another.
const LETTERS: &[u8; 32] = b"ABCDEFGHJKLMNPQRSTUVWXYZ23456789";
/// Letters of a code; each is five bits.
const LENGTH: usize = 20;
/// What a unit's machine is called.
const MACHINE: &str = "agent";

/// A new code, in groups of five letters.
pub fn code() -> Result<String, Finding> {
    let mut bytes = [0; LENGTH];
    getrandom::fill(&mut bytes).map_err(|_| Finding::error("randomness-missing"))?;
    let letters = bytes.iter().map(|byte| char::from(LETTERS[usize::from(byte % 32)]));
    let mut code = String::new();
    for (at, letter) in letters.enumerate() {
        if at > 0 && at % 5 == 0 {
            code.push('-');
        }
        code.push(letter);
    }
    Ok(code)
}

/// What is kept of a code. It is as long as a key, so a bare hash gives nothing to who steals the register.
pub fn hash(code: &str) -> String {
    let plain: String = code.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_uppercase()).collect();
    Digest::of(plain.as_bytes()).to_string()
}

/// Makes a code for a unit's machine, or for a person with roles.
pub fn invite(
    office: &Office,
    unit: &str,
    person: &str,
    roles: &[Role],
    hours: u32,
    who: &str,
) -> Result<(String, String), Failure> {
    let code = code()?;
    let now = clock::now();
    let expires = clock::text(now.plus(u64::from(hours) * 3600));
    let roles = if person.is_empty() { &[Role::Agent][..] } else { roles };
    let enrolment = Enrolment {
        unit: unit.to_owned(),
        person: person.to_owned(),
        roles: roles.iter().map(|role| role.id().to_owned()).collect(),
        expires: expires.clone(),
        ..Enrolment::default()
    };
    office.write(|connection| enrolment.add(connection, &clock::text(now), &hash(&code), who))?;
    Ok((code, expires))
}

fn refused() -> Problem {
    Problem::new(401, "enrolment-code-refused")
}

/// Reads a request and judges its key.
fn read(request: &[u8], machine: bool) -> Result<Request, Problem> {
    let request = Request::from_der(request).map_err(|finding| problem::of(400, &finding))?;
    if machine {
        fit(&request)?;
    }
    Ok(request)
}

/// Whether a request that says whom its certificate shall be for, unit and name, says the one whom the code is for. Who took the wrong code hears of
/// it before the code is spent, and no certificate stands in another's name. A name without a unit is what programs put that must write something.
fn meant(request: &Request, enrolment: &Enrolment) -> Result<(), Problem> {
    let subject = request.subject();
    let name = if enrolment.person.is_empty() { MACHINE } else { &enrolment.person };
    if !subject.unit.is_empty() && (subject.unit != enrolment.unit || subject.name != name) {
        let asked = [subject.unit.as_str(), subject.name.as_str()].join(" ");
        return Err(Problem::new(400, "enrolment-subject-differs").with("asked", asked.trim()).with("wanted", name));
    }
    Ok(())
}

/// Whether a key serves for a machine: TLS here knows no SM2.
fn fit(request: &Request) -> Result<(), Problem> {
    let algorithm = request.public_key().algorithm();
    if algorithm == Algorithm::P256 {
        return Ok(());
    }
    Err(Problem::new(400, "enrolment-key-unfit").with("algorithm", algorithm.name()))
}

/// What a certificate is made of.
struct Order<'a> {
    unit: &'a Unit,
    person: &'a str,
    roles: &'a [String],
}

impl Order<'_> {
    fn issue(&self, office: &Office, request: &Request, now: Time) -> Result<(Issued, Certificate), Finding> {
        let machine = self.person.is_empty();
        let days = if machine { office.config().certificates.machine_days } else { office.config().certificates.person_days };
        let subject = Subject {
            unit: self.unit.code.clone(),
            organization: self.unit.name.clone(),
            name: if machine { MACHINE.to_owned() } else { self.person.to_owned() },
            roles: self.roles.iter().filter_map(|role| Role::from_id(role)).collect(),
        };
        let from = Time::from_unix(now.unix().saturating_sub(EARLY)).unwrap_or(now);
        let profile = if machine { Profile::Machine } else { Profile::Person };
        let until = now.plus(u64::from(days) * DAY);
        let certificate = office.keys().authority()?.issue(request.public_key(), &subject, profile, from, until)?;
        let issued = Issued {
            serial: certificate.serial(),
            unit: self.unit.code.clone(),
            person: self.person.to_owned(),
            roles: self.roles.to_vec(),
            until: certificate.not_after().to_string(),
            revoked: None,
        };
        Ok((issued, certificate))
    }
}

fn answer(certificate: &Certificate) -> Vec<u8> {
    est::certificates_only([certificate.der()])
}

/// A certificate for a request that was carried here, where a unit has no line: whoever runs the receiver has seen who brings it. A code is made and
/// used at once, so that the log says of it what it says of any other.
pub fn carried(
    office: &Office,
    unit: &Unit,
    (person, roles): (&str, &[Role]),
    request: &Request,
    who: &str,
) -> Result<Certificate, Failure> {
    let roles = if person.is_empty() { &[Role::Agent][..] } else { roles };
    let now = clock::now();
    let at = clock::text(now);
    let enrolment = Enrolment {
        unit: unit.code.clone(),
        person: person.to_owned(),
        roles: roles.iter().map(|role| role.id().to_owned()).collect(),
        expires: at.clone(),
        ..Enrolment::default()
    };
    let refused = |problem: Problem| Failure::findings(vec![problem::finding(problem)]);
    if person.is_empty() {
        fit(request).map_err(refused)?;
    }
    meant(request, &enrolment).map_err(refused)?;
    let order = Order { unit, person, roles: &enrolment.roles };
    let (issued, certificate) = order.issue(office, request, now).map_err(Failure::source)?;
    let hash = hash(&code()?);
    office.write(|connection| {
        enrolment.add(connection, &at, &hash, who)?;
        issued.add(connection, &at, certificate.der())?;
        let made = Enrolment::find(connection, &hash)?.ok_or(db::Error::NoRows)?;
        made.spend(connection, &at, &issued.serial)
    })?;
    Ok(certificate)
}

/// A certificate for a one-time code. The same code with the same key gives the same certificate: the answer may have been lost.
pub fn enrol(office: &Office, code: &Code, request: &[u8]) -> Result<Vec<u8>, Problem> {
    let now = clock::now();
    let store = office.store();
    let found = store.read(|connection| {
        let enrolment = Enrolment::find(connection, &hash(&code.code))?;
        let unit = Unit::find(connection, &code.unit)?;
        let used = enrolment.as_ref().and_then(|enrolment| enrolment.used.clone());
        let before = used.map(|serial| Issued::bytes(connection, &serial)).transpose()?.flatten();
        Ok((enrolment, unit, before))
    });
    let (enrolment, unit, before) = found.map_err(Unwritten::from)?;
    let (Some(enrolment), Some(unit)) = (enrolment, unit) else { return Err(refused()) };
    let late = enrolment.expires.parse::<Time>().map_or(true, |expires| now > expires);
    if enrolment.unit != code.unit || (late && enrolment.used.is_none()) {
        return Err(refused());
    }
    let request = read(request, enrolment.person.is_empty())?;
    meant(&request, &enrolment)?;
    if let Some(before) = before {
        let certificate = Certificate::from_der(&before).map_err(|finding| problem::of(503, &finding))?;
        return if certificate.public_key() == request.public_key() { Ok(answer(&certificate)) } else { Err(refused()) };
    }
    let order = Order { unit: &unit, person: &enrolment.person, roles: &enrolment.roles };
    let (issued, certificate) = order.issue(office, &request, now).map_err(|finding| problem::of(503, &finding))?;
    let at = clock::text(now);
    let written = office.write(|connection| {
        issued.add(connection, &at, certificate.der())?;
        // Two that come with one code at once: the database lets one of them.
        enrolment.spend(connection, &at, &issued.serial)
    });
    match written {
        Ok(()) => Ok(answer(&certificate)),
        Err(StoreError::Database { source, .. }) if source.is_constraint() => Err(refused()),
        Err(error) => Err(Unwritten::from(error).into()),
    }
}

/// A certificate in the place of the connection's own, or of that of a person of the same unit whose key signed the request: for the same
/// unit and roles. A person has no connection of their own, so the machine's carries it; the key shows whose it is.
pub fn renew(office: &Office, who: &Caller, request: &[u8]) -> Result<Vec<u8>, Problem> {
    let now = clock::now();
    let own = Certificate::from_der(&who.certificate).map_err(|finding| problem::of(403, &finding))?;
    let found = office.store().read(|connection| {
        let unit = Unit::find(connection, &who.unit)?;
        Ok((Issued::find(connection, &own.serial())?, unit, Issued::people(connection, &who.unit)?))
    });
    let (Some(machine), Some(unit), people) = found.map_err(Unwritten::from)? else {
        return Err(Problem::new(403, "client-certificate-unfit").with("subject", own.subject()));
    };
    let request = read(request, false)?;
    let issued = match person(people, &request, now)? {
        Some(issued) => issued,
        None => {
            fit(&request)?;
            machine
        }
    };
    let order = Order { unit: &unit, person: &issued.person, roles: &issued.roles };
    let (issued, certificate) = order.issue(office, &request, now).map_err(|finding| problem::of(503, &finding))?;
    let at = clock::text(now);
    office.write(|connection| issued.add(connection, &at, certificate.der())).map_err(Unwritten::from)?;
    Ok(answer(&certificate))
}

/// The certificate of a person whose key signed a request, where it still holds; nothing where it is the key of none. What was revoked or has
/// ended comes back by a code alone, from somebody who looks at who asks.
fn person(people: Vec<(Issued, Vec<u8>)>, request: &Request, now: Time) -> Result<Option<Issued>, Problem> {
    let mut newest = None;
    for (issued, der) in people {
        let Ok(certificate) = Certificate::from_der(&der) else { continue };
        if certificate.public_key() != request.public_key() {
            continue;
        }
        if let Some(since) = &issued.revoked {
            let problem = Problem::new(403, "certificate-revoked").with("subject", certificate.subject());
            return Err(problem.with("since", since).with("at", now));
        }
        newest.get_or_insert((issued, certificate));
    }
    let Some((issued, certificate)) = newest else { return Ok(None) };
    if now > certificate.not_after() {
        let problem = Problem::new(403, "certificate-expired").with("subject", certificate.subject());
        return Err(problem.with("until", certificate.not_after()).with("at", now));
    }
    Ok(Some(issued))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_long_and_read_however_they_are_typed() {
        let code = code().unwrap();
        assert_eq!(code.len(), LENGTH + 3);
        assert_ne!(code, super::code().unwrap());
        assert_eq!(hash(&code), hash(&code.to_lowercase().replace('-', " ")));
        assert_ne!(hash(&code), hash(&code[1..]));
    }
}
