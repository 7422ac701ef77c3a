/*! What has changed beneath kept drafts since they were built: the form's pack, the mapping, the rates, the evidence. */

use std::collections::BTreeMap;

use model::{Finding, Level};
use store::Store;
use survey::{Rates, document::Draft};
use ui::Lang;

use crate::{
    config::{Agent, Book},
    forms::{self, Layers},
    output::label,
    report::Failure,
    touched,
};

/// Codes of what a draft is marked with, in the order in which people should look.
pub const MARKS: [&str; 5] = ["pack-changed", "mapping-changed", "rates-changed", "evidence-changed", "measures-changed"];

/// Whether a finding is one of the marks.
pub fn is_mark(finding: &Finding) -> bool {
    MARKS.iter().any(|code| finding.code == *code)
}

/// What has changed beneath a kept draft since it was built. They are told apart, as a person mends them in different places.
pub fn stale(agent: &Agent, store: &Store, book: &Book, draft: &Draft) -> Result<Vec<Finding>, Failure> {
    Watch::new(agent, store).stale(book, draft)
}

/// Looks at many drafts, and reads what they stand on once.
pub struct Watch<'a> {
    agent: &'a Agent,
    store: &'a Store,
    /// By book, and by form where nobody configured it.
    layers: BTreeMap<(String, Option<String>), Result<Layers, Vec<Finding>>>,
    /// By currency.
    rates: BTreeMap<String, Result<Rates, Vec<Finding>>>,
}

impl<'a> Watch<'a> {
    /// Nothing is read yet.
    pub fn new(agent: &'a Agent, store: &'a Store) -> Watch<'a> {
        Watch { agent, store, layers: BTreeMap::new(), rates: BTreeMap::new() }
    }

    /// All of it, one finding each.
    pub fn stale(&mut self, book: &Book, draft: &Draft) -> Result<Vec<Finding>, Failure> {
        let mut findings = self.texts(book, draft)?;
        findings.extend(touched::touched(self.store, draft)?.findings(&place(draft)));
        Ok(findings)
    }

    /// What people or the program wrote: pack, layers, rates.
    pub fn texts(&mut self, book: &Book, draft: &Draft) -> Result<Vec<Finding>, Failure> {
        let mut findings = Vec::new();
        // The draft stands; that a file could not build it again is worth knowing.
        let warned = |wrong: &Vec<Finding>| {
            wrong.iter().map(|finding| Finding { level: Level::Warning, ..finding.clone() }).collect::<Vec<_>>()
        };
        match self.layers(book, &draft.form)? {
            Ok(layers) if layers.digest(&draft.form) == draft.mapping => {}
            Ok(layers) => findings.push(changed(draft, layers)),
            Err(wrong) => findings.extend(warned(wrong)),
        }
        if draft.rates.is_empty() {
            return Ok(findings);
        }
        let agent = self.agent;
        let rates = self.rates.entry(draft.currency.clone());
        match rates.or_insert_with(|| forms::rates(agent, &draft.currency).map_err(|failure| failure.findings)) {
            Ok(rates) => {
                let mut months: Vec<&str> =
                    draft.rates.iter().filter(|used| rates.differs(used)).map(|used| &*used.month).collect();
                months.dedup();
                if !months.is_empty() {
                    let finding = Finding::warning("rates-changed").at(place(draft)).with("months", months.join(", "));
                    findings.push(finding.with("currency", &draft.currency).with("period", &draft.period));
                }
            }
            Err(wrong) => findings.extend(warned(wrong)),
        }
        Ok(findings)
    }

    fn layers(&mut self, book: &Book, form: &str) -> Result<&Result<Layers, Vec<Finding>>, Failure> {
        let own = self.agent.forms.iter().any(|known| known.code == form && known.book.as_ref().is_none_or(|id| *id == book.id));
        let key = (book.id.clone(), (!own).then(|| form.to_owned()));
        if !self.layers.contains_key(&key) {
            let configured = forms::configured(self.agent, book, Some(form))?;
            self.layers.insert(key.clone(), forms::layers(self.agent, &configured).map_err(|failure| failure.findings));
        }
        Ok(&self.layers[&key])
    }
}

fn place(draft: &Draft) -> String {
    format!("{}, {}, book {}", draft.form, draft.period, draft.book)
}

/// Another pack of the form itself is told apart from what the enterprise or the standard says: what is asked may be another thing now.
fn changed(draft: &Draft, layers: &Layers) -> Finding {
    let said = |edition: &str, revision: u32, digest: &str| {
        format!("{edition} r{revision} (SHA-256 {})", digest.get(..12).unwrap_or(digest))
    };
    match (&draft.pack, layers.pack(&draft.form), layers.mapping.form(&draft.form)) {
        (Some(then), Some(now), Some(form)) if *then != now => Finding::warning("pack-changed")
            .at(place(draft))
            .with("then", said(&draft.edition, then.revision, &then.digest))
            .with("now", said(&form.edition, now.revision, &now.digest))
            .with("period", &draft.period),
        _ => Finding::warning("mapping-changed").at(place(draft)).with("period", &draft.period),
    }
}

/// Marks in a column: codes for programs, words for people.
pub fn shown(lang: Option<Lang>, marks: &[&str]) -> String {
    match lang {
        None => marks.join(" "),
        Some(lang) => marks.iter().map(|code| label(lang, code)).collect::<Vec<_>>().join("；"),
    }
}
