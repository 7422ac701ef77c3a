/*! Several drafts signed in one go: the figures of each are on the screen, and the key is unlocked once for all that were chosen. */

use std::{sync::Arc, time::Instant};

use axum::{Router, extract::State, response::Response, routing::get};
use maud::{Markup, html};
use model::{Finding, Level};
use ui::{
    label,
    page::{self, Tone, badge},
};
use zeroize::Zeroizing;

use super::{
    again,
    draft::before,
    findings, shown,
    signoff::{WRONG, brake, figures},
    went,
};
use crate::{
    desk::{Key, Kind, Place, Refusal, Sign, Signable, Signables},
    routes,
    server::App,
    signed::{Act, Session, Signed},
};

/// Address of the page.
pub const HERE: &str = "/signing";

/// The page and its act.
pub fn routes() -> Router<Arc<App>> {
    Router::new().route(HERE, get(page).post(sign))
}

async fn page(State(app): State<Arc<App>>, Signed(session): Signed) -> Response {
    let who = session.person.clone();
    let answer = app.ask(move |desk| desk.signables(&who)).await;
    shown(&app, &session, "", answer, |view: &Signables| {
        (label(session.lang, "page-sign-several"), Vec::new(), body(&session, view))
    })
    .await
}

/// What a box stands for: a draft, a role and the digest that is on the screen. Browsers send line ends otherwise than they were written.
fn named(one: &Signable, role: &str) -> String {
    [&one.place.book, &one.place.form, &one.place.period, role, &one.digest].join("\t")
}

fn meant(text: &str) -> Option<(Place, String, String)> {
    let [book, form, period, role, digest] = <[&str; 5]>::try_from(text.split('\t').collect::<Vec<_>>()).ok()?.map(str::to_owned);
    Some((Place { book, form, period }, role, digest))
}

fn body(session: &Session, view: &Signables) -> Markup {
    let lang = session.lang;
    let secret = if view.key == Key::Pin { "key-pin" } else { "key-password" };
    // Boxes are numbered through all forms.
    let firsts = view.open.iter().scan(0, |next, one| {
        let first = *next;
        *next += one.roles.len();
        Some(first)
    });
    html! {
        @if view.open.is_empty() { p { (label(lang, "page-sign-nothing")) } } @else {
            form method="post" action=(HERE) autocomplete="off" {
                input type="hidden" name="token" value=(session.token);
                @for (one, first) in view.open.iter().zip(firsts) {
                    section.card {
                        h2 { (one.place.form) " " (one.view.draft.name) " · " (one.place.period) }
                        p { (label(lang, "payload-digest")) " " (page::digest(&one.digest)) }
                        (before(lang, &one.place, &one.view))
                        (figures(lang, &one.place, &one.view.draft))
                        @for (more, role) in one.roles.iter().enumerate() {
                            label.plain { input type="checkbox" name=(format!("sign.{}", first + more)) value=(named(one, role)); " " (ui::text(lang, "label-sign-as", &[("role", label(lang, &format!("role-{role}")))])) }
                        }
                        p { a href=(format!("{}/sign", routes::draft(&one.place))) { (label(lang, "page-sign")) } }
                    }
                }
                label for="secret" { (label(lang, secret)) }
                div.row {
                    input id="secret" name="secret" type="password" autocomplete="off" required;
                    button { (label(lang, "page-sign-chosen")) }
                }
                p.dim { (label(lang, "secret-means")) }
            }
        }
        @if !view.held.is_empty() {
            h2 { (label(lang, "page-sign-held")) }
            @for (place, why) in &view.held {
                section.card {
                    h3 { a href=(format!("{}/sign", routes::draft(place))) { (place.form) " " (place.period) } " " (badge(Tone::Warn, &label(lang, "unsigned"))) }
                    (findings(lang, why))
                }
            }
        }
    }
}

async fn sign(State(app): State<Arc<App>>, mut act: Act) -> Response {
    let secret = Zeroizing::new(act.fields.remove("secret").unwrap_or_default());
    let (who, person) = (brake(&act.session), act.session.person.clone());
    let refuse = |finding: Finding| Refusal { kind: Kind::Refused, findings: vec![finding] };
    if let Some(left) = app.brake.waits(&who, Instant::now()) {
        let finding = Finding::error("signing-waits").with("seconds", left.as_secs().max(1));
        return again(&app, &act, Vec::new(), refuse(finding), HERE).await;
    }
    let mut chosen: Vec<(usize, (Place, String, String))> =
        act.fields.iter().filter_map(|(name, text)| Some((name.strip_prefix("sign.")?.parse().ok()?, meant(text)?))).collect();
    chosen.sort_by_key(|(at, _)| *at);
    if chosen.is_empty() {
        return again(&app, &act, Vec::new(), refuse(Finding::error("sign-nothing-chosen")), HERE).await;
    }
    let (mut told, mut done) = (Vec::new(), 0);
    for (_, (place, role, digest)) in chosen {
        let at = format!("{}, {}, book {}", place.form, place.period, place.book);
        let sign = Sign { role: role.clone(), digest, secret: secret.clone(), paper: None };
        let by = person.clone();
        match app.ask(move |desk| desk.sign(&by, &place, &sign)).await {
            Ok(more) => {
                app.brake.passed(&who);
                done += 1;
                told.push(Finding::note("signed-one").at(at).with("role", role));
                told.extend(more.into_iter().filter(|finding| finding.level != Level::Note));
            }
            Err(refusal) => {
                let wrong = refusal.findings.iter().any(|finding| WRONG.contains(&&*finding.code));
                told.extend(refusal.findings);
                if wrong {
                    app.brake.failed(&who, Instant::now());
                    break;
                }
            }
        }
    }
    match done {
        0 => again(&app, &act, Vec::new(), Refusal { kind: Kind::Refused, findings: told }, HERE).await,
        _ => went(&app, &act, told, HERE),
    }
}
