/*! One's own account: another password, a second factor, where one is signed in. */

use std::{
    sync::Arc,
    time::{Instant, SystemTime},
};

use axum::{
    Router,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
    routing::{get, post},
};
use maud::{Markup, html};
use model::Finding;
use qrcode::{Color, EcLevel, QrCode};
use ui::{Lang, label, page};

use super::{Leaf, findings, refused};
use crate::{
    accounts::{self, SHORTEST},
    desk::{Account, Kind, Refusal},
    second,
    server::App,
    sessions::Session,
    signed::{Act, Anyone, OwnAct},
};

const HERE: &str = "/account";

/// The page and its acts.
pub fn routes() -> Router<Arc<App>> {
    Router::new()
        .route(HERE, get(page))
        .route("/account/password", post(password))
        .route("/account/second", post(begin))
        .route("/account/second/code", post(confirm))
        .route("/account/second/end", post(end))
        .route("/account/sessions", post(sign_out))
}

async fn page(State(app): State<Arc<App>>, Anyone(session): Anyone) -> Response {
    sheet(&app, &session, StatusCode::OK, &[]).await
}

async fn sheet(app: &App, session: &Session, status: StatusCode, told: &[Finding]) -> Response {
    let (lang, id) = (session.lang, session.person.clone());
    let account = match app.ask(move |desk| desk.account(&id)).await {
        Ok(account) => account.unwrap_or_default(),
        Err(refusal) => return refused(app, session, refusal).await,
    };
    let unit = app.ask(|desk| desk.unit()).await.unwrap_or_default();
    let body = html! {
        (findings(lang, told))
        (change(session))
        (factor(session, &account, &unit))
        (places(session, &app.sessions.of(&session.person, Instant::now())))
    };
    Leaf { app, session, title: label(lang, "page-account"), crumbs: Vec::new(), here: HERE }.with(status, body).await
}

fn token(session: &Session) -> Markup {
    html! { input type="hidden" name="token" value=(session.token); }
}

fn change(session: &Session) -> Markup {
    let lang = session.lang;
    let field = |id: &str, name: &str, complete: &str, least: usize| {
        html! {
            label for=(id) { (name) }
            input id=(id) name=(id) type="password" autocomplete=(complete) minlength=[(least > 0).then_some(least)] required;
        }
    };
    html! {
        h2 { (label(lang, "page-password-change")) }
        form.card method="post" action="/account/password" {
            (token(session))
            input type="hidden" name="username" value=(session.person) autocomplete="username";
            (field("old", &label(lang, "page-password-old"), "current-password", 0))
            (field("password", &label(lang, "page-password-new"), "new-password", SHORTEST))
            (field("again", &label(lang, "page-password-again"), "new-password", SHORTEST))
            p.dim { (label(lang, "page-password-help")) " " (label(lang, "page-password-others")) }
            div.row { button { (label(lang, "page-password-change")) } }
        }
    }
}

fn factor(session: &Session, account: &Account, unit: &str) -> Markup {
    let lang = session.lang;
    let code = || {
        html! {
            label for="code" { (label(lang, "page-code")) }
            input id="code" name="code" inputmode="numeric" autocomplete="one-time-code" maxlength="12" size="10" required;
        }
    };
    html! {
        h2 id="second" { (label(lang, "page-second")) }
        div.card {
            p { (label(lang, "page-second-why")) }
            @if account.second.is_some() {
                p { (page::badge(page::Tone::Good, &label(lang, "page-second-on"))) }
                form method="post" action="/account/second/end" {
                    (token(session))
                    (code())
                    div.row { button.plain { (label(lang, "page-second-end")) } }
                }
                p.dim { (label(lang, "page-second-lost")) }
            } @else if let Some(secret) = &session.pending {
                ol {
                    li { (label(lang, "page-second-scan")) (square(lang, &second::address(unit, &session.person, secret))) }
                    li { (label(lang, "page-second-type")) " " span.digest id="secret" { (secret) } }
                    li {
                        (label(lang, "page-second-answer"))
                        form method="post" action="/account/second/code" { (token(session)) (code()) div.row { button { (label(lang, "page-second-begin")) } } }
                    }
                }
            } @else {
                form method="post" action="/account/second" {
                    (token(session))
                    label for="second-password" { (label(lang, "page-password")) }
                    input id="second-password" name="password" type="password" autocomplete="current-password" required;
                    div.row { button.plain { (label(lang, "page-second-set-up")) } }
                }
            }
        }
    }
}

