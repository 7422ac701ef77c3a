//! What the daemon looks at from time to time beside the outbox: certificates that end, and packs that the bureau published.

use std::time::{Duration, Instant};

use model::Finding;
use serde_json::json;
use store::Store;

use super::{client::Client, est, machine::Machine, published};
use crate::{
    config::Agent,
    packs,
    report::Failure,
    signing,
};

/// How often it looks.
const EVERY: Duration = Duration::from_secs(3600);

/// What was looked at and told.
#[derive(Default)]
pub struct Regular {
    last: Option<Instant>,
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
        let mut findings = told(machine(agent, store));
        findings.extend(told(self.packs(agent, store)));
        findings
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
