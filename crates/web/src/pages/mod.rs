/*! The pages, one file each. What they show comes from the desk; how it looks, from `ui`. */

pub mod compared;
pub mod deeds;
pub mod draft;
pub mod exam;
pub mod figure;
pub mod home;
pub mod letters;
pub mod lines;
pub mod log;
pub mod mapping;
pub mod month;
pub mod portal;
pub mod rules;
pub mod sending;
pub mod sheets;
pub mod signoff;
pub mod versions;

use std::sync::Arc;

use axum::{
    extract::State,
    http::{Method, StatusCode, Uri},
    response::{IntoResponse, Redirect, Response},
};
pub use gate::{findings, reasons};
use maud::{Markup, html};
use ui::{
    Lang, label,
    page::{self, Tone},
};

use crate::{
    desk::{Answer, File, Place, Refusal},
    routes,
    server::{Agent, App},
    signed::{Session, Signed},
};

/// Pages that can be reached from everywhere.
pub const NAV: [(&str, &str); 6] = [
    ("/", "page-home"),
    (mapping::HERE, "mapping-page"),
    (month::HERE, "page-month"),
    (sheets::ALL, "page-sheets"),
    (letters::HERE, "page-letters"),
    ("/log", "page-log"),
];

/// Those that people of departments reach.
pub const OWN: [(&str, &str); 1] = [(sheets::OWN, "page-sheets-own")];

/// A page for somebody who is signed in.
pub struct Leaf<'a> {
    pub app: &'a App,
    pub session: &'a Session,
    pub title: String,
    pub crumbs: Vec<(String, String)>,
    pub here: &'static str,
}

impl<'a> Leaf<'a> {
    fn framed(self) -> gate::Leaf<'a, Agent> {
        let Leaf { app, session, title, crumbs, here } = self;
        gate::Leaf { gate: app, session, standing: &session.office, title, crumbs, here }
    }

    pub async fn with(self, status: StatusCode, body: Markup) -> Response {
        self.framed().with(status, body).await
    }
}

/// What was asked for as a page, made by `page` into title, way here and body; or why there is none.
pub async fn shown<T>(
    app: &App,
    session: &Session,
    here: &'static str,
    answer: Answer<T>,
    page: impl FnOnce(&T) -> (String, Vec<(String, String)>, Markup),
) -> Response {
    match answer {
        Ok(answer) => {
            let (title, crumbs, body) = page(&answer);
            Leaf { app, session, title, crumbs, here }.with(StatusCode::OK, body).await
        }
        Err(refusal) => refused(app, session, refusal).await,
    }
}

/// What came of asking, as a page where nothing came.
pub async fn refused(app: &App, session: &Session, refusal: Refusal) -> Response {
    Leaf { app, session, title: String::new(), crumbs: Vec::new(), here: "" }.framed().refused(&refusal).await
}

/// What people of departments are not shown.
pub async fn forbidden(app: &App, session: &Session) -> Response {
    let lang = session.lang;
    let body = html! {
        p { (label(lang, "page-not-yours-why")) }
        p { a.button href=(sheets::OWN) { (label(lang, "page-sheets-own")) } }
    };
    let leaf = Leaf { app, session, title: label(lang, "page-not-yours"), crumbs: Vec::new(), here: "" };
    leaf.with(StatusCode::FORBIDDEN, body).await
}

/// There is no such page.
pub async fn nothing(State(app): State<Arc<App>>, Signed(session): Signed) -> Response {
    refused(&app, &session, Refusal::missing()).await
}

/// The address of an act, opened as a page: somebody reads it again, or was given it by a colleague. What it was done to is shown.
pub async fn act_alone(method: Method, uri: Uri, signed: Result<Signed, Response>) -> Response {
    if method != Method::GET {
        return StatusCode::METHOD_NOT_ALLOWED.into_response();
    }
    if let Err(refused) = signed {
        return refused;
    }
    let page = uri.path().rsplit_once('/').map_or("/", |(page, _)| if page.is_empty() { "/" } else { page });
    Redirect::to(page).into_response()
}

/// A state of a draft as people see it.
pub fn state(lang: Lang, state: &str) -> Markup {
    let tone = match state {
        "delivered" | "accepted" => Tone::Good,
        "refused" | "returned" => Tone::Bad,
        "not_built" | "superseded" | "withdrawn" => Tone::Plain,
        _ => Tone::Warn,
    };
    page::badge(tone, &label(lang, &format!("state-{state}")))
}

/// The way to the first page.
pub fn home_way(lang: Lang) -> Vec<(String, String)> {
    vec![("/".to_owned(), label(lang, "page-home"))]
}

/// The way to a draft.
pub fn way(lang: Lang, place: &Place) -> Vec<(String, String)> {
    let mut way = home_way(lang);
    way.push((routes::draft(place), format!("{} {}", place.form, place.period)));
    way
}

/// A file to take away.
pub fn download(file: File) -> Response {
    gate::download(&file.name, file.media, file.bytes)
}

/// An amount of 元 with its thousands apart and at least two decimals.
pub fn money(text: &str) -> String {
    let grouped = ui::grouped(text);
    match grouped.find('.') {
        None if grouped.is_empty() => grouped,
        None => grouped + ".00",
        Some(at) if grouped.len() - at == 2 => grouped + "0",
        Some(_) => grouped,
    }
}