/// A QR code: dark on light in both colour schemes, because cameras want it so.
fn square(lang: Lang, text: &str) -> Markup {
    let Ok(code) = QrCode::with_error_correction_level(text, EcLevel::M) else { return html! {} };
    let (width, margin) = (code.width(), 4);
    let mut path = String::new();
    for (at, _) in code.to_colors().iter().enumerate().filter(|(_, color)| **color == Color::Dark) {
        path.push_str(&format!("M{} {}h1v1h-1z", at % width + margin, at / width + margin));
    }
    let side = width + 2 * margin;
    html! {
        svg.qr xmlns="http://www.w3.org/2000/svg" viewBox=(format!("0 0 {side} {side}")) role="img" aria-label=(label(lang, "page-second-qr")) {
            rect.light width=(side) height=(side) {}
            path.dark d=(path) {}
        }
    }
}

fn places(session: &Session, own: &[Session]) -> Markup {
    let (lang, now) = (session.lang, Instant::now());
    let ago = |minutes: u64| ui::text(lang, "label-page-minutes-ago", &[("minutes", minutes.to_string())]);
    html! {
        h2 id="sessions" { (label(lang, "page-sessions")) }
        div.scroll { table {
            thead { tr { @for name in ["page-session-begun", "page-session-seen", "page-session-address", "page-session-browser", "page-session-end"] { th scope="col" { (label(lang, name)) } } } }
            tbody { @for one in own {
                @let [begun, seen] = one.minutes(now);
                tr {
                    td { (ago(begun)) } td { (ago(seen)) } td { (one.address) } td { span title=(one.browser) { (browser(lang, &one.browser)) } }
                    td {
                        @if one.id == session.id { (page::badge(page::Tone::Good, &label(lang, "page-session-here"))) }
                        @else { (page::button("/account/sessions", &session.token, &label(lang, "page-session-end"), true, &[("id", &one.id)])) }
                    }
                }
            } }
        } }
        @if own.len() > 1 {
            div.row { (page::button("/account/sessions", &session.token, &label(lang, "page-sessions-end"), true, &[("id", "")])) }
        }
        p.dim { (label(lang, "page-sessions-help")) }
    }
}

