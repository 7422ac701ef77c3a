/*! One's own account: another password, a second factor, where one is signed in. */

use std::{
    sync::Arc,
    time::{Instant, SystemTime},
};

use axum::{
    Router,
    extract::{Request, State},
    http::{HeaderMap, StatusCode, Uri},
    response::{IntoResponse, Redirect, Response},
    routing::{get, post},
};
use maud::{Markup, html};
use model::Finding;
use qrcode::{Color, EcLevel, QrCode};
use ui::{Lang, label, page};

use super::{Leaf, findings, login::words};
use crate::{
    accounts::{self, Account, SHORTEST},
    guard::Gate,
    house::{House, Refusal},
    second,
    sessions::Session,
    signed::Posted,
};

const HERE: &str = "/account";

/// The page and its acts.
pub fn routes<H: House>() -> Router<Arc<Gate<H>>> {
    Router::new()
        .route(HERE, get(page::<H>))
        .route("/account/password", post(password::<H>))
        .route("/account/second", post(begin::<H>))
        .route("/account/second/code", post(confirm::<H>))
        .route("/account/second/end", post(end::<H>))
        .route("/account/sessions", post(sign_out::<H>))
}

/// Whoever looks at the own account.
struct Own<'a, H: House> {
    gate: &'a Gate<H>,
    session: &'a Session,
    standing: &'a H::Standing,
}

impl<'a, H: House> Own<'a, H> {
    fn of(gate: &'a Gate<H>, act: &'a Posted<H::Standing>) -> Own<'a, H> {
        Own { gate, session: &act.session, standing: &act.standing }
    }

    fn leaf(&self) -> Leaf<'a, H> {
        let (gate, session, standing) = (self.gate, self.session, self.standing);
        Leaf { gate, session, standing, title: label(session.lang, "page-account"), crumbs: Vec::new(), here: HERE }
    }
}

async fn page<H: House>(State(app): State<Arc<Gate<H>>>, headers: HeaderMap, uri: Uri) -> Response {
    match app.signed(&headers, &uri).await {
        Ok((session, standing)) => sheet(&Own { gate: &app, session: &session, standing: &standing }, StatusCode::OK, &[]).await,
        Err(refused) => refused,
    }
}

