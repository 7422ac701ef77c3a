//! A report as people read it: the form with its figures, what its rules say, and what is another between versions.

use maud::{Markup, html};
use seal::Digest;
use survey::{
    audit::{Causes, Claim, Explanation, Outcome, Verdict},
    document::{Cell, Column, Draft},
};
use ui::{
    Lang, grouped, label,
    page::{Tone, badge},
};

use super::frame;
use crate::receive::Said;

/// What is reported in a column: a person's change comes before what was computed, and that before what the platform has.
pub fn reported<'c>(cell: &'c Cell, column: &'c Column) -> Option<&'c str> {
    let adjusted = cell.adjusted(column).filter(|made| !made.withdrawn && !made.reported.is_empty());
    adjusted.map(|made| made.reported.as_str()).or(column.value.as_deref()).or(column.platform.as_deref())
}

fn number(cell: &Cell, value: &str) -> String {
    if matches!(cell.kind.as_str(), "text" | "choice") { value.to_owned() } else { grouped(value) }
}

/// The form in its own order and columns.
pub fn figures(lang: Lang, draft: &Draft) -> Markup {
    let adjusted: Vec<&Cell> =
        draft.cells.iter().filter(|cell| cell.adjustment.as_ref().is_some_and(|made| !made.withdrawn)).collect();
    html! {
        div.scroll { table data-grid {
            @if !draft.header.money_unit.is_empty() { caption { (label(lang, "money-unit")) " " (draft.header.money_unit) } }
            thead { tr {
                th scope="col" { (label(lang, "code")) } th scope="col" { (label(lang, "name")) } th scope="col" { (label(lang, "unit")) }
                @for name in draft.shown() { th.n scope="col" { (label(lang, name)) } }
                th.n scope="col" { (label(lang, "growth")) } th scope="col" { (label(lang, "page-marks")) }
            } }
            tbody { @for cell in &draft.cells { tr id=(format!("row-{}", cell.id)) {
                td { (cell.code.as_deref().unwrap_or_default()) } td { (cell.name) } td { (cell.unit) }
                @for name in draft.shown() {
                    @match cell.columns.shown(name) {
                        Some(column) => { (figure(lang, cell, column)) }
                        None => { td {} }
                    }
                }
                td.n { @if let Some(growth) = survey::growth_of(&cell.columns).cumulative { (growth) "%" } }
                td {
                    @if !matches!(cell.status.as_str(), "ok" | "") { (badge(Tone::Warn, &label(lang, &format!("status-{}", cell.status)))) " " }
                    @if cell.adjustment.is_some() { (badge(Tone::Plain, &label(lang, "adjustment"))) }
                }
            } } }
        } }
        @if !adjusted.is_empty() {
            h3 { (label(lang, "sheet-adjustments")) }
            div.scroll { table {
                (frame::heads(lang, &["code", "name", "adjustment", "adjustment-reason"]))
                tbody { @for cell in adjusted { @if let Some(made) = &cell.adjustment {
                    tr { td { (cell.id) } td { (cell.name) } td.n { (grouped(&made.amount)) } td { (made.reason) } }
                } } }
            } }
        }
        @let foot = [("head", &draft.footer.head), ("statistician", &draft.footer.statistician), ("preparer", &draft.footer.preparer), ("phone", &draft.footer.phone)];
        @if foot.iter().any(|(_, text)| !text.is_empty()) {
            p.dim { @for (name, text) in foot { @if !text.is_empty() { span.fact { (label(lang, &format!("foot-{name}"))) " " (text) } } } }
        }
    }
}

fn figure(lang: Lang, cell: &Cell, column: &Column) -> Markup {
    let shown = reported(cell, column);
    let adjusted = cell.adjusted(column).is_some_and(|made| !made.withdrawn && !made.reported.is_empty());
    html! {
        td.n.gap[shown.is_none()] {
            @match shown { Some(value) => { (number(cell, value)) } None => { "—" } }
            @if adjusted { small { (label(lang, "computed")) " " (column.value.as_deref().map_or_else(|| "—".to_owned(), |value| number(cell, value))) } }
            @else if column.value.is_none() && column.platform.is_some() { small { (label(lang, "platform")) } }
        }
    }
}

fn severity(lang: Lang, verdict: &Verdict) -> Markup {
    let tone = match verdict.severity {
        "mandatory" => Tone::Bad,
        "verify" => Tone::Warn,
        _ => Tone::Plain,
    };
    badge(tone, &label(lang, &format!("severity-{}", verdict.severity)))
}

