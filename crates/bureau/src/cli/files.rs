//! `import`, `export`, `verify` and `reports`.

use std::{
    fs,
    path::{Path, PathBuf},
};

use clap::Args;
use model::{Finding, Level, Month};
use seal::{Certificate, Demands, Digest, Digesting, Limits, Moment, Package, Received, Trust, Verdict};

use super::{Ctx, output};
use crate::{
    board, clock, db,
    failure::Failure,
    keys::keep,
    receive::{self, Arrived, Receiving},
    store::{Issued, Known, Refused, Report, Taken, commit},
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
    /// 文件是国家平台的导出表，只读载入 The file is an export of the national platform
    #[arg(long, requires = "form")]
    portal: bool,
    /// 平台导出表的表号 Form of the export
    #[arg(long)]
    form: Option<String>,
    /// 表里没有写报告期的，是哪一期 Period of rows that say none
    #[arg(long)]
    period: Option<Month>,
}

/// Digest and length of a file that is longer than what is read of it.
type Whole = (Digest, u64);

/// Bytes of a file: at most one more than `most`. Of a longer one what the whole is, too.
fn bytes(path: &Path, most: usize) -> Result<(Vec<u8>, Option<Whole>), Failure> {
    use std::io::Read;
    let failed = |error: std::io::Error| Failure::config(Finding::io(path, &error));
    let mut file = fs::File::open(path).map_err(failed)?;
    let mut bytes = Vec::new();
    file.by_ref().take(most as u64 + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() <= most {
        return Ok((bytes, None));
    }
    let (mut digest, mut length) = (Digesting::default(), bytes.len() as u64);
    digest.update(&bytes);
    let mut piece = vec![0; 1 << 16];
    loop {
        let read = file.read(&mut piece).map_err(failed)?;
        if read == 0 {
            return Ok((bytes, Some((digest.finish(), length))));
        }
        digest.update(&piece[..read]);
        length += read as u64;
    }
}

/// Writes a receipt beside its package. What is there stays: another receipt gets the next free name. Gives the name.
fn lay(path: &Path, receipt: &[u8]) -> Result<PathBuf, Failure> {
    let stem = path.display().to_string();
    let stem = stem.strip_suffix(&format!(".{ENDING}")).unwrap_or(&stem);
    for count in 1_u32.. {
        let path = if count == 1 { path.to_owned() } else { PathBuf::from(format!("{stem}-{count}.{ENDING}")) };
        // The same package again writes the same receipt.
        if fs::read(&path).is_ok_and(|known| known == receipt) {
            return Ok(path);
        }
        if !path.exists() {
            keep(&path, receipt, 0o644)?;
            return Ok(path);
        }
    }
    Ok(path.to_owned())
}

pub fn import(ctx: &Ctx, what: &Import) -> Result<Vec<Finding>, Failure> {
    let office = ctx.office()?;
    if let Some(form) = what.form.as_deref().filter(|_| what.portal) {
        let duties = board::Duties::read(office.store(), &ctx.folder())?;
        let reading = board::Reading { path: &what.file, form, period: what.period, who: &ctx.who() };
        return board::import(&office, &duties, &reading);
    }
    let (package, whole) = bytes(&what.file, office.config().receive.package_max)?;
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
        machines.map(|issued| Issued::bytes(connection, &issued.serial)).collect::<db::Result<Vec<_>>>()
    })?;
    let machines = machines.iter().flatten().filter_map(|der| Certificate::from_der(der).ok()).collect();
    let agent = agent.as_deref();
    let arrived = Arrived { bytes: &package, whole, unit: None, machines, connection: Vec::new(), agent, at: clock::now() };
    let judged = receive::judge(&office, &arrived)?;
    receive::keep(&office, &judged, &package)?;
    let (task, mut answer) = Receiving::new(std::sync::Arc::clone(&office), judged, package.clone());
    commit(&office.store().writing()?, &office.notary(), vec![Box::new(task)]);
    let lost = |reason: String| Failure::source(Finding::error("state-refused").with("reason", reason));
    let receipt = match answer.try_recv() {
        Ok(Ok(receipt)) => receipt,
        Ok(Err(Refused::State(reason))) => return Err(lost(reason)),
        Ok(Err(Refused::Finding(finding))) => return Err(Failure::source(finding)),
        Err(error) => return Err(lost(error.to_string())),
    };
    let path = what.receipt.clone().unwrap_or_else(|| beside(&format!("receipt.{ENDING}")));
    let laid = lay(&path, &receipt.receipt);
    let read = Received::read(&receipt.receipt, Limits::default())?;
    let place = what.file.display().to_string();
    let mut findings: Vec<Finding> = read.receipt.reasons;
    let payload = read.receipt.payload;
    let written = laid.as_ref().map_or_else(|_| "—".to_owned(), |path| path.display().to_string());
    let code = match (receipt.accepted, receipt.new) {
        (true, true) => Finding::note("package-received"),
        (true, false) => Finding::note("package-received-before"),
        (false, _) => Finding::error("package-refused"),
    };
    findings.push(code.at(&place).with("payload", payload).with("receipt", written));
    // What became of the package is told whatever became of the file.
    if let Err(failure) = laid {
        findings.extend(failure.findings);
        findings.push(Finding::error("receipt-unwritten").at(path.display().to_string()).with("payload", payload));
        return Err(Failure { exit: failure.exit, findings });
    }
    if receipt.accepted { Ok(findings) } else { Err(Failure::findings(findings)) }
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
        let receipt = store.read(|connection| Known::of_payload(connection, &package.payload, &package.unit))?;
        let bytes = store.object(&package.content)?;
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
    let (bytes, whole) = bytes(&what.file, Limits::default().bytes)?;
    if let Some((_, length)) = whole {
        let finding = Finding::error("container-too-large").at(place).with("bytes", length);
        return Err(Failure::findings(vec![finding.with("limit", Limits::default().bytes)]));
    }
    let received = Received::read(&bytes, Limits::default()).ok();
    let verification = match &received {
        Some(receipt) => receipt.verify(&trust),
        None => Package::read(&bytes, Limits::default())?.verify(&trust, &Demands::default()),
    };
    let mut findings: Vec<Finding> = verification.findings;
    if findings.iter().any(|finding| finding.level == Level::Error) {
        return Err(Failure::findings(findings));
    }
    let signers = verification.signatures.iter().map(|signed| match &signed.scan {
        None => format!("{} {}", signed.role.title(), signed.by.name),
        // The certificate is that of whoever attests the scan, and not of the hand that signed.
        Some(_) => {
            let none: [(&str, &str); 0] = [];
            format!("{}（{} {}）", signed.role.title(), ui::text(ctx.lang, "label-signed-on-paper", &none), signed.by.name)
        }
    });
    let signers = signers.collect::<Vec<_>>().join("、");
    let Some(Received { receipt, .. }) = received else {
        let told = Finding::note("container-valid").at(place).with("payload", verification.digest);
        findings.push(told.with("signers", signers));
        return Ok(findings);
    };
    // A refusal that holds is no error of the receipt; why the package was refused is what it says.
    findings.extend(receipt.reasons.into_iter().map(|reason| Finding { level: reason.level.min(Level::Warning), ..reason }));
    let verdict = if receipt.verdict == Verdict::Received { "received" } else { "refused" };
    let told = Finding::note("receipt-valid").at(place).with("verdict", verdict).with("payload", receipt.payload);
    let told = told.with("package", receipt.package).with("unit", receipt.unit).with("at", receipt.received);
    findings.push(told.with("signers", signers));
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
    #[arg(long)]
    period: Option<Month>,
}

