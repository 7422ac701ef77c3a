/*! Entry lines behind a figure, page by page, and a voucher as it is sealed. */

use std::sync::Arc;

use axum::{
    extract::{Path, Query, State},
    response::Response,
};
use maud::{Markup, html};
use model::Period;
use serde::Deserialize;
use ui::{Lang, label, page};

use super::{home_way, money, refused, shown, way};
use crate::{
    desk::{FigurePlace, Line, Lines, LinesPlace, Place, Refusal, Voucher},
    routes,
    server::App,
    signed::Signed,
};

#[derive(Deserialize)]
pub struct Asked {
    cell: String,
    column: String,
    answer: usize,
    account: String,
    sealed: String,
    #[serde(default)]
    skip: usize,
}

#[derive(Deserialize)]
pub struct Key {
    sealed: String,
    key: String,
    /// The figure that it was opened from, where it was opened from one.
    #[serde(default)]
    form: String,
    #[serde(default)]
    month: String,
    #[serde(default)]
    cell: String,
    #[serde(default)]
    column: String,
}

pub async fn page(
    State(app): State<Arc<App>>,
    Signed(session): Signed,
    Path(draft): Path<Place>,
    Query(asked): Query<Asked>,
) -> Response {
    let Ok(period) = asked.sealed.parse::<Period>() else { return refused(&app, &session, Refusal::missing()).await };
    let figure = FigurePlace { draft, cell: asked.cell, column: asked.column };
    let place = LinesPlace { figure, answer: asked.answer, account: asked.account, period, skip: asked.skip };
    let wanted = place.clone();
    let answer = app.ask(move |desk| desk.lines(&wanted)).await;
    let page = |lines: &Lines| {
        let mut crumbs = way(session.lang, &place.figure.draft);
        crumbs.push((routes::figure(&place.figure), lines.title.clone()));
        (format!("{} {} · {period}", place.account, lines.name), crumbs, body(session.lang, &place, lines))
    };
    shown(&app, &session, "", answer, page).await
}

fn body(lang: Lang, place: &LinesPlace, lines: &Lines) -> Markup {
    let last = place.skip + lines.lines.len();
    let go = |skip: usize| routes::lines(&LinesPlace { skip, ..place.clone() });
    html! {
        p data-sum=(lines.sum) { code { (lines.text) } " · " (label(lang, "page-sum")) " " strong { (money(&lines.sum)) } " · " (lines.count) " " (label(lang, "page-lines")) }
        @if let Some(opening) = &lines.opening { p { (label(lang, "page-opening")) " " strong { (money(opening)) } } }
        @if !lines.lines.is_empty() { (table(lang, &place.figure.draft.book, place.period, &lines.lines, Some(&place.figure))) }
        div.row {
            @if place.skip > 0 { a.button.plain href=(go(place.skip.saturating_sub(lines.most))) data-key="p" { (label(lang, "page-previous")) } }
            @if !lines.lines.is_empty() { span.dim { (place.skip + 1) "–" (last) " / " (lines.count) } }
            @if (last as u64) < lines.count { a.button.plain href=(go(last)) data-key="n" { (label(lang, "page-next-lines")) } }
        }
    }
}

/// Entry lines as a table: those behind a figure link to their vouchers.
pub fn table(lang: Lang, book: &str, period: Period, lines: &[Line], from: Option<&FigurePlace>) -> Markup {
    let linked = from.is_some();
    let names: &[&str] = if linked {
        &["voucher", "date", "summary", "party", "debit", "credit", "amount"]
    } else {
        &["line", "account", "name", "summary", "party", "debit", "credit"]
    };
    let number = |name: &str| matches!(name, "debit" | "credit" | "amount");
    html! {
        div.scroll { table data-grid {
            thead { tr { @for name in names { th.n[number(name)] scope="col" { (label(lang, name)) } } } }
            tbody { @for line in lines { tr {
                @if let Some(from) = from {
                    td { a.cell.link href=(routes::voucher_of(from, book, &period.to_string(), &line.voucher)) { (line.number) } }
                    td { (line.date) } td { (line.summary) }
                    td { @if line.party.is_empty() { span.dim title=(label(lang, "voucher-party")) { (line.beside) } } @else { (line.party) } }
                } @else {
                    td { (line.line) } td { (line.account) } td { (line.name) } td { (line.summary) } td { (line.party) }
                }
                td.n { (money(&line.debit)) } td.n { (money(&line.credit)) }
                @if linked { td.n data-amount=(line.amount) { (money(&line.amount)) } }
            } } }
        } }
    }
}

pub async fn voucher(
    State(app): State<Arc<App>>,
    Signed(session): Signed,
    Path(book): Path<String>,
    Query(asked): Query<Key>,
) -> Response {
    let Ok(period) = asked.sealed.parse::<Period>() else { return refused(&app, &session, Refusal::missing()).await };
    let lang = session.lang;
    let mut crumbs = home_way(lang);
    if !asked.cell.is_empty() {
        let draft = Place { book: book.clone(), form: asked.form, period: asked.month };
        crumbs = way(lang, &draft);
        let title = format!("{} · {}", asked.cell, label(lang, &asked.column));
        crumbs.push((routes::figure(&FigurePlace { draft, cell: asked.cell, column: asked.column }), title));
    }
    let answer = app.ask(move |desk| desk.voucher(&book, period, &asked.key)).await;
    let title = |voucher: &Voucher| format!("{} {}", label(lang, "voucher"), voucher.number);
    let back = crumbs.last().filter(|_| crumbs.len() > 2).map(|(href, _)| href.clone());
    shown(&app, &session, "", answer, |voucher| (title(voucher), crumbs, sheet(lang, voucher, back.as_deref()))).await
}

fn sheet(lang: Lang, voucher: &Voucher, back: Option<&str>) -> Markup {
    let day = voucher.lines.first().map_or("", |line| line.date.as_str());
    let text = |value: &str| html! { (value) };
    let mut rows = vec![
        (label(lang, "book"), text(&voucher.book)),
        (label(lang, "period"), html! { (voucher.period) }),
        (label(lang, "date"), text(day)),
        (label(lang, "page-key"), text(&voucher.key)),
    ];
    if !voucher.attachments.is_empty() {
        rows.push((label(lang, "page-attachments"), text(&voucher.attachments)));
    }
    if voucher.closing {
        rows.push((label(lang, "page-closing"), text("✓")));
    }
    rows.push((label(lang, "page-sealed-at"), text(&voucher.sealed)));
    rows.push((label(lang, "root"), page::digest(&voucher.root)));
    html! {
        div.card { (page::facts(&rows)) }
        (table(lang, &voucher.book, voucher.period, &voucher.lines, None))
        p data-debit=(voucher.totals[0]) data-credit=(voucher.totals[1]) { (label(lang, "page-sum")) " " (label(lang, "debit")) " " strong { (money(&voucher.totals[0])) } " · " (label(lang, "credit")) " " strong { (money(&voucher.totals[1])) } }
        @if let Some(back) = back { p { a.button.plain href=(back) data-key="b" { (label(lang, "voucher-back")) } } }
    }
}
