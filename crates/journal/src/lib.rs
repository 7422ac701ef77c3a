/*!
Sealed snapshots of a book, the balance cube, trial balances and the differences between seals.

Knows no ERP and no database: entry lines come in as Arrow batches of text, Parquet files and figures go out.
*/
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test that cannot set up its case must fail"))]

mod balances;
mod columns;
mod cube;
mod diff;
mod entries;
mod figures;
mod files;
mod lines;
mod measures;
mod pages;
mod rows;
mod sealer;

pub use balances::{BalanceError, Balances, Class, Row, UNDISTRIBUTED, Years};
pub use columns::{AMOUNTS, TEXTS, schema};
pub use cube::{Cell, DIMENSIONS, Sides, Sums, read as read_cube, read_turnover, rebuild as rebuild_cube};
pub use diff::{Change, LineChange, diff};
pub use entries::{Entry, Proven, prove, read as read_entries, root as root_of};
pub use figures::{Book, ByPeriod, Coverage, Evidence, Sealed, Seen};
pub use files::{SealError, file_digest, sound};
pub use measures::{PendingMeasures, measures_path, measures_root, read_measures, seal_measures};
pub use pages::{Added, Page};
pub use rows::{voucher, vouchers};
pub use seal::Digest;
use seal::voucher as merkle;
pub use sealer::{ClosingVoucher, Pending, Role, Sealer, cube_path, entries_path};
