/*! A month: locks, events (大事记), handovers. */

use std::sync::Arc;

use axum::{
    Router,
    extract::{DefaultBodyLimit, Query, State},
    response::Response,
    routing::{get, post},
};
use maud::{Markup, html};
use serde::Deserialize;
use ui::{
    Lang, label,
    page::{Tone, badge},
};

use super::{
    again,
    deeds::{attached, papers},
    shown, state, went,
};
use crate::{
    desk::{LockView, Locking, MonthView, Place},
    routes,
    server::{App, FILES_BYTES},
    signed::{Act, Session, Signed},
};

/// Address of the page.
pub const HERE: &str = "/months";

/// The page and its acts.
pub fn routes() -> Router<Arc<App>> {
    let files = DefaultBodyLimit::max(FILES_BYTES);
    Router::new()
        .route(HERE, get(page))
        .route("/months/lock", post(lock).layer(files))
        .route("/months/event", post(event).layer(files))
        .route("/months/handover", post(hand_over).layer(files))
        .route("/months/withdraw", post(take_back))
}

#[derive(Deserialize)]
struct Asked {
    #[serde(default)]
    book: String,
    #[serde(default)]
    period: String,
}

fn address(book: &str, period: &str) -> String {
    format!("{HERE}?book={}&period={}", routes::part(book), routes::part(period))
}

async fn page(State(app): State<Arc<App>>, Signed(session): Signed, Query(asked): Query<Asked>) -> Response {
    let who = session.person.clone();
    let answer = app.ask(move |desk| desk.month(&who, &asked.book, &asked.period)).await;
    let page =
        |view: &MonthView| (format!("{} · {}", label(session.lang, "page-month"), view.period), Vec::new(), body(&session, view));
    shown(&app, &session, HERE, answer, page).await
}

/// Ways to the months beside this one, and to another month.
pub fn turn(
    lang: Lang,
    beside: &[Option<String>; 2],
    period: &str,
    action: &str,
    book: &str,
    to: impl Fn(&str) -> String,
) -> Markup {
    html! {
        form.row method="get" action=(action) {
            @if let Some(before) = &beside[0] { a.button.plain href=(to(before)) data-key="p" { "‹ " (before) } }
            @if !book.is_empty() { input type="hidden" name="book" value=(book); }
            input name="period" value=(period) size="8" pattern="[0-9]{4}-[0-9]{2}" aria-label=(label(lang, "period")) required;
            button.plain { (label(lang, "page-turn")) }
            @if let Some(after) = &beside[1] { a.button.plain href=(to(after)) data-key="n" { (after) " ›" } }
        }
    }
}

fn body(session: &Session, view: &MonthView) -> Markup {
    let lang = session.lang;
    html! {
        @if view.books.len() > 1 {
            p { @for book in &view.books { a.button.plain href=(address(book, &view.period)) aria-current=[(*book == view.book).then_some("true")] { (book) } " " } }
        }
        (turn(lang, &view.beside, &view.period, HERE, &view.book, |month| address(&view.book, month)))
        p { a href=(format!("{}?period={}", super::sheets::ALL, routes::part(&view.period))) { (label(lang, "page-sheets")) " " (view.period) } }
        (locks(session, view))
        (events(session, view))
        (handovers(session, view))
    }
}

fn locks(session: &Session, view: &MonthView) -> Markup {
    let lang = session.lang;
    html! {
        h2 id="locks" { (label(lang, "page-locks")) }
        p.dim { (label(lang, "page-locks-help")) }
        div.scroll { table {
            thead { tr { @for name in ["form", "state", "page-lock", "page-next"] { th scope="col" { (label(lang, name)) } } } }
            tbody {
                tr { td { strong { (label(lang, "page-whole-month")) } } td {} td { (stands(lang, view.lock.as_ref())) } td { (turning(session, view, "", view.lock.as_ref())) } }
                @for form in &view.forms {
                    @let place = Place { book: view.book.clone(), form: form.form.clone(), period: view.period.clone() };
                    tr {
                        td { @if form.state == "not_built" { (form.form) } @else { a href=(routes::draft(&place)) { (form.form) small { (form.name) } } } }
                        td { (state(lang, &form.state)) }
                        // The lock of the whole month is that of each form, and opened as one.
                        @let whole = view.lock.as_ref().filter(|lock| lock.locked);
                        td { (stands(lang, whole.or(form.lock.as_ref()))) }
                        td { @if whole.is_none() { (turning(session, view, &form.form, form.lock.as_ref())) } }
                    }
                }
            }
        } }
    }
}

