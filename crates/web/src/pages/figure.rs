/*! A figure: its value, the formula with the number of each term, the accounts, the periods, and from there the lines. */

use std::sync::Arc;

use axum::{
    extract::{Path, Query, State},
    response::Response,
};
use maud::{Markup, html};
use serde::Deserialize;
use ui::{
    Lang,
    chart::{self, Point},
    grouped, label, page,
};

use super::{findings, money, shown, way};
use crate::{
    desk::{Answered, EditPlace, Figure, FigurePlace, LinesPlace, Node, Place},
    routes,
    server::App,
    signed::Signed,
};

#[derive(Deserialize)]
pub struct Asked {
    cell: String,
    column: String,
}

pub async fn page(
    State(app): State<Arc<App>>,
    Signed(session): Signed,
    Path(draft): Path<Place>,
    Query(asked): Query<Asked>,
) -> Response {
    let place = FigurePlace { draft, cell: asked.cell, column: asked.column };
    let wanted = place.clone();
    let (lang, answer) = (session.lang, app.ask(move |desk| desk.figure(&wanted)).await);
    let page = |figure: &Figure| {
        let title = format!("{} {} · {}", figure.cell.id, figure.cell.name, label(lang, &place.column));
        (title, way(lang, &place.draft), body(lang, &place, figure))
    };
    shown(&app, &session, "", answer, page).await
}

fn body(lang: Lang, place: &FigurePlace, figure: &Figure) -> Markup {
    let (cell, draft) = (&figure.cell, &figure.view.draft);
    let kept = figure.column.value.as_deref();
    let adjusted = cell.adjusted(&figure.column);
    let value = adjusted.map(|made| made.reported.as_str()).or(kept);
    html! {
        div.card {
            p { span.big { (value.map_or_else(|| "—".to_owned(), grouped)) } " " (cell.unit) "  "
                @if let Some(raw) = &figure.raw { @if cell.unit.ends_with('元') { span.dim { (money(raw)) " " (label(lang, "yuan")) } } @else { span.dim { (grouped(raw)) } } } }
            @if let Some(made) = adjusted {
                p { (label(lang, "computed")) " " (kept.map_or_else(|| "—".to_owned(), grouped)) " · " (label(lang, "adjustment")) " " (grouped(&made.amount))
                    " · " (made.reason) " (" (made.by) ")" }
            }
            @if let Some(formula) = &cell.formula {
                @let to = EditPlace { book: place.draft.book.clone(), period: place.draft.period.clone(), what: format!("{}:{}", place.draft.form, cell.id) };
                p { code { (formula) } " " a href=(routes::edit(&to, None)) data-key="e" { (label(lang, "mapping-change")) } }
            }
            @if let Some(place) = &cell.place { p.dim { (place) } }
            @if let Some(why) = &figure.why { p { (label(lang, "why")) (label(lang, "colon")) (why) } }
        }
        (findings(lang, &figure.findings))
        @if let Some(tree) = &figure.tree {
            h2 { (label(lang, "page-terms")) }
            div.card { ul.tree.root { (node(lang, tree)) } }
        }
        @for (at, answer) in figure.answers.iter().enumerate() { (answered(lang, place, at, answer)) }
        (series(lang, figure))
        h2 { (label(lang, "page-evidence")) }
        details {
            summary { (label(lang, "page-seals")) " " (figure.seals.len()) }
            div.scroll { table {
                thead { tr { th scope="col" { (label(lang, "period")) } th scope="col" { (label(lang, "root")) } } }
                tbody { @for (period, root) in &figure.seals { tr { td { (period) } td { (page::digest(root)) } } } }
            } }
        }
        p { (label(lang, "mapping")) " " (page::digest(&draft.mapping)) }
    }
}

/// A term with its value, and what it is made of below it.
fn node(lang: Lang, at: &Node) -> Markup {
    html! {
        li {
            @if let Some(answer) = at.answer { a href=(format!("#answer-{answer}")) { code { (at.text) } } } @else { code { (at.text) } }
            " = " span.v { (at.value.as_deref().map_or_else(|| "—".to_owned(), grouped)) }
            @if let Some(gap) = &at.gap { " " span.dim { (ui::text(lang, &gap.code, &gap.arguments)) } }
            @if !at.children.is_empty() { ul.tree { @for child in &at.children { (node(lang, child)) } } }
        }
    }
}

/// An answer of the books: accounts, and by period the way to the lines.
fn answered(lang: Lang, place: &FigurePlace, at: usize, answer: &Answered) -> Markup {
    html! {
        section id=(format!("answer-{at}")) data-answer=(answer.value) {
            h2 { code { (answer.text) } " = " (money(&answer.value)) }
            @for part in &answer.parts {
                div.card data-part=(part.amount) {
                    h3 { (part.account) " " (part.name) " " span.v { (money(&part.amount)) } }
                    div.scroll { table {
                        thead { tr { th scope="col" { (label(lang, "period")) } th.n scope="col" { (label(lang, "amount")) } } }
                        tbody {
                            @for (period, amount) in &part.periods {
                                @let to = LinesPlace { figure: place.clone(), answer: at, account: part.account.clone(), period: *period, skip: 0 };
                                tr { td { a href=(routes::lines(&to)) { (period) } } td.n data-period=(amount) { a.cell href=(routes::lines(&to)) { (money(amount)) } } }
                            }
                            tr.sum { td { (label(lang, "page-sum")) } td.n { (money(&part.amount)) } }
                        }
                    } }
                    @if let Some((period, lines)) = &part.first {
                        h4 { (label(lang, "page-first-lines")) " " (period) }
                        (super::lines::table(lang, &place.draft.book, *period, lines, true))
                    }
                }
            }
            @if answer.measured && !answer.rows.is_empty() { (rows(lang, answer)) }
        }
    }
}

/// Columns of measure rows.
const MEASURED: [&str; 6] = ["period", "item", "quantity", "unit", "amount", "source"];

fn rows(lang: Lang, answer: &Answered) -> Markup {
    html! {
        div.scroll { table {
            thead { tr { @for name in MEASURED { th scope="col" { (label(lang, name)) } } } }
            tbody { @for row in &answer.rows { tr { @for text in row { td { (text) } } } } }
        } }
    }
}

/// The same figure over the months, with the year before behind it.
fn series(lang: Lang, figure: &Figure) -> Markup {
    let units =
        |text: &Option<String>| text.as_deref().and_then(|text| text.parse::<model::Amount>().ok()).map(model::Amount::units);
    let known = figure.series.iter().filter(|(_, value)| value.is_some()).count();
    let points: Vec<Point> = figure
        .series
        .iter()
        .enumerate()
        .skip(12)
        .map(|(at, (month, value))| Point {
            label: month.clone(),
            now: units(value),
            before: figure.series.get(at - 12).and_then(|(_, value)| units(value)),
            text: value.as_deref().map(grouped).unwrap_or_default(),
            event: figure
                .events
                .iter()
                .filter(|(at, _)| at == month)
                .map(|(_, text)| text.as_str())
                .collect::<Vec<_>>()
                .join("；"),
        })
        .collect();
    html! {
        @if known > 1 && !points.is_empty() {
            h2 { (label(lang, "page-series")) }
            (chart::series(&format!("{} {}", figure.cell.name, label(lang, "page-series")), &points))
            p.dim { (label(lang, "page-series-help")) }
        }
    }
}
