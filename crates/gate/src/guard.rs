/*! The gate: what may ask, how often, and what every answer carries. */

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{
    Router,
    extract::{ConnectInfo, DefaultBodyLimit, Request, State},
    http::{HeaderValue, Method, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
};

use crate::{
    accounts::{self, Brake},
    house::{Answer, House, apart},
    limits::{self, Limits},
    second::Used,
    sessions::Sessions,
    signed,
};

/// How pages are served.
pub struct Settings {
    /// Names by which browsers may ask, without port: against pages elsewhere that point their own name here.
    pub hosts: Vec<String>,
    /// Whether the connection is TLS.
    pub secure: bool,
}

/// What all pages of a house share.
pub struct Gate<H> {
    /// Whose pages they are.
    pub house: Arc<H>,
    /// Who guesses.
    pub brake: Brake,
    pub(crate) sessions: Sessions,
    pub(crate) second: Used,
    /// Whether the connection is TLS.
    pub(crate) secure: bool,
    limits: Limits,
    hosts: Vec<String>,
    /// Addresses of style and script.
    pub(crate) assets: [String; 2],
}

/// Largest form of an act.
pub const FORM_BYTES: usize = 64 << 10;

/// Largest form of an act with files: those that may be attached, and what stands around them.
pub const FILES_BYTES: usize = (32 << 20) + FORM_BYTES;

/// Nothing from anywhere else, no script but ours, no frame around us.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; form-action 'self'; \
                      frame-ancestors 'none'; base-uri 'none'";

impl<H: House> Gate<H> {
    /// A gate in front of a house's pages.
    pub fn new(house: Arc<H>, settings: Settings) -> Arc<Gate<H>> {
        let address = |name: &str, text: &str, kind: &str| format!("/assets/{name}-{}.{kind}", &accounts::kept(text)[..12]);
        let assets = [address("style", ui::page::STYLE, "css"), address("script", ui::page::SCRIPT, "js")];
        let Settings { hosts, secure } = settings;
        let (sessions, brake, second, limits) = (Sessions::default(), Brake::default(), Used::default(), Limits::default());
        Arc::new(Gate { house, brake, sessions, second, secure, limits, hosts, assets })
    }

    /// Asks the house where waiting for files holds nobody else up.
    pub async fn ask<T: Send + 'static>(&self, work: impl FnOnce(&H) -> Answer<T> + Send + 'static) -> Answer<T> {
        let house = Arc::clone(&self.house);
        apart(move || work(house.as_ref())).await
    }

    /// Signs somebody out everywhere.
    pub fn signs_out(&self, person: &str) {
        self.sessions.end_all(person);
    }

    /// Stands in front of pages.
    pub fn guards(self: &Arc<Self>, pages: Router) -> Router {
        pages.layer(DefaultBodyLimit::max(FORM_BYTES)).layer(middleware::from_fn_with_state(Arc::clone(self), guard::<H>))
    }
}

async fn guard<H: House>(State(gate): State<Arc<Gate<H>>>, request: Request, next: Next) -> Response {
    let mut response = if let Some(refused) = refuses(&gate, &request) {
        refused.into_response()
    } else if let Some(wait) = hurries(&gate, &request) {
        too_often(wait)
    } else {
        next.run(request).await
    };
    let headers = response.headers_mut();
    // A print brings its own style, and the policy that allows that one.
    headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(HeaderValue::from_static(POLICY));
    let fixed = [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "same-origin"),
        (header::X_FRAME_OPTIONS, "DENY"),
    ];
    for (name, value) in fixed {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if gate.secure {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000"));
    }
    // Figures of a firm stay in no cache.
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

/// How long somebody must wait who asks too often.
fn hurries<H: House>(gate: &Gate<H>, request: &Request) -> Option<Duration> {
    let (now, post) = (Instant::now(), request.method() == Method::POST);
    let known = signed::cookie(request.headers(), H::COOKIE).and_then(|cookie| gate.sessions.knows(cookie, now));
    let address = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(address)| limits::name(address.ip()));
    let address = address.unwrap_or_default();
    let tries = post && ["/login", "/login/code", "/welcome"].contains(&request.uri().path());
    let take = |kind: &str, who: &str, rate| gate.limits.take(format!("{kind} {who}"), rate, now);
    let waits = match &known {
        Some(session) => take("session", session, limits::SESSION),
        None => take("address", &address, limits::STRANGER),
    };
    waits
        .or_else(|| if tries { take("try", &address, limits::TRY) } else { None })
        .or_else(|| take("act", known.as_ref().filter(|_| post)?, limits::ACT))
}

/// What is told to whoever asks too often; no page is made for that.
fn too_often(wait: Duration) -> Response {
    let seconds = wait.as_secs() + 1;
    let words =
        [ui::Lang::Zh, ui::Lang::En].map(|lang| ui::text(lang, "label-page-too-often", &[("seconds", seconds.to_string())]));
    let kind = HeaderValue::from_static("text/plain; charset=utf-8");
    let headers = [(header::RETRY_AFTER, HeaderValue::from(seconds)), (header::CONTENT_TYPE, kind)];
    (StatusCode::TOO_MANY_REQUESTS, headers, words.join("\n")).into_response()
}

/// Requests that no page of ours makes.
fn refuses<H>(gate: &Gate<H>, request: &Request) -> Option<StatusCode> {
    let text = |name| request.headers().get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let host = text(header::HOST).or_else(|| request.uri().authority().map(|authority| authority.as_str())).unwrap_or_default();
    if !gate.hosts.iter().any(|known| known.eq_ignore_ascii_case(name(host))) {
        return Some(StatusCode::MISDIRECTED_REQUEST);
    }
    match *request.method() {
        Method::GET | Method::HEAD => None,
        Method::POST => {
            let scheme = if gate.secure { "https" } else { "http" };
            let origin = text(header::ORIGIN).is_none_or(|origin| origin == format!("{scheme}://{host}"));
            let site = request.headers().get("sec-fetch-site").is_none_or(|site| site == "same-origin");
            (!(origin && site)).then_some(StatusCode::FORBIDDEN)
        }
        _ => Some(StatusCode::METHOD_NOT_ALLOWED),
    }
}

/// A host without its port.
fn name(host: &str) -> &str {
    match host.rfind(':') {
        Some(at) if host[at + 1..].bytes().all(|byte| byte.is_ascii_digit()) => &host[..at],
        _ => host,
    }
}
