/*!
A kept draft explained by what it was made from: the texts of the mapping that were kept when it was built, and the seals that it stands on.
What the mapping and the books say now is another matter, and is told beside it.
*/

use std::collections::BTreeSet;

use formula::Expr;
use journal::Digest;
use model::{Finding, Period};
use serde_json::Value;
use store::{DraftVersion, Operation, Seal, Store};
use survey::{Mapping, document::Draft};

use crate::{
    books::{self, Grain, SealedBook},
    build::Ready,
    config::{Agent, Book},
    desk::local,
    forms::{self, Desk},
    report::Failure,
    unposted,
};

/// Codes of what is told where something that a draft was built from is gone.
pub const MISSING: [&str; 2] = ["draft-texts-missing", "draft-seals-gone"];

/// The operation that built a version of a draft: its states since are others.
pub fn built(store: &Store, version: &DraftVersion) -> Result<Option<Operation>, Failure> {
    let all = store.drafts_of(&version.book, &version.form, &version.period)?;
    let first = all.into_iter().find(|known| known.version == version.version).map_or(version.operation, |first| first.operation);
    Ok(store.operation(first)?)
}

/// Whether a draft was made by another mapping than that of `now`, or from other seals.
pub fn differs(now: &Ready, draft: &Draft) -> bool {
    now.layers.digest(&draft.form) != draft.mapping || !newer(now, draft).is_empty()
}

/// Periods of a draft whose books were sealed anew since: root then, root now.
pub fn newer(now: &Ready, draft: &Draft) -> Vec<(String, String, String)> {
    let mut newer = Vec::new();
    for (period, then) in &draft.evidence {
        let now = period.parse().ok().and_then(|period: Period| now.desk(&draft.form).evidence.get(&period));
        let now = now.map(|seal| seal.root.as_str()).unwrap_or_default();
        // Behind the root of the books stand those of measures.
        if !then.starts_with(now) || now.is_empty() && !then.starts_with('+') {
            let plain = |root: &str| root.split('+').next().unwrap_or_default().to_owned();
            newer.push((period.clone(), plain(then), plain(now)));
        }
    }
    newer
}

/// Mapping and figures as a draft was built from them, as far as they are still there; what is not is said.
pub fn ready(agent: &Agent, store: &Store, book: &Book, version: &DraftVersion, draft: &Draft) -> Result<Ready, Failure> {
    let place = format!("{}, {}, book {}", draft.form, draft.period, draft.book);
    let mut findings = Vec::new();
    let operation = built(store, version)?;
    let configured = forms::configured(agent, book, Some(&draft.form))?;
    let kept = match &operation {
        Some(operation) => texts(store, operation)?,
        None => None,
    };
    // A text that no longer reads is as good as none.
    let (layers, facts) = match kept.and_then(|kept| forms::layers_kept(agent, &kept).ok()) {
        Some(kept) => kept,
        None => {
            findings.push(Finding::warning("draft-texts-missing").at(&place));
            (forms::layers(agent, &configured)?, None)
        }
    };
    let last = operation.map_or(i64::MAX, |operation| operation.seq);
    let (sealed, gone) = sealed(store, &book.id, last)?;
    let Some(sealed) = sealed else {
        return Err(Failure::findings(vec![Finding::error("book-empty").at(format!("book {}", book.id))]));
    };
    let (drafts, lost) = if draft.unposted { self::sealed(store, &unposted::id(&book.id), last)? } else { Default::default() };
    let gone: BTreeSet<String> = gone.into_iter().chain(lost).map(|period| period.to_string()).collect();
    if !gone.is_empty() {
        let gone = gone.into_iter().collect::<Vec<_>>().join("、");
        findings.push(Finding::warning("draft-seals-gone").at(&place).with("periods", gone));
    }
    let mut desk = Desk::of(agent, store, book, (sealed, drafts), &layers.mapping, (draft.unposted, facts))?;
    if let Some(rates) = &mut desk.rates {
        rates.put(&draft.rates);
    }
    Ok(Ready { layers, desk, unposted: None, forms: configured, findings })
}

/// The texts that were kept when a draft was built; none where an earlier version kept none, or one is lost.
fn texts(store: &Store, operation: &Operation) -> Result<Option<Vec<(String, String)>>, Failure> {
    let detail: Value = serde_json::from_str(&operation.detail).unwrap_or_default();
    let Some(files) = detail["mapping"].as_array().filter(|files| !files.is_empty()) else { return Ok(None) };
    let mut texts = Vec::new();
    for file in files {
        let (Some(name), Some(digest)) = (file["file"].as_str(), file["sha256"].as_str()) else { return Ok(None) };
        let Some(text) = store.find_context(digest)? else { return Ok(None) };
        texts.push((name.to_owned(), text));
    }
    Ok(Some(texts))
}

