//! Group commit: what arrived meanwhile goes into one transaction, under one checkpoint of the log.

use std::{sync::mpsc, thread};

use rusqlite::{Connection, TransactionBehavior};
use seal::{Checkpoint, Finding, Note};

use super::{Log, Store, StoreError};

/// Most tasks of one transaction: the first of them should not wait for ever.
const BATCH: usize = 256;

/// Why a task was not done. The others of its batch are.
#[derive(Clone, Debug)]
pub enum Refused {
    /// SQLite refused, or the batch was not committed.
    State(String),
    /// Something could not be signed or made.
    Finding(Finding),
}

impl From<rusqlite::Error> for Refused {
    fn from(error: rusqlite::Error) -> Refused {
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
    /// Writes rows and entries of the log.
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
        let (tasks, waiting) = mpsc::sync_channel::<Box<dyn Task>>(4 * BATCH);
        let path = store.path().to_owned();
        let run = move || {
            while let Ok(first) = waiting.recv() {
                let mut batch = vec![first];
                batch.extend(waiting.try_iter().take(BATCH - 1));
                commit(&mut connection, notary.as_ref(), batch);
            }
        };
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

/// Writes tasks in one transaction; each is told how it went, after the commit.
pub fn commit(connection: &mut Connection, notary: &dyn Notary, batch: Vec<Box<dyn Task>>) {
    let mut outcomes: Vec<(Box<dyn Task>, Result<(), Refused>)> = batch.into_iter().map(|task| (task, Ok(()))).collect();
    if let Err(refused) = whole(connection, notary, &mut outcomes) {
        outcomes.iter_mut().for_each(|(_, outcome)| *outcome = Err(refused.clone()));
    }
    outcomes.into_iter().for_each(|(task, outcome)| task.reply(outcome));
}

type Outcomes = [(Box<dyn Task>, Result<(), Refused>)];

fn whole(connection: &mut Connection, notary: &dyn Notary, outcomes: &mut Outcomes) -> Result<(), Refused> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let mut log = Log::open(&transaction)?;
    let before = log.size();
    for (task, outcome) in outcomes.iter_mut() {
        transaction.execute_batch("SAVEPOINT task")?;
        let mark = log.mark();
        *outcome = task.write(&transaction, &mut log);
        if outcome.is_err() {
            // What it wrote is taken back; what the others wrote stays.
            transaction.execute_batch("ROLLBACK TO task")?;
            log.back(mark);
        }
        transaction.execute_batch("RELEASE task")?;
    }
    let late: u64 = outcomes.iter().filter(|(_, outcome)| outcome.is_ok()).map(|(task, _)| task.entries()).sum();
    let size = log.size() + late;
    for (task, _) in outcomes.iter_mut().filter(|(_, outcome)| outcome.is_ok()) {
        // Its row is written already: where this fails, nothing of the batch may stay.
        task.enter(&mut log, size)?;
    }
    if log.size() > before {
        let note = notary.checkpoint(log.size(), log.root(log.size())?)?;
        log.keep(&note)?;
        let close = Close { connection: &transaction, log: &log, note: &note };
        for (task, _) in outcomes.iter_mut().filter(|(_, outcome)| outcome.is_ok()) {
            // Its entry is in the log already: where this fails, nothing of the batch may stay.
            task.close(&close)?;
        }
    }
    transaction.commit()?;
    Ok(())
}
