/*! The mapping: the chart of accounts as a tree, with what each account feeds and the money it carries. */

mod edit;
mod paste;

use std::sync::Arc;

use axum::{
    Router,
    extract::{DefaultBodyLimit, Query, State},
    response::Response,
    routing::get,
};
use maud::{Markup, html};
use ui::{
    Lang, label,
    page::{Tone, badge},
};

use super::{findings, home_way, money, shown};
use crate::{
    desk::{AccountView, ChartView, EditPlace, FormRows, MappingAsked},
    routes,
    server::App,
    signed::Signed,
};

/// Address of the tree.
pub const HERE: &str = "/mapping";

/// Largest form of pasted formulas, as browsers send it.
const PASTED_BYTES: usize = 2 << 20;

/// Pages of the mapping.
pub fn routes() -> Router<Arc<App>> {
    Router::new()
        .route(HERE, get(page))
        .route("/mapping/edit", get(edit::page).post(edit::save))
        .route("/mapping/paste", get(paste::page).post(paste::act).layer(DefaultBodyLimit::max(PASTED_BYTES)))
}

pub async fn page(State(app): State<Arc<App>>, Signed(session): Signed, Query(asked): Query<MappingAsked>) -> Response {
    let lang = session.lang;
    let (wanted, q) = (asked.clone(), asked.q.trim().to_owned());
    let answer = app.ask(move |desk| desk.chart_view(&wanted)).await;
    let page = |view: &ChartView| {
        let title = format!("{} · {} {}", label(lang, "mapping-page"), view.book, view.period);
        (title, home_way(lang), body(lang, view, &q))
    };
    shown(&app, &session, HERE, answer, page).await
}

fn body(lang: Lang, view: &ChartView, q: &str) -> Markup {
    let say = |name: &str| label(lang, name);
    html! {
        p { (say("mapping-page-help")) }
        div.card {
            form.row.ends method="get" action=(HERE) {
                @if view.books.len() > 1 { (chosen("book", &say("book"), &view.books, &view.book)) } @else { input type="hidden" name="book" value=(view.book); }
                (chosen("period", &say("period"), &view.months, &view.period))
                span { label for="q" { (say("mapping-search")) } input id="q" type="search" name="q" value=(q); }
                button { (say("mapping-search-go")) }
            }
            form.row.ends method="get" action="/mapping/edit" {
                input type="hidden" name="book" value=(view.book);
                input type="hidden" name="period" value=(view.period);
                (rows(lang, "what", &say("mapping-change"), &view.rows))
                button.plain { (say("mapping-change")) }
                a.button.plain href=(format!("/mapping/paste?book={}&period={}", routes::part(&view.book), routes::part(&view.period))) data-key="v" { (say("mapping-import")) }
                a.button.plain href="/exam" data-key="x" { (say("exam-page")) }
            }
        }
        (findings(lang, &view.findings))
        @if q.is_empty() { (unmapped(lang, view)) }
        h2 { (say("mapping-tree")) " · " (view.standard) }
        p.dim { (say("mapping-tree-help")) }
        @if view.tree.is_empty() { p { (say("mapping-none-found")) } }
        @else { div.chart-head aria-hidden="true" { span { (say("account")) } @for name in MONEY { span.n { (say(name)) } } } }
        ul.tree.root.chart { @for account in &view.tree { (branch(lang, view, account, !q.is_empty())) } }
        p.keys { kbd { "v" } " " (say("mapping-import")) " · " kbd { "x" } " " (say("exam-page")) }
    }
}

/// Columns of money.
const MONEY: [&str; 4] = ["opening", "debit", "credit", "closing"];

/// A choice of words.
pub fn chosen(name: &str, title: &str, known: &[String], now: &str) -> Markup {
    html! {
        span { label for=(name) { (title) } select id=(name) name=(name) { @for one in known { option value=(one) selected[one == now] { (one) } } } }
    }
}

/// A choice of rows with formulas.
pub fn rows(lang: Lang, name: &str, title: &str, rows: &[FormRows]) -> Markup {
    html! {
        span {
            label for=(name) { (title) }
            select id=(name) name=(name) required {
                option value="" { (label(lang, "mapping-pick")) }
                @for (form, called, rows) in rows {
                    optgroup label=(format!("{form} {called}")) {
                        @for [figure, row] in rows { option value=(figure) { (figure) " " (row) } }
                    }
                }
            }
        }
    }
}

