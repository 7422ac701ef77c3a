/*! The mapping as people work on it: which accounts reach which indicators, and a change that is tried, written and logged. */

pub mod change;
pub mod coverage;
pub mod effect;
pub mod import;
mod keep;
mod layer;

pub use layer::{About, Edit, one_line};
