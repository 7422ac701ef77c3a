//! The administrator's pages: who works here, with which roles, in which area.

use gate::{Answer, Kind, Refusal};
use maud::{Markup, html};
use model::Finding;
use ui::{
    Lang, label,
    page::{self as parts, Tone, badge},
};

use super::{
    Bureau, frame,
    route::{Reply, Visit},
};
use crate::{
    failure::Failure,
    staff::{self, By, Change, Role},
    store::{Staff, account},
};

/// Everybody of the administrator's area.
pub fn list(bureau: &Bureau, visit: &Visit) -> Answer<Reply> {
    listed(bureau, visit, &[], &Staff { area: visit.staff.area.clone(), ..Staff::default() })
}

fn own(visit: &Visit, staff: &Staff) -> bool {
    staff.area.starts_with(&visit.staff.area)
}

fn listed(bureau: &Bureau, visit: &Visit, told: &[Finding], typed: &Staff) -> Answer<Reply> {
    let lang = visit.session.lang;
    let all = bureau.read(|connection| {
        let all = Staff::all(connection)?.into_iter().filter(|staff| own(visit, staff));
        all.map(|staff| Ok((account(connection, &staff.person)?.unwrap_or_default().state(), staff)))
            .collect::<crate::db::Result<Vec<_>>>()
    })?;
    let body = html! {
        (gate::findings(lang, told))
        div.scroll { table data-grid {
            (frame::heads(lang, &["id", "name", "roles", "bureau-area", "trade", "sign-in"]))
            tbody { @for (state, staff) in &all { tr {
                td { a.cell href=(person_at(&staff.person)) { (staff.person) } } td { (staff.name) }
                td { @for role in &staff.roles { (badge(Tone::Plain, &label(lang, &format!("staff-{role}")))) " " } }
                td { (staff.area) } td { (staff.trade) }
                td { @if staff.open { (label(lang, &format!("account-{state}"))) } @else { (badge(Tone::Bad, &label(lang, "account-closed"))) } }
            } } }
        } }
        h2 id="add" { (label(lang, "bureau-staff-add")) }
        form.card method="post" action="/staff" {
            (frame::token(&visit.session.token))
            label for="id" { (label(lang, "page-person")) }
            input id="id" name="id" value=(typed.person) pattern="[a-z0-9._\\-]+" maxlength="40" required autocomplete="off";
            (fields(lang, typed))
            div.row { button { (label(lang, "bureau-staff-add")) } }
        }
        (explained(lang))
    };
    Ok(Reply::Page { title: label(lang, "bureau-staff"), crumbs: frame::home_way(lang), here: "/staff", body })
}

fn person_at(person: &str) -> String {
    format!("/staff/{}", gate::part(person))
}

fn fields(lang: Lang, staff: &Staff) -> Markup {
    html! {
        label for="name" { (label(lang, "name")) }
        input id="name" name="name" value=(staff.name) maxlength="60" required autocomplete="off";
        fieldset {
            legend { (label(lang, "roles")) }
            @for role in Role::ALL { label.plain {
                input type="checkbox" name=(format!("role.{}", role.id())) value="1" checked[staff.roles.iter().any(|known| known == role.id())];
                " " (label(lang, &format!("staff-{}", role.id())))
            } }
        }
        label for="area" { (label(lang, "bureau-area")) }
        input id="area" name="area" value=(staff.area) inputmode="numeric" pattern="[0-9]{2,12}" required;
        label for="trade" { (label(lang, "trade")) }
        input id="trade" name="trade" value=(staff.trade) inputmode="numeric" pattern="[0-9]{0,4}";
        p.dim { (label(lang, "bureau-area-help")) }
    }
}

/// What each role may do.
fn explained(lang: Lang) -> Markup {
    html! {
        h2 { (label(lang, "bureau-roles-why")) }
        ul { @for role in Role::ALL { li { strong { (label(lang, &format!("staff-{}", role.id()))) } " " (label(lang, &format!("staff-{}-may", role.id()))) } } }
    }
}

/// What was typed about somebody.
fn typed(visit: &Visit, person: &str) -> Staff {
    let roles = Role::ALL.iter().filter(|role| visit.form.text(&format!("role.{}", role.id())) == "1");
    let text = |name: &str| visit.form.text(name).trim().to_owned();
    let roles = roles.map(|role| role.id().to_owned()).collect();
    Staff { person: person.to_owned(), name: text("name"), roles, area: text("area"), trade: text("trade"), open: true }
}

/// What a refusal shows above the page; what cannot be reached is no page.
fn told(failure: Failure) -> Answer<Vec<Finding>> {
    let refusal = Refusal::from(failure);
    if refusal.kind == Kind::Broken { Err(refusal) } else { Ok(refusal.findings) }
}

