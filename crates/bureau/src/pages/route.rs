//! The table of routes, the router that is made of it, and what each request is judged by.

use std::{collections::HashMap, sync::Arc};

use axum::{
    Router,
    extract::{RawPathParams, Request},
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
    routing::{MethodFilter, get, on},
};
use gate::{Answer, Fields, Gate, Kind, Leaf, Refusal, Session, apart};
use maud::Markup;
use model::Finding;
use tokio::sync::oneshot;

use super::{Bureau, home, people, submission, talk, units, viewing};
use crate::{
    clock,
    staff::Role,
    store::{Refused, Staff, Unit, Viewed},
};

/// Who may come to a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Whoever asks: signing in.
    Anybody,
    /// Whoever is signed in: what is the person's own.
    Own,
    /// People with one of these roles.
    Roles(&'static [Role]),
}

/// One line of the table.
pub struct Route {
    /// Path; `{unit}` is a unit of the register.
    pub path: &'static str,
    /// Whether it is an act, a POST; else a page, a GET.
    pub act: bool,
    /// Who may come.
    pub access: Access,
    /// Whether it is about a unit, which must be in the person's area and trade.
    pub area: bool,
    /// Whether it shows or gives away values of a unit: then a row says who looked.
    pub values: bool,
    /// What makes it; nothing where the gate does.
    page: Option<Page>,
}

/// What makes a page, or does an act.
type Page = fn(&Bureau, &Visit) -> Answer<Reply>;

const WORK: Access = Access::Roles(&[Role::Reviewer, Role::Reader]);
const REVIEW: Access = Access::Roles(&[Role::Reviewer]);
const TIMES: Access = Access::Roles(&[Role::Reviewer, Role::Reader, Role::Town]);
const ADMIN: Access = Access::Roles(&[Role::Admin]);
const LOOKS: Access = Access::Roles(&[Role::Admin, Role::Officer]);

const fn page(path: &'static str, access: Access, page: Page) -> Route {
    Route { path, act: false, access, area: false, values: false, page: Some(page) }
}

const fn act(path: &'static str, access: Access, page: Page) -> Route {
    Route { path, act: true, access, area: false, values: false, page: Some(page) }
}

/// About a unit.
const fn of_unit(route: Route) -> Route {
    Route { area: true, ..route }
}

/// With values of a unit.
const fn with_values(route: Route) -> Route {
    Route { area: true, values: true, ..route }
}

const fn gates(path: &'static str, act: bool, access: Access) -> Route {
    Route { path, act, access, area: false, values: false, page: None }
}

/// Every route there is.
pub const ROUTES: &[Route] = &[
    page("/", Access::Own, home::page),
    page("/units", TIMES, units::list),
    of_unit(page("/units/{unit}", TIMES, units::page)),
    with_values(page(submission::PATH, WORK, submission::page)),
    with_values(page("/units/{unit}/{form}/{edition}/{period}/changes", WORK, submission::changes)),
    with_values(page("/units/{unit}/{form}/{edition}/{period}/package", WORK, submission::package)),
    with_values(page("/units/{unit}/{form}/{edition}/{period}/receipt", WORK, submission::receipt)),
    with_values(page("/units/{unit}/{form}/{edition}/{period}/csv", WORK, submission::csv)),
    with_values(act("/units/{unit}/{form}/{edition}/{period}/query", REVIEW, talk::query)),
    with_values(act("/units/{unit}/{form}/{edition}/{period}/return", REVIEW, talk::give_back)),
    with_values(act("/units/{unit}/{form}/{edition}/{period}/accept", REVIEW, talk::accept)),
    page("/queries", WORK, talk::list),
    page("/staff", ADMIN, people::list),
    act("/staff", ADMIN, people::add),
    page("/staff/{person}", ADMIN, people::page),
    act("/staff/{person}/change", ADMIN, people::change),
    act("/staff/{person}/close", ADMIN, people::close),
    act("/staff/{person}/invite", ADMIN, people::invite),
    page("/views", LOOKS, viewing::list),
    gates("/login", false, Access::Anybody),
    gates("/login", true, Access::Anybody),
    gates("/login/code", true, Access::Anybody),
    gates("/welcome", false, Access::Anybody),
    gates("/welcome", true, Access::Anybody),
    gates("/logout", true, Access::Own),
    gates("/lang", true, Access::Own),
    gates("/account", false, Access::Own),
    gates("/account/password", true, Access::Own),
    gates("/account/second", true, Access::Own),
    gates("/account/second/code", true, Access::Own),
    gates("/account/second/end", true, Access::Own),
    gates("/account/sessions", true, Access::Own),
];

/// A request that was let in.
pub struct Visit {
    /// Who.
    pub session: Session,
    /// The person's rights.
    pub staff: Staff,
    /// The unit it is about; of routes that are about one.
    pub unit: Unit,
    /// Values of the path.
    pub path: HashMap<String, String>,
    /// What the address asks for besides.
    pub query: Fields,
    /// The form of an act.
    pub form: Fields,
}

impl Visit {
    /// A value of the path.
    pub fn at(&self, name: &str) -> &str {
        self.path.get(name).map_or("", String::as_str)
    }

    /// Form, edition and period of the path.
    pub fn report(&self) -> [&str; 3] {
        ["form", "edition", "period"].map(|name| self.at(name))
    }

    /// Whether the person may come to a route.
    pub fn may(&self, access: Access) -> bool {
        match access {
            Access::Anybody | Access::Own => true,
            Access::Roles(roles) => self.staff.is_any(roles),
        }
    }
}

