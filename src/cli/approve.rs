/*! `taizhang review`, `approve` and `return`: the preparer hands a draft in, somebody else approves what was shown. */

use clap::Args;
use model::{Finding, Month};

use super::Ctx;
pub use crate::signoff::Step;
use crate::{
    output::{Table, label},
    report::Failure,
    signoff,
};

/// Which draft, and what was seen of it.
#[derive(Args)]
pub struct Which {
    /// 表号 Form code
    #[arg(long)]
    form: String,
    /// 月份 YYYY-MM
    #[arg(long)]
    period: Month,
    /// 账套 id，该表只有一个账套时可不给 Book id; the only one of the form where absent
    #[arg(long)]
    book: Option<String>,
    /// 看到的草稿摘要（可只写前 12 位）；草稿已不是那一版时拒绝 Digest that was shown with the draft; refused where the draft is another by now
    #[arg(long)]
    digest: Option<String>,
}

/// Takes the step.
pub fn run(ctx: &Ctx, which: &Which, step: Step, reason: Option<&str>) -> Result<Vec<Finding>, Failure> {
    let (agent, mut store) = ctx.open()?;
    let person = ctx.person(&agent)?;
    let (form, period) = (which.form.as_str(), which.period.to_string());
    let book = agent.book_for(form, which.book.as_deref())?;
    let draft = (book, form, period.as_str());
    let (taken, findings) = signoff::take(&agent, &mut store, draft, person, step, which.digest.as_deref(), reason)?;
    let to = taken.state;
    let state = if ctx.people() { label(ctx.lang, &format!("state-{}", to.replace('_', "-"))) } else { to.to_owned() };
    let row = vec![form.to_owned(), book.id.clone(), period, state, person.name.clone(), ctx.short(&taken.digest)];
    Table { columns: &["form", "book", "period", "state", "by", "digest"], numbers: &[], rows: vec![row] }
        .write(ctx.format, ctx.lang)?;
    Ok(findings)
}
