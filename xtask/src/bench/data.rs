//! A ledger that is the same on every machine: balanced vouchers of 2 to 6 lines, Chinese words, parties, some red entries.

use std::io::{self, Write};

/// Months of the ledger, the first of them January 2024.
pub const MONTHS: u64 = 24;

/// Parties that receivables and payables are kept by.
const PARTIES: u64 = 400;

const WORDS: [&str; 8] = [
    "销售商品收入",
    "采购原材料入库",
    "支付货款",
    "计提职工薪酬",
    "报销差旅费用",
    "结转产品成本",
    "收到银行回款",
    "缴纳增值税款",
];
const TOWNS: [&str; 8] = ["杭州", "宁波", "温州", "嘉兴", "湖州", "绍兴", "金华", "台州"];
const TRADES: [&str; 5] = ["海天贸易有限公司", "新材料科技有限公司", "机械制造有限公司", "供应链管理有限公司", "电子元件厂"];

/// First-level accounts with their classes; each has subaccounts up to [`ACCOUNTS`] in all.
const CHART: [(&str, &str, &str); 30] = [
    ("1001", "库存现金", "asset"),
    ("1002", "银行存款", "asset"),
    ("1012", "其他货币资金", "asset"),
    ("1121", "应收票据", "asset"),
    ("1122", "应收账款", "asset"),
    ("1123", "预付账款", "asset"),
    ("1221", "其他应收款", "asset"),
    ("1403", "原材料", "asset"),
    ("1405", "库存商品", "asset"),
    ("1601", "固定资产", "asset"),
    ("1602", "累计折旧", "asset"),
    ("1604", "在建工程", "asset"),
    ("2001", "短期借款", "liability"),
    ("2202", "应付账款", "liability"),
    ("2203", "预收账款", "liability"),
    ("2211", "应付职工薪酬", "liability"),
    ("2221", "应交税费", "liability"),
    ("2241", "其他应付款", "liability"),
    ("4001", "实收资本", "equity"),
    ("4002", "资本公积", "equity"),
    ("5001", "生产成本", "cost"),
    ("5101", "制造费用", "cost"),
    ("6001", "主营业务收入", "profit_and_loss"),
    ("6051", "其他业务收入", "profit_and_loss"),
    ("6301", "营业外收入", "profit_and_loss"),
    ("6401", "主营业务成本", "profit_and_loss"),
    ("6402", "其他业务成本", "profit_and_loss"),
    ("6601", "销售费用", "profit_and_loss"),
    ("6602", "管理费用", "profit_and_loss"),
    ("6603", "财务费用", "profit_and_loss"),
];

/// Accounts of the chart.
const ACCOUNTS: u64 = 300;

/// The tables as an ERP might have them, and what keeps them quick to read by month.
pub const TABLES: &str = "
CREATE TABLE gl_account (code text PRIMARY KEY, name text NOT NULL, class text NOT NULL);
CREATE TABLE gl_period (month text PRIMARY KEY, year_start text NOT NULL);
CREATE TABLE gl_entry (
  month text NOT NULL, voucher bigint NOT NULL, line integer NOT NULL, number varchar(20) NOT NULL, kind varchar(4) NOT NULL,
  day date NOT NULL, account varchar(12) NOT NULL, summary varchar(120), debit numeric(18,2) NOT NULL, credit numeric(18,2) NOT NULL,
  party varchar(80), changed timestamp NOT NULL);
";

/// Run after loading, as an ERP's own tables are.
pub const KEYS: &str = "ALTER TABLE gl_entry ADD PRIMARY KEY (month, voucher, line); VACUUM ANALYZE;";

/// One line of a voucher.
pub struct Line {
    /// Account code.
    pub account: String,
    /// What happened.
    pub summary: String,
    /// Debit in fen.
    pub debit: i64,
    /// Credit in fen.
    pub credit: i64,
    /// Who it is with.
    pub party: Option<String>,
}

/// One balanced voucher.
pub struct Voucher {
    /// Key, from 1.
    pub id: u64,
    /// Month, from 0.
    pub month: u64,
    /// Day of the month.
    pub day: u64,
    /// Its lines.
    pub lines: Vec<Line>,
}

