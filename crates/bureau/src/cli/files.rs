//! `import`, `export`, `verify` and `reports`.

use std::{
    fs,
    path::{Path, PathBuf},
};

use clap::Args;
use model::{Finding, Level};
use seal::{Certificate, Demands, Limits, Moment, Package, Received, Trust};

use super::{Ctx, output};
use crate::{
    clock,
    failure::Failure,
    keys::keep,
    office::Office,
    receive::{self, Arrived, Receiving},
    store::{Blob, Issued, Known, Refused, Report, Signing, Taken, commit},
};

/// Ending of containers.
const ENDING: &str = "asice";

/// What is imported.
#[derive(Args)]
pub struct Import {
    /// 报送包 The package
    file: PathBuf,
    /// 回执写到哪里；不写则在旁边 Where the receipt goes; beside the package where absent
    #[arg(long)]
    receipt: Option<PathBuf>,
}

/// Bytes of a file that is not too large.
fn bytes(path: &Path, most: usize) -> Result<Vec<u8>, Failure> {
    use std::io::Read;
    let mut bytes = Vec::new();
    let failed = |error: std::io::Error| Failure::config(Finding::io(path, &error));
    fs::File::open(path).map_err(failed)?.take(most as u64 + 1).read_to_end(&mut bytes).map_err(failed)?;
    Ok(bytes)
}

pub fn import(ctx: &Ctx, what: &Import) -> Result<Vec<Finding>, Failure> {
    let office = Office::open(ctx.config()?)?;
    let package = bytes(&what.file, office.config().receive.package_max)?;
    let beside = |ending: &str| PathBuf::from(format!("{}.{ending}", what.file.display()));
    let agent = fs::read_to_string(beside("checkpoint")).ok();
    // The agent's checkpoint is signed by a machine of the unit; which one is found by trying.
    let unit = Package::read(&package, Limits::default()).ok().and_then(|package| {
        let identity: serde_json::Value = serde_json::from_slice(package.payload().get("identity.json")?).ok()?;
        identity["unit"]["code"].as_str().map(str::to_owned)
    });
    let unit = unit.unwrap_or_default();
    let machines = office.store().read(|connection| {
        let issued = Issued::all(connection, &unit)?;
        let machines = issued.iter().filter(|issued| issued.unit == unit && issued.person.is_empty() && issued.revoked.is_none());
        machines.map(|issued| Issued::bytes(connection, &issued.serial)).collect::<rusqlite::Result<Vec<_>>>()
    })?;
    let machines = machines.iter().flatten().filter_map(|der| Certificate::from_der(der).ok()).collect();
    let arrived =
        Arrived { bytes: &package, unit: None, machines, connection: Vec::new(), agent: agent.as_deref(), at: clock::now() };
    let judged = receive::judge(&office, &arrived)?;
    let (task, mut answer) = Receiving::new(std::sync::Arc::clone(&office), judged, package.clone());
    let notary = Signing { origin: office.config().origin(), signer: office.keys().signer() };
    commit(&mut office.store().writing()?, &notary, vec![Box::new(task)]);
    let lost = |reason: String| Failure::source(Finding::error("state-refused").with("reason", reason));
    let receipt = match answer.try_recv() {
        Ok(Ok(receipt)) => receipt,
        Ok(Err(Refused::State(reason))) => return Err(lost(reason)),
        Ok(Err(Refused::Finding(finding))) => return Err(Failure::source(finding)),
        Err(error) => return Err(lost(error.to_string())),
    };
    let path = what.receipt.clone().unwrap_or_else(|| beside(&format!("receipt.{ENDING}")));
    // The same package again writes the same receipt.
    if fs::read(&path).ok().as_ref() != Some(&receipt.receipt) {
        keep(&path, &receipt.receipt, 0o644)?;
    }
    let read = Received::read(&receipt.receipt, Limits::default())?;
    let place = what.file.display().to_string();
    let mut findings: Vec<Finding> = read.receipt.reasons;
    let payload = read.receipt.payload;
    if receipt.accepted {
        let code = if receipt.new { Finding::note("package-received") } else { Finding::note("package-received-before") };
        findings.push(code.at(place).with("payload", payload).with("receipt", path.display()));
        return Ok(findings);
    }
    findings.push(Finding::error("package-refused").at(place).with("payload", payload).with("receipt", path.display()));
    Err(Failure::findings(findings))
}

