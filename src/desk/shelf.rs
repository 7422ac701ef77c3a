/*!
Mappings and figures that stay in memory between the pages of one person's way from a figure to its vouchers.

What is kept is used only while everything that it was made from is as it was: the configuration, the texts of the mapping, the rates, and
the state up to its last operation. Nothing is kept longer than people look, as a service that waits should be small.
*/

use std::{
    fs,
    ops::Deref,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use journal::Digest;
use model::Month;
use store::{DraftVersion, Store};
use survey::document::Draft;
use web::Answer;

use crate::{
    build::{self, Ready},
    config::{Agent, Book},
    forms,
    report::Failure,
    then,
};

/// Books that are kept at once: two people who look at two books do not push each other out, nor does a draft that was built by another mapping
/// and that of now.
const MOST: usize = 3;

/// How long one is kept that nobody asks for.
const IDLE: Duration = Duration::from_secs(300);

/// What is kept.
#[derive(Default)]
pub struct Shelf(Mutex<Vec<Kept>>);

struct Kept {
    key: String,
    ready: Ready,
    used: Instant,
}

/// Mapping and figures in use; they go back when this is dropped.
pub struct Loan {
    shelf: Arc<Shelf>,
    key: String,
    /// Some until it is dropped.
    ready: Option<Ready>,
}

impl Deref for Loan {
    type Target = Ready;

    fn deref(&self) -> &Ready {
        // It is taken out by `drop` alone, after which nobody can ask.
        self.ready.as_ref().expect("a loan holds its book until it is dropped")
    }
}

impl Drop for Loan {
    fn drop(&mut self) {
        let Some(ready) = self.ready.take() else { return };
        let mut kept = self.shelf.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Whoever made the same beside this one has put it back already.
        if kept.iter().any(|known| known.key == self.key) {
            return;
        }
        if kept.len() >= MOST {
            let oldest = (0..kept.len()).min_by_key(|at| kept[*at].used);
            oldest.map(|oldest| kept.swap_remove(oldest));
        }
        kept.push(Kept { key: std::mem::take(&mut self.key), ready, used: Instant::now() });
    }
}

impl Shelf {
    /// Mapping and figures of a book for a form: as they are kept, or made anew where anything that they stand on has changed.
    pub fn ready(self: &Arc<Shelf>, agent: &Agent, store: &mut Store, book: &Book, form: &str, month: Month) -> Answer<Loan> {
        let known = key(agent, store, book, form)?;
        let kept = {
            let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let at = kept.iter().position(|kept| kept.key == known && kept.ready.desk.book.coverage().to >= month);
            at.map(|at| kept.swap_remove(at).ready)
        };
        let loan = |key, ready| Loan { shelf: Arc::clone(self), key, ready: Some(ready) };
        if let Some(ready) = kept {
            return Ok(loan(known, ready));
        }
        let ready = build::ready(agent, store, book, Some(form), month)?;
        // Making it may have read the ERP, and the state is another then.
        Ok(loan(key(agent, store, book, form)?, ready))
    }

    /// Mapping and figures as a kept draft was built from them.
    pub fn then(
        self: &Arc<Shelf>,
        agent: &Agent,
        store: &Store,
        book: &Book,
        (version, draft): (&DraftVersion, &Draft),
    ) -> Answer<Loan> {
        // What people enter of measures is not kept by state: it is as it is now.
        let last = store.operations_before(None, 1).map_err(Failure::from)?.pop().filter(|_| draft.measures);
        let key = then::key(agent, version, &last.map(|operation| operation.hash).unwrap_or_default());
        let kept = {
            let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let at = kept.iter().position(|kept| kept.key == key);
            at.map(|at| kept.swap_remove(at).ready)
        };
        let ready = match kept {
            Some(ready) => ready,
            None => then::ready(agent, store, book, version, draft)?,
        };
        Ok(Loan { shelf: Arc::clone(self), key, ready: Some(ready) })
    }

    /// Lets go what nobody has asked for lately.
    pub fn tidy(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).retain(|kept| kept.used.elapsed() < IDLE);
    }
}

/// Digest of everything that mapping and figures are made from.
fn key(agent: &Agent, store: &Store, book: &Book, form: &str) -> Result<String, Failure> {
    let configured = forms::configured(agent, book, Some(form))?;
    let layers = forms::layers(agent, &configured)?;
    let last = store.operations_before(None, 1)?.pop();
    let mut text = format!("{}\n{:?}\n", book.id, last.map(|operation| (operation.seq, operation.at)));
    let mut add = |part: &str| text.push_str(&format!("{}\n{part}\n", part.len()));
    for path in [Some(&agent.path), agent.rates.as_ref()].into_iter().flatten() {
        // What cannot be read is said where it is needed; here it is only another key than before.
        add(&fs::read_to_string(path).unwrap_or_default());
    }
    configured.iter().for_each(|form| add(&form.code));
    layers.texts.iter().for_each(|(_, part)| add(part));
    Ok(Digest::of(text.as_bytes()).to_string())
}
