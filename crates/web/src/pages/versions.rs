/*! What became another: versions of a draft, and vouchers of a month that was sealed anew. */

use std::sync::Arc;

use axum::{
    Router,
    extract::{Path, Query, State},
    response::Response,
    routing::get,
};
use maud::{Markup, html};
use serde::Deserialize;
use ui::{Lang, grouped, label, page, text};

use super::{compared, home_way, shown, state, way};
use crate::{
    desk::{ChangedLine, ChangedVoucher, Changes, KeptVersion, MOST_VOUCHERS, Place, Resealed, Versions},
    routes,
    server::App,
    signed::Signed,
};

/// Pages of what changed.
pub fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/drafts/{book}/{form}/{period}/versions", get(versions))
        .route("/books/{book}/changes", get(resealed))
        .route("/books/{book}/changes/{period}", get(changes))
}

#[derive(Deserialize)]
struct Two {
    #[serde(default)]
    old: String,
    #[serde(default)]
    new: String,
}

async fn versions(
    State(app): State<Arc<App>>,
    Signed(session): Signed,
    Path(place): Path<Place>,
    Query(two): Query<Two>,
) -> Response {
    let (asked, lang) = (place.clone(), session.lang);
    let numbers = [two.old.parse().ok(), two.new.parse().ok()];
    let answer = app.ask(move |desk| desk.versions(&asked, numbers)).await;
    let page = |versions: &Versions| {
        let title = format!("{} · {} {}", label(lang, "page-versions"), versions.name, place.period);
        (title, way(lang, &place), versions_body(lang, &place, versions))
    };
    shown(&app, &session, "", answer, page).await
}

fn versions_body(lang: Lang, place: &Place, versions: &Versions) -> Markup {
    let address = format!("{}/versions", routes::draft(place));
    let now = versions.comparison.as_ref().map(|comparison| [comparison.old.number, comparison.new.number]);
    let choice = |name: &str, chosen: Option<i64>| {
        html! {
            span.field {
                label for=(name) { (label(lang, &format!("version-{name}"))) }
                select id=(name) name=(name) { @for version in &versions.versions {
                    option value=(version.number) selected[chosen == Some(version.number)] {
                        (text(lang, "label-version-number", &[("number", version.number.to_string())])) " · " (version.at)
                    }
                } }
            }
        }
    };
    html! {
        div.scroll { table {
            thead { tr { @for name in ["page-version", "at", "version-by", "version-why", "state", "draft-digest"] { th scope="col" { (label(lang, name)) } } } }
            tbody { @for (at, version) in versions.versions.iter().enumerate() { tr {
                // What was said of an earlier version counts no more.
                td.n { (version.number) } td { (version.at) } td { (version.who) } td { (why(lang, version)) } td { (state(lang, if at == 0 { &version.state } else { "superseded" })) } td { (page::digest(&version.digest)) }
            } } }
        } }
        @match (&versions.comparison, now) {
            (Some(comparison), Some([old, new])) => {
                form.filter method="get" action=(address) {
                    (choice("old", Some(old))) (choice("new", Some(new)))
                    button.plain { (label(lang, "compare")) }
                }
                (compared::comparison(lang, place, comparison))
            },
            _ => p { (label(lang, "one-version")) },
        }
    }
}

/// Why there is a version, and what people did before it was built.
fn why(lang: Lang, version: &KeptVersion) -> Markup {
    html! {
        @for (at, (name, about)) in version.why.iter().enumerate() {
            @if at > 0 { "；" }
            (text(lang, &format!("label-{name}"), &[("periods", about), ("cells", about)]))
        }
        @for act in &version.acts {
            small { (act.at) " " (act.who) " " (super::log::did(lang, &act.what)) @if !act.about.is_empty() { " " (act.about) } @if !act.why.is_empty() { (label(lang, "colon")) (act.why) } }
        }
    }
}

async fn resealed(State(app): State<Arc<App>>, Signed(session): Signed, Path(book): Path<String>) -> Response {
    let (asked, lang) = (book.clone(), session.lang);
    let answer = app.ask(move |desk| desk.resealed(&asked)).await;
    let page = |resealed: &Vec<Resealed>| {
        (format!("{} · {book}", label(lang, "page-changes")), home_way(lang), resealed_body(lang, &book, resealed))
    };
    shown(&app, &session, "", answer, page).await
}

