/*! What the bureau asks and says, as threads with their answers. */

use std::sync::Arc;

use axum::{
    Router,
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
    routing::{get, post},
};
use maud::{Markup, html};
use model::Finding;
use ui::{
    label,
    page::{self, Tone, badge},
};

use super::{Leaf, findings, refused};
use crate::{
    desk::{Kind, Letters, Thread},
    routes,
    server::App,
    signed::{Act, Session, Signed},
};

/// Address of the page.
pub const HERE: &str = "/letters";

/// Pages of letters.
pub fn routes() -> Router<Arc<App>> {
    Router::new().route(HERE, get(page)).route("/letters/fetch", post(fetch)).route("/letters/{number}", post(answer))
}

async fn page(State(app): State<Arc<App>>, Signed(session): Signed) -> Response {
    with(&app, &session, StatusCode::OK, &[], None).await
}

/// The page; `kept` is what somebody typed for a thread and could not be sent.
async fn with(app: &App, session: &Session, status: StatusCode, told: &[Finding], kept: Option<(u64, &str)>) -> Response {
    let who = session.person.clone();
    match app.ask(move |desk| desk.letters(&who)).await {
        Ok(letters) => {
            let body = html! { (findings(session.lang, told)) (body(session, &letters, kept)) };
            Leaf { app, session, title: label(session.lang, "page-letters"), crumbs: Vec::new(), here: HERE }
                .with(status, body)
                .await
        }
        Err(refusal) => refused(app, session, refusal).await,
    }
}

fn body(session: &Session, letters: &Letters, kept: Option<(u64, &str)>) -> Markup {
    let lang = session.lang;
    html! {
        p.dim { (label(lang, "letters-means")) }
        @if letters.connected {
            div.row { (page::button("/letters/fetch", &session.token, &label(lang, "letters-fetch"), true, &[])) }
        }
        @if let Err(why) = &letters.offer { (findings(lang, why)) }
        @if letters.threads.is_empty() { p { (label(lang, "letters-none")) } }
        @for one in &letters.threads {
            (thread(session, one, kept.filter(|(number, _)| *number == one.number).map(|(_, text)| text), letters.offer.is_ok()))
        }
    }
}

/// A letter with its answers, and the place to answer it.
pub fn thread(session: &Session, thread: &Thread, kept: Option<&str>, may: bool) -> Markup {
    let lang = session.lang;
    let id = format!("answer-{}", thread.number);
    html! {
        div.card id=(format!("m-{}", thread.number)) {
            h3 {
                (label(lang, &format!("message-{}", thread.kind))) " " (thread.number) " · "
                @match &thread.place {
                    Some(place) => a href=(routes::draft(place)) { (thread.about) },
                    None => (thread.about),
                }
                @if !thread.subject.is_empty() { " · " (thread.subject) }
                @if thread.open { " " (badge(Tone::Warn, &label(lang, "message-open"))) }
            }
            p { strong { (thread.by) } " " span.dim { (thread.at) } }
            p.said translate="no" { (thread.text) }
            @for [at, by, said] in &thread.answers {
                div.answer { p { strong { (by) } " " span.dim { (at) } } p.said translate="no" { (said) } }
            }
            @if let Some(name) = &thread.corrected { p { a href=(routes::receipt(name)) { (label(lang, "letter-corrected")) } } }
            @if thread.kind == "return" && thread.corrected.is_none() {
                @if let Some(place) = &thread.place {
                    div.row { a.button.plain href=(format!("{}/sign", routes::draft(place))) { (label(lang, "page-do-correct")) } }
                }
            }
            @if thread.open && may {
                form method="post" action=(format!("/letters/{}", thread.number)) {
                    input type="hidden" name="token" value=(session.token);
                    label for=(id) { (label(lang, "letter-answer")) }
                    textarea id=(id) name="text" maxlength="4000" required { (kept.unwrap_or_default()) }
                    p.dim { (label(lang, "letter-answer-means")) }
                    div.row { button { (label(lang, "page-do-answer")) } }
                }
            }
        }
    }
}

async fn fetch(State(app): State<Arc<App>>, act: Act) -> Response {
    match app.ask(|desk| desk.fetch()).await {
        Ok(_) => Redirect::to(HERE).into_response(),
        Err(refusal) => with(&app, &act.session, StatusCode::CONFLICT, &refusal.findings, None).await,
    }
}

async fn answer(State(app): State<Arc<App>>, Path(number): Path<u64>, act: Act) -> Response {
    let (who, text) = (act.session.person.clone(), act.text("text").to_owned());
    let said = text.clone();
    match app.ask(move |desk| desk.answer(&who, number, &said)).await {
        Ok(_) => Redirect::to(&format!("{HERE}#m-{number}")).into_response(),
        Err(refusal) if refusal.kind == Kind::Missing => refused(&app, &act.session, refusal).await,
        // Nothing that was typed is lost where the bureau cannot be reached.
        Err(refusal) => with(&app, &act.session, StatusCode::CONFLICT, &refusal.findings, Some((number, &text))).await,
    }
}
