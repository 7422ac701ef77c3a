//! placeholder
use super::Ctx;
use crate::report::Failure;
use model::Finding;
pub fn run(_ctx: &Ctx, _dir: &std::path::Path) -> Result<Vec<Finding>, Failure> {
    Ok(vec![])
}
