//! `taizhang message`: what the bureau asks and says about reports, and what it is answered.

use clap::Subcommand;
use model::Finding;

use super::Ctx;
use crate::{
    delivery::messages,
    output::{Table, label},
    report::Failure,
};

/// What to do with messages.
#[derive(Subcommand)]
pub enum What {
    /// 统计局的查询、退回、受理和给它的答复 What the bureau wrote, and the answers
    List {
        /// 先向统计局取新的 Fetch new ones first; `taizhang run` does so by itself
        #[arg(long)]
        fetch: bool,
    },
    /// 答复一条查询 Answers a query
    Answer {
        /// 消息号 Number of the query
        message: u64,
        /// 答复的文字；数字只能由更正的报送包改变 The words; figures change by a corrected package alone
        #[arg(long)]
        text: String,
    },
}

/// Runs the verb.
pub fn run(ctx: &Ctx, what: &What) -> Result<Vec<Finding>, Failure> {
    let (agent, mut store) = ctx.open()?;
    match what {
        What::List { fetch } => {
            let findings = if *fetch { messages::fetch(&agent, &mut store)? } else { Vec::new() };
            let all = messages::all(&store)?;
            let open: Vec<u64> = messages::open(&all).iter().map(|message| message.id).collect();
            let word = |word: String, shown: &str| if ctx.people() { label(ctx.lang, &format!("{shown}-{word}")) } else { word };
            let rows = all.into_iter().map(|message| {
                let state = if open.contains(&message.id) { "open" } else { "" };
                let state = if state.is_empty() { String::new() } else { word(state.to_owned(), "message") };
                let reply = message.reply_to.map(|number| number.to_string()).unwrap_or_default();
                let (at, kind) = (ctx.time(&message.at), word(message.kind, "message"));
                let about = [message.form, message.period, message.subject];
                let [form, period, subject] = about;
                vec![message.id.to_string(), at, kind, form, period, subject, reply, message.by, state, message.text]
            });
            let columns = ["message", "at", "kind", "form", "period", "subject", "reply_to", "by", "state", "text"];
            Table { columns: &columns, numbers: &["message", "reply_to"], rows: rows.collect() }.write(ctx.format, ctx.lang)?;
            Ok(findings)
        }
        What::Answer { message, text } => {
            let person = ctx.person(&agent)?.clone();
            let (sent, mut findings) = messages::answer(&agent, &mut store, &person, *message, text)?;
            let told = Finding::note("message-answered").at(messages::place(&sent)).with("message", message);
            findings.push(told.with("answer", sent.id));
            Ok(findings)
        }
    }
}
