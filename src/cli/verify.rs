/*! `taizhang verify` and `taizhang prove`: what a package, a receipt or a disclosed voucher is worth, without the state or the network. */

use std::{
    fs,
    ops::ControlFlow,
    path::{Path, PathBuf},
};

use model::{Finding, Period};
use seal::{Demands, Limits, Moment, Package, Received, Trust, Verdict, Verification, VoucherProof};
use survey::filing::{Evidence, Identity};

use super::Ctx;
use crate::{
    books, measures,
    output::{self, Table},
    report::Failure,
    sheet, signing,
};

/// What is checked.
#[derive(clap::Args)]
pub struct Verify {
    /// 报送包或回执 .asice Package or receipt
    #[arg(required_unless_present = "proof")]
    file: Option<PathBuf>,
    /// 公布的根证书：文件或文件夹 Published root certificates: a file or a folder; [signing] roots where absent
    #[arg(long)]
    roots: Option<PathBuf>,
    /// 凭证证明，不看其余凭证 Proof of a disclosed voucher
    #[arg(long, conflicts_with = "file")]
    proof: Option<PathBuf>,
    /// 与证明对照的报送包 Package whose evidence the proof must lead to
    #[arg(long, requires = "proof")]
    package: Option<PathBuf>,
}

/// Which voucher is proved against which package.
#[derive(clap::Args)]
pub struct Prove {
    /// 凭证：ERP 的键，或凭证号 The voucher's key in the ERP, or its number
    #[arg(long)]
    voucher: String,
    /// 报送包 The package it was submitted in
    #[arg(long)]
    package: PathBuf,
    /// 期间，凭证号不止一个期间有时给 YYYY-MM Its period, where several have that number
    #[arg(long)]
    period: Option<Period>,
    /// 证明写到哪里 File of the proof
    #[arg(long)]
    out: PathBuf,
}

fn bytes(path: &Path) -> Result<Vec<u8>, Failure> {
    fs::read(path).map_err(|error| Failure::config(Finding::io(path, &error)))
}

/// Ends in one line: valid, or why not.
pub fn verify(ctx: &Ctx, what: &Verify) -> Result<Vec<Finding>, Failure> {
    if let Some(proof) = &what.proof {
        return disclosed(ctx, what, proof);
    }
    let Some(path) = &what.file else { return Ok(Vec::new()) };
    let place = path.display().to_string();
    let raw = bytes(path)?;
    let trust = trust(ctx, what)?;
    let package = Package::read(&raw, Limits::default()).map_err(|finding| invalid(ctx, &place, vec![finding]))?;
    if package.payload().get("receipt.json").is_some() {
        let received = Received::read(&raw, Limits::default()).map_err(|finding| invalid(ctx, &place, vec![finding]))?;
        let verification = received.verify(&trust);
        if verification.is_valid() && ctx.people() {
            verdict(ctx, &received)?;
        }
        return judged(ctx, (&place, Some(&received)), &verification);
    }
    let verification = signed(&package, &trust).map_err(|finding| invalid(ctx, &place, vec![finding]))?;
    judged(ctx, (&place, None), &verification)
}

/// Whom to believe. Roots given here need no configuration beside them.
fn trust(ctx: &Ctx, what: &Verify) -> Result<Trust, Failure> {
    let missing = || Failure::config(Finding::error("roots-missing").at("--roots"));
    let roots = match &what.roots {
        Some(roots) => roots.clone(),
        None => {
            let agent = ctx.agent().map_err(|_| missing())?;
            agent.signing.roots.as_ref().map(|roots| agent.folder().join(roots)).ok_or_else(missing)?
        }
    };
    signing::trust(&roots, Moment::Signed(signing::now()?))
}

/// What a report's package is worth: every role that a report has, of the unit that it names.
fn signed(package: &Package, trust: &Trust) -> Result<Verification, Finding> {
    let identity: Identity = payload(package, "identity.json")?;
    let roles = vec![seal::Role::Preparer, seal::Role::StatisticsHead, seal::Role::UnitHead];
    Ok(package.verify(trust, &Demands { unit: Some(identity.unit.code.clone()), roles }))
}

/// What programs read of a file that was looked at: one row, or one for each signature that holds.
const CHECKED: [&str; 10] = ["file", "kind", "result", "sha256", "verdict", "role", "signed", "by", "at", "algorithm"];

