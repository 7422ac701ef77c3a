/*!
`log verify`: that nothing of the state was changed or taken away. `log list`: what happened. `log checkpoint`: what to keep elsewhere, because a log that
was cut off together with all that belongs to the end of it is whole for whoever sees nothing but the log.
*/

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use clap::Subcommand;
use model::Finding;
use seal::{Certificate, Checkpoint, Digest, Limits, Moment, Note, Received, Trust};

use super::{Ctx, output};
use crate::{
    check, clock,
    events::Event,
    failure::Failure,
    store::{Log, Store},
};

/// What to do with the log.
#[derive(Subcommand)]
pub enum What {
    /// 验证日志和库里的每一行：名录、证书、收下的包、回执、消息、制度包 Verifies the log and every row of the state
    Verify {
        /// 另行保存的检查点或企业手里的回执，日志要是它的延续；可以重复 Checkpoint that was kept elsewhere, or a receipt that a unit has: the log must extend it
        #[arg(long, value_name = "FILE")]
        checkpoint: Vec<PathBuf>,
    },
    /// 写出最新的检查点，存到别处 The newest checkpoint, to be kept elsewhere
    Checkpoint,
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
        What::Verify { checkpoint } => verify(ctx, checkpoint),
        What::Checkpoint => newest(ctx),
        What::List { unit, after } => list(ctx, unit, *after),
    }
}

fn verify(ctx: &Ctx, outside: &[PathBuf]) -> Result<Vec<Finding>, Failure> {
    let (config, store) = ctx.open()?;
    let certificates = |name: &str| {
        let path = config.keys.join(name);
        let pem = std::fs::read_to_string(&path).map_err(|error| Failure::config(Finding::io(&path, &error)))?;
        Certificate::from_pem(&pem).map_err(Failure::config)
    };
    let trust = Trust { roots: certificates("authority.pem")?, revoked: Vec::new(), moment: Moment::Signed(clock::now()) };
    let receiver = certificates("receiver.pem")?;
    let mut checked = check::check(&store, &trust, &receiver, &config.origin())?;
    let mut held = Vec::new();
    for path in outside {
        match extends(&store, path, &trust, &receiver, &config.origin())? {
            Ok(finding) => held.push(finding),
            Err(finding) => checked.findings.push(finding.at(path.display().to_string())),
        }
    }
    if !checked.findings.is_empty() {
        return Err(Failure::findings(checked.findings));
    }
    let told = Finding::note("bureau-log-holds").with("entries", checked.entries).with("checkpoints", checked.checkpoints);
    held.push(told.with("receipts", checked.receipts).with("packages", checked.packages));
    if checked.archived > 0 {
        held.push(Finding::warning("objects-archived").with("packages", checked.archived));
    }
    Ok(held)
}

/// Whether the log is that of a checkpoint which somebody else has kept, and of all that came after it. The hashes of its subtrees have been compared
/// with its entries before.
fn extends(
    store: &Store,
    path: &Path,
    trust: &Trust,
    receiver: &[Certificate],
    origin: &str,
) -> Result<Result<Finding, Finding>, Failure> {
    let bytes = fs::read(path).map_err(|error| Failure::config(Finding::io(path, &error)))?;
    let known = match kept(&bytes, trust, receiver) {
        Ok(known) => known,
        Err(finding) => return Ok(Err(finding)),
    };
    if known.origin != origin {
        let finding = Finding::error("checkpoint-of-another-log").with("origin", known.origin);
        return Ok(Err(finding.with("wanted", origin)));
    }
    let (size, root) = store.read(|connection| {
        let log = Log::open(connection)?;
        let root = if known.size > log.size() { None } else { Some(log.root(known.size)?) };
        Ok((log.size(), root))
    })?;
    let told = |finding: Finding| finding.with("size", known.size).with("now", size);
    Ok(match root {
        None => Err(told(Finding::error("bureau-log-cut"))),
        Some(root) if root != known.root => Err(told(Finding::error("bureau-log-rewritten"))),
        Some(_) => Ok(told(Finding::note("bureau-log-extends").at(path.display().to_string()))),
    })
}

/// What a file says of the log: a checkpoint of this receiver, or the one under a receipt of it.
fn kept(bytes: &[u8], trust: &Trust, receiver: &[Certificate]) -> Result<Checkpoint, Finding> {
    if bytes.starts_with(b"PK") {
        let received = Received::read(bytes, Limits::default())?;
        return match received.verify(trust).findings.into_iter().next() {
            Some(finding) => Err(finding),
            None => received.proof.note.checkpoint(),
        };
    }
    let note = Note::parse(&String::from_utf8_lossy(bytes))?;
    let checkpoint = note.checkpoint()?;
    let mut wrong = None;
    for certificate in receiver {
        match note.verify(&checkpoint.origin, certificate.public_key()) {
            Ok(()) => return Ok(checkpoint),
            Err(finding) => wrong = Some(finding),
        }
    }
    Err(wrong.unwrap_or_else(|| Finding::error("checkpoint-unsigned").with("name", checkpoint.origin)))
}

fn newest(ctx: &Ctx) -> Result<Vec<Finding>, Failure> {
    let (config, store) = ctx.open()?;
    let note = match store.read(Log::checkpoint)? {
        Some((_, note)) => note,
        // A log without an entry has a checkpoint too.
        None => {
            let empty = Checkpoint { origin: config.origin(), size: 0, root: Digest::of(b"") };
            empty.sign(&ctx.office()?.keys().signer())?.to_string()
        }
    };
    output::say(&note)?;
    Ok(Vec::new())
}

fn list(ctx: &Ctx, unit: &str, after: u64) -> Result<Vec<Finding>, Failure> {
    let (_, store) = ctx.open()?;
    let (mut rows, mut owners) = (Vec::new(), BTreeMap::new());
    store.read(|connection| {
        Log::entries(connection, |entry| {
            let Some(mut event) = Event::of(&entry) else { return Ok(()) };
            let serial = event.about.split(' ').next().unwrap_or_default().to_owned();
            match event.kind.as_str() {
                // A certificate's number says whose it is.
                "certificate" => drop(owners.insert(serial, event.unit.clone())),
                "enrolled" | "revocation" => event.unit = owners.get(&serial).cloned().unwrap_or_default(),
                _ => {}
            }
            let number = entry.leaf + 1;
            if number > after && (unit.is_empty() || unit == event.unit) {
                let about = if ctx.format == output::Format::Table { event.shown(ctx.lang) } else { event.about };
                let Event { at, kind, unit, by, .. } = event;
                rows.push(vec![number.to_string(), at, ctx.word("event", &kind), unit, about, by]);
            }
            Ok(())
        })
    })?;
    output::rows(ctx.format, ctx.lang, &["entry", "at", "event", "unit", "about", "by"], &rows)?;
    Ok(Vec::new())
}