/// What a request gets.
pub enum Reply {
    /// A page.
    Page {
        /// Title.
        title: String,
        /// The way here.
        crumbs: Vec<(String, String)>,
        /// Where it belongs in the navigation.
        here: &'static str,
        /// Body.
        body: Markup,
    },
    /// A page again, of an act that was refused, with what was typed.
    Again(Box<Reply>),
    /// A file to take away: name, media type, bytes.
    File(String, &'static str, Vec<u8>),
    /// Another page.
    To(String),
}

/// The router, made of the table.
pub fn router(gate: &Arc<Gate<Bureau>>) -> Router {
    let mut router = Router::new().merge(gate::routes(gate));
    for route in ROUTES.iter().filter(|route| route.page.is_some()) {
        let own = Arc::clone(gate);
        let handler = move |params: RawPathParams, request: Request| {
            let path = params.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
            let gate = Arc::clone(&own);
            async move { answer(&gate, route, path, request).await }
        };
        let filter = if route.act { MethodFilter::POST } else { MethodFilter::GET };
        router = router.route(route.path, on(filter, handler));
    }
    let own = Arc::clone(gate);
    router.fallback(get(move |request: Request| {
        let gate = Arc::clone(&own);
        async move {
            match gate.signed(request.headers(), request.uri()).await {
                Ok((session, standing)) => leaf(&gate, &session, &standing).refused(&Refusal::missing()).await,
                Err(refused) => refused,
            }
        }
    }))
}

fn leaf<'a>(gate: &'a Gate<Bureau>, session: &'a Session, standing: &'a Staff) -> Leaf<'a, Bureau> {
    Leaf { gate, session, standing, title: String::new(), crumbs: Vec::new(), here: "" }
}

/// What the address asks for.
fn asked(query: Option<&str>) -> Fields {
    let read = axum::extract::Query::<HashMap<String, String>>::try_from_uri(
        &format!("/?{}", query.unwrap_or_default()).parse().unwrap_or_default(),
    );
    Fields(read.map(|axum::extract::Query(fields)| fields).unwrap_or_default())
}

/// Answers a request of a route of the table.
async fn answer(gate: &Arc<Gate<Bureau>>, route: &'static Route, path: HashMap<String, String>, request: Request) -> Response {
    let query = request.uri().query().map(str::to_owned);
    let (session, staff, form) = if route.act {
        match gate.posted(request).await {
            Ok(posted) => (posted.session, posted.standing, posted.fields),
            Err(refused) => return refused,
        }
    } else {
        match gate.signed(request.headers(), request.uri()).await {
            Ok((session, staff)) => (session, staff, Fields::default()),
            Err(refused) => return refused,
        }
    };
    let mut visit = Visit { session, staff, unit: Unit::default(), path, query: asked(query.as_deref()), form };
    if let Err(refusal) = admit(gate, route, &mut visit).await {
        return leaf(gate, &visit.session, &visit.staff).refused(&refusal).await;
    }
    let house = Arc::clone(&gate.house);
    let visit = Arc::new(visit);
    let (asking, page) = (Arc::clone(&visit), route.page);
    let reply = apart(move || page.ok_or_else(Refusal::missing).and_then(|page| page(&house, &asking))).await;
    match reply {
        Ok(reply) => shown(gate, &visit, reply, StatusCode::OK).await,
        Err(refusal) => leaf(gate, &visit.session, &visit.staff).refused(&refusal).await,
    }
}

async fn shown(gate: &Gate<Bureau>, visit: &Visit, reply: Reply, status: StatusCode) -> Response {
    match reply {
        Reply::Page { title, crumbs, here, body } => {
            let (session, standing) = (&visit.session, &visit.staff);
            Leaf { gate, session, standing, title, crumbs, here }.with(status, body).await
        }
        Reply::Again(reply) => Box::pin(shown(gate, visit, *reply, StatusCode::CONFLICT)).await,
        Reply::File(name, media, bytes) => gate::download(&name, media, bytes),
        Reply::To(address) => Redirect::to(&address).into_response(),
    }
}

/// Whether a request is let in: by role, by area, and only where it can be written down that somebody looks.
async fn admit(gate: &Arc<Gate<Bureau>>, route: &'static Route, visit: &mut Visit) -> Result<(), Refusal> {
    if !visit.may(route.access) {
        return Err(Refusal { kind: Kind::Forbidden, findings: vec![Finding::error("staff-not-allowed")] });
    }
    if route.area {
        let code = visit.at("unit").to_owned();
        let unit = gate.ask(move |bureau| bureau.read(|connection| Unit::find(connection, &code))).await?;
        // Of units elsewhere it is not said whether they are there.
        visit.unit = unit.filter(|unit| visit.staff.covers(unit)).ok_or_else(Refusal::missing)?;
    }
    if route.values {
        let [form, edition, period] = visit.report().map(str::to_owned);
        let mut about: Vec<String> = visit.query.iter().map(|(name, value)| format!("{name}={value}")).collect();
        about.sort();
        let about: String = about.join(" ").chars().take(200).collect();
        let (person, page, unit) = (visit.staff.person.clone(), route.path.to_owned(), visit.unit.code.clone());
        let at = clock::text(clock::now());
        let row = Viewed { id: 0, at, person, page, unit, form, edition, period, about };
        written(gate.house.as_ref(), row).await?;
    }
    Ok(())
}

/// Writes down that somebody looks, through the group commit.
async fn written(bureau: &Bureau, row: Viewed) -> Result<(), Refusal> {
    let (reply, done) = oneshot::channel();
    bureau.office.send(Box::new(viewing::Looking::new(row, reply)));
    let refused =
        |reason: String| Refusal { kind: Kind::Broken, findings: vec![Finding::error("state-refused").with("reason", reason)] };
    match done.await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(Refused::State(reason))) => Err(refused(reason)),
        Ok(Err(Refused::Finding(finding))) => Err(refused(finding.to_string())),
        Err(error) => Err(refused(error.to_string())),
    }
}