/// Somebody begins.
pub fn add(bureau: &Bureau, visit: &Visit) -> Answer<Reply> {
    let staff = typed(visit, visit.form.text("id").trim());
    match staff::write(&bureau.office, By::Admin(&visit.staff), &Change::Add, &staff) {
        Ok(()) => Ok(Reply::To(person_at(&staff.person))),
        Err(failure) => Ok(Reply::Again(Box::new(listed(bureau, visit, &told(failure)?, &staff)?))),
    }
}

/// Somebody of the administrator's area.
fn known(bureau: &Bureau, visit: &Visit) -> Answer<Staff> {
    let found = bureau.read(|connection| Staff::find(connection, visit.at("person")))?;
    found.filter(|staff| own(visit, staff)).ok_or_else(Refusal::missing)
}

/// One person.
pub fn page(bureau: &Bureau, visit: &Visit) -> Answer<Reply> {
    let staff = known(bureau, visit)?;
    shown(bureau, visit, &staff, &[], &html! {})
}

fn shown(bureau: &Bureau, visit: &Visit, staff: &Staff, told: &[Finding], more: &Markup) -> Answer<Reply> {
    let lang = visit.session.lang;
    let before = known(bureau, visit)?;
    let state = bureau.read(|connection| Ok(account(connection, &staff.person)?.unwrap_or_default().state()))?;
    let at = person_at(&staff.person);
    let oneself = staff.person == visit.staff.person;
    let body = html! {
        (gate::findings(lang, told))
        (more)
        div.card { p {
            @if before.open { (badge(Tone::Plain, &label(lang, &format!("account-{state}")))) } @else { (badge(Tone::Bad, &label(lang, "account-closed"))) }
        } }
        @if oneself { (gate::findings(lang, &gate::reasons(&[Finding::error("staff-oneself").at(&staff.person)]))) } @else {
            @if before.open {
                div.row {
                    (parts::button(&format!("{at}/invite"), &visit.session.token, &label(lang, "bureau-invite"), false, &[]))
                    (parts::button(&format!("{at}/close"), &visit.session.token, &label(lang, "bureau-staff-close"), true, &[]))
                }
            }
            h2 { (label(lang, if before.open { "bureau-staff-change" } else { "bureau-staff-open" })) }
            form.card method="post" action=(format!("{at}/change")) {
                (frame::token(&visit.session.token))
                (fields(lang, staff))
                div.row { button { (label(lang, if before.open { "bureau-staff-change" } else { "bureau-staff-open" })) } }
            }
        }
        (explained(lang))
    };
    let mut crumbs = frame::home_way(lang);
    crumbs.push(("/staff".to_owned(), label(lang, "bureau-staff")));
    Ok(Reply::Page { title: format!("{} {}", before.person, before.name), crumbs, here: "/staff", body })
}

/// Something about somebody is another; somebody who was closed begins again.
pub fn change(bureau: &Bureau, visit: &Visit) -> Answer<Reply> {
    let staff = typed(visit, &known(bureau, visit)?.person);
    match staff::write(&bureau.office, By::Admin(&visit.staff), &Change::Change, &staff) {
        Ok(()) => Ok(Reply::To(person_at(&staff.person))),
        Err(failure) => Ok(Reply::Again(Box::new(shown(bureau, visit, &staff, &told(failure)?, &html! {})?))),
    }
}

/// Somebody is let in no more: the next request asks anew and finds nobody.
pub fn close(bureau: &Bureau, visit: &Visit) -> Answer<Reply> {
    let staff = known(bureau, visit)?;
    match staff::write(&bureau.office, By::Admin(&visit.staff), &Change::Close, &staff) {
        Ok(()) => Ok(Reply::To(person_at(&staff.person))),
        Err(failure) => Ok(Reply::Again(Box::new(shown(bureau, visit, &staff, &told(failure)?, &html! {})?))),
    }
}

/// A link with which the person sets a password. It is shown once, here.
pub fn invite(bureau: &Bureau, visit: &Visit) -> Answer<Reply> {
    let (lang, staff) = (visit.session.lang, known(bureau, visit)?);
    match staff::invite(&bureau.office, By::Admin(&visit.staff), &staff.person) {
        Ok((_, page)) => {
            let link = super::url(&bureau.pages, bureau.address) + &page;
            let more = html! {
                div.card {
                    label for="link" { (label(lang, "bureau-invitation")) }
                    textarea id="link" readonly { (link) }
                    div.row { button.plain type="button" hidden data-copy="link" data-done=(label(lang, "bureau-copied")) { (label(lang, "bureau-copy")) } }
                    p.dim { (label(lang, "bureau-invitation-why")) }
                }
            };
            shown(bureau, visit, &staff, &[], &more)
        }
        Err(failure) => Ok(Reply::Again(Box::new(shown(bureau, visit, &staff, &told(failure)?, &html! {})?))),
    }
}
