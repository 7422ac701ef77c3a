/*! The files of a payload: the same drafts, seals and records give the same bytes, wherever and whenever they are written. */

use std::collections::{BTreeMap, BTreeSet};

use model::Finding;
use seal::{Payload, canonical};
use serde::Serialize;
use serde_json::{Value, json};
use store::Store;
use survey::{
    audit as rules,
    document::{Draft, LedgerCell, Lineage},
    filing::{Evidence, EvidenceBook, EvidencePeriod, Identity, Report},
    sdmx,
};
use ui::Lang;

use super::Chosen;
use crate::{
    acts, audit, build,
    config::Agent,
    measures,
    print::{self, Beside, Print, Sheet},
    report::Failure,
    unposted,
};

/// What stands in the place of the name of a party or person.
const MASKED: &str = "＊＊＊";

/// Levels of a lineage that go into a package: two of its JSON to each of them, within what canonical JSON allows.
const DEEPEST: usize = 26;

fn value(value: &impl Serialize) -> Result<Value, Failure> {
    serde_json::to_value(value).map_err(|error| Failure::source(Finding::error("output-refused").with("reason", error)))
}

/// Puts a payload together.
pub fn payload(agent: &Agent, store: &mut Store, chosen: &[Chosen], identity: &Identity) -> Result<Payload, Failure> {
    let drafts: Vec<Draft> = chosen.iter().map(|one| one.draft.clone()).collect();
    let mut ledger = Vec::new();
    for one in chosen {
        let kept = build::current_cells(store, &one.draft.book, &one.draft.form, &one.draft.period)?;
        let cells = one.draft.cells.iter().filter_map(|cell| kept.get(&cell.id)).map(|(_, cell)| cell.clone()).collect();
        ledger.push((one, cells));
    }
    let names = parties(&ledger);
    let texts = [
        ("identity.json", value(identity)?),
        ("report.json", value(&Report::of(&drafts))?),
        ("ledger.json", extract(&ledger)?),
        ("lineage.json", lineage(&ledger)?),
        ("explanations.json", explanations(agent, &drafts)),
        ("adjustments.json", adjustments(agent, store, &drafts)?),
        ("evidence.json", value(&evidence(store, &drafts)?)?),
        ("audit.json", verdicts(agent, store, chosen, identity)?),
    ];
    let mut payload = Payload::new();
    let refused = Failure::source;
    for (name, mut text) in texts {
        mask(&mut text, &names);
        payload.insert(name, canonical::to_bytes(&text).map_err(|finding| refused(finding.at(name)))?).map_err(refused)?;
    }
    payload.insert("report.sdmx.csv", sdmx::csv(&drafts)).map_err(refused)?;
    payload.insert("report.sdmx.xml", sdmx::ml(&drafts, identity.trial)).map_err(refused)?;
    payload.insert("report.dsd.xml", sdmx::structure()).map_err(refused)?;
    payload.insert("view.html", print::html(&view(chosen))).map_err(refused)?;
    Ok(payload)
}

/// The page that people read: in Chinese wherever the program runs.
pub fn view(chosen: &[Chosen]) -> Print {
    let beside = Beside::built_in();
    let forms = chosen.iter().map(|one| {
        // What is found while looking is not what was approved.
        Sheet::of(&one.draft, &one.digest, Lang::Zh, &beside)
    });
    Print { lang: Lang::Zh, title: String::new(), mark: None, forms: forms.collect(), signing: false }
}

type Ledger<'a> = [(&'a Chosen, Vec<LedgerCell>)];

/// The ledger cells of the forms, without their lineage.
fn extract(ledger: &Ledger<'_>) -> Result<Value, Failure> {
    let mut forms = Vec::new();
    for (one, cells) in ledger {
        let bare = cells.iter().map(|cell| {
            let mut cell = cell.clone();
            let inner = &mut cell.cell;
            inner.columns = inner.columns.figures();
            (inner.place, inner.record, inner.changed, inner.before) = (None, None, false, None);
            cell
        });
        let cells = value(&bare.collect::<Vec<_>>())?;
        forms.push(json!({ "form": one.draft.form, "edition": one.draft.edition, "book": one.draft.book, "cells": cells }));
    }
    Ok(json!({ "forms": forms }))
}

/// How each figure came about, down to accounts.
fn lineage(ledger: &Ledger<'_>) -> Result<Value, Failure> {
    let mut forms = Vec::new();
    for (one, cells) in ledger {
        let mut figures = Vec::new();
        for cell in cells {
            for (name, column) in cell.cell.columns.each() {
                let Some(tree) = &column.lineage else { continue };
                let tree = value(&cut(tree, DEEPEST))?;
                figures.push(json!({ "code": cell.cell.id, "column": name, "lineage": tree }));
            }
        }
        forms.push(json!({ "form": one.draft.form, "edition": one.draft.edition, "book": one.draft.book, "figures": figures }));
    }
    Ok(json!({ "forms": forms }))
}

fn cut(tree: &Lineage, deepest: usize) -> Lineage {
    let children = match deepest.checked_sub(1) {
        Some(deepest) => tree.children.iter().map(|child| cut(child, deepest)).collect(),
        None => Vec::new(),
    };
    Lineage { children, ..tree.clone() }
}

/// Parties and persons that a formula names: the package says that it chooses lines by one, and not by whom.
fn parties(ledger: &Ledger<'_>) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let columns = ledger.iter().flat_map(|(_, cells)| cells).flat_map(|cell| cell.cell.columns.each());
    let mut waiting: Vec<&Lineage> = columns.filter_map(|(_, column)| column.lineage.as_ref()).collect();
    while let Some(tree) = waiting.pop() {
        waiting.extend(&tree.children);
        let filters = tree.question.iter().flat_map(|question| &question.filters);
        let named = filters.filter_map(|filter| filter.split_once('=')).filter(|(field, _)| matches!(*field, "party" | "person"));
        names.extend(named.map(|(_, name)| name.to_owned()).filter(|name| !name.is_empty()));
    }
    names
}

