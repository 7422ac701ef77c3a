/*! What a reader says on stderr: progress, why it stopped, and words for people. */

use std::{
    io::{self, BufRead, BufReader, Read},
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};

use crate::Fault;

/// Longest line that is looked at, in bytes; the rest of a longer one is left out.
const LINE_MAX: usize = 16 << 10;

/// What is kept of a reader's words for people, in bytes: the last of them.
const TEXT_MAX: usize = 8 << 10;

/// Progress is passed on this often at most.
const PACE: Duration = Duration::from_millis(100);

/// How far a reader is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// Number of the query, from 0.
    pub query: u64,
    /// Rows of it that were read so far.
    pub rows: u64,
}

impl Progress {
    /// The line a reader writes to stderr.
    pub fn line(&self) -> String {
        serde_json::json!({ "progress": self }).to_string()
    }
}

/// All that a reader said.
#[derive(Debug, Default)]
pub(crate) struct Said {
    /// The last fault.
    pub fault: Option<Fault>,
    /// The last of its other words.
    pub text: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Line {
    Progress(Progress),
    Error(Fault),
}

/// Listens to the end of `stderr`. Progress that does not advance is not passed on, so that a clock in a hung reader is no sign of life.
pub(crate) fn hear(stderr: impl Read, secrets: &[String], mut progress: impl FnMut(Progress)) -> Said {
    let mut stderr = BufReader::new(stderr);
    let mut said = Said::default();
    let (mut line, mut last, mut told) = (Vec::new(), None, None::<Instant>);
    // What was read before an error is still the best message there is.
    while let Ok(true) = next_line(&mut stderr, &mut line) {
        match serde_json::from_slice(&line) {
            Ok(Line::Error(fault)) => said.fault = Some(Fault { message: clean(&fault.message, secrets), ..fault }),
            Ok(Line::Progress(now)) => {
                let further = last.is_none_or(|last: Progress| (now.query, now.rows) > (last.query, last.rows));
                if further && told.is_none_or(|told| told.elapsed() >= PACE) {
                    (last, told) = (Some(now), Some(Instant::now()));
                    progress(now);
                }
            }
            Err(_) => {
                said.text.push_str(&clean(&String::from_utf8_lossy(&line), secrets));
                said.text.push('\n');
                if said.text.len() > TEXT_MAX {
                    let from = said.text.ceil_char_boundary(said.text.len() - TEXT_MAX);
                    said.text.drain(..from);
                }
            }
        }
    }
    said.text = said.text.trim().to_owned();
    said
}

/// Puts the next line into `line`, without its end and no longer than [`LINE_MAX`]; whether there was one.
fn next_line(input: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<bool> {
    line.clear();
    let mut any = false;
    loop {
        let bytes = input.fill_buf()?;
        if bytes.is_empty() {
            return Ok(any);
        }
        any = true;
        let end = bytes.iter().position(|byte| *byte == b'\n');
        let part = &bytes[..end.unwrap_or(bytes.len())];
        line.extend_from_slice(&part[..part.len().min(LINE_MAX - line.len())]);
        let used = end.map_or(bytes.len(), |end| end + 1);
        input.consume(used);
        if end.is_some() {
            return Ok(true);
        }
    }
}

/// Words of a program nobody here wrote, fit for a terminal and a log: no secret, no control character.
fn clean(text: &str, secrets: &[String]) -> String {
    let mut text = text.to_owned();
    for secret in secrets.iter().filter(|secret| !secret.is_empty()) {
        text = text.replace(secret.as_str(), "***");
    }
    text.trim().replace(char::is_control, " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floods_and_secrets_do_not_get_through() {
        let mut text = "x".repeat(1 << 20).into_bytes();
        text.extend(b"\n\x1b[31mPWD is h;unter2\n");
        let said = hear(&text[..], &["h;unter2".to_owned()], |_| {});
        assert!(said.text.ends_with("[31mPWD is ***") && said.text.len() <= TEXT_MAX, "{}", said.text.len());
        assert!(!said.text.contains('\u{1b}'));
    }

    #[test]
    fn progress_that_does_not_advance_is_no_progress() {
        let text = "{\"progress\":{\"query\":0,\"rows\":7}}\n".repeat(3);
        let mut heard = Vec::new();
        hear(text.as_bytes(), &[], |progress| {
            heard.push(progress);
            std::thread::sleep(PACE);
        });
        assert_eq!(heard, [Progress { query: 0, rows: 7 }]);
    }
}
