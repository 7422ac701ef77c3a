/*! A figure: its value, the formula with the number of each term, the accounts, the periods, and from there the lines. */

use std::sync::Arc;

use axum::{
    extract::{Path, Query, State},
    response::Response,
};
use maud::{Markup, html};
use serde::Deserialize;
use survey::document::Adjustment;
use ui::{
    Lang,
    chart::{self, Chart, Point},
    grouped, label, page,
};

use super::{
    deeds::{adjusting, attached},
    findings, money, moved, shown, way,
};
use crate::{
    desk::{Answered, EditPlace, Figure, FigurePlace, LinesPlace, Node, Place, SeriesView},
    routes,
    server::App,
    signed::{Session, Signed},
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
        (title, way(lang, &place.draft), body(&session, &place, figure))
    };
    shown(&app, &session, "", answer, page).await
}

fn body(session: &Session, place: &FigurePlace, figure: &Figure) -> Markup {
    let lang = session.lang;
    let (cell, draft) = (&figure.cell, &figure.view.draft);
    let kept = figure.column.value.as_deref();
    let adjusted = cell.columns.get(&place.column).and_then(|column| cell.adjusted(column));
    let value = adjusted.map(|made| made.reported.as_str()).or(kept);
    html! {
        div.card {
            p { span.big { (value.map_or_else(|| "—".to_owned(), grouped)) } " " (cell.unit) "  "
                @if let Some(raw) = &figure.raw { @if cell.unit.ends_with('元') { span.dim { (money(raw)) " " (label(lang, "yuan")) } } @else { span.dim { (grouped(raw)) } } } }
            @if let Some(made) = adjusted {
                p { (label(lang, "computed")) " " (kept.map_or_else(|| "—".to_owned(), grouped)) " · " (label(lang, "adjustment")) " " (grouped(&made.amount))
                    " · " (made.reason) " (" (made.by) ") " (attached(session, &papers_of(made))) }
            }
            @for sentence in &figure.words[usize::from(lang == Lang::En)] { p.words { (sentence) } }
            @if let Some(formula) = &cell.formula {
                @let to = EditPlace { book: place.draft.book.clone(), period: place.draft.period.clone(), what: format!("{}:{}", place.draft.form, cell.id) };
                p { span.dim { (label(lang, "plain-notation")) (label(lang, "colon")) } code { (formula) } " " a href=(routes::edit(&to, None)) data-key="e" { (label(lang, "mapping-change")) } }
            }
            @if let Some(place) = &cell.place { p.dim { (place) } }
            @if let Some(why) = &figure.why { p { (label(lang, "why")) (label(lang, "colon")) (why) } }
        }
        (findings(lang, &figure.findings))
        @if let Some(since) = &figure.since { (moved::since(lang, place, cell, since)) }
        @if let Some(why) = &figure.moved { (moved::why(lang, place, cell, why)) }
        (charts(lang, figure))
        @if let Some(tree) = &figure.tree {
            h2 { (label(lang, "page-terms")) }
            div.card { ul.tree.root { (node(lang, tree)) } }
        }
        (super::years::links(lang, &figure.sheets))
        @for (at, answer) in figure.answers.iter().enumerate() { (answered(lang, place, at, answer)) }
        (adjust(session, place, figure))
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

fn papers_of(made: &Adjustment) -> Vec<(String, String)> {
    let of = |file: &std::collections::BTreeMap<String, String>, name: &str| file.get(name).cloned().unwrap_or_default();
    made.evidence.iter().map(|file| (of(file, "name"), of(file, "sha256"))).collect()
}

/// The place to adjust the figure, on the column that an adjustment stands on.
fn adjust(session: &Session, place: &FigurePlace, figure: &Figure) -> Markup {
    let (lang, cell) = (session.lang, &figure.cell);
    let own = cell.columns.adjusted();
    let here = own.is_some_and(|own| cell.columns.get(&place.column).is_some_and(|shown| std::ptr::eq(own, shown)));
    let name = own.and_then(|own| cell.columns.each().find(|(_, known)| std::ptr::eq(*known, own)).map(|(name, _)| name));
    html! {
        @if let (Some(name), false) = (name, matches!(cell.kind.as_str(), "text" | "choice")) {
            h2 id="adjust" { (label(lang, "adjustment")) }
            @if here {
                details.card { summary { (label(lang, "page-adjust-open")) }
                    (adjusting(session, &place.draft, &figure.view, &cell.id, name))
                }
            } @else {
                @let to = FigurePlace { column: name.to_owned(), ..place.clone() };
                p { (label(lang, "page-adjust-there")) " " a href=(format!("{}#adjust", routes::figure(&to))) { (label(lang, name)) } }
            }
        }
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
                    h3 { (part.account) " " (part.name) " " span.v { (money(&part.amount)) }
                        @if !part.standard.is_empty() { " " small.dim { (label(lang, "mapping-standard")) " " (part.standard) } } }
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
                        (super::lines::table(lang, &place.draft.book, *period, lines, Some(place)))
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

/// The same figure over the months, with the year before behind it; and what has come together in the year.
fn charts(lang: Lang, figure: &Figure) -> Markup {
    let unit = format!("{} {}", label(lang, "unit"), figure.cell.unit);
    let several =
        |view: &SeriesView| view.points.iter().filter(|point| point.value.is_some() || point.before.is_some()).count() > 1;
    html! {
        @if let Some(view) = figure.series.as_ref().filter(|view| several(view)) {
            h2 { (label(lang, "page-series")) }
            @let why = view.band.as_ref().map(|band| {
                ui::text(lang, "label-page-band-why", &[("months", band.months.to_string()), ("most", band.most.clone())])
            });
            (drawn(lang, figure, view, "series", &label(lang, "page-series"), &[Some(unit.clone()), why].into_iter().flatten().collect::<Vec<_>>().join(" · ")))
        }
        @if let Some(view) = figure.progress.as_ref().filter(|view| several(view)) {
            h2 { (label(lang, "page-progress")) }
            (drawn(lang, figure, view, "progress", &label(lang, "page-progress"), &format!("{unit} · {}", label(lang, "page-progress-help"))))
        }
    }
}

fn drawn(lang: Lang, figure: &Figure, view: &SeriesView, id: &str, name: &str, description: &str) -> Markup {
    let amount = |text: &Option<String>| text.as_deref().and_then(|text| text.parse::<model::Amount>().ok());
    let units = |text: &Option<String>| amount(text).map(model::Amount::units);
    let happened = |month: &str| {
        let own = figure.events.iter().filter(|(at, _)| at == month).map(|(_, text)| text.as_str());
        own.collect::<Vec<_>>().join("；")
    };
    let points: Vec<Point> = view
        .points
        .iter()
        .map(|point| Point {
            label: point.month.clone(),
            now: units(&point.value),
            before: units(&point.before),
            texts: [&point.value, &point.before].map(|text| text.clone().unwrap_or_default()),
            event: happened(&point.month),
            outside: amount(&point.value)
                .zip(view.band.as_ref())
                .is_some_and(|(value, band)| !point.computed && (value < band.low || value > band.high)),
            hollow: point.computed,
        })
        .collect();
    let band = view.band.as_ref().map(|band| (band.low.units(), band.high.units()));
    let title = format!("{} {} · {name} · {}", figure.cell.id, figure.cell.name, label(lang, &view.column));
    let ticks = ticks(&points.iter().flat_map(|point| [point.now, point.before]).flatten().collect::<Vec<_>>());
    chart::series(lang, &Chart { id, title: &title, description, points: &points, ticks: &ticks, band })
}

/// Lines at round values between the least and the largest, zero among them.
fn ticks(values: &[i128]) -> Vec<(i128, String)> {
    let (low, high) = (values.iter().min().map_or(0, |low| *low.min(&0)), values.iter().max().map_or(0, |high| *high.max(&0)));
    let Some(span) = high.checked_sub(low).filter(|span| *span > 0) else { return Vec::new() };
    // 1, 2, 5, 10, 20 …: the first of which no more than four fit.
    let mut steps = (0..38).flat_map(|power| [1, 2, 5].map(|first| first * 10_i128.pow(power.min(37))));
    let Some(step) = steps.find(|step| span / step <= 4) else { return Vec::new() };
    let (first, last) = (low.div_euclid(step), high.div_euclid(step));
    let marked = (first..=last).filter_map(|at| at.checked_mul(step)).filter(|value| (low..=high).contains(value));
    marked.map(|value| (value, grouped(&model::Amount::from_units(value).to_string()))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_a_chart_stand_at_round_values() {
        let texts = |values: &[i128]| {
            let units: Vec<i128> = values.iter().map(|value| value * 1_000_000_000).collect();
            ticks(&units).into_iter().map(|(_, text)| text).collect::<Vec<_>>()
        };
        assert_eq!(texts(&[95, 151]), ["0", "50", "100", "150"]);
        assert_eq!(texts(&[-33, 1788]), ["0", "500", "1,000", "1,500"]);
        assert_eq!(texts(&[-60, -12]), ["-60", "-40", "-20", "0"]);
        assert!(texts(&[0]).is_empty());
    }
}
