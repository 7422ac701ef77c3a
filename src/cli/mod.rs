/*! The command line: one file per verb. */

mod acts;
mod approve;
mod archive;
mod audit;
mod balances;
mod build;
mod check;
mod connector;
mod demo;
mod diff;
mod draft;
mod enroll;
mod evidence;
mod exam;
mod explain;
mod explain_measures;
mod form;
mod init;
mod ledger;
mod ledger_import;
mod log;
mod mapping;
mod mapping_import;
mod mapping_set;
mod mapping_test;
mod measure;
mod message;
mod person;
mod pull;
mod quality;
mod receipt;
mod run;
mod sign;
mod status;
mod submit;
mod threshold;
mod verify;

use std::{io::Write, path::PathBuf};

use clap::{Parser, Subcommand};
use model::{Finding, Month, Period};
use store::Store;
use ui::{Lang, words};

use crate::{
    config::{Agent, Person},
    delivery::outbox::Way,
    output::{Format, label},
    report::Failure,
};

/// 电子统计台账 Electronic statistical ledger beside the ERP
#[derive(Parser)]
#[command(name = "taizhang", version, about)]
pub struct Args {
    /// 配置文件 Configuration file
    #[arg(short, long, default_value = "agent.toml", global = true)]
    config: PathBuf,
    /// 消息语言 Language of messages
    #[arg(long, default_value = "zh", global = true, value_parser = ["zh", "en"])]
    lang: String,
    /// 结果格式 Format of results
    #[arg(long, default_value = "table", global = true, value_enum)]
    format: Format,
    /// 操作人 Who does it: the id of a [[person]]; acts of people need it
    // A name of its own: arguments of verbs that are called the same would be taken for it.
    #[arg(id = "as", long = "as", value_name = "PERSON", global = true)]
    person: Option<String>,
    /// 要做什么 What to do
    #[command(subcommand)]
    pub verb: Verb,
}

