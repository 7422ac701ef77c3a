/*! `taizhang log`: the operation log, shown and verified together with what its operations sealed and wrote. */

use std::collections::BTreeSet;

use clap::Subcommand;
use journal::{Digest, SealError};
use model::Finding;
use store::{Break, Store};

use super::Ctx;
use crate::{
    books,
    config::Agent,
    custody,
    delivery::{self, theirs},
    measures,
    output::Table,
    report::{self, Failure},
};

/// What to do with the log.
#[derive(Subcommand)]
pub enum What {
    /// 谁在何时做了什么 Who did what when
    Show,
    /// 校验哈希链、记录、封存的文件和回执 Check the chain of hashes, the rows, the sealed files, and receipts with what they countersign
    Verify,
}

/// Runs the verb.
pub fn run(ctx: &Ctx, what: &What) -> Result<Vec<Finding>, Failure> {
    let (agent, store) = ctx.open()?;
    match what {
        What::Show => {
            let rows = store.operations()?.into_iter();
            // A screen shows what a line holds; machine formats have all of it.
            let short = |text: String, most: usize| match text.char_indices().nth(most).filter(|_| ctx.people()) {
                Some((end, _)) => format!("{}…", &text[..end]),
                None => text,
            };
            let rows = rows
                .map(|op| vec![op.seq.to_string(), ctx.time(&op.at), op.who, op.what, short(op.detail, 60), ctx.short(&op.hash)])
                .collect();
            Table { columns: &["seq", "at", "who", "what", "detail", "hash"], numbers: &["seq"], rows }
                .write(ctx.format, ctx.lang)?;
            Ok(Vec::new())
        }
        What::Verify => verify(&agent, &store),
    }
}

/// Checks the chain, the rows that it covers, and the sealed files: their bytes, and their roots computed anew from the entries; then packages,
/// receipts and attachments, that the log has grown since each receipt, and, where it can be asked, that the receiver's has, too.
fn verify(agent: &Agent, store: &Store) -> Result<Vec<Finding>, Failure> {
    let place = agent.state.display().to_string();
    let operation = |code: &'static str, seq: i64| Finding::error(code).at(format!("{place}, operation {seq}"));
    let count = match store.verify()? {
        Ok(count) => count,
        Err(Break::Chain { seq }) => return Err(Failure::findings(vec![operation("log-broken", seq)])),
        Err(Break::Rows { seq }) => return Err(Failure::findings(vec![operation("rows-changed", seq)])),
        Err(Break::Context { digest }) => {
            let finding = Finding::error("file-damaged").at(format!("{place}, context {digest}")).with("reason", "SHA-256");
            return Err(Failure::findings(vec![finding]));
        }
    };
    let (mut findings, mut seen) = (Vec::new(), BTreeSet::new());
    for seal in store.all_seals()? {
        if let Some(checked) = measures::verify(store, &seal) {
            findings.extend(checked.err().into_iter().flat_map(|failure| failure.findings));
            seen.insert(format!("{} {} {}", seal.book, seal.period, seal.root).into());
            continue;
        }
        let folder = store.snapshots(&seal.book)?;
        let root = books::digest(&seal)?;
        let cube = journal::cube_path(&folder, seal.period, root);
        if !seen.insert(cube.clone()) {
            continue;
        }
        let entries = books::entry_file(&folder, &seal)?;
        let whole = entries.as_ref().map_or(Ok(()), |entries| {
            let path = entries.path()?;
            let found = journal::root_of(path, seal.period)?;
            let reason = || format!("root is {found}, and {root} was sealed");
            if found == root { Ok(()) } else { Err(SealError::Damaged { path: path.to_owned(), reason: reason() }) }
        });
        let cube = match seal.cube.as_deref().and_then(Digest::parse) {
            Some(known) => journal::sound(&cube, known),
            None => journal::file_digest(&cube).map(|_| ()),
        };
        for error in [whole.err(), cube.err()].into_iter().flatten() {
            findings.extend(Failure::from(error).findings);
        }
    }
    let (files, beside) = custody::verify(store)?;
    findings.extend(beside);
    findings.extend(delivery::verify(agent, store)?);
    findings.extend(theirs::verify(agent, store)?);
    if report::blocked(&findings) {
        return Err(Failure::findings(findings));
    }
    let holds = Finding::note("log-holds").at(place).with("count", count).with("seals", seen.len());
    findings.push(holds.with("files", files));
    Ok(findings)
}
