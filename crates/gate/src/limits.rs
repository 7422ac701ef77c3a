/*! How often somebody may ask: by address for whoever is not signed in, by session for whoever is. People never meet it; a program that runs wild does. */

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// So many requests at once, and one more after each time.
#[derive(Clone, Copy)]
pub struct Rate {
    burst: u32,
    each: Duration,
}

/// Requests of an address that no session is known of.
pub const STRANGER: Rate = Rate { burst: 120, each: Duration::from_millis(250) };
/// Tries of an address to sign in.
pub const TRY: Rate = Rate { burst: 30, each: Duration::from_secs(2) };
/// Requests of a session.
pub const SESSION: Rate = Rate { burst: 1000, each: Duration::from_millis(10) };
/// Acts of a session.
pub const ACT: Rate = Rate { burst: 60, each: Duration::from_secs(1) };

/// Keys that are counted apart; beyond these, all others share one.
const MOST: usize = 10_000;
/// The key of all others.
const OTHERS: &str = "*";

/// Who asked how often. In memory.
#[derive(Default)]
pub struct Limits {
    /// When a key has its whole burst again.
    full: Mutex<HashMap<String, Instant>>,
}

impl Limits {
    /// Counts one request; how long to wait where it is one too many.
    pub fn take(&self, key: String, rate: Rate, now: Instant) -> Option<Duration> {
        let mut full = self.full.lock().unwrap_or_else(PoisonError::into_inner);
        if full.len() >= MOST && !full.contains_key(&key) {
            full.retain(|_, at| *at > now);
        }
        let key = if full.len() >= MOST && !full.contains_key(&key) { OTHERS.to_owned() } else { key };
        let at = full.entry(key).or_insert(now);
        let next = (*at).max(now) + rate.each;
        // What is owed may not be more than the burst.
        let owed = next.saturating_duration_since(now);
        if let Some(wait) = owed.checked_sub(rate.each * rate.burst).filter(|wait| !wait.is_zero()) {
            return Some(wait);
        }
        *at = next;
        None
    }
}

/// An address as it is counted and shown: of IPv6 the part that one household or office has.
pub fn name(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) if address.is_loopback() => address.to_string(),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_let_through_and_then_one_at_a_time() {
        let (limits, now) = (Limits::default(), Instant::now());
        let rate = Rate { burst: 3, each: Duration::from_secs(2) };
        let take = |key: &str, at: u64| limits.take(key.to_owned(), rate, now + Duration::from_secs(at));
        assert!((0..3).all(|_| take("a", 0).is_none()));
        assert_eq!(take("a", 0), Some(Duration::from_secs(2)));
        assert_eq!(take("b", 0), None, "another is not held up");
        assert_eq!(take("a", 2), None);
        assert_eq!(take("a", 3), Some(Duration::from_secs(1)));
        assert!((0..3).all(|_| take("a", 60).is_none()), "whoever was quiet has the burst again");
        // However many addresses knock, the table is bounded and each of them is still counted.
        for at in 0..MOST {
            take(&format!("x{at}"), 60);
        }
        let told: Vec<_> = (0..4).map(|at| take(&format!("y{at}"), 60)).collect();
        assert!(told[0].is_none() && told[3].is_some(), "{told:?}");
    }

    #[test]
    fn an_office_is_one_address() {
        assert_eq!(name("2001:db8:1:2:3:4:5:6".parse().unwrap()), "2001:db8:1:2::/64");
        assert_eq!(name("::ffff:10.0.0.1".parse().unwrap()), "10.0.0.1");
        assert_eq!(name("::1".parse().unwrap()), "::1");
    }
}
