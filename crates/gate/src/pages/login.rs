/*! Signing in: with a password, and the first time by an invitation. */

use std::{
    convert::Infallible,
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use axum::{
    Form,
    extract::{FromRequest, FromRequestParts, Query, Request, State},
    http::{HeaderMap, StatusCode, header, request::Parts},
    response::{Html, IntoResponse, Redirect, Response},
};
use maud::{Markup, html};
use serde::Deserialize;
use ui::{
    Lang, label,
    page::{self, Frame},
};

use super::part;
use crate::{
    accounts::{self, Account, SHORTEST},
    guard::Gate,
    house::{Answer, House, Person},
    sessions::Guest,
    signed::Visitor,
};

#[derive(Deserialize)]
pub struct Asked {
    #[serde(default)]
    next: String,
    #[serde(default)]
    over: String,
    #[serde(default)]
    lang: String,
}

#[derive(Deserialize)]
pub struct Coded {
    #[serde(default)]
    half: String,
    #[serde(default)]
    code: String,
    #[serde(default)]
    lang: String,
}

#[derive(Deserialize)]
pub struct Entered {
    #[serde(default)]
    person: String,
    #[serde(default)]
    password: String,
    #[serde(default)]
    next: String,
    #[serde(default)]
    lang: String,
}

#[derive(Deserialize)]
pub struct Invited {
    #[serde(default)]
    person: String,
    #[serde(default)]
    invitation: String,
    #[serde(default)]
    password: String,
    #[serde(default)]
    again: String,
    #[serde(default)]
    lang: String,
}

/// The language that a browser asks for first, of the two that there are; Chinese where it asks for neither.
pub struct Tongue(Lang);

impl<S: Sync> FromRequestParts<S> for Tongue {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Tongue, Infallible> {
        Ok(Tongue::of(&parts.headers))
    }
}

impl Tongue {
    fn of(headers: &HeaderMap) -> Tongue {
        let asked = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let lang = asked.split(',').find_map(|one| match one.trim().get(..2)? {
            "zh" => Some(Lang::Zh),
            "en" => Some(Lang::En),
            _ => None,
        });
        Tongue(lang.unwrap_or_default())
    }

    /// The language that was chosen on the page, or else the browser's.
    fn or(&self, chosen: &str) -> Lang {
        match chosen {
            "zh" => Lang::Zh,
            "en" => Lang::En,
            _ => self.0,
        }
    }
}

const fn code_of(lang: Lang) -> &'static str {
    match lang {
        Lang::Zh => "zh",
        Lang::En => "en",
    }
}

/// The language of the page, for what is sent from it.
fn kept_lang(lang: Lang) -> Markup {
    html! { input type="hidden" name="lang" value=(code_of(lang)); }
}

/// How long somebody must wait, and who can end it at once.
fn waits<H: House>(lang: Lang, wait: Duration) -> Option<String> {
    let minutes = wait.as_secs().div_ceil(60).to_string();
    Some(ui::text(lang, "label-page-login-waits", &[("minutes", minutes.as_str()), ("invite", H::INVITE)]))
}

/// What people read for a name, with the command that makes an invitation where it names one.
pub fn words<H: House>(lang: Lang, name: &str) -> String {
    ui::text(lang, &format!("label-{name}"), &[("invite", H::INVITE)])
}

fn notice(told: Option<&String>) -> Markup {
    html! { @if let Some(told) = told { div.note.error role="alert" { p { (told) } } } }
}

pub async fn bare<H: House>(app: &Gate<H>, lang: Lang, status: StatusCode, name: &str, body: &Markup) -> Response {
    let owner = app.ask(|house| house.owner()).await.unwrap_or_default();
    let assets = [app.assets[0].as_str(), app.assets[1].as_str()];
    let title = label(lang, name);
    let frame = Frame { lang, title: &title, owner: &owner, assets, nav: &[], person: None, crumbs: &[] };
    (status, Html(page::page(&frame, body))).into_response()
}

/// Only a page of ours, so that signing in leads nowhere else.
fn inside(next: &str) -> &str {
    let plain = next.starts_with('/') && !next.starts_with("//") && !next.contains(['\\', '\r', '\n']);
    if plain { next } else { "/" }
}

pub async fn page<H: House>(State(app): State<Arc<Gate<H>>>, tongue: Tongue, Query(asked): Query<Asked>) -> Response {
    let lang = tongue.or(&asked.lang);
    let over = Some(label(lang, "page-login-over")).filter(|_| !asked.over.is_empty());
    sheet(&app, lang, StatusCode::OK, "", inside(&asked.next), over).await
}

