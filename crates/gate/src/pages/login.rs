/*! Signing in: with a password, and the first time by an invitation. */

use std::{
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use axum::{
    Form,
    extract::{FromRequest, Query, Request, State},
    http::{StatusCode, header},
    response::{Html, IntoResponse, Redirect, Response},
};
use maud::{Markup, html};
use serde::Deserialize;
use ui::{
    Lang, label,
    page::{self, Frame},
};

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
}

#[derive(Deserialize)]
pub struct Coded {
    #[serde(default)]
    half: String,
    #[serde(default)]
    code: String,
}

#[derive(Deserialize)]
pub struct Entered {
    #[serde(default)]
    person: String,
    #[serde(default)]
    password: String,
    #[serde(default)]
    next: String,
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
}

/// What is told above a form, in both languages.
type Told = [String; 2];

/// How long somebody must wait, and who can end it at once.
fn waits<H: House>(wait: Duration) -> Option<Told> {
    let minutes = wait.as_secs().div_ceil(60).to_string();
    let values = [("minutes", minutes.as_str()), ("invite", H::INVITE)];
    Some([Lang::Zh, Lang::En].map(|lang| ui::text(lang, "label-page-login-waits", &values)))
}

fn told<H: House>(name: &str) -> Option<Told> {
    Some([Lang::Zh, Lang::En].map(|lang| words::<H>(lang, name)))
}

/// What people read for a name, with the command that makes an invitation where it names one.
pub fn words<H: House>(lang: Lang, name: &str) -> String {
    ui::text(lang, &format!("label-{name}"), &[("invite", H::INVITE)])
}

fn notice(told: Option<&Told>) -> Markup {
    html! { @if let Some([zh, en]) = told { div.note.error role="alert" { p { (zh) " " small.dim { (en) } } } } }
}

/// Both languages: nobody has said which one yet.
fn both<H: House>(name: &str) -> Markup {
    html! { (words::<H>(Lang::Zh, name)) " " small.dim { (words::<H>(Lang::En, name)) } }
}

pub async fn bare<H: House>(app: &Gate<H>, status: StatusCode, name: &str, body: &Markup) -> Response {
    let owner = app.ask(|house| house.owner()).await.unwrap_or_default();
    let assets = [app.assets[0].as_str(), app.assets[1].as_str()];
    let title = label(Lang::Zh, name);
    let frame = Frame { lang: Lang::Zh, title: &title, owner: &owner, assets, nav: &[], person: None, crumbs: &[] };
    (status, Html(page::page(&frame, body))).into_response()
}

/// Only a page of ours, so that signing in leads nowhere else.
fn inside(next: &str) -> &str {
    let plain = next.starts_with('/') && !next.starts_with("//") && !next.contains(['\\', '\r', '\n']);
    if plain { next } else { "/" }
}

pub async fn page<H: House>(State(app): State<Arc<Gate<H>>>, Query(asked): Query<Asked>) -> Response {
    let over = told::<H>("page-login-over").filter(|_| !asked.over.is_empty());
    sheet(&app, StatusCode::OK, "", inside(&asked.next), over).await
}

async fn sheet<H: House>(app: &Gate<H>, status: StatusCode, person: &str, next: &str, told: Option<Told>) -> Response {
    let body = html! {
        div.card.login {
            (notice(told.as_ref()))
            form method="post" action="/login" {
                input type="hidden" name="next" value=(next);
                label for="person" { (both::<H>("page-person")) }
                input id="person" name="person" value=(person) autocomplete="username" required autofocus;
                label for="password" { (both::<H>("page-password")) }
                input id="password" name="password" type="password" autocomplete="current-password" required;
                div.row { button { (label(Lang::Zh, "page-login")) " " (label(Lang::En, "page-login")) } }
            }
            p.dim { (both::<H>("page-login-help")) }
        }
    };
    bare(app, status, "page-login", &body).await
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

/// A form of somebody who is not signed in, and where it came from.
async fn stranger<T: serde::de::DeserializeOwned>(request: Request) -> Result<(Visitor, T), Response> {
    let (parts, body) = request.into_parts();
    let visitor = Visitor::of(&parts);
    let form = Form::<T>::from_request(Request::from_parts(parts, body), &()).await;
    form.map(|Form(form)| (visitor, form)).map_err(IntoResponse::into_response)
}

pub async fn enter<H: House>(State(app): State<Arc<Gate<H>>>, request: Request) -> Response {
    let (visitor, entered) = match stranger::<Entered>(request).await {
        Ok(given) => given,
        Err(refused) => return refused,
    };
    let (id, next) = (entered.person.trim().to_owned(), inside(&entered.next).to_owned());
    if let Some(wait) = app.brake.waits(&id, Instant::now()) {
        return sheet(&app, StatusCode::TOO_MANY_REQUESTS, &id, &next, waits::<H>(wait)).await;
    }
    let Ok(found) = known(&app, &id).await else {
        return sheet(&app, StatusCode::SERVICE_UNAVAILABLE, &id, &next, told::<H>("page-unreachable")).await;
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
                    Some(half) => asks(&app, StatusCode::OK, &half, None).await,
                    None => StatusCode::SERVICE_UNAVAILABLE.into_response(),
                };
            }
            app.brake.passed(&id);
            begin(&app, &guest)
        }
        _ => {
            app.brake.failed(&id, Instant::now());
            sheet(&app, StatusCode::UNAUTHORIZED, &id, &next, told::<H>("page-login-wrong")).await
        }
    }
}

