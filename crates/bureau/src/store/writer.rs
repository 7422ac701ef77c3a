//! Group commit: what arrived meanwhile goes into one transaction, under one checkpoint of the log.

use std::{collections::BTreeSet, sync::mpsc, thread};

use seal::{Checkpoint, Finding, Note};

use super::{Log, Store, StoreError};
use crate::{
    db::{self, Ask, Connection},
    sql,
};

/// Most tasks of one transaction: the first of them should not wait for ever.
const BATCH: usize = 256;

/// Why a task was not done. The others of its batch are.
#[derive(Clone, Debug)]
pub enum Refused {
    /// The database refused, or the batch was not committed.
    State(String),
    /// Something could not be signed or made.
    Finding(Finding),
}

impl From<db::Error> for Refused {
    fn from(error: db::Error) -> Refused {
        Refused::State(error.to_string())
    }
}

impl From<Finding> for Refused {
    fn from(finding: Finding) -> Refused {
        Refused::Finding(finding)
    }
}

/// What is to be written. It is done when `reply` is told so, and then it is lasting.
pub trait Task: Send {
    /// Whose it is.
    fn unit(&self) -> &str;

    /// What it will ask: where asking is a journey, all tasks of a batch go together.
    fn asks(&self) -> Vec<Ask> {
        Vec::new()
    }

    /// Writes rows and entries of the log. It is called again, with nothing of it written, where the batch could not be.
    fn write(&mut self, connection: &Connection, log: &mut Log<'_>) -> Result<(), Refused>;

    /// Entries that it adds to the log once it is known where the batch ends.
    fn entries(&self) -> u64 {
        0
    }

    /// Adds these entries; the checkpoint over the batch will have `size` leaves.
    fn enter(&mut self, _log: &mut Log<'_>, _size: u64) -> Result<(), Refused> {
        Ok(())
    }

    /// Writes what needs the checkpoint over the whole batch.
    fn close(&mut self, _close: &Close<'_>) -> Result<(), Refused> {
        Ok(())
    }

    /// Hears how it went.
    fn reply(self: Box<Self>, outcome: Result<(), Refused>);
}

/// The end of a batch.
pub struct Close<'a> {
    /// The transaction.
    pub connection: &'a Connection,
    /// The log with all entries of the batch.
    pub log: &'a Log<'a>,
    /// Its checkpoint.
    pub note: &'a Note,
}

/// Who signs the log.
pub trait Notary: Send {
    /// Signs a checkpoint of `size` leaves.
    fn checkpoint(&self, size: u64, root: seal::Digest) -> Result<Note, Finding>;
}

/// A log's name and key.
pub struct Signing<S> {
    /// Name of the log.
    pub origin: String,
    /// Key.
    pub signer: S,
}

impl<S: seal::Signer> Notary for Signing<S> {
    fn checkpoint(&self, size: u64, root: seal::Digest) -> Result<Note, Finding> {
        Checkpoint { origin: self.origin.clone(), size, root }.sign(&self.signer)
    }
}

/// The thread that writes.
pub struct Writer {
    tasks: mpsc::SyncSender<Box<dyn Task>>,
}

impl Writer {
    /// Starts it.
    pub fn start(store: &Store, notary: Box<dyn Notary>) -> Result<Writer, StoreError> {
        let mut connection = store.writing()?;
        let base = store.base().clone();
        let (tasks, waiting) = mpsc::sync_channel::<Box<dyn Task>>(4 * BATCH);
        let run = move || {
            while let Ok(first) = waiting.recv() {
                let mut batch = vec![first];
                batch.extend(waiting.try_iter().take(BATCH - 1));
                // A server that was away has another session for who comes after.
                if !connection.is_open()
                    && let Ok(another) = base.writing()
                {
                    connection = another;
                }
                commit(&connection, notary.as_ref(), batch);
            }
        };
        let path = store.place().into();
        thread::Builder::new().name("writer".to_owned()).spawn(run).map_err(|source| StoreError::Io { path, source })?;
        Ok(Writer { tasks })
    }

    /// Hands a task over. The task is told where there is no room: it can come again.
    pub fn send(&self, task: Box<dyn Task>) {
        if let Err(mpsc::TrySendError::Full(task) | mpsc::TrySendError::Disconnected(task)) = self.tasks.try_send(task) {
            task.reply(Err(Refused::State("too much is waiting to be written".to_owned())));
        }
    }
}

/// Writes tasks in one transaction; each is told how it went, after the commit. Where one cannot be written, each goes by itself: it stands in nobody
/// else's way.
pub fn commit(connection: &Connection, notary: &dyn Notary, mut batch: Vec<Box<dyn Task>>) {
    match whole(connection, notary, &mut batch) {
        Err(_) if batch.len() > 1 => batch.into_iter().for_each(|task| commit(connection, notary, vec![task])),
        outcome => batch.into_iter().for_each(|task| task.reply(outcome.clone())),
    }
}

fn whole(connection: &Connection, notary: &dyn Notary, batch: &mut [Box<dyn Task>]) -> Result<(), Refused> {
    connection.begin_writing()?;
    let written = written(connection, notary, batch).and_then(|()| Ok(connection.commit()?));
    if written.is_err() {
        // What cannot be taken back now is taken back when the connection ends.
        let _ = connection.roll_back();
    }
    written
}

/// Tables that each package adds to.
const NUMBERED: [&str; 4] = ["package", "report", "receipt", "agent"];

fn written(connection: &Connection, notary: &dyn Notary, batch: &mut [Box<dyn Task>]) -> Result<(), Refused> {
    let mut asks: Vec<Ask> = vec![(sql::SIZE.into(), Vec::new())];
    asks.extend(NUMBERED.iter().map(|table| (sql::last_of(table).into(), Vec::new())));
    let mut units = BTreeSet::new();
    // What a second task of one unit asks depends on what the first one writes.
    batch.iter().filter(|task| units.insert(task.unit().to_owned())).for_each(|task| asks.extend(task.asks()));
    connection.expect(asks)?;
    let mut log = Log::begin(connection)?;
    let before = log.size();
    connection.hasten(true);
    for task in batch.iter_mut() {
        task.write(connection, &mut log)?;
    }
    let size = log.size() + batch.iter().map(|task| task.entries()).sum::<u64>();
    for task in batch.iter_mut() {
        task.enter(&mut log, size)?;
    }
    if log.size() > before {
        let note = notary.checkpoint(log.size(), log.root(log.size())?)?;
        log.keep(&note)?;
        let close = Close { connection, log: &log, note: &note };
        for task in batch.iter_mut() {
            task.close(&close)?;
        }
    }
    Ok(())
}
