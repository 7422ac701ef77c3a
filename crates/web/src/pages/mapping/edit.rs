//! A change of one formula, or of what an account is: tried on the sealed book, and saved once its effect was seen.

use std::sync::Arc;

use axum::{
    extract::{Query, State},
    response::{IntoResponse, Redirect, Response},
};
use maud::{Markup, html};
use serde::Deserialize;
use ui::{
    Lang, grouped, label,
    page::{self, Tone, badge},
};

use super::{chosen, class, rows};
use crate::{
    desk::{EditPlace, EditView, MovedView, Place, Refusal, TrialView},
    pages::{Leaf, findings, home_way, money, shown},
    routes,
    server::App,
    signed::{Act, Session, Signed},
};

#[derive(Deserialize)]
pub struct Asked {
    book: String,
    period: String,
    what: String,
    /// A formula, or an account of the standard.
    say: Option<String>,
    /// The row that an account is added to.
    into: Option<String>,
    /// How it is added.
    add: Option<String>,
    /// Whether it was saved just now.
    saved: Option<String>,
}

pub async fn page(State(app): State<Arc<App>>, Signed(session): Signed, Query(asked): Query<Asked>) -> Response {
    let Asked { book, period, what, say, into, add, saved } = asked;
    // An account that is added to a row: the row's page, with the formula filled in.
    if let (Some(row), Some(add)) = (into.filter(|row| !row.is_empty()), add) {
        let (who, place) = (session.person.clone(), EditPlace { book, period, what: row });
        let asked = place.clone();
        return match app.ask(move |desk| desk.edit_view(&who, &asked, None)).await {
            Ok(view) => {
                let formula = view.now.map_or_else(|| add.clone(), |now| format!("{now} + {add}"));
                Redirect::to(&routes::edit(&place, Some(&formula))).into_response()
            }
            Err(refusal) => crate::pages::refused(&app, &session, refusal).await,
        };
    }
    let place = EditPlace { book, period, what };
    let (who, wanted, said) = (session.person.clone(), place.clone(), say.filter(|say| !say.trim().is_empty()));
    let answer = app.ask(move |desk| desk.edit_view(&who, &wanted, said.as_deref())).await;
    let page = |view: &EditView| (title(session.lang, view), way(session.lang, &place), body(&session, view, saved.is_some()));
    shown(&app, &session, super::HERE, answer, page).await
}

fn title(lang: Lang, view: &EditView) -> String {
    let kind = label(lang, if view.account.is_some() { "mapping-account" } else { "mapping-formula" });
    format!("{kind} · {} {}", view.place.what.trim_start_matches("account:"), view.name)
}

/// The way to the mapping.
fn way(lang: Lang, place: &EditPlace) -> Vec<(String, String)> {
    let mut way = home_way(lang);
    way.push((routes::mapping(&place.book, &place.period), format!("{} {}", label(lang, "mapping-page"), place.period)));
    way
}

