/*! The portal page: figures in the order and unit of the form, one column at a time to be copied, and what was filed beside what was signed. */

use std::sync::Arc;

use axum::{
    extract::{Path, State},
    response::Response,
};
use maud::{Markup, html};
use survey::document::{Cell, Column};
use ui::{
    Lang, grouped, label,
    page::{Tone, badge},
};

use super::{shown, way};
use crate::{
    desk::{DraftView, Place},
    server::App,
    signed::Signed,
};

pub async fn page(State(app): State<Arc<App>>, Signed(session): Signed, Path(place): Path<Place>) -> Response {
    let wanted = place.clone();
    let answer = app.ask(move |desk| desk.draft(&wanted)).await;
    let title = format!("{} {} · {}", place.form, place.period, label(session.lang, "page-portal"));
    shown(&app, &session, "", answer, |view| (title, way(session.lang, &place), body(session.lang, view))).await
}

/// What is reported in a column: a person's adjustment comes before what was computed.
fn reported(cell: &Cell, column: &Column) -> Option<String> {
    cell.adjusted(column).map(|made| made.reported.clone()).or_else(|| column.value.clone())
}

fn body(lang: Lang, view: &DraftView) -> Markup {
    let draft = &view.draft;
    html! {
        p { (label(lang, "page-portal-help")) }
        @for name in draft.shown() { (column(lang, view, name)) }
        (differences(lang, view))
    }
}

/// One column: a box with one figure on each line, as a spreadsheet or the portal's grid takes it, and the same to look at.
fn column(lang: Lang, view: &DraftView, name: &str) -> Markup {
    let cells = &view.draft.cells;
    let texts: Vec<String> =
        cells.iter().map(|cell| cell.columns.shown(name).and_then(|column| reported(cell, column)).unwrap_or_default()).collect();
    let id = format!("column-{name}");
    html! {
        @if texts.iter().any(|text| !text.is_empty()) {
            section.card {
                h2 { (label(lang, name)) }
                div.row {
                    button type="button" hidden data-copy=(id) data-done=(label(lang, "page-copied")) { (label(lang, "page-copy")) }
                    span.dim { (label(lang, "money-unit")) " " (view.draft.header.money_unit) }
                }
                label for=(id) { (label(lang, "page-copy-box")) }
                textarea id=(id) readonly rows="4" { (texts.join("\n")) }
                details {
                    summary { (label(lang, "page-look")) }
                    div.scroll { table {
                        thead { tr { th scope="col" { (label(lang, "code")) } th scope="col" { (label(lang, "name")) } th scope="col" { (label(lang, "unit")) } th.n scope="col" { (label(lang, name)) } } }
                        tbody { @for (cell, text) in cells.iter().zip(&texts) {
                            tr { td { (cell.code.as_deref().unwrap_or_default()) } td { (cell.name) } td { (cell.unit) } td.n { (if text.is_empty() { "—".to_owned() } else { grouped(text) }) } }
                        } }
                    } }
                }
            }
        }
    }
}

/// What was filed at the portal beside what the draft reports.
fn differences(lang: Lang, view: &DraftView) -> Markup {
    let mut rows = Vec::new();
    let mut filed = 0;
    for cell in &view.draft.cells {
        for (name, column) in cell.columns.each() {
            let Some(platform) = &column.platform else { continue };
            filed += 1;
            let own = reported(cell, column);
            let same = own.as_deref().and_then(|own| own.parse::<model::Amount>().ok()) == platform.parse::<model::Amount>().ok();
            if !same {
                rows.push((cell, name, own.unwrap_or_else(|| "—".to_owned()), platform));
            }
        }
    }
    html! {
        h2 { (label(lang, "page-filed")) }
        @if filed == 0 { p.dim { (label(lang, "page-filed-none")) } }
        @else if rows.is_empty() { p { (badge(Tone::Good, &label(lang, "page-filed-same"))) " " (filed) } }
        @else {
            div.scroll { table {
                thead { tr { @for name in ["code", "name", "page-column", "reported", "platform"] { th scope="col" { (label(lang, name)) } } } }
                tbody { @for (cell, name, own, platform) in &rows {
                    tr { td { (cell.id) } td { (cell.name) } td { (label(lang, name)) } td.n { (grouped(own)) } td.n { (grouped(platform)) } }
                } }
            } }
        }
    }
}