/// What a person or a schedule may ask for.
#[derive(Subcommand)]
pub enum Verb {
    /// 识别 ERP 并写出配置 Detect the ERP, choose pack and standard, write agent.toml
    Init(init::Args),
    /// 检查配置、连接与权限 Check configuration, packs and mappings, and open every source
    Check,
    /// 连接器包 Connector packs: list, detect, test, new
    Connector {
        #[command(subcommand)]
        what: connector::What,
    },
    /// 读取并封存账套 Read the books and seal them as evidence; only what changed is read again
    Pull {
        /// 账套 id，不给则每个账套 Book id; every book where absent
        #[arg(long)]
        book: Option<String>,
        /// 从哪个月起逐笔封存，更早的合成期初 First month to seal (YYYY-MM); earlier entries become openings
        #[arg(long)]
        from: Option<Month>,
        /// 读到哪个月 Last month to read (YYYY-MM)
        #[arg(long)]
        to: Option<Month>,
        /// 每个期间都重读，不看指纹 Read every period again, whatever its fingerprint says
        #[arg(long)]
        full: bool,
    },
    /// 科目余额表 Trial balance of a book and period, debit-positive
    Balances {
        /// 账套 id，只有一个时可不给 Book id; the only one where absent
        #[arg(long)]
        book: Option<String>,
        /// 期间；加 +adj 只看该月的调整期间 YYYY-MM, or YYYY-MM+adj for its adjustment periods alone
        #[arg(long)]
        period: Period,
        /// 发生额不含损益结转 Turnover without closing vouchers (损益结转); what is left out is listed on stderr
        #[arg(long)]
        without_closing: bool,
    },
    /// 两次封存之间的变化 What changed between the last two seals of a period, voucher by voucher
    Diff {
        /// 账套 id，只有一个时可不给 Book id; the only one where absent
        #[arg(long)]
        book: Option<String>,
        /// 期间 YYYY-MM or YYYY-MM+adj
        #[arg(long)]
        period: Period,
    },
    /// 台账与报表草稿 Ledger and drafts of a month, from sealed evidence
    Build {
        /// 表号，不给则配置里的每张表 Form code; every configured form where absent
        #[arg(long)]
        form: Option<String>,
        /// 账套 id，不给则该表的每个账套 Book id; every book of the form where absent
        #[arg(long)]
        book: Option<String>,
        /// 月份 YYYY-MM
        #[arg(long)]
        period: Month,
    },
    /// 报表草稿 Report drafts
    Draft {
        #[command(subcommand)]
        what: draft::What,
    },
    /// 提交审核 The preparer hands a draft in for review
    Review(approve::Which),
    /// 批准 Somebody else approves a draft in review: what was shown, and nothing else
    Approve(approve::Which),
    /// 退回 Give a draft back to the preparer
    Return {
        #[command(flatten)]
        which: approve::Which,
        /// 理由 Why
        #[arg(long)]
        reason: String,
    },
    /// 登记已在联网直报平台报出 Record that a form was filed at the national portal; a companion copy may follow
    Filing(submit::Filed),
    /// 签名 Sign the approved drafts of a month, under the digest that was shown
    Sign(sign::What),
    /// 登记这台机器 Enrol this machine with the bureau, or renew its certificate
    Enroll(enroll::What),
    /// 报送 Submit the signed package; --dry-run shows what would leave, --to-file writes it
    Submit(submit::Submit),
    /// 回执 Receipts that come back by hand
    Receipt {
        #[command(subcommand)]
        what: receipt::What,
    },
    /// 与统计局的消息 Messages of the bureau: list, answer
    Message {
        #[command(subcommand)]
        what: message::What,
    },
    /// 人员 People who work with the pages: list, invite
    Person {
        #[command(subcommand)]
        what: person::What,
    },
    /// 常驻：审核页面，发送已报送的包，换证书 Stay: serve the review pages, send what was submitted, renew the certificate
    Run,
    /// 核对报送包、回执或凭证证明 Whether a package, a receipt or a voucher's proof holds; needs only the file and public certificates
    Verify(verify::Verify),
    /// 证明一张凭证在已报送的证据里 Prove that a voucher is in the evidence of a package, without showing the others
    Prove(verify::Prove),
    /// 审核 Audit rules, explanations and data quality
    Audit {
        #[command(subcommand)]
        what: audit::What,
    },
    /// 追溯到凭证 A figure from its formula down to entry lines
    Explain(explain::What),
    /// 凭证审核资料 What an inspector asks for about one figure: the calculation and the vouchers behind it
    Evidence(evidence::What),
    /// 回填考试 Compare a hand-made report or ledger with the sealed books, cell by cell, and explain each difference
    Exam(exam::What),
    /// 电子统计台账 The electronic statistical ledger
    Ledger {
        #[command(subcommand)]
        what: ledger::What,
    },
    /// 纳统标准 Whether the unit is above its trade's threshold, and which duty follows
    Threshold {
        /// 账套 id，只有一个时可不给 Book id; the only one where absent
        #[arg(long)]
        book: Option<String>,
        /// 月份 YYYY-MM
        #[arg(long)]
        period: Month,
    },
    /// 报表包 Forms of a survey edition as packs: list, show, check, install
    Form {
        #[command(subcommand)]
        what: form::What,
    },
    /// 应报、将报、逾期 What is due and what is late, and how far each report has come
    Status {
        /// 从哪一天看 YYYY-MM-DD；默认今天（北京时间）The day to look from; today in China where absent
        #[arg(long)]
        date: Option<jiff::civil::Date>,
        /// 逾期再久的也列出 Every late report since the first sealed month, however long ago it was due
        #[arg(long)]
        all: bool,
    },
    /// 取数映射 Mappings from accounts to indicators
    Mapping {
        #[command(subcommand)]
        what: mapping::What,
    },
    /// 计量 What the books do not hold: entries, short sheets, transfer sheets
    Measure {
        #[command(subcommand)]
        what: measure::What,
    },
    /// 演示 The whole story on a bundled company's book, kept by a real ERP: nothing to install, nothing to configure
    Demo {
        /// 演示用的文件夹 Folder that the demo makes and works in
        #[arg(long, default_value = "taizhang-demo")]
        dir: PathBuf,
    },
    /// 操作日志 The operation log
    Log {
        #[command(subcommand)]
        what: log::What,
    },
    /// The built-in reader, started by the agent itself: request on stdin, Arrow IPC on stdout
    #[command(hide = true)]
    Reader,
}

impl Args {
    /// The command line, or the exit code where there is nothing more to do.
    pub fn read() -> Result<Args, u8> {
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

    /// Language of messages.
    pub fn lang(&self) -> Lang {
        if self.lang == "en" { Lang::En } else { Lang::Zh }
    }
}

/// What every verb works with.
struct Ctx {
    config: PathBuf,
    person: Option<String>,
    lang: Lang,
    format: Format,
}

impl Ctx {
    /// Whether results are for people.
    fn people(&self) -> bool {
        self.format == Format::Table
    }

    /// A time of the operation log: people read their own clock to the second, programs UTC as it is kept.
    fn time(&self, at: &str) -> String {
        match at.parse::<jiff::Timestamp>() {
            Ok(time) if self.people() => {
                time.to_zoned_datetime(jiff::tz::TimeZone::system()).strftime("%Y-%m-%d %H:%M:%S").to_string()
            }
            _ => at.to_owned(),
        }
    }

