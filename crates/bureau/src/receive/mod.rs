/*!
What arrives: judged, audited, written down, receipted.

A package is judged against everything it says of itself and of its sender before a word of it counts; every reason for a refusal is told, not
only the first, and the refusal is a signed receipt as well. Audit rules are judged on arrival and refuse nothing: what they find stands in
the receipt.
*/

mod audit;
mod judge;
mod opened;
mod task;

pub use audit::{arrived, verdicts};
pub use judge::{Arrived, Judged, judge, keep};
pub use opened::{Opened, Said};
pub use task::{Receiving, told};
