/*! Measures: which short sheets are missing from whom, a table to type into, a file to be taken. People of departments see their own sheets alone. */

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    Router,
    extract::{DefaultBodyLimit, Path, Query, State},
    http::header,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use maud::{Markup, html};
use serde::Deserialize;
use ui::{
    Lang, grouped, label,
    page::{Tone, badge},
};

use super::{
    again,
    deeds::{attached, papers},
    month::turn,
    refused, shown, went, years,
};
use crate::{
    desk::{Entering, KindView, OwedView, SheetColumn, SheetPlace, SheetRow, SheetView, SheetsView, YearPlace},
    routes,
    server::{App, FILES_BYTES},
    signed::{Act, Anyone, OwnAct, Session, Signed},
};

/// Sheets and kinds, for those who may enter anything.
pub const ALL: &str = "/measures";
/// One's own sheets.
pub const OWN: &str = "/sheets";

/// Empty lines below those that are there.
const BLANK: usize = 3;
/// Columns whose names are explained.
const WORDS: [&str; 3] = ["basis", "coefficient", "document"];
/// Lines of a table at most.
const LINES: usize = 2_000;

/// Pages and acts. What stands below [`OWN`] is open to people of departments; the desk gives each its own.
pub fn routes() -> Router<Arc<App>> {
    let files = DefaultBodyLimit::max(FILES_BYTES);
    Router::new()
        .route(ALL, get(all))
        .route(OWN, get(own))
        .route("/sheets/{sheet}/{period}", get(sheet).post(sheet_enter).layer(files))
        .route("/sheets/{sheet}/{period}/withdraw", post(sheet_withdraw))
        .route("/sheets/{sheet}/{period}/template", get(sheet_template))
        .route("/kinds/{book}/{kind}/{period}", get(kind).post(kind_enter).layer(files))
        .route("/kinds/{book}/{kind}/{period}/withdraw", post(kind_withdraw))
        .route("/kinds/{book}/{kind}/{period}/template", get(kind_template))
}

#[derive(Deserialize)]
struct Asked {
    #[serde(default)]
    period: String,
}

fn address(place: &SheetPlace, period: &str) -> String {
    if place.sheet.is_empty() {
        format!("/kinds/{}/{}/{}", routes::part(&place.book), routes::part(&place.kind), routes::part(period))
    } else {
        format!("/sheets/{}/{}", routes::part(&place.sheet), routes::part(period))
    }
}

async fn all(State(app): State<Arc<App>>, Signed(session): Signed, Query(asked): Query<Asked>) -> Response {
    list(&app, &session, ALL, asked.period).await
}

async fn own(State(app): State<Arc<App>>, Anyone(session): Anyone, Query(asked): Query<Asked>) -> Response {
    list(&app, &session, OWN, asked.period).await
}

async fn list(app: &App, session: &Session, here: &'static str, period: String) -> Response {
    let who = session.person.clone();
    let answer = app.ask(move |desk| desk.sheets(&who, &period)).await;
    let name = if here == ALL { "page-sheets" } else { "page-sheets-own" };
    let page = |view: &SheetsView| {
        (format!("{} · {}", label(session.lang, name), view.period), Vec::new(), sheets(session.lang, here, view))
    };
    shown(app, session, here, answer, page).await
}

fn due(lang: Lang, owed: &OwedView) -> Markup {
    let tone = match owed.state.as_str() {
        "filled" => Tone::Good,
        "late" => Tone::Bad,
        _ => Tone::Warn,
    };
    badge(tone, &label(lang, &owed.state))
}

fn missing(lang: Lang, owed: &OwedView) -> String {
    if owed.missing.iter().any(|item| item == "*") { label(lang, "page-sheet-nothing") } else { owed.missing.join("、") }
}

