//! Formulas of UFO or ACCT, pasted: what was understood, and those that are taken.

use std::sync::Arc;

use axum::{
    extract::{Query, State},
    response::{IntoResponse, Redirect, Response},
};
use maud::{Markup, html};
use serde::Deserialize;
use ui::{
    label,
    page::{Tone, badge},
};

use super::edit::{goes_into, tried};
use crate::{
    desk::{Pasted, PastedFormula, PastedView, Refusal},
    pages::{findings, home_way, refused, shown},
    routes,
    server::App,
    signed::{Act, Session, Signed},
};

/// Ways of writing, as the command names them.
const DIALECTS: [&str; 5] = ["ufo", "kingdee-cloud", "kingdee-k3", "kingdee-kis", "acct-qm"];

#[derive(Deserialize)]
pub struct Asked {
    #[serde(default)]
    book: String,
    #[serde(default)]
    period: String,
    #[serde(default)]
    form: String,
}

pub async fn page(State(app): State<Arc<App>>, Signed(session): Signed, Query(asked): Query<Asked>) -> Response {
    let pasted = Pasted { book: asked.book, period: asked.period, form: asked.form, ..Pasted::default() };
    show(&app, &session, pasted, None).await
}

async fn show(app: &App, session: &Session, pasted: Pasted, chosen: Option<Vec<usize>>) -> Response {
    let (who, asked, wanted) = (session.person.clone(), pasted.clone(), chosen.clone());
    let answer = app.ask(move |desk| desk.paste_view(&who, &asked, wanted.as_deref())).await;
    let page = |view: &PastedView| {
        let mut way = home_way(session.lang);
        way.push((routes::mapping(&view.pasted.book, &view.pasted.period), label(session.lang, "mapping-page")));
        (label(session.lang, "mapping-import"), way, body(session, view, chosen.as_deref()))
    };
    shown(app, session, super::HERE, answer, page).await
}

fn body(session: &Session, view: &PastedView, chosen: Option<&[usize]>) -> Markup {
    let lang = session.lang;
    let (say, pasted) = (|name: &str| label(lang, name), &view.pasted);
    html! {
        p { (say("mapping-import-help")) }
        form method="post" action="/mapping/paste" {
            input type="hidden" name="token" value=(session.token);
            input type="hidden" name="digest" value=(view.digest);
            input type="hidden" name="period" value=(pasted.period);
            div.card {
                div.row {
                    @if view.books.len() > 1 { (super::chosen("book", &say("book"), &view.books, &pasted.book)) } @else { input type="hidden" name="book" value=(pasted.book); }
                    span { label for="form" { (say("mapping-import-form")) } select id="form" name="form" {
                        @for [code, name] in &view.forms { option value=(code) selected[*code == pasted.form] { (code) " " (name) } }
                    } }
                    span { label for="dialect" { (say("mapping-import-dialect")) } select id="dialect" name="dialect" {
                        option value="" { (say("mapping-import-auto")) }
                        @for known in DIALECTS { option value=(known) selected[known == pasted.dialect] { (known) } }
                    } }
                }
                label for="text" { (say("mapping-formula")) }
                textarea id="text" name="text" rows="8" spellcheck="false" required { (pasted.text) }
                p { button.plain[!view.formulas.is_empty()] name="step" value="read" { (say("mapping-import-read")) } }
            }
            (findings(lang, &view.findings))
            @if !view.formulas.is_empty() {
                (formulas(session, &view.formulas, chosen))
                @if view.may {
                    div.card {
                        (goes_into(lang, &view.file, view.digest == "new"))
                        label for="why" { (say("mapping-reason")) }
                        input id="why" name="why" size="70";
                        div.row {
                            button.plain name="step" value="try" { (say("mapping-import-try")) }
                            button name="step" value="take" { (say("mapping-import-take")) }
                        }
                    }
                } @else { p.note { (say("mapping-may-not")) } }
            }
        }
        @if let Some(trial) = &view.trial { h2 { (say("mapping-tried")) " · " (pasted.period) } (tried(lang, trial)) }
    }
}

fn formulas(session: &Session, formulas: &[PastedFormula], chosen: Option<&[usize]>) -> Markup {
    let lang = session.lang;
    let tone = |result: &str| match result {
        "understood" => Tone::Good,
        "not-imported" => Tone::Bad,
        "to-check" => Tone::Warn,
        _ => Tone::Plain,
    };
    // Before anybody chose, what means the same is chosen and what must be looked at is not.
    let taken = |at: usize, formula: &PastedFormula| match chosen {
        Some(chosen) => chosen.contains(&at),
        None => ["understood", "renamed"].contains(&formula.result),
    };
    html! {
        div.scroll { table {
            thead { tr { @for name in ["mapping-take", "indicator", "original", "mapping-formula", "before", "result"] { th scope="col" { (label(lang, name)) } } } }
            tbody { @for (at, formula) in formulas.iter().enumerate() { tr {
                td { @if formula.formula.is_some() { input type="checkbox" name=(format!("take-{at}")) value="1" checked[taken(at, formula)] aria-label=(format!("{} {}", label(lang, "mapping-take"), formula.target)); } }
                td { (formula.target) } td { code { (formula.original) } small { (formula.dialect) } }
                td { code { (formula.formula.as_deref().unwrap_or("—")) } }
                td { code { (formula.now.as_deref().unwrap_or("—")) } }
                td { (badge(tone(formula.result), &label(lang, formula.result)))
                    @for finding in &formula.findings { small { (ui::text(lang, &finding.code, &finding.arguments)) } } }
            } } }
        } }
    }
}

pub async fn act(State(app): State<Arc<App>>, act: Act) -> Response {
    let text = |name: &str| act.text(name).to_owned();
    let pasted =
        Pasted { book: text("book"), period: text("period"), form: text("form"), dialect: text("dialect"), text: text("text") };
    let chosen: Vec<usize> = act.fields.keys().filter_map(|name| name.strip_prefix("take-")?.parse().ok()).collect();
    match act.text("step") {
        "try" => show(&app, &act.session, pasted, Some(chosen)).await,
        "take" => {
            let (who, why, digest) = (act.session.person.clone(), text("why"), text("digest"));
            let to = routes::mapping(&pasted.book, &pasted.period);
            match app.ask(move |desk| desk.paste_take(&who, &pasted, &chosen, &why, &digest)).await {
                Ok(_) => Redirect::to(&to).into_response(),
                Err(refusal) => refused(&app, &act.session, Refusal { kind: crate::desk::Kind::Refused, ..refusal }).await,
            }
        }
        _ => show(&app, &act.session, pasted, None).await,
    }
}
