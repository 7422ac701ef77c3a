/*! Where pages are, behind the gate. */

use std::{ops::Deref, sync::Arc};

use axum::{
    Router,
    routing::{get, post},
};
pub use gate::FILES_BYTES;
use gate::{Gate, House, Settings};

use crate::{
    desk::{Account, Answer, Desk},
    pages,
    told::Tellings,
};

/// The agent as the gate sees it: who answers for the forms is its people's standing.
pub struct Agent(Arc<dyn Desk>);

impl House for Agent {
    /// Whether the person answers for the forms; people of departments see their own sheets alone.
    type Standing = bool;

    const COOKIE: &'static str = "taizhang";
    const INVITE: &'static str = "taizhang person invite";

    fn owner(&self) -> Answer<String> {
        self.0.unit()
    }

    fn person(&self, id: &str) -> Answer<Option<gate::Person<bool>>> {
        let found = self.0.people()?.into_iter().find(|person| person.id == id);
        Ok(found.map(|person| gate::Person { id: person.id, name: person.name, standing: person.office }))
    }

    fn account(&self, person: &str) -> Answer<Option<Account>> {
        self.0.account(person)
    }

    fn put_account(&self, who: &str, person: &str, account: &Account) -> Answer<()> {
        self.0.put_account(who, person, account)
    }

    fn waits(&self, office: &bool) -> Option<(&'static str, usize)> {
        office.then(|| (pages::letters::HERE, self.0.waiting().unwrap_or_default()))
    }

    fn nav(&self, office: &bool) -> &'static [(&'static str, &'static str)] {
        if *office { &pages::NAV } else { &pages::OWN }
    }
}

/// What all pages share.
pub struct App {
    /// The agent.
    desk: Arc<dyn Desk>,
    /// Who may come in.
    gate: Arc<Gate<Agent>>,
    /// What came of acts, for the pages after them.
    pub told: Tellings,
}

impl Deref for App {
    type Target = Gate<Agent>;

    fn deref(&self) -> &Gate<Agent> {
        &self.gate
    }
}

impl App {
    /// Asks the agent where waiting for files holds nobody else up.
    pub async fn ask<T: Send + 'static>(&self, work: impl FnOnce(&dyn Desk) -> Answer<T> + Send + 'static) -> Answer<T> {
        let desk = Arc::clone(&self.desk);
        gate::apart(move || work(desk.as_ref())).await
    }
}

/// All pages.
pub fn router(desk: Arc<dyn Desk>, settings: Settings) -> Router {
    let gate = Gate::new(Arc::new(Agent(Arc::clone(&desk))), settings);
    let app = Arc::new(App { desk, gate: Arc::clone(&gate), told: Tellings::default() });
    let pages = Router::new()
        .route("/", get(pages::home::page))
        .merge(gate::routes(&gate))
        .route("/drafts/{book}/{form}/{period}", get(pages::draft::page))
        .route("/drafts/{book}/{form}/{period}/figure", get(pages::figure::page))
        .route("/drafts/{book}/{form}/{period}/lines", get(pages::lines::page))
        .route("/drafts/{book}/{form}/{period}/rules", get(pages::rules::page))
        .route("/drafts/{book}/{form}/{period}/explain", post(pages::rules::explain))
        .route("/drafts/{book}/{form}/{period}/step", post(pages::draft::step))
        .route("/drafts/{book}/{form}/{period}/export/{kind}", get(pages::draft::export))
        .route("/books/{book}/vouchers", get(pages::lines::voucher))
        .route("/log", get(pages::log::page))
        .merge(pages::deeds::routes())
        .merge(pages::month::routes())
        .merge(pages::portal::routes())
        .merge(pages::sheets::routes())
        .merge(pages::years::routes())
        .merge(pages::exam::routes())
        .merge(pages::mapping::routes())
        .merge(pages::signing::routes())
        .merge(pages::signoff::routes())
        .merge(pages::sending::routes())
        .merge(pages::letters::routes())
        .merge(pages::versions::routes())
        .fallback(pages::nothing)
        .method_not_allowed_fallback(pages::act_alone)
        .with_state(app);
    gate.guards(pages)
}
