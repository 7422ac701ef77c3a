//! `log verify`: that nothing of the state was changed or taken away. `log list`: what happened.

use std::collections::BTreeMap;

use clap::Subcommand;
use model::Finding;
use seal::{Certificate, Moment, Trust};

use super::{Ctx, output};
use crate::{check, clock, events::Event, failure::Failure, store::Log};

/// What to do with the log.
#[derive(Subcommand)]
pub enum What {
    /// 验证日志和库里的每一行：名录、证书、收下的包、回执、消息、制度包 Verifies the log and every row of the state
    Verify,
    /// 列出发生过的事：名录、代码、证书、吊销、收和不收、消息、制度包 Lists what happened
    List {
        /// 只看这个单位 Only of this unit
        #[arg(long, default_value = "")]
        unit: String,
        /// 从这一条之后 After this entry
        #[arg(long, default_value_t = 0)]
        after: u64,
    },
}

pub fn run(ctx: &Ctx, what: &What) -> Result<Vec<Finding>, Failure> {
    match what {
        What::Verify => verify(ctx),
        What::List { unit, after } => list(ctx, unit, *after),
    }
}

fn verify(ctx: &Ctx) -> Result<Vec<Finding>, Failure> {
    let (config, store) = ctx.open()?;
    let certificates = |name: &str| {
        let path = config.keys.join(name);
        let pem = std::fs::read_to_string(&path).map_err(|error| Failure::config(Finding::io(&path, &error)))?;
        Certificate::from_pem(&pem).map_err(Failure::config)
    };
    let trust = Trust { roots: certificates("authority.pem")?, revoked: Vec::new(), moment: Moment::Signed(clock::now()) };
    let checked = check::check(&store, &trust, &certificates("receiver.pem")?, &config.origin())?;
    if !checked.findings.is_empty() {
        return Err(Failure::findings(checked.findings));
    }
    let told = Finding::note("bureau-log-holds").with("entries", checked.entries).with("checkpoints", checked.checkpoints);
    Ok(vec![told.with("receipts", checked.receipts).with("packages", checked.packages)])
}

fn list(ctx: &Ctx, unit: &str, after: u64) -> Result<Vec<Finding>, Failure> {
    let (_, store) = ctx.open()?;
    let (mut rows, mut owners) = (Vec::new(), BTreeMap::new());
    store.read(|connection| {
        Log::entries(connection, |entry| {
            let Some(mut event) = Event::of(&entry) else { return };
            let serial = event.about.split(' ').next().unwrap_or_default().to_owned();
            match event.kind.as_str() {
                // A certificate's number says whose it is.
                "certificate" => drop(owners.insert(serial, event.unit.clone())),
                "enrolled" | "revocation" => event.unit = owners.get(&serial).cloned().unwrap_or_default(),
                _ => {}
            }
            let number = entry.leaf + 1;
            if number > after && (unit.is_empty() || unit == event.unit) {
                let Event { at, kind, unit, about, by } = event;
                rows.push(vec![number.to_string(), at, ctx.word("event", &kind), unit, about, by]);
            }
        })
    })?;
    output::rows(ctx.format, ctx.lang, &["entry", "at", "event", "unit", "about", "by"], &rows)?;
    Ok(Vec::new())
}
