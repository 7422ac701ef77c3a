/*! `taizhang run`: serves the review pages, sends what people have submitted, renews certificates and looks for published packs; nothing else
leaves by itself. */

use std::{
    collections::HashMap,
    fs::{File, TryLockError},
    hash::{BuildHasher, Hasher, RandomState},
    io::{Write, stderr},
    sync::mpsc::{self, RecvTimeoutError, Sender},
    time::{Duration, Instant},
};

use jiff::{Timestamp, ToSpan, civil::Date};
use model::Finding;
use store::Store;

use super::Ctx;
use crate::{
    config::Agent,
    delivery::{
        client::{self, Client},
        machine::Machine,
        messages::Look,
        outbox::{self, Entry, State},
        regular::Regular,
    },
    forms, knowledge, pages,
    report::{self, Failure},
};

/// How often the outbox is looked at.
const LOOK: Duration = Duration::from_secs(1);
/// First wait after a failure; it doubles.
const FIRST: Duration = Duration::from_secs(1);
/// Longest wait, and the longest on the last day before a deadline.
const LONGEST: Duration = Duration::from_secs(900);
const LONGEST_LATE: Duration = Duration::from_secs(60);

/// Failures of a package, and when it is tried again.
struct Trouble {
    times: u32,
    again: Instant,
}

/// Runs until it is told to stop.
pub fn run(ctx: &Ctx) -> Result<Vec<Finding>, Failure> {
    let (agent, mut store) = ctx.open()?;
    let _one = alone(&store)?;
    if agent.web.is_none() || agent.bureau.is_some() {
        // What is wrong with the configuration is told now and not at each package.
        client::bureau(&agent)?;
        Client::new(&agent, Some(&Machine::read(&agent)?))?;
    }
    let serving = agent.web.as_ref().map(|web| pages::start(&agent, web)).transpose()?;
    let (told, stop) = mpsc::channel();
    signals(told)?;
    log(ctx, &Finding::note("run-begins").at(agent.state.display().to_string()));
    if let Some(serving) = &serving {
        pages::serve_at(&store, &serving.url)?;
        log(ctx, &Finding::note("web-serves").at(&serving.url));
    }
    let mut troubles: HashMap<String, Trouble> = HashMap::new();
    let mut regular = Regular::default();
    let mut letters = Look::default();
    loop {
        regular.look(&agent, &mut store).iter().for_each(|finding| log(ctx, finding));
        letters.look(&agent, &mut store).iter().for_each(|finding| log(ctx, finding));
        // A state that cannot be read now is no reason to leave: it is told, and looked at again.
        let waiting = waiting(&agent, &store).unwrap_or_else(|failure| {
            failure.findings.iter().for_each(|finding| log(ctx, finding));
            Vec::new()
        });
        for (late, digest) in waiting {
            if stop.try_recv().is_ok() {
                return ended(ctx, &store);
            }
            if troubles.get(&digest).is_some_and(|trouble| trouble.again > Instant::now()) {
                continue;
            }
            match outbox::deliver(&agent, &mut store, &digest) {
                Ok((_, findings)) => {
                    troubles.remove(&digest);
                    findings.iter().for_each(|finding| log(ctx, finding));
                }
                Err(failure) => {
                    failure.findings.iter().for_each(|finding| log(ctx, finding));
                    let times = troubles.get(&digest).map_or(0, |trouble| trouble.times) + 1;
                    let wait = pause(times, if late { LONGEST_LATE } else { LONGEST });
                    let finding = Finding::note("delivery-waits").at(format!("package {digest}"));
                    // As `status` counts: a try before this process was one, too.
                    let told = outbox::tried(&store, &digest).map_or(u64::from(times), |tried| tried.times);
                    log(ctx, &finding.with("seconds", wait.as_secs()).with("times", told));
                    troubles.insert(digest, Trouble { times, again: Instant::now() + wait });
                }
            }
        }
        match stop.recv_timeout(LOOK) {
            Err(RecvTimeoutError::Timeout) => {}
            Ok(()) | Err(RecvTimeoutError::Disconnected) => return ended(ctx, &store),
        }
    }
}

