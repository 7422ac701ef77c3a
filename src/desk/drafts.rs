//! Drafts: shown, taken a step on, taken away as files.

use journal::Digest;
use model::{Finding, Level};
use store::{DraftVersion, Store};
use ui::Lang;
use web::{Answer, DraftView, File, Place, Refusal, Step};

use super::{book, month};
use crate::{
    build,
    config::{Agent, Person},
    print::{self, Beside, Mark, Print, Sheet},
    report, sheet,
    signoff::{self, SHOWN},
};

/// The newest version of a draft; missing where nobody built one.
pub fn kept(store: &Store, place: &Place) -> Answer<DraftVersion> {
    store.current_draft(&place.book, &place.form, &place.period).map_err(report::Failure::from)?.ok_or_else(Refusal::missing)
}

/// Refuses to act on a draft that is another by now than the one on the screen.
pub fn same(store: &Store, place: &Place, seen: &str) -> Answer<()> {
    let digest = Digest::of(kept(store, place)?.body.as_bytes()).to_string();
    if seen.len() >= SHOWN && digest.starts_with(seen) {
        return Ok(());
    }
    let at = format!("{}, {}, book {}", place.form, place.period, place.book);
    let finding = Finding::error("draft-digest-differs").at(at).with("now", &digest);
    Err(report::Failure::findings(vec![finding]).into())
}

/// A draft with what has changed beneath it.
pub fn view(agent: &Agent, store: &Store, place: &Place) -> Answer<DraftView> {
    let (book, month) = (book(agent, place)?, month(place)?);
    let version = kept(store, place)?;
    let digest = Digest::of(version.body.as_bytes()).to_string();
    let draft = build::read(&version)?;
    let mut findings = build::stale(agent, store, book, &draft)?;
    let stale = findings.iter().any(crate::stale::is_mark);
    // What the rules say has a page of its own; what the draft says of itself and is no rule stands here.
    let own = draft.findings.iter().filter(|note| !note.code.starts_with("rule-")).map(survey::document::Note::finding);
    findings.extend(own.filter(|finding| finding.level != Level::Note));
    if version.state == "built" {
        findings.extend(signoff::given_back(store, (&place.book, &place.form, &place.period))?);
    }
    // Beside the draft and not in it, as on the command line.
    findings.extend(crate::acts::events(store, &[month])?);
    let before = month.plus(-1).map(|month| Place { period: month.to_string(), ..place.clone() });
    let before = match before {
        Some(place) if store.current_draft(&place.book, &place.form, &place.period).map_err(report::Failure::from)?.is_some() => {
            Some(place)
        }
        _ => None,
    };
    Ok(DraftView { draft, version: version.version, state: version.state, digest, stale, findings, before })
}

/// Builds, hands in, approves or gives back.
pub fn step(
    agent: &Agent,
    store: &mut Store,
    place: &Place,
    person: &Person,
    step: Step,
    digest: &str,
    reason: &str,
) -> Answer<Vec<Finding>> {
    let (book, month) = (book(agent, place)?, month(place)?);
    let step = match step {
        Step::Build => {
            let (_, findings) = build::build(agent, store, book, Some(&place.form), month, &person.id)?;
            return Ok(report::grave(findings));
        }
        Step::Review => signoff::Step::Review,
        Step::Approve => signoff::Step::Approve,
        Step::Return => signoff::Step::Return,
    };
    let reason = Some(reason.trim()).filter(|reason| !reason.is_empty());
    if step == signoff::Step::Return && reason.is_none() {
        let at = format!("{}, {}, book {}", place.form, place.period, place.book);
        return Err(report::Failure::findings(vec![Finding::error("reason-missing").at(at)]).into());
    }
    let draft = (book, place.form.as_str(), place.period.as_str());
    let (_, findings) = signoff::take(agent, store, draft, person, step, Some(digest), reason)?;
    Ok(findings)
}

/// A draft as a file.
pub fn export(agent: &Agent, store: &Store, place: &Place, kind: &str, lang: Lang) -> Answer<File> {
    let version = kept(store, place)?;
    let draft = build::read(&version)?;
    let beside = Beside::of(agent, store, &draft)?;
    let name = format!("{}-{}-{}.{kind}", place.form, place.period, place.book);
    let (media, bytes) = match kind {
        "xlsx" => {
            let bytes = sheet::workbook(std::path::Path::new(&name), &draft, Vec::new(), store, lang, &beside, None)?;
            ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", bytes)
        }
        "pdf" => {
            let font = print::font::find().map_err(report::Failure::config)?;
            let digest = Digest::of(version.body.as_bytes()).to_string();
            let code = format!("taizhang:draft:{}:{}:{digest}", draft.form, draft.period);
            let forms = vec![Sheet::of(&draft, &digest, lang, &beside)];
            let mark = Some(Mark { name: "draft-digest", digest, code });
            let print = Print { lang, title: String::new(), mark, forms, signing: false };
            ("application/pdf", print::pdf(&print, font).map_err(report::Failure::source)?)
        }
        "csv" => ("text/csv; charset=utf-8", sheet::draft_to_read(&draft, lang)?.into_bytes()),
        "json" => ("application/json", version.body.into_bytes()),
        _ => return Err(Refusal::missing()),
    };
    Ok(File { name, media, bytes })
}
