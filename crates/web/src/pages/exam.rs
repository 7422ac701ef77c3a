/*! The exam: a report made by hand beside what the sealed books give, cell by cell, with what may be the cause of each difference. */

use std::sync::Arc;

use axum::{
    Router,
    extract::{DefaultBodyLimit, Query, State},
    response::Response,
    routing::get,
};
use maud::{Markup, html};
use model::Finding;
use serde::Deserialize;
use ui::{
    Lang, grouped, label,
    page::{Tone, badge},
};

use super::{findings, home_way, mapping, refused, shown};
use crate::{
    desk::{Answer, DifferenceView, EditPlace, ExamAsked, ExamChoices, ExamView, Kind, Refusal},
    routes,
    server::{App, FILES_BYTES},
    signed::{Act, Session, Signed},
};

/// Address.
pub const HERE: &str = "/exam";

/// The page.
pub fn routes() -> Router<Arc<App>> {
    Router::new().route(HERE, get(page).post(examine).layer(DefaultBodyLimit::max(FILES_BYTES)))
}

/// What is chosen before a file is.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Asked {
    book: String,
    form: String,
    period: String,
    unit: String,
    column: String,
}

async fn page(State(app): State<Arc<App>>, Signed(session): Signed, Query(asked): Query<Asked>) -> Response {
    show(&app, &session, &asked, None).await
}

async fn show(app: &App, session: &Session, asked: &Asked, made: Option<Answer<ExamView>>) -> Response {
    let lang = session.lang;
    let answer = app.ask(|desk| desk.exam_choices()).await;
    let page = |choices: &ExamChoices| {
        let body = html! {
            p { (label(lang, "exam-page-help")) }
            (form(session, asked, choices))
            @match &made {
                None => {},
                Some(Ok(view)) => (result(lang, &asked.period, &asked.form, view)),
                Some(Err(refusal)) => (findings(lang, &refusal.findings)),
            }
        };
        (label(lang, "exam-page"), home_way(lang), body)
    };
    shown(app, session, HERE, answer, page).await
}

fn form(session: &Session, asked: &Asked, choices: &ExamChoices) -> Markup {
    let lang = session.lang;
    let say = |name: &str| label(lang, name);
    html! {
        form.card method="post" enctype="multipart/form-data" action=(HERE) {
            input type="hidden" name="token" value=(session.token);
            label for="report" { (say("exam-file")) }
            input id="report" name="report" type="file" accept=".xlsx,.xls,.csv" required;
            div.row.tops {
                @if choices.books.len() > 1 { (mapping::chosen("book", &say("book"), &choices.books, &asked.book)) }
                span { label for="form" { (say("form")) } select id="form" name="form" { @for [code, name] in &choices.forms { option value=(code) selected[*code == asked.form] { (code) " " (name) } } } }
                (mapping::chosen("period", &say("period"), &choices.months, &asked.period))
                span.field { label for="unit" { (say("exam-unit")) } select id="unit" name="unit" aria-describedby="unit-means" { option value="" { (say("exam-as-said")) } @for unit in &choices.units { option value=(unit) selected[*unit == asked.unit] { (unit) } } } small id="unit-means" { (say("exam-unit-means")) } }
                span.field { label for="column" { (say("exam-column")) } select id="column" name="column" aria-describedby="column-means" {
                    option value="" { (say("exam-as-said")) }
                    @for name in ["this_month", "cumulative"] { option value=(name) selected[name == asked.column] { (label(lang, name)) } }
                } small id="column-means" { (say("exam-column-means")) } }
            }
            div.row { button { (say("exam-do")) } }
        }
    }
}

async fn examine(State(app): State<Arc<App>>, mut act: Act) -> Response {
    let text = |name: &str| act.text(name).to_owned();
    let asked =
        Asked { book: text("book"), form: text("form"), period: text("period"), unit: text("unit"), column: text("column") };
    let Some(file) = act.files.pop() else {
        let finding = Finding::error("exam-no-file");
        return refused(&app, &act.session, Refusal { kind: Kind::Refused, findings: vec![finding] }).await;
    };
    let wanted = ExamAsked {
        book: asked.book.clone(),
        form: asked.form.clone(),
        period: asked.period.clone(),
        sheet: String::new(),
        unit: asked.unit.clone(),
        column: asked.column.clone(),
        name: file.name,
        bytes: file.bytes,
    };
    let made = app.ask(move |desk| desk.exam(&wanted)).await;
    show(&app, &act.session, &asked, Some(made)).await
}

/// What came of it: differences first.
fn result(lang: Lang, period: &str, form: &str, view: &ExamView) -> Markup {
    let say = |name: &str| label(lang, name);
    let (tone, name) = if view.passed { (Tone::Good, "exam-same") } else { (Tone::Warn, "exam-different") };
    html! {
        h2 { (form) " " (view.name) " · " (period) " · " (view.sheet) }
        p { (badge(tone, &say(name))) " " (say("exam-compared")) " " (view.compared) " · " (say("exam-differences")) " " (view.differences.len()) }
        @if !view.differences.is_empty() {
            div.scroll { table {
                thead { tr {
                    @for name in ["code", "name", "page-column", "cell"] { th scope="col" { (say(name)) } }
                    @for name in ["theirs", "ours", "difference"] { th.n scope="col" { (say(name)) } }
                    th scope="col" { (say("cause")) }
                } }
                tbody { @for difference in &view.differences { (row(lang, period, view, difference)) } }
            } }
        }
        (findings(lang, &view.findings))
        @if !view.agreed.is_empty() {
            details {
                summary { (say("exam-agreed")) " " (view.agreed.len()) }
                div.scroll { table {
                    thead { tr { @for name in ["code", "name", "page-column", "cell"] { th scope="col" { (say(name)) } } th.n scope="col" { (say("theirs")) } } }
                    tbody { @for same in &view.agreed {
                        tr { td { (same.key) } td { (same.name) } td { (label(lang, &same.column)) } td { (same.at) } td.n { (grouped(&same.value)) } }
                    } }
                } }
            }
        }
    }
}

fn row(lang: Lang, period: &str, view: &ExamView, difference: &DifferenceView) -> Markup {
    let ours = match &difference.ours {
        Some(ours) => grouped(ours),
        None => label(lang, &format!("status-{}", difference.status.replace('_', "-"))),
    };
    html! {
        tr data-difference=(difference.key) {
            td { (difference.key) } td { (difference.name) } td { (label(lang, &difference.column)) } td { (difference.at) }
            td.n { (grouped(&difference.theirs)) } td.n { (ours) } td.n { (difference.gap.as_deref().map(grouped).unwrap_or_default()) }
            td {
                @for cause in &difference.causes {
                    p.cause {
                        (cause.text[usize::from(lang == Lang::En)])
                        @if let Some([cell, formula]) = &cause.change {
                            @let to = EditPlace { book: view.book.clone(), period: period.to_owned(), what: cell.clone() };
                            " " a href=(routes::edit(&to, Some(formula))) target="_blank" rel="noopener" title=(formula) { (label(lang, "exam-open-change")) }
                        }
                    }
                }
                @if difference.causes.is_empty() { span.dim { (label(lang, "exam-no-cause")) } }
            }
        }
    }
}