/// What the rules say: those that are not met with both sides and what the unit says, and how many hold.
pub fn verdicts(lang: Lang, all: &[Verdict], said: &[&Said], causes: &Causes) -> Markup {
    let explanations: Vec<Explanation> = said.iter().map(|said| said.explanation()).collect();
    let digest = |text: &str| Digest::of(text.as_bytes()).to_string();
    let count = |outcome: Outcome| all.iter().filter(|verdict| verdict.outcome == outcome).count();
    let mut unmet: Vec<(&Verdict, Claim<'_>)> = all
        .iter()
        .filter(|verdict| verdict.outcome == Outcome::Unmet)
        .map(|verdict| (verdict, verdict.claim(&explanations, &digest)))
        .collect();
    // What nobody has explained comes first, and of these what is mandatory.
    let rank = |severity: &str| ["mandatory", "verify"].iter().position(|known| *known == severity).unwrap_or(2);
    unmet.sort_by_key(|(verdict, claim)| (matches!(claim, Claim::Holds(_)), rank(verdict.severity)));
    html! {
        h2 id="rules" { (label(lang, "bureau-rules")) }
        p {
            (badge(if unmet.is_empty() { Tone::Good } else { Tone::Warn }, &format!("{} {}", label(lang, "outcome-unmet"), unmet.len()))) " "
            (badge(Tone::Plain, &format!("{} {}", label(lang, "outcome-met"), count(Outcome::Met)))) " "
            (badge(Tone::Plain, &format!("{} {}", label(lang, "outcome-not-applicable"), count(Outcome::NotApplicable)))) " "
            (badge(Tone::Plain, &format!("{} {}", label(lang, "outcome-undetermined"), count(Outcome::Undetermined))))
        }
        @for (verdict, claim) in &unmet { div.card {
            p.cause { (severity(lang, verdict)) " " strong { (verdict.rule) } " " (verdict.text) }
            @for compared in &verdict.comparisons { @if compared.holds == Some(false) {
                p { code { (compared.left) } " = " (value(compared.left_value.as_deref())) " " (compared.operator) " " code { (compared.right) } " = " (value(compared.right_value.as_deref())) " " (compared.unit)
                    @if let Some(difference) = &compared.difference { " · " (label(lang, "difference")) " " (grouped(difference)) } }
            } }
            (claimed(lang, claim, causes))
        } }
    }
}

fn value(text: Option<&str>) -> String {
    text.map_or_else(|| "—".to_owned(), grouped)
}

fn claimed(lang: Lang, claim: &Claim<'_>, causes: &Causes) -> Markup {
    let cause = |code: &str| {
        let known = causes.causes.get(code);
        known.map_or_else(|| code.to_owned(), |cause| if lang == Lang::Zh { cause.zh.clone() } else { cause.en.clone() })
    };
    html! {
        @match claim {
            Claim::None => { p { (badge(Tone::Bad, &label(lang, "bureau-unexplained"))) } }
            Claim::Stale(said) => {
                p { (badge(Tone::Bad, &label(lang, "bureau-explanation-stale"))) " " (cause(&said.cause)) }
                p.said { (said.text) }
            }
            Claim::Holds(said) => {
                p { (badge(Tone::Good, &label(lang, "bureau-explained"))) " " (cause(&said.cause)) @if !said.by.is_empty() { " · " (said.by) } }
                p.said { (said.text) }
            }
        }
    }
}

/// Figures that are another between two versions.
pub fn differences(lang: Lang, old: &Draft, new: &Draft) -> Markup {
    let mut rows = Vec::new();
    for cell in &new.cells {
        let before = old.cells.iter().find(|known| known.id == cell.id);
        for (name, column) in cell.columns.each() {
            let now = reported(cell, column);
            let then = before.and_then(|before| reported(before, before.columns.get(name)?));
            if now != then {
                rows.push((cell, name, then, now));
            }
        }
    }
    let gone: Vec<&Cell> = old.cells.iter().filter(|cell| new.cells.iter().all(|known| known.id != cell.id)).collect();
    html! {
        @if rows.is_empty() && gone.is_empty() { p { (label(lang, "bureau-no-differences")) } } @else {
            div.scroll { table {
                (frame::heads(lang, &["code", "name", "column", "before", "after"]))
                tbody {
                    @for (cell, name, then, now) in rows { tr {
                        td { (cell.code.as_deref().unwrap_or(&cell.id)) } td { (cell.name) } td { (label(lang, name)) }
                        td.n.diff-old { (then.map_or_else(|| "—".to_owned(), |value| number(cell, value))) }
                        td.n.changed { (now.map_or_else(|| "—".to_owned(), |value| number(cell, value))) }
                    } }
                    @for cell in gone { tr { td { (cell.code.as_deref().unwrap_or(&cell.id)) } td { (cell.name) } td {} td.diff-old {} td { "—" } } }
                }
            } }
        }
    }
}
