//! The example layers that are shipped: they assemble with every form, and leave no account of their ERP undecided.
#![allow(clippy::unwrap_used, reason = "a test that cannot set up its case must fail")]

use std::{fs, path::Path};

use survey::{BookAccount, Form, Mapping, Standard, chart};

fn mapping(layer: &str) -> Mapping {
    let (standard, findings) = Standard::parse("cas.toml", survey::STANDARDS[0].1);
    assert_eq!(findings, []);
    let forms = survey::FORMS.iter().map(|(_, name, text)| Form::parse(name, text).0.unwrap()).collect();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../mappings/examples").join(layer);
    let (mapping, findings) =
        Mapping::assemble(&standard.unwrap(), forms, &[(layer.to_owned(), fs::read_to_string(path).unwrap())]);
    assert_eq!(findings, []);
    mapping.unwrap()
}

/// Which account of the standard each account is, as code and name; findings must be these.
fn are(layer: &str, accounts: &[(&str, &str, &str, &str)], findings: &[(&str, &str)]) {
    let book = |(code, name, class, _): &(&str, &str, &str, &str)| BookAccount {
        code: (*code).to_owned(),
        name: (*name).to_owned(),
        class: (*class).to_owned(),
        side: None,
    };
    let books: Vec<_> = accounts.iter().map(book).collect();
    let (chart, found) = chart(&mapping(layer), &books, &|_| true);
    let found: Vec<_> = found.iter().map(|finding| (finding.code.as_ref(), finding.place.as_str())).collect();
    assert_eq!(found, findings);
    for (code, name, _, is) in accounts {
        let account = chart.iter().find(|account| account.code == *code).unwrap();
        assert_eq!((account.standard.as_deref(), &*account.undecided), (Some(*is), &[][..]), "{code} {name}");
    }
}

#[test]
fn every_account_of_the_tryton_company_is_one_of_the_standard() {
    let (asset, liability, other, result) = ("asset", "liability", "balance_sheet", "profit_and_loss");
    are(
        "tryton-hz.toml",
        &[
            ("1.1.1.01", "库存现金", other, "1001"),
            ("1.1.1.02", "银行存款—工商银行", other, "1002"),
            ("1.2.1", "Accounts, Notes And Loans Receivable", asset, "1122"),
            ("1.3.4.01", "库存商品", asset, "1405"),
            ("1.5.3.01", "固定资产—机器设备", other, "1601"),
            ("1.5.3.09", "累计折旧", other, "1602"),
            ("2.1.1", "Trade Payables", liability, "2202"),
            ("2.2.3.01", "应交税费—应交增值税（进项税额）", other, "2221"),
            ("2.2.4.02", "应付职工薪酬—社会保险费", other, "2211"),
            ("2.3.2.01", "短期借款—中国银行", other, "2001"),
            ("3.1.1.01", "实收资本", other, "4001"),
            ("3.2.1.01", "未分配利润", other, "4104"),
            ("4.1.1.01", "主营业务收入—产品销售收入", result, "6001"),
            ("4.1.2.01", "其他业务收入—维修服务收入", result, "6051"),
            ("5.1.3", "Services", result, "6401"),
            ("5.1.4.01", "制造费用—折旧费", result, "5101"),
            ("5.1.5.01", "暂估入库（在途）", result, "2202"),
            ("5.1.5.02", "发出商品", result, "1406"),
            ("5.2.1.01", "主营业务成本", result, "6401"),
            ("5.2.2.01", "管理费用—职工薪酬", result, "6602"),
            ("5.2.2.02", "销售费用—职工薪酬", result, "6601"),
            ("5.2.2.05", "研发费用—人员人工", result, "6604"),
            ("6.1.1.01", "其他收益—政府补助", result, "6117"),
            ("6.2.1.01", "财务费用—汇兑损益", result, "6603"),
            ("6.3.4.01", "税金及附加", other, "6403"),
            ("6.3.10.01", "所得税费用", other, "6801"),
        ],
        // The ERP closes these at year end as expenses; the standard has them on the balance sheet.
        &[
            ("account-class-disagrees", "5.1.4.01"),
            ("account-class-disagrees", "5.1.5.01"),
            ("account-class-disagrees", "5.1.5.02"),
        ],
    );
}

#[test]
fn every_account_of_the_odoo_company_is_one_of_the_standard() {
    let (asset, liability, result) = ("asset", "liability", "profit_and_loss");
    are(
        "odoo-sz.toml",
        &[
            ("100201", "银行", asset, "1002"),
            ("100204", "未结清付款", asset, "1002"),
            ("112200", "应收账款", asset, "1122"),
            ("140601", "发出商品", asset, "1406"),
            ("160201", "累计折旧—机器设备", asset, "1602"),
            ("222100", "应交税金", liability, "2221"),
            ("222112", "应交税费—城建税及附加", liability, "2221"),
            ("500100", "生产成本", result, "5001"),
            ("510100", "制造费用", result, "5101"),
            ("640300", "营业税金及附加", result, "6403"),
            ("660210", "研发费用", result, "6604"),
            ("660310", "财务费用—汇兑损益", result, "6603"),
            ("680100", "所得税", result, "6801"),
        ],
        &[("account-class-disagrees", "500100"), ("account-class-disagrees", "510100")],
    );
}
