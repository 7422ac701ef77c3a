/*! A draft in the layout of its form: every figure is a link to what it is made of. */

use std::sync::Arc;

use axum::{
    extract::{Path, State},
    response::Response,
};
use maud::{Markup, html};
use survey::document::{Cell, Column, Draft};
use ui::{
    Lang, grouped, label,
    page::{self, Tone, badge},
};

use super::{again, download, findings, home_way, reasons, refused, shown, state, went};
use crate::{
    desk::{DraftView, FigurePlace, Offer, Offers, Place, Step},
    routes,
    server::App,
    signed::{Act, Session, Signed},
};

pub async fn page(State(app): State<Arc<App>>, Signed(session): Signed, Path(place): Path<Place>) -> Response {
    let asked = place.clone();
    let who = session.person.clone();
    let answer = app.ask(move |desk| Ok((desk.draft(&asked)?, desk.offers(&who, &asked)?))).await;
    let page = |(view, offers): &(DraftView, Offers)| {
        let title = format!("{} {} · {}", view.draft.form, view.draft.name, view.draft.period);
        (title, home_way(session.lang), body(&session, &place, (view, offers)))
    };
    shown(&app, &session, "", answer, page).await
}

fn body(session: &Session, place: &Place, (view, offers): (&DraftView, &Offers)) -> Markup {
    let (lang, draft) = (session.lang, &view.draft);
    let address = routes::draft(place);
    let by_hand = draft.cells.iter().filter(|cell| cell.formula.is_none()).count();
    html! {
        (head(lang, view))
        div.row {
            a.button.plain href=(format!("{address}/rules")) data-key="r" { (label(lang, "page-rules")) }
            a.button.plain href=(format!("{address}/sign")) data-key="s" { (label(lang, "page-sign")) }
            a.button.plain href=(format!("{address}/versions")) data-key="v" { (label(lang, "page-versions")) }
            a.button.plain href=(format!("{address}/portal")) data-key="f" { (label(lang, "page-portal")) }
            a.button.plain href=(format!("/exam?form={}&period={}", routes::part(&draft.form), routes::part(&draft.period))) data-key="x" { (label(lang, "exam-page")) }
            @if by_hand > 0 { a.button.plain href=(format!("{address}/fill")) data-key="t" { (label(lang, "page-fill")) " " (by_hand) } }
            @for kind in ["xlsx", "pdf", "csv"] {
                a.button.plain href=(format!("{address}/export/{kind}")) download { (kind.to_uppercase()) }
            }
            @if let Some(before) = &view.before { a.button.plain href=(routes::draft(before)) data-key="p" { (label(lang, "page-month-before")) } }
        }
        (findings(lang, &view.findings))
        div.scroll { table data-grid {
            caption { (label(lang, "money-unit")) " " (draft.header.money_unit) }
            thead { tr {
                th scope="col" { (label(lang, "code")) } th scope="col" { (label(lang, "name")) } th scope="col" { (label(lang, "unit")) }
                @for name in draft.shown() { th.n scope="col" { (label(lang, name)) } }
                th.n scope="col" { (label(lang, "growth")) } th scope="col" { (label(lang, "page-marks")) }
            } }
            tbody { @for cell in &draft.cells { (row(lang, place, draft, cell)) } }
        } }
        p.keys { (label(lang, "page-keys-draft")) " " kbd { "← ↑ → ↓" } " " kbd { "Enter" } " · " kbd { "r" } " " (label(lang, "page-rules")) " · " kbd { "f" } " " (label(lang, "page-portal")) }
        (said(lang, draft))
        (steps(session, place, view, offers))
    }
}

