/*!
Balances of one book: what each account opened with, turned over and closed at.

Pure so far: entries come in, a trial balance goes out. Nothing here knows an ERP or a database.
*/
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test that cannot set up its case must fail"))]

mod balances;

pub use balances::{BalanceError, Balances, Class, Row, UNDISTRIBUTED};