/// What a receipt that holds says. A refusal is one, too.
pub fn verdict(ctx: &Ctx, received: &Received) -> Result<(), Failure> {
    let receipt = &received.receipt;
    let forms: Vec<String> = receipt.forms.iter().map(|form| format!("{} {}", form.form, form.period)).collect();
    if !ctx.people() {
        let reasons: Vec<&str> = receipt.reasons.iter().map(|reason| &*reason.code).collect();
        let name = decision(receipt.verdict).to_owned();
        let (at, payload) = (receipt.received.to_string(), receipt.payload.to_string());
        let row =
            vec![name, at, receipt.receiver.1.clone(), forms.join(" "), receipt.test.to_string(), payload, reasons.join(" ")];
        let columns = &["verdict", "at", "receiver", "forms", "trial", "payload", "reasons"];
        return Table { columns, numbers: &[], rows: vec![row] }.write(ctx.format, ctx.lang);
    }
    let word = if receipt.verdict == Verdict::Received { "verdict-received" } else { "verdict-refused" };
    let (word, at) = (output::label(ctx.lang, word), ctx.time(&receipt.received.to_string()));
    let mut text = format!("{word}  {at}  {}  {}  SHA-256 {}\n", receipt.receiver.1, forms.join(", "), receipt.payload);
    for reason in &receipt.reasons {
        text += &format!("  [{}] {}\n", reason.code, ui::text(ctx.lang, &reason.code, &reason.arguments));
    }
    output::say(&text)
}

const fn decision(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Received => "received",
        Verdict::Refused => "refused",
    }
}

/// A file of a report's package, read.
fn payload<T: serde::de::DeserializeOwned>(package: &Package, name: &'static str) -> Result<T, Finding> {
    let files = package.payload();
    let missing = || match files.get("receipt.json") {
        Some(_) => Finding::error("package-is-receipt"),
        None => Finding::error("payload-file-missing").with("file", name),
    };
    serde_json::from_slice(files.get(name).ok_or_else(missing)?)
        .map_err(|error| Finding::error("payload-unreadable").at(name).with("reason", error))
}

/// The reasons, and the one line that counts.
fn judged(ctx: &Ctx, (place, receipt): (&str, Option<&Received>), verification: &Verification) -> Result<Vec<Finding>, Failure> {
    if !verification.is_valid() {
        return Err(invalid(ctx, place, verification.findings.clone()));
    }
    if !ctx.people() {
        let kind = if receipt.is_some() { "receipt" } else { "package" };
        let verdict = receipt.map_or("", |received| decision(received.receipt.verdict));
        let row = |signed: &seal::Signed| {
            let how = if signed.scan.is_some() { "on-paper" } else { "by-key" };
            let (digest, at) = (verification.digest.to_string(), signed.at.to_string());
            let words = [place, kind, "valid", &digest, verdict, signed.role.id(), how, &signed.by.to_string(), &at];
            [&words[..], &[signed.algorithm.name()]].concat().into_iter().map(str::to_owned).collect()
        };
        let rows = verification.signatures.iter().map(row).collect();
        Table { columns: &CHECKED, numbers: &[], rows }.write(ctx.format, ctx.lang)?;
        return Ok(Vec::new());
    }
    let mut text = String::new();
    for signed in &verification.signatures {
        let role = output::label(ctx.lang, &format!("role-{}", signed.role.id()));
        let how = if signed.scan.is_some() { "signed-on-paper" } else { "signed-by" };
        let how = output::label(ctx.lang, how);
        text += &format!("{role}  {how} {}  {}  {}\n", signed.by, ctx.time(&signed.at.to_string()), signed.algorithm.name());
    }
    let word = output::label(ctx.lang, "valid");
    output::say(&format!("{text}{word}  {place}  SHA-256 {}\n", verification.digest))?;
    Ok(Vec::new())
}

/// The line says that it is not valid; the findings on stderr say why.
fn invalid(ctx: &Ctx, place: &str, findings: Vec<Finding>) -> Failure {
    let why = findings.first().map(|finding| ui::text(ctx.lang, &finding.code, &finding.arguments)).unwrap_or_default();
    let word = output::label(ctx.lang, "invalid");
    let findings = findings.into_iter().map(|finding| match finding.place.is_empty() {
        true => finding.at(place),
        false => Finding { place: format!("{place}, {}", finding.place), ..finding },
    });
    let findings: Vec<Finding> = findings.collect();
    if !ctx.people() {
        let mut row = vec![String::new(); CHECKED.len()];
        (row[0], row[2]) = (place.to_owned(), "invalid".to_owned());
        return match (Table { columns: &CHECKED, numbers: &[], rows: vec![row] }).write(ctx.format, ctx.lang) {
            Ok(()) => Failure::findings(findings),
            Err(failure) => failure,
        };
    }
    match output::say(&format!("{word}  {place}  {why}\n")) {
        Ok(()) => Failure::findings(findings),
        Err(failure) => failure,
    }
}