fn sheets(lang: Lang, here: &'static str, view: &SheetsView) -> Markup {
    html! {
        (turn(lang, &view.beside, &view.period, here, "", |month| format!("{here}?period={}", routes::part(month))))
        h2 { (label(lang, "page-sheets-due")) }
        @if view.owed.is_empty() { p { (label(lang, "page-sheets-none")) } } @else {
            div.scroll { table data-grid {
                thead { tr { @for name in ["kind", "person", "page-until", "state", "entered", "missing", "page-next"] { th scope="col" { (label(lang, name)) } } } }
                tbody { @for owed in &view.owed {
                    @let to = address(&SheetPlace { sheet: owed.sheet.clone(), ..SheetPlace::default() }, &view.period);
                    tr {
                        td { a.cell href=(to) { (owed.kind) small { (owed.sheet) } } } td { (owed.person) } td { (owed.due) } td { (due(lang, owed)) }
                        td { (owed.done[0]) " / " (owed.done[1]) } td { (missing(lang, owed)) }
                        td { a.button.plain href=(to) { (label(lang, if owed.state == "filled" { "page-do-look" } else { "page-sheet-fill" })) } }
                    }
                } }
            } }
        }
        @if !view.kinds.is_empty() {
            h2 { (label(lang, "page-kinds")) }
            p.dim { (label(lang, "page-kinds-help")) }
            @let (used, others): (Vec<&KindView>, Vec<&KindView>) = view.kinds.iter().partition(|kind| kind.used);
            (kinds(lang, view, &used))
            @if !others.is_empty() { details { summary { (label(lang, "page-kinds-others")) " " (others.len()) } (kinds(lang, view, &others)) } }
        }
    }
}

/// Kinds, each with its months: one by one, and the year at once.
fn kinds(lang: Lang, view: &SheetsView, kinds: &[&KindView]) -> Markup {
    let year = view.period.split('-').next().unwrap_or_default();
    html! {
        div.scroll { table {
            thead { tr { @for name in ["kind", "book", "entries", "note"] { th scope="col" { (label(lang, name)) } } } }
            tbody { @for kind in kinds {
                @let place = SheetPlace { book: kind.book.clone(), kind: kind.id.clone(), ..SheetPlace::default() };
                @let whole = YearPlace { book: kind.book.clone(), kind: kind.id.clone(), year: year.to_owned(), ..YearPlace::default() };
                tr {
                    td { a href=(address(&place, &view.period)) { (kind.name) } " " a href=(years::address(&whole)) { (label(lang, "page-year-sheet")) " " (year) } }
                    td { (kind.book) } td.n { (kind.count) } td { (kind.note) }
                }
            } }
        } }
    }
}

#[derive(Deserialize)]
struct OfSheet {
    sheet: String,
    period: String,
}

#[derive(Deserialize)]
struct OfKind {
    book: String,
    kind: String,
    period: String,
}

impl From<OfSheet> for SheetPlace {
    fn from(of: OfSheet) -> SheetPlace {
        SheetPlace { sheet: of.sheet, period: of.period, ..SheetPlace::default() }
    }
}

impl From<OfKind> for SheetPlace {
    fn from(of: OfKind) -> SheetPlace {
        SheetPlace { book: of.book, kind: of.kind, period: of.period, ..SheetPlace::default() }
    }
}

async fn sheet(State(app): State<Arc<App>>, Anyone(session): Anyone, Path(of): Path<OfSheet>) -> Response {
    page(&app, &session, of.into()).await
}

async fn kind(State(app): State<Arc<App>>, Signed(session): Signed, Path(of): Path<OfKind>) -> Response {
    page(&app, &session, of.into()).await
}

async fn sheet_enter(State(app): State<Arc<App>>, Path(of): Path<OfSheet>, OwnAct(act): OwnAct) -> Response {
    enter(&app, of.into(), act).await
}

async fn kind_enter(State(app): State<Arc<App>>, Path(of): Path<OfKind>, act: Act) -> Response {
    enter(&app, of.into(), act).await
}

async fn sheet_withdraw(State(app): State<Arc<App>>, Path(of): Path<OfSheet>, OwnAct(act): OwnAct) -> Response {
    withdraw(&app, of.into(), act).await
}

async fn kind_withdraw(State(app): State<Arc<App>>, Path(of): Path<OfKind>, act: Act) -> Response {
    withdraw(&app, of.into(), act).await
}

async fn sheet_template(State(app): State<Arc<App>>, Anyone(session): Anyone, Path(of): Path<OfSheet>) -> Response {
    template(&app, &session, of.into()).await
}

