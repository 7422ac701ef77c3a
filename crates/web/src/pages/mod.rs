/*! The pages, one file each. What they show comes from the desk; how it looks, from `ui`. */

pub mod account;
pub mod compared;
pub mod deeds;
pub mod draft;
pub mod exam;
pub mod figure;
pub mod home;
pub mod letters;
pub mod lines;
pub mod log;
pub mod login;
pub mod mapping;
pub mod month;
pub mod moved;
pub mod portal;
pub mod rules;
pub mod sending;
pub mod sheets;
pub mod signoff;
pub mod versions;

use std::sync::Arc;

use axum::{
    extract::State,
    http::{Method, StatusCode, Uri, header},
    response::{Html, IntoResponse, Redirect, Response},
};
use maud::{Markup, html};
use model::{Finding, Level};
use ui::{
    Lang, label,
    page::{self, Frame, Tone},
};

use crate::{
    desk::{Answer, File, Kind, Place, Refusal},
    routes,
    server::App,
    sessions::Session,
    signed::Signed,
};

/// Pages that can be reached from everywhere.
const NAV: [(&str, &str); 6] = [
    ("/", "page-home"),
    (mapping::HERE, "mapping-page"),
    (month::HERE, "page-month"),
    (sheets::ALL, "page-sheets"),
    (letters::HERE, "page-letters"),
    ("/log", "page-log"),
];

/// Those that people of departments reach.
const OWN: [(&str, &str); 1] = [(sheets::OWN, "page-sheets-own")];

/// A page for somebody who is signed in.
pub struct Leaf<'a> {
    pub app: &'a App,
    pub session: &'a Session,
    pub title: String,
    pub crumbs: Vec<(String, String)>,
    pub here: &'static str,
}

impl Leaf<'_> {
    pub async fn with(self, status: StatusCode, body: Markup) -> Response {
        // The name of the unit never holds a page up.
        let owner = self.app.ask(|desk| desk.unit()).await.unwrap_or_default();
        (status, Html(self.text(&owner, &body))).into_response()
    }

    fn text(&self, owner: &str, body: &Markup) -> String {
        let reached: &[(&str, &str)] = if self.session.office { &NAV } else { &OWN };
        let nav: Vec<(&str, &str, bool)> = reached.iter().map(|(href, name)| (*href, *name, *href == self.here)).collect();
        let assets = [self.app.assets[0].as_str(), self.app.assets[1].as_str()];
        let person = Some((self.session.name.as_str(), self.session.token.as_str()));
        let (lang, title, crumbs) = (self.session.lang, self.title.as_str(), self.crumbs.as_slice());
        page::page(&Frame { lang, title, owner, assets, nav: &nav, person, crumbs }, body)
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
    let (status, name) = match refusal.kind {
        Kind::Missing => (StatusCode::NOT_FOUND, "page-missing"),
        Kind::Refused => (StatusCode::CONFLICT, "page-refused"),
        Kind::Broken => (StatusCode::SERVICE_UNAVAILABLE, "page-unreachable"),
    };
    let lang = session.lang;
    let body = html! {
        (findings(lang, &refusal.findings))
        @if refusal.findings.is_empty() { p { (label(lang, "page-missing-why")) } }
        p { a href="/" { (label(lang, "page-home")) } }
    };
    Leaf { app, session, title: label(lang, name), crumbs: Vec::new(), here: "" }.with(status, body).await
}

/// The form of an act did not come from a page of this session.
pub fn stale(app: &App, session: &Session) -> Response {
    let lang = session.lang;
    let leaf = Leaf { app, session, title: label(lang, "page-stale"), crumbs: Vec::new(), here: "" };
    let body = html! { p { (label(lang, "page-stale-why")) } p { a href="/" { (label(lang, "page-home")) } } };
    (StatusCode::FORBIDDEN, Html(leaf.text("", &body))).into_response()
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

/// A form that could not be read: larger than is taken, or broken off.
pub async fn too_much(app: &App, session: &Session, status: StatusCode) -> Response {
    let large = status == StatusCode::PAYLOAD_TOO_LARGE;
    let finding = if large { Finding::error("upload-too-large") } else { Finding::error("upload-broken") };
    let body = findings(session.lang, &[finding.with("limit", crate::server::FILES_BYTES >> 20)]);
    let leaf = Leaf { app, session, title: label(session.lang, "page-refused"), crumbs: Vec::new(), here: "" };
    leaf.with(status, body).await
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

/// Findings, the gravest first.
pub fn findings(lang: Lang, findings: &[Finding]) -> Markup {
    let mut sorted: Vec<&Finding> = Vec::new();
    for finding in findings {
        if !sorted.contains(&finding) {
            sorted.push(finding);
        }
    }
    sorted.sort_by_key(|finding| std::cmp::Reverse(finding.level));
    html! {
        @for finding in sorted { (page::notice(lang, level(finding.level), &finding.code, &finding.place, &finding.arguments)) }
    }
}

/// Why something is not offered to who looks: nobody has done anything wrong yet.
pub fn reasons(lang: Lang, why: &[Finding]) -> Markup {
    let told: Vec<Finding> = why.iter().map(|finding| Finding { level: Level::Note, ..finding.clone() }).collect();
    findings(lang, &told)
}

const fn level(level: Level) -> &'static str {
    match level {
        Level::Error => "error",
        Level::Warning => "warning",
        Level::Note => "note",
    }
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
    let name = format!("attachment; filename*=UTF-8''{}", routes::part(&file.name));
    ([(header::CONTENT_TYPE, file.media.to_owned()), (header::CONTENT_DISPOSITION, name)], file.bytes).into_response()
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
