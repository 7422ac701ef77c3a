/*! The parent's side: starts a reader, bounds its time, takes its rows. */

use std::{
    io::Read,
    process::{Command, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use arrow_array::RecordBatch;
use arrow_ipc::reader::StreamReader;

use crate::Request;

/// Longest message of a reader that is kept, in bytes.
const MESSAGE_MAX: u64 = 16 << 10;

/// How often a reader is asked whether it has ended.
const POLL: Duration = Duration::from_millis(2);

/// Why a read failed. The parent's state is as it was.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The reader could not be started.
    #[error("the reader could not be started: {0}")]
    Start(#[source] std::io::Error),
    /// The reader ended with an error; its own words follow.
    #[error("the reader failed ({status}): {message}")]
    Failed {
        /// Exit code or signal.
        status: String,
        /// What it wrote to stderr.
        message: String,
    },
    /// The reader did not finish in time and was ended.
    #[error("the reader did not finish within {} s and was ended", limit.as_secs())]
    TimedOut {
        /// The limit.
        limit: Duration,
    },
}

/// Runs `command` as a reader and gives each batch to `take`.
///
/// The reader is ended after `limit`, so that a hung driver costs that long and no more. Rows that came before an error have been
/// given to `take`: the caller throws away what it built from them.
pub fn read(
    mut command: Command,
    request: &Request,
    limit: Duration,
    mut take: impl FnMut(RecordBatch),
) -> Result<(), ReadError> {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(ReadError::Start)?;
    let (Some(stdin), Some(stdout), Some(stderr)) = (child.stdin.take(), child.stdout.take(), child.stderr.take()) else {
        return Err(ReadError::Start(std::io::Error::other("a pipe is missing")));
    };
    thread::scope(|scope| {
        let message = scope.spawn(move || {
            let mut text = Vec::new();
            // What was read before an error is still the best message there is.
            let _ = stderr.take(MESSAGE_MAX).read_to_end(&mut text);
            String::from_utf8_lossy(&text).trim().to_owned()
        });
        let (batches, received) = mpsc::sync_channel::<Result<RecordBatch, String>>(2);
        scope.spawn(move || {
            // A reader that ended early is seen by its status; a broken pipe here says nothing more.
            let _ = serde_json::to_writer(stdin, request);
            match StreamReader::try_new(stdout, None) {
                Ok(stream) => {
                    for batch in stream {
                        if batches.send(batch.map_err(|e| e.to_string())).is_err() {
                            return;
                        }
                    }
                }
                Err(error) => drop(batches.send(Err(error.to_string()))),
            }
        });
        let ender = scope.spawn(move || {
            let deadline = Instant::now() + limit;
            loop {
                match child.try_wait() {
                    Ok(None) if Instant::now() < deadline => thread::sleep(POLL),
                    Ok(None) => {
                        // Already ended is as good as ended.
                        let _ = child.kill();
                        return (true, child.wait());
                    }
                    Ok(Some(status)) => return (false, Ok(status)),
                    Err(error) => return (false, Err(error)),
                }
            }
        });
        let mut broken = None;
        for batch in received {
            match batch {
                Ok(batch) => take(batch),
                Err(error) => broken = Some(error),
            }
        }
        let message = message.join().unwrap_or_default();
        let (late, status) = ender.join().map_err(|_| ReadError::Start(std::io::Error::other("the watcher failed")))?;
        let status = status.map_err(ReadError::Start)?;
        match (late, status.success(), broken) {
            (true, ..) => Err(ReadError::TimedOut { limit }),
            (false, true, None) => Ok(()),
            (false, true, Some(error)) => Err(ReadError::Failed { status: status.to_string(), message: error }),
            (false, false, _) => Err(ReadError::Failed { status: status.to_string(), message }),
        }
    })
}