async fn kind_template(State(app): State<Arc<App>>, Signed(session): Signed, Path(of): Path<OfKind>) -> Response {
    template(&app, &session, of.into()).await
}

fn way(session: &Session, period: &str) -> Vec<(String, String)> {
    let (list, name) = if session.office { (ALL, "page-sheets") } else { (OWN, "page-sheets-own") };
    vec![(format!("{list}?period={}", routes::part(period)), label(session.lang, name))]
}

async fn page(app: &App, session: &Session, place: SheetPlace) -> Response {
    let (who, wanted) = (session.person.clone(), place.clone());
    let answer = app.ask(move |desk| desk.sheet(&who, &wanted)).await;
    let page = |view: &SheetView| {
        (format!("{} · {}", view.name, place.period), way(session, &place.period), body(session, &place, view))
    };
    shown(app, session, "", answer, page).await
}

fn body(session: &Session, place: &SheetPlace, view: &SheetView) -> Markup {
    let lang = session.lang;
    let to = address(place, &place.period);
    html! {
        @if !view.note.is_empty() { p.dim { (view.note) } }
        div.row {
            @if let Some(before) = &view.beside[0] { a.button.plain href=(address(place, before)) data-key="p" { "‹ " (before) } }
            @if let Some(after) = &view.beside[1] { a.button.plain href=(address(place, after)) data-key="n" { (after) " ›" } }
            @if session.office && place.sheet.is_empty() {
                @let year = place.period.split('-').next().unwrap_or_default();
                a.button.plain href=(years::address(&YearPlace { book: place.book.clone(), kind: place.kind.clone(), year: year.to_owned(), ..YearPlace::default() })) { (label(lang, "page-year-sheet")) " " (year) }
            }
        }
        @if let Some(owed) = &view.owed {
            p {
                (due(lang, owed)) " " (owed.person) " · " (label(lang, "page-until")) " " (owed.due) " · " (owed.done[0]) " / " (owed.done[1])
                @if !owed.missing.is_empty() { " · " (label(lang, "missing")) " " (missing(lang, owed)) }
            }
        }
        @match &view.locked {
            Some(by) => div.note.warning role="note" { p { (label(lang, "page-month-locked")) " " (by) } },
            None => { (table(session, view, &to)) (upload(session, &to)) },
        }
        (entries(session, view, &to))
    }
}

fn title(lang: Lang, column: &SheetColumn) -> String {
    if column.title.is_empty() { label(lang, &format!("entry-{}", column.name)) } else { column.title.clone() }
}

/// The title, with what it means where that is a word of the trade.
pub fn explained(lang: Lang, column: &SheetColumn) -> Markup {
    let title = title(lang, column);
    html! {
        @if WORDS.contains(&column.name.as_str()) { abbr title=(label(lang, &format!("entry-{}-why", column.name))) { (title) } }
        @else { (title) }
    }
}

/// The table to type into: entries of the month, items without one, and some empty lines.
fn table(session: &Session, view: &SheetView, to: &str) -> Markup {
    let lang = session.lang;
    let lines: Vec<Option<&SheetRow>> =
        view.rows.iter().filter(|row| !row.withdrawn).map(Some).chain(std::iter::repeat_n(None, BLANK)).collect();
    let entered = view.rows.iter().any(|row| row.seen > 0 && !row.withdrawn);
    let held = view.rows.iter().any(|row| row.erp.is_some());
    html! {
        form method="post" enctype="multipart/form-data" action=(to) {
            input type="hidden" name="token" value=(session.token);
            div.scroll { table.typed {
                thead { tr {
                    @for column in &view.columns { th scope="col" { (explained(lang, column)) @if column.needed { span.dim { " *" } } } }
                    @if held { th scope="col" { (label(lang, "page-erp-has")) } }
                } }
                tbody { @for (at, row) in lines.iter().enumerate() { tr {
                    @for (first, column) in view.columns.iter().enumerate().map(|(at, column)| (at == 0, column)) {
                        td {
                            @if first { input type="hidden" name=(format!("r{at}.seen")) value=(row.map_or(0, |row| row.seen)); }
                            (cell(lang, at, column, *row, &view.place.period))
                        }
                    }
                    @if held { td.n { (row.and_then(|row| row.erp.as_deref()).unwrap_or_default()) } }
                } } }
            } }
            p.dim { (label(lang, "page-sheet-help")) }
            @if entered {
                label for="sheet-reason" { (label(lang, "page-reason-changed")) }
                input id="sheet-reason" name="reason" size="50";
            }
            @if held { label.plain { input type="checkbox" name="beside" value="yes"; " " (label(lang, "page-beside-erp")) } }
            (papers(lang, "sheet-papers"))
            div.row { button { (label(lang, "page-sheet-save")) } }
        }
    }
}