/// Head of the official form, and where the draft stands.
fn head(lang: Lang, view: &DraftView) -> Markup {
    let (draft, header) = (&view.draft, &view.draft.header);
    let mut rows: Vec<(String, Markup)> = vec![(label(lang, "state"), state(lang, &view.state))];
    let facts = [
        ("unit-name", draft.unit.name.clone()),
        ("unit-code", draft.unit.code.clone()),
        ("authority", header.authority.clone()),
        ("document", header.document.clone()),
        ("valid-until", header.valid_until.clone()),
        ("page-version", view.version.to_string()),
    ];
    rows.extend(
        facts.into_iter().filter(|(_, value)| !value.is_empty()).map(|(name, value)| (label(lang, name), html! { (value) })),
    );
    rows.push((label(lang, "draft-digest"), page::digest(&view.digest)));
    html! {
        div.card {
            (page::facts(&rows))
            @if draft.books_open { (badge(Tone::Warn, &label(lang, "books-open"))) " " }
            @if !draft.due { (badge(Tone::Plain, &label(lang, "not-due"))) }
        }
    }
}

fn row(lang: Lang, place: &Place, draft: &Draft, cell: &Cell) -> Markup {
    html! {
        tr {
            td { (cell.code.as_deref().unwrap_or_default()) } td { (cell.name) } td { (cell.unit) }
            @for name in draft.shown() {
                @match cell.columns.shown(name) {
                    Some(column) => (figure(lang, place, cell, name, column)),
                    None => td {},
                }
            }
            td.n { (growth(lang, cell)) }
            td { (marks(lang, draft, cell)) }
        }
    }
}

/// Growth; where last year was not above zero, why there is none, and the difference.
fn growth(lang: Lang, cell: &Cell) -> Markup {
    match survey::grown(&cell.columns) {
        survey::Grown::None => html! {},
        survey::Grown::Percent(percent) => html! { (percent) "%" },
        survey::Grown::Meaningless { base, difference } => {
            let (base, difference) = (format!("{} {}", grouped(&base), cell.unit), grouped(&difference));
            let why = ui::text(lang, "label-growth-meaningless", &[("base", &base), ("difference", &difference)]);
            html! { abbr title=(why) { "—" } small { (ui::text(lang, "label-growth-difference", &[("difference", &difference)])) } }
        }
    }
}

/// The machine name of the column that stands under a heading.
fn named(cell: &Cell, shown: &str, column: &Column) -> String {
    let own = cell.columns.each().find(|(_, known)| std::ptr::eq(*known, column));
    own.map_or(shown, |(name, _)| name).to_owned()
}

fn figure(lang: Lang, place: &Place, cell: &Cell, shown: &str, column: &Column) -> Markup {
    let to = FigurePlace { draft: place.clone(), cell: cell.id.clone(), column: named(cell, shown, column) };
    let words = matches!(cell.kind.as_str(), "text" | "choice");
    let number = |value: &str| if words { value.to_owned() } else { grouped(value) };
    let adjusted = cell.adjusted(column);
    let text = match (adjusted, &column.value, &column.platform) {
        (Some(made), ..) => number(&made.reported),
        (None, Some(value), _) => number(value),
        (None, None, Some(filed)) => number(filed),
        (None, None, None) => "—".to_owned(),
    };
    let below = match (adjusted, &column.value, &column.platform) {
        (Some(_), computed, _) => {
            format!("{} {}", label(lang, "computed"), computed.as_deref().map_or_else(|| "—".to_owned(), number))
        }
        (None, None, Some(_)) => label(lang, "platform"),
        _ => String::new(),
    };
    let missing = adjusted.is_none() && column.value.is_none();
    html! {
        td.n.gap[missing] {
            a.cell href=(routes::figure(&to)) { (text) @if !below.is_empty() { small { (below) } } }
        }
    }
}

