/*! Sign-off of a draft: its stages, what is signed beside what was before, and signing itself. */

use std::{sync::Arc, time::Instant};

use axum::{
    Router,
    extract::{DefaultBodyLimit, Path, State},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Redirect, Response},
    routing::{get, post},
};
use base64ct::{Base64, Encoding};
use maud::{Markup, html};
use model::Finding;
use sha2::{Digest, Sha256};
use ui::{
    Lang, label,
    page::{self, Tone, badge},
    text,
};
use zeroize::Zeroizing;

use super::{Leaf, compared, draft, findings, log, reasons, refused, state, way};
use crate::{
    desk::{Hand, Key, Offer, Place, Reached, Refusal, Sign, Signing, Stage},
    routes,
    server::{App, FILES_BYTES},
    signed::{Act, Session, Signed},
};

/// Pages of the sign-off.
pub fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/drafts/{book}/{form}/{period}/sign", get(page).post(sign).layer(DefaultBodyLimit::max(FILES_BYTES)))
        .route("/drafts/{book}/{form}/{period}/sign/print", get(print))
        .route("/drafts/{book}/{form}/{period}/sign/pdf", get(pdf))
        .route("/drafts/{book}/{form}/{period}/filed", post(file).layer(DefaultBodyLimit::max(FILES_BYTES)))
}

/// Findings that say that the password or the PIN was not the right one.
const WRONG: [&str; 2] = ["key-password-wrong", "token-pin-wrong"];

pub async fn page(State(app): State<Arc<App>>, Signed(session): Signed, Path(place): Path<Place>) -> Response {
    with(&app, &session, place, StatusCode::OK, &[]).await
}

async fn with(app: &App, session: &Session, place: Place, status: StatusCode, told: &[Finding]) -> Response {
    let (who, asked, lang) = (session.person.clone(), place.clone(), session.lang);
    match app.ask(move |desk| desk.signing(&who, &asked)).await {
        Ok(signing) => {
            let title = format!("{} · {} {}", label(lang, "page-sign"), signing.view.draft.name, place.period);
            let body = html! { (findings(lang, told)) (body(session, &place, &signing)) };
            Leaf { app, session, title, crumbs: way(lang, &place), here: "" }.with(status, body).await
        }
        Err(refusal) => refused(app, session, refusal).await,
    }
}

fn body(session: &Session, place: &Place, signing: &Signing) -> Markup {
    let lang = session.lang;
    let address = routes::draft(place);
    html! {
        div.card {
            p { (label(lang, "state")) " " (state(lang, &signing.view.state)) " "
                abbr title=(label(lang, if signing.official { "channel-official-means" } else { "channel-companion-means" })) {
                    (label(lang, if signing.official { "channel-official" } else { "channel-companion" }))
                }
            }
            (stages(lang, &signing.stages))
            (next(session, place, signing))
        }
        (findings(lang, &signing.findings))
        h2 { (label(lang, "what-is-signed")) }
        div.card {
            @if let Some(digest) = &signing.digest {
                p { (label(lang, "payload-digest")) " " (page::digest(digest)) }
                p.dim { (label(lang, "payload-digest-means")) }
            }
            p { (label(lang, "draft-digest")) " " (page::digest(&signing.view.digest)) }
            div.row {
                a.button.plain href=(address) data-key="d" { (label(lang, "page-back")) }
                a.button.plain href=(format!("{address}/rules")) data-key="r" { (label(lang, "page-rules")) }
                a.button.plain href=(format!("{address}/versions")) data-key="v" { (label(lang, "page-versions")) }
                @if !signing.hands.is_empty() || signing.paper.1.is_some() {
                    a.button.plain href=(format!("{address}/sign/print")) { (label(lang, "print-to-sign")) }
                    a.button.plain href=(format!("{address}/sign/pdf")) { "PDF" }
                }
            }
        }
        @if let Some(comparison) = &signing.with_version {
            h3 {
                @let name = if signing.theirs { "label-with-theirs" } else { "label-with-version" };
                (text(lang, name, &[("number", comparison.old.number.to_string()), ("at", comparison.old.at.clone())]))
            }
            (compared::comparison(lang, place, comparison))
        } @else { p.dim { (label(lang, "no-version-before")) } }
        @if let Some(comparison) = &signing.with_month {
            details open[signing.with_version.is_none()] {
                summary { h3 { (text(lang, "label-with-month", &[("period", comparison.old.period.clone())])) } }
                (compared::comparison(lang, place, comparison))
            }
        } @else { p.dim { (label(lang, "no-month-before")) } }
        @if !signing.hands.is_empty() { (hands(session, place, signing)) }
        (paper(session, place, signing))
        (filing(session, place, signing))
        (back(session, place, signing))
        h2 { (label(lang, "page-rounds")) }
        (log::table(lang, &signing.rounds))
    }
}

