/*! What leaves the firm, where it is, and what came back. */

use std::sync::Arc;

use axum::{
    Router,
    extract::{DefaultBodyLimit, Path, Query, State},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Redirect, Response},
    routing::{get, post},
};
use maud::{Markup, html};
use serde::Deserialize;
use ui::{
    Lang, grouped, label,
    page::{self, Tone, badge},
    text,
};

use super::{Leaf, download, findings, home_way, letters, refused, shown, state, way};
use crate::{
    desk::{Delivery, Leaving, Place, ReceiptView, Sent},
    routes,
    server::{App, FILES_BYTES},
    signed::{Act, Session, Signed},
};

/// Pages of packages and receipts.
pub fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/drafts/{book}/{form}/{period}/submit", get(leaves).post(submit))
        .route("/drafts/{book}/{form}/{period}/delivery", get(delivery))
        .route("/drafts/{book}/{form}/{period}/withdraw", post(withdraw))
        .route("/drafts/{book}/{form}/{period}/carry", post(carry))
        .route("/drafts/{book}/{form}/{period}/content/{digest}", get(content))
        .route("/drafts/{book}/{form}/{period}/carried/{digest}/{what}", get(carried))
        .route("/receipts", post(import).layer(DefaultBodyLimit::max(FILES_BYTES)))
        .route("/receipts/{name}", get(receipt))
        .route("/receipts/{name}/file", get(receipt_file))
}

/// What would leave, as `submit --dry-run` says it; leaving is an act of its own.
async fn leaves(State(app): State<Arc<App>>, Signed(session): Signed, Path(place): Path<Place>) -> Response {
    let (who, asked, lang) = (session.person.clone(), place.clone(), session.lang);
    let answer = app.ask(move |desk| desk.leaving(&who, &asked)).await;
    let page = |leaving: &Leaving| {
        let title = format!("{} · {} {}", label(lang, "page-submit"), leaving.view.draft.name, place.period);
        (title, sign_way(lang, &place), leaving_body(&session, &place, leaving))
    };
    match answer {
        Err(refusal) => super::signoff::held_up(&app, &session, &place, refusal).await,
        answer => shown(&app, &session, "", answer, page).await,
    }
}

/// The way over the sign-off.
fn sign_way(lang: Lang, place: &Place) -> Vec<(String, String)> {
    let mut way = way(lang, place);
    way.push((format!("{}/sign", routes::draft(place)), label(lang, "page-sign")));
    way
}

fn leaving_body(session: &Session, place: &Place, leaving: &Leaving) -> Markup {
    let lang = session.lang;
    let forms: Vec<String> = leaving.forms.iter().map(|[form, book]| format!("{form} {book}")).collect();
    let rows = [
        ("state", state(lang, &leaving.view.state)),
        ("form", html! { (forms.join("、")) }),
        (
            "leaves-to",
            html! { @if !leaving.bureau.is_empty() { strong { (leaving.bureau) } " " } @if leaving.to.is_empty() { "—" } @else { span.dim { (leaving.to) } } },
        ),
        ("payload-digest", page::digest(&leaving.digest)),
        ("size", html! { (grouped(&leaving.size.to_string())) }),
    ];
    let rows: Vec<(String, Markup)> = rows.into_iter().map(|(name, value)| (label(lang, name), value)).collect();
    html! {
        div.card {
            (page::facts(&rows))
            div.row { (opens(lang, place, &leaving.digest)) }
        }
        (findings(lang, &leaving.findings))
        h2 { (label(lang, "leaves")) }
        div.scroll { table {
            thead { tr { th scope="col" { (label(lang, "file")) } th scope="col" { (label(lang, "kind")) } th.n scope="col" { (label(lang, "size")) } th scope="col" { "SHA-256" } } }
            tbody { @for part in &leaving.parts { tr {
                td { (part.name) (holds(lang, &part.name)) } td { (label(lang, &format!("part-{}", part.kind))) } td.n { (grouped(&part.size.to_string())) } td { (page::digest(&part.sha256)) }
            } } }
        } }
        h2 { (label(lang, "stays")) }
        ul { @for name in &leaving.stays { li { (label(lang, name)) } } }
        h2 { (label(lang, "page-do-submit")) }
        div.card {
            @match &leaving.offer {
                Err(why) => (findings(lang, why)),
                Ok(()) => form method="post" action=(format!("{}/submit", routes::draft(place))) {
                    input type="hidden" name="token" value=(session.token);
                    input type="hidden" name="digest" value=(leaving.digest);
                    @if leaving.anyway {
                        label for="anyway" { (label(lang, "submit-anyway")) }
                        input id="anyway" name="anyway" size="60" required;
                    }
                    @if !leaving.to.is_empty() {
                        p { (label(lang, "submit-means")) }
                        div.row { button { (label(lang, "page-submit-now")) } }
                    }
                    p.dim { (label(lang, "carry-means")) }
                    div.row { button.plain formaction=(format!("{}/carry", routes::draft(place))) { (label(lang, "page-carry")) } }
                },
            }
        }
    }
}