fn body(session: &Session, view: &EditView, saved: bool) -> Markup {
    let lang = session.lang;
    let say = |name: &str| label(lang, name);
    let typed = view.trial.as_ref().map(|trial| trial.said.as_str()).or(view.now.as_deref()).unwrap_or_default();
    html! {
        @if saved {
            div.note role="status" {
                p { (say("mapping-saved")) }
                @if let Some((form, _)) = view.place.what.split_once(':').filter(|(form, _)| *form != "account") {
                    @let to = Place { book: view.place.book.clone(), form: form.to_owned(), period: view.place.period.clone() };
                    p { a href=(routes::draft(&to)) { (say("mapping-saved-next")) } }
                }
            }
        }
        div.card {
            @if let Some(account) = &view.account {
                p { strong { (account.code) " " (account.name) } " · " (class(lang, &account.class))
                    @if let Some(carried) = &account.carried { " · " (say("mapping-carried")) " " (money(carried)) } }
            }
            (page::facts(&[
                (say(if view.account.is_some() { "mapping-account-is" } else { "mapping-formula-now" }), html! { code { (view.now.as_deref().unwrap_or("—")) } }),
                (say("mapping-place"), html! { (if view.stands.is_empty() { "—" } else { &view.stands }) }),
                (say("why"), html! { (view.why.as_deref().unwrap_or("—")) }),
            ]))
            @let words = &view.words[usize::from(lang == Lang::En)];
            @if !words.is_empty() { p.words { (words) } }
            @if let Some((formula, place)) = &view.original {
                p { a.button.plain href=(routes::edit(&view.place, Some(formula))) data-key="o" { (say("mapping-restore")) }
                    " " span.dim { (ui::text(lang, "label-mapping-restore-help", &[("formula", formula), ("place", place)])) } }
            }
            @for [name, called, formula] in &view.items {
                @let to = EditPlace { what: name.clone(), ..view.place.clone() };
                p { a href=(routes::edit(&to, None)) { (name) } " " (called) " = " code { (formula) } }
            }
        }
        form.card method="get" action="/mapping/edit" {
            input type="hidden" name="book" value=(view.place.book);
            input type="hidden" name="period" value=(view.place.period);
            input type="hidden" name="what" value=(view.place.what);
            @if view.account.is_some() {
                label for="say" { (say("mapping-account-is")) }
                (standard(lang, view, typed))
                p.dim { (say("mapping-account-help")) }
            } @else {
                label for="say" { (say("mapping-formula")) }
                textarea id="say" name="say" required spellcheck="false" { (typed) }
                p.dim { (say("mapping-formula-help")) }
                details { summary { (say("mapping-examples")) }
                    div.scroll { table {
                        thead { tr { th scope="col" { (say("mapping-formula")) } th scope="col" { (say("mapping-examples-means")) } } }
                        tbody { @for (formula, words) in &view.examples { tr { td { code { (formula) } } td { (words[usize::from(lang == Lang::En)]) } } } }
                    } }
                }
            }
            button { (say("mapping-try")) }
        }
        @if let Some(account) = &view.account { (into(lang, view, account)) }
        @if let Some(trial) = &view.trial {
            h2 { (say("mapping-tried")) " · " (view.place.period) }
            (tried(lang, trial))
            @if trial.sound { (keep(session, view, trial)) }
        }
    }
}

/// Accounts of the standard.
fn standard(lang: Lang, view: &EditView, now: &str) -> Markup {
    let mut classes: Vec<&str> = Vec::new();
    for [class, ..] in &view.choices {
        if !classes.contains(&class.as_str()) {
            classes.push(class);
        }
    }
    html! {
        select id="say" name="say" required {
            option value="" { "—" }
            option value="none" selected[now == "none"] { (label(lang, "mapping-account-nothing")) }
            @for group in classes {
                optgroup label=(class(lang, group)) {
                    @for [_, code, name] in view.choices.iter().filter(|[class, ..]| class == group) {
                        option value=(code) selected[code == now] { (code) " " (name) }
                    }
                }
            }
        }
    }
}

/// An account can be added to one formula instead.
fn into(lang: Lang, view: &EditView, account: &crate::desk::AccountView) -> Markup {
    let loss = account.class == "profit_and_loss";
    let code = &account.code;
    let ways: Vec<String> = match loss {
        true => vec![format!("SL({code},,借)"), format!("SL({code},,贷)")],
        false => vec![format!("QM({code},,借)"), format!("QM({code},,贷)")],
    };
    html! {
        form.card.row.ends method="get" action="/mapping/edit" {
            input type="hidden" name="book" value=(view.place.book);
            input type="hidden" name="period" value=(view.place.period);
            input type="hidden" name="what" value=(view.place.what);
            (rows(lang, "into", &label(lang, "mapping-account-into"), &view.rows))
            (chosen("add", &label(lang, "mapping-formula"), &ways, ""))
            button.plain { (label(lang, "mapping-account-into-go")) }
        }
    }
}

/// What a change would do, or what is wrong with it.
pub fn tried(lang: Lang, trial: &TrialView) -> Markup {
    let say = |name: &str| label(lang, name);
    let own: Vec<&MovedView> = trial.moved.iter().filter(|moved| moved.own).collect();
    let others: Vec<&MovedView> = trial.moved.iter().filter(|moved| !moved.own && moved.other).collect();
    html! {
        @if !trial.parts.is_empty() {
            p { (say("mapping-wrong")) }
            pre.formula { @for (text, wrong) in &trial.parts { @if *wrong { mark { (text) } } @else { (text) } } }
        }
        (findings(lang, &trial.findings))
        @if !own.is_empty() { h3 { (say("mapping-this")) } (table(lang, &own)) }
        @if trial.sound {
            h3 { (say("mapping-others")) " " (badge(Tone::Plain, &others.len().to_string())) }
            @if !others.is_empty() { (table(lang, &others)) }
            @else if own.iter().any(|moved| moved.other) { p { (say("mapping-others-none")) } }
            @else { p { (say("mapping-nothing-moves")) } }
        }
    }
}

