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
    desk::{Fact, History, Operation, Shown, Wanted},
    routes,
    server::App,
    signed::Signed,
};

/// Operations of a page.
const MOST: usize = 100;

/// Digits by which people recognise a digest.
const SHOWN: usize = 12;

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
    let people = history.people.iter().map(|(id, name)| (id.clone(), who(lang, name))).collect();
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
    html! {
        tr {
            td.n { (operation.seq) } td { (operation.at) } td { (who(lang, &operation.who)) }
            td { (did(lang, &operation.what)) }
            td { @for fact in &operation.facts { (told(lang, fact)) " " } }
        }
    }
}

/// Whoever acted: a person, or the program under the account that it runs as.
fn who(lang: Lang, who: &str) -> String {
    match who.strip_prefix("system:") {
        Some(account) => format!("{} ({account})", label(lang, "log-machine")),
        None => who.to_owned(),
    }
}

fn told(lang: Lang, fact: &Fact) -> Markup {
    let name = label(lang, fact.label);
    match &fact.said {
        Shown::Yes => html! { span.fact { (name) } },
        Shown::Word(word) => html! { span.fact { span.dim { (name) } " " (label(lang, word)) } },
        Shown::Data(text) => html! { span.fact { span.dim { (name) } " " (text) } },
        Shown::Text(text) => html! { span.fact { span.dim { (name) } " " span translate="no" { (text) } } },
        Shown::Digest(digest) => {
            html! { span.fact { span.dim { (name) } " " code title=(digest) { (digest.get(..SHOWN).unwrap_or(digest)) } } }
        }
    }
}
