/*!
The bureau's pages: who may see what is one table, [`ROUTES`]. The router is made of it, each request is judged by it, and a test tries every line of
it with every role, in the own area and in another.

A page shows what the store has and writes nothing but letters, people and that somebody looked. Before values of a unit are shown or given away, a row
says who looks at what: where that cannot be written, nothing is shown.
*/

mod frame;
mod home;
mod paper;
mod people;
mod route;
mod submission;
mod talk;
mod units;
mod viewing;

use std::{
    fs,
    net::{SocketAddr, TcpListener},
    path::Path,
    sync::Arc,
};

use axum_server::Handle;
use gate::{Answer, Gate, House, Kind, Refusal};
use model::Finding;
use survey::audit::{CAUSES, Causes};

pub use route::{Access, ROUTES, Route};

use crate::{
    clock,
    config::Pages,
    failure::Failure,
    letters::Letters,
    office::Office,
    staff::Role,
    store::{Staff, account, put_account},
};

/// The bureau as its pages see it.
pub struct Bureau {
    office: Arc<Office>,
    letters: Letters,
    /// Causes that units name in their explanations.
    causes: Causes,
    pages: Pages,
    /// Where it listens.
    address: SocketAddr,
}

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Refusal {
        let kind = if failure.exit == 3 { Kind::Broken } else { Kind::Refused };
        Refusal { kind, findings: failure.findings }
    }
}

/// What the store refuses, as pages tell it.
fn lost(error: crate::store::StoreError) -> Refusal {
    Failure::from(error).into()
}

impl Bureau {
    /// Reads the store.
    fn read<T>(&self, ask: impl FnOnce(&crate::db::Connection) -> crate::db::Result<T>) -> Answer<T> {
        self.office.store().read(ask).map_err(lost)
    }
}

/// Pages that roles reach from everywhere.
const WORK: [(&str, &str); 3] = [("/", "page-home"), ("/units", "bureau-units"), ("/queries", "bureau-queries")];
const TOWN: [(&str, &str); 2] = [("/", "page-home"), ("/units", "bureau-units")];
const ADMIN: [(&str, &str); 3] = [("/", "page-home"), ("/staff", "bureau-staff"), ("/views", "bureau-views")];
const OFFICER: [(&str, &str); 2] = [("/", "page-home"), ("/views", "bureau-views")];
const WORK_OFFICER: [(&str, &str); 4] =
    [("/", "page-home"), ("/units", "bureau-units"), ("/queries", "bureau-queries"), ("/views", "bureau-views")];

impl House for Bureau {
    type Standing = Staff;

    const COOKIE: &'static str = "taizhang-bureau";
    const INVITE: &'static str = "taizhang-bureau staff invite";

    fn owner(&self) -> Answer<String> {
        Ok(self.office.config().name.clone())
    }

    fn person(&self, id: &str) -> Answer<Option<gate::Person<Staff>>> {
        let found = self.read(|connection| Staff::find(connection, id))?.filter(|staff| staff.open);
        Ok(found.map(|staff| gate::Person { id: staff.person.clone(), name: staff.name.clone(), standing: staff }))
    }

    fn account(&self, person: &str) -> Answer<Option<gate::Account>> {
        self.read(|connection| account(connection, person))
    }

    fn put_account(&self, who: &str, person: &str, account: &gate::Account) -> Answer<()> {
        let at = clock::text(clock::now());
        self.office.write(|connection| put_account(connection, &at, who, person, account)).map_err(lost)
    }

    fn nav(&self, staff: &Staff) -> &'static [(&'static str, &'static str)] {
        let officer = staff.is_any(&[Role::Officer]);
        if staff.is_any(&[Role::Admin]) {
            &ADMIN
        } else if staff.is_any(&[Role::Reviewer, Role::Reader]) {
            if officer { &WORK_OFFICER } else { &WORK }
        } else if officer {
            &OFFICER
        } else {
            &TOWN
        }
    }
}

/// The address of the pages, as people type it.
pub fn url(pages: &Pages, address: SocketAddr) -> String {
    gate::url(&pages.hosts, pages.secure(), address)
}

/// The pages, behind the gate.
fn router(office: Arc<Office>, pages: Pages, address: SocketAddr) -> Result<axum::Router, Failure> {
    let letters = Letters::load(&office.config().folder)?;
    let settings = gate::Settings { hosts: gate::hosts(&pages.hosts, address), secure: pages.secure() };
    let (causes, findings) = Causes::parse("mappings/causes.toml", CAUSES);
    let causes = causes.ok_or(Failure { exit: 2, findings })?;
    let gate = Gate::new(Arc::new(Bureau { office, letters, causes, pages, address }), settings);
    Ok(gate.guards(route::router(&gate)))
}

/// Pages that are served.
pub struct Serving {
    /// Where, as people type it.
    pub url: String,
    /// What ends it.
    pub handle: Handle<SocketAddr>,
}

/// Serves the pages where the configuration says so.
pub fn start(office: &Arc<Office>) -> Result<Option<Serving>, Failure> {
    let Some(pages) = office.config().pages.clone() else { return Ok(None) };
    let place = "pages.listen";
    let wrong = |finding: Finding| Failure::config(finding.at(place).with("listen", pages.listen));
    if !pages.listen.ip().is_loopback() && !pages.secure() {
        return Err(wrong(Finding::error("pages-without-tls")));
    }
    let tls = match (&pages.certificate, &pages.key) {
        (Some(certificate), Some(key)) => Some(tls(certificate, key)?),
        (None, None) => None,
        _ => return Err(wrong(Finding::error("pages-half-tls"))),
    };
    let refused = |error: std::io::Error| {
        Failure::source(Finding::error("listen-refused").at(place).with("address", pages.listen).with("reason", error))
    };
    let listener = TcpListener::bind(pages.listen).map_err(refused)?;
    let address = listener.local_addr().map_err(refused)?;
    let router = router(Arc::clone(office), pages.clone(), address)?;
    let handle = Handle::new();
    // The listener is bound: what ends the server now is the handle, or a system that nothing can be told to.
    tokio::spawn(gate::serve(listener, router, tls, handle.clone()));
    Ok(Some(Serving { url: url(&pages, address), handle }))
}

/// Certificate and key of the server.
fn tls(certificate: &Path, key: &Path) -> Result<gate::Tls, Failure> {
    let read = |path: &Path| fs::read(path).map_err(|error| Failure::config(Finding::io(path, &error)));
    let unfit = |path: &Path, reason: String| {
        Failure::config(Finding::error("pages-certificate-unfit").at(path.display().to_string()).with("reason", reason))
    };
    gate::Tls::of_pem(&read(certificate)?, &read(key)?).map_err(|wrong| match wrong {
        gate::Unfit::Certificate(reason) => unfit(certificate, reason),
        gate::Unfit::Key(reason) => unfit(key, reason),
    })
}