/// The way of the form, stage by stage.
fn stages(lang: Lang, stages: &[Stage]) -> Markup {
    html! {
        ol.stages { @for stage in stages {
            @let (class, mark) = match stage.reached {
                Reached::Done => ("done", "✓"),
                Reached::Now => ("now", "●"),
                Reached::Later => ("later", "○"),
                Reached::Wrong => ("wrong", "✕"),
            };
            li class=(class) aria-current=[(stage.reached == Reached::Now).then_some("step")] {
                span.mark aria-hidden="true" { (mark) } " "
                strong { (label(lang, &stage.name)) @if stage.name.starts_with("role-") { (label(lang, "stage-signs")) } }
                @if !stage.who.is_empty() { " " (stage.who) }
                @if !stage.at.is_empty() { " " span.dim { (stage.at) } }
                @if !stage.note.is_empty() { " " span.dim { (stage.note) } }
                @if !stage.waits.is_empty() { " " span.dim { (label(lang, "waits-for")) (stage.waits.join("、")) } }
            }
        } }
    }
}

/// The one thing that the person can do now.
fn next(session: &Session, place: &Place, signing: &Signing) -> Markup {
    let lang = session.lang;
    let address = routes::draft(place);
    let may = |offer: &Offer| matches!(offer, Some(Ok(())));
    let (filed, filing) = &signing.filing;
    let open = signing.hands.iter().any(|hand| !hand.signed && hand.offer.is_ok());
    let go = |name: &str, to: &str| html! { div.row { a.button href=(to) data-key="n" { (label(lang, name)) } } };
    if may(&signing.offers.review) {
        go("page-do-review", &format!("{address}#signoff"))
    } else if may(&signing.offers.approve) {
        go("page-do-approve", &format!("{address}#signoff"))
    } else if may(filing) && filed.is_none() && signing.view.state == "approved" {
        go("page-do-file", "#filing")
    } else if open {
        go("page-do-sign", "#hands")
    } else if may(&signing.submit) {
        go("page-do-submit", &format!("{address}/submit"))
    } else if signing.sent {
        go("page-do-watch", &format!("{address}/delivery"))
    } else {
        html! {}
    }
}

/// Why something is not offered.
fn held(lang: Lang, offer: &Offer) -> Markup {
    match offer {
        Some(Err(why)) => reasons(lang, why),
        _ => html! {},
    }
}

fn token(session: &Session) -> Markup {
    html! { input type="hidden" name="token" value=(session.token); }
}

/// A place for each signature that the person may give.
fn hands(session: &Session, place: &Place, signing: &Signing) -> Markup {
    let lang = session.lang;
    let (Some(digest), address) = (&signing.digest, format!("{}/sign", routes::draft(place))) else { return html! {} };
    let secret = if signing.key == Key::Pin { "key-pin" } else { "key-password" };
    html! {
        h2 id="hands" { (label(lang, "page-sign-here")) }
        @for hand in &signing.hands {
            div.card {
                h3 { (label(lang, &format!("role-{}", hand.role))) " "
                    @if hand.signed { (badge(Tone::Good, &label(lang, "signed"))) } @else { (badge(Tone::Warn, &label(lang, "unsigned"))) }
                }
                @match &hand.offer {
                    Err(why) => (findings(lang, why)),
                    Ok(()) => (by_key(session, &address, digest, hand, secret)),
                }
            }
        }
    }
}

fn by_key(session: &Session, address: &str, digest: &str, hand: &Hand, secret: &str) -> Markup {
    let lang = session.lang;
    let id = format!("secret-{}", hand.role);
    let form = html! {
        form method="post" action=(address) autocomplete="off" {
            (token(session))
            input type="hidden" name="role" value=(hand.role);
            input type="hidden" name="digest" value=(digest);
            p { (label(lang, "you-sign")) " " (page::digest(digest)) }
            label for=(id) { (label(lang, secret)) }
            div.row {
                input id=(id) name="secret" type="password" autocomplete="off" required;
                button { (text(lang, "label-sign-as", &[("role", label(lang, &format!("role-{}", hand.role)))])) }
            }
            p.dim { (label(lang, "secret-means")) }
        }
    };
    html! { @if hand.signed { details { summary { (label(lang, "sign-anew")) } (form) } } @else { (form) } }
}

