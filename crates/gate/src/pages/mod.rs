/*! The pages of the gate, and what other pages share with them: the frame, findings, refusals, files to take away. */

mod account;
mod login;

use std::sync::Arc;

use axum::{
    Router,
    http::{StatusCode, header},
    response::{Html, IntoResponse, Response},
    routing::{get, post},
};
use maud::{Markup, html};
use model::{Finding, Level};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use ui::{
    Lang, label,
    page::{self, Frame},
};

use crate::{
    guard::{FILES_BYTES, Gate},
    house::{House, Kind, Refusal},
    sessions::Session,
};

/// Everything but what addresses allow anywhere.
const KEPT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A text as a part of an address.
pub fn part(text: &str) -> String {
    utf8_percent_encode(text, KEPT).to_string()
}

/// Signing in and out, one's own account, the other language, style and script. They have their own state and go beside any pages.
pub fn routes<H: House, S: Clone + Send + Sync + 'static>(gate: &Arc<Gate<H>>) -> Router<S> {
    let [style, script] = &gate.assets;
    Router::new()
        .route("/login", get(login::page::<H>).post(login::enter::<H>))
        .route("/login/code", post(login::code::<H>))
        .route("/welcome", get(login::welcome::<H>).post(login::choose::<H>))
        .route("/logout", post(login::leave::<H>))
        .route("/lang", post(login::speak::<H>))
        .merge(account::routes::<H>())
        .route(style, get(|| async { asset("text/css; charset=utf-8", ui::page::STYLE) }))
        .route(script, get(|| async { asset("text/javascript; charset=utf-8", ui::page::SCRIPT) }))
        .with_state(Arc::clone(gate))
}

fn asset(media: &'static str, text: &'static str) -> Response {
    ([(header::CONTENT_TYPE, media), (header::CACHE_CONTROL, "public, max-age=31536000, immutable")], text).into_response()
}

/// A page for somebody who is signed in.
pub struct Leaf<'a, H: House> {
    /// The gate.
    pub gate: &'a Gate<H>,
    /// Who looks.
    pub session: &'a Session,
    /// The person's rights.
    pub standing: &'a H::Standing,
    /// Title.
    pub title: String,
    /// The way here: address and text.
    pub crumbs: Vec<(String, String)>,
    /// Address of the page in the navigation that this is, or belongs to.
    pub here: &'static str,
}

impl<H: House> Leaf<'_, H> {
    /// The page with its body.
    pub async fn with(self, status: StatusCode, body: Markup) -> Response {
        // The name of the house never holds a page up.
        let standing = self.standing.clone();
        let asked = self.gate.ask(move |house| Ok((house.owner().unwrap_or_default(), house.waits(&standing))));
        let (owner, waits) = asked.await.unwrap_or_default();
        let reached = self.gate.house.nav(self.standing);
        let marked = |href: &str| waits.filter(|(page, _)| *page == href).map_or(0, |(_, count)| count);
        let nav: Vec<(&str, &str, bool, usize)> =
            reached.iter().map(|(href, name)| (*href, *name, *href == self.here, marked(href))).collect();
        let assets = [self.gate.assets[0].as_str(), self.gate.assets[1].as_str()];
        let person = Some((self.session.name.as_str(), self.session.token.as_str()));
        let (lang, title, crumbs) = (self.session.lang, self.title.as_str(), self.crumbs.as_slice());
        let text = page::page(&Frame { lang, title, owner: &owner, assets, nav: &nav, person, crumbs }, &body);
        (status, Html(text)).into_response()
    }

    /// What came of asking, as a page where nothing came.
    pub async fn refused(mut self, refusal: &Refusal) -> Response {
        let (status, name) = refusal.kind.page();
        let lang = self.session.lang;
        self.title = label(lang, name);
        self.with(
            status,
            html! {
                (findings(lang, &refusal.findings))
                @if refusal.findings.is_empty() { p { (label(lang, "page-missing-why")) } }
                p { a href="/" { (label(lang, "page-home")) } }
            },
        )
        .await
    }
}

fn own<'a, H: House>(gate: &'a Gate<H>, session: &'a Session, standing: &'a H::Standing, name: &str) -> Leaf<'a, H> {
    Leaf { gate, session, standing, title: label(session.lang, name), crumbs: Vec::new(), here: "" }
}

/// The form of an act did not come from a page of this session.
pub async fn stale<H: House>(gate: &Gate<H>, session: &Session, standing: &H::Standing) -> Response {
    let lang = session.lang;
    let body = html! { p { (label(lang, "page-stale-why")) } p { a href="/" { (label(lang, "page-home")) } } };
    own(gate, session, standing, "page-stale").with(StatusCode::FORBIDDEN, body).await
}

/// A form that could not be read: larger than is taken, or broken off.
pub async fn too_much<H: House>(gate: &Gate<H>, session: &Session, standing: &H::Standing, status: StatusCode) -> Response {
    let large = status == StatusCode::PAYLOAD_TOO_LARGE;
    let finding = if large { Finding::error("upload-too-large") } else { Finding::error("upload-broken") };
    let body = findings(session.lang, &[finding.with("limit", FILES_BYTES >> 20)]);
    own(gate, session, standing, "page-refused").with(status, body).await
}

/// Nobody can say who may come in: a page without a person, in both languages.
pub async fn unreachable<H: House>(gate: &Gate<H>, refusal: &Refusal) -> Response {
    let body = html! {
        (findings(Lang::Zh, &refusal.findings))
        p.dim { (label(Lang::En, "page-unreachable")) }
    };
    login::bare(gate, Lang::Zh, StatusCode::SERVICE_UNAVAILABLE, "page-unreachable", &body).await
}

/// Findings, the gravest first and each once, shown by `each`.
pub fn listed(findings: &[Finding], each: impl Fn(&Finding) -> Markup) -> Markup {
    let mut sorted: Vec<&Finding> = Vec::new();
    for finding in findings {
        if !sorted.contains(&finding) {
            sorted.push(finding);
        }
    }
    sorted.sort_by_key(|finding| std::cmp::Reverse(finding.level));
    html! { @for finding in sorted { (each(finding)) } }
}

/// Findings, the gravest first.
pub fn findings(lang: Lang, findings: &[Finding]) -> Markup {
    listed(findings, |finding| page::notice(lang, finding.level.name(), &finding.code, &finding.place, &finding.arguments))
}

/// Why something is not offered to who looks, as findings: nobody has done anything wrong yet.
pub fn reasons(why: &[Finding]) -> Vec<Finding> {
    why.iter().map(|finding| Finding { level: Level::Note, ..finding.clone() }).collect()
}

impl Kind {
    /// Status and title of the page that says so.
    pub const fn page(self) -> (StatusCode, &'static str) {
        match self {
            Kind::Missing => (StatusCode::NOT_FOUND, "page-missing"),
            Kind::Refused => (StatusCode::CONFLICT, "page-refused"),
            Kind::Forbidden => (StatusCode::FORBIDDEN, "page-not-yours"),
            Kind::Broken => (StatusCode::SERVICE_UNAVAILABLE, "page-unreachable"),
        }
    }
}

/// A file to take away.
pub fn download(name: &str, media: &str, bytes: Vec<u8>) -> Response {
    let name = format!("attachment; filename*=UTF-8''{}", part(name));
    ([(header::CONTENT_TYPE, media.to_owned()), (header::CONTENT_DISPOSITION, name)], bytes).into_response()
}
