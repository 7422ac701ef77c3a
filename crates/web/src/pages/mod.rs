/*! The pages, one file each. What they show comes from the desk; how it looks, from `ui`. */

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
    http::{Method, StatusCode, Uri},
    response::{IntoResponse, Redirect, Response},
};
use maud::{Markup, html};
use model::Finding;
use ui::{
    Lang, label,
    page::{self, Tone},
    refill::refill,
};

use crate::{
    desk::{Answer, File, Place, Refusal},
    routes,
    server::App,
    signed::{Act, Session, Signed, TOLD},
    told::{Kept, Told},
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
        let Leaf { app, session, title, crumbs, here } = self;
        let lang = session.lang;
        let body = html! { (body) p.clock.dim { (label(lang, "page-clock")) } };
        let told = session.told.as_ref().map(|told| page::raw(with_told(lang, told, &body.0)));
        let leaf = gate::Leaf { gate: app, session, standing: &session.office, title, crumbs, here };
        leaf.with(status, told.unwrap_or(body)).await
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
    let (status, name) = refusal.kind.page();
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
    let kept = Kept::new(act.to.clone(), act.fields.0.clone(), files);
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

/// Findings, the gravest first, each with the way to the page that does what its hint says.
pub fn findings(lang: Lang, findings: &[Finding]) -> Markup {
    gate::listed(findings, |finding| {
        let Finding { level, code, place, arguments } = finding;
        page::advised(lang, level.name(), code, place, arguments, &links::of(lang, finding))
    })
}

/// Why something is not offered to who looks.
pub fn reasons(lang: Lang, why: &[Finding]) -> Markup {
    findings(lang, &gate::reasons(why))
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