/// The head signs by hand: print, sign, scan; somebody attests it.
fn paper(session: &Session, place: &Place, signing: &Signing) -> Markup {
    let lang = session.lang;
    let (roles, offer) = &signing.paper;
    let (Some(digest), Some(offer)) = (&signing.digest, offer) else { return html! {} };
    let address = routes::draft(place);
    let secret = if signing.key == Key::Pin { "key-pin" } else { "key-password" };
    html! {
        details.card {
            summary { (label(lang, "page-paper")) }
            p { (label(lang, "paper-means")) }
            div.row {
                a.button.plain href=(format!("{address}/sign/print")) { (label(lang, "print-to-sign")) }
                a.button.plain href=(format!("{address}/sign/pdf")) { "PDF" }
            }
            @match offer {
                Err(why) => (findings(lang, why)),
                Ok(()) => form method="post" action=(format!("{address}/sign")) enctype="multipart/form-data" autocomplete="off" {
                    (token(session))
                    input type="hidden" name="digest" value=(digest);
                    input type="hidden" name="paper" value="1";
                    label for="paper-role" { (label(lang, "paper-role")) }
                    select id="paper-role" name="role" { @for role in roles.iter().rev() {
                        option value=(role) { (label(lang, &format!("role-{role}"))) }
                    } }
                    label for="scan" { (label(lang, "paper-scan")) }
                    input id="scan" name="scan" type="file" accept=".pdf,.png,.jpg,.jpeg" required;
                    label for="paper-secret" { (label(lang, secret)) }
                    div.row {
                        input id="paper-secret" name="secret" type="password" autocomplete="off" required;
                        button.plain { (label(lang, "paper-attest")) }
                    }
                    p.dim { (label(lang, "secret-means")) }
                },
            }
        }
    }
}

/// What was filed at the national portal, and the place to say so.
fn filing(session: &Session, place: &Place, signing: &Signing) -> Markup {
    let lang = session.lang;
    let (filed, offer) = &signing.filing;
    if signing.official {
        return html! {};
    }
    html! {
        h2 id="filing" { (label(lang, "page-filing")) }
        div.card {
            p { (label(lang, "filing-means")) }
            @match filed {
                Some(filed) => p {
                    (label(lang, "filed-at")) " " strong { (filed.at) } " " (filed.reference) " "
                    @if !filed.current { (badge(Tone::Warn, &label(lang, "filed-another-version"))) }
                },
                None => p.dim { (label(lang, "filed-not")) },
            }
            (held(lang, offer))
            @if let Some(Ok(())) = offer {
                form method="post" action=(format!("{}/filed", routes::draft(place))) enctype="multipart/form-data" {
                    (token(session))
                    input type="hidden" name="digest" value=(signing.view.digest);
                    label for="filed-at" { (label(lang, "filed-day")) }
                    input id="filed-at" name="at" type="date" required;
                    label for="filed-reference" { (label(lang, "filed-reference")) }
                    input id="filed-reference" name="reference" size="40" maxlength="200";
                    label for="filed-papers" { (label(lang, "filed-papers")) }
                    input id="filed-papers" name="papers" type="file" multiple;
                    div.row { button class=(if filed.is_some() { "plain" } else { "" }) { (label(lang, "page-do-file")) } }
                }
            }
        }
    }
}

/// Gives the draft back, which takes every approval and signature with it.
fn back(session: &Session, place: &Place, signing: &Signing) -> Markup {
    let lang = session.lang;
    html! {
        @if let Some(offer) = &signing.offers.back {
            details.card {
                summary { (label(lang, "page-give-back")) }
                p { (label(lang, "give-back-means")) }
                @match offer {
                    Err(why) => (findings(lang, why)),
                    Ok(()) => (draft::give_back(session, place, &signing.view.digest)),
                }
            }
        }
    }
}

/// Who signs: guesses of one person are braked, whatever the browser.
fn brake(session: &Session) -> String {
    format!("sign {}", session.person)
}

