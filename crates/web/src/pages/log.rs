/*! The operation log: who did what when, filtered by form, month, person and act. */

use std::sync::Arc;

use axum::{
    extract::{Query, State},
    response::Response,
};
use maud::{Markup, html};
use ui::{Lang, label};

use super::shown;
use crate::{
    desk::{History, Operation, Wanted},
    routes,
    server::App,
    signed::Signed,
};

/// Operations of a page.
const MOST: usize = 100;

/// Longest value that is shown whole.
const SHOWN: usize = 80;

/// What an operation keeps for whoever verifies it, and people do not read.
const INNER: [&str; 4] = ["rows_sha256", "mapping", "context", "complete"];

/// Asked for by a browser whose form was sent with empty fields: what is no number is none.
#[derive(serde::Deserialize)]
#[serde(default)]
#[derive(Default)]
pub struct Asked {
    form: String,
    period: String,
    person: String,
    act: String,
    before: String,
}

pub async fn page(State(app): State<Arc<App>>, Signed(session): Signed, Query(asked): Query<Asked>) -> Response {
    let Asked { form, period, person, act, before } = asked;
    let wanted = Wanted { form, period: period.trim().to_owned(), person, act, before: before.parse().ok() };
    let asked = wanted.clone();
    let answer = app.ask(move |desk| desk.history(&asked, MOST)).await;
    let page = |history: &History| (label(session.lang, "page-log"), Vec::new(), body(session.lang, &wanted, history));
    shown(&app, &session, "/log", answer, page).await
}

fn body(lang: Lang, wanted: &Wanted, history: &History) -> Markup {
    let choice = |id: &str, name: &str, now: &str, values: Vec<(String, String)>| {
        html! {
            span.field {
                label for=(id) { (label(lang, name)) }
                select id=(id) name=(id) {
                    option value="" selected[now.is_empty()] { (label(lang, "all")) }
                    @for (value, shown) in &values { option value=(value) selected[value == now] { (shown) } }
                }
            }
        }
    };
    let forms = history.forms.iter().map(|form| (form.clone(), form.clone())).collect();
    let people = history
        .people
        .iter()
        .map(|(id, name)| (id.clone(), if id == name { id.clone() } else { format!("{name} {id}") }))
        .collect();
    let acts = history.acts.iter().map(|act| (act.clone(), did(lang, act))).collect();
    html! {
        form.filter method="get" action="/log" {
            (choice("form", "form", &wanted.form, forms))
            span.field {
                label for="period" { (label(lang, "period")) }
                input id="period" name="period" value=(wanted.period) placeholder="YYYY-MM" size="9" pattern="[0-9]{4}-[0-9]{2}";
            }
            (choice("person", "who", &wanted.person, people))
            (choice("act", "act", &wanted.act, acts))
            button.plain { (label(lang, "filter")) }
            @if *wanted != Wanted::default() { a href="/log" { (label(lang, "filter-none")) } }
        }
        @if history.operations.is_empty() { p { (label(lang, "log-nothing")) } } @else { (table(lang, &history.operations)) }
        @if let Some(next) = history.next {
            div.row { a.button.plain href=(older(wanted, next)) data-key="n" { (label(lang, "page-older")) } }
        }
    }
}

fn older(wanted: &Wanted, before: i64) -> String {
    let part = routes::part;
    format!(
        "/log?form={}&period={}&person={}&act={}&before={before}",
        part(&wanted.form),
        part(&wanted.period),
        part(&wanted.person),
        part(&wanted.act)
    )
}

/// What was done, in words; the machine's name where there are none.
pub fn did(lang: Lang, what: &str) -> String {
    let name = format!("did-{what}");
    let said = label(lang, &name);
    if said == format!("label-{name}") { what.to_owned() } else { said }
}

/// Operations as a table.
pub fn table(lang: Lang, operations: &[Operation]) -> Markup {
    html! {
        div.scroll { table {
            thead { tr { @for name in ["operation", "at", "who", "what", "detail"] { th scope="col" { (label(lang, name)) } } } }
            tbody { @for operation in operations { (row(lang, operation)) } }
        } }
    }
}

fn row(lang: Lang, operation: &Operation) -> Markup {
    let said = did(lang, &operation.what);
    let detail =
        operation.detail.iter().filter(|(name, value)| !INNER.contains(&&**name) && !value.is_empty() && value != "null");
    html! {
        tr {
            td.n { (operation.seq) } td { (operation.at) } td { (operation.who) }
            td { (said) @if said != operation.what { small { (operation.what) } } }
            td { @for (name, value) in detail {
                span.fact { span.dim { (field(lang, name)) } " " span title=[long(value).then_some(value)] { (word(lang, name, value)) } } " "
            } }
        }
    }
}

/// The name of a value: in words where there are some.
fn field(lang: Lang, name: &str) -> String {
    let code = format!("label-{}", name.replace('_', "-"));
    let said = label(lang, name);
    if said == code { name.to_owned() } else { said }
}

/// A value as people read it.
fn word(lang: Lang, name: &str, value: &str) -> String {
    match (name, value) {
        ("role", role) => label(lang, &format!("role-{role}")),
        ("state", state) => label(lang, &format!("state-{state}")),
        ("verdict", verdict) => label(lang, &format!("verdict-{verdict}")),
        (_, "true") => "✓".to_owned(),
        _ => short(value),
    }
}

fn digest(value: &str) -> bool {
    value.len() == 64 && value.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn long(value: &str) -> bool {
    digest(value) || value.chars().count() > SHOWN
}

fn short(value: &str) -> String {
    match value.char_indices().nth(if digest(value) { 12 } else { SHOWN }).filter(|_| long(value)) {
        Some((end, _)) => format!("{}…", &value[..end]),
        None => value.to_owned(),
    }
}
