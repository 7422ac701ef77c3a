/*! `taizhang enroll`: this machine, or a person who signs, gets a certificate from the bureau with a one-time code; a machine renews its own. */

use model::Finding;
use seal::{Algorithm, Certificate};
use serde_json::json;

use super::Ctx;
use crate::{
    delivery::{client::Client, machine::Machine, person},
    packs,
    report::Failure,
};

/// With what.
#[derive(clap::Args)]
#[command(group = clap::ArgGroup::new("by").required(true).args(["code", "renew"]))]
pub struct What {
    /// 统计局给的一次性代码；是给人的代码时加 --as The one-time code from the bureau; with --as, that of a person who signs
    #[arg(long)]
    code: Option<String>,
    /// 用现有的证书换一张新的：本机的；加 --as 是那个人的 Renew the certificate that this machine has; with --as, that person's
    #[arg(long)]
    renew: bool,
    /// 给人造国密 SM2 密钥；不写是 P-256 Make an SM2 key for the person; P-256 where absent
    #[arg(long, requires = "code")]
    sm2: bool,
}

/// Runs the verb.
pub fn run(ctx: &Ctx, what: &What) -> Result<Vec<Finding>, Failure> {
    let (agent, mut store) = ctx.open()?;
    let (certificate, told) = match (&what.code, &ctx.person) {
        (Some(code), Some(_)) => {
            let person = ctx.person(&agent)?;
            let algorithm = if what.sm2 { Algorithm::Sm2 } else { Algorithm::P256 };
            let certificate = person::enrol(&agent, &Client::new(&agent, None)?, person, code, algorithm)?;
            (certificate, person::told(&agent, person))
        }
        // A machine's key is for TLS, which knows no SM2 here.
        (Some(_), None) if what.sm2 => return Err(Failure::config(Finding::error("person-missing"))),
        (Some(code), None) => machine(Machine::enrol(&agent, &Client::new(&agent, None)?, code)?),
        (None, Some(_)) => {
            let person = ctx.person(&agent)?;
            let certificate = person::renew(&agent, &Client::new(&agent, Some(&Machine::read(&agent)?))?, person)?;
            (certificate, person::told(&agent, person))
        }
        (None, None) => {
            let old = Machine::read(&agent)?;
            let client = Client::new(&agent, Some(&old))?;
            machine(old.renew(&client)?)
        }
    };
    let until = certificate.not_after().to_string();
    let detail = json!({ "renewal": what.renew, "serial": certificate.serial(), "fingerprint": certificate.fingerprint().to_string(),
        "until": until, "subject": certificate.subject().to_string() });
    store.begin(&ctx.person.clone().unwrap_or_else(packs::who), "enroll", &detail)?.commit()?;
    Ok(vec![told.with("until", ctx.time(&until))])
}

fn machine(machine: Machine) -> (Certificate, Finding) {
    let told = Finding::note("machine-enrolled").at(machine.path.display().to_string());
    (machine.certificate, told)
}