    /// A digest: people recognise it by its first digits, programs get all of them.
    fn short(&self, digest: &str) -> String {
        match digest.get(..crate::signoff::SHOWN).filter(|_| self.people()) {
            Some(first) => first.to_owned(),
            None => digest.to_owned(),
        }
    }

    /// The state of a draft, or of its package while that is on its way: people read there how often it was tried.
    fn state(&self, state: &str, way: Option<Way>) -> String {
        let state = way.map_or(state, |way| way.name());
        if !self.people() {
            return state.to_owned();
        }
        let shown = label(self.lang, &format!("state-{}", state.replace('_', "-")));
        match way.filter(|way| way.tries > 0) {
            Some(way) => {
                let code = if way.sending { "label-attempt" } else { "label-tried" };
                ui::text(self.lang, code, &[("state", shown), ("times", way.tries.to_string())])
            }
            None => shown,
        }
    }

    fn agent(&self) -> Result<Agent, Failure> {
        Agent::load(&self.config)
    }

    /// The person who acts: entering, adjusting, explaining, approving are acts of people and never of an account.
    fn person<'a>(&self, agent: &'a Agent) -> Result<&'a Person, Failure> {
        match &self.person {
            Some(id) => agent.person(id),
            None => Err(Failure::config(Finding::error("person-missing"))),
        }
    }

    /// Who the operation log says did what nobody must answer for: the person, where one is named, and else the account of the machine.
    fn who(&self, agent: &Agent) -> Result<String, Failure> {
        match &self.person {
            Some(_) => Ok(self.person(agent)?.id.clone()),
            None => Ok(crate::packs::who()),
        }
    }

    /// Configuration and state.
    fn open(&self) -> Result<(Agent, Store), Failure> {
        let agent = self.agent()?;
        let store = Store::open(&agent.state)?;
        Ok((agent, store))
    }
}

/// Runs a verb; notes and warnings are its result beside what it writes to stdout.
pub fn run(args: Args) -> Result<Vec<Finding>, Failure> {
    let ctx = Ctx { lang: args.lang(), config: args.config, person: args.person, format: args.format };
    match args.verb {
        Verb::Init(args) => init::run(&ctx, &args),
        Verb::Check => check::run(&ctx),
        Verb::Connector { what } => connector::run(&ctx, &what),
        Verb::Pull { book, from, to, full } => pull::run(&ctx, book.as_deref(), crate::pull::Scope { from, to, full }),
        Verb::Balances { book, period, without_closing } => balances::run(&ctx, book.as_deref(), period, without_closing),
        Verb::Diff { book, period } => diff::run(&ctx, book.as_deref(), period),
        Verb::Build { form, book, period } => build::run(&ctx, form.as_deref(), book.as_deref(), period),
        Verb::Draft { what } => draft::run(&ctx, &what),
        Verb::Review(which) => approve::run(&ctx, &which, approve::Step::Review, None),
        Verb::Approve(which) => approve::run(&ctx, &which, approve::Step::Approve, None),
        Verb::Return { which, reason } => approve::run(&ctx, &which, approve::Step::Return, Some(&reason)),
        Verb::Filing(what) => submit::filed(&ctx, &what),
        Verb::Sign(what) => sign::run(&ctx, &what),
        Verb::Enroll(what) => enroll::run(&ctx, &what),
        Verb::Receipt { what } => receipt::run(&ctx, &what),
        Verb::Message { what } => message::run(&ctx, &what),
        Verb::Person { what } => person::run(&ctx, &what),
        Verb::Run => run::run(&ctx),
        Verb::Submit(what) => submit::submit(&ctx, &what),
        Verb::Verify(what) => verify::verify(&ctx, &what),
        Verb::Prove(what) => verify::prove(&ctx, &what),
        Verb::Audit { what } => audit::run(&ctx, &what),
        Verb::Evidence(what) => evidence::run(&ctx, &what),
        Verb::Explain(what) => explain::run(&ctx, &what),
        Verb::Exam(what) => exam::run(&ctx, &what),
        Verb::Ledger { what } => ledger::run(&ctx, &what),
        Verb::Threshold { book, period } => threshold::run(&ctx, book.as_deref(), period),
        Verb::Form { what } => form::run(&ctx, &what),
        Verb::Status { date, all } => status::run(&ctx, date, all),
        Verb::Mapping { what } => mapping::run(&ctx, &what),
        Verb::Measure { what } => measure::run(&ctx, &what),
        Verb::Demo { dir } => demo::run(&ctx, &dir),
        Verb::Log { what } => log::run(&ctx, &what),
        // Served in main before any of this.
        Verb::Reader => Ok(Vec::new()),
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
