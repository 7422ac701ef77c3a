/*! Runs readers for the agent and turns what went wrong into findings. */

use std::{
    cell::Cell,
    env,
    ffi::OsStr,
    io::{IsTerminal, stderr},
    ops::ControlFlow,
    path::Path,
    process::Command,
    sync::atomic::AtomicBool,
    time::Duration,
};

use arrow_array::RecordBatch;
use connector::Rows;
use model::Finding;
use reader::{Kind, Progress, Query, ReadError, Request, Source, Verb};

use crate::report::Failure;

/// A statement may take this long, and a reader may be silent for this long.
const PATIENCE: Duration = Duration::from_secs(600);

/// A source that is read for one book.
pub struct Reading<'a> {
    /// What findings call it: `book hz`.
    pub place: String,
    /// Where it is.
    pub source: &'a Source,
}

impl Reading<'_> {
    /// Runs the reader of the source and gives `take` each batch with the number of its query.
    pub fn run(
        &self,
        verb: Verb,
        queries: Vec<Query>,
        take: impl FnMut(usize, RecordBatch) -> ControlFlow<()>,
    ) -> Result<(), Failure> {
        self.ask(Request::new(verb, self.source.clone(), queries), take)
    }

    /// As [`Self::run`], for queries of which the last `small` have small answers.
    pub fn read(
        &self,
        queries: Vec<Query>,
        small: usize,
        take: impl FnMut(usize, RecordBatch) -> ControlFlow<()>,
    ) -> Result<(), Failure> {
        // A reader of one's own may be older than this key.
        let small = if matches!(self.source, Source::Command(_)) { 0 } else { small };
        self.ask(Request { small, ..Request::new(Verb::Read, self.source.clone(), queries) }, take)
    }

    fn ask(&self, request: Request, mut take: impl FnMut(usize, RecordBatch) -> ControlFlow<()>) -> Result<(), Failure> {
        let request = Request { timeout_s: PATIENCE.as_secs(), ..request };
        let bar = stderr().is_terminal().then(indicatif::ProgressBar::new_spinner);
        let show = |rows: u64| {
            if let Some(bar) = &bar {
                bar.set_message(format!("{}: {rows}", self.place));
                bar.tick();
            }
        };
        let rows = Cell::new(0_u64);
        let cancel = AtomicBool::new(false);
        // A reader tells how far it is in the query under way; what came of the queries before is known here.
        let told = |progress: Progress| show(rows.get().max(progress.rows));
        let done = reader::read(self.command()?, &request, PATIENCE, &cancel, told, |query, batch| {
            rows.set(rows.get() + batch.num_rows() as u64);
            show(rows.get());
            take(query, batch)
        });
        if let Some(bar) = bar {
            bar.finish_and_clear();
        }
        done.map_err(|error| self.failure(error))
    }

    /// Runs small queries and holds their rows.
    pub fn rows(&self, verb: Verb, queries: Vec<Query>) -> Result<Vec<Rows>, Failure> {
        let mut rows = vec![Rows::default(); queries.len().max(1)];
        let mut take = |query: usize, batch| {
            rows[query].push(batch);
            ControlFlow::Continue(())
        };
        match verb {
            Verb::Read => self.read(queries.clone(), queries.len(), &mut take)?,
            _ => self.run(verb, queries, &mut take)?,
        }
        Ok(rows)
    }

    fn failure(&self, error: ReadError) -> Failure {
        let (exit, code, reason) = match &error {
            ReadError::Start(_) => (3, "reader-failed", error.to_string()),
            ReadError::Failed { .. } => (3, "reader-failed", error.to_string()),
            ReadError::TimedOut { .. } => (3, "reader-silent", error.to_string()),
            ReadError::Cancelled => (3, "read-cancelled", error.to_string()),
            ReadError::Fault(fault) => {
                let (exit, code) = match fault.kind {
                    Kind::Driver => (3, "driver-missing"),
                    Kind::Connect => (3, "source-unreachable"),
                    Kind::Credentials => (3, "source-credentials"),
                    Kind::Timeout => (3, "statement-timeout"),
                    Kind::Forbidden => (3, "source-forbidden"),
                    Kind::Table => (2, "table-missing"),
                    Kind::Column => (2, "source-column-missing"),
                    Kind::Writes => (2, "query-writes"),
                    Kind::Inexact => (1, "value-inexact"),
                    Kind::Query | Kind::Request => (2, "query-refused"),
                    Kind::Size => (1, "row-too-large"),
                    Kind::Output => (3, "reader-failed"),
                };
                (exit, code, fault.message.clone())
            }
        };
        Failure { exit, findings: vec![Finding::error(code).at(&self.place).with("reason", reason)] }
    }

    /// The program's own binary started as a reader, or the reader of the source's own.
    fn command(&self) -> Result<Command, Failure> {
        if let Source::Command(program) = self.source {
            let (name, args) = program.command.split_first().map_or((OsStr::new(""), &[][..]), |(n, a)| (OsStr::new(n), a));
            // The folder of a bare file name is where this program was started.
            let folder = if program.folder.as_os_str().is_empty() { Path::new(".") } else { &program.folder };
            let folder = std::path::absolute(folder).map_err(|e| Failure::source(Finding::io(folder, &e)))?;
            // A path, unlike a name, starts at that folder.
            let path = Path::new(name);
            let name = if path.components().count() > 1 { folder.join(path) } else { path.to_owned() };
            let mut command = Command::new(name);
            command.args(args).current_dir(folder);
            for name in &program.hidden {
                command.env_remove(name);
            }
            return Ok(command);
        }
        let own = env::current_exe().map_err(|e| Failure::source(Finding::error("reader-failed").with("reason", e)))?;
        let mut command = Command::new(own);
        command.arg("reader");
        // Debian registers its drivers without a path: the built-in driver manager finds them only through the loader.
        if let Source::Odbc(_) = self.source {
            let own = env::var("LD_LIBRARY_PATH").unwrap_or_default();
            let paths = [own, format!("/usr/lib/{}-linux-gnu/odbc", env::consts::ARCH)].join(":");
            command.env("LD_LIBRARY_PATH", paths.trim_start_matches(':'));
            // It would make psqlODBC translate to another character set.
            command.env_remove("PGCLIENTENCODING");
        }
        Ok(command)
    }
}
