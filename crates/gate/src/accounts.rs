/*! Passwords, invitations and the brake on guessing. */

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use argon2::{
    Argon2, PasswordHasher, PasswordVerifier,
    password_hash::phc::{PasswordHash, Salt},
};
use base64ct::{Base64UrlUnpadded, Encoding};
use sha2::{Digest, Sha256};

/// Characters that a password has at least (NIST SP 800-63B-4 asks for 15 where it is the only factor and for 8 otherwise; here the machine must
/// be reached as well).
pub const SHORTEST: usize = 10;
/// Bytes that a password has at most, so that nobody makes the hash work for long.
const LONGEST: usize = 256;
/// How long an invitation holds, in seconds.
pub const INVITED: i64 = 48 * 3600;
/// Failures before a wait, and the first wait; it doubles with each more.
const FREE: u32 = 5;
const WAIT: Duration = Duration::from_secs(30);
const LONGEST_WAIT: Duration = Duration::from_secs(3600);

/// What a person signs in with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// Argon2id in PHC form; none before the first sign-in.
    pub password: Option<String>,
    /// SHA-256 of the token of an invitation that nobody has used, in hex.
    pub invitation: Option<String>,
    /// When the invitation ends, in seconds of Unix time.
    pub until: i64,
    /// Secret of the second factor, in base 32; none where the person has none. One that opens nothing, where it should be there and is lost.
    pub second: Option<String>,
}

impl Account {
    /// `active`, `invited` or `none`: whether the person can sign in.
    pub const fn state(&self) -> &'static str {
        match (&self.password, &self.invitation) {
            (Some(_), _) => "active",
            (None, Some(_)) => "invited",
            (None, None) => "none",
        }
    }

    /// The account with an invitation beside what it had: that holds until the invitation is used. And the token that is sent.
    pub fn invited(self, now: i64) -> Option<(Account, String)> {
        let token = token()?;
        Some((Account { invitation: Some(kept(&token)), until: now.saturating_add(INVITED), ..self }, token))
    }
}

/// The page on which an invitation is used, after the address of the pages.
pub fn invitation(person: &str, token: &str) -> String {
    format!("/welcome?person={}&invitation={}", crate::pages::part(person), token)
}

/// 32 random bytes as text that may stand in an address.
pub fn token() -> Option<String> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).ok()?;
    Some(Base64UrlUnpadded::encode_string(&bytes))
}

/// SHA-256 in hex: what is kept of a token.
pub fn kept(token: &str) -> String {
    Sha256::digest(token.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Whether a password may be chosen.
pub fn fit(password: &str) -> bool {
    password.chars().count() >= SHORTEST && password.len() <= LONGEST
}

/// Argon2id in PHC form, with the parameters of RFC 9106's second choice as the library has them.
pub fn hash(password: &str) -> Option<String> {
    let mut salt = [0; 16];
    getrandom::fill(&mut salt).ok()?;
    let salt = Salt::new(&salt).ok()?;
    Argon2::default().hash_password_with_salt(password.as_bytes(), &salt).ok().map(|hash: PasswordHash| hash.to_string())
}

/// Whether it is the password. Where there is none to compare with, the same work is done, so that time tells nobody who has an account.
pub fn verify(password: &str, phc: Option<&str>) -> bool {
    const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    if password.len() > LONGEST {
        return false;
    }
    let known = PasswordHash::new(phc.unwrap_or(NOBODY));
    let same = known.is_ok_and(|known| Argon2::default().verify_password(password.as_bytes(), &known).is_ok());
    same && phc.is_some()
}

/// Who failed how often, and when the next try is allowed. In memory: a restart forgives.
#[derive(Default)]
pub struct Brake {
    failures: Mutex<HashMap<String, (u32, Instant)>>,
}

impl Brake {
    /// How long somebody must still wait.
    pub fn waits(&self, who: &str, now: Instant) -> Option<Duration> {
        let failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        let (times, last) = failures.get(who)?;
        let wait = WAIT.saturating_mul(1 << times.checked_sub(FREE)?.min(16)).min(LONGEST_WAIT);
        wait.checked_sub(now.saturating_duration_since(*last)).filter(|left| !left.is_zero())
    }

    /// One more failure.
    pub fn failed(&self, who: &str, now: Instant) {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        // What is older than the longest wait says nothing any more; so the table stays small whoever knocks.
        failures.retain(|_, (_, last)| now.saturating_duration_since(*last) < LONGEST_WAIT);
        let entry = failures.entry(who.to_owned()).or_insert((0, now));
        *entry = (entry.0.saturating_add(1), now);
    }

    /// The right password.
    pub fn passed(&self, who: &str) {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner).remove(who);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_known_again_and_no_other() {
        let phc = hash("correct horse 电池").unwrap();
        assert!(phc.starts_with("$argon2id$v=19$"), "{phc}");
        assert!(verify("correct horse 电池", Some(&phc)));
        assert!(!verify("correct horse 电池 ", Some(&phc)));
        assert!(!verify("", None));
        assert!(!verify(&"x".repeat(300), Some(&phc)));
        assert!(fit("一二三四五六七八九十") && !fit("123456789") && !fit(&"x".repeat(300)));
    }

    #[test]
    fn guessing_waits_longer_each_time() {
        let (brake, now) = (Brake::default(), Instant::now());
        for _ in 0..4 {
            brake.failed("a", now);
        }
        assert_eq!(brake.waits("a", now), None);
        brake.failed("a", now);
        // Five free tries, then 30 s, then 60 s.
        assert_eq!(brake.waits("a", now), Some(Duration::from_secs(30)));
        brake.failed("a", now);
        assert_eq!(brake.waits("a", now), Some(Duration::from_secs(60)));
        assert_eq!(brake.waits("a", now + Duration::from_secs(60)), None);
        assert_eq!(brake.waits("b", now), None);
        brake.passed("a");
        assert_eq!(brake.waits("a", now), None);
    }
}