/// A browser as people know it: its name and its system. The rest of what it says of itself is there to be looked at.
fn browser(lang: Lang, said: &str) -> String {
    // Most say that they are others, too: the most particular name is theirs.
    const NAMES: [(&str, &str); 9] = [
        ("MicroMessenger/", "WeChat"),
        ("QQBrowser/", "QQ"),
        ("HeadlessChrome/", "Chrome"),
        ("Edg/", "Edge"),
        ("OPR/", "Opera"),
        ("Firefox/", "Firefox"),
        ("Chrome/", "Chrome"),
        ("Safari/", "Safari"),
        ("curl/", "curl"),
    ];
    const SYSTEMS: [(&str, &str); 6] = [
        ("Windows", "Windows"),
        ("Android", "Android"),
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("Mac OS", "macOS"),
        ("Linux", "Linux"),
    ];
    let known = |names: &[(&str, &'static str)]| names.iter().find(|(mark, _)| said.contains(mark)).map(|(_, name)| *name);
    match (known(&NAMES), known(&SYSTEMS)) {
        (Some(name), Some(system)) => format!("{name} · {system}"),
        (Some(name), None) | (None, Some(name)) => name.to_owned(),
        (None, None) => label(lang, "page-browser-other"),
    }
}

/// A refusal of an act on the account, on its page.
async fn told(app: &App, session: &Session, finding: Finding) -> Response {
    sheet(app, session, StatusCode::UNPROCESSABLE_ENTITY, &[finding]).await
}

/// That somebody guessed too often.
fn waits(app: &App, session: &Session) -> Option<Finding> {
    let wait = app.brake.waits(&session.person, Instant::now())?;
    Some(Finding::error("account-waits").with("minutes", wait.as_secs().div_ceil(60)))
}

/// The account, where the password is the person's; guesses count as those of signing in do.
async fn proved(app: &App, session: &Session, password: &str) -> Result<Account, Response> {
    let (now, id) = (Instant::now(), session.person.clone());
    if let Some(finding) = waits(app, session) {
        return Err(told(app, session, finding).await);
    }
    let account = match app.ask(move |desk| desk.account(&id)).await {
        Ok(account) => account.unwrap_or_default(),
        Err(refusal) => return Err(refused(app, session, refusal).await),
    };
    let (password, phc) = (password.to_owned(), account.password.clone());
    if tokio::task::spawn_blocking(move || accounts::verify(&password, phc.as_deref())).await.unwrap_or(false) {
        app.brake.passed(&session.person);
        return Ok(account);
    }
    app.brake.failed(&session.person, now);
    Err(told(app, session, Finding::error("password-wrong")).await)
}

async fn kept(app: &App, session: &Session, account: Account) -> Result<(), Response> {
    let id = session.person.clone();
    match app.ask(move |desk| desk.put_account(&id, &id, &account)).await {
        Ok(()) => Ok(()),
        Err(refusal) => Err(refused(app, session, refusal).await),
    }
}

async fn password(State(app): State<Arc<App>>, OwnAct(act): OwnAct) -> Response {
    let session = &act.session;
    let account = match proved(&app, session, act.text("old")).await {
        Ok(account) => account,
        Err(response) => return response,
    };
    let new = act.text("password").to_owned();
    if new != act.text("again") {
        return told(&app, session, Finding::error("password-differs")).await;
    }
    if !accounts::fit(&new) {
        return told(&app, session, Finding::error("password-unfit")).await;
    }
    let Ok(Some(hash)) = tokio::task::spawn_blocking(move || accounts::hash(&new)).await else {
        let refusal = Refusal { kind: Kind::Broken, findings: vec![Finding::error("page-broken")] };
        return refused(&app, session, refusal).await;
    };
    if let Err(response) = kept(&app, session, Account { password: Some(hash), ..account }).await {
        return response;
    }
    app.sessions.end_others(&session.person, &session.id);
    sheet(&app, session, StatusCode::OK, &[Finding::note("password-changed")]).await
}

/// Shows a secret; nothing is asked for at signing in before the authenticator has answered.
async fn begin(State(app): State<Arc<App>>, OwnAct(act): OwnAct) -> Response {
    match proved(&app, &act.session, act.text("password")).await {
        Ok(account) if account.second.is_none() => app.sessions.pend(&act.session.id, second::secret()),
        Ok(_) => {}
        Err(response) => return response,
    }
    Redirect::to("/account#second").into_response()
}

async fn confirm(State(app): State<Arc<App>>, OwnAct(act): OwnAct) -> Response {
    let session = &act.session;
    let Some(secret) = session.pending.clone() else { return Redirect::to("/account#second").into_response() };
    app.second.forget(&session.person);
    if !app.second.fits(&session.person, &secret, act.text("code"), SystemTime::now()) {
        return told(&app, session, Finding::error("second-wrong")).await;
    }
    let id = session.person.clone();
    let account = match app.ask(move |desk| desk.account(&id)).await {
        Ok(account) => account.unwrap_or_default(),
        Err(refusal) => return refused(&app, session, refusal).await,
    };
    if let Err(response) = kept(&app, session, Account { second: Some(secret), ..account }).await {
        return response;
    }
    app.sessions.pend(&session.id, None);
    app.sessions.end_others(&session.person, &session.id);
    Redirect::to("/account#second").into_response()
}

async fn end(State(app): State<Arc<App>>, OwnAct(act): OwnAct) -> Response {
    let (session, now) = (&act.session, Instant::now());
    if let Some(finding) = waits(&app, session) {
        return told(&app, session, finding).await;
    }
    let id = session.person.clone();
    let account = match app.ask(move |desk| desk.account(&id)).await {
        Ok(account) => account.unwrap_or_default(),
        Err(refusal) => return refused(&app, session, refusal).await,
    };
    let fits = account
        .second
        .as_ref()
        .is_none_or(|secret| app.second.fits(&session.person, secret, act.text("code"), SystemTime::now()));
    if !fits {
        app.brake.failed(&session.person, now);
        return told(&app, session, Finding::error("second-wrong")).await;
    }
    app.brake.passed(&session.person);
    match kept(&app, session, Account { second: None, ..account }).await {
        Ok(()) => Redirect::to("/account#second").into_response(),
        Err(response) => response,
    }
}

async fn sign_out(State(app): State<Arc<App>>, OwnAct(act): OwnAct) -> Response {
    let Act { session, .. } = &act;
    match act.text("id") {
        "" => app.sessions.end_others(&session.person, &session.id),
        id => app.sessions.end_own(&session.person, id),
    }
    Redirect::to("/account#sessions").into_response()
}
