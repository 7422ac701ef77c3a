/*! `taizhang ledger archive`: a year as one file that is read without this program. */

use std::path::PathBuf;

use clap::Args;
use model::Finding;

use super::Ctx;
use crate::{archive, config::Deed, output::Table, report::Failure};

/// Which year.
#[derive(Args)]
pub struct What {
    /// 年份 Year
    #[arg(long, value_parser = clap::value_parser!(u16).range(1990..=2999))]
    year: u16,
    /// 账套 id，不给则每个账套 Book id; every book where absent
    #[arg(long)]
    book: Option<String>,
    /// 文件，从当前目录算起 The file (ZIP)
    #[arg(long)]
    out: PathBuf,
}

/// Runs the verb.
pub fn run(ctx: &Ctx, what: &What) -> Result<Vec<Finding>, Failure> {
    let (agent, mut store) = ctx.open()?;
    let person = ctx.person(&agent)?;
    person.must(Deed::Archive, what.year)?;
    let books = match &what.book {
        Some(id) => vec![agent.book(Some(id))?],
        None => agent.books.iter().collect(),
    };
    let made = archive::make(&agent, &mut store, what.year, &books, person, &what.out)?;
    let row = [what.out.display().to_string(), made.files.to_string(), made.size.to_string(), ctx.short(&made.sha256)];
    Table { columns: &["file", "files", "size", "sha256"], numbers: &["files", "size"], rows: vec![row.to_vec()] }
        .write(ctx.format, ctx.lang)?;
    Ok(made.findings)
}
