/*! `taizhang sign`: people sign what was shown to them, under its digest. */

use std::path::{Path, PathBuf};

use model::{Finding, Month};
use seal::Role;
use store::Store;

use super::Ctx;
use crate::{
    config::Agent,
    evidence::Paper,
    output::{self, Table, label},
    report::Failure,
    sheet,
    signature::{self, Asked, Hand, Shown},
};

/// What is signed, in which role.
#[derive(clap::Args)]
pub struct What {
    /// 表号；all 是这个月的每张表 Form code; `all` is every form of the month
    #[arg(long)]
    form: String,
    /// 月份 YYYY-MM
    #[arg(long)]
    period: Month,
    /// 账套 id，表只有一个账套时可不给 Book id; the only one of the form where absent
    #[arg(long)]
    book: Option<String>,
    /// 以什么身份签 preparer, statistician, finance or head; without it, only what would be signed is shown
    #[arg(long)]
    role: Option<String>,
    /// 看到的内容摘要（至少前 12 位）Digest that was shown; what is signed is exactly that
    #[arg(long)]
    digest: Option<String>,
    /// 把要签的内容写成网页或 PDF，带摘要、二维码和签字栏 Writes what is to be signed as a page or PDF with digest, square code and lines for a hand
    #[arg(long)]
    print: Option<PathBuf>,
    /// 纸上签字的扫描件 pdf、png 或 jpg：由 --as 的人证明 Scan of the print that the role signed by hand; the person of --as attests it
    #[arg(long)]
    paper: Option<PathBuf>,
    /// 试填：只是试一试，不算数 A delivery that is only tried
    #[arg(long)]
    trial: bool,
}

/// Shows what is to be signed, or signs it.
pub fn run(ctx: &Ctx, what: &What) -> Result<Vec<Finding>, Failure> {
    let (agent, mut store) = ctx.open()?;
    let form = Some(what.form.as_str()).filter(|form| !form.eq_ignore_ascii_case("all"));
    let asked = Asked { form, book: what.book.as_deref(), month: what.period, trial: what.trial };
    let mut shown = signature::shown(&agent, &mut store, asked, true)?;
    let mut findings = std::mem::take(&mut shown.findings);
    if let Some(path) = &what.print {
        printed(ctx, (&agent, &store), path, &shown)?;
    }
    let Some(role) = &what.role else {
        listed(ctx, &shown)?;
        findings.push(Finding::note("sign-shown").at(what.period.to_string()).with("digest", &shown.digest));
        return Ok(findings);
    };
    let person = ctx.person(&agent)?;
    let paper = what.paper.as_deref().map(Paper::read).transpose()?;
    let hand = Hand { person, role, seen: what.digest.as_deref(), secret: None, paper: paper.as_ref() };
    match signature::sign(&agent, &mut store, &mut shown, &hand) {
        Ok(more) => {
            listed(ctx, &shown)?;
            findings.extend(more);
            Ok(findings)
        }
        Err(failure) => {
            findings.extend(failure.findings);
            Err(Failure { findings, ..failure })
        }
    }
}

/// Writes what is signed to a file, recognised by its digest.
fn printed(ctx: &Ctx, (agent, store): (&Agent, &Store), path: &Path, shown: &Shown) -> Result<(), Failure> {
    let pdf = path.extension().is_some_and(|kind| kind.eq_ignore_ascii_case("pdf"));
    sheet::save(path, &signature::rendered(&signature::print(agent, store, shown)?, pdf)?)?;
    // Beside a table for programs, the name of a file would be noise.
    if ctx.people() { output::say(&format!("{}\n", path.display())) } else { Ok(()) }
}

/// The forms with the digest of all of them, and who has signed.
fn listed(ctx: &Ctx, shown: &Shown) -> Result<(), Failure> {
    let Shown { chosen, package, digest, required, .. } = shown;
    let roles = Role::ALL.into_iter().filter(|role| role.signs_off());
    let name = |role: Role| if ctx.people() { label(ctx.lang, &format!("role-{}", role.id())) } else { role.id().to_owned() };
    let signed: Vec<String> = roles.clone().filter(|role| package.roles().any(|own| own == *role)).map(name).collect();
    let open = roles.filter(|role| required.contains(role) && !package.roles().any(|own| own == *role)).map(name);
    let open = open.collect::<Vec<_>>().join(" ");
    let signed = signed.join(" ");
    let rows = chosen.iter().map(|one| {
        let channel = one.channel.name();
        let channel = if ctx.people() { label(ctx.lang, &format!("channel-{channel}")) } else { channel.to_owned() };
        let draft = &one.draft;
        // The digest is what a person compares and repeats: it is whole.
        let own = [&draft.form, &draft.book, &draft.period, &channel, &signed, &open].map(Clone::clone).to_vec();
        [own, vec![digest.clone()]].concat()
    });
    Table { columns: &["form", "book", "period", "channel", "signed", "unsigned", "digest"], numbers: &[], rows: rows.collect() }
        .write(ctx.format, ctx.lang)
}
