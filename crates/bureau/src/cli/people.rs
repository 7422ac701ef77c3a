//! `enroll`, `certificates` and `revoke`.

use clap::Args;
use model::Finding;
use seal::Role;

use super::{Ctx, output};
use crate::{
    clock, enrol,
    failure::Failure,
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
    let hours = what.hours.unwrap_or(office.config().certificates.code_hours);
    let (code, expires) = enrol::invite(&office, &what.unit, person, &roles, hours, &ctx.who())?;
    let row = vec![what.unit.clone(), unit.name, person.to_owned(), what.roles.join(" "), code, expires];
    output::rows(ctx.format, ctx.lang, &["unit", "unit_name", "person", "roles", "code", "expires"], &[row])?;
    Ok(vec![Finding::note("enroll-code-made")])
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
        vec![serial, unit, person, roles.join(" "), until, revoked.unwrap_or_default()]
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
