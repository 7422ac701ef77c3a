/*! What people write on a form: adjustments beside computed values, texts, choices, figures that no formula says, each with its papers. */

use std::sync::Arc;

use axum::{
    Router,
    extract::{DefaultBodyLimit, Path, Query, State},
    http::header,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use maud::{Markup, html};
use serde::Deserialize;
use survey::document::{Cell, Draft};
use ui::{
    Lang, grouped, label,
    page::{Tone, badge},
};

use super::{again, shown, way, went};
use crate::{
    desk::{Adjusting, Attached, DraftView, FigurePlace, Fill, FillRow, Place, Saying},
    routes,
    server::{App, FILES_BYTES},
    signed::{Act, Session, Signed},
};

/// Longest answers that stand in one line; longer ones are chosen from a list.
const SHORT: usize = 5;

/// Pages and acts.
pub fn routes() -> Router<Arc<App>> {
    let files = DefaultBodyLimit::max(FILES_BYTES);
    Router::new()
        .route("/drafts/{book}/{form}/{period}/fill", get(page))
        .route("/drafts/{book}/{form}/{period}/adjust", post(adjust).layer(files))
        .route("/drafts/{book}/{form}/{period}/say", post(say).layer(files))
        .route("/papers/{digest}", get(paper))
}

/// The field for papers of a form.
pub fn papers(lang: Lang, id: &str) -> Markup {
    html! {
        label for=(id) { (label(lang, "page-papers")) }
        input id=(id) name="papers" type="file" multiple;
    }
}

/// Papers that were attached, each to be taken away by those who answer for the forms.
pub fn attached(session: &Session, papers: &[Attached]) -> Markup {
    let lang = session.lang;
    html! {
        @if !papers.is_empty() {
            span.papers { (label(lang, "page-papers")) " " @for (name, digest) in papers {
                @if session.office { a href=(format!("/papers/{}?name={}", routes::part(digest), routes::part(name))) download title=(digest) { (name) } } @else { span title=(digest) { (name) } }
                " "
            } }
        }
    }
}

/// Figures of a form that are made of what a figure is made of, and are not adjusted with it: those that ask for it, and those that stand on the same
/// item.
fn beside<'a>(draft: &'a Draft, row: &str) -> Vec<&'a Cell> {
    let items = |formula: &str| -> Vec<String> {
        let names = formula.split('@').skip(1);
        names.map(|rest| rest.chars().take_while(|letter| letter.is_alphanumeric() || *letter == '_').collect()).collect()
    };
    let own =
        draft.cells.iter().find(|cell| cell.id == row).and_then(|cell| cell.formula.as_deref()).map(items).unwrap_or_default();
    let asks = |cell: &&Cell| {
        let formula = cell.formula.as_deref().unwrap_or_default();
        cell.id != row && (formula.contains(&format!("[{row}]")) || items(formula).iter().any(|item| own.contains(item)))
    };
    draft.cells.iter().filter(asks).collect()
}

/// The form with which a computed value is adjusted; `column` says which page it stands on.
pub fn adjusting(session: &Session, place: &Place, view: &DraftView, row: &str, column: &str) -> Markup {
    let (lang, digest) = (session.lang, &view.digest);
    let made = view.draft.cells.iter().find(|cell| cell.id == row).and_then(|cell| cell.adjustment.as_ref());
    let follow: Vec<String> = beside(&view.draft, row).iter().map(|cell| format!("{} {}", cell.id, cell.name)).collect();
    let id = |name: &str| format!("{name}-{row}");
    let address = format!("{}/adjust", routes::draft(place));
    let fields = html! {
        input type="hidden" name="token" value=(session.token);
        input type="hidden" name="row" value=(row);
        input type="hidden" name="column" value=(column);
        input type="hidden" name="digest" value=(digest);
    };
    html! {
        @if let Some(made) = made {
            p { (badge(Tone::Warn, &label(lang, "page-adjust-replaces"))) " " (grouped(&made.amount)) " · " (made.reason) " (" (made.by) ")" }
        }
        form method="post" enctype="multipart/form-data" action=(address) {
            (fields)
            label for=(id("amount")) { (label(lang, "page-amount-added")) }
            input id=(id("amount")) name="amount" inputmode="decimal" size="16" required;
            label for=(id("reason")) { (label(lang, "adjustment-reason")) }
            input id=(id("reason")) name="reason" size="50" minlength="4" required;
            (papers(lang, &id("papers")))
            p.dim { (label(lang, "page-adjust-help")) }
            p { (label(lang, "page-adjust-alone")) @if !follow.is_empty() { " " (label(lang, "page-adjust-beside")) (follow.join("、")) } }
            div.row { button { (label(lang, if made.is_some() { "page-adjust-again" } else { "page-adjust" })) } }
        }
        @if made.is_some() {
            (taking_back(lang, &address, &fields, (&id("back"), "page-adjust-withdraw")))
        }
    }
}