async fn sheet<H: House>(
    app: &Gate<H>,
    lang: Lang,
    status: StatusCode,
    person: &str,
    next: &str,
    told: Option<String>,
) -> Response {
    let other = if lang == Lang::Zh { Lang::En } else { Lang::Zh };
    let body = html! {
        div.card.login {
            (notice(told.as_ref()))
            form method="post" action="/login" {
                input type="hidden" name="next" value=(next);
                (kept_lang(lang))
                label for="person" { (label(lang, "page-person")) }
                input id="person" name="person" value=(person) autocomplete="username" required autofocus;
                label for="password" { (label(lang, "page-password")) }
                input id="password" name="password" type="password" autocomplete="current-password" required;
                div.row { button { (label(lang, "page-login")) } }
            }
            p.dim { (words::<H>(lang, "page-login-help")) }
            p { a href=(format!("/login?lang={}&next={}", code_of(other), part(next))) lang=(code_of(other)) { (label(lang, "page-other-language")) } }
        }
    };
    bare(app, lang, status, "page-login", &body).await
}

/// The person of an id, with what is kept of the account.
async fn known<H: House>(app: &Gate<H>, id: &str) -> Answer<Option<(Person<H::Standing>, Account)>> {
    let id = id.trim().to_owned();
    app.ask(move |house| {
        let Some(person) = house.person(&id)? else { return Ok(None) };
        Ok(Some((person, house.account(&id)?.unwrap_or_default())))
    })
    .await
}

/// A form of somebody who is not signed in, where it came from, and which language that asks for.
async fn stranger<T: serde::de::DeserializeOwned>(request: Request) -> Result<(Visitor, Tongue, T), Response> {
    let (parts, body) = request.into_parts();
    let (visitor, tongue) = (Visitor::of(&parts), Tongue::of(&parts.headers));
    let form = Form::<T>::from_request(Request::from_parts(parts, body), &()).await;
    form.map(|Form(form)| (visitor, tongue, form)).map_err(IntoResponse::into_response)
}

pub async fn enter<H: House>(State(app): State<Arc<Gate<H>>>, request: Request) -> Response {
    let (visitor, tongue, entered) = match stranger::<Entered>(request).await {
        Ok(given) => given,
        Err(refused) => return refused,
    };
    let lang = tongue.or(&entered.lang);
    let (id, next) = (entered.person.trim().to_owned(), inside(&entered.next).to_owned());
    if let Some(wait) = app.brake.waits(&id, Instant::now()) {
        return sheet(&app, lang, StatusCode::TOO_MANY_REQUESTS, &id, &next, waits::<H>(lang, wait)).await;
    }
    let Ok(found) = known(&app, &id).await else {
        return sheet(&app, lang, StatusCode::SERVICE_UNAVAILABLE, &id, &next, Some(label(lang, "page-unreachable"))).await;
    };
    let (person, account) = found.map_or((None, Account::default()), |(person, account)| (Some(person), account));
    let (password, phc) = (entered.password, account.password);
    let right = tokio::task::spawn_blocking(move || accounts::verify(&password, phc.as_deref())).await.unwrap_or(false);
    match person {
        Some(person) if right => {
            let guest = guest(person, visitor, next);
            if account.second.is_some() {
                // The wait for guesses goes on until the second factor has come too.
                return match app.sessions.half(guest, Instant::now()) {
                    Some(half) => asks(&app, lang, StatusCode::OK, &half, None).await,
                    None => StatusCode::SERVICE_UNAVAILABLE.into_response(),
                };
            }
            app.brake.passed(&id);
            begin(&app, &guest, lang)
        }
        _ => {
            app.brake.failed(&id, Instant::now());
            sheet(&app, lang, StatusCode::UNAUTHORIZED, &id, &next, Some(label(lang, "page-login-wrong"))).await
        }
    }
}

/// The page for the second factor.
async fn asks<H: House>(app: &Gate<H>, lang: Lang, status: StatusCode, half: &str, told: Option<String>) -> Response {
    let body = html! {
        div.card.login {
            (notice(told.as_ref()))
            form method="post" action="/login/code" {
                input type="hidden" name="half" value=(half);
                (kept_lang(lang))
                label for="code" { (label(lang, "page-code")) }
                input id="code" name="code" inputmode="numeric" autocomplete="one-time-code" maxlength="12" required autofocus;
                div.row { button { (label(lang, "page-login")) } }
            }
            p.dim { (words::<H>(lang, "page-second-lost")) }
        }
    };
    bare(app, lang, status, "page-second", &body).await
}

pub async fn code<H: House>(State(app): State<Arc<Gate<H>>>, tongue: Tongue, Form(coded): Form<Coded>) -> Response {
    let lang = tongue.or(&coded.lang);
    let now = Instant::now();
    let Some(guest) = app.sessions.owes(&coded.half, now) else {
        return sheet(&app, lang, StatusCode::UNAUTHORIZED, "", "/", Some(label(lang, "page-login-late"))).await;
    };
    if let Some(wait) = app.brake.waits(&guest.person, now) {
        return asks(&app, lang, StatusCode::TOO_MANY_REQUESTS, &coded.half, waits::<H>(lang, wait)).await;
    }
    let Ok(found) = known(&app, &guest.person).await else {
        return asks(&app, lang, StatusCode::SERVICE_UNAVAILABLE, &coded.half, Some(label(lang, "page-unreachable"))).await;
    };
    let secret = found.and_then(|(_, account)| account.second);
    if secret.is_some_and(|secret| app.second.fits(&guest.person, &secret, &coded.code, SystemTime::now())) {
        app.brake.passed(&guest.person);
        app.sessions.paid(&coded.half);
        return begin(&app, &guest, lang);
    }
    app.brake.failed(&guest.person, now);
    asks(&app, lang, StatusCode::UNAUTHORIZED, &coded.half, Some(label(lang, "page-code-wrong"))).await
}