/// What is special about a row.
fn marks(lang: Lang, draft: &Draft, cell: &Cell) -> Markup {
    let about = |note: &&survey::document::Note| {
        note.place.starts_with(&format!("{}:{},", draft.form, cell.id)) || note.place == format!("{}:{}", draft.form, cell.id)
    };
    let told = draft.findings.iter().any(|note| about(&note));
    html! {
        @if cell.status != "ok" { (badge(Tone::Warn, &label(lang, &format!("status-{}", cell.status)))) " " }
        @if cell.adjustment.is_some() { (badge(Tone::Plain, &label(lang, "adjustment"))) " " }
        @if cell.record.is_some() { (badge(Tone::Plain, &label(lang, "page-manual"))) " " }
        @if cell.changed { (badge(Tone::Plain, &label(lang, "page-changed"))) " " }
        @if told { (badge(Tone::Warn, &label(lang, "page-finding"))) " " }
        @if cell.fact == "recalled" { (badge(Tone::Plain, &label(lang, "page-recalled"))) }
    }
}

/// 核实说明 and adjustments, as they go with the form.
fn said(lang: Lang, draft: &Draft) -> Markup {
    let adjusted: Vec<&Cell> = draft.cells.iter().filter(|cell| cell.adjustment.is_some()).collect();
    html! {
        @if !adjusted.is_empty() {
            h2 { (label(lang, "sheet-adjustments")) }
            div.scroll { table {
                thead { tr { @for name in ["code", "name", "adjustment", "adjustment-reason", "by"] { th scope="col" { (label(lang, name)) } } } }
                tbody { @for cell in adjusted { @if let Some(made) = &cell.adjustment {
                    tr { td { (cell.id) } td { (cell.name) } td.n { (grouped(&made.amount)) } td { (made.reason) } td { (made.by) } }
                } } }
            } }
        }
        @if !draft.explanations.is_empty() {
            h2 { (label(lang, "sheet-explanations")) }
            div.scroll { table {
                thead { tr { @for name in ["rule", "cause", "explanation", "by"] { th scope="col" { (label(lang, name)) } } } }
                tbody { @for said in &draft.explanations { tr { td { (said.rule) } td { (said.cause) } td { (said.text) } td { (said.by) } } } }
            } }
        }
    }
}

/// Rows and rules named before a draft is handed in; the rest is counted.
const NAMED: usize = 12;

/// What stands open in a draft, before anybody hands it in, approves or signs it: rules, and rows without a figure.
pub fn before(lang: Lang, place: &Place, view: &DraftView) -> Markup {
    let (draft, address) = (&view.draft, routes::draft(place));
    let rules = |code: &str| -> Vec<(String, String)> {
        let text = |note: &survey::document::Note, name: &str| note.arguments.get(name).cloned().unwrap_or_default();
        draft.findings.iter().filter(|note| note.code == code).map(|note| (text(note, "rule"), text(note, "text"))).collect()
    };
    let (broken, open) = (rules("rule-mandatory"), rules("rule-verify"));
    let reported = |cell: &&Cell| cell.columns.main().is_some_and(|main| main.value.is_some() || cell.adjusted(main).is_some());
    let empty: Vec<&Cell> = draft.cells.iter().filter(|cell| cell.status != "ok" && !reported(cell)).collect();
    let listed = |rules: &[(String, String)]| {
        html! { ul { @for (rule, text) in rules.iter().take(NAMED) { li { a href=(format!("{address}/rules#{}", routes::part(rule))) { (rule) } " " (text) } } } (rest(lang, rules.len())) }
    };
    html! {
        @if !broken.is_empty() { p { (badge(Tone::Bad, &format!("{} {}", label(lang, "page-mandatory"), broken.len()))) " " (label(lang, "page-mandatory-blocks")) } (listed(&broken)) }
        @if !open.is_empty() { p { (badge(Tone::Warn, &format!("{} {}", label(lang, "page-to-explain"), open.len()))) " " (label(lang, "page-explain-before-sign")) } (listed(&open)) }
        @if !empty.is_empty() {
            details open[empty.len() <= NAMED] {
                summary { (badge(Tone::Warn, &format!("{} {}", label(lang, "page-empty-rows"), empty.len()))) " " (label(lang, "page-empty-rows-means")) }
                ul { @for cell in &empty { li { (empty_row(lang, place, cell)) } } }
            }
        }
    }
}

