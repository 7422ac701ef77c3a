/*! The second factor: codes of six digits by time (TOTP, RFC 6238 with HMAC-SHA-1, 30 seconds), as every authenticator knows them. */

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{SystemTime, UNIX_EPOCH},
};

use data_encoding::BASE32_NOPAD;
use ring::hmac;

/// Seconds that a code holds.
const STEP: u64 = 30;
/// Bytes of a secret: as many as the hash has (RFC 4226, 4).
const SECRET: usize = 20;

/// A new secret, as an authenticator takes it.
pub fn secret() -> Option<String> {
    let mut bytes = [0; SECRET];
    getrandom::fill(&mut bytes).ok()?;
    Some(BASE32_NOPAD.encode(&bytes))
}

/// What a QR code says to an authenticator.
pub fn address(unit: &str, person: &str, secret: &str) -> String {
    let part = crate::pages::part;
    format!("otpauth://totp/{}:{}?secret={secret}&issuer={}&digits=6&period={STEP}", part(unit), part(person), part(unit))
}

/// HOTP of RFC 4226: the last `digits` decimal digits.
fn hotp(secret: &[u8], counter: u64, digits: u32) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret);
    let tag = hmac::sign(&key, &counter.to_be_bytes());
    let tag = tag.as_ref();
    let offset = usize::from(tag.last().copied().unwrap_or_default() & 0xf);
    let four = |at: usize| u32::from(tag.get(offset + at).copied().unwrap_or_default());
    let number = (four(0) & 0x7f) << 24 | four(1) << 16 | four(2) << 8 | four(3);
    let (number, width) = (number % 10_u32.pow(digits), digits as usize);
    format!("{number:0width$}")
}

/// Codes that were used: each opens once (RFC 6238, 5.2). In memory.
#[derive(Default)]
pub struct Used {
    last: Mutex<HashMap<String, u64>>,
}

impl Used {
    /// Whether a code is one that a person's authenticator shows around now, and nobody has used yet. A clock may be one step off.
    pub fn fits(&self, person: &str, secret: &str, code: &str, now: SystemTime) -> bool {
        let code: String = code.chars().filter(|letter| !letter.is_whitespace()).collect();
        let Some(secret) = BASE32_NOPAD.decode(secret.as_bytes()).ok().filter(|secret| secret.len() >= SECRET) else {
            return false;
        };
        let step = now.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()) / STEP;
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let used = last.get(person).copied().unwrap_or_default();
        let found = (step.saturating_sub(1)..=step + 1).filter(|step| *step > used).find(|step| hotp(&secret, *step, 6) == code);
        if let Some(step) = found {
            last.insert(person.to_owned(), step);
        }
        found.is_some()
    }

    /// Another secret has codes of its own.
    pub fn forget(&self, person: &str) {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).remove(person);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn codes_are_those_of_the_standards() {
        let secret = b"12345678901234567890";
        // RFC 4226, appendix D.
        let ten = ["755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871", "520489"];
        for (counter, code) in ten.iter().enumerate() {
            assert_eq!(hotp(secret, counter as u64, 6), *code);
        }
        // RFC 6238, appendix B: SHA-1, eight digits.
        for (seconds, code) in [
            (59, "94287082"),
            (1_111_111_109, "07081804"),
            (1_111_111_111, "14050471"),
            (1_234_567_890, "89005924"),
            (2_000_000_000, "69279037"),
            (20_000_000_000, "65353130"),
        ] {
            assert_eq!(hotp(secret, seconds / STEP, 8), code, "{seconds}");
        }
    }

    #[test]
    fn a_code_opens_once_and_only_around_its_time() {
        let (used, secret) = (Used::default(), BASE32_NOPAD.encode(b"12345678901234567890"));
        let at = |seconds: u64| UNIX_EPOCH + Duration::from_secs(seconds);
        assert!(!used.fits("wu", &secret, "081804", at(1_111_111_109 + 90)), "three steps late");
        assert!(used.fits("wu", &secret, "081 804", at(1_111_111_109 + 30)), "a clock may be one step off");
        assert!(!used.fits("wu", &secret, "081804", at(1_111_111_109)), "used");
        assert!(used.fits("zhou", &secret, "081804", at(1_111_111_109)), "by somebody else");
        assert!(!used.fits("li", "", "755224", at(0)) && !used.fits("li", &secret, "", at(1_111_111_109)));
        used.forget("wu");
        assert!(used.fits("wu", &secret, "081804", at(1_111_111_109)));
        assert_eq!(super::secret().unwrap().len(), 32);
    }
}
