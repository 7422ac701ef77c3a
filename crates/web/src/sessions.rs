/*! Who is signed in. Sessions live in memory: a restart signs everybody out. */

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use ui::Lang;

use crate::accounts::{kept, token};

/// Signed out after so long without a page.
const IDLE: Duration = Duration::from_secs(30 * 60);
/// Signed out after so long in any case.
const WHOLE: Duration = Duration::from_secs(12 * 3600);
/// Sessions at once; the oldest make room.
const MOST: usize = 1000;

/// Somebody who is signed in.
#[derive(Clone, Debug)]
pub struct Session {
    /// Id of the person.
    pub person: String,
    /// Name of the person.
    pub name: String,
    /// What forms on this person's pages carry.
    pub token: String,
    /// Language.
    pub lang: Lang,
    /// SHA-256 of the cookie: what the session is found by.
    pub id: String,
    since: Instant,
    last: Instant,
}

/// Everybody who is signed in, by the SHA-256 of the cookie.
#[derive(Default)]
pub struct Sessions {
    known: Mutex<HashMap<String, Session>>,
}

impl Sessions {
    fn locked(&self) -> std::sync::MutexGuard<'_, HashMap<String, Session>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Signs somebody in; the cookie's value, none where the system has no random numbers.
    pub fn begin(&self, person: &str, name: &str, lang: Lang, now: Instant) -> Option<String> {
        let (cookie, form) = (token()?, token()?);
        let mut known = self.locked();
        known.retain(|_, session| session.holds(now));
        if known.len() >= MOST
            && let Some(oldest) = known.values().min_by_key(|session| session.last).map(|session| session.id.clone())
        {
            known.remove(&oldest);
        }
        let id = kept(&cookie);
        let (person, name) = (person.to_owned(), name.to_owned());
        known.insert(id.clone(), Session { person, name, token: form, lang, id, since: now, last: now });
        Some(cookie)
    }

    /// The session of a cookie, which now has been seen.
    pub fn find(&self, cookie: &str, now: Instant) -> Option<Session> {
        let mut known = self.locked();
        let session = known.get_mut(&kept(cookie)).filter(|session| session.holds(now))?;
        session.last = now;
        Some(session.clone())
    }

    /// Another language.
    pub fn speak(&self, id: &str, lang: Lang) {
        if let Some(session) = self.locked().get_mut(id) {
            session.lang = lang;
        }
    }

    /// Signs out.
    pub fn end(&self, id: &str) {
        self.locked().remove(id);
    }

    /// Signs a person out everywhere: after another password.
    pub fn end_all(&self, person: &str) {
        self.locked().retain(|_, session| session.person != person);
    }
}

impl Session {
    fn holds(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.last) < IDLE && now.saturating_duration_since(self.since) < WHOLE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_ends_when_nobody_looks_and_in_any_case_after_a_day() {
        let (sessions, start) = (Sessions::default(), Instant::now());
        let cookie = sessions.begin("wujing", "吴静", Lang::Zh, start).unwrap();
        let minutes = |minutes: u64| start + Duration::from_secs(minutes * 60);
        assert_eq!(sessions.find(&cookie, minutes(29)).unwrap().person, "wujing");
        assert!(sessions.find(&cookie, minutes(58)).is_some());
        assert!(sessions.find(&cookie, minutes(88)).is_none(), "30 minutes without a page");
        let cookie = sessions.begin("wujing", "吴静", Lang::Zh, start).unwrap();
        for step in 1..36 {
            assert!(sessions.find(&cookie, minutes(step * 20)).is_some(), "{step}");
        }
        assert!(sessions.find(&cookie, minutes(720)).is_none(), "12 hours");
        assert!(sessions.find("other", start).is_none());
        let cookie = sessions.begin("wujing", "吴静", Lang::Zh, start).unwrap();
        sessions.end_all("wujing");
        assert!(sessions.find(&cookie, start).is_none());
    }
}
