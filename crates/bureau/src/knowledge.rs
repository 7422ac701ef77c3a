/*! Forms, rules and calendars that the receiver judges by: those that come with the program, and newer ones that the bureau published. */

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, PoisonError, RwLock},
};

use model::Finding;
use survey::{
    Form, Mapping, Standard,
    audit::{self, Beyond},
};

use crate::store::{Published, Store, StoreError};

/// The forms of one edition with their rules.
pub struct Edition {
    /// Forms, and rules that were read.
    pub mapping: Mapping,
    /// What rules of each form look at beside it.
    pub beyond: BTreeMap<String, Beyond>,
}

/// All editions by their names.
pub type Editions = BTreeMap<String, Arc<Edition>>;

/// All editions, as they stood when so many packs were published.
#[derive(Default)]
struct Known {
    packs: i64,
    editions: Arc<Editions>,
}

/// What is known, read again when a pack is published.
#[derive(Default)]
pub struct Knowledge {
    known: RwLock<Option<Known>>,
}

/// Editions of forms that were published over those that come with the program.
pub fn editions(published: &[Published]) -> (BTreeMap<String, Edition>, Vec<Finding>) {
    let mut findings = Vec::new();
    let mut forms: BTreeMap<(String, String), Form> = BTreeMap::new();
    let built_in = survey::FORMS.iter().map(|(edition, code, text)| (format!("mappings/forms/{edition}/{code}.toml"), *text));
    let own = published.iter().filter(|published| published.pack.kind == "form");
    let own = own.map(|published| (published.pack.sha256.clone(), published.text.as_str()));
    for (name, text) in built_in.chain(own) {
        let (form, wrong) = Form::parse(&name, text);
        findings.extend(wrong);
        if let Some(form) = form {
            forms.insert((form.edition.clone(), form.form.clone()), form);
        }
    }
    let mut by_edition: BTreeMap<String, Vec<Form>> = BTreeMap::new();
    for ((edition, _), form) in forms {
        by_edition.entry(edition).or_default().push(form);
    }
    let mut editions = BTreeMap::new();
    for (edition, forms) in by_edition {
        // Rules are about reported figures: which standard their books follow makes no difference.
        let Some((name, text)) = survey::STANDARDS.first() else { continue };
        let (standard, wrong) = Standard::parse(name, text);
        findings.extend(wrong);
        let Some(standard) = standard else { continue };
        let (mapping, wrong) = Mapping::assemble(&standard, forms, &[]);
        findings.extend(wrong);
        if let Some(mapping) = mapping {
            let of = |form: &Form| {
                let rules = mapping.rules.iter().filter(|rule| rule.form == form.form);
                (form.form.clone(), audit::beyond(form, rules.map(|rule| &rule.expr)))
            };
            let beyond = mapping.forms.iter().map(of).collect();
            editions.insert(edition, Edition { mapping, beyond });
        }
    }
    (editions, findings)
}

impl Knowledge {
    /// An edition as it stands now; nothing where no form of it is known.
    pub fn edition(&self, store: &Store, edition: &str) -> Result<Option<Arc<Edition>>, StoreError> {
        Ok(self.now(store)?.get(edition).cloned())
    }

    /// Every form that is known, of any edition.
    pub fn forms(&self, store: &Store) -> Result<BTreeSet<String>, StoreError> {
        let editions = self.now(store)?;
        Ok(editions.values().flat_map(|edition| edition.mapping.forms.iter().map(|form| form.form.clone())).collect())
    }

    /// All editions as they stand now.
    pub fn now(&self, store: &Store) -> Result<Arc<Editions>, StoreError> {
        let packs = store.read(Published::count)?;
        {
            let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
            if let Some(known) = known.as_ref().filter(|known| known.packs == packs) {
                return Ok(Arc::clone(&known.editions));
            }
        }
        let published = store.read(Published::all)?;
        // What was published was examined before.
        let (editions, _) = editions(&published);
        let editions: Arc<Editions> = Arc::new(editions.into_iter().map(|(name, edition)| (name, Arc::new(edition))).collect());
        *self.known.write().unwrap_or_else(PoisonError::into_inner) = Some(Known { packs, editions: Arc::clone(&editions) });
        Ok(editions)
    }
}
