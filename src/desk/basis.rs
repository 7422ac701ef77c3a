//! By which mapping and seals a draft is looked at: those that it was built from, and beside them those of now where they are others.

use std::sync::Arc;

use model::{Finding, Level};
use store::{DraftVersion, Store};
use survey::document::Draft;
use web::{Answer, Place};

use super::{
    book, month,
    shelf::{Loan, Shelf},
};
use crate::{build, config::Agent, report::Failure, then};

/// Mapping and figures of a draft.
pub struct Basis {
    /// What the draft was built from.
    pub ready: Loan,
    /// What there is now, where that is another.
    pub now: Option<Loan>,
    /// The draft, where one is kept.
    pub kept: Option<(DraftVersion, Draft)>,
    /// What is to be known of it.
    pub findings: Vec<Finding>,
}

impl Basis {
    /// What there is now.
    pub fn now(&self) -> &Loan {
        self.now.as_ref().unwrap_or(&self.ready)
    }
}

/// The basis of a draft; that of now where none is kept.
pub fn basis(shelf: &Arc<Shelf>, agent: &Agent, store: &mut Store, place: &Place) -> Answer<Basis> {
    let (book, month) = (book(agent, place)?, month(place)?);
    let version = store.current_draft(&place.book, &place.form, &place.period).map_err(Failure::from)?;
    let kept = version.map(|version| build::read(&version).map(|draft| (version, draft))).transpose()?;
    let now = shelf.ready(agent, store, book, &place.form, month);
    let Some((version, draft)) = &kept else {
        return Ok(Basis { ready: now?, now: None, kept: None, findings: Vec::new() });
    };
    let (ready, now, mut findings) = match now {
        Ok(now) if !then::differs(&now, draft) => (now, None, Vec::new()),
        Ok(now) => (shelf.then(agent, store, book, (version, draft))?, Some(now), Vec::new()),
        // A mapping that does not load today explains nothing, and the draft's own still does.
        Err(refusal) => match shelf.then(agent, store, book, (version, draft)) {
            Ok(ready) => {
                let warned = |finding: Finding| Finding { level: Level::Warning, ..finding };
                (ready, None, refusal.findings.into_iter().map(warned).collect())
            }
            Err(_) => return Err(refusal),
        },
    };
    if now.is_some() {
        findings.extend(ready.findings.iter().filter(|finding| then::MISSING.contains(&&*finding.code)).cloned());
    }
    Ok(Basis { ready, now, kept, findings })
}
