//! `unit import` and `unit list`.

use std::path::PathBuf;

use clap::Subcommand;
use model::Finding;

use super::{Ctx, output};
use crate::{clock, db, failure::Failure, sheet, store::Unit};

/// What to do with the register.
#[derive(Subcommand)]
pub enum What {
    /// 从表格导入名录 Takes the register from a sheet: CSV (UTF-8 or GBK) or XLSX
    Import {
        /// 表格 The sheet
        file: PathBuf,
    },
    /// 列出单位 Lists the units
    List,
}

pub fn run(ctx: &Ctx, what: &What) -> Result<Vec<Finding>, Failure> {
    match what {
        What::Import { file } => {
            let office = ctx.office()?;
            let forms = office.knowledge().forms(office.store())?;
            let units = sheet::units(file, &forms)?;
            let at = clock::text(clock::now());
            let source = format!("{} {}", ctx.who(), file.display());
            let new = office.write(|connection| {
                let added = units.iter().map(|row| {
                    let known = Unit::find(connection, row.code())?;
                    row.over(known).add(connection, &at, &source)
                });
                added.collect::<db::Result<Vec<bool>>>()
            })?;
            let changed = new.iter().filter(|new| **new).count();
            let told = Finding::note("register-imported").at(file.display().to_string());
            Ok(vec![told.with("units", units.len()).with("changed", changed)])
        }
        What::List => {
            let (_, store) = ctx.open()?;
            let units = store.read(Unit::all)?;
            let official = |unit: &Unit| {
                let forms = unit.channels.iter().filter(|(_, channel)| *channel == "official");
                forms.map(|(form, _)| form.as_str()).collect::<Vec<_>>().join(" ")
            };
            let row = |unit: &Unit| {
                vec![unit.code.clone(), unit.name.clone(), unit.region.clone(), unit.industry.clone(), official(unit)]
            };
            let rows: Vec<Vec<String>> = units.iter().map(row).collect();
            output::rows(ctx.format, ctx.lang, &["unit", "unit_name", "region", "industry", "official"], &rows)?;
            Ok(Vec::new())
        }
    }
}
