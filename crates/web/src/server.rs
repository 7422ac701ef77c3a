/*! The server: what may ask, what every answer carries, and where pages are. */

use std::{
    net::{SocketAddr, TcpListener},
    sync::Arc,
};

use axum::{
    Router,
    extract::{DefaultBodyLimit, Request, State},
    http::{HeaderValue, Method, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{get, post},
};

use crate::{
    accounts::{self, Brake},
    desk::{Answer, Desk, Kind, Refusal},
    pages,
    sessions::Sessions,
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

/// Nothing from anywhere else, no script but ours, no frame around us.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; form-action 'self'; \
                      frame-ancestors 'none'; base-uri 'none'";

/// All pages.
pub fn router(desk: Arc<dyn Desk>, settings: Settings) -> Router {
    let address = |name: &str, text: &str, kind: &str| format!("/assets/{name}-{}.{kind}", &accounts::kept(text)[..12]);
    let assets = [address("style", ui::page::STYLE, "css"), address("script", ui::page::SCRIPT, "js")];
    let (style, script) = (assets[0].clone(), assets[1].clone());
    let Settings { hosts, secure } = settings;
    let app = Arc::new(App { desk, sessions: Sessions::default(), brake: Brake::default(), secure, hosts, assets });
    Router::new()
        .route("/", get(pages::home::page))
        .route("/login", get(pages::login::page).post(pages::login::enter))
        .route("/welcome", get(pages::login::welcome).post(pages::login::choose))
        .route("/logout", post(pages::login::leave))
        .route("/lang", post(pages::login::speak))
        .route("/drafts/{book}/{form}/{period}", get(pages::draft::page))
        .route("/drafts/{book}/{form}/{period}/figure", get(pages::figure::page))
        .route("/drafts/{book}/{form}/{period}/lines", get(pages::lines::page))
        .route("/drafts/{book}/{form}/{period}/rules", get(pages::rules::page))
        .route("/drafts/{book}/{form}/{period}/portal", get(pages::portal::page))
        .route("/drafts/{book}/{form}/{period}/explain", post(pages::rules::explain))
        .route("/drafts/{book}/{form}/{period}/step", post(pages::draft::step))
        .route("/drafts/{book}/{form}/{period}/export/{kind}", get(pages::draft::export))
        .route("/books/{book}/vouchers", get(pages::lines::voucher))
        .route("/log", get(pages::log::page))
        .merge(pages::mapping::routes())
        .route(&style, get(|| async { asset("text/css; charset=utf-8", ui::page::STYLE) }))
        .route(&script, get(|| async { asset("text/javascript; charset=utf-8", ui::page::SCRIPT) }))
        .fallback(pages::nothing)
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
    let service = router.into_make_service();
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
    let mut response =
        if let Some(refused) = refuses(&app, &request) { refused.into_response() } else { next.run(request).await };
    let headers = response.headers_mut();
    let fixed = [
        (header::CONTENT_SECURITY_POLICY, POLICY),
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