impl Voucher {
    /// `YYYY-MM`.
    pub fn month(&self) -> String {
        month(self.month)
    }

    /// Number as people see it.
    pub fn number(&self) -> String {
        format!("记-{:06}", self.id)
    }
}

/// Name of a month, counted from 0.
pub fn month(at: u64) -> String {
    format!("{}-{:02}", 2024 + at / 12, at % 12 + 1)
}

/// SplitMix64: the same numbers everywhere.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % sides
    }
}

/// Code, name and class of an account, counted from 0.
pub fn account(at: u64) -> (String, String, &'static str) {
    let (code, name, class) = CHART[usize::try_from(at).unwrap_or(0) % CHART.len()];
    match at / CHART.len() as u64 {
        0 => (code.to_owned(), name.to_owned(), class),
        sub => (format!("{code}{sub:02}"), format!("{name}-明细{sub:02}"), class),
    }
}

/// The vouchers of a ledger of about `lines` lines, month by month.
pub fn vouchers(lines: u64) -> impl Iterator<Item = Voucher> {
    let (mut id, mut done) = (0, 0);
    std::iter::from_fn(move || {
        if done >= lines {
            return None;
        }
        id += 1;
        let voucher = voucher(id, (done * MONTHS / lines).min(MONTHS - 1));
        done += voucher.lines.len() as u64;
        Some(voucher)
    })
}

fn voucher(id: u64, month: u64) -> Voucher {
    let mut dice = Dice(id);
    let count = 2 + dice.roll(5);
    let word = WORDS[usize::try_from(dice.roll(8)).unwrap_or(0)];
    let sign = if dice.roll(50) == 0 { -1 } else { 1 };
    let (mut lines, mut sum) = (Vec::new(), 0);
    for at in 0..count {
        let (code, _, _) = account(dice.roll(ACCOUNTS));
        let party = ["1122", "1123", "2202", "2203"].iter().any(|kept| code.starts_with(kept)).then(|| {
            let party = dice.roll(PARTIES);
            let town = TOWNS[usize::try_from(party % 8).unwrap_or(0)];
            format!("{town}{} #C{party:04}", TRADES[usize::try_from(party % 5).unwrap_or(0)])
        });
        let summary = format!("{word} 第{:05}批", dice.roll(100_000));
        // The last line balances the others.
        let fen = sign * i64::try_from(1 + dice.roll(2_000_000)).unwrap_or(1);
        let (debit, credit) = if at + 1 == count { (0, sum) } else { (fen, 0) };
        sum += debit;
        lines.push(Line { account: code, summary, debit, credit, party });
    }
    Voucher { id, month, day: 1 + dice.roll(28), lines }
}

/// Fen as yuan.
pub fn yuan(fen: i64) -> String {
    format!("{}{}.{:02}", if fen < 0 { "-" } else { "" }, fen.abs() / 100, fen.abs() % 100)
}

/// Writes the chart and the calendar as SQL.
pub fn chart() -> String {
    let mut sql = String::new();
    for (code, name, class) in (0..ACCOUNTS).map(account) {
        sql += &format!("INSERT INTO gl_account VALUES ('{code}', '{name}', '{class}');");
    }
    for at in 0..MONTHS {
        sql += &format!("INSERT INTO gl_period VALUES ('{}', '{}');", month(at), month(at - at % 12));
    }
    sql
}

/// Writes the entry lines as PostgreSQL's COPY reads them.
pub fn copy(lines: u64, mut into: impl Write) -> io::Result<u64> {
    let mut rows = 0;
    for voucher in vouchers(lines) {
        let (month, number) = (voucher.month(), voucher.number());
        for (at, line) in voucher.lines.iter().enumerate() {
            rows += 1;
            let party = line.party.as_deref().unwrap_or("\\N");
            writeln!(
                into,
                "{month}\t{}\t{}\t{number}\t记\t{month}-{:02}\t{}\t{}\t{}\t{}\t{party}\t{month}-{:02} 09:30:00",
                voucher.id,
                at + 1,
                voucher.day,
                line.account,
                line.summary,
                yuan(line.debit),
                yuan(line.credit),
                voucher.day,
            )?;
        }
    }
    Ok(rows)
}
