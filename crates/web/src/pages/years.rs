/*! A kind of measures over the twelve months of a year: values of the months beside each other, and everything that is missing typed at once. */

use std::sync::Arc;

use axum::{
    Router,
    extract::{DefaultBodyLimit, Path, Query, State},
    response::Response,
    routing::get,
};
use maud::{Markup, html};
use serde::Deserialize;
use ui::{
    Lang, label,
    page::{Tone, badge},
};

use super::{
    again,
    deeds::papers,
    sheets::{ALL, cell, explained, lines},
    shown, went,
};
use crate::{
    desk::{Entering, SheetRow, YearMonth, YearPlace, YearView},
    routes,
    server::{App, FILES_BYTES},
    signed::{Act, Session, Signed},
};

/// The page and its act.
pub fn routes() -> Router<Arc<App>> {
    Router::new().route("/years/{book}/{kind}", get(page).post(enter).layer(DefaultBodyLimit::max(FILES_BYTES)))
}

#[derive(Deserialize)]
struct Asked {
    #[serde(default)]
    item: String,
    #[serde(default)]
    year: String,
}

fn path(book: &str, kind: &str) -> String {
    format!("/years/{}/{}", routes::part(book), routes::part(kind))
}

/// The address of a sheet.
pub fn address(place: &YearPlace) -> String {
    format!("{}?year={}&item={}", path(&place.book, &place.kind), routes::part(&place.year), routes::part(&place.item))
}

/// Sheets of the measures that a figure asks for.
pub fn links(lang: Lang, sheets: &[(String, YearPlace)]) -> Markup {
    html! {
        @for (name, place) in sheets {
            p { a.button.plain href=(address(place)) { (label(lang, "page-enter-measure")) " " (name) @if !place.item.is_empty() { " " (place.item) } " · " (place.year) } }
        }
    }
}

async fn page(
    State(app): State<Arc<App>>,
    Signed(session): Signed,
    Path((book, kind)): Path<(String, String)>,
    Query(Asked { item, year }): Query<Asked>,
) -> Response {
    let (who, wanted) = (session.person.clone(), YearPlace { book, kind, item, year });
    let answer = app.ask(move |desk| desk.year(&who, &wanted)).await;
    let way = vec![(ALL.to_owned(), label(session.lang, "page-sheets"))];
    let page = |view: &YearView| (format!("{} {} · {}", view.name, view.place.item, view.place.year), way, body(&session, view));
    shown(&app, &session, "", answer, page).await
}

fn body(session: &Session, view: &YearView) -> Markup {
    let lang = session.lang;
    let to = path(&view.place.book, &view.place.kind);
    let year = |step: i32| {
        let year = view.place.year.parse::<i32>().ok()?.checked_add(step)?;
        Some(YearPlace { year: year.to_string(), ..view.place.clone() })
    };
    let missing: Vec<&str> = view
        .months
        .iter()
        .filter(|month| month.begun && month.rows.iter().all(|row| row.seen == 0 && row.erp.is_none()))
        .map(|month| month.month.as_str())
        .collect();
    let held = view.months.iter().flat_map(|month| &month.rows).any(|row| row.erp.is_some());
    let entered = view.months.iter().flat_map(|month| &month.rows).any(|row| row.seen > 0);
    let lines = view.months.iter().flat_map(|month| month.rows.iter().enumerate().map(move |(at, row)| (month, at == 0, row)));
    html! {
        @if !view.note.is_empty() { p.dim { (view.note) } }
        form.row method="get" action=(to) {
            @if let Some(before) = year(-1) { a.button.plain href=(address(&before)) data-key="p" { "‹ " (before.year) } }
            input name="year" value=(view.place.year) size="5" pattern="[0-9]{4}" aria-label=(label(lang, "page-year")) required;
            @if !view.items.is_empty() {
                @if view.open {
                    input name="item" value=(view.place.item) size="16" list="items" aria-label=(label(lang, "entry-item"));
                    datalist id="items" { @for item in &view.items { option value=(item) {} } }
                } @else {
                    select name="item" aria-label=(label(lang, "entry-item")) { @for item in &view.items { option value=(item) selected[*item == view.place.item] { (item) } } }
                }
            }
            button.plain { (label(lang, "page-turn")) }
            @if let Some(after) = year(1) { a.button.plain href=(address(&after)) data-key="n" { (after.year) " ›" } }
        }
        p {
            @if missing.is_empty() { (badge(Tone::Good, &label(lang, "page-year-whole"))) }
            @else { (badge(Tone::Warn, &format!("{} {}", label(lang, "page-year-missing"), missing.len()))) " " (missing.join("、")) }
        }
        form method="post" enctype="multipart/form-data" action=(to) {
            input type="hidden" name="token" value=(session.token);
            input type="hidden" name="year" value=(view.place.year);
            @if view.items.is_empty() || !view.place.item.is_empty() { input type="hidden" name="item" value=(view.place.item); }
            @else { label for="year-item" { (label(lang, "entry-item")) } input id="year-item" name="item" size="20" required; }
            div.scroll { table.typed {
                thead { tr {
                    th scope="col" { (label(lang, "period")) }
                    @for column in &view.columns { th scope="col" { (explained(lang, column)) @if column.needed { span.dim { " *" } } } }
                    @if held { th scope="col" { (label(lang, "page-erp-has")) } }
                } }
                tbody { @for (at, (month, first, row)) in lines.enumerate() { (line(session, view, month, (first, row), at, held)) } }
            } }
            p.dim { (label(lang, "page-year-help")) }
            @if entered {
                label for="year-reason" { (label(lang, "page-reason-changed")) }
                input id="year-reason" name="reason" size="50";
            }
            @if held { label.plain { input type="checkbox" name="beside" value="yes"; " " (label(lang, "page-beside-erp")) } }
            (papers(lang, "year-papers"))
            div.row { button { (label(lang, "page-sheet-save")) } }
        }
    }
}