fn resealed_body(lang: Lang, book: &str, resealed: &[Resealed]) -> Markup {
    html! {
        p.dim { (label(lang, "changes-means")) }
        @if resealed.is_empty() { p { (label(lang, "changes-none")) } } @else {
            div.scroll { table data-grid {
                thead { tr { @for name in ["period", "sealed-at", "seals"] { th scope="col" { (label(lang, name)) } } } }
                tbody { @for one in resealed { tr {
                    td { a.cell href=(format!("/books/{}/changes/{}", routes::part(book), routes::part(&one.period))) { (one.period) } }
                    td { (one.seals.first().map(|(_, at)| at.as_str()).unwrap_or_default()) }
                    td.n { (one.seals.len()) }
                } } }
            } }
        }
    }
}

async fn changes(
    State(app): State<Arc<App>>,
    Signed(session): Signed,
    Path((book, period)): Path<(String, String)>,
    Query(two): Query<Two>,
) -> Response {
    let lang = session.lang;
    let roots = (!two.old.is_empty() && !two.new.is_empty()).then_some([two.old, two.new]);
    let asked = (book.clone(), period.clone());
    let answer = app.ask(move |desk| desk.changes(&asked.0, &asked.1, roots)).await;
    let page = |changes: &Changes| {
        let mut crumbs = home_way(lang);
        crumbs.push((format!("/books/{}/changes", routes::part(&book)), format!("{} · {book}", label(lang, "page-changes"))));
        (format!("{} · {book} {period}", label(lang, "page-changes")), crumbs, changes_body(lang, changes))
    };
    shown(&app, &session, "", answer, page).await
}

fn changes_body(lang: Lang, changes: &Changes) -> Markup {
    let Some(old) = &changes.old else { return html! { p { (label(lang, "sealed-once-only")) } } };
    let rows = [("seal-before", old), ("seal-now", &changes.new)];
    let rows: Vec<(String, Markup)> =
        rows.map(|(name, (root, at))| (label(lang, name), html! { (at) " " (page::digest(root)) })).into_iter().collect();
    let address = format!("/books/{}/changes/{}", routes::part(&changes.book), routes::part(&changes.period));
    let choice = |name: &str, chosen: &str| {
        html! {
            span.field {
                label for=(name) { (label(lang, &format!("seal-{}", if name == "old" { "before" } else { "now" }))) }
                select id=(name) name=(name) { @for (root, at) in &changes.seals {
                    option value=(root) selected[root == chosen] { (at) " · " (root.get(..12).unwrap_or(root)) }
                } }
            }
        }
    };
    html! {
        div.card { (page::facts(&rows)) }
        @if changes.seals.len() > 2 {
            form.filter method="get" action=(address) {
                (choice("old", &old.0)) (choice("new", &changes.new.0)) button.plain { (label(lang, "compare")) }
            }
        }
        @if !changes.drafts.is_empty() {
            h2 { (label(lang, "changes-touch")) }
            ul { @for (place, cells) in &changes.drafts {
                li { a href=(routes::draft(place)) { (place.form) " " (place.period) } " · " (cells.join("、")) }
            } }
        }
        h2 { (text(lang, "label-vouchers-changed", &[("count", changes.count.to_string())])) }
        @if changes.count > MOST_VOUCHERS { p { (text(lang, "label-vouchers-first", &[("most", MOST_VOUCHERS.to_string())])) } }
        @for voucher in &changes.vouchers { (voucher_card(lang, voucher)) }
    }
}

fn voucher_card(lang: Lang, voucher: &ChangedVoucher) -> Markup {
    html! {
        div.card data-voucher=(voucher.number) {
            h3 { (label(lang, voucher.how)) " " (voucher.number) }
            @if !voucher.lines.is_empty() {
                div.scroll { table {
                    thead { tr {
                        th scope="col" { (label(lang, "line-is")) }
                        @for name in ["account", "date", "summary", "party"] { th scope="col" { (label(lang, name)) } }
                        @for name in ["debit", "credit"] { th.n scope="col" { (label(lang, name)) } }
                    } }
                    tbody { @for line in &voucher.lines { (line_row(lang, line)) } }
                    tfoot { @for (at, name) in [(0, "line-was"), (1, "line-now")] {
                        @if voucher.lines.iter().any(|line| line.added == (at == 1)) {
                            tr.sum { th scope="row" colspan="5" { (label(lang, name)) " " (label(lang, "sum")) }
                                @for amount in &voucher.totals[at] { td.n { (grouped(amount)) } } }
                        }
                    } }
                } }
            }
        }
    }
}

fn line_row(lang: Lang, line: &ChangedLine) -> Markup {
    let [code, name] = &line.account;
    html! {
        tr class=(if line.added { "line-new" } else { "line-old" }) {
            td { (if line.added { "+ " } else { "− " }) (label(lang, if line.added { "line-now" } else { "line-was" })) }
            td { (code) small { (name) } } td { (line.date) } td { (line.summary) } td { (line.party) }
            td.n { (grouped(&line.debit)) } td.n { (grouped(&line.credit)) }
        }
    }
}