/// A cell to type into; days are those of the month.
pub fn cell(lang: Lang, at: usize, column: &SheetColumn, row: Option<&SheetRow>, month: &str) -> Markup {
    let name = format!("r{at}.{}", column.name);
    let text = row.and_then(|row| row.cells.get(&column.name)).map(String::as_str).unwrap_or_default();
    // What tells an entry from another is no part of correcting it.
    let fixed = column.key && row.is_some_and(|row| row.seen > 0);
    let shown = format!("{} {}", title(lang, column), at + 1);
    let days = (column.name == "date").then(|| days(month)).flatten();
    html! {
        @if fixed { input type="hidden" name=(name) value=(text); (text) }
        @else if !column.choices.is_empty() {
            select name=(name) aria-label=(shown) {
                option value="" { "—" }
                @for (value, word) in &column.choices { option value=(value) selected[value == text] { (if column.name == "basis" { label(lang, word) } else { word.clone() }) } }
                @if !text.is_empty() && !column.choices.iter().any(|(value, _)| value == text) { option value=(text) selected { (text) } }
            }
        } @else {
            input class=(if column.number { "n" } else { "" }) name=(name) value=(text) aria-label=(shown) size=(if column.number { 12 } else { 14 })
                inputmode=[column.number.then_some("decimal")] type=(if column.name == "date" { "date" } else { "text" }) min=[days.as_ref().map(|days| &days[0])] max=[days.as_ref().map(|days| &days[1])];
        }
    }
}

/// First and last day of a month.
fn days(month: &str) -> Option<[String; 2]> {
    let last = survey::measures::days_in(month.parse().ok()?);
    Some([format!("{month}-01"), format!("{month}-{last:02}")])
}

fn upload(session: &Session, to: &str) -> Markup {
    let lang = session.lang;
    html! {
        details.card {
            summary { (label(lang, "page-sheet-upload")) }
            p { (label(lang, "page-sheet-upload-help")) " " a href=(format!("{to}/template")) download { (label(lang, "page-sheet-template")) } }
            form method="post" enctype="multipart/form-data" action=(to) {
                input type="hidden" name="token" value=(session.token);
                input type="hidden" name="upload" value="yes";
                label for="sheet-file" { (label(lang, "page-sheet-file")) }
                input id="sheet-file" name="sheet" type="file" accept=".xlsx,.xls,.csv" required;
                label.plain { input type="checkbox" name="correct" value="yes"; " " (label(lang, "page-sheet-correct")) }
                label for="upload-reason" { (label(lang, "page-reason-changed")) }
                input id="upload-reason" name="reason" size="50";
                label.plain { input type="checkbox" name="beside" value="yes"; " " (label(lang, "page-beside-erp")) }
                div.row { button { (label(lang, "page-sheet-take")) } }
            }
        }
    }
}

