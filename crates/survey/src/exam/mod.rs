/*!
The exam (回填考试): a report or ledger made by hand, compared cell by cell with what the sealed books give, and each difference explained.

Pure: a sheet of texts comes in, and what is equal, what is not and what may be the cause go out. Headings are data (`mappings/headers.toml`).
Nothing here is applied to a mapping by itself: a change is proposed as text.
*/

mod accounts;
mod causes;
mod change;
mod compare;
mod grid;
pub mod portal;
mod reading;
#[cfg(test)]
mod tests;
mod words;

pub use causes::Cause;
pub use change::Change;
pub use compare::{Agreed, Difference, Exam, Subject, examine};
pub use grid::{Figure, Grid, figure, month, month_of};
pub use reading::{Reading, Told, Wanted, read, row_of};
pub use words::{COLUMNS, HEADERS, Role, Words, column_named};
