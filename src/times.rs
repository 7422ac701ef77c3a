/*! How long the parts of a verb took, on stderr where `TAIZHANG_TIMES` is set: for whoever measures, and nothing where it is not. */

use std::{
    io::{Write, stderr},
    sync::{LazyLock, Mutex},
    time::Instant,
};

/// When the part before ended; absent where nobody measures.
static LAST: LazyLock<Option<Mutex<Instant>>> =
    LazyLock::new(|| std::env::var_os("TAIZHANG_TIMES").map(|_| Mutex::new(Instant::now())));

/// Ends a part: a line `time <part> <microseconds>`. The first call begins.
pub fn done(part: &str) {
    let Some(last) = LAST.as_ref() else { return };
    let now = Instant::now();
    if let Ok(mut last) = last.lock() {
        let took = now.saturating_duration_since(*last).as_micros();
        *last = now;
        // Nobody is left to tell when stderr is gone.
        let _ = writeln!(stderr(), "time {part} {took}");
    }
}