/// The way to what a package shows, as people read it.
fn opens(lang: Lang, place: &Place, digest: &str) -> Markup {
    let address = format!("{}/content/{}", routes::draft(place), routes::part(digest));
    html! { a.button.plain href=(address) target="_blank" rel="noopener" { (label(lang, "page-see-sent")) } }
}

/// The forms of a package, as it holds them.
async fn content(
    State(app): State<Arc<App>>,
    Signed(session): Signed,
    Path((book, form, period, digest)): Path<(String, String, String, String)>,
) -> Response {
    let place = Place { book, form, period };
    match app.ask(move |desk| desk.content(&place, &digest)).await {
        Ok(file) => super::signoff::alone(&file),
        Err(refusal) => refused(&app, &session, refusal).await,
    }
}

/// What is in a file of a package, in plain words, where it is one of those that every package has.
fn holds(lang: Lang, name: &str) -> Markup {
    let name = format!("holds-{}", name.replace('.', "-"));
    let said = label(lang, &name);
    html! { @if said != format!("label-{name}") { small { (said) } } }
}

/// Gives the package as a file that somebody carries, and notes that.
async fn carry(State(app): State<Arc<App>>, Path(place): Path<Place>, act: Act) -> Response {
    let (who, asked) = (act.session.person.clone(), place.clone());
    let (digest, anyway) = (act.text("digest").to_owned(), act.text("anyway").to_owned());
    match app.ask(move |desk| desk.carry(&who, &asked, &digest, &anyway)).await {
        Ok(file) => download(file),
        Err(refusal) => super::signoff::held_up(&app, &act.session, &place, refusal).await,
    }
}

async fn carried(
    State(app): State<Arc<App>>,
    Signed(session): Signed,
    Path((book, form, period, digest, what)): Path<(String, String, String, String, String)>,
) -> Response {
    let place = Place { book, form, period };
    match app.ask(move |desk| desk.carried(&place, &digest, what == "checkpoint")).await {
        Ok(file) => download(file),
        Err(refusal) => refused(&app, &session, refusal).await,
    }
}

/// Keeps a receipt that somebody carried back.
async fn import(State(app): State<Arc<App>>, mut act: Act) -> Response {
    let Some(paper) = act.files.pop() else { return refused(&app, &act.session, crate::desk::Refusal::missing()).await };
    let who = act.session.person.clone();
    match app.ask(move |desk| desk.import_receipt(&who, &paper)).await {
        Ok(name) => Redirect::to(&routes::receipt(&name)).into_response(),
        Err(refusal) => refused(&app, &act.session, refusal).await,
    }
}