fn table(lang: Lang, moved: &[&MovedView]) -> Markup {
    let say = |name: &str| label(lang, name);
    let books: std::collections::BTreeSet<&str> = moved.iter().map(|moved| moved.book.as_str()).collect();
    let value = |[value, _, status]: &[String; 3]| match value.is_empty() {
        false => grouped(value),
        true if status.is_empty() => "—".to_owned(),
        true => label(lang, &format!("status-{}", status.replace('_', "-"))),
    };
    html! {
        div.scroll { table {
            thead { tr {
                @if books.len() > 1 { th scope="col" { (say("book")) } }
                @for name in ["indicator", "name", "page-column", "unit"] { th scope="col" { (say(name)) } }
                @for name in ["before", "after", "difference"] { th.n scope="col" { (say(name)) } }
            } }
            tbody { @for moved in moved { tr.changed[moved.other] data-figure=(format!("{}:{}", moved.form, moved.cell)) data-column=(moved.column) data-after=(moved.after[0]) data-raw=(moved.after[1]) {
                @if books.len() > 1 { td { (moved.book) } }
                td { (moved.form) ":" (moved.cell) } td { (moved.name) } td { (label(lang, &moved.column)) } td { (moved.unit) }
                td.n title=(money(&moved.before[1])) { (value(&moved.before)) } td.n title=(money(&moved.after[1])) { @if moved.other { strong { (value(&moved.after)) } } @else { (value(&moved.after)) } }
                td.n { (gap(moved)) }
            } } }
        } }
    }
}

/// How much it moves.
fn gap(moved: &MovedView) -> String {
    let amount = |text: &str| text.parse::<model::Amount>().ok();
    let gap = amount(&moved.after[0]).zip(amount(&moved.before[0])).and_then(|(after, before)| after.checked_sub(before));
    gap.filter(|gap| !gap.is_zero()).map(|gap| grouped(&gap.to_string())).unwrap_or_default()
}

/// The form that saves what was tried.
fn keep(session: &Session, view: &EditView, trial: &TrialView) -> Markup {
    let say = |name: &str| label(session.lang, name);
    html! {
        @if view.may {
            form.card method="post" action="/mapping/edit" {
                input type="hidden" name="token" value=(session.token);
                input type="hidden" name="book" value=(view.place.book);
                input type="hidden" name="period" value=(view.place.period);
                input type="hidden" name="what" value=(view.place.what);
                input type="hidden" name="say" value=(trial.said);
                input type="hidden" name="digest" value=(view.digest);
                (goes_into(session.lang, &view.file, view.fresh))
                label for="why" { (say("mapping-reason")) }
                input id="why" name="why" size="70" minlength="4" required;
                p { button { (say("mapping-save")) } }
            }
        } @else { p.note { (say("mapping-may-not")) } }
    }
}

/// The layer that is about to be written.
pub fn goes_into(lang: Lang, file: &str, fresh: bool) -> Markup {
    html! { p { (label(lang, "mapping-file")) " " code { (file) } @if fresh { " " (badge(Tone::Plain, &label(lang, "mapping-file-new"))) } } }
}

pub async fn save(State(app): State<Arc<App>>, act: Act) -> Response {
    let text = |name: &str| act.text(name).to_owned();
    let place = EditPlace { book: text("book"), period: text("period"), what: text("what") };
    let (who, asked) = (act.session.person.clone(), place.clone());
    let (said, why, digest) = (text("say"), text("why"), text("digest"));
    let tried = said.clone();
    match app.ask(move |desk| desk.edit_save(&who, &asked, &said, &why, &digest)).await {
        Ok(_) => Redirect::to(&format!("{}&saved=1", routes::edit(&place, None))).into_response(),
        Err(refusal) => refused(&app, &act.session, &place, &tried, refusal).await,
    }
}

/// A refusal with the way back to what was tried, so that nothing that was typed is lost.
async fn refused(app: &App, session: &Session, place: &EditPlace, said: &str, refusal: Refusal) -> Response {
    let lang = session.lang;
    let body = html! {
        (findings(lang, &refusal.findings))
        p { a.button.plain href=(routes::edit(place, Some(said))) { (label(lang, "page-back")) } }
    };
    let leaf = Leaf { app, session, title: label(lang, "page-refused"), crumbs: way(lang, place), here: super::HERE };
    leaf.with(axum::http::StatusCode::CONFLICT, body).await
}
