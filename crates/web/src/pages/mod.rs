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
mod links;
pub mod log;
pub mod login;
pub mod mapping;
pub mod month;
pub mod moved;
pub mod portal;
pub mod rules;
pub mod sending;
pub mod sheets;
pub mod signing;
pub mod signoff;
pub mod versions;
pub mod years;

use std::{sync::Arc, time::Instant};

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
    refill::refill,
};

use crate::{
    desk::{Answer, File, Kind, Place, Refusal},
    routes,
    server::App,
    sessions::Session,
    signed::{Act, Signed, TOLD},
    told::{Kept, Told},
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

/// Fields that a form says of itself; nobody typed them.
const OWN_FIELDS: [&str; 15] = [
    "digest", "seen", "row", "column", "rule", "step", "key", "book", "period", "form", "withdraw", "upload", "role", "item",
    "year",
];

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
        let office = self.session.office;
        let asked = self
            .app
            .ask(move |desk| Ok((desk.unit().unwrap_or_default(), if office { desk.waiting().unwrap_or_default() } else { 0 })));
        let (owner, waiting) = asked.await.unwrap_or_default();
        (status, Html(self.text(&owner, waiting, &body))).into_response()
    }

    fn text(&self, owner: &str, waiting: usize, body: &Markup) -> String {
        let reached: &[(&str, &str)] = if self.session.office { &NAV } else { &OWN };
        let marked = |href: &str| if href == letters::HERE { waiting } else { 0 };
        let nav: Vec<(&str, &str, bool, usize)> =
            reached.iter().map(|(href, name)| (*href, *name, *href == self.here, marked(href))).collect();
        let assets = [self.app.assets[0].as_str(), self.app.assets[1].as_str()];
        let person = Some((self.session.name.as_str(), self.session.token.as_str()));
        let (lang, title, crumbs) = (self.session.lang, self.title.as_str(), self.crumbs.as_slice());
        let body = html! { (body) p.clock.dim { (label(lang, "page-clock")) } };
        let told = self.session.told.as_ref().map(|told| page::raw(with_told(lang, told, &body.0)));
        page::page(&Frame { lang, title, owner, assets, nav: &nav, person, crumbs }, told.as_ref().unwrap_or(&body))
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

/// A page with what came of the act before it. What was typed into one that was refused stands in its form again, and beside it why.
fn with_told(lang: Lang, told: &Told, body: &str) -> String {
    let Some(kept) = &told.kept else {
        return notice(lang, "page-done", &told.findings, &[], &[]).into_string() + body;
    };
    refill(body, &kept.to, &kept.fields, |left| notice(lang, "page-refused", &told.findings, left, &kept.files).into_string())
}

/// What came of an act: what is to be said of it, what could not be put back into its form, and files that are to be chosen again.
fn notice(lang: Lang, title: &str, told: &[Finding], left: &[(&str, &str)], files: &[String]) -> Markup {
    let left: Vec<&str> =
        left.iter().filter(|(name, _)| !OWN_FIELDS.contains(name) && !name.ends_with(".seen")).map(|(_, text)| *text).collect();
    html! {
        div.told id="told" {
            p { strong { (label(lang, title)) } }
            (findings(lang, told))
            @if !files.is_empty() { p { (label(lang, "page-files-again")) " " (files.join("、")) } }
            @if !left.is_empty() {
                p { (label(lang, "page-typed-left")) }
                ul { @for text in left { li { (text) } } }
            }
        }
    }
}

/// The address of a page on which something is told.
fn telling(app: &App, act: &Act, page: &str, told: Told) -> Response {
    let number = app.told.keep(&act.session.id, told, Instant::now());
    let page = page.split('#').next().unwrap_or_default();
    let mark = if page.contains('?') { '&' } else { '?' };
    Redirect::to(&format!("{page}{mark}{TOLD}{number}#told")).into_response()
}

/// An act was refused: the page that it came from comes again, with everything that was typed and why; `page` where the browser does not say which.
pub async fn again(app: &App, act: &Act, files: Vec<String>, refusal: Refusal, page: &str) -> Response {
    if refusal.findings.is_empty() {
        return refused(app, &act.session, refusal).await;
    }
    let page = act.from.as_deref().unwrap_or(page).to_owned();
    let kept = Kept::new(act.to.clone(), act.fields.clone(), files);
    telling(app, act, &page, Told { findings: refusal.findings, kept: Some(kept) })
}

/// An act was done: its page comes, with what is to be said of it.
pub fn went(app: &App, act: &Act, told: Vec<Finding>, page: &str) -> Response {
    app.told.over(&act.session.id, &act.to);
    if told.is_empty() {
        Redirect::to(page).into_response()
    } else {
        telling(app, act, page, Told { findings: told, kept: None })
    }
}

/// The form of an act did not come from a page of this session.
pub fn stale(app: &App, session: &Session) -> Response {
    let lang = session.lang;
    let leaf = Leaf { app, session, title: label(lang, "page-stale"), crumbs: Vec::new(), here: "" };
    let body = html! { p { (label(lang, "page-stale-why")) } p { a href="/" { (label(lang, "page-home")) } } };
    (StatusCode::FORBIDDEN, Html(leaf.text("", 0, &body))).into_response()
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
        @for finding in sorted {
            (page::advised(lang, level(finding.level), &finding.code, &finding.place, &finding.arguments, &links::of(lang, finding)))
        }
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