/// The book as it was sealed when an operation was done, and the periods of which that seal is gone: those are as they are now.
fn sealed(store: &Store, id: &str, last: i64) -> Result<(Option<SealedBook>, Vec<Period>), Failure> {
    let folder = store.snapshots(id)?;
    let (mut seals, mut gone): (Vec<Seal>, Vec<Period>) = Default::default();
    for current in store.current_seals(id)? {
        if current.operation <= last {
            seals.push(current);
            continue;
        }
        // A period that was sealed later for the first time was not there.
        let Some(own) = store.seals_of(id, current.period)?.into_iter().rev().find(|seal| seal.operation <= last) else {
            continue;
        };
        let there = books::cube(&folder, &own, Grain::Accounts).is_ok() && books::entry_file(&folder, &own).is_ok();
        if !there {
            gone.push(own.period);
        }
        seals.push(if there { own } else { current });
    }
    let sealed = SealedBook::of(store, id, seals, |folder, seal| books::cube(folder, seal, Grain::Dimensions))?;
    Ok((sealed, gone))
}

/// A change of the mapping as the log has it.
pub struct Changed {
    /// `B203:301`, `@item`, or the code of an account.
    pub name: String,
    /// Before; none where nobody said any.
    pub before: Option<String>,
    /// After.
    pub after: String,
    /// Who.
    pub who: String,
    /// When.
    pub at: String,
    /// Why.
    pub why: String,
}

/// Operations that are looked through for changes, so that a long log keeps nobody waiting.
const LOOKED: usize = 5_000;

/// Changes of the mapping since an operation, the newest first, of what a figure may have to do with.
pub fn changes(store: &Store, since: i64, concerns: &dyn Fn(&str) -> bool) -> Result<Vec<Changed>, Failure> {
    let mut changes = Vec::new();
    for operation in store.operations_before(None, LOOKED)? {
        if operation.seq <= since {
            break;
        }
        if operation.what != "mapping" {
            continue;
        }
        let detail: Value = serde_json::from_str(&operation.detail).unwrap_or_default();
        for change in detail["changes"].as_array().into_iter().flatten() {
            let text = |name: &str| change[name].as_str().map(str::to_owned);
            let name = text("cell").unwrap_or_default();
            if concerns(&name) {
                changes.push(Changed {
                    name,
                    before: text("before"),
                    after: text("after").unwrap_or_default(),
                    who: operation.who.clone(),
                    at: local(&operation.at),
                    why: detail["reason"].as_str().unwrap_or_default().to_owned(),
                });
            }
        }
    }
    Ok(changes)
}

/// Everything that a figure's formula leads to: `form:row` and `@item`, itself among them.
pub fn leads_to(mapping: &Mapping, form: &str, row: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut waiting = vec![(form.to_owned(), format!("{form}:{row}"))];
    while let Some((own, name)) = waiting.pop() {
        let expr: Option<&Expr> = match name.strip_prefix('@') {
            Some(item) => mapping.items.get(item).and_then(Option::as_ref).map(|formula| &formula.expr),
            None => name
                .split_once(':')
                .and_then(|(form, row)| mapping.cells.get(&(form.to_owned(), row.to_owned())))
                .map(|formula| &formula.expr),
        };
        if !found.insert(name) {
            continue;
        }
        for (of, code) in expr.into_iter().flat_map(formula::references) {
            waiting.push(match (of, code) {
                (None, code) if code.starts_with('@') => (own.clone(), code),
                (of, code) => {
                    let of = of.unwrap_or_else(|| own.clone());
                    (of.clone(), format!("{of}:{code}"))
                }
            });
        }
    }
    found
}

/// Digest of what a draft's own mapping and figures are kept under in memory.
pub fn key(agent: &Agent, version: &DraftVersion, more: &str) -> String {
    let config = std::fs::read_to_string(&agent.path).unwrap_or_default();
    let DraftVersion { book, form, period, version, body, .. } = version;
    Digest::of(format!("then\n{book}\n{form}\n{period}\n{version}\n{more}\n{config}\n{body}").as_bytes()).to_string()
}