/// A voucher that was disclosed: its lines lead to the root, the root is the package's, and people signed that package.
fn disclosed(ctx: &Ctx, what: &Verify, path: &Path) -> Result<Vec<Finding>, Failure> {
    let place = path.display().to_string();
    let wrong = |finding: Finding| invalid(ctx, &place, vec![finding]);
    let proof = VoucherProof::from_bytes(&bytes(path)?).map_err(wrong)?;
    proof.verify().map_err(wrong)?;
    let mut findings = Vec::new();
    match &what.package {
        Some(file) => {
            let package = Package::read(&bytes(file)?, Limits::default()).map_err(wrong)?;
            let known: Evidence = payload(&package, "evidence.json").map_err(wrong)?;
            let named = |book: &str, period: &str, root: &str| {
                book == proof.book && period == proof.period && root == proof.root.to_string()
            };
            let there = known.books.iter().any(|book| book.periods.iter().any(|one| named(&book.book, &one.period, &one.root)));
            if package.digest() != proof.payload || !there {
                return Err(wrong(Finding::error("voucher-proof-other-package").with("digest", proof.payload)));
            }
            // Anybody can write a package; what it says counts when people of the unit have signed it.
            let mut unsigned = signed(&package, &trust(ctx, what)?).map_err(wrong)?.findings;
            for finding in &mut unsigned {
                let role = std::mem::take(&mut finding.place);
                finding.place = if role.is_empty() { file.display().to_string() } else { format!("{}, {role}", file.display()) };
            }
            if !unsigned.is_empty() {
                return Err(invalid(ctx, &place, unsigned));
            }
        }
        None => findings.push(Finding::note("proof-without-package").at(&place).with("digest", proof.payload)),
    }
    let word = output::label(ctx.lang, "valid");
    let number = proof.lines.first().and_then(|line| line["number"].as_str()).unwrap_or_default();
    if !ctx.people() {
        let columns = &["file", "kind", "result", "book", "period", "number", "root", "payload"];
        let (root, payload) = (proof.root.to_string(), proof.payload.to_string());
        let row = [&place, "proof", "valid", &proof.book, &proof.period, number, &root, &payload].map(str::to_owned).to_vec();
        Table { columns, numbers: &[], rows: vec![row] }.write(ctx.format, ctx.lang)?;
        return Ok(findings);
    }
    output::say(&format!("{word}  {place}  {} {} {number}  root {}\n", proof.book, proof.period, proof.root))?;
    Ok(findings)
}

/// Writes the proof that a voucher is in the evidence that a package names. Of the other vouchers it shows nothing but hashes.
pub fn prove(ctx: &Ctx, what: &Prove) -> Result<Vec<Finding>, Failure> {
    let (_, store) = ctx.open()?;
    let place = what.package.display().to_string();
    let at = |finding: Finding| Failure::findings(vec![finding.at(&place)]);
    let package = Package::read(&bytes(&what.package)?, Limits::default()).map_err(at)?;
    let named: Evidence = payload(&package, "evidence.json").map_err(at)?;
    let mut found = Vec::new();
    // Measures are sealed beside a book, row by row: there is no voucher among them.
    for book in named.books.iter().filter(|book| !measures::sealed_under(&book.book)) {
        let folder = store.snapshots(&book.book)?;
        for one in &book.periods {
            let Ok(period) = one.period.parse::<Period>() else { continue };
            if what.period.is_some_and(|wanted| wanted != period) {
                continue;
            }
            let seals = store.seals_of(&book.book, period)?;
            let Some(seal) = seals.iter().rev().find(|seal| seal.root == one.root) else { continue };
            if seal.file.is_none() {
                continue;
            }
            let path = journal::entries_path(&folder, period, books::digest(seal)?);
            if !path.exists() {
                continue;
            }
            let mut keys = std::collections::BTreeMap::new();
            journal::read_entries(&path, |entry| {
                if entry.voucher() == what.voucher || entry.number() == what.voucher {
                    keys.insert(entry.voucher().to_owned(), entry.number().to_owned());
                }
                ControlFlow::Continue(())
            })?;
            // Within one period a key is one voucher, whoever has it as a number.
            if what.period.is_some() && keys.contains_key(&what.voucher) {
                keys.retain(|key, _| *key == what.voucher);
            }
            found.extend(keys.into_iter().map(|(key, number)| (book.book.clone(), period, path.clone(), key, number)));
        }
    }
    let (book, period, path, key) = match found.as_slice() {
        [(book, period, path, key, _)] => (book.clone(), *period, path.clone(), key.clone()),
        [] => return Err(at(Finding::error("voucher-missing").with("voucher", &what.voucher))),
        several => {
            let list: Vec<String> =
                several.iter().map(|(book, period, _, key, number)| format!("{book} {period} {number} (key {key})")).collect();
            return Err(at(Finding::error("voucher-unclear").with("voucher", &what.voucher).with("known", list.join("; "))));
        }
    };
    let proven = journal::prove(&path, period, &key)?;
    let Some(proven) = proven else { return Err(at(Finding::error("voucher-missing").with("voucher", &what.voucher))) };
    let lines = proven.lines.iter().map(|entry| {
        let texts = std::array::from_fn(|at| entry.texts[at].as_deref());
        seal::voucher::shown(texts, entry.amounts)
    });
    let (payload, period) = (package.digest(), period.to_string());
    let proof = VoucherProof { payload, book, period, root: proven.root, path: proven.path, lines: lines.collect() };
    sheet::save(&what.out, &proof.to_bytes().map_err(Failure::source)?)?;
    output::say(&format!("{}\n", what.out.display()))?;
    Ok(Vec::new())
}
