/*! The parent's side: starts a reader, bounds its time, takes its rows. */

use std::{
    io::{BufReader, Read},
    ops::ControlFlow,
    process::{Command, Stdio},
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

use arrow_array::RecordBatch;
use arrow_ipc::reader::StreamReader;

use crate::{Fault, Request, Verb};

/// What a reader may write to stderr, in bytes.
const MESSAGE_MAX: u64 = 16 << 10;

/// How often a reader is asked whether it has ended.
const POLL: Duration = Duration::from_millis(2);

/// Why a read failed. The parent's state is as it was.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The reader could not be started.
    #[error("the reader could not be started: {0}")]
    Start(#[source] std::io::Error),
    /// The reader stopped and said why.
    #[error("{0}")]
    Fault(Fault),
    /// The reader died, or sent what is no answer.
    #[error("the reader failed ({status}): {message}")]
    Failed {
        /// Exit code or signal.
        status: String,
        /// What it wrote to stderr, or what was wrong with its answer.
        message: String,
    },
    /// The reader was silent for too long and was ended.
    #[error("the reader was silent for {} s and was ended", limit.as_secs())]
    TimedOut {
        /// The limit.
        limit: Duration,
    },
    /// Someone asked to stop, and the reader was ended.
    #[error("the read was cancelled")]
    Cancelled,
}

/// Runs `command` as a reader and gives each batch to `take`, with the number of its query from 0.
///
/// The reader is ended when it sends nothing for `limit`, when `cancel` becomes true, or when `take` breaks, which is no error. Rows that
/// came before an error have been given to `take`: the caller throws away what it built from them. Two batches are in flight at most.
pub fn read(
    mut command: Command,
    request: &Request,
    limit: Duration,
    cancel: &AtomicBool,
    mut take: impl FnMut(usize, RecordBatch) -> ControlFlow<()>,
) -> Result<(), ReadError> {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(ReadError::Start)?;
    let (Some(stdin), Some(stdout), Some(stderr)) = (child.stdin.take(), child.stdout.take(), child.stderr.take()) else {
        return Err(ReadError::Start(std::io::Error::other("a pipe is missing")));
    };
    let streams = if request.verb == Verb::Read { request.queries.len() } else { 1 };
    let heard = Mutex::new(Instant::now());
    let enough = AtomicBool::new(false);
    let hear = || *heard.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Instant::now();
    thread::scope(|scope| {
        let message = scope.spawn(move || {
            let mut text = Vec::new();
            // What was read before an error is still the best message there is.
            let _ = stderr.take(MESSAGE_MAX).read_to_end(&mut text);
            String::from_utf8_lossy(&text).trim().to_owned()
        });
        let (batches, received) = mpsc::sync_channel::<Result<(usize, RecordBatch), String>>(2);
        scope.spawn(move || {
            // A reader that ended early is seen by its status; a broken pipe here says nothing more.
            let _ = serde_json::to_writer(stdin, request);
            let mut stdout = BufReader::with_capacity(256 << 10, stdout);
            for query in 0..streams {
                let sent = StreamReader::try_new(&mut stdout, None).and_then(|stream| {
                    for batch in stream {
                        if batches.send(Ok((query, batch?))).is_err() {
                            return Ok(false);
                        }
                    }
                    Ok(true)
                });
                match sent {
                    Ok(true) => {}
                    Ok(false) => return,
                    Err(error) => {
                        drop(batches.send(Err(error.to_string())));
                        return;
                    }
                }
            }
        });
        let ender = scope.spawn(|| {
            loop {
                let silent = heard.lock().unwrap_or_else(std::sync::PoisonError::into_inner).elapsed();
                let stop = cancel.load(Ordering::Relaxed) || enough.load(Ordering::Relaxed);
                match child.try_wait() {
                    Ok(None) if silent < limit && !stop => thread::sleep(POLL),
                    Ok(None) => {
                        // Already ended is as good as ended.
                        let _ = child.kill();
                        return (!stop, child.wait());
                    }
                    Ok(Some(status)) => return (false, Ok(status)),
                    Err(error) => return (false, Err(error)),
                }
            }
        });
        let mut broken = None;
        for batch in received {
            hear();
            match batch {
                Ok((query, batch)) => {
                    if take(query, batch).is_break() {
                        enough.store(true, Ordering::Relaxed);
                        break;
                    }
                    // What the parent did with the rows is not the reader's silence.
                    hear();
                }
                Err(error) => broken = Some(error),
            }
        }
        let (late, status) = ender.join().map_err(|_| ReadError::Start(std::io::Error::other("the watcher failed")))?;
        let message = message.join().unwrap_or_default();
        let status = status.map_err(ReadError::Start)?;
        if enough.load(Ordering::Relaxed) {
            return Ok(());
        }
        if cancel.load(Ordering::Relaxed) {
            return Err(ReadError::Cancelled);
        }
        match (late, status.success(), broken) {
            (true, ..) => Err(ReadError::TimedOut { limit }),
            (false, true, None) => Ok(()),
            (false, true, Some(error)) => Err(ReadError::Failed { status: status.to_string(), message: error }),
            (false, false, _) => Err(match Fault::find(&message) {
                Some(fault) => ReadError::Fault(fault),
                None => ReadError::Failed { status: status.to_string(), message },
            }),
        }
    })
}
