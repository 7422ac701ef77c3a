/*! `taizhang receipt`: receipts that were carried back by hand, and those that are kept. */

use std::{fs, path::PathBuf};

use clap::Subcommand;
use model::Finding;
use seal::{Limits, Received, Verdict};

use super::{Ctx, verify};
use crate::{
    delivery::{self, outbox},
    package,
    report::{self, Failure},
};

/// What to do with receipts.
#[derive(Subcommand)]
pub enum What {
    /// 导入带回来的回执 Keep a receipt that was carried back
    Import {
        /// 回执文件 .asice The receipt
        file: PathBuf,
    },
}

/// Runs the verb.
pub fn run(ctx: &Ctx, what: &What) -> Result<Vec<Finding>, Failure> {
    let What::Import { file } = what;
    let (agent, mut store) = ctx.open()?;
    let place = file.display().to_string();
    let who = match &ctx.person {
        Some(_) => ctx.person(&agent)?.id.clone(),
        None => crate::packs::who(),
    };
    let bytes = fs::read(file).map_err(|error| Failure::config(Finding::io(file, &error)))?;
    let wrong = |finding: Finding| Failure::findings(vec![finding.at(&place)]);
    let digest = Received::read(&bytes, Limits::default()).map_err(wrong)?.receipt.payload.to_string();
    let _one = outbox::turn(&store)?;
    let kept = package::kept(&store, Some(&digest), None)?.zip(delivery::period_of(&store, &digest)?);
    let Some((kept, period)) = kept else {
        let adopted = delivery::adopt(&agent, &mut store, &bytes, None, &who)?;
        let missing = || wrong(Finding::error("receipt-of-no-package").with("payload", digest));
        return adopted.map(|finding| vec![finding]).ok_or_else(missing);
    };
    let (received, findings) = delivery::accept(&agent, &mut store, (&kept, &period), &bytes, None, &who)?;
    told(ctx, &received, findings)
}

/// What a receipt says; a refusal is no success.
pub fn told(ctx: &Ctx, received: &Received, mut findings: Vec<Finding>) -> Result<Vec<Finding>, Failure> {
    verify::verdict(ctx, received)?;
    if received.receipt.verdict == Verdict::Refused && !report::blocked(&findings) {
        findings.push(Finding::error("submission-refused").with("reasons", delivery::why(&received.receipt)));
    }
    if report::blocked(&findings) { Err(Failure::findings(findings)) } else { Ok(findings) }
}
