/*! Runs readers for the agent and turns what went wrong into findings. */

use std::{
    env,
    io::{IsTerminal, stderr},
    ops::ControlFlow,
    process::Command,
    sync::atomic::AtomicBool,
    time::Duration,
};

use arrow_array::RecordBatch;
use connector::Rows;
use model::Finding;
use reader::{Kind, Query, ReadError, Request, Source, Verb};

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
    /// Runs the built-in reader and gives `take` each batch with the number of its query.
    pub fn run(
        &self,
        verb: Verb,
        queries: Vec<Query>,
        mut take: impl FnMut(usize, RecordBatch) -> ControlFlow<()>,
    ) -> Result<(), Failure> {
        let request = Request { verb, source: self.source.clone(), queries, timeout_s: PATIENCE.as_secs() };
        let bar = stderr().is_terminal().then(indicatif::ProgressBar::new_spinner);
        let mut rows = 0_u64;
        let done = reader::read(command(self.source)?, &request, PATIENCE, &AtomicBool::new(false), |query, batch| {
            rows += batch.num_rows() as u64;
            if let Some(bar) = &bar {
                bar.set_message(format!("{}: {rows}", self.place));
                bar.tick();
            }
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
        self.run(verb, queries, |query, batch| {
            rows[query].push(batch);
            ControlFlow::Continue(())
        })?;
        Ok(rows)
    }

    fn failure(&self, error: ReadError) -> Failure {
        let (exit, code, reason) = match &error {
            ReadError::Start(error) => (3, "reader-failed", error.to_string()),
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
                    Kind::Output => (3, "reader-failed"),
                };
                (exit, code, fault.message.clone())
            }
        };
        Failure { exit, findings: vec![Finding::error(code).at(&self.place).with("reason", reason)] }
    }
}

/// The program's own binary, started as a reader.
fn command(source: &Source) -> Result<Command, Failure> {
    let own = env::current_exe().map_err(|e| Failure::source(Finding::error("reader-failed").with("reason", e)))?;
    let mut command = Command::new(own);
    command.arg("reader");
    // Debian registers its drivers without a path: the built-in driver manager finds them only through the loader.
    if let Source::Odbc(_) = source {
        let own = env::var("LD_LIBRARY_PATH").unwrap_or_default();
        let paths = [own, format!("/usr/lib/{}-linux-gnu/odbc", env::consts::ARCH)].join(":");
        command.env("LD_LIBRARY_PATH", paths.trim_start_matches(':'));
    }
    Ok(command)
}
