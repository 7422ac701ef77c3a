/*! The first page: what is due, what changed, and one next thing to do for each form. */

use std::sync::Arc;

use axum::{
    extract::{Query, State},
    response::Response,
};
use maud::{Markup, html};
use ui::{
    Lang, label,
    page::{Tone, badge, button},
};

use super::{findings, shown, state};
use crate::{
    desk::{Due, Home, Next, Source},
    routes,
    server::App,
    signed::{Session, Signed},
};

#[derive(serde::Deserialize)]
pub struct Asked {
    /// The day from which is looked.
    date: Option<String>,
    /// Whether everything late is wanted.
    #[serde(default)]
    all: String,
}

pub async fn page(State(app): State<Arc<App>>, Signed(session): Signed, Query(asked): Query<Asked>) -> Response {
    let who = session.person.clone();
    let answer = app.ask(move |desk| desk.home(&who, asked.date.as_deref(), asked.all == "1")).await;
    shown(&app, &session, "/", answer, |home| (label(session.lang, "page-home"), Vec::new(), body(&session, home))).await
}

fn body(session: &Session, home: &Home) -> Markup {
    let lang = session.lang;
    html! {
        form.filter method="get" action="/" {
            span.field { label for="date" { (label(lang, "page-day")) } input id="date" name="date" type="date" value=(home.today); }
            button.plain { (label(lang, "page-day-look")) }
            @if home.all { a href=(format!("/?date={}", home.today)) { (label(lang, "page-late-recent")) } }
            @else { a href=(format!("/?date={}&all=1", home.today)) { (label(lang, "page-late-all")) } }
        }
        @if home.due.is_empty() { p { (label(lang, "page-nothing-due")) } } @else {
            div.scroll { table.cards data-grid {
                thead { tr {
                    @for name in ["form", "book", "period", "due-date", "state", "page-open", "page-next"] { th scope="col" { (label(lang, name)) } }
                } }
                tbody { @for due in &home.due { (row(session, due)) } }
            } }
            p.keys { (label(lang, "page-keys-home")) }
        }
        @if home.due.iter().filter(|due| due.next.name == "page-do-sign" && due.next.waits.is_empty()).count() > 1 {
            p { a.button href=(super::signing::HERE) { (label(lang, "page-sign-several")) } }
        }
        (exempt(session, home))
        @if !home.news.is_empty() {
            h2 { (label(lang, "page-news")) }
            (findings(lang, &home.news))
        }
        h2 { (label(lang, "page-sources")) }
        div.scroll { table {
            thead { tr { @for name in ["book", "name", "page-sealed-to", "page-read-at"] { th scope="col" { (label(lang, name)) } } } }
            tbody { @for source in &home.sources { (health(lang, source)) } }
        } }
    }
}

fn health(lang: Lang, source: &Source) -> Markup {
    html! {
        tr {
            td { (source.book) } td { (source.name) }
            td { @if source.sealed.is_empty() { (badge(Tone::Warn, &label(lang, "page-never"))) } @else { (source.sealed) } }
            td { (source.read) " " a href=(format!("/books/{}/changes", routes::part(&source.book))) { (label(lang, "page-changes")) } }
        }
    }
}

fn row(session: &Session, due: &Due) -> Markup {
    let lang = session.lang;
    let built = due.state != "not_built";
    let address = routes::draft(&due.place);
    let done = matches!(due.state.as_str(), "delivered" | "accepted");
    html! {
        tr {
            td { @if built { a.cell href=(address) { (due.place.form) small { (due.name) } } } @else { (due.place.form) small { (due.name) } } }
            td { (due.place.book) } td { (due.place.period) }
            td {
                (due.date)
                @if !done {
                    " " @if due.left < 0 { (badge(Tone::Bad, &days(lang, "page-days-late", -due.left))) }
                    @else { (badge(if due.left <= 3 { Tone::Warn } else { Tone::Plain }, &days(lang, "page-days-left", due.left))) }
                }
            }
            td {
                (state(lang, &due.state))
                @if due.tries > 0 { " " (badge(Tone::Warn, &ui::text(lang, "label-tried-times", &[("times", due.tries.to_string())]))) }
                @if !due.stale.is_empty() { " " (stale(lang, due)) }
            }
            td {
                @if due.open[0] > 0 { (badge(Tone::Bad, &format!("{} {}", label(lang, "page-mandatory"), due.open[0]))) " " }
                @if due.open[1] > 0 { (badge(Tone::Warn, &format!("{} {}", label(lang, "page-to-explain"), due.open[1]))) }
            }
            td { (next(session, due, &address)) }
        }
    }
}

/// That what a draft stands on has changed, and what of it.
fn stale(lang: Lang, due: &Due) -> Markup {
    let why: Vec<String> = due.stale.iter().map(|code| label(lang, code)).collect();
    html! { abbr title=(label(lang, "page-stale-means")) { (badge(Tone::Warn, &label(lang, "stale"))) } small { (why.join("；")) } }
}

/// Months that are not reported, and the draft that may be kept of them all the same.
fn exempt(session: &Session, home: &Home) -> Markup {
    let lang = session.lang;
    html! {
        @for free in &home.exempt {
            @let address = routes::draft(&free.place);
            div.row {
                span.dim { (ui::text(lang, if free.with.is_empty() { "label-page-exempt" } else { "label-page-exempt-with" }, &[("form", &free.place.form), ("period", &free.place.period), ("with", &free.with)])) }
                @if free.state != "not_built" { a href=(address) { (label(lang, "page-do-look")) } }
                @else if free.reached { (button(&format!("{address}/step"), &session.token, &label(lang, "page-exempt-build"), true, &[("step", "build")])) }
            }
        }
    }
}

fn days(lang: Lang, name: &str, days: i32) -> String {
    ui::text(lang, &format!("label-{name}"), &[("days", days.to_string())])
}

/// One thing to do, or whose turn it is.
fn next(session: &Session, due: &Due, address: &str) -> Markup {
    let lang = session.lang;
    let Next { name, page, waits } = &due.next;
    let to = if page.is_empty() { address.to_owned() } else { format!("{address}/{page}") };
    html! {
        @if !waits.is_empty() {
            a href=(to) { (label(lang, "page-do-look")) } small { (label(lang, "waits-for")) (waits.join("、")) " · " (label(lang, name)) }
        } @else if *name == "page-not-read" {
            span.dim { (label(lang, name)) }
        } @else if ["page-do-build", "page-do-rebuild"].contains(name) {
            (button(&format!("{address}/step"), &session.token, &label(lang, name), false, &[("step", "build")]))
        } @else {
            a.button.plain href=(to) { (label(lang, name)) }
        }
    }
}
