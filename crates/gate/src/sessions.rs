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
/// How long somebody may look for the code of the second factor.
const HALF: Duration = Duration::from_secs(5 * 60);

/// Who signs in, and from where.
#[derive(Clone, Debug)]
pub struct Guest {
    /// Id of the person.
    pub person: String,
    /// Name of the person.
    pub name: String,
    /// Address.
    pub address: String,
    /// Browser, as it says of itself.
    pub browser: String,
    /// The page that was asked for.
    pub next: String,
}

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
    /// Address from which the person signed in.
    pub address: String,
    /// Browser, as it says of itself.
    pub browser: String,
    /// A secret that the person's authenticator is being shown and has not answered yet.
    pub pending: Option<String>,
    since: Instant,
    last: Instant,
}

/// Everybody who is signed in, by the SHA-256 of the cookie.
#[derive(Default)]
pub struct Sessions {
    known: Mutex<HashMap<String, Session>>,
    /// Whoever knew the password and still owes the second factor, by the SHA-256 of a token.
    halves: Mutex<HashMap<String, (Guest, Instant)>>,
}

impl Sessions {
    fn locked(&self) -> std::sync::MutexGuard<'_, HashMap<String, Session>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Signs somebody in; the cookie's value, none where the system has no random numbers.
    pub fn begin(&self, guest: &Guest, lang: Lang, now: Instant) -> Option<String> {
        let (cookie, form) = (token()?, token()?);
        let mut known = self.locked();
        known.retain(|_, session| session.holds(now));
        if known.len() >= MOST
            && let Some(oldest) = known.values().min_by_key(|session| session.last).map(|session| session.id.clone())
        {
            known.remove(&oldest);
        }
        let id = kept(&cookie);
        let Guest { person, name, address, browser, .. } = guest.clone();
        let pending = None;
        known.insert(
            id.clone(),
            Session { person, name, token: form, lang, id, address, browser, pending, since: now, last: now },
        );
        Some(cookie)
    }

    /// Keeps somebody who knew the password until the second factor comes; the token by which the person is found.
    pub fn half(&self, guest: Guest, now: Instant) -> Option<String> {
        let token = token()?;
        let mut halves = self.halves.lock().unwrap_or_else(PoisonError::into_inner);
        halves.retain(|_, (_, since)| now.saturating_duration_since(*since) < HALF);
        if halves.len() >= MOST {
            return None;
        }
        halves.insert(kept(&token), (guest, now));
        Some(token)
    }

    /// Whoever still owes the second factor.
    pub fn owes(&self, token: &str, now: Instant) -> Option<Guest> {
        let halves = self.halves.lock().unwrap_or_else(PoisonError::into_inner);
        let (guest, since) = halves.get(&kept(token))?;
        (now.saturating_duration_since(*since) < HALF).then(|| guest.clone())
    }

    /// The second factor came.
    pub fn paid(&self, token: &str) {
        self.halves.lock().unwrap_or_else(PoisonError::into_inner).remove(&kept(token));
    }

    /// Whether a cookie is of a session, without its being seen.
    pub fn knows(&self, cookie: &str, now: Instant) -> Option<String> {
        self.locked().get(&kept(cookie)).filter(|session| session.holds(now)).map(|session| session.id.clone())
    }

    /// Sessions of a person, the last used first.
    pub fn of(&self, person: &str, now: Instant) -> Vec<Session> {
        let known = self.locked();
        let mut own: Vec<Session> =
            known.values().filter(|session| session.person == person && session.holds(now)).cloned().collect();
        own.sort_by_key(|session| std::cmp::Reverse(session.last));
        own
    }

    /// Shows an authenticator a secret, or none any more.
    pub fn pend(&self, id: &str, secret: Option<String>) {
        if let Some(session) = self.locked().get_mut(id) {
            session.pending = secret;
        }
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
        self.halves.lock().unwrap_or_else(PoisonError::into_inner).retain(|_, (guest, _)| guest.person != person);
    }

    /// Signs a person out everywhere but here.
    pub fn end_others(&self, person: &str, id: &str) {
        self.locked().retain(|_, session| session.person != person || session.id == id);
        self.halves.lock().unwrap_or_else(PoisonError::into_inner).retain(|_, (guest, _)| guest.person != person);
    }

    /// Signs a person out in one place; another person's sessions are not touched.
    pub fn end_own(&self, person: &str, id: &str) {
        self.locked().retain(|_, session| session.person != person || session.id != id);
    }
}

impl Session {
    fn holds(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.last) < IDLE && now.saturating_duration_since(self.since) < WHOLE
    }

    /// Minutes since the person signed in, and since the last page.
    pub fn minutes(&self, now: Instant) -> [u64; 2] {
        [self.since, self.last].map(|at| now.saturating_duration_since(at).as_secs() / 60)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guest(person: &str) -> Guest {
        let text = |text: &str| text.to_owned();
        Guest { person: text(person), name: text("吴静"), address: text(""), browser: text(""), next: text("/") }
    }

    #[test]
    fn one_signs_out_ones_own_sessions_and_no_others() {
        let (sessions, now) = (Sessions::default(), Instant::now());
        let begin = |person: &str| sessions.begin(&guest(person), Lang::Zh, now).unwrap();
        let (here, there, other) = (begin("wu"), begin("wu"), begin("zhou"));
        let id = |cookie: &str| sessions.knows(cookie, now).unwrap();
        sessions.end_own("wu", &id(&other));
        assert!(sessions.find(&other, now).is_some(), "of somebody else");
        assert_eq!(sessions.of("wu", now).len(), 2);
        let half = sessions.half(guest("wu"), now).unwrap();
        sessions.end_others("wu", &id(&here));
        assert!(sessions.find(&here, now).is_some() && sessions.find(&there, now).is_none());
        assert!(sessions.owes(&half, now).is_none(), "what was begun with the old password is over");
        let half = sessions.half(guest("wu"), now).unwrap();
        assert_eq!(sessions.owes(&half, now).unwrap().person, "wu");
        assert!(sessions.owes(&half, now + HALF).is_none());
        sessions.paid(&half);
        assert!(sessions.owes(&half, now).is_none());
    }

    #[test]
    fn a_session_ends_when_nobody_looks_and_in_any_case_after_a_day() {
        let (sessions, start) = (Sessions::default(), Instant::now());
        let wu = guest("wujing");
        let cookie = sessions.begin(&wu, Lang::Zh, start).unwrap();
        let minutes = |minutes: u64| start + Duration::from_secs(minutes * 60);
        assert_eq!(sessions.find(&cookie, minutes(29)).unwrap().person, "wujing");
        assert!(sessions.find(&cookie, minutes(58)).is_some());
        assert!(sessions.find(&cookie, minutes(88)).is_none(), "30 minutes without a page");
        let cookie = sessions.begin(&wu, Lang::Zh, start).unwrap();
        for step in 1..36 {
            assert!(sessions.find(&cookie, minutes(step * 20)).is_some(), "{step}");
        }
        assert!(sessions.find(&cookie, minutes(720)).is_none(), "12 hours");
        assert!(sessions.find("other", start).is_none());
        let cookie = sessions.begin(&wu, Lang::Zh, start).unwrap();
        sessions.end_all("wujing");
        assert!(sessions.find(&cookie, start).is_none());
    }
}