pub fn reports(ctx: &Ctx, what: &Reports) -> Result<Vec<Finding>, Failure> {
    let (_, store) = ctx.open()?;
    let period = what.period.map_or_else(String::new, |month| month.to_string());
    let found = store.read(|connection| Report::list(connection, &what.unit, &what.form, &period))?;
    let columns = ["unit", "form", "edition", "period", "version", "trial", "channel", "payload", "at"];
    let rows: Vec<Vec<String>> = found
        .into_iter()
        .map(|mut row| {
            (row[5], row[6]) = (ctx.whether(&row[5]), ctx.word("channel", &row[6]));
            row.to_vec()
        })
        .collect();
    output::rows(ctx.format, ctx.lang, &columns, &rows)?;
    Ok(Vec::new())
}

/// Which refusals.
#[derive(Args)]
pub struct Refusals {
    /// 只看这个单位 Only of this unit
    #[arg(long, default_value = "")]
    unit: String,
    /// 把这些回执写进文件夹 Writes their receipts into a folder
    #[arg(long)]
    to: Option<PathBuf>,
}

pub fn refusals(ctx: &Ctx, what: &Refusals) -> Result<Vec<Finding>, Failure> {
    let (_, store) = ctx.open()?;
    let (mut rows, mut receipts) = (Vec::new(), Vec::new());
    store.read(|connection| {
        Known::each(connection, |[unit, payload, content, at, _], _, accepted, receipt| {
            if accepted != 0 || !(what.unit.is_empty() || what.unit == unit) {
                return;
            }
            let read = Received::read(&receipt, Limits::default()).ok().map(|read| read.receipt);
            let forms = read.iter().flat_map(|receipt| &receipt.forms).map(|form| format!("{} {}", form.form, form.period));
            let forms = forms.collect::<Vec<_>>().join("; ");
            let reasons = read.iter().flat_map(|receipt| &receipt.reasons).filter(|reason| reason.level == Level::Error);
            let reasons: Vec<String> =
                reasons.map(|reason| format!("{} {}", reason.code, reason.place).trim().to_owned()).collect();
            rows.push(vec![at, unit, forms, reasons.join("; "), payload, content.clone()]);
            receipts.push((content, receipt));
        })
    })?;
    if let Some(folder) = &what.to {
        fs::create_dir_all(folder).map_err(|error| Failure::source(Finding::io(folder, &error)))?;
        for (content, receipt) in &receipts {
            lay(&folder.join(format!("{content}.receipt.{ENDING}")), receipt)?;
        }
    }
    output::rows(ctx.format, ctx.lang, &["at", "unit", "forms", "reasons", "payload", "package"], &rows)?;
    Ok(Vec::new())
}