async fn submit(State(app): State<Arc<App>>, Path(place): Path<Place>, act: Act) -> Response {
    let (who, asked) = (act.session.person.clone(), place.clone());
    let (digest, anyway) = (act.text("digest").to_owned(), act.text("anyway").to_owned());
    match app.ask(move |desk| desk.submit(&who, &asked, &digest, &anyway)).await {
        Ok(()) => Redirect::to(&format!("{}/delivery", routes::draft(&place))).into_response(),
        Err(refusal) => super::signoff::held_up(&app, &act.session, &place, refusal).await,
    }
}

#[derive(Deserialize)]
struct Looks {
    /// How often this page has come by itself.
    #[serde(default)]
    look: u32,
}

/// Looks that follow each other quickly; after that, slower ones.
const QUICK: u32 = 20;
/// Looks in all: a page that nobody sits before any more ends, and with it the session.
const LOOKS: u32 = 45;

/// Where it is. While something is under way the page comes anew by itself; a header says so, as no script does.
async fn delivery(
    State(app): State<Arc<App>>,
    Signed(session): Signed,
    Path(place): Path<Place>,
    Query(looks): Query<Looks>,
) -> Response {
    let (who, asked, lang) = (session.person.clone(), place.clone(), session.lang);
    let delivery = match app.ask(move |desk| desk.delivery(&who, &asked)).await {
        Ok(delivery) => delivery,
        Err(refusal) => return refused(&app, &session, refusal).await,
    };
    let again = delivery.moving && looks.look < LOOKS;
    let title = format!("{} · {} {}", label(lang, "page-delivery"), delivery.name, place.period);
    let body = delivery_body(&session, &place, &delivery, again);
    let leaf = Leaf { app: &app, session: &session, title, crumbs: sign_way(lang, &place), here: "" };
    let mut response = leaf.with(StatusCode::OK, body).await;
    if again {
        let seconds = if looks.look < QUICK { 2 } else { 30 };
        let refresh = format!("{seconds}; url={}/delivery?look={}", routes::draft(&place), looks.look + 1);
        if let Ok(refresh) = HeaderValue::from_str(&refresh) {
            response.headers_mut().insert(header::REFRESH, refresh);
        }
    }
    response
}

fn delivery_body(session: &Session, place: &Place, delivery: &Delivery, again: bool) -> Markup {
    let lang = session.lang;
    let address = format!("{}/delivery", routes::draft(place));
    html! {
        div.card {
            p { (label(lang, "state")) " " (state(lang, &delivery.state)) }
            @if again {
                p role="status" { (label(lang, "looks-again")) " " a href=(format!("{address}?look={LOOKS}")) { (label(lang, "looks-stop")) } }
            } @else if delivery.moving {
                p { a.button.plain href=(address) { (label(lang, "looks-on")) } }
            }
        }
        @if delivery.sent.is_empty() { p { (label(lang, "nothing-sent")) } }
        @for sent in &delivery.sent { (package(lang, place, sent, &delivery.sent)) }
        @for sent in delivery.sent.iter().filter(|sent| sent.state == "handed_out") { (by_hand(session, place, sent)) }
        @if let Some(offer) = &delivery.withdraw {
            details.card {
                summary { (label(lang, "page-withdraw")) }
                p { (label(lang, "withdraw-means")) }
                @match offer {
                    Err(why) => (findings(lang, why)),
                    Ok(()) => @if let Some(waits) = delivery.sent.iter().find(|sent| ["queued", "sending", "handed_out"].contains(&&*sent.state)) {
                        form method="post" action=(format!("{}/withdraw", routes::draft(place))) {
                            input type="hidden" name="token" value=(session.token);
                            input type="hidden" name="digest" value=(waits.digest);
                            label for="withdraw-reason" { (label(lang, "why")) }
                            div.row {
                                input id="withdraw-reason" name="reason" size="50" required;
                                button.plain { (label(lang, "page-withdraw")) }
                            }
                        }
                    },
                }
            }
        }
        @if !delivery.threads.is_empty() {
            h2 { (label(lang, "page-letters")) }
            @for thread in &delivery.threads { (letters::thread(session, thread, None, true)) }
        }
    }
}

