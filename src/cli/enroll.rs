/*! `taizhang enroll`: this machine gets its certificate from the bureau, with a one-time code, or in the place of the one that it has. */

use model::Finding;
use serde_json::json;

use super::Ctx;
use crate::{
    delivery::{client::Client, machine::Machine},
    packs,
    report::Failure,
};

/// With what.
#[derive(clap::Args)]
#[command(group = clap::ArgGroup::new("by").required(true).args(["code", "renew"]))]
pub struct What {
    /// 统计局给的一次性代码 The one-time code from the bureau
    #[arg(long)]
    code: Option<String>,
    /// 用现有证书换一张新的 Renew the certificate that this machine has
    #[arg(long)]
    renew: bool,
}

/// Runs the verb.
pub fn run(ctx: &Ctx, what: &What) -> Result<Vec<Finding>, Failure> {
    let (agent, mut store) = ctx.open()?;
    let machine = match &what.code {
        Some(code) => Machine::enrol(&agent, &Client::new(&agent, None)?, code)?,
        None => {
            let old = Machine::read(&agent)?;
            let client = Client::new(&agent, Some(&old))?;
            old.renew(&client)?
        }
    };
    let certificate = &machine.certificate;
    let detail = json!({ "renewal": what.renew, "serial": certificate.serial(), "fingerprint": certificate.fingerprint().to_string(),
        "until": certificate.not_after().to_string() });
    store.begin(&packs::who(), "enroll", &detail)?.commit()?;
    let finding = Finding::note("machine-enrolled").at(machine.path.display().to_string());
    Ok(vec![finding.with("until", ctx.time(&certificate.not_after().to_string()))])
}