fn ended(ctx: &Ctx, store: &Store) -> Result<Vec<Finding>, Failure> {
    pages::serve_no_more(store);
    log(ctx, &Finding::note("run-ends"));
    Ok(Vec::new())
}

/// Doubles with each failure up to a bound; the last half of it by chance, so that a county's agents do not come all at once.
fn pause(times: u32, longest: Duration) -> Duration {
    let whole = FIRST.saturating_mul(1 << times.saturating_sub(1).min(16)).min(longest);
    let half = u64::try_from(whole.as_millis() / 2).unwrap_or(u64::MAX);
    let chance = RandomState::new().build_hasher().finish() % (half + 1);
    Duration::from_millis(half + chance)
}

/// Digests that wait, the nearest deadline first; whether it is nearer than a day.
fn waiting(agent: &Agent, store: &Store) -> Result<Vec<(bool, String)>, Failure> {
    let mut waiting: Vec<(Option<Date>, String)> = Vec::new();
    for (period, entry) in outbox::entries(store)? {
        if entry.state == State::Queued {
            waiting.push((deadline(agent, &entry, &period), entry.package.digest));
        }
    }
    // No deadline is the latest.
    waiting.sort_by_key(|(due, digest)| (due.is_none(), *due, digest.clone()));
    let tomorrow = crate::due::today().saturating_add(1.day());
    Ok(waiting.into_iter().map(|(due, digest)| (due.is_some_and(|due| due <= tomorrow), digest)).collect())
}

/// The nearest deadline of a package's forms that the calendars know.
fn deadline(agent: &Agent, entry: &Entry, period: &str) -> Option<Date> {
    let year: i16 = period.get(..4)?.parse().ok()?;
    let month: model::Month = period.parse().ok()?;
    let (calendars, _) = knowledge::calendars(agent, year).ok()?;
    let of = |code: &str| {
        let own = agent.forms.iter().find(|own| own.code == code)?;
        let form = forms::pack(Some(agent), own).ok()?;
        calendars.due(&form, month).map(|due| due.enterprise)
    };
    entry.package.forms.iter().filter_map(|[form, ..]| of(form)).min()
}

/// One such process for a state.
fn alone(store: &Store) -> Result<File, Failure> {
    let path = store.folder().join(pages::LOCK);
    let refused = |error: std::io::Error| Failure::source(Finding::io(&path, &error));
    let file = File::options().create(true).truncate(false).write(true).open(&path).map_err(refused)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            Err(Failure::source(Finding::error("run-already").at(store.folder().display().to_string())))
        }
        Err(TryLockError::Error(error)) => Err(refused(error)),
    }
}

/// Tells when somebody wants it to stop.
fn signals(told: Sender<()>) -> Result<(), Failure> {
    let refused = |error: std::io::Error| Failure::source(Finding::error("run-signals").with("reason", error));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(refused)?;
    std::thread::spawn(move || {
        runtime.block_on(asked());
        // Nobody listens when it has ended already.
        let _ = told.send(());
    });
    Ok(())
}

#[cfg(unix)]
async fn asked() {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::terminate()) {
        Ok(mut terminate) => tokio::select! {
            _ = terminate.recv() => {}
            _ = tokio::signal::ctrl_c() => {}
        },
        Err(_) => drop(tokio::signal::ctrl_c().await),
    }
}

#[cfg(not(unix))]
async fn asked() {
    let _ = tokio::signal::ctrl_c().await;
}

/// One line of the log.
fn log(ctx: &Ctx, finding: &Finding) {
    // Nobody is left to tell when stderr is gone.
    let _ = writeln!(stderr(), "{} {}", Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ"), report::sentence(ctx.lang, finding));
}