/// Takes names out of every text.
fn mask(value: &mut Value, names: &BTreeSet<String>) {
    match value {
        Value::String(text) => {
            for name in names {
                while let Some(at) = text.to_lowercase().find(name.as_str()) {
                    let whole = text.to_lowercase().len() == text.len() && text.is_char_boundary(at + name.len());
                    *text =
                        if whole { format!("{}{MASKED}{}", &text[..at], &text[at + name.len()..]) } else { MASKED.to_owned() };
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| mask(item, names)),
        Value::Object(members) => members.values_mut().for_each(|member| mask(member, names)),
        _ => {}
    }
}

fn person(agent: &Agent, id: &str) -> Value {
    let name = agent.people.iter().find(|person| person.id == id).map(|person| person.name.as_str());
    json!({ "id": id, "name": name })
}

fn explanations(agent: &Agent, drafts: &[Draft]) -> Value {
    let said = drafts.iter().flat_map(|draft| draft.explanations.iter().map(move |said| (draft, said)));
    let said = said.map(|(draft, said)| {
        let by = person(agent, &said.by);
        json!({ "form": draft.form, "rule": said.rule, "cause": said.cause, "text": said.text, "figures": said.figures, "by": by })
    });
    json!({ "explanations": said.collect::<Vec<_>>() })
}

fn adjustments(agent: &Agent, store: &Store, drafts: &[Draft]) -> Result<Value, Failure> {
    let mut made = Vec::new();
    for draft in drafts {
        for (code, kept) in acts::adjustments(store, &draft.book, &draft.form, &draft.period)? {
            let reported = draft.cells.iter().find(|cell| cell.id == code).and_then(|cell| cell.adjustment.as_ref());
            let by = person(agent, &kept.by);
            made.push(json!({
                "form": draft.form, "code": code, "amount": kept.amount, "computed": kept.computed,
                "reported": reported.map(|made| made.reported.as_str()), "reason": kept.reason, "by": by, "evidence": kept.evidence,
            }));
        }
    }
    Ok(json!({ "adjustments": made }))
}

/// The seals that the drafts name.
fn evidence(store: &Store, drafts: &[Draft]) -> Result<Evidence, Failure> {
    let mut books: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    for draft in drafts {
        let beside = [(draft.unposted, unposted::id(&draft.book)), (draft.measures, measures::id(&draft.book))];
        let ids = beside.into_iter().filter(|(wanted, _)| *wanted).map(|(_, id)| id);
        for id in ids.chain([draft.book.clone()]) {
            books.entry(id).or_default().extend(draft.evidence.keys().map(String::as_str));
        }
    }
    let mut evidence = Evidence::default();
    for (book, named) in books {
        let seals = store.current_seals(&book)?.into_iter().filter(|seal| named.contains(seal.period.to_string().as_str()));
        let periods = seals.map(|seal| EvidencePeriod {
            period: seal.period.to_string(),
            root: seal.root,
            vouchers: seal.vouchers,
            rows: seal.rows,
            debit: seal.debit,
            credit: seal.credit,
            state: seal.state,
            context: seal.context,
        });
        evidence.books.push(EvidenceBook { book, periods: periods.collect() });
    }
    Ok(evidence)
}

/// The rules on the figures, as the ESS validation report. A payload has no clock: the report names the end of its period.
fn verdicts(agent: &Agent, store: &mut Store, chosen: &[Chosen], identity: &Identity) -> Result<Value, Failure> {
    let mut audited = Vec::new();
    for one in chosen {
        let book = agent.book(Some(&one.draft.book))?;
        audited.extend(audit::judged(agent, store, book, Some(&one.draft.form), one.month)?.0);
    }
    let end = end_of_period(chosen);
    let event = rules::Event {
        time: &end,
        actor: &identity.unit.code,
        agent: &identity.program,
        trigger: "taizhang sign",
        unit: &identity.unit.code,
        period: &identity.period,
    };
    Ok(audit::ess(&event, &audited))
}

fn end_of_period(chosen: &[Chosen]) -> String {
    let last = chosen.first().and_then(|one| {
        let first =
            jiff::civil::Date::new(i16::try_from(one.month.year()).ok()?, i8::try_from(one.month.month()).ok()?, 1).ok()?;
        Some(first.last_of_month())
    });
    last.map_or_else(String::new, |last| format!("{last}T23:59:59+08:00"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_leave_every_text_and_nothing_else_does() {
        let names = BTreeSet::from(["杭州客户".to_owned(), "acme".to_owned()]);
        let mut value =
            json!({ "text": "QM(1122, party=\"杭州客户\")", "list": ["ACME Ltd", { "x": "Acme 和 ACME" }], "other": "1122" });
        mask(&mut value, &names);
        let expected =
            json!({ "text": "QM(1122, party=\"＊＊＊\")", "list": ["＊＊＊ Ltd", { "x": "＊＊＊ 和 ＊＊＊" }], "other": "1122" });
        assert_eq!(value, expected);
    }

    #[test]
    fn a_deep_lineage_stays_within_what_canonical_json_holds() {
        let mut tree = Lineage::default();
        for _ in 0..47 {
            tree = Lineage { children: vec![tree], ..Lineage::default() };
        }
        let figures = json!([{ "lineage": serde_json::to_value(cut(&tree, DEEPEST)).unwrap() }]);
        canonical::to_bytes(&json!({ "forms": [{ "figures": figures }] })).unwrap();
    }
}