fn stands(lang: Lang, lock: Option<&LockView>) -> Markup {
    html! {
        @match lock {
            Some(lock) if lock.locked => { (badge(Tone::Good, &label(lang, "page-locked"))) " " (lock.by) " " (lock.at) },
            Some(lock) => { (badge(Tone::Plain, &label(lang, "page-unlocked"))) " " (lock.by) " " (lock.at) " · " (lock.reason) },
            None => (badge(Tone::Plain, &label(lang, "page-open-month"))),
        }
    }
}

/// The form that locks, or unlocks for a reason.
fn turning(session: &Session, view: &MonthView, form: &str, lock: Option<&LockView>) -> Markup {
    let lang = session.lang;
    let locked = lock.is_some_and(|lock| lock.locked);
    let id = |name: &str| format!("{name}-{}", if form.is_empty() { "all" } else { form });
    let fields = html! {
        input type="hidden" name="token" value=(session.token);
        input type="hidden" name="book" value=(view.book);
        input type="hidden" name="period" value=(view.period);
        input type="hidden" name="form" value=(form);
        input type="hidden" name="seen" value=(lock.map_or(0, |lock| lock.operation));
    };
    html! {
        @if locked {
            details {
                summary { (label(lang, "page-unlock")) }
                form method="post" enctype="multipart/form-data" action="/months/lock" {
                    (fields)
                    label for=(id("unlock")) { (label(lang, "reason")) }
                    input id=(id("unlock")) name="reason" size="40" minlength="4" required;
                    (papers(lang, &id("unlock-papers")))
                    div.row { button.plain { (label(lang, "page-unlock")) } }
                }
            }
        } @else if view.begun {
            form method="post" action="/months/lock" { (fields) input type="hidden" name="lock" value="yes"; button.plain { (label(lang, "page-lock-it")) } }
        } @else { span.dim { (label(lang, "page-not-begun")) } }
    }
}

fn events(session: &Session, view: &MonthView) -> Markup {
    let lang = session.lang;
    html! {
        h2 id="events" { (label(lang, "page-events")) }
        p.dim { (label(lang, "page-events-help")) }
        @if !view.events.is_empty() {
            div.scroll { table {
                thead { tr { @for name in ["period", "kind", "text", "by"] { th scope="col" { (label(lang, name)) } } } }
                tbody { @for event in &view.events { tr {
                    td { (event.period) } td { (label(lang, &format!("event-{}", event.kind))) } td { (event.text) " " (attached(session, &event.papers)) (back(session, view, "event", &event.key, event.withdrawn.as_deref())) } td { (event.by) }
                } } }
            } }
        }
        form.card method="post" enctype="multipart/form-data" action="/months/event" {
            input type="hidden" name="token" value=(session.token);
            input type="hidden" name="book" value=(view.book);
            input type="hidden" name="period" value=(view.period);
            label for="event-kind" { (label(lang, "kind")) }
            select id="event-kind" name="kind" required {
                option value="" { (label(lang, "page-choose")) }
                @for kind in &view.kinds { option value=(kind) { (label(lang, &format!("event-{kind}"))) } }
            }
            label for="event-text" { (label(lang, "page-event-text")) " (" (view.period) ")" }
            textarea id="event-text" name="text" rows="2" minlength="4" required {}
            (papers(lang, "event-papers"))
            div.row { button { (label(lang, "page-event-write")) } }
        }
    }
}

/// What was taken back, or the place to do so: what was written stays, and a new line says that it no longer holds.
fn back(session: &Session, view: &MonthView, kind: &str, (key, seen): &(String, i64), withdrawn: Option<&str>) -> Markup {
    let lang = session.lang;
    let id = format!("back-{kind}-{key}");
    html! {
        @match withdrawn {
            Some(why) => { " " (badge(Tone::Plain, &label(lang, "withdrawn"))) " " (why) },
            None => details {
                summary { (label(lang, "page-take-back")) }
                form method="post" action="/months/withdraw" {
                    input type="hidden" name="token" value=(session.token);
                    input type="hidden" name="book" value=(view.book);
                    input type="hidden" name="period" value=(view.period);
                    input type="hidden" name="kind" value=(kind);
                    input type="hidden" name="key" value=(key);
                    input type="hidden" name="seen" value=(seen);
                    label for=(id) { (label(lang, "page-reason-back")) }
                    input id=(id) name="reason" size="30" minlength="4" required;
                    div.row { button.plain { (label(lang, "page-take-back")) } }
                }
            },
        }
    }
}

