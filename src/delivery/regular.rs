//! What the daemon looks at from time to time beside the outbox: certificates that end, and packs that the bureau published.

use std::time::{Duration, Instant};

use model::Finding;
use serde_json::json;
use store::Store;

use super::{client::Client, est, machine::Machine, person, published};
use crate::{
    config::{Agent, Person},
    packs,
    report::Failure,
    signing::{self, Signatory},
};

/// How often it looks.
const EVERY: Duration = Duration::from_secs(3600);
/// Seconds in which people are reminded no more than once.
const REMIND: u64 = 24 * 3600;

/// What was looked at and told.
#[derive(Default)]
pub struct Regular {
    last: Option<Instant>,
    reminded: Option<u64>,
    known: Vec<String>,
}

impl Regular {
    /// Looks where it is time to, and gives what is to be told. What fails now is tried again the next time.
    pub fn look(&mut self, agent: &Agent, store: &mut Store) -> Vec<Finding> {
        if self.last.is_some_and(|last| last.elapsed() < EVERY) {
            return Vec::new();
        }
        self.last = Some(Instant::now());
        let told = |done: Result<Vec<Finding>, Failure>| done.unwrap_or_else(|failure| failure.findings);
        let mut findings = Vec::new();
        if agent.bureau.is_some() {
            findings.extend(told(machine(agent, store)));
            findings.extend(told(people(agent, store)));
            findings.extend(told(self.packs(agent, store)));
        }
        findings.extend(told(self.remind(agent)));
        findings
    }

    fn remind(&mut self, agent: &Agent) -> Result<Vec<Finding>, Failure> {
        let now = signing::now()?;
        if self.reminded.is_some_and(|last| now.unix() < last + REMIND) {
            return Ok(Vec::new());
        }
        self.reminded = Some(now.unix());
        Ok(signing::reminders(agent, now))
    }

    fn packs(&mut self, agent: &Agent, store: &mut Store) -> Result<Vec<Finding>, Failure> {
        let machine = Machine::read(agent)?;
        machine.holds(signing::now()?)?;
        let client = Client::new(agent, Some(&machine))?;
        published::look(agent, store, &client, &mut self.known, &packs::who())
    }
}

/// Renews the machine's certificate when a third of its time is left.
fn machine(agent: &Agent, store: &mut Store) -> Result<Vec<Finding>, Failure> {
    let machine = Machine::read(agent)?;
    if !est::ages(&machine.certificate, signing::now()?) {
        return Ok(Vec::new());
    }
    let client = Client::new(agent, Some(&machine))?;
    let machine = machine.renew(&client)?;
    let certificate = &machine.certificate;
    let until = certificate.not_after().to_string();
    let detail = json!({ "renewal": true, "serial": certificate.serial(), "until": until });
    store.begin(&packs::who(), "enroll", &detail)?.commit()?;
    Ok(vec![Finding::note("machine-enrolled").at(machine.path.display().to_string()).with("until", until)])
}

/// Renews people's certificates in the same way, where the key is a file whose password is known here. A token is left alone: a PIN that is
/// wrong would be tried until the token locks itself, so its holder renews it.
fn people(agent: &Agent, store: &mut Store) -> Result<Vec<Finding>, Failure> {
    let now = signing::now()?;
    let mut findings = Vec::new();
    for (id, key) in &agent.signing.key {
        let Ok(person) = agent.person(id) else { continue };
        let Some(own) = signing::certificates(agent, person).ok().and_then(|chain| chain.into_iter().next()) else { continue };
        // One that has ended takes a new code; the reminder says so.
        if key.file.is_none() || !est::ages(&own, now) || now > own.not_after() || Signatory::signer(agent, person).is_err() {
            continue;
        }
        match renew(agent, store, person) {
            Ok(finding) => findings.push(finding),
            Err(failure) => findings.extend(failure.findings),
        }
    }
    Ok(findings)
}

fn renew(agent: &Agent, store: &mut Store, person: &Person) -> Result<Finding, Failure> {
    let client = Client::new(agent, Some(&Machine::read(agent)?))?;
    let certificate = person::renew(agent, &client, person)?;
    let until = certificate.not_after().to_string();
    let detail = json!({ "renewal": true, "serial": certificate.serial(), "until": until, "person": person.id });
    store.begin(&packs::who(), "enroll", &detail)?.commit()?;
    Ok(person::told(agent, person).with("until", until))
}
