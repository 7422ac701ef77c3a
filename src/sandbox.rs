/*! The receiver inside this program, for `demo`: the one that a bureau runs, with an authority that vouches for nothing. */

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
};

use bureau::{
    sandbox,
    serve::{Running, start},
    store::Unit,
};
use model::Finding;
use seal::Role;
use tokio::runtime::{Builder, Runtime};

use crate::{
    config::{Agent, Person},
    report::Failure,
};

/// A receiver that serves as long as this is there.
pub struct Sandbox {
    /// Where it listens: this machine alone, on a port that was free.
    pub url: String,
    /// The certificate to trust.
    pub authority: PathBuf,
    made: sandbox::Sandbox,
    unit: String,
    running: Option<Running>,
    runtime: Runtime,
}

impl From<bureau::failure::Failure> for Failure {
    fn from(failure: bureau::failure::Failure) -> Failure {
        Failure { exit: failure.exit, findings: failure.findings }
    }
}

impl Sandbox {
    /// Starts it in a folder of its own, with the agent's unit in its register.
    pub fn start(folder: &Path, agent: &Agent) -> Result<Sandbox, Failure> {
        let refused = |error: std::io::Error| Failure::source(Finding::error("tls-refused").with("reason", error));
        let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().map_err(refused)?;
        let made = sandbox::stay(folder, SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
        let own = &agent.unit;
        let unit = Unit {
            code: own.code.clone(),
            name: own.name.clone(),
            region: own.region.clone(),
            industry: own.industry.clone(),
            channels: Default::default(),
        };
        sandbox::register(&made.office, &unit)?;
        let running = runtime.block_on(start(made.office.clone()))?;
        let (url, authority) = (format!("https://{}", running.address), made.authority.clone());
        Ok(Sandbox { url, authority, made, unit: unit.code, running: Some(running), runtime })
    }

    /// A one-time code: of the unit's machine, or of a person with the roles that the configuration gives.
    pub fn code(&self, person: Option<&Person>) -> Result<String, Failure> {
        let name = person.map_or("", |person| person.name.as_str());
        let roles: Vec<Role> =
            person.into_iter().flat_map(|person| &person.roles).filter_map(|role| Role::from_id(role.id())).collect();
        Ok(sandbox::ticket(&self.made.office, &self.unit, name, &roles)?)
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        if let Some(running) = self.running.take() {
            running.stopper().shutdown();
            // It only listened for this program; how it ends is of no use to anybody.
            let _ = self.runtime.block_on(running.ended());
        }
    }
}
