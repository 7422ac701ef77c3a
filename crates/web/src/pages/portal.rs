/*! The portal page: figures in the order and unit of the form, one column at a time to be copied, what was filed taken back and laid beside what was signed. */

use std::sync::Arc;

use axum::{
    Router,
    extract::{DefaultBodyLimit, Path, State},
    response::Response,
    routing::{get, post},
};
use maud::{Markup, html};
use model::{Finding, Level};
use survey::document::{Cell, Column};
use ui::{
    grouped, label,
    page::{Tone, badge, digest},
};

use super::{again, shown, way, went};
use crate::{
    desk::{Filed, FiledNow, Filing, Place},
    routes,
    server::{App, FILES_BYTES},
    signed::{Act, Session, Signed},
};

/// The page and its acts.
pub fn routes() -> Router<Arc<App>> {
    let files = DefaultBodyLimit::max(FILES_BYTES);
    Router::new()
        .route("/drafts/{book}/{form}/{period}/portal", get(page).post(file).layer(files))
        .route("/drafts/{book}/{form}/{period}/portal/withdraw", post(withdraw))
}

fn address(place: &Place) -> String {
    format!("{}/portal", routes::draft(place))
}

async fn page(State(app): State<Arc<App>>, Signed(session): Signed, Path(place): Path<Place>) -> Response {
    let wanted = place.clone();
    let answer = app.ask(move |desk| desk.filed(&wanted)).await;
    let title = format!("{} {} · {}", place.form, place.period, label(session.lang, "page-portal"));
    shown(&app, &session, "", answer, |filed| (title, way(session.lang, &place), body(&session, &place, filed))).await
}

/// What is reported in a column: a person's adjustment comes before what was computed.
fn reported(cell: &Cell, column: &Column) -> Option<String> {
    cell.adjusted(column).map(|made| made.reported.clone()).or_else(|| column.value.clone())
}

fn body(session: &Session, place: &Place, filed: &Filed) -> Markup {
    let (lang, draft) = (session.lang, &filed.view.draft);
    html! {
        p { (label(lang, "page-portal-help")) }
        @let apart = filed.figures.iter().filter(|figure| !figure.same).count();
        @if !filed.figures.is_empty() {
            p { a href="#filed" {
                @if apart == 0 { (badge(Tone::Good, &label(lang, "page-filed-same"))) } @else { (badge(Tone::Bad, &format!("{} {apart}", label(lang, "page-filed-apart")))) }
            } }
        }
        @for name in draft.shown() { (column(session, place, filed, name)) }
        (upload(session, place))
        (differences(session, place, filed))
    }
}

/// One column: a box with one figure on each line, as a spreadsheet or the portal's grid takes it, and the same to look at; and the way back.
fn column(session: &Session, place: &Place, filed: &Filed, name: &str) -> Markup {
    let (lang, draft) = (session.lang, &filed.view.draft);
    let cells = &draft.cells;
    let texts: Vec<String> =
        cells.iter().map(|cell| cell.columns.shown(name).and_then(|column| reported(cell, column)).unwrap_or_default()).collect();
    let (id, back) = (format!("column-{name}"), format!("filed-{name}"));
    html! {
        @if texts.iter().any(|text| !text.is_empty()) {
            section.card {
                h2 { (label(lang, name)) }
                div.row {
                    button type="button" hidden data-copy=(id) data-done=(label(lang, "page-copied")) { (label(lang, "page-copy")) }
                    span.dim { (label(lang, "money-unit")) " " (draft.header.money_unit) }
                }
                label for=(id) { (label(lang, "page-copy-box")) }
                // A line end that comes first is no part of what stands in a box.
                textarea id=(id) readonly rows="4" { "\n" (texts.join("\n")) }
                details {
                    summary { (label(lang, "page-look")) }
                    div.scroll { table {
                        thead { tr { th scope="col" { (label(lang, "code")) } th scope="col" { (label(lang, "name")) } th scope="col" { (label(lang, "unit")) } th.n scope="col" { (label(lang, name)) } } }
                        tbody { @for (cell, text) in cells.iter().zip(&texts) {
                            tr { td { (cell.code.as_deref().unwrap_or_default()) } td { (cell.name) } td { (cell.unit) } td.n { (if text.is_empty() { "—".to_owned() } else { grouped(text) }) } }
                        } }
                    } }
                }
                details {
                    summary { (label(lang, "page-paste")) }
                    form method="post" enctype="multipart/form-data" action=(address(place)) {
                        input type="hidden" name="token" value=(session.token);
                        input type="hidden" name="column" value=(name);
                        label for=(back) { (label(lang, "page-paste-box")) " (" (texts.len()) ")" }
                        textarea id=(back) name="text" rows="6" required {}
                        p.dim { (label(lang, "page-paste-help")) }
                        div.row { button.plain { (label(lang, "page-paste-take")) } }
                    }
                }
            }
        }
    }
}

