//! The survey's rules on arrival (随报随审).

use model::Month;
use serde_json::{Value, json};
use survey::{
    audit::{Outcome, Outside, Papers, judge, rules},
    document::Draft,
    filing::Identity,
};

use super::judge::drafts;
use crate::{
    office::Office,
    store::{Blob, Report, StoreError},
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

/// Reports of the same unit that rules may look at: other forms of the month, and the month before.
fn earlier(office: &Office, identity: &Identity, month: Month) -> Result<Vec<Draft>, StoreError> {
    let mut found = Vec::new();
    for period in [Some(month), month.plus(-1)].into_iter().flatten() {
        let period = period.to_string();
        let kept = office.store().read(|connection| {
            let reports = Report::of_period(connection, &identity.unit.code, &period)?;
            let mut packages: Vec<(String, Vec<u8>)> = Vec::new();
            for [_, content, _] in &reports {
                if packages.iter().all(|(known, _)| known != content)
                    && let Some(bytes) = Blob::get(connection, content)?
                {
                    packages.push((content.clone(), bytes));
                }
            }
            Ok((reports, packages))
        })?;
        let (reports, packages) = kept;
        for (content, bytes) in packages {
            let newest = |draft: &Draft| reports.iter().any(|[form, of, _]| *form == draft.form && *of == content);
            found.extend(drafts(&bytes).into_iter().filter(newest));
        }
    }
    Ok(found)
}

/// Judges every rule of the forms; counts, and what is not met.
pub fn summary(office: &Office, identity: &Identity, reports: &[Draft]) -> Result<Value, StoreError> {
    let outside = Outside::default();
    let Ok(month) = identity.period.parse::<Month>() else { return Ok(json!({})) };
    let mut counts = [0_u64; 4];
    let (mut told, mut left) = (Vec::new(), 0_u64);
    let mut others: Option<Vec<Draft>> = None;
    for draft in reports {
        let Some(edition) = office.knowledge().edition(office.store(), &draft.edition)? else { continue };
        let beyond = edition.beyond.get(&draft.form).copied().unwrap_or(false);
        if beyond && others.is_none() {
            others = Some(earlier(office, identity, month)?);
        }
        // What arrives now stands before what arrived earlier: of two drafts of one form and month, the last counts.
        let beside = others.iter().flatten().filter(|_| beyond);
        let papers = Papers::new(&edition.mapping.forms, &draft.form, beside.chain(reports), &outside);
        for ready in rules(&edition.mapping, &draft.form, month) {
            let verdict = judge(&ready, &papers, month);
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
    }
    let [met, unmet, not_applicable, undetermined] = counts;
    Ok(json!({
        "met": met, "unmet": unmet, "not_applicable": not_applicable, "undetermined": undetermined,
        "hits": told, "hits_left_out": left,
    }))
}