fn guest<S>(person: Person<S>, visitor: Visitor, next: String) -> Guest {
    let Visitor { address, browser } = visitor;
    Guest { person: person.id, name: person.name, address, browser, next }
}

fn begin<H: House>(app: &Gate<H>, guest: &Guest, lang: Lang) -> Response {
    let Some(cookie) = app.sessions.begin(guest, lang, Instant::now()) else {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    };
    // Lax, so that a link in a letter of a colleague opens the page; acts carry a token besides.
    let secure = if app.secure { "; Secure" } else { "" };
    let cookie = format!("{}={cookie}; Path=/; HttpOnly; SameSite=Lax{secure}", H::COOKIE);
    ([(header::SET_COOKIE, cookie)], Redirect::to(&guest.next)).into_response()
}

pub async fn welcome<H: House>(State(app): State<Arc<Gate<H>>>, tongue: Tongue, Query(invited): Query<Invited>) -> Response {
    invitation(&app, tongue.or(&invited.lang), StatusCode::OK, &invited, None).await
}

async fn invitation<H: House>(app: &Gate<H>, lang: Lang, status: StatusCode, invited: &Invited, told: Option<&str>) -> Response {
    let body = html! {
        div.card.login {
            (notice(told.map(|name| words::<H>(lang, name)).as_ref()))
            form method="post" action="/welcome" {
                input type="hidden" name="invitation" value=(invited.invitation);
                (kept_lang(lang))
                label for="person" { (label(lang, "page-person")) }
                input id="person" name="person" value=(invited.person) autocomplete="username" readonly;
                label for="password" { (label(lang, "page-password-new")) }
                input id="password" name="password" type="password" autocomplete="new-password" minlength=(SHORTEST) required autofocus;
                label for="again" { (label(lang, "page-password-again")) }
                input id="again" name="again" type="password" autocomplete="new-password" minlength=(SHORTEST) required;
                p.dim { (label(lang, "page-password-help")) }
                div.row { button { (label(lang, "page-password-set")) } }
            }
        }
    };
    bare(app, lang, status, "page-welcome", &body).await
}

pub async fn choose<H: House>(State(app): State<Arc<Gate<H>>>, request: Request) -> Response {
    let (visitor, tongue, invited) = match stranger::<Invited>(request).await {
        Ok(given) => given,
        Err(refused) => return refused,
    };
    let lang = tongue.or(&invited.lang);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |now| now.as_secs());
    let now = i64::try_from(now).unwrap_or(i64::MAX);
    let Ok(found) = known(&app, &invited.person).await else {
        return invitation(&app, lang, StatusCode::SERVICE_UNAVAILABLE, &invited, Some("page-unreachable")).await;
    };
    let holds = |account: &Account| account.invitation == Some(accounts::kept(&invited.invitation)) && now < account.until;
    let Some((person, _)) = found.filter(|(_, account)| holds(account)) else {
        return invitation(&app, lang, StatusCode::FORBIDDEN, &invited, Some("page-invitation-wrong")).await;
    };
    if invited.password != invited.again {
        return invitation(&app, lang, StatusCode::UNPROCESSABLE_ENTITY, &invited, Some("page-password-differs")).await;
    }
    if !accounts::fit(&invited.password) {
        return invitation(&app, lang, StatusCode::UNPROCESSABLE_ENTITY, &invited, Some("page-password-unfit")).await;
    }
    let (id, password) = (person.id.clone(), invited.password.clone());
    let kept = app.ask(move |house| {
        // Whoever was invited anew has lost what opened the account before: the second factor is over too.
        let account = Account { password: accounts::hash(&password), ..Account::default() };
        house.put_account(&id, &id, &account)
    });
    if kept.await.is_err() {
        return invitation(&app, lang, StatusCode::SERVICE_UNAVAILABLE, &invited, Some("page-unreachable")).await;
    }
    app.brake.passed(&person.id);
    app.sessions.end_all(&person.id);
    app.second.forget(&person.id);
    begin(&app, &guest(person, visitor, "/".to_owned()), lang)
}

pub async fn leave<H: House>(State(app): State<Arc<Gate<H>>>, request: Request) -> Response {
    match app.posted(request).await {
        Ok(act) => {
            app.sessions.end(&act.session.id);
            Redirect::to("/login").into_response()
        }
        Err(refused) => refused,
    }
}

pub async fn speak<H: House>(State(app): State<Arc<Gate<H>>>, request: Request) -> Response {
    match app.posted(request).await {
        Ok(act) => {
            app.sessions.speak(&act.session.id, if act.text("lang") == "en" { Lang::En } else { Lang::Zh });
            Redirect::to("/").into_response()
        }
        Err(refused) => refused,
    }
}