/// What somebody wrote, taken back for a reason.
fn taking_back(lang: Lang, address: &str, fields: &Markup, (id, button): (&str, &str)) -> Markup {
    html! {
        form method="post" enctype="multipart/form-data" action=(address) {
            (fields)
            input type="hidden" name="withdraw" value="yes";
            label for=(id) { (label(lang, "page-reason-back")) }
            div.row {
                input id=(id) name="reason" size="50" minlength="4" required;
                button.plain { (label(lang, button)) }
            }
        }
    }
}

async fn page(State(app): State<Arc<App>>, Signed(session): Signed, Path(place): Path<Place>) -> Response {
    let wanted = place.clone();
    let answer = app.ask(move |desk| desk.fill(&wanted)).await;
    let title = format!("{} {} · {}", place.form, place.period, label(session.lang, "page-fill"));
    shown(&app, &session, "", answer, |fill| (title, way(session.lang, &place), body(&session, &place, fill))).await
}

fn body(session: &Session, place: &Place, fill: &Fill) -> Markup {
    let lang = session.lang;
    let open = fill.rows.iter().filter(|row| row.now.is_none()).count();
    html! {
        p { (label(lang, "page-fill-help")) }
        @if fill.rows.is_empty() { p { (label(lang, "page-fill-none")) } } @else {
            p { (badge(if open == 0 { Tone::Good } else { Tone::Warn }, &format!("{} {open}", label(lang, "page-fill-open")))) }
            @for row in &fill.rows { (line(session, place, fill, row)) }
        }
    }
}

fn line(session: &Session, place: &Place, fill: &Fill, row: &FillRow) -> Markup {
    let lang = session.lang;
    let to = FigurePlace { draft: place.clone(), cell: row.id.clone(), column: row.column.clone() };
    let now = row.now.as_deref().map(|text| if row.number { grouped(text) } else { text.to_owned() });
    html! {
        details.card id=(format!("row-{}", row.id)) {
            summary {
                (if row.code.is_empty() { &row.id } else { &row.code }) " " strong { (row.name) } " "
                @match &now { Some(now) => { "= " span.v { (now) } @if row.number { " " (row.unit) } }, None => (badge(if row.required { Tone::Warn } else { Tone::Plain }, &label(lang, "page-fill-empty"))) }
            }
            @if !row.source.is_empty() { p.dim { (label(lang, "source")) (label(lang, "colon")) (row.source) } }
            @if !row.column.is_empty() { p { a href=(routes::figure(&to)) { (label(lang, "page-look")) } } }
            @if let Some(said) = &row.said {
                p { (label(lang, "page-said-by")) " " (said.by) " · " (said.text) @if !said.reason.is_empty() { " · " (said.reason) } " " (attached(session, &said.papers)) }
            }
            @if let Some(fact) = &row.fact { p { (label(lang, "page-fill-fact")) " " code { (fact) } } }
            @else if row.number { (number(session, place, fill, row)) }
            @else { (words(session, place, fill, row)) }
        }
    }
}

fn number(session: &Session, place: &Place, fill: &Fill, row: &FillRow) -> Markup {
    adjusting(session, place, &fill.view, &row.id, "")
}