/// What was entered, by whom, with which papers; and the place to take an entry back.
fn entries(session: &Session, view: &SheetView, to: &str) -> Markup {
    let lang = session.lang;
    let own: Vec<&SheetRow> = view.rows.iter().filter(|row| row.seen > 0).collect();
    let number = |row: &SheetRow| {
        let cell = |name: &str| row.cells.get(name).filter(|text| !text.is_empty());
        let texts = [cell("quantity").map(|text| grouped(text)), cell("unit").cloned(), cell("amount").map(|text| grouped(text))];
        texts.into_iter().flatten().collect::<Vec<_>>().join(" ")
    };
    html! {
        @if !own.is_empty() {
            h2 id="entries" { (label(lang, "page-entries")) }
            div.scroll { table {
                thead { tr { @for name in ["entry-item", "entry-quantity", "by", "at", "page-papers", "state"] { th scope="col" { (label(lang, name)) } } } }
                tbody { @for (at, row) in own.iter().enumerate() { tr {
                    td { (row.cells.get("item").map_or("", String::as_str)) small { (row.key) } } td.n { (number(row)) } td { (row.by) } td { (row.at) }
                    td { (attached(session, &row.papers)) }
                    td {
                        @if row.withdrawn { (badge(Tone::Plain, &label(lang, "withdrawn"))) " " (row.reason) }
                        @else {
                            (badge(Tone::Good, &label(lang, "holds"))) " " (row.reason)
                            @if view.locked.is_none() {
                                details {
                                    summary { (label(lang, "page-entry-withdraw")) }
                                    form method="post" action=(format!("{to}/withdraw")) {
                                        input type="hidden" name="token" value=(session.token);
                                        input type="hidden" name="key" value=(row.key);
                                        input type="hidden" name="seen" value=(row.seen);
                                        label for=(format!("withdraw-{at}")) { (label(lang, "page-reason-back")) }
                                        input id=(format!("withdraw-{at}")) name="reason" size="30" minlength="4" required;
                                        div.row { button.plain { (label(lang, "page-entry-withdraw")) } }
                                    }
                                }
                            }
                        }
                    }
                } } }
            } }
        }
    }
}

/// The lines of a table, as the form sends them.
pub fn lines(fields: &std::collections::HashMap<String, String>) -> Vec<(i64, BTreeMap<String, String>)> {
    let mut lines: BTreeMap<usize, (i64, BTreeMap<String, String>)> = BTreeMap::new();
    for (name, text) in fields {
        let Some((at, column)) = name.strip_prefix('r').and_then(|rest| rest.split_once('.')) else { continue };
        let Some(at) = at.parse::<usize>().ok().filter(|at| *at < LINES) else { continue };
        let line = lines.entry(at).or_default();
        match column {
            "seen" => line.0 = text.parse().unwrap_or_default(),
            column => {
                line.1.insert(column.to_owned(), text.clone());
            }
        }
    }
    lines.into_values().collect()
}

async fn enter(app: &App, place: SheetPlace, mut act: Act) -> Response {
    let upload = act.text("upload") == "yes";
    let (mut papers, names) = act.papers();
    let sheet = if upload && !papers.is_empty() { Some(papers.remove(0)) } else { None };
    let entering = Entering {
        rows: lines(&act.fields),
        sheet,
        correct: act.text("correct") == "yes",
        reason: act.text("reason").trim().to_owned(),
        beside: act.text("beside") == "yes",
        papers,
    };
    let (who, back) = (act.session.person.clone(), address(&place, &place.period));
    match app.ask(move |desk| desk.enter(&who, &place, &entering)).await {
        Ok(told) => went(app, &act, told, &back),
        Err(refusal) => again(app, &act, names, refusal, &back).await,
    }
}

async fn withdraw(app: &App, place: SheetPlace, act: Act) -> Response {
    let who = act.session.person.clone();
    let [key, reason] = ["key", "reason"].map(|name| act.text(name).to_owned());
    let seen = act.text("seen").parse().unwrap_or_default();
    let back = format!("{}#entries", address(&place, &place.period));
    match app.ask(move |desk| desk.withdraw(&who, &place, &key, seen, &reason)).await {
        Ok(told) => went(app, &act, told, &back),
        Err(refusal) => again(app, &act, Vec::new(), refusal, &back).await,
    }
}

async fn template(app: &App, session: &Session, place: SheetPlace) -> Response {
    let who = session.person.clone();
    match app.ask(move |desk| desk.template(&who, &place)).await {
        Ok(file) => {
            let name = format!("attachment; filename*=UTF-8''{}", routes::part(&file.name));
            ([(header::CONTENT_TYPE, file.media.to_owned()), (header::CONTENT_DISPOSITION, name)], file.bytes).into_response()
        }
        Err(refusal) => refused(app, session, refusal).await,
    }
}