/// What somebody carries, and the place for the receipt that is carried back.
fn by_hand(session: &Session, place: &Place, sent: &Sent) -> Markup {
    let lang = session.lang;
    let file = |what: &str| format!("{}/carried/{}/{what}", routes::draft(place), routes::part(&sent.digest));
    html! {
        div.card {
            h2 { (label(lang, "carried-by-hand")) }
            p { (label(lang, "carried-means")) }
            div.row {
                a.button.plain href=(file("package")) download { (label(lang, "carried-package")) }
                a.button.plain href=(file("checkpoint")) download { (label(lang, "carried-checkpoint")) }
            }
            form method="post" action="/receipts" enctype="multipart/form-data" {
                input type="hidden" name="token" value=(session.token);
                label for="receipt-file" { (label(lang, "carried-receipt")) }
                div.row {
                    input id="receipt-file" name="receipt" type="file" accept=".asice" required;
                    button { (label(lang, "carried-keep")) }
                }
            }
        }
    }
}

/// A package with its receipts, and what stands before and after it.
fn package(lang: Lang, place: &Place, sent: &Sent, all: &[Sent]) -> Markup {
    let follows = all.iter().find(|other| other.corrects.as_deref() == Some(sent.digest.as_str()));
    let short = |digest: &str| digest.get(..12).unwrap_or(digest).to_owned();
    html! {
        div.card id=(format!("p-{}", short(&sent.digest))) {
            h2 {
                (state(lang, &sent.state))
                @if sent.trial { " " (badge(Tone::Plain, &label(lang, "trial"))) }
                @if sent.tries > 0 { " " (badge(Tone::Warn, &text(lang, "label-tried-times", &[("times", sent.tries.to_string())]))) }
            }
            p { (label(lang, "payload-digest")) " " (page::digest(&sent.digest)) " " (opens(lang, place, &sent.digest)) }
            @if !sent.by.is_empty() { p { (label(lang, "submitted-by")) " " (sent.by) " " span.dim { (sent.at) } } }
            @if let Some(trouble) = &sent.trouble { (findings(lang, std::slice::from_ref(trouble))) }
            @if let Some(corrects) = &sent.corrects {
                p { (label(lang, "corrects")) " " a href=(format!("#p-{}", short(corrects))) { code { (short(corrects)) } } }
            }
            @if let Some(follows) = follows {
                p { (label(lang, "corrected-by")) " " a href=(format!("#p-{}", short(&follows.digest))) { code { (short(&follows.digest)) } } }
            }
            @for [name, verdict, at] in &sent.receipts {
                p {
                    a.button.plain href=(routes::receipt(name)) { (label(lang, "page-receipt")) " · " (label(lang, &format!("verdict-{verdict}"))) " · " (at) }
                }
            }
        }
    }
}

async fn withdraw(State(app): State<Arc<App>>, Path(place): Path<Place>, act: Act) -> Response {
    let (who, asked) = (act.session.person.clone(), place.clone());
    let (digest, reason) = (act.text("digest").to_owned(), act.text("reason").to_owned());
    match app.ask(move |desk| desk.call_back(&who, &asked, &digest, &reason)).await {
        Ok(_) => Redirect::to(&format!("{}/sign", routes::draft(&place))).into_response(),
        Err(refusal) => super::signoff::held_up(&app, &act.session, &place, refusal).await,
    }
}

async fn receipt(State(app): State<Arc<App>>, Signed(session): Signed, Path(name): Path<String>) -> Response {
    let lang = session.lang;
    let answer = app.ask(move |desk| desk.receipt(&name)).await;
    let page = |receipt: &ReceiptView| {
        let mut crumbs = home_way(lang);
        if let Some(place) = receipt.drafts.first() {
            crumbs = sign_way(lang, place);
            crumbs.push((format!("{}/delivery", routes::draft(place)), label(lang, "page-delivery")));
        }
        (format!("{} · {}", label(lang, "page-receipt"), receipt.receiver[1]), crumbs, receipt_body(lang, receipt))
    };
    shown(&app, &session, "", answer, page).await
}