/// Accounts with money that reach nothing.
fn unmapped(lang: Lang, view: &ChartView) -> Markup {
    let say = |name: &str| label(lang, name);
    html! {
        h2 { (say("mapping-unmapped")) " " (badge(if view.unmapped.is_empty() { Tone::Good } else { Tone::Warn }, &view.unmapped.len().to_string())) }
        @if view.unmapped.is_empty() { p { (say("mapping-unmapped-none")) } }
        @else {
            p.dim { (say("mapping-unmapped-help")) }
            div.scroll { table data-grid {
                thead { tr {
                    th scope="col" { (say("account")) } th scope="col" { (say("name")) } th scope="col" { (say("mapping-erp-class")) }
                    th.n scope="col" { (say("mapping-carried")) } th scope="col" { (say("mapping-decide")) }
                } }
                tbody { @for account in &view.unmapped { tr {
                    td { (account.code) } td { (account.name) } td { (class(lang, &account.class)) }
                    td.n data-carried=(account.carried.as_deref().unwrap_or_default()) { (money(account.carried.as_deref().unwrap_or_default())) }
                    td { a.cell href=(decide(view, &account.code)) { (say("mapping-decide")) } }
                } } }
            } }
        }
    }
}

/// Where it is decided what an account is.
fn decide(view: &ChartView, code: &str) -> String {
    let place = EditPlace { book: view.book.clone(), period: view.period.clone(), what: format!("account:{code}") };
    routes::edit(&place, None)
}

fn class(lang: Lang, class: &str) -> String {
    label(lang, &format!("class-{}", if class.is_empty() { "unknown" } else { class }))
}

/// An account with those below it.
fn branch(lang: Lang, view: &ChartView, account: &AccountView, open: bool) -> Markup {
    html! {
        li {
            @if account.children.is_empty() { (leaf(lang, view, account)) }
            @else {
                details open[open] {
                    summary { (line(lang, account)) }
                    (about(lang, view, account))
                    ul.tree { @for child in &account.children { (branch(lang, view, child, open)) } }
                }
            }
        }
    }
}

fn leaf(lang: Lang, view: &ChartView, account: &AccountView) -> Markup {
    html! { div.line { (line(lang, account)) } (about(lang, view, account)) }
}

/// Code, name and money.
fn line(lang: Lang, account: &AccountView) -> Markup {
    html! {
        span.account data-account=(account.code) {
            @if !account.code.is_empty() { strong { (account.code) } " " } (account.name)
            @match account.reach {
                "none" if account.carried.is_some() && account.class != "equity" => { " " (badge(Tone::Warn, &label(lang, "reach-none"))) },
                "nothing" => { " " (badge(Tone::Plain, &label(lang, "reach-nothing"))) },
                _ => {},
            }
            @if !account.undecided.is_empty() { " " (badge(Tone::Warn, &label(lang, "mapping-undecided"))) }
        }
        @match &account.money {
            Some(amounts) => @for amount in amounts { span.n data-money=(amount) { (money(amount)) } },
            None => @for _ in MONEY { span.n.dim { "—" } },
        }
    }
}

/// What it is and what it feeds.
fn about(lang: Lang, view: &ChartView, account: &AccountView) -> Markup {
    let say = |name: &str| label(lang, name);
    let here = |figure: &str| {
        routes::edit(&EditPlace { book: view.book.clone(), period: view.period.clone(), what: figure.to_owned() }, None)
    };
    html! {
        @if !account.code.is_empty() {
            p.feeds {
                @if account.standard.is_empty() { span.dim { (class(lang, &account.class)) } } @else { (say("mapping-standard")) " " (account.standard) }
                @for may in &account.undecided { " · " (may) "?" }
                @if let Some([is, why]) = &account.decided { " · " abbr title=(why) { (say("mapping-account")) " " (is) } }
                @if !account.feeds.is_empty() {
                    " · " (say(if account.reach == "class" { "mapping-feeds-class" } else { "mapping-feeds" })) " "
                    @for (at, feed) in account.feeds.iter().enumerate() { @if at > 0 { "、" } a href=(here(&feed.figure)) title=(feed.name) { (feed.figure) } }
                }
                " · " a href=(decide(view, &account.code)) { (say("mapping-decide")) }
            }
        }
    }
}
