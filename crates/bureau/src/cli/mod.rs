/*! The command line of the receiver: one file per verb. stdout carries results only. */

mod board;
mod bureau;
mod files;
mod log;
mod output;
mod packs;
mod people;
mod quality;
mod staff;
mod store;
mod talk;
mod units;

use std::{io::Write, path::PathBuf, sync::Arc};

use clap::{Parser, Subcommand};
use model::Finding;
use ui::{Lang, words};

use crate::{config::Config, failure::Failure, office::Office, store::Store};

pub use output::Format;

/// 统计局接收端 The receiver of a statistics bureau
#[derive(Parser)]
#[command(name = "taizhang-bureau", version, about)]
pub struct Args {
    /// 配置文件 Configuration file
    #[arg(short, long, default_value = "bureau.toml", global = true)]
    config: PathBuf,
    /// 消息语言 Language of messages
    #[arg(long, default_value = "zh", global = true, value_parser = ["zh", "en"])]
    lang: String,
    /// 结果格式 Format of results
    #[arg(long, default_value = "table", global = true, value_enum)]
    format: Format,
    /// 操作人 Who does it
    // A name of its own: arguments of verbs that are called the same would be taken for it.
    #[arg(id = "as", long = "as", value_name = "PERSON", global = true)]
    person: Option<String>,
    /// 要做什么 What to do
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// 建立接收端：配置、颁证机构、密钥 Makes the configuration, the authority and the keys
    Init(bureau::Init),
    /// 接收报送 Receives: the server
    Serve(bureau::Serve),
    /// 名录库 The register of units
    #[command(subcommand)]
    Unit(units::What),
    /// 给单位或人员发一次性代码 A one-time code for a unit's machine or a person
    Enroll(people::Enroll),
    /// 证书 The certificates that were issued
    Certificates(people::Certificates),
    /// 吊销证书 Revokes a certificate
    Revoke(people::Revoke),
    /// 收下一个离线送来的报送包；--portal 载入平台导出表 Takes a package that was carried by hand, or an export of the national platform
    Import(files::Import),
    /// 导出报送包和回执 Writes packages and receipts into a folder
    Export(files::Export),
    /// 验证报送包或回执 Verifies a package or a receipt
    Verify(files::Verify),
    /// 收到的报表 The reports that arrived
    Reports(files::Reports),
    /// 同行筛查：同一张表、同一期的各单位之间，谁与众不同 Screens among units: who stands out in one form and period
    Quality(quality::Quality),
    /// 看板：上报率、迟报、排队、汇总、比较 Boards: progress, lateness, queue, totals, comparisons
    #[command(subcommand)]
    Board(board::What),
    /// 没有收的包和原因 The packages that were refused, and why
    Refusals(files::Refusals),
    /// 制度包和日历 Survey packs and calendars
    #[command(subcommand)]
    Packs(packs::What),
    /// 就收到的报表提出查询 Asks a unit about a report that arrived
    Query(talk::Write),
    /// 受理（只用于直报）Accepts a report, where this receiver is the designated channel
    Accept(talk::Write),
    /// 退回（只用于直报）Returns a report, where this receiver is the designated channel
    Return(talk::Write),
    /// 与单位的消息 Messages with units
    Messages(talk::Messages),
    /// 本局人员：谁能看哪里 The bureau's own people
    #[command(subcommand)]
    Staff(staff::What),
    /// 接收日志 The receiver's log
    #[command(subcommand)]
    Log(log::What),
    /// 数据库和对象存储：建表、检查、备份、恢复 The stores: tables, checks, backups
    #[command(subcommand)]
    Store(store::What),
}

impl Args {
    /// The command line, or the exit code where there is nothing more to do.
    pub fn of_process() -> Result<Args, u8> {
        let words = words::normal(std::env::args_os());
        Args::try_parse_from(&words).map_err(|error| {
            if let Some(sentence) = words::wrong(&error).filter(|_| words::chinese(&words)) {
                // Nobody is left to tell when stderr is gone; the exit code still speaks.
                let _ = writeln!(std::io::stderr(), "{sentence}");
            }
            let _ = error.print();
            u8::try_from(error.exit_code()).unwrap_or(2)
        })
    }
}

/// What verbs share.
pub(crate) struct Ctx {
    config: PathBuf,
    lang: Lang,
    format: Format,
    person: Option<String>,
}

impl Ctx {
    fn config(&self) -> Result<Config, Failure> {
        Config::read(&self.config)
    }

    /// The folder of the configuration, where files of the bureau's own may be.
    fn folder(&self) -> PathBuf {
        self.config.parent().map(ToOwned::to_owned).unwrap_or_default()
    }

    fn open(&self) -> Result<(Config, Store), Failure> {
        let config = self.config()?;
        let store = Store::open(&config)?;
        Ok((config, store))
    }

    /// The receiver with its keys, for verbs that write: what they write is an entry of the log, which is signed.
    fn office(&self) -> Result<Arc<Office>, Failure> {
        Office::open(self.config()?)
    }

    /// A word of a table in the reader's language, as `label-<of>-<word>` in the catalogue; machines get the word itself.
    fn word(&self, of: &str, word: &str) -> String {
        let none: [(&str, &str); 0] = [];
        match self.format {
            Format::Table => ui::text(self.lang, &format!("label-{of}-{word}"), &none),
            Format::Json | Format::Csv => word.to_owned(),
        }
    }

