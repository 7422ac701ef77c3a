/*! The columns of a sealed entry line, in the order in which its canonical bytes are written. */

use std::sync::Arc;

use arrow_schema::{DataType, Field, Schema, SchemaRef};

pub use seal::voucher::{AMOUNTS, TEXTS};

/// Index of `voucher` in [`TEXTS`].
pub(crate) const VOUCHER: usize = 0;
/// Index of `account` in [`TEXTS`].
pub(crate) const ACCOUNT: usize = 1;
/// Index of `number` in [`TEXTS`].
pub(crate) const NUMBER: usize = 2;
/// Index of `line` in [`TEXTS`].
pub(crate) const LINE: usize = 5;
/// Index of `closing` in [`TEXTS`].
pub(crate) const CLOSING: usize = 14;

/// Precision and scale of a sealed amount: what an [`model::Amount`] holds.
pub(crate) const DECIMAL: DataType = DataType::Decimal128(38, 9);

/// Schema of a snapshot file: [`TEXTS`], then [`AMOUNTS`].
pub fn schema() -> SchemaRef {
    let texts = TEXTS.iter().enumerate().map(|(at, name)| Field::new(*name, DataType::Utf8, at > ACCOUNT));
    let amounts = AMOUNTS.iter().enumerate().map(|(at, name)| Field::new(*name, DECIMAL, at > 1));
    Arc::new(Schema::new(texts.chain(amounts).collect::<Vec<_>>()))
}