/// One entry of a month, or the empty line of a month without one.
fn line(session: &Session, view: &YearView, month: &YearMonth, (first, row): (bool, &SheetRow), at: usize, held: bool) -> Markup {
    let lang = session.lang;
    let sheet = format!("/kinds/{}/{}/{}", routes::part(&view.place.book), routes::part(&view.kind), routes::part(&month.month));
    html! {
        tr data-month=(month.month) {
            th scope="row" {
                @if first { a href=(sheet) { (month.month) } }
                @if row.seen == 0 && month.begun && row.erp.is_none() { " " (badge(Tone::Warn, &label(lang, "missing"))) }
            }
            @match (&month.locked, month.begun) {
                (None, true) => @for (column_at, column) in view.columns.iter().enumerate() {
                    td {
                        @if column_at == 0 {
                            input type="hidden" name=(format!("r{at}.seen")) value=(row.seen);
                            input type="hidden" name=(format!("r{at}.month")) value=(month.month);
                        }
                        (cell(lang, at, column, Some(row), &month.month))
                    }
                },
                (Some(by), _) => td.dim colspan=(view.columns.len()) { (told(row)) " " (label(lang, "page-month-locked")) " " (by) },
                (None, false) => td.dim colspan=(view.columns.len()) { (label(lang, "page-not-begun")) },
            }
            @if held { td.n { (row.erp.as_deref().unwrap_or_default()) } }
        }
    }
}

/// What an entry says, where it cannot be changed.
fn told(row: &SheetRow) -> String {
    let names = ["date", "quantity", "unit", "amount", "note"];
    let texts = names.iter().filter_map(|name| row.cells.get(*name)).filter(|text| !text.is_empty() && row.seen > 0);
    texts.map(String::as_str).collect::<Vec<_>>().join(" ")
}

async fn enter(State(app): State<Arc<App>>, Path((book, kind)): Path<(String, String)>, mut act: Act) -> Response {
    let place = YearPlace { book, kind, item: act.text("item").trim().to_owned(), year: act.text("year").to_owned() };
    let (files, names) = act.papers();
    let entering = Entering {
        rows: lines(&act.fields),
        reason: act.text("reason").trim().to_owned(),
        beside: act.text("beside") == "yes",
        papers: files,
        ..Entering::default()
    };
    let (who, back) = (act.session.person.clone(), address(&place));
    match app.ask(move |desk| desk.enter_year(&who, &place, &entering)).await {
        Ok(told) => went(&app, &act, told, &back),
        Err(refusal) => again(&app, &act, names, refusal, &back).await,
    }
}
