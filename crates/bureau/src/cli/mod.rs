/*! The command line of the receiver: one file per verb. stdout carries results only. */

mod bureau;
mod files;
mod log;
mod output;
mod packs;
mod people;
mod talk;
mod units;

use std::path::PathBuf;

use clap::{Parser, Subcommand};
use model::Finding;
use ui::Lang;

use crate::{config::Config, failure::Failure, store::Store};

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
    #[arg(long = "as", value_name = "PERSON", global = true)]
    person: Option<String>,
    /// What to do.
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
    /// 收下一个离线送来的报送包 Takes a package that was carried by hand; writes its receipt beside it
    Import(files::Import),
    /// 导出报送包和回执 Writes packages and receipts into a folder
    Export(files::Export),
    /// 验证报送包或回执 Verifies a package or a receipt
    Verify(files::Verify),
    /// 收到的报表 The reports that arrived
    Reports(files::Reports),
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
    /// 接收日志 The receiver's log
    #[command(subcommand)]
    Log(log::What),
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

    fn open(&self) -> Result<(Config, Store), Failure> {
        let config = self.config()?;
        let store = Store::open(&config.state)?;
        Ok((config, store))
    }

    /// Who does it: the person who said so, or the account of the system.
    fn who(&self) -> String {
        let account = || format!("system:{}", std::env::var("USER").unwrap_or_else(|_| "unknown".to_owned()));
        self.person.clone().unwrap_or_else(account)
    }
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
        Verb::Packs(what) => packs::run(&ctx, what),
        Verb::Query(what) => talk::write(&ctx, "query", what),
        Verb::Accept(what) => talk::write(&ctx, "acceptance", what),
        Verb::Return(what) => talk::write(&ctx, "return", what),
        Verb::Messages(what) => talk::messages(&ctx, what),
        Verb::Log(what) => log::run(&ctx, what),
    };
    match done {
        Ok(findings) => (0, lang, findings),
        Err(failure) => (failure.exit, lang, failure.findings),
    }
}
