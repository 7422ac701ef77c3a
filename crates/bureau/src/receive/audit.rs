//! The survey's rules on arrival (随报随审).

use model::Month;
use serde_json::{Value, json};
use survey::{
    audit::{Outcome, Outside, Papers, Verdict, judge, rules, spread_over},
    document::Draft,
    filing::Identity,
};

use super::judge::drafts;
use crate::{
    knowledge::Editions,
    office::Office,
    store::{Report, Store, StoreError},
};

/// Rules that are told one by one; the rest is counted.
const TOLD: usize = 200;

/// A draft with what is reported: where a person adjusted a figure, that stands in the row's main column.
pub fn reported(draft: &Draft) -> Draft {
    let mut draft = draft.clone();
    for cell in &mut draft.cells {
        let adjusted = cell.adjustment.as_ref().filter(|adjustment| !adjustment.withdrawn && !adjustment.reported.is_empty());
        let Some(value) = adjusted.map(|adjustment| adjustment.reported.clone()) else { continue };
        let columns = &mut cell.columns;
        let main = [&mut columns.cumulative, &mut columns.closing, &mut columns.this_month].into_iter().find_map(Option::as_mut);
        if let Some(column) = main {
            (column.value, column.status) = (Some(value), "ok".to_owned());
        }
    }
    draft
}

/// Reports of a unit and month that arrived: the newest version of each form that is wanted.
pub fn arrived(store: &Store, unit: &str, month: Month, wanted: &dyn Fn(&str) -> bool) -> Result<Vec<Draft>, StoreError> {
    let period = month.to_string();
    let mut reports = store.read(|connection| Report::of_period(connection, unit, &period))?;
    reports.retain(|[form, ..]| wanted(form));
    let mut packages: Vec<(&str, Vec<u8>)> = Vec::new();
    for [_, content, _] in &reports {
        if packages.iter().all(|(known, _)| known != content)
            && let Some(bytes) = store.object(content)?
        {
            packages.push((content, bytes));
        }
    }
    let mut found = Vec::new();
    for (content, bytes) in packages {
        let newest = |draft: &Draft| reports.iter().any(|[form, of, _]| *form == draft.form && *of == content);
        found.extend(drafts(&bytes).into_iter().filter(newest));
    }
    Ok(found)
}

/// Judges every rule of the forms of a unit and month. `known` are the editions of the reports.
pub fn verdicts(
    office: &Office,
    known: &Editions,
    unit: &str,
    month: Month,
    reports: &[Draft],
) -> Result<Vec<Verdict>, StoreError> {
    let outside = Outside::default();
    let mut found = Vec::new();
    let mut editions = Vec::new();
    let (mut before, mut beside) = (false, false);
    for draft in reports {
        let Some(edition) = known.get(&draft.edition) else { continue };
        if let Some(beyond) = edition.beyond.get(&draft.form) {
            before |= beyond.month_before;
            beside |= beyond.forms.iter().any(|form| reports.iter().all(|other| other.form != *form));
        }
        editions.push((draft, edition));
    }
    // Packages that arrived earlier are opened only where a rule looks at them.
    let mut others = Vec::new();
    for month in [beside.then_some(month), month.plus(-1).filter(|_| before)].into_iter().flatten() {
        others.extend(arrived(office.store(), unit, month, &|_| true)?);
    }
    for (draft, edition) in &editions {
        // Of two drafts of one form and month, the one that arrives now counts: it comes last.
        let papers = Papers::new(&edition.mapping.forms, &draft.form, others.iter().chain(reports), &outside);
        // A form that is filled project by project is asked of each that the document has.
        let ready = rules(&edition.mapping, &draft.form, month).into_iter().flat_map(|ready| spread_over(ready, draft));
        found.extend(ready.map(|ready| judge(&ready, &papers, month)));
    }
    Ok(found)
}

/// Judges every rule of the forms; counts, and what is not met.
pub fn summary(office: &Office, known: &Editions, identity: &Identity, reports: &[Draft]) -> Result<Value, StoreError> {
    let Ok(month) = identity.period.parse::<Month>() else { return Ok(json!({})) };
    let mut counts = [0_u64; 4];
    let (mut told, mut left) = (Vec::new(), 0_u64);
    for verdict in verdicts(office, known, &identity.unit.code, month, reports)? {
        let at = match verdict.outcome {
            Outcome::Met => 0,
            Outcome::Unmet => 1,
            Outcome::NotApplicable => 2,
            Outcome::Undetermined => 3,
        };
        counts[at] += 1;
        if verdict.outcome == Outcome::Unmet {
            if told.len() < TOLD {
                told.push(
                    json!({ "form": verdict.form, "rule": verdict.rule, "severity": verdict.severity, "text": verdict.text }),
                );
            } else {
                left += 1;
            }
        }
    }
    let [met, unmet, not_applicable, undetermined] = counts;
    Ok(json!({
        "met": met, "unmet": unmet, "not_applicable": not_applicable, "undetermined": undetermined,
        "hits": told, "hits_left_out": left,
    }))
}
