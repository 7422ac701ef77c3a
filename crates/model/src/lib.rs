/*!
The words every other room speaks: exact [`Amount`]s, accounting [`Period`]s, rows of measures.

Pure: no clock, no environment, no files, no network, and no floating point. Nothing here prints or panics on input.
*/
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test that cannot set up its case must fail"))]

mod amount;
mod credit_code;
mod finding;
mod measure;
mod period;

pub use amount::{Amount, AmountError};
pub use credit_code::{CreditCode, CreditCodeError};
pub use finding::{Finding, Level};
pub use measure::MeasureRow;
pub use period::{Month, Period, PeriodError};