/// What is exported.
#[derive(Args)]
pub struct Export {
    /// 文件夹 The folder
    dir: PathBuf,
    /// 只要这个单位 Only of this unit
    #[arg(long)]
    unit: Option<String>,
}

pub fn export(ctx: &Ctx, what: &Export) -> Result<Vec<Finding>, Failure> {
    let (_, store) = ctx.open()?;
    let packages = store.read(Taken::all)?;
    let mut count = 0_usize;
    for package in packages.iter().filter(|package| what.unit.as_ref().is_none_or(|unit| *unit == package.unit)) {
        let (bytes, receipt) = store.read(|connection| {
            let receipt = Known::of_payload(connection, &package.payload, &package.unit)?;
            Ok((Blob::get(connection, &package.content)?, receipt))
        })?;
        let folder = what.dir.join(&package.unit);
        fs::create_dir_all(&folder).map_err(|error| Failure::source(Finding::io(&folder, &error)))?;
        let files = [("", bytes), ("receipt.", receipt.map(|receipt| receipt.receipt))];
        for (kind, bytes) in files {
            let path = folder.join(format!("{}.{kind}{ENDING}", package.payload));
            let Some(bytes) = bytes else {
                return Err(Failure::source(
                    Finding::error("file-damaged").at(path.display().to_string()).with("reason", "blob"),
                ));
            };
            if fs::read(&path).ok().as_ref() != Some(&bytes) {
                keep(&path, &bytes, 0o644)?;
            }
        }
        count += 1;
    }
    Ok(vec![Finding::note("packages-exported").at(what.dir.display().to_string()).with("packages", count)])
}

/// What is verified.
#[derive(Args)]
pub struct Verify {
    /// 报送包或回执 A package or a receipt
    file: PathBuf,
    /// 信任的证书；不写则用配置的颁证机构 Certificates to trust; the configuration's authority where absent
    #[arg(long)]
    authority: Option<PathBuf>,
}

pub fn verify(ctx: &Ctx, what: &Verify) -> Result<Vec<Finding>, Failure> {
    let path = match &what.authority {
        Some(path) => path.clone(),
        None => ctx.config()?.keys.join("authority.pem"),
    };
    let pem = fs::read_to_string(&path).map_err(|error| Failure::config(Finding::io(&path, &error)))?;
    let roots = Certificate::from_pem(&pem).map_err(Failure::config)?;
    let trust = Trust { roots, revoked: Vec::new(), moment: Moment::Signed(clock::now()) };
    let place = what.file.display().to_string();
    let bytes = bytes(&what.file, Limits::default().bytes)?;
    let verification = match Received::read(&bytes, Limits::default()) {
        Ok(receipt) => receipt.verify(&trust),
        Err(_) => Package::read(&bytes, Limits::default())?.verify(&trust, &Demands::default()),
    };
    let mut findings: Vec<Finding> = verification.findings;
    if findings.iter().any(|finding| finding.level == Level::Error) {
        return Err(Failure::findings(findings));
    }
    let signers = verification.signatures.iter().map(|signed| format!("{} {}", signed.role.title(), signed.by.name));
    let told = Finding::note("container-valid").at(place).with("payload", verification.digest);
    findings.push(told.with("signers", signers.collect::<Vec<_>>().join("、")));
    Ok(findings)
}

/// Which reports.
#[derive(Args)]
pub struct Reports {
    /// 只看这个单位 Only of this unit
    #[arg(long, default_value = "")]
    unit: String,
    /// 只看这张表 Only this form
    #[arg(long, default_value = "")]
    form: String,
    /// 只看这一期 Only this period
    #[arg(long, default_value = "")]
    period: String,
}

pub fn reports(ctx: &Ctx, what: &Reports) -> Result<Vec<Finding>, Failure> {
    let (_, store) = ctx.open()?;
    let found = store.read(|connection| Report::list(connection, &what.unit, &what.form, &what.period))?;
    let rows: Vec<Vec<String>> = found.into_iter().map(|row| row.to_vec()).collect();
    let columns = ["unit", "form", "edition", "period", "version", "trial", "channel", "payload", "at"];
    output::rows(ctx.format, ctx.lang, &columns, &rows)?;
    Ok(Vec::new())
}
