//! `enroll`, `certificates` and `revoke`.

use std::{
    fs,
    path::{Path, PathBuf},
};

use clap::Args;
use model::Finding;
use seal::{Request, Role};

use super::{Ctx, output};
use crate::{
    clock, enrol,
    failure::Failure,
    keys::keep,
    office::Office,
    store::{Issued, Unit},
};

/// For whom a code is made.
#[derive(Args)]
pub struct Enroll {
    /// 统一社会信用代码 The unit's code
    unit: String,
    /// 人员姓名；不写则是单位的台账程序 Name of the person; the unit's machine where absent
    #[arg(long)]
    person: Option<String>,
    /// 角色 Roles of the person: preparer, statistician, finance, head
    #[arg(long = "role")]
    roles: Vec<String>,
    /// 有效小时 Hours that the code holds
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    hours: Option<u32>,
    /// 带来的证书申请 .csr：直接签发，不发代码 A request that was carried here: its certificate is issued at once, without a code
    #[arg(long, value_name = "FILE", conflicts_with = "hours")]
    csr: Option<PathBuf>,
    /// 证书写到哪里；不写则在申请旁边 Where its certificate goes; beside the request where absent
    #[arg(long, value_name = "FILE", requires = "csr")]
    out: Option<PathBuf>,
}

pub fn enroll(ctx: &Ctx, what: &Enroll) -> Result<Vec<Finding>, Failure> {
    let office = ctx.office()?;
    let known = office.store().read(|connection| Unit::find(connection, &what.unit))?;
    let Some(unit) = known else {
        return Err(Failure::config(Finding::error("bureau-unit-unknown").with("unit", &what.unit)));
    };
    let mut roles = Vec::new();
    for name in &what.roles {
        let role = Role::from_id(name).or(Role::from_title(name)).filter(|role| role.signs_off());
        roles.push(role.ok_or_else(|| {
            let known: Vec<&str> = Role::ALL.iter().filter(|role| role.signs_off()).map(|role| role.id()).collect();
            Failure::config(Finding::error("role-unknown").with("role", name).with("known", known.join(", ")))
        })?);
    }
    let person = what.person.as_deref().unwrap_or_default();
    if person.is_empty() != roles.is_empty() {
        return Err(Failure::config(Finding::error("enroll-person-unclear")));
    }
    if let Some(csr) = &what.csr {
        return carried(ctx, &office, &unit, (person, &roles), csr, what.out.as_deref());
    }
    let hours = what.hours.unwrap_or(office.config().certificates.code_hours);
    let (code, expires) = enrol::invite(&office, &what.unit, person, &roles, hours, &ctx.who())?;
    let row = vec![what.unit.clone(), unit.name, person.to_owned(), ctx.roles(&ids(&roles)), code, expires];
    output::rows(ctx.format, ctx.lang, &["unit", "unit_name", "person", "roles", "code", "expires"], &[row])?;
    Ok(vec![Finding::note("enroll-code-made")])
}

fn ids(roles: &[Role]) -> Vec<String> {
    roles.iter().map(|role| role.id().to_owned()).collect()
}

/// Issues the certificate of a request that somebody brought.
fn carried(
    ctx: &Ctx,
    office: &Office,
    unit: &Unit,
    (person, roles): (&str, &[Role]),
    csr: &Path,
    out: Option<&Path>,
) -> Result<Vec<Finding>, Failure> {
    let bytes = fs::read(csr).map_err(|error| Failure::config(Finding::io(csr, &error)))?;
    let read = std::str::from_utf8(&bytes).ok().filter(|text| text.contains("-----BEGIN")).map(Request::from_pem);
    let place = csr.display().to_string();
    let at = |finding: Finding| Failure::findings(vec![finding.at(&place)]);
    let request = read.unwrap_or_else(|| Request::from_der(&bytes)).map_err(at)?;
    let out = out.map_or_else(|| csr.with_extension("crt"), Path::to_owned);
    // What is there stays, and that is known before a certificate is issued.
    if out.exists() {
        return Err(Failure::config(Finding::error("bureau-file-exists").at(out.display().to_string())));
    }
    let certificate = enrol::carried(office, unit, (person, roles), &request, &ctx.who())?;
    keep(&out, certificate.to_pem()?.as_bytes(), 0o644)?;
    let row = vec![
        certificate.serial(),
        unit.code.clone(),
        person.to_owned(),
        ctx.roles(&ids(roles)),
        certificate.not_after().to_string(),
    ];
    output::rows(ctx.format, ctx.lang, &["serial", "unit", "person", "roles", "until"], &[row])?;
    Ok(vec![Finding::note("certificate-issued").at(out.display().to_string()).with("subject", certificate.subject())])
}

/// Whose certificates.
#[derive(Args)]
pub struct Certificates {
    /// 只看这个单位 Only of this unit
    #[arg(long, default_value = "")]
    unit: String,
}

pub fn certificates(ctx: &Ctx, what: &Certificates) -> Result<Vec<Finding>, Failure> {
    let (_, store) = ctx.open()?;
    let all = store.read(|connection| Issued::all(connection, &what.unit))?;
    let row = |issued: Issued| {
        let Issued { serial, unit, person, roles, until, revoked } = issued;
        vec![serial, unit, person, ctx.roles(&roles), until, revoked.unwrap_or_default()]
    };
    let rows: Vec<Vec<String>> = all.into_iter().map(row).collect();
    output::rows(ctx.format, ctx.lang, &["serial", "unit", "person", "roles", "until", "revoked"], &rows)?;
    Ok(Vec::new())
}

/// What is revoked.
#[derive(Args)]
pub struct Revoke {
    /// 证书号 Number of the certificate
    serial: String,
    /// 原因 Why
    #[arg(long)]
    reason: String,
}

pub fn revoke(ctx: &Ctx, what: &Revoke) -> Result<Vec<Finding>, Failure> {
    let office = ctx.office()?;
    let at = clock::text(clock::now());
    let done = office.write(|connection| {
        let Some(issued) = Issued::find(connection, &what.serial)? else { return Ok(None) };
        Issued::revoke(connection, &what.serial, &at, &what.reason, &ctx.who()).map(|new| Some((issued, new)))
    })?;
    let Some((issued, new)) = done else {
        return Err(Failure::config(Finding::error("certificate-unknown").with("serial", &what.serial)));
    };
    let told = if new { Finding::note("certificate-is-revoked") } else { Finding::note("certificate-revoked-before") };
    Ok(vec![told.with("serial", &what.serial).with("unit", issued.unit)])
}