    /// `true` or `false`, as [`Ctx::word`] says words.
    fn whether(&self, word: &str) -> String {
        match self.format {
            Format::Table => ui::label(self.lang, &format!("bool-{word}")),
            Format::Json | Format::Csv => word.to_owned(),
        }
    }

    /// Roles, as [`Ctx::word`] says them.
    fn roles(&self, roles: &[String]) -> String {
        roles.iter().map(|role| self.word("role", role)).collect::<Vec<_>>().join(" ")
    }

    /// Who does it: the person who said so, or the account of the system.
    fn who(&self) -> String {
        self.person.clone().unwrap_or_else(|| format!("system:{}", account()))
    }
}

/// Name of the account of this process, or its number where the machine's own list has no name for it. The environment is the last to be asked:
/// a service has none, and anybody can set it.
fn account() -> String {
    #[cfg(target_os = "linux")]
    if let Ok(own) = std::fs::metadata("/proc/self") {
        let uid = std::os::unix::fs::MetadataExt::uid(&own).to_string();
        let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
        let mut named = users.lines().map(|line| line.split(':').collect::<Vec<_>>());
        let found = named.find(|fields| fields.get(2) == Some(&uid.as_str()));
        return found.and_then(|fields| fields.first().map(|name| (*name).to_owned())).unwrap_or(uid);
    }
    ["USER", "LOGNAME", "USERNAME"].iter().find_map(|name| std::env::var(name).ok()).unwrap_or_else(|| "unknown".to_owned())
}

/// Runs the command line; gives the exit code and the language and findings to tell.
pub fn run(args: Args) -> (u8, Lang, Vec<Finding>) {
    let lang = if args.lang == "en" { Lang::En } else { Lang::Zh };
    let ctx = Ctx { config: args.config, lang, format: args.format, person: args.person };
    let done = match &args.verb {
        Verb::Init(what) => bureau::init(&ctx, what),
        Verb::Serve(what) => bureau::serve(&ctx, what),
        Verb::Unit(what) => units::run(&ctx, what),
        Verb::Enroll(what) => people::enroll(&ctx, what),
        Verb::Certificates(what) => people::certificates(&ctx, what),
        Verb::Revoke(what) => people::revoke(&ctx, what),
        Verb::Import(what) => files::import(&ctx, what),
        Verb::Export(what) => files::export(&ctx, what),
        Verb::Verify(what) => files::verify(&ctx, what),
        Verb::Reports(what) => files::reports(&ctx, what),
        Verb::Quality(what) => quality::run(&ctx, what),
        Verb::Board(what) => board::run(&ctx, what),
        Verb::Refusals(what) => files::refusals(&ctx, what),
        Verb::Packs(what) => packs::run(&ctx, what),
        Verb::Query(what) => talk::write(&ctx, "query", what),
        Verb::Accept(what) => talk::write(&ctx, "acceptance", what),
        Verb::Return(what) => talk::write(&ctx, "return", what),
        Verb::Messages(what) => talk::messages(&ctx, what),
        Verb::Staff(what) => staff::run(&ctx, what),
        Verb::Log(what) => log::run(&ctx, what),
        Verb::Store(what) => store::run(&ctx, what),
    };
    match done {
        Ok(findings) => (0, lang, findings),
        Err(failure) => (failure.exit, lang, failure.findings),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_verb_and_option_is_told_in_chinese_too() {
        fn walk(command: &clap::Command, missing: &mut Vec<String>) {
            let chinese = |text: &str| text.chars().any(|letter| ('\u{4e00}'..='\u{9fff}').contains(&letter));
            for argument in command.get_arguments().filter(|argument| !["help", "version"].contains(&argument.get_id().as_str()))
            {
                let help = argument.get_help().map(ToString::to_string).unwrap_or_default();
                if !chinese(&help) {
                    missing.push(format!("{} {}: {help}", command.get_name(), argument.get_id()));
                }
            }
            for verb in command.get_subcommands().filter(|verb| !verb.is_hide_set()) {
                let about = verb.get_about().map(ToString::to_string).unwrap_or_default();
                if !chinese(&about) {
                    missing.push(format!("{}: {about}", verb.get_name()));
                }
                walk(verb, missing);
            }
        }
        // A verb's argument of the same id as one for all verbs would take its place.
        fn clashes(command: &clap::Command, global: &[String], found: &mut Vec<String>) {
            for verb in command.get_subcommands() {
                let ids = verb.get_arguments().map(|argument| argument.get_id().to_string());
                found.extend(ids.filter(|id| global.contains(id)).map(|id| format!("{}: {id} is global", verb.get_name())));
                clashes(verb, global, found);
            }
        }
        let mut missing = Vec::new();
        let command = <super::Args as clap::CommandFactory>::command();
        let global = command.get_arguments().filter(|argument| argument.is_global_set());
        clashes(&command, &global.map(|argument| argument.get_id().to_string()).collect::<Vec<_>>(), &mut missing);
        walk(&<super::Args as clap::CommandFactory>::command(), &mut missing);
        assert!(missing.is_empty(), "{missing:#?}");
    }
}