fn receipt_body(lang: Lang, receipt: &ReceiptView) -> Markup {
    let good = receipt.verdict == "received";
    let forms: Vec<String> = receipt
        .forms
        .iter()
        .map(|[form, period, edition, version]| {
            format!("{form} {period} ({edition}) · {}", text(lang, "label-arrival-number", &[("number", version)]))
        })
        .collect();
    let mut rows = vec![
        (
            "result",
            html! { (badge(if good { Tone::Good } else { Tone::Bad }, &label(lang, &format!("verdict-{}", receipt.verdict)))) @if receipt.trial { " " (badge(Tone::Plain, &label(lang, "trial"))) } },
        ),
        ("receiver", html! { (receipt.receiver[1]) " " span.dim { (receipt.receiver[0]) } }),
        ("at", html! { (receipt.at) }),
        ("form", html! { (forms.join("；")) }),
        ("channel", html! { (label(lang, &format!("channel-{}", receipt.channel))) }),
        ("payload-digest", page::digest(&receipt.payload)),
        ("package-digest", page::digest(&receipt.package)),
    ];
    if let Some([at, size]) = receipt.place {
        rows.push(("log-entry", html! { (at) " / " (size) }));
    }
    let rows: Vec<(String, Markup)> = rows.into_iter().map(|(name, value)| (label(lang, name), value)).collect();
    html! {
        div.card {
            (page::facts(&rows))
            @if receipt.findings.is_empty() { p { (badge(Tone::Good, &label(lang, "receipt-holds"))) " " span.dim { (label(lang, "receipt-holds-means")) } } }
            (findings(lang, &receipt.findings))
        }
        @if !receipt.reasons.is_empty() { h2 { (label(lang, "receipt-reasons")) } (findings(lang, &receipt.reasons)) }
        @if !receipt.audit.is_empty() {
            h2 { (label(lang, "receipt-audit")) }
            div.scroll { table { tbody { @for (name, value) in &receipt.audit {
                tr { th scope="row" { (label(lang, &format!("audit-{name}"))) } td { (value) } }
            } } } }
            p.dim { (label(lang, "receipt-audit-means")) }
            @if !receipt.hits.is_empty() {
                div.scroll { table {
                    thead { tr { @for name in ["form", "rule", "severity", "text"] { th scope="col" { (label(lang, name)) } } } }
                    tbody { @for [form, rule, severity, said] in &receipt.hits {
                        @let explained = receipt.explained.iter().any(|[own, known]| own == form && known == rule);
                        tr { td { (form) } td { (rule) } td { (label(lang, &format!("severity-{severity}"))) @if explained { " " (badge(Tone::Good, &label(lang, "audit-unmet-explained"))) } } td { (said) } }
                    } }
                } }
            }
        }
        @if let Some([name, digest]) = &receipt.corrects { p { (label(lang, "corrects")) " " (other(lang, name, digest)) } }
        @if let Some([name, digest]) = &receipt.corrected { p { (label(lang, "corrected-by")) " " (other(lang, name, digest)) } }
        h2 { (label(lang, "receipt-verify")) }
        div.card {
            div.row { a.button href=(format!("{}/file", routes::receipt(&receipt.name))) download data-key="n" { (label(lang, "receipt-download")) } }
            p { (label(lang, "receipt-verify-means")) }
            p { code { (receipt.verify) } }
        }
    }
}

fn other(lang: Lang, name: &str, digest: &str) -> Markup {
    let short = digest.get(..12).unwrap_or(digest);
    html! { @if name.is_empty() { code { (short) } } @else { a href=(routes::receipt(name)) { (label(lang, "page-receipt")) " " code { (short) } } } }
}

async fn receipt_file(State(app): State<Arc<App>>, Signed(session): Signed, Path(name): Path<String>) -> Response {
    match app.ask(move |desk| desk.receipt_file(&name)).await {
        Ok(file) => download(file),
        Err(refusal) => refused(&app, &session, refusal).await,
    }
}
