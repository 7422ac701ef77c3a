//! `query`, `accept`, `return` and `messages`.

use clap::Args;
use model::{Finding, Month};

use super::{Ctx, output};
use crate::{
    failure::Failure,
    letters::Letters,
    messages::{self, Letter},
    store::MessageDraft,
};

/// What is written, and about which report.
#[derive(Args)]
pub struct Write {
    /// 统一社会信用代码 The unit's code
    unit: String,
    /// 表号 Form
    #[arg(long)]
    form: String,
    /// 制度年份 Edition
    #[arg(long)]
    edition: String,
    /// 期别 YYYY-MM Period
    #[arg(long)]
    period: Month,
    /// 指标或审核关系 Indicator or rule
    #[arg(long, default_value = "")]
    subject: String,
    /// 查询的原因类型，写了就附上答复期限：rule、month、peers、forms、unit、missing、explanation、text、other 或本局自己的 Why it is asked; with it goes a day for the answer
    #[arg(long, default_value = "")]
    cause: String,
    /// 内容 The words
    #[arg(long)]
    text: String,
}

pub fn write(ctx: &Ctx, kind: &str, what: &Write) -> Result<Vec<Finding>, Failure> {
    let office = ctx.office()?;
    let period = what.period.to_string();
    let letter = Letter {
        kind,
        unit: &what.unit,
        report: [&what.form, &what.edition, &period],
        subject: &what.subject,
        cause: &what.cause,
        payload: "",
        text: &what.text,
        who: &ctx.who(),
    };
    let letters = Letters::load(&office.config().folder)?;
    let message = messages::write(&office, &letters, &letter)?;
    Ok(vec![Finding::note("message-written").with("message", message.id).with("unit", &what.unit)])
}

/// Which messages.
#[derive(Args)]
pub struct Messages {
    /// 只看这个单位 Only with this unit
    #[arg(long, default_value = "")]
    unit: String,
    /// 从这个号之后 After this number
    #[arg(long, default_value_t = 0)]
    after: u64,
}

/// Most messages of one list.
const MOST: usize = 10_000;

pub fn messages(ctx: &Ctx, what: &Messages) -> Result<Vec<Finding>, Failure> {
    let (_, store) = ctx.open()?;
    let found = store.read(|connection| MessageDraft::after(connection, &what.unit, what.after, MOST))?;
    let row = |(unit, message): &(String, exchange::Message)| {
        let reply = message.reply_to.map(|id| id.to_string()).unwrap_or_default();
        let kind = ctx.word("message", &message.kind);
        let texts = [&message.at, unit, &kind, &message.form, &message.period, &message.subject].map(String::clone);
        let mut row = vec![message.id.to_string()];
        row.extend(texts);
        row.extend([reply, message.by.clone(), message.text.clone()]);
        row
    };
    let rows: Vec<Vec<String>> = found.iter().map(row).collect();
    let columns = ["message", "at", "unit", "kind", "form", "period", "subject", "reply_to", "by", "text"];
    output::rows(ctx.format, ctx.lang, &columns, &rows)?;
    Ok(Vec::new())
}