fn handovers(session: &Session, view: &MonthView) -> Markup {
    let lang = session.lang;
    html! {
        h2 id="handover" { (label(lang, "page-handover")) }
        p.dim { (label(lang, "page-handover-help")) }
        @if !view.handovers.is_empty() {
            div.scroll { table {
                thead { tr { @for name in ["at", "handed_from", "handed_to", "text", "open"] { th scope="col" { (label(lang, name)) } } } }
                tbody { @for made in &view.handovers { tr {
                    td { (made.at) } td { (made.from) } td { (made.to) } td { (made.note) " " (attached(session, &made.papers)) (back(session, view, "handover", &made.key, made.withdrawn.as_deref())) } td.n { (made.open) }
                } } }
            } }
        }
        form.card method="post" enctype="multipart/form-data" action="/months/handover" {
            input type="hidden" name="token" value=(session.token);
            input type="hidden" name="book" value=(view.book);
            input type="hidden" name="period" value=(view.period);
            label for="handover-to" { (label(lang, "page-handover-to")) }
            select id="handover-to" name="to" required {
                option value="" { (label(lang, "page-choose")) }
                @for (id, name) in &view.people { option value=(id) { (name) } }
            }
            label for="handover-note" { (label(lang, "page-handover-note")) }
            textarea id="handover-note" name="note" rows="2" minlength="4" required {}
            (papers(lang, "handover-papers"))
            div.row { button { (label(lang, "page-handover-write")) } }
        }
    }
}

async fn lock(State(app): State<Arc<App>>, mut act: Act) -> Response {
    let who = act.session.person.clone();
    let [book, form, period, reason] = ["book", "form", "period", "reason"].map(|name| act.text(name).to_owned());
    let (seen, locked) = (act.text("seen").parse().unwrap_or_default(), act.text("lock") == "yes");
    let back = format!("{}#locks", address(&book, &period));
    let (papers, names) = act.papers();
    let locking = Locking { book, form, period, seen, locked, reason, papers };
    match app.ask(move |desk| desk.lock(&who, &locking)).await {
        Ok(told) => went(&app, &act, told, &back),
        Err(refusal) => again(&app, &act, names, refusal, &back).await,
    }
}

async fn event(State(app): State<Arc<App>>, mut act: Act) -> Response {
    let who = act.session.person.clone();
    let [period, kind, text] = ["period", "kind", "text"].map(|name| act.text(name).to_owned());
    let back = format!("{}#events", address(act.text("book"), &period));
    let (papers, names) = act.papers();
    match app.ask(move |desk| desk.note(&who, &period, &kind, &text, &papers)).await {
        Ok(()) => went(&app, &act, Vec::new(), &back),
        Err(refusal) => again(&app, &act, names, refusal, &back).await,
    }
}

async fn hand_over(State(app): State<Arc<App>>, mut act: Act) -> Response {
    let who = act.session.person.clone();
    let [to, note] = ["to", "note"].map(|name| act.text(name).to_owned());
    let back = format!("{}#handover", address(act.text("book"), act.text("period")));
    let (papers, names) = act.papers();
    match app.ask(move |desk| desk.hand_over(&who, &to, &note, &papers)).await {
        Ok(()) => went(&app, &act, Vec::new(), &back),
        Err(refusal) => again(&app, &act, names, refusal, &back).await,
    }
}

async fn take_back(State(app): State<Arc<App>>, act: Act) -> Response {
    let who = act.session.person.clone();
    let [kind, key, reason] = ["kind", "key", "reason"].map(|name| act.text(name).to_owned());
    let (handover, seen) = (kind == "handover", act.text("seen").parse().unwrap_or_default());
    let mark = if handover { "handover" } else { "events" };
    let back = format!("{}#{mark}", address(act.text("book"), act.text("period")));
    match app.ask(move |desk| desk.take_back(&who, handover, &key, seen, &reason)).await {
        Ok(()) => went(&app, &act, Vec::new(), &back),
        Err(refusal) => again(&app, &act, Vec::new(), refusal, &back).await,
    }
}
