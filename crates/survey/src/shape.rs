//! Shapes of tables that several files share.

use settings::Shape;

/// A value that serde reads.
pub(crate) const ANY: Shape = Shape::Any;