fn words(session: &Session, place: &Place, fill: &Fill, row: &FillRow) -> Markup {
    let lang = session.lang;
    let id = |name: &str| format!("{name}-{}", row.id);
    let address = format!("{}/say", routes::draft(place));
    let fields = html! {
        input type="hidden" name="token" value=(session.token);
        input type="hidden" name="row" value=(row.id);
        input type="hidden" name="digest" value=(fill.view.digest);
    };
    let before = row.said.as_ref().map(|said| said.text.as_str());
    let chosen = |choice: &str| before.is_some_and(|text| text.split('、').any(|one| one == choice));
    html! {
        form method="post" enctype="multipart/form-data" action=(address) {
            (fields)
            @if row.choices.is_empty() {
                label for=(id("text")) { (label(lang, "page-text")) }
                textarea id=(id("text")) name="text" rows="2" required { (before.unwrap_or_default()) }
            } @else if row.most > 1 {
                fieldset {
                    legend { (label(lang, "page-choices")) " " (row.most) }
                    @for (at, choice) in row.choices.iter().enumerate() {
                        label.plain { input type="checkbox" name=(format!("choice.{at}")) value=(choice) checked[chosen(choice)]; " " (choice) }
                    }
                }
            } @else if row.choices.len() <= SHORT {
                fieldset {
                    legend { (label(lang, "page-choice")) }
                    @for choice in &row.choices {
                        label.plain { input type="radio" name="text" value=(choice) checked[chosen(choice)] required; " " (choice) }
                    }
                }
            } @else {
                label for=(id("text")) { (label(lang, "page-choice")) }
                select id=(id("text")) name="text" required {
                    option value="" { (label(lang, "page-choose")) }
                    @for choice in &row.choices { option value=(choice) selected[chosen(choice)] { (choice) } }
                }
            }
            @if row.said.is_some() {
                label for=(id("reason")) { (label(lang, "page-reason-correct")) }
                input id=(id("reason")) name="reason" size="50" minlength="4" required;
            }
            (papers(lang, &id("papers")))
            div.row { button { (label(lang, if row.said.is_some() { "page-say-again" } else { "page-say" })) } }
        }
        @if row.said.is_some() {
            (taking_back(lang, &address, &fields, (&id("back"), "page-say-withdraw")))
        }
    }
}

async fn adjust(State(app): State<Arc<App>>, Path(place): Path<Place>, mut act: Act) -> Response {
    let (who, withdraw) = (act.session.person.clone(), act.text("withdraw") == "yes");
    let [row, digest, reason, column] = ["row", "digest", "reason", "column"].map(|name| act.text(name).to_owned());
    let amount = (!withdraw).then(|| act.text("amount").to_owned());
    let back = if column.is_empty() {
        format!("{}/fill#row-{}", routes::draft(&place), routes::part(&row))
    } else {
        routes::figure(&FigurePlace { draft: place.clone(), cell: row.clone(), column })
    };
    let (papers, names) = act.papers();
    let adjusting = Adjusting { place, row, digest, amount, reason, papers };
    match app.ask(move |desk| desk.adjust(&who, &adjusting)).await {
        Ok(told) => went(&app, &act, told, &back),
        Err(refusal) => again(&app, &act, names, refusal, &back).await,
    }
}

async fn say(State(app): State<Arc<App>>, Path(place): Path<Place>, mut act: Act) -> Response {
    let (who, withdraw) = (act.session.person.clone(), act.text("withdraw") == "yes");
    let [row, digest] = ["row", "digest"].map(|name| act.text(name).to_owned());
    let mut chosen: Vec<(usize, &String)> =
        act.fields.iter().filter_map(|(name, text)| Some((name.strip_prefix("choice.")?.parse().ok()?, text))).collect();
    chosen.sort_unstable();
    let several = chosen.into_iter().map(|(_, text)| text.as_str()).collect::<Vec<_>>().join("、");
    let text = if several.is_empty() { act.text("text").trim().to_owned() } else { several };
    let text = (!withdraw).then_some(text);
    let back = format!("{}/fill#row-{}", routes::draft(&place), routes::part(&row));
    let reason = act.typed("reason");
    let (papers, names) = act.papers();
    let saying = Saying { place, row, digest, text, reason, papers };
    match app.ask(move |desk| desk.say(&who, &saying)).await {
        Ok(told) => went(&app, &act, told, &back),
        Err(refusal) => again(&app, &act, names, refusal, &back).await,
    }
}

#[derive(Deserialize)]
struct Named {
    #[serde(default)]
    name: String,
}

/// A paper, to be taken away and never shown by this server: what is in it is somebody else's.
async fn paper(
    State(app): State<Arc<App>>,
    Signed(session): Signed,
    Path(digest): Path<String>,
    Query(named): Query<Named>,
) -> Response {
    match app.ask(move |desk| desk.paper(&digest)).await {
        Ok(bytes) => {
            let name = format!("attachment; filename*=UTF-8''{}", routes::part(&named.name));
            ([(header::CONTENT_TYPE, "application/octet-stream".to_owned()), (header::CONTENT_DISPOSITION, name)], bytes)
                .into_response()
        }
        Err(refusal) => super::refused(&app, &session, refusal).await,
    }
}