async fn sheet<H: House>(own: &Own<'_, H>, status: StatusCode, told: &[Finding]) -> Response {
    let (app, session) = (own.gate, own.session);
    let (lang, id) = (session.lang, session.person.clone());
    let account = match app.ask(move |house| house.account(&id)).await {
        Ok(account) => account.unwrap_or_default(),
        Err(refusal) => return own.leaf().refused(&refusal).await,
    };
    let owner = app.ask(|house| house.owner()).await.unwrap_or_default();
    let body = html! {
        (findings(lang, told))
        (change(session))
        (factor::<H>(session, &account, &owner))
        (places(session, &app.sessions.of(&session.person, Instant::now())))
    };
    own.leaf().with(status, body).await
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

fn factor<H: House>(session: &Session, account: &Account, unit: &str) -> Markup {
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
                p.dim { (words::<H>(lang, "page-second-lost")) }
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
async fn told<H: House>(own: &Own<'_, H>, finding: Finding) -> Response {
    sheet(own, StatusCode::UNPROCESSABLE_ENTITY, &[finding]).await
}

/// That somebody guessed too often.
fn waits<H: House>(own: &Own<'_, H>) -> Option<Finding> {
    let wait = own.gate.brake.waits(&own.session.person, Instant::now())?;
    Some(Finding::error("account-waits").with("minutes", wait.as_secs().div_ceil(60)))
}

/// The account as it is kept.
async fn known<H: House>(own: &Own<'_, H>) -> Result<Account, Response> {
    let id = own.session.person.clone();
    match own.gate.ask(move |house| house.account(&id)).await {
        Ok(account) => Ok(account.unwrap_or_default()),
        Err(refusal) => Err(own.leaf().refused(&refusal).await),
    }
}

/// The account, where the password is the person's; guesses count as those of signing in do.
async fn proved<H: House>(own: &Own<'_, H>, password: &str) -> Result<Account, Response> {
    let now = Instant::now();
    if let Some(finding) = waits(own) {
        return Err(told(own, finding).await);
    }
    let account = known(own).await?;
    let (password, phc) = (password.to_owned(), account.password.clone());
    if tokio::task::spawn_blocking(move || accounts::verify(&password, phc.as_deref())).await.unwrap_or(false) {
        own.gate.brake.passed(&own.session.person);
        return Ok(account);
    }
    own.gate.brake.failed(&own.session.person, now);
    Err(told(own, Finding::error("password-wrong")).await)
}

async fn kept<H: House>(own: &Own<'_, H>, account: Account) -> Result<(), Response> {
    let id = own.session.person.clone();
    match own.gate.ask(move |house| house.put_account(&id, &id, &account)).await {
        Ok(()) => Ok(()),
        Err(refusal) => Err(own.leaf().refused(&refusal).await),
    }
}

/// An act of somebody on the own account.
macro_rules! act {
    ($name:ident, $done:ident) => {
        async fn $name<H: House>(State(app): State<Arc<Gate<H>>>, request: Request) -> Response {
            match app.posted(request).await {
                Ok(act) => $done(&Own::of(&app, &act), &act).await.unwrap_or_else(|response| response),
                Err(refused) => refused,
            }
        }
    };
}

act!(password, change_password);
act!(begin, show_secret);
act!(confirm, begin_second);
act!(end, end_second);
act!(sign_out, end_sessions);

/// What an act answers: `Err` where it is cut short.
type Done = Result<Response, Response>;

async fn change_password<H: House>(own: &Own<'_, H>, act: &Posted<H::Standing>) -> Done {
    let account = proved(own, act.text("old")).await?;
    let new = act.text("password").to_owned();
    if new != act.text("again") {
        return Err(told(own, Finding::error("password-differs")).await);
    }
    if !accounts::fit(&new) {
        return Err(told(own, Finding::error("password-unfit")).await);
    }
    let Ok(Some(hash)) = tokio::task::spawn_blocking(move || accounts::hash(&new)).await else {
        return Err(own.leaf().refused(&Refusal::broken()).await);
    };
    kept(own, Account { password: Some(hash), ..account }).await?;
    own.gate.sessions.end_others(&own.session.person, &own.session.id);
    Ok(sheet(own, StatusCode::OK, &[Finding::note("password-changed")]).await)
}

fn back() -> Response {
    Redirect::to("/account#second").into_response()
}

/// Shows a secret; nothing is asked for at signing in before the authenticator has answered.
async fn show_secret<H: House>(own: &Own<'_, H>, act: &Posted<H::Standing>) -> Done {
    if proved(own, act.text("password")).await?.second.is_none() {
        own.gate.sessions.pend(&own.session.id, second::secret());
    }
    Ok(back())
}

async fn begin_second<H: House>(own: &Own<'_, H>, act: &Posted<H::Standing>) -> Done {
    let (app, session) = (own.gate, own.session);
    let Some(secret) = session.pending.clone() else { return Ok(back()) };
    app.second.forget(&session.person);
    if !app.second.fits(&session.person, &secret, act.text("code"), SystemTime::now()) {
        return Err(told(own, Finding::error("second-wrong")).await);
    }
    let account = known(own).await?;
    kept(own, Account { second: Some(secret), ..account }).await?;
    app.sessions.pend(&session.id, None);
    app.sessions.end_others(&session.person, &session.id);
    Ok(back())
}

async fn end_second<H: House>(own: &Own<'_, H>, act: &Posted<H::Standing>) -> Done {
    let (app, session, now) = (own.gate, own.session, Instant::now());
    if let Some(finding) = waits(own) {
        return Err(told(own, finding).await);
    }
    let account = known(own).await?;
    let opens = |secret: &String| app.second.fits(&session.person, secret, act.text("code"), SystemTime::now());
    if !account.second.as_ref().is_none_or(opens) {
        app.brake.failed(&session.person, now);
        return Err(told(own, Finding::error("second-wrong")).await);
    }
    app.brake.passed(&session.person);
    kept(own, Account { second: None, ..account }).await?;
    Ok(back())
}

async fn end_sessions<H: House>(own: &Own<'_, H>, act: &Posted<H::Standing>) -> Done {
    match act.text("id") {
        "" => own.gate.sessions.end_others(&own.session.person, &own.session.id),
        id => own.gate.sessions.end_own(&own.session.person, id),
    }
    Ok(Redirect::to("/account#sessions").into_response())
}
