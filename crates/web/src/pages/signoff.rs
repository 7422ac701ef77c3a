/*! Sign-off of a draft: its stages, what is signed beside what was before, and signing itself. */

use std::{sync::Arc, time::Instant};

use axum::{
    Router,
    extract::{DefaultBodyLimit, Path, State},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use base64ct::{Base64, Encoding};
use maud::{Markup, html};
use model::Finding;
use sha2::{Digest, Sha256};
use survey::document::{Cell, Draft};
use ui::{
    Lang, grouped, label,
    page::{self, Tone, badge},
    text,
};
use zeroize::Zeroizing;

use super::{Leaf, again, compared, deeds::attached, draft, findings, log, reasons, refused, state, way, went};
use crate::{
    desk::{Hand, Key, Kind, Offer, Place, Reached, Refusal, Sign, Signing, Stage},
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
pub const WRONG: [&str; 2] = ["key-password-wrong", "token-pin-wrong"];

pub async fn page(State(app): State<Arc<App>>, Signed(session): Signed, Path(place): Path<Place>) -> Response {
    let (who, asked, lang) = (session.person.clone(), place.clone(), session.lang);
    match app.ask(move |desk| desk.signing(&who, &asked)).await {
        Ok(signing) => {
            let title = format!("{} · {} {}", label(lang, "page-sign"), signing.view.draft.name, place.period);
            let body = body(&session, &place, &signing);
            Leaf { app: &app, session: &session, title, crumbs: way(lang, &place), here: "" }.with(StatusCode::OK, body).await
        }
        Err(refusal) => refused(&app, &session, refusal).await,
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
            details open[!signing.hands.is_empty()] { summary { (label(lang, "page-signed-figures")) } (figures(lang, place, &signing.view.draft)) }
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

/// What is signed: the figures of a form that has any, each a link to what it is made of.
pub fn figures(lang: Lang, place: &Place, draft: &Draft) -> Markup {
    let text = |cell: &Cell, name: &str| {
        let column = cell.columns.shown(name)?;
        cell.adjusted(column).map(|made| made.reported.clone()).or_else(|| column.value.clone())
    };
    let names = draft.shown();
    html! {
        div.scroll { table {
            caption { (label(lang, "money-unit")) " " (draft.header.money_unit) }
            thead { tr { th scope="col" { (label(lang, "code")) } th scope="col" { (label(lang, "name")) } @for name in &names { th.n scope="col" { (label(lang, name)) } } } }
            tbody { @for cell in draft.cells.iter().filter(|cell| names.iter().any(|name| text(cell, name).is_some())) {
                @let words = matches!(cell.kind.as_str(), "text" | "choice");
                tr {
                    td { (cell.id) } td { a href=(format!("{}#", routes::draft(place))) { (cell.name) } }
                    @for name in &names { td.n { @if let Some(text) = text(cell, name) { @if words { (text) } @else { (grouped(&text)) } } } }
                }
            } }
        } }
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
        p { a href=(super::signing::HERE) { (label(lang, "page-sign-several")) } }
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
                    " " (attached(session, &filed.papers))
                },
                None => p.dim { (label(lang, "filed-not")) },
            }
            (held(lang, offer))
            @if let Some(Ok(())) = offer {
                @if filed.is_some() { p.dim { (label(lang, "filed-again-means")) } }
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
pub fn brake(session: &Session) -> String {
    format!("sign {}", session.person)
}

pub async fn sign(State(app): State<Arc<App>>, Path(place): Path<Place>, mut act: Act) -> Response {
    let secret = Zeroizing::new(act.fields.remove("secret").unwrap_or_default());
    let (who, page) = (brake(&act.session), format!("{}/sign", routes::draft(&place)));
    let (mut papers, names) = act.papers();
    let refuse = |finding: Finding| Refusal { kind: Kind::Refused, findings: vec![finding] };
    if let Some(left) = app.brake.waits(&who, Instant::now()) {
        let finding = Finding::error("signing-waits").with("seconds", left.as_secs().max(1));
        return again(&app, &act, names, refuse(finding), &page).await;
    }
    let paper = papers.pop();
    if act.text("paper") == "1" && paper.is_none() {
        return again(&app, &act, names, refuse(Finding::error("scan-missing")), &page).await;
    }
    let sign = Sign { role: act.text("role").to_owned(), digest: act.text("digest").to_owned(), secret, paper };
    let person = act.session.person.clone();
    match app.ask(move |desk| desk.sign(&person, &place, &sign)).await {
        Ok(told) => {
            app.brake.passed(&who);
            let told = told.into_iter().filter(|finding| finding.level != model::Level::Note).collect();
            went(&app, &act, told, &page)
        }
        Err(refusal) => {
            if refusal.findings.iter().any(|finding| WRONG.contains(&&*finding.code)) {
                app.brake.failed(&who, Instant::now());
            }
            again(&app, &act, names, refusal, &page).await
        }
    }
}

pub async fn file(State(app): State<Arc<App>>, Path(place): Path<Place>, mut act: Act) -> Response {
    let (who, page) = (act.session.person.clone(), format!("{}/sign#filing", routes::draft(&place)));
    let (papers, names) = act.papers();
    let [digest, at, reference] = ["digest", "at", "reference"].map(|name| act.text(name).to_owned());
    match app.ask(move |desk| desk.note_filing(&who, &place, [&digest, &at, &reference], &papers)).await {
        Ok(()) => went(&app, &act, Vec::new(), &page),
        Err(refusal) => again(&app, &act, names, refusal, &page).await,
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
        Ok(file) => alone(&file),
        Err(refusal) => refused(&app, &session, refusal).await,
    }
}

/// A page that brings its own style.
pub fn alone(file: &crate::desk::File) -> Response {
    let text = String::from_utf8_lossy(&file.bytes).into_owned();
    let style = text.split_once("<style>").and_then(|(_, rest)| Some(rest.split_once("</style>")?.0)).unwrap_or_default();
    let hash = Base64::encode_string(&Sha256::digest(style.as_bytes()));
    let policy = format!("default-src 'none'; style-src 'sha256-{hash}'; frame-ancestors 'none'; base-uri 'none'");
    let Ok(policy) = HeaderValue::from_str(&policy) else { return StatusCode::INTERNAL_SERVER_ERROR.into_response() };
    let media = HeaderValue::from_static("text/html; charset=utf-8");
    ([(header::CONTENT_TYPE, media), (header::CONTENT_SECURITY_POLICY, policy)], text).into_response()
}

pub async fn pdf(State(app): State<Arc<App>>, Signed(session): Signed, Path(place): Path<Place>) -> Response {
    match app.ask(move |desk| desk.print(&place, true)).await {
        Ok(file) => super::download(file),
        Err(refusal) => refused(&app, &session, refusal).await,
    }
}
