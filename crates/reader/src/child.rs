/*! The parent's side: starts a reader, bounds its time, its memory and what it may send, takes its rows. */

use std::{
    io::{BufReader, Write},
    ops::ControlFlow,
    process::{Child, Command, ExitStatus, Stdio},
    sync::{
        atomic::{AtomicBool, Ordering},
        mpsc::{self, RecvTimeoutError, SyncSender},
    },
    thread,
    time::{Duration, Instant},
};

use arrow_array::RecordBatch;

use crate::{
    Fault, Progress, Request, Verb, answer, pipe,
    said::{self, Said},
};

/// How often the parent looks whether it should stop.
const POLL: Duration = Duration::from_millis(20);

/// How long a reader may take to end after its answer broke, and its pipes to close after it ended.
const GRACE: Duration = Duration::from_secs(2);

/// What a reader may hold, in bytes: a driver that leaks loses its read and not the machine.
#[cfg(target_os = "linux")]
const MEMORY_MAX: u64 = 1 << 30;

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

/// What the threads that listen to a reader hear.
enum Event {
    /// A stream began or ended.
    Alive,
    Rows(usize, RecordBatch),
    Progress(Progress),
    /// stdout is at its end, or at something that is no answer.
    Answered(Result<(), String>),
    /// stderr is at its end.
    Said(Said),
}

/// Runs `command` as a reader and gives each batch to `take`, with the number of its query from 0, and what it says of its progress to
/// `progress`.
///
/// The reader is ended when it gets no further for `limit`, when `cancel` becomes true, or when `take` breaks, which is no error. Rows
/// that came before an error have been given to `take`: the caller throws away what it built from them. Two batches wait at most.
pub fn read(
    mut command: Command,
    request: &Request,
    limit: Duration,
    cancel: &AtomicBool,
    mut progress: impl FnMut(Progress),
    mut take: impl FnMut(usize, RecordBatch) -> ControlFlow<()>,
) -> Result<(), ReadError> {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    // A group of its own, so that what a reader starts ends with it.
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    let secrets = request.source.iter().flat_map(crate::Source::secrets).collect();
    let asked = serde_json::to_vec(request).map_err(|error| ReadError::Start(error.into()))?;
    let streams = if request.verb == Verb::Read { request.queries.len() } else { 1 };
    let mut child = command.spawn().map_err(ReadError::Start)?;
    bound(&child);
    let (events, heard) = mpsc::sync_channel(2);
    listen(&mut child, asked, streams, secrets, events)?;

    let (mut answered, mut said) = (None, Said::default());
    let (mut silent, mut grace) = (Instant::now(), None);
    let status = loop {
        if cancel.load(Ordering::Relaxed) {
            end(&mut child).map_err(ReadError::Start)?;
            return Err(ReadError::Cancelled);
        }
        match heard.recv_timeout(POLL) {
            Ok(Event::Alive) => silent = Instant::now(),
            Ok(Event::Rows(query, batch)) => {
                if take(query, batch).is_break() {
                    end(&mut child).map_err(ReadError::Start)?;
                    return Ok(());
                }
                // What the parent did with the rows is not the reader's silence.
                silent = Instant::now();
            }
            Ok(Event::Progress(now)) => {
                progress(now);
                silent = Instant::now();
            }
            Ok(Event::Answered(answer)) => {
                grace = answer.is_err().then(Instant::now);
                answered = Some(answer);
            }
            Ok(Event::Said(all)) => said = all,
            // Both pipes are closed: the reader ends now, or hangs.
            Err(RecvTimeoutError::Disconnected) => match child.try_wait().map_err(ReadError::Start)? {
                Some(status) => break status,
                None => thread::sleep(Duration::from_millis(2)),
            },
            // It has ended, and what it started may hold its pipes open.
            Err(RecvTimeoutError::Timeout) if grace.is_none() && matches!(child.try_wait(), Ok(Some(_))) => {
                grace = Some(Instant::now());
            }
            Err(RecvTimeoutError::Timeout) => {}
        }
        if grace.is_some_and(|since| since.elapsed() > GRACE) {
            break end(&mut child).map_err(ReadError::Start)?;
        }
        if silent.elapsed() > limit {
            end(&mut child).map_err(ReadError::Start)?;
            return Err(ReadError::TimedOut { limit });
        }
    };
    if let Some(fault) = said.fault {
        return Err(ReadError::Fault(fault));
    }
    match answered.unwrap_or_else(|| Err("it ended without an answer".to_owned())) {
        Ok(()) if status.success() => Ok(()),
        // An answer that breaks off is less than the words of who broke it off.
        Err(wrong) if status.success() || said.text.is_empty() => {
            Err(ReadError::Failed { status: status.to_string(), message: wrong })
        }
        _ => Err(ReadError::Failed { status: status.to_string(), message: said.text }),
    }
}

/// Starts the threads that talk with the reader. They end with its pipes; nobody waits for them, so that no pipe can hold the parent.
fn listen(
    child: &mut Child,
    asked: Vec<u8>,
    streams: usize,
    secrets: Vec<String>,
    events: SyncSender<Event>,
) -> Result<(), ReadError> {
    let (Some(mut stdin), Some(stdout), Some(stderr)) = (child.stdin.take(), child.stdout.take(), child.stderr.take()) else {
        return Err(ReadError::Start(std::io::Error::other("a pipe is missing")));
    };
    pipe::widen(&stdout);
    // A reader that ended early is seen by its status; a broken pipe here says nothing more.
    thread::spawn(move || drop(stdin.write_all(&asked)));
    let words = events.clone();
    thread::spawn(move || {
        let said = said::hear(stderr, &secrets, |progress| drop(words.send(Event::Progress(progress))));
        drop(words.send(Event::Said(said)));
    });
    thread::spawn(move || {
        let mut stdout = BufReader::with_capacity(256 << 10, stdout);
        let answered = answer::streams(&mut stdout, streams, |query, batch| {
            events.send(batch.map_or(Event::Alive, |batch| Event::Rows(query, batch))).is_ok()
        });
        drop(stdout);
        drop(events.send(Event::Answered(answered)));
    });
    Ok(())
}

/// Ends the reader and what it started, if they still run.
fn end(child: &mut Child) -> std::io::Result<ExitStatus> {
    #[cfg(unix)]
    if let Some(group) = i32::try_from(child.id()).ok().and_then(rustix::process::Pid::from_raw) {
        // Already ended is as good as ended.
        let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
    }
    let _ = child.kill();
    child.wait()
}

/// Bounds the reader's memory where the system can.
fn bound(child: &Child) {
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{Pid, Resource, Rlimit, prlimit};
        let limit = Rlimit { current: Some(MEMORY_MAX), maximum: Some(MEMORY_MAX) };
        if let Some(pid) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
            // A system that forbids it leaves the reader unbounded; the bounds on its answer still hold.
            let _ = prlimit(Some(pid), Resource::Data, limit);
        }
    }
    #[cfg(not(target_os = "linux"))]
    let _ = child;
}
