/*! A moment in UTC, to the second: what certificates, signatures and receipts know of time. */

use std::{fmt, str::FromStr, time::Duration};

use der::DateTime;
use x509_cert::time::Time as X509Time;

/// A moment in UTC, to the second, from 1970 to 9999. Text is RFC 3339: `2026-11-25T04:30:00Z`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Time(DateTime);

impl Time {
    /// From seconds since 1970; `None` after the year 9999.
    pub fn from_unix(seconds: u64) -> Option<Time> {
        DateTime::from_unix_duration(Duration::from_secs(seconds)).ok().map(Time)
    }

    /// Seconds since 1970.
    pub fn unix(self) -> u64 {
        self.0.unix_duration().as_secs()
    }

    /// So many seconds later, and no later than the year 9999.
    #[must_use]
    pub fn plus(self, seconds: u64) -> Time {
        Time::from_unix(self.unix().saturating_add(seconds)).unwrap_or(Time(DateTime::INFINITY))
    }

    /// As X.509 writes it: two digits of the year until 2049 (RFC 5280, 4.1.2.5).
    pub(crate) fn x509(self) -> Result<X509Time, der::Error> {
        if self.0.year() < 2050 {
            Ok(X509Time::UtcTime(der::asn1::UtcTime::from_date_time(self.0)?))
        } else {
            Ok(X509Time::GeneralTime(der::asn1::GeneralizedTime::from_date_time(self.0)))
        }
    }
}

impl From<X509Time> for Time {
    fn from(time: X509Time) -> Time {
        Time(time.to_date_time())
    }
}

impl FromStr for Time {
    type Err = der::Error;

    fn from_str(text: &str) -> Result<Time, der::Error> {
        text.parse().map(Time)
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl fmt::Debug for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_read_and_print() {
        // `date -u -d @1764045000 +%FT%TZ`
        let time = Time::from_unix(1_764_045_000).unwrap();
        assert_eq!(time.to_string(), "2025-11-25T04:30:00Z");
        assert_eq!("2025-11-25T04:30:00Z".parse::<Time>().unwrap(), time);
        assert!("2025-11-25".parse::<Time>().is_err());
        assert!(Time::from_unix(u64::MAX).is_none());
        assert_eq!(time.plus(u64::MAX).to_string(), "9999-12-31T23:59:59Z");
    }
}
