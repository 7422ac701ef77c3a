/*! Rules that are not met: both sides with their numbers, and the place to say why. */

use std::sync::Arc;

use axum::{
    extract::{Path, State},
    response::Response,
};
use maud::{Markup, html};
use ui::{
    Lang, grouped, label,
    page::{Tone, badge},
};

use super::{again, findings, shown, way, went};
use crate::{
    desk::{FigurePlace, Place, Verdict, Verdicts},
    routes,
    server::App,
    signed::{Act, Session, Signed},
};

pub async fn page(State(app): State<Arc<App>>, Signed(session): Signed, Path(place): Path<Place>) -> Response {
    let wanted = place.clone();
    let answer = app.ask(move |desk| desk.verdicts(&wanted)).await;
    let title = format!("{} {} · {}", place.form, place.period, label(session.lang, "page-rules"));
    shown(&app, &session, "", answer, |verdicts| (title, way(session.lang, &place), body(&session, &place, verdicts))).await
}

fn body(session: &Session, place: &Place, verdicts: &Verdicts) -> Markup {
    let lang = session.lang;
    let blocks = verdicts.open.iter().any(|verdict| verdict.severity == "mandatory");
    let [met, none] = verdicts.counts;
    let said = verdicts.open.iter().filter(|verdict| verdict.said.as_ref().is_some_and(|(_, holds)| *holds)).count();
    let unmet = verdicts.open.len() - said;
    html! {
        // In the words of the receipt, which counts the same rules.
        p {
            (badge(Tone::Good, &format!("{} {met}", label(lang, "audit-met")))) " "
            (badge(Tone::Plain, &format!("{} {none}", label(lang, "audit-not-applicable")))) " "
            (badge(if unmet == 0 { Tone::Good } else { Tone::Warn }, &format!("{} {unmet}", label(lang, "audit-unmet"))))
            @if said > 0 { " " (badge(Tone::Good, &format!("{} {said}", label(lang, "audit-unmet-explained")))) }
        }
        p.dim { (label(lang, "page-rules-words")) }
        @if blocks { div.note.error role="alert" { p { (label(lang, "page-mandatory-blocks")) } } }
        @for verdict in &verdicts.open { (card(session, place, verdicts, verdict)) }
    }
}

/// States in which a draft has left: what is said of it then is said with a correction.
const SENT: [&str; 4] = ["queued", "handed_out", "delivered", "accepted"];

fn tone(severity: &str) -> Tone {
    match severity {
        "mandatory" => Tone::Bad,
        "verify" => Tone::Warn,
        _ => Tone::Plain,
    }
}

fn card(session: &Session, place: &Place, verdicts: &Verdicts, verdict: &Verdict) -> Markup {
    let lang = session.lang;
    html! {
        section.card id=(verdict.rule) {
            h2 { (verdict.rule) " " (badge(tone(&verdict.severity), &label(lang, &format!("severity-{}", verdict.severity)))) }
            p { (verdict.text) }
            div.scroll { table {
                thead { tr { th scope="col" { (label(lang, "page-side")) } th.n scope="col" { (label(lang, "page-value")) } } }
                tbody { @for side in &verdict.sides { tr { td { (side.words[usize::from(lang == Lang::En)]) small { code { (side.text) } } } td.n { (side.value.as_deref().map_or_else(|| "—".to_owned(), grouped)) } } } }
            } }
            (figures(lang, place, verdicts, verdict))
            @let holds = verdict.said.as_ref().is_some_and(|(_, holds)| *holds);
            // What was explained asks for nothing any more.
            @if !holds { (findings(lang, std::slice::from_ref(&verdict.finding))) }
            @if let Some(([cause, text, by], holds)) = &verdict.said {
                p { (badge(if *holds { Tone::Good } else { Tone::Warn }, &label(lang, if *holds { "page-explained" } else { "page-explained-before" }))) " " (cause) " · " (text) " (" (by) ")" }
            }
            @if verdict.severity == "verify" {
                @if SENT.contains(&verdicts.view.state.as_str()) { p.dim { (label(lang, "page-explain-sent")) } }
                @else if holds { details { summary { (label(lang, "page-explain-anew")) } (form(session, place, verdicts, verdict)) } }
                @else { (form(session, place, verdicts, verdict)) }
            }
        }
    }
}

fn figures(lang: Lang, place: &Place, verdicts: &Verdicts, verdict: &Verdict) -> Markup {
    let column = |id: &str| {
        let cell = verdicts.view.draft.cells.iter().find(|cell| cell.id == id)?;
        let main = cell.columns.main()?;
        cell.columns.each().find(|(_, known)| std::ptr::eq(*known, main)).map(|(name, _)| name.to_owned())
    };
    html! {
        @if !verdict.figures.is_empty() {
            ul { @for [id, name, value] in &verdict.figures {
                li {
                    @match column(id) {
                        Some(column) => a href=(routes::figure(&FigurePlace { draft: place.clone(), cell: id.clone(), column })) { (id) " " (name) },
                        None => { (id) " " (name) },
                    }
                    " = " (grouped(value)) @if value.is_empty() { (label(lang, "page-none")) }
                }
            } }
        }
    }
}

fn form(session: &Session, place: &Place, verdicts: &Verdicts, verdict: &Verdict) -> Markup {
    let lang = session.lang;
    let id = |name: &str| format!("{name}-{}", verdict.rule);
    html! {
        form method="post" action=(format!("{}/explain", routes::draft(place))) {
            input type="hidden" name="token" value=(session.token);
            input type="hidden" name="rule" value=(verdict.rule);
            input type="hidden" name="digest" value=(verdicts.view.digest);
            label for=(id("cause")) { (label(lang, "cause")) }
            select id=(id("cause")) name="cause" required {
                option value="" { (label(lang, "page-choose")) }
                @for (code, name) in &verdicts.causes { option value=(code) { (name) } }
            }
            label for=(id("text")) { (label(lang, "explanation")) }
            textarea id=(id("text")) name="text" required {}
            p.dim { (label(lang, "page-explain-help")) }
            div.row { button { (label(lang, "page-do-explain")) } }
        }
    }
}

pub async fn explain(State(app): State<Arc<App>>, Path(place): Path<Place>, act: Act) -> Response {
    let (who, asked) = (act.session.person.clone(), place.clone());
    let [digest, rule, cause, text] = ["digest", "rule", "cause", "text"].map(|name| act.text(name).to_owned());
    match app.ask(move |desk| desk.explain(&who, &asked, &digest, &rule, &cause, &text)).await {
        Ok(()) => went(&app, &act, Vec::new(), &format!("{}/rules#{}", routes::draft(&place), routes::part(act.text("rule")))),
        Err(refusal) => again(&app, &act, Vec::new(), refusal, &format!("{}/rules", routes::draft(&place))).await,
    }
}
