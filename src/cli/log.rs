/*! `taizhang log`: the operation log, shown and verified. */

use clap::Subcommand;
use model::Finding;

use super::Ctx;
use crate::{output::Table, report::Failure};

/// What to do with the log.
#[derive(Subcommand)]
pub enum What {
    /// 谁在何时做了什么 Who did what when
    Show,
    /// 校验哈希链 Check the chain of hashes
    Verify,
}

/// Runs the verb.
pub fn run(ctx: &Ctx, what: &What) -> Result<Vec<Finding>, Failure> {
    let (agent, store) = ctx.open()?;
    match what {
        What::Show => {
            let rows = store.operations()?.into_iter();
            // A screen shows what a line holds; machine formats have all of it.
            let short = |text: String, most: usize| match text.char_indices().nth(most).filter(|_| ctx.people()) {
                Some((end, _)) => format!("{}…", &text[..end]),
                None => text,
            };
            let rows = rows
                .map(|op| vec![op.seq.to_string(), op.at, op.who, op.what, short(op.detail, 60), short(op.hash, 12)])
                .collect();
            Table { columns: &["seq", "at", "who", "what", "detail", "hash"], numbers: &["seq"], rows }
                .write(ctx.format, ctx.lang)?;
            Ok(Vec::new())
        }
        What::Verify => match store.verify()? {
            Ok(count) => Ok(vec![Finding::note("log-holds").at(agent.state.display().to_string()).with("count", count)]),
            Err(broken) => {
                let place = format!("{}, operation {}", agent.state.display(), broken.seq);
                Err(Failure::findings(vec![Finding::error("log-broken").at(place)]))
            }
        },
    }
}