fn upload(session: &Session, place: &Place) -> Markup {
    let lang = session.lang;
    html! {
        details.card {
            summary { (label(lang, "page-filed-upload")) }
            form method="post" enctype="multipart/form-data" action=(address(place)) {
                input type="hidden" name="token" value=(session.token);
                label for="filed-file" { (label(lang, "page-filed-file")) }
                input id="filed-file" name="file" type="file" accept=".xlsx,.xls,.csv" required;
                fieldset {
                    legend { (label(lang, "page-filed-column")) }
                    @for (value, name) in [("", "page-filed-as-said"), ("this_month", "this_month"), ("cumulative", "cumulative")] {
                        label.plain { input type="radio" name="column" value=(value) checked[value.is_empty()]; " " (label(lang, name)) }
                    }
                }
                p.dim { (label(lang, "page-filed-upload-help")) }
                div.row { button.plain { (label(lang, "page-filed-take")) } }
            }
        }
    }
}

/// What was filed at the portal beside what somebody signed.
fn differences(session: &Session, place: &Place, filed: &Filed) -> Markup {
    let (lang, against) = (session.lang, &filed.against);
    let apart: Vec<_> = filed.figures.iter().filter(|figure| !figure.same).collect();
    html! {
        h2 id="filed" { (label(lang, "page-filed")) }
        @if filed.figures.is_empty() { p.dim { (label(lang, "page-filed-none")) } }
        @else {
            p {
                (label(lang, if filed.signed { "page-filed-signed" } else { "page-filed-unsigned" })) " "
                (label(lang, "page-version")) " " (against.version) " " (super::state(lang, &against.state)) " " (digest(&against.digest))
            }
            @if apart.is_empty() { p { (badge(Tone::Good, &label(lang, "page-filed-same"))) " " (filed.figures.len()) } }
            @else {
                p { (badge(Tone::Bad, &label(lang, "page-filed-apart"))) " " (apart.len()) " / " (filed.figures.len()) }
                div.scroll { table.filed {
                    thead { tr { @for name in ["code", "name", "page-column", "reported", "platform", "difference", "source"] { th scope="col" { (label(lang, name)) } } } }
                    tbody { @for figure in &apart {
                        tr data-filed=(figure.id) {
                            td { (figure.id) } td { (figure.name) } td { (label(lang, &figure.column)) }
                            td.n { (figure.ours.as_deref().map_or_else(|| "—".to_owned(), grouped)) } td.n { (grouped(&figure.filed)) }
                            td.n { (figure.apart.as_deref().map_or_else(|| "—".to_owned(), grouped)) } td { small { (figure.place) " " (figure.by) } }
                        }
                    } }
                } }
                p.dim { (label(lang, "page-filed-apart-help")) }
            }
            details.card {
                summary { (label(lang, "page-filed-withdraw")) }
                form method="post" action=(format!("{}/withdraw", address(place))) {
                    input type="hidden" name="token" value=(session.token);
                    label for="filed-row" { (label(lang, "page-filed-row")) }
                    select id="filed-row" name="row" {
                        option value="" { (label(lang, "page-filed-all")) }
                        @for (at, figure) in filed.figures.iter().enumerate() {
                            @if at == 0 || filed.figures[at - 1].id != figure.id { option value=(figure.id) { (figure.id) " " (figure.name) } }
                        }
                    }
                    label for="filed-reason" { (label(lang, "reason")) }
                    input id="filed-reason" name="reason" size="50" minlength="4" required;
                    div.row { button.plain { (label(lang, "page-filed-withdraw")) } }
                }
            }
        }
    }
}

async fn file(State(app): State<Arc<App>>, Path(place): Path<Place>, mut act: Act) -> Response {
    let (who, back) = (act.session.person.clone(), address(&place));
    let [column, text] = ["column", "text"].map(|name| act.text(name).to_owned());
    let (papers, names) = act.papers();
    let filing = Filing { place, column, text, paper: papers.into_iter().next() };
    match app.ask(move |desk| desk.file(&who, &filing)).await {
        Ok(now) => went(&app, &act, taken(&now), &back),
        Err(refusal) => again(&app, &act, names, refusal, &back).await,
    }
}

/// What was taken: how many figures of which months, and what is to be said about them.
fn taken(now: &FiledNow) -> Vec<Finding> {
    let months = now.months.iter().map(|(month, count, new)| {
        Finding::note("filed-taken").at(month).with("count", count).with("new", new).with("same", count.saturating_sub(*new))
    });
    months.chain(now.findings.iter().filter(|finding| finding.level != Level::Note).cloned()).collect()
}

async fn withdraw(State(app): State<Arc<App>>, Path(place): Path<Place>, act: Act) -> Response {
    let (who, back) = (act.session.person.clone(), format!("{}#filed", address(&place)));
    let [row, reason] = ["row", "reason"].map(|name| act.text(name).to_owned());
    match app.ask(move |desk| desk.unfile(&who, &place, &row, &reason)).await {
        Ok(()) => went(&app, &act, Vec::new(), &back),
        Err(refusal) => again(&app, &act, Vec::new(), refusal, &back).await,
    }
}
