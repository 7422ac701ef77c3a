/*! The operation log: who did what when. */

use std::sync::Arc;

use axum::{
    extract::{Query, State},
    response::Response,
};
use maud::{Markup, html};
use serde::Deserialize;
use ui::{Lang, label};

use super::shown;
use crate::{desk::Operation, server::App, signed::Signed};

/// Operations of a page.
const MOST: usize = 100;

#[derive(Deserialize)]
pub struct Asked {
    before: Option<i64>,
}

pub async fn page(State(app): State<Arc<App>>, Signed(session): Signed, Query(asked): Query<Asked>) -> Response {
    let answer = app.ask(move |desk| desk.log(asked.before, MOST)).await;
    let page = |operations: &Vec<Operation>| (label(session.lang, "page-log"), Vec::new(), body(session.lang, operations));
    shown(&app, &session, "/log", answer, page).await
}

fn body(lang: Lang, operations: &[Operation]) -> Markup {
    html! {
        div.scroll { table {
            thead { tr { @for name in ["operation", "at", "who", "what", "detail"] { th scope="col" { (label(lang, name)) } } } }
            tbody { @for operation in operations { tr {
                td.n { (operation.seq) } td { (operation.at) } td { (operation.who) } td { (operation.what) }
                td { @for (name, value) in &operation.detail { span.dim { (name) } " " (value) "  " } }
            } } }
        } }
        @if let Some(last) = operations.last().filter(|last| operations.len() == MOST && last.seq > 1) {
            div.row { a.button.plain href=(format!("/log?before={}", last.seq)) data-key="n" { (label(lang, "page-older")) } }
        }
    }
}