/// The page for the second factor.
async fn asks<H: House>(app: &Gate<H>, status: StatusCode, half: &str, told: Option<Told>) -> Response {
    let body = html! {
        div.card.login {
            (notice(told.as_ref()))
            form method="post" action="/login/code" {
                input type="hidden" name="half" value=(half);
                label for="code" { (both::<H>("page-code")) }
                input id="code" name="code" inputmode="numeric" autocomplete="one-time-code" maxlength="12" required autofocus;
                div.row { button { (label(Lang::Zh, "page-login")) " " (label(Lang::En, "page-login")) } }
            }
            p.dim { (both::<H>("page-second-lost")) }
        }
    };
    bare(app, status, "page-second", &body).await
}

pub async fn code<H: House>(State(app): State<Arc<Gate<H>>>, Form(coded): Form<Coded>) -> Response {
    let now = Instant::now();
    let Some(guest) = app.sessions.owes(&coded.half, now) else {
        return sheet(&app, StatusCode::UNAUTHORIZED, "", "/", told::<H>("page-login-late")).await;
    };
    if let Some(wait) = app.brake.waits(&guest.person, now) {
        return asks(&app, StatusCode::TOO_MANY_REQUESTS, &coded.half, waits::<H>(wait)).await;
    }
    let Ok(found) = known(&app, &guest.person).await else {
        return asks(&app, StatusCode::SERVICE_UNAVAILABLE, &coded.half, told::<H>("page-unreachable")).await;
    };
    let secret = found.and_then(|(_, account)| account.second);
    if secret.is_some_and(|secret| app.second.fits(&guest.person, &secret, &coded.code, SystemTime::now())) {
        app.brake.passed(&guest.person);
        app.sessions.paid(&coded.half);
        return begin(&app, &guest);
    }
    app.brake.failed(&guest.person, now);
    asks(&app, StatusCode::UNAUTHORIZED, &coded.half, told::<H>("page-code-wrong")).await
}

fn guest<S>(person: Person<S>, visitor: Visitor, next: String) -> Guest {
    let Visitor { address, browser } = visitor;
    Guest { person: person.id, name: person.name, address, browser, next }
}

fn begin<H: House>(app: &Gate<H>, guest: &Guest) -> Response {
    let Some(cookie) = app.sessions.begin(guest, Lang::Zh, Instant::now()) else {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    };
    // Lax, so that a link in a letter of a colleague opens the page; acts carry a token besides.
    let secure = if app.secure { "; Secure" } else { "" };
    let cookie = format!("{}={cookie}; Path=/; HttpOnly; SameSite=Lax{secure}", H::COOKIE);
    ([(header::SET_COOKIE, cookie)], Redirect::to(&guest.next)).into_response()
}

pub async fn welcome<H: House>(State(app): State<Arc<Gate<H>>>, Query(invited): Query<Invited>) -> Response {
    invitation(&app, StatusCode::OK, &invited, None).await
}

async fn invitation<H: House>(app: &Gate<H>, status: StatusCode, invited: &Invited, told: Option<&str>) -> Response {
    let body = html! {
        div.card.login {
            (notice(told.and_then(self::told::<H>).as_ref()))
            form method="post" action="/welcome" {
                input type="hidden" name="invitation" value=(invited.invitation);
                label for="person" { (both::<H>("page-person")) }
                input id="person" name="person" value=(invited.person) autocomplete="username" readonly;
                label for="password" { (both::<H>("page-password-new")) }
                input id="password" name="password" type="password" autocomplete="new-password" minlength=(SHORTEST) required autofocus;
                label for="again" { (both::<H>("page-password-again")) }
                input id="again" name="again" type="password" autocomplete="new-password" minlength=(SHORTEST) required;
                p.dim { (both::<H>("page-password-help")) }
                div.row { button { (label(Lang::Zh, "page-password-set")) " " (label(Lang::En, "page-password-set")) } }
            }
        }
    };
    bare(app, status, "page-welcome", &body).await
}

pub async fn choose<H: House>(State(app): State<Arc<Gate<H>>>, request: Request) -> Response {
    let (visitor, invited) = match stranger::<Invited>(request).await {
        Ok(given) => given,
        Err(refused) => return refused,
    };
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |now| now.as_secs());
    let now = i64::try_from(now).unwrap_or(i64::MAX);
    let Ok(found) = known(&app, &invited.person).await else {
        return invitation(&app, StatusCode::SERVICE_UNAVAILABLE, &invited, Some("page-unreachable")).await;
    };
    let holds = |account: &Account| account.invitation == Some(accounts::kept(&invited.invitation)) && now < account.until;
    let Some((person, _)) = found.filter(|(_, account)| holds(account)) else {
        return invitation(&app, StatusCode::FORBIDDEN, &invited, Some("page-invitation-wrong")).await;
    };
    if invited.password != invited.again {
        return invitation(&app, StatusCode::UNPROCESSABLE_ENTITY, &invited, Some("page-password-differs")).await;
    }
    if !accounts::fit(&invited.password) {
        return invitation(&app, StatusCode::UNPROCESSABLE_ENTITY, &invited, Some("page-password-unfit")).await;
    }
    let (id, password) = (person.id.clone(), invited.password.clone());
    let kept = app.ask(move |house| {
        // Whoever was invited anew has lost what opened the account before: the second factor is over too.
        let account = Account { password: accounts::hash(&password), ..Account::default() };
        house.put_account(&id, &id, &account)
    });
    if kept.await.is_err() {
        return invitation(&app, StatusCode::SERVICE_UNAVAILABLE, &invited, Some("page-unreachable")).await;
    }
    app.brake.passed(&person.id);
    app.sessions.end_all(&person.id);
    app.second.forget(&person.id);
    begin(&app, &guest(person, visitor, "/".to_owned()))
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
