//! The receiver's clock, in whole seconds of UTC.

use jiff::{
    civil::Date,
    tz::{Offset, TimeZone},
};
use seal::Time;

/// Now.
pub fn now() -> Time {
    let seconds = u64::try_from(jiff::Timestamp::now().as_second()).unwrap_or(0);
    // A clock before 1970 is one that was never set; one after 9999 is none.
    Time::from_unix(seconds).or(Time::from_unix(0)).unwrap_or_else(|| unreachable!("1970 is a time"))
}

/// As texts have it.
pub fn text(time: Time) -> String {
    time.to_string()
}

/// China's clocks.
pub const CHINA: Offset = Offset::constant(8);

/// Today in China, where the bureau's days begin and end.
pub fn today() -> Date {
    TimeZone::fixed(CHINA).to_datetime(jiff::Timestamp::now()).date()
}
