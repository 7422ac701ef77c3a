/*! The server: what may ask, what every answer carries, and where pages are. */

use std::{
    net::{SocketAddr, TcpListener},
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{
    Router,
    extract::{ConnectInfo, DefaultBodyLimit, Request, State},
    http::{HeaderValue, Method, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{get, post},
};

use crate::{
    accounts::{self, Brake},
    desk::{Answer, Desk, Kind, Refusal},
    limits::{self, Limits},
    pages,
    second::Used,
    sessions::Sessions,
    signed,
    told::Tellings,
};

/// Certificate and key of the server.
pub struct Tls {
    /// What rustls serves with.
    pub config: Arc<rustls::ServerConfig>,
}

/// How pages are served.
pub struct Settings {
    /// Names by which browsers may ask, without port: against pages elsewhere that point their own name here.
    pub hosts: Vec<String>,
    /// Whether the connection is TLS.
    pub secure: bool,
}

/// What all pages share.
pub struct App {
    /// The agent.
    pub desk: Arc<dyn Desk>,
    /// Who is signed in.
    pub sessions: Sessions,
    /// Who guesses.
    pub brake: Brake,
    /// Codes of second factors that were used.
    pub second: Used,
    /// Who asks how often.
    pub limits: Limits,
    /// What came of acts, for the pages after them.
    pub told: Tellings,
    /// Whether the connection is TLS.
    pub secure: bool,
    hosts: Vec<String>,
    /// Addresses of style and script.
    pub assets: [String; 2],
}

impl App {
    /// Asks the agent where waiting for files holds nobody else up.
    pub async fn ask<T: Send + 'static>(&self, work: impl FnOnce(&dyn Desk) -> Answer<T> + Send + 'static) -> Answer<T> {
        let desk = Arc::clone(&self.desk);
        tokio::task::spawn_blocking(move || work(desk.as_ref())).await.unwrap_or_else(|_| {
            let finding = model::Finding::error("page-broken");
            Err(Refusal { kind: Kind::Broken, findings: vec![finding] })
        })
    }
}

/// Largest form of an act.
const FORM_BYTES: usize = 64 << 10;

/// Largest form of an act with files: those that may be attached, and what stands around them.
pub const FILES_BYTES: usize = (32 << 20) + FORM_BYTES;

/// Nothing from anywhere else, no script but ours, no frame around us.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; form-action 'self'; \
                      frame-ancestors 'none'; base-uri 'none'";

/// All pages.
pub fn router(desk: Arc<dyn Desk>, settings: Settings) -> Router {
    let address = |name: &str, text: &str, kind: &str| format!("/assets/{name}-{}.{kind}", &accounts::kept(text)[..12]);
    let assets = [address("style", ui::page::STYLE, "css"), address("script", ui::page::SCRIPT, "js")];
    let (style, script) = (assets[0].clone(), assets[1].clone());
    let Settings { hosts, secure } = settings;
    let (sessions, brake, second, limits) = (Sessions::default(), Brake::default(), Used::default(), Limits::default());
    let app = Arc::new(App { desk, sessions, brake, second, limits, told: Tellings::default(), secure, hosts, assets });
    Router::new()
        .route("/", get(pages::home::page))
        .route("/login", get(pages::login::page).post(pages::login::enter))
        .route("/login/code", post(pages::login::code))
        .route("/welcome", get(pages::login::welcome).post(pages::login::choose))
        .route("/logout", post(pages::login::leave))
        .route("/lang", post(pages::login::speak))
        .route("/drafts/{book}/{form}/{period}", get(pages::draft::page))
        .route("/drafts/{book}/{form}/{period}/figure", get(pages::figure::page))
        .route("/drafts/{book}/{form}/{period}/lines", get(pages::lines::page))
        .route("/drafts/{book}/{form}/{period}/rules", get(pages::rules::page))
        .route("/drafts/{book}/{form}/{period}/explain", post(pages::rules::explain))
        .route("/drafts/{book}/{form}/{period}/step", post(pages::draft::step))
        .route("/drafts/{book}/{form}/{period}/export/{kind}", get(pages::draft::export))
        .route("/books/{book}/vouchers", get(pages::lines::voucher))
        .route("/log", get(pages::log::page))
        .merge(pages::account::routes())
        .merge(pages::deeds::routes())
        .merge(pages::month::routes())
        .merge(pages::portal::routes())
        .merge(pages::sheets::routes())
        .merge(pages::years::routes())
        .merge(pages::exam::routes())
        .merge(pages::mapping::routes())
        .route(&style, get(|| async { asset("text/css; charset=utf-8", ui::page::STYLE) }))
        .route(&script, get(|| async { asset("text/javascript; charset=utf-8", ui::page::SCRIPT) }))
        .merge(pages::signing::routes())
        .merge(pages::signoff::routes())
        .merge(pages::sending::routes())
        .merge(pages::letters::routes())
        .merge(pages::versions::routes())
        .fallback(pages::nothing)
        .method_not_allowed_fallback(pages::act_alone)
        .layer(DefaultBodyLimit::max(FORM_BYTES))
        .layer(middleware::from_fn_with_state(Arc::clone(&app), guard))
        .with_state(app)
}

/// Serves until the handle says otherwise. Plain where `tls` is none: the caller allows that on the loopback alone.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    tls: Option<Tls>,
    handle: axum_server::Handle<SocketAddr>,
) -> std::io::Result<()> {
    listener.set_nonblocking(true)?;
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    match tls {
        Some(Tls { config }) => {
            let config = axum_server::tls_rustls::RustlsConfig::from_config(config);
            axum_server::from_tcp_rustls(listener, config)?.handle(handle).serve(service).await
        }
        None => axum_server::from_tcp(listener)?.handle(handle).serve(service).await,
    }
}

fn asset(media: &'static str, text: &'static str) -> Response {
    ([(header::CONTENT_TYPE, media), (header::CACHE_CONTROL, "public, max-age=31536000, immutable")], text).into_response()
}

async fn guard(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let mut response = if let Some(refused) = refuses(&app, &request) {
        refused.into_response()
    } else if let Some(wait) = hurries(&app, &request) {
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
    if app.secure {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000"));
    }
    // Figures of a firm stay in no cache.
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

/// How long somebody must wait who asks too often.
fn hurries(app: &App, request: &Request) -> Option<Duration> {
    let (now, post) = (Instant::now(), request.method() == Method::POST);
    let known = signed::cookie(request.headers()).and_then(|cookie| app.sessions.knows(cookie, now));
    let address = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(address)| limits::name(address.ip()));
    let address = address.unwrap_or_default();
    let tries = post && ["/login", "/login/code", "/welcome"].contains(&request.uri().path());
    let take = |kind: &str, who: &str, rate| app.limits.take(format!("{kind} {who}"), rate, now);
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
fn refuses(app: &App, request: &Request) -> Option<StatusCode> {
    let text = |name| request.headers().get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let host = text(header::HOST).or_else(|| request.uri().authority().map(|authority| authority.as_str())).unwrap_or_default();
    if !app.hosts.iter().any(|known| known.eq_ignore_ascii_case(name(host))) {
        return Some(StatusCode::MISDIRECTED_REQUEST);
    }
    match *request.method() {
        Method::GET | Method::HEAD => None,
        Method::POST => {
            let scheme = if app.secure { "https" } else { "http" };
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