fn rest(lang: Lang, count: usize) -> Markup {
    html! { @if count > NAMED { p.dim { (ui::text(lang, "label-page-and-more", &[("count", (count - NAMED).to_string())])) } } }
}

fn empty_row(lang: Lang, place: &Place, cell: &Cell) -> Markup {
    let main = cell.columns.main().and_then(|main| cell.columns.each().find(|(_, known)| std::ptr::eq(*known, main)));
    html! {
        @match main {
            Some((column, _)) => a href=(routes::figure(&FigurePlace { draft: place.clone(), cell: cell.id.clone(), column: column.to_owned() })) { (cell.id) " " (cell.name) },
            None => { (cell.id) " " (cell.name) },
        }
        " " span.dim { (label(lang, &format!("status-{}", cell.status))) }
    }
}

/// What can be done with the draft as it stands, and by whom not.
fn steps(session: &Session, place: &Place, view: &DraftView, offers: &Offers) -> Markup {
    let lang = session.lang;
    let address = routes::draft(place);
    let act = |step: &str, name: &str, plain: bool| {
        let to = format!("{address}/step");
        page::button(&to, &session.token, &label(lang, name), plain, &[("step", step), ("digest", &view.digest)])
    };
    let offered = |offer: &Offer, step: &str, name: &str| match offer {
        Some(Ok(())) => act(step, name, false),
        Some(Err(why)) => html! { p { (label(lang, "not-yours")) } (reasons(lang, why)) },
        None => html! {},
    };
    html! {
        h2 id="signoff" { (label(lang, "page-signoff")) }
        div.card {
            (before(lang, place, view))
            p { (label(lang, "page-signed-is-shown")) " " (page::digest(&view.digest)) }
            div.row {
                (offered(&offers.review, "review", "page-do-review"))
                (offered(&offers.approve, "approve", "page-do-approve"))
                @if view.state == "built" || view.stale { (act("build", "page-do-rebuild", true)) }
                a.button.plain href=(format!("{address}/sign")) { (label(lang, "page-sign")) }
            }
            @if let Some(Ok(())) = &offers.back { (give_back(session, place, &view.digest)) }
        }
    }
}

/// Gives a draft back, for a reason.
pub fn give_back(session: &Session, place: &Place, digest: &str) -> Markup {
    let lang = session.lang;
    html! {
        form method="post" action=(format!("{}/step", routes::draft(place))) {
            input type="hidden" name="token" value=(session.token);
            input type="hidden" name="step" value="return";
            input type="hidden" name="digest" value=(digest);
            label for="reason" { (label(lang, "page-reason")) }
            div.row {
                input id="reason" name="reason" size="50" required;
                button.plain { (label(lang, "page-do-return")) }
            }
        }
    }
}

pub async fn step(State(app): State<Arc<App>>, Path(place): Path<Place>, act: Act) -> Response {
    let step = match act.text("step") {
        "build" => Step::Build,
        "review" => Step::Review,
        "approve" => Step::Approve,
        "return" => Step::Return,
        _ => return refused(&app, &act.session, crate::desk::Refusal::missing()).await,
    };
    let (who, asked, back) = (act.session.person.clone(), place.clone(), routes::draft(&place));
    let (digest, reason) = (act.text("digest").to_owned(), act.text("reason").to_owned());
    match app.ask(move |desk| desk.step(&who, &asked, step, &digest, &reason)).await {
        Ok(told) => went(&app, &act, told, &routes::draft(&place)),
        // What could not be built may have no page to go back to.
        Err(refusal) => again(&app, &act, Vec::new(), refusal, if step == Step::Build { "/" } else { &back }).await,
    }
}

pub async fn export(
    State(app): State<Arc<App>>,
    Signed(session): Signed,
    Path((book, form, period, kind)): Path<(String, String, String, String)>,
) -> Response {
    let (place, lang) = (Place { book, form, period }, session.lang);
    match app.ask(move |desk| desk.export(&place, &kind, lang)).await {
        Ok(file) => download(file),
        Err(refusal) => refused(&app, &session, refusal).await,
    }
}
