/*!
What is told of an act on the page that comes after it. An act ends in the address of a page, never in a page of its own: so that reading again,
a bookmark and a link given to a colleague work, and what was typed into an act that is refused is not lost. It lives in memory for a while, in the
session of whoever acted and for nobody else.
*/

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use model::Finding;

/// How long it is told.
const LONG: Duration = Duration::from_secs(15 * 60);
/// Bytes of everything that is kept for all sessions together; what is older makes room.
const MOST: usize = 16 << 20;
/// What a telling weighs beside its texts.
const WEIGHT: usize = 1 << 10;
/// Fields that open something: they are kept nowhere.
const SECRET: [&str; 5] = ["token", "secret", "password", "again", "code"];

/// What somebody typed into an act that was refused.
#[derive(Debug)]
pub struct Kept {
    /// Where the form was sent.
    pub to: String,
    /// Its fields, without what opens something.
    pub fields: HashMap<String, String>,
    /// Names of the files that came with it, which are to be chosen again.
    pub files: Vec<String>,
}

impl Kept {
    /// Keeps nothing that opens anything.
    pub fn new(to: String, mut fields: HashMap<String, String>, files: Vec<String>) -> Kept {
        fields.retain(|name, _| !SECRET.contains(&name.as_str()));
        Kept { to, fields, files }
    }

    fn weight(&self) -> usize {
        self.fields.iter().map(|(name, text)| name.len() + text.len()).sum()
    }
}

/// What came of an act.
#[derive(Debug)]
pub struct Told {
    /// What is to be said about it.
    pub findings: Vec<Finding>,
    /// What was typed, where it was refused.
    pub kept: Option<Kept>,
}

struct Telling {
    session: String,
    number: u64,
    since: Instant,
    weight: usize,
    told: Arc<Told>,
}

#[derive(Default)]
struct All {
    last: u64,
    tellings: VecDeque<Telling>,
}

/// Everything that is told.
#[derive(Default)]
pub struct Tellings(Mutex<All>);

impl Tellings {
    /// Keeps what came of an act for the session that made it; the number under which it is told. What was told of the same act before is over.
    pub fn keep(&self, session: &str, told: Told, now: Instant) -> u64 {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(kept) = &told.kept {
            let same = |one: &Telling| one.session == session && one.told.kept.as_ref().is_some_and(|own| own.to == kept.to);
            all.tellings.retain(|one| !same(one));
        }
        all.last += 1;
        let (number, weight) = (all.last, WEIGHT + told.kept.as_ref().map_or(0, Kept::weight));
        all.tellings.push_back(Telling { session: session.to_owned(), number, since: now, weight, told: Arc::new(told) });
        all.tellings.retain(|one| now.saturating_duration_since(one.since) < LONG);
        while all.tellings.len() > 1 && all.tellings.iter().map(|one| one.weight).sum::<usize>() > MOST {
            all.tellings.pop_front();
        }
        number
    }

    /// What is told under a number, in the session of whoever acted.
    pub fn find(&self, session: &str, number: u64, now: Instant) -> Option<Arc<Told>> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = all.tellings.iter().find(|one| one.number == number && one.session == session)?;
        (now.saturating_duration_since(found.since) < LONG).then(|| Arc::clone(&found.told))
    }

    /// An act that was refused has been done since.
    pub fn over(&self, session: &str, to: &str) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let same = |one: &Telling| one.session == session && one.told.kept.as_ref().is_some_and(|own| own.to == to);
        all.tellings.retain(|one| !same(one));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(to: &str, text: &str) -> Told {
        let fields =
            [("text", text), ("secret", "s"), ("token", "t")].map(|(name, text)| (name.to_owned(), text.to_owned())).into();
        Told { findings: Vec::new(), kept: Some(Kept::new(to.to_owned(), fields, Vec::new())) }
    }

    #[test]
    fn what_is_told_is_for_one_session_and_a_while_and_holds_no_secret() {
        let (tellings, now) = (Tellings::default(), Instant::now());
        let first = tellings.keep("wu", told("/a", "words"), now);
        let fields = &tellings.find("wu", first, now).unwrap().kept.as_ref().unwrap().fields.clone();
        assert_eq!(fields.iter().collect::<Vec<_>>(), [(&"text".to_owned(), &"words".to_owned())]);
        assert!(tellings.find("zhou", first, now).is_none() && tellings.find("wu", first, now + LONG).is_none());
        let second = tellings.keep("wu", told("/a", "other words"), now);
        assert!(tellings.find("wu", first, now).is_none() && tellings.find("wu", second, now).is_some());
        tellings.over("wu", "/a");
        assert!(tellings.find("wu", second, now).is_none());
    }

    #[test]
    fn what_is_older_makes_room() {
        let (tellings, now) = (Tellings::default(), Instant::now());
        let large = "x".repeat(MOST / 4);
        let numbers: Vec<u64> = (0..6).map(|at| tellings.keep("wu", told(&format!("/{at}"), &large), now)).collect();
        let held: Vec<bool> = numbers.iter().map(|number| tellings.find("wu", *number, now).is_some()).collect();
        assert_eq!(held, [false, false, false, true, true, true]);
    }
}