pub async fn sign(State(app): State<Arc<App>>, Path(place): Path<Place>, mut act: Act) -> Response {
    let session = act.session.clone();
    let secret = Zeroizing::new(act.fields.remove("secret").unwrap_or_default());
    let who = brake(&session);
    if let Some(left) = app.brake.waits(&who, Instant::now()) {
        let finding = Finding::error("signing-waits").with("seconds", left.as_secs().max(1));
        return with(&app, &session, place, StatusCode::TOO_MANY_REQUESTS, &[finding]).await;
    }
    let paper = act.files.pop();
    if act.text("paper") == "1" && paper.is_none() {
        let finding = Finding::error("scan-missing");
        return with(&app, &session, place, StatusCode::CONFLICT, &[finding]).await;
    }
    let sign = Sign { role: act.text("role").to_owned(), digest: act.text("digest").to_owned(), secret, paper };
    let (person, asked) = (session.person.clone(), place.clone());
    match app.ask(move |desk| desk.sign(&person, &asked, &sign)).await {
        Ok(told) => {
            app.brake.passed(&who);
            let told: Vec<Finding> = told.into_iter().filter(|finding| finding.level != model::Level::Note).collect();
            if told.is_empty() {
                return Redirect::to(&format!("{}/sign", routes::draft(&place))).into_response();
            }
            with(&app, &session, place, StatusCode::OK, &told).await
        }
        Err(refusal) => {
            if refusal.findings.iter().any(|finding| WRONG.contains(&&*finding.code)) {
                app.brake.failed(&who, Instant::now());
            }
            again(&app, &session, place, refusal).await
        }
    }
}

/// The page once more with what was refused, so that it can be tried again at once.
async fn again(app: &App, session: &Session, place: Place, refusal: Refusal) -> Response {
    match refusal.kind {
        crate::desk::Kind::Missing => refused(app, session, refusal).await,
        _ => with(app, session, place, StatusCode::CONFLICT, &refusal.findings).await,
    }
}

pub async fn file(State(app): State<Arc<App>>, Path(place): Path<Place>, act: Act) -> Response {
    let (session, asked) = (act.session.clone(), place.clone());
    let papers = act.files;
    let text = |name: &str| act.fields.get(name).cloned().unwrap_or_default();
    let (digest, at, reference, who) = (text("digest"), text("at"), text("reference"), session.person.clone());
    match app.ask(move |desk| desk.note_filing(&who, &asked, [&digest, &at, &reference], &papers)).await {
        Ok(()) => Redirect::to(&format!("{}/sign#filing", routes::draft(&place))).into_response(),
        Err(refusal) => again(&app, &session, place, refusal).await,
    }
}

/// A refusal of what leaves, with the way back to the sign-off.
pub async fn held_up(app: &App, session: &Session, place: &Place, refusal: Refusal) -> Response {
    let lang = session.lang;
    if refusal.findings.is_empty() {
        return refused(app, session, refusal).await;
    }
    let body = html! {
        (findings(lang, &refusal.findings))
        div.row { a.button.plain href=(format!("{}/sign", routes::draft(place))) { (label(lang, "page-sign")) } }
    };
    let leaf = Leaf { app, session, title: label(lang, "page-refused"), crumbs: way(lang, place), here: "" };
    leaf.with(StatusCode::CONFLICT, body).await
}

/// A page of its own, which brings its style with it: the policy names that style and nothing else.
pub async fn print(State(app): State<Arc<App>>, Signed(session): Signed, Path(place): Path<Place>) -> Response {
    match app.ask(move |desk| desk.print(&place, false)).await {
        Ok(file) => {
            let text = String::from_utf8_lossy(&file.bytes).into_owned();
            let style = text.split_once("<style>").and_then(|(_, rest)| Some(rest.split_once("</style>")?.0)).unwrap_or_default();
            let hash = Base64::encode_string(&Sha256::digest(style.as_bytes()));
            let policy = format!("default-src 'none'; style-src 'sha256-{hash}'; frame-ancestors 'none'; base-uri 'none'");
            let Ok(policy) = HeaderValue::from_str(&policy) else { return StatusCode::INTERNAL_SERVER_ERROR.into_response() };
            let media = HeaderValue::from_static("text/html; charset=utf-8");
            ([(header::CONTENT_TYPE, media), (header::CONTENT_SECURITY_POLICY, policy)], text).into_response()
        }
        Err(refusal) => refused(&app, &session, refusal).await,
    }
}

pub async fn pdf(State(app): State<Arc<App>>, Signed(session): Signed, Path(place): Path<Place>) -> Response {
    match app.ask(move |desk| desk.print(&place, true)).await {
        Ok(file) => super::download(file),
        Err(refusal) => refused(&app, &session, refusal).await,
    }
}
