/*!
Formulas of other tools, translated by hand and by the program; and what must hold whatever the text is.
*/
#![allow(clippy::unwrap_used, missing_docs, reason = "a test that cannot set up its case must fail")]

use formula::{
    Node,
    dialects::{CellName, Cells, Degree, Detected, Dialect, NoCells, Standing, detect, import, is_formula, looks_like_call},
    parse,
};
use model::Amount;
use proptest::prelude::*;

/// A small sheet: A5 is an account code, C5 and C6 are indicators, C7 is empty, C8 a number, C9 a heading.
struct Sheet;

impl Cells for Sheet {
    fn standing(&self, cell: &CellName) -> Standing {
        let reference = |code: &str| Standing::Named(Node::Reference { form: None, code: code.to_owned(), column: None });
        match (&cell.sheet, cell.column, cell.row) {
            (Some(_), ..) => Standing::Unknown,
            (None, 1, 5) => Standing::Text("1001".to_owned()),
            (None, 3, 5) => reference("201"),
            (None, 3, 6) => reference("202"),
            (None, 3, 7) => Standing::Empty,
            (None, 3, 8) => Standing::Number("-12.5".parse().unwrap()),
            (None, 3, 9) => Standing::Text("合计".to_owned()),
            _ => Standing::Unknown,
        }
    }
}

fn said(text: &str, dialect: Dialect) -> (Option<String>, Vec<(Degree, &'static str)>) {
    let imported = import(text, dialect, &Sheet);
    let remarks = imported.remarks.iter().map(|remark| (remark.degree, remark.fault.code)).collect();
    (imported.expr.map(|expr| expr.to_string()), remarks)
}

fn translated(dialect: Dialect, cases: &[(&str, &str)]) {
    for (text, expected) in cases {
        let (found, remarks) = said(text, dialect);
        assert_eq!(found.as_deref(), Some(*expected), "{text}: {remarks:?}");
    }
}

#[test]
fn ufo_is_translated() {
    translated(
        Dialect::Ufo,
        &[
            (r#"QM("1001",月,,,年,,)+QM("1002",月,,,年,,)"#, "QM(1001) + QM(1002)"),
            (r#"=QC("1001",全年,,,年,,)"#, "QC(1001, period=年)"),
            (r#"ＦＳ（“６００１”，月，“贷”，，年）"#, "FS(6001, side=贷)"),
            (r#"LFS("6001",月,"贷",,年-1)"#, "LFS(6001, side=贷, year=-1)"),
            (r#"LFS("6601",6,"借",,2024)"#, "LFS(6601, period=6, side=借, year=2024)"),
            // A blank where the balance is on the other side: UFO counts it as nothing.
            (r#"QM("1122",月,"借")"#, "max(QM(1122, side=借), 0)"),
            // Summed by customer: each customer's balance on that side.
            (r#"QM("112201",月,"借",,,"",,,"y","y","t",)"#, "QM(112201, detail=借)"),
            (r#"QM("1405",月-1,,"001",,"A01",)"#, r#"QM(1405, period=-1, any="A01")"#),
            (r#"DFS("52101","101",10,"借",,,"001",2011)"#, "DFS(52101, 101, period=10, side=借, year=2011)"),
            (r#"JE("6603",月,,年)"#, "JE(6603)"),
            (r#"JE("6603",月,,,年-1,,)"#, "JE(6603, year=-1)"),
            (r#"SQM("1405",月)*2.5%"#, "SQM(1405) * (2.5 / 100)"),
            (r#"IFF(QM("1122",月)>0,QM("1122",月),0)"#, "if(QM(1122) > 0, QM(1122), 0)"),
            (r#"IFF(QM("1122",月)>0 AND NOT QM("2203",月)<0,1,0)"#, "if(QM(1122) > 0 and not QM(2203) < 0, 1, 0)"),
            ("QM(A5,月)+C5-$C$6", "QM(1001) + [201] - [202]"),
            ("SUM(C5:C9)", "[201] + [202] + -12.5"),
            ("(C5+C7)/2", "([201] + 0) / 2"),
            ("QM(1001.01,月)", "QM(1001.01)"),
        ],
    );
}

#[test]
fn kingdee_is_translated_in_each_of_its_orders() {
    translated(
        Dialect::KingdeeK3,
        &[
            (r#"ACCT("1001:1012","Y","",0,0,0,"")"#, "QM(1001:1012)"),
            (r#"=ACCT("6001","SL","RMB",-1,0,0)"#, "SL(6001, year=-1)"),
            (r#"ACCT("6001","SY","",0,1,0,"")"#, "SL(6001)"),
            (r#"ACCT("6601","JF","",0,2,3,"")"#, "FS(6601, period=2, side=借) + FS(6601, period=3, side=借)"),
            (r#"ACCT("1122","JY","",0,0,0,"")"#, "max(QM(1122, side=借), 0)"),
            (r#"ACCT("1122|客户|","JY","",0,0,0,"")"#, "QM(1122, detail=借)"),
            (r#"ACCT("1122|客户|0017:0017","Y","",0,-1,-1,"")"#, r#"QM(1122, period=-1, party="0017")"#),
            (r#"ACCT("1001","AY","",0,0,0,"")"#, "abs(QM(1001, side=借))"),
            (r#"ACCT("6601:","SL","",0,0,0,"")"#, "SL(6601:9999)"),
            (r#"ACCT(":1012","C","",0,1,1,"")"#, "QC(0000:1012, period=1)"),
            (r#"ACCT("1002","Y","USD",0,0,0,"")"#, r#"WQM(1002, currency="USD")"#),
        ],
    );
    translated(
        Dialect::KingdeeCloud,
        &[
            (r#"ACCT("001","6001","SL",0,0,0,"")"#, "SL(6001)"),
            (r#"ACCT("","1405","DC",2025,3,3)"#, "max(QC(1405, period=3, side=贷, year=2025), 0)"),
        ],
    );
    translated(
        Dialect::KingdeeKis,
        &[
            (r#"ACCT("6001","SL",0,0,0,"","")"#, "SL(6001)"),
            (r#"ACCT("6401","JL",0,1,6,"RMB","")"#, "LFS(6401, period=6, side=借)"),
        ],
    );
    translated(
        Dialect::AcctQm,
        &[(r#"ACCT("1001","QM","",0,0,0)"#, "QM(1001)"), (r#"ACCT("6001","DLFS","",0,0,0)"#, "LFS(6001, side=贷)")],
    );
}

#[test]
fn what_is_not_understood_is_told_with_its_place() {
    for (dialect, text, code, place) in [
        (Dialect::Ufo, r#"QM("1001",月)+TFS("1001",月,"借")"#, "import-function", r#"TFS("1001",月,"借")"#),
        (Dialect::Ufo, r#""资产表"->C5@1 RELATION 月 WITH "资产表"->月"#, "import-relation", ">"),
        (Dialect::Ufo, "C5@2+1", "import-relation", "@"),
        (Dialect::Ufo, "C5+D9", "import-cell", "D9"),
        (Dialect::Ufo, "C5+C9", "import-text", "C9"),
        (Dialect::Ufo, "Sheet2!C5", "import-cell", "Sheet2!C5"),
        (Dialect::Ufo, r#"FS("6001",月)"#, "import-argument-missing", r#"FS("6001",月)"#),
        (Dialect::Ufo, r#"FS("6001",月,"d")"#, "import-argument", r#""d""#),
        (Dialect::Ufo, r#"DFS("2211","1002",月,"借","工资")"#, "import-argument", r#""工资""#),
        (Dialect::Ufo, r#"QM("1001",月"#, "formula-unclosed", ""),
        (Dialect::Ufo, r#"QM("1001",月) > 0"#, "formula-kind", r#"QM("1001",月) > 0"#),
        (Dialect::KingdeeK3, r#"ACCT("1001","BG","",0,0,0)"#, "import-argument", r#""BG""#),
        (Dialect::KingdeeK3, r#"ACCT("1122|客户|001:009","Y","",0,0,0)"#, "import-argument", r#""1122|客户|001:009""#),
        (Dialect::KingdeeK3, r#"ACCT("6001","SL","",0,-1,-1)"#, "import-argument", r#"ACCT("6001","SL","",0,-1,-1)"#),
        (Dialect::KingdeeK3, r#"REF_F("a",1)"#, "import-function", r#"REF_F("a",1)"#),
        (Dialect::KingdeeK3, r#"QM("1001",月)"#, "import-function", r#"QM("1001",月)"#),
    ] {
        let imported = import(text, dialect, &Sheet);
        assert!(imported.expr.is_none(), "{text}");
        let lost: Vec<_> = imported.remarks.iter().filter(|remark| remark.degree == Degree::Lost).collect();
        assert_eq!(lost.iter().map(|remark| remark.fault.code).collect::<Vec<_>>(), [code], "{text}");
        assert_eq!(&text[lost[0].fault.span.clone()].trim_end(), &place, "{text}");
    }
}

#[test]
fn what_a_person_must_look_at_is_told() {
    for (dialect, text, expected) in [
        (Dialect::Ufo, r#"QM("1001",月,,"002",2024)"#, vec!["import-book", "import-year"]),
        (Dialect::Ufo, r#"JE("6603",月)"#, vec!["import-net"]),
        (Dialect::Ufo, r#"QM("1001",月,,,,"",,,"y")"#, vec!["import-unposted"]),
        (Dialect::KingdeeK3, r#"ACCT("1122|仓库|A1","Y","",0,0,0,"账套二")"#, vec!["import-kind", "import-book"]),
        (Dialect::KingdeeCloud, r#"ACCT("001","1002","Y",0,0,0,"USD")"#, vec!["import-book", "import-currency"]),
    ] {
        let (found, remarks) = said(text, dialect);
        assert!(found.is_some(), "{text}: {remarks:?}");
        let check: Vec<_> = remarks.iter().filter(|(degree, _)| *degree == Degree::Check).map(|(_, code)| *code).collect();
        assert_eq!(check, expected, "{text}");
    }
}

#[test]
fn the_dialect_is_found_by_what_most_calls_say() {
    let of = |texts: &[&str]| {
        let Detected { dialect, votes, .. } = detect(texts.iter().copied());
        (dialect, votes)
    };
    assert_eq!(of(&[r#"QM("1001",月)+FS("6001",月,"贷")"#, "C5+C6"]), (Dialect::Ufo, (2, 2)));
    assert_eq!(of(&[r#"ACCT("1001","Y","",0,0,0,"")"#]), (Dialect::KingdeeK3, (1, 1)));
    assert_eq!(of(&[r#"ACCT("001","1001","Y",0,0,0,"")"#]), (Dialect::KingdeeCloud, (1, 1)));
    assert_eq!(of(&[r#"ACCT("1001","Y",0,0,0,"","")"#]), (Dialect::KingdeeKis, (1, 1)));
    assert_eq!(of(&[r#"ACCT("1001","QM","",0,0,0)"#]), (Dialect::AcctQm, (1, 1)));
    assert_eq!(of(&["1+1"]), (Dialect::Ufo, (0, 0)));
    let found = detect([r#"=ACCT("1001","JY","RMB",0,0,0)"#].into_iter());
    assert_eq!(found.evidence, r#"ACCT("1001","JY","RMB",0,0,0) [#2 = JY]"#);
}

#[test]
fn formulas_are_told_from_other_texts() {
    for text in [r#"QM("1001",月)"#, "  acct (1", "＝ＡＣＣＴ（1", "1+LFS(6001,月,贷)", r#"ACCT("1","BG","",0,0,0)"#] {
        assert!(is_formula(text), "{text}");
    }
    for text in ["", "营业收入（千元）", "(一) QM", "FIRMQM(1)", "SUM(C5:C6)", "其中：FS 系统"] {
        assert!(!is_formula(text), "{text}");
    }
}

#[test]
fn calls_that_somebody_typed_are_told_from_headings() {
    for text in [r#"SL("6401",月)+SL(“6402”，月)"#, "SELECT(?C5,年@=年 and 月@=月+1)", "ptotal（D2:D3）", r#"-GETGL("1001")"#]
    {
        assert!(looks_like_call(text), "{text}");
    }
    for text in ["Total (RMB)", "营业收入(a,b)", "D5+D6", "(a,b)", "Revenue, net (see note)", "EBITDA"] {
        assert!(!looks_like_call(text), "{text}");
    }
}

#[test]
fn cells_are_named_as_sheets_name_them() {
    for (text, column, row) in [("A1", 1, 1), ("$C$5", 3, 5), ("aa10", 27, 10), ("XFD1048576", 16384, 1_048_576)] {
        let cell = CellName::parse(text).unwrap();
        assert_eq!((cell.column, cell.row), (column, row), "{text}");
        assert_eq!(cell.to_string(), text.to_uppercase().replace('$', ""));
    }
    for text in ["", "5", "C", "C0", "ABCD5", "C5C", "C9999999999"] {
        assert_eq!(CellName::parse(text), None, "{text}");
    }
}

/// Pieces that formulas of all dialects are made of, and pieces that they are not.
const PIECES: [&str; 40] = [
    "QM(",
    "FS(",
    "LFS(",
    "JE(",
    "DFS(",
    "SQC(",
    "ACCT(",
    "IFF(",
    "SUM(",
    "REF(",
    "\"1001\"",
    "\"1122|客户|\"",
    "\"SL\"",
    "\"JY\"",
    "\"\"",
    "\"借\"",
    ",",
    "，",
    ")",
    "）",
    "月",
    "年",
    "-",
    "+",
    "*",
    "/",
    "1",
    "0",
    "2024",
    "C5",
    "C5:C9",
    "$C$6",
    "@",
    "->",
    ">",
    "=",
    " AND ",
    "NOT ",
    "%",
    "\"",
];

fn dialect() -> impl Strategy<Value = Dialect> {
    (0..Dialect::ALL.len()).prop_map(|at| Dialect::ALL[at].0)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4096, ..ProptestConfig::default() })]

    #[test]
    fn no_text_panics_and_what_is_understood_reads_back(
        pieces in prop::collection::vec(0..PIECES.len(), 0..24), dialect in dialect()
    ) {
        let text: String = pieces.into_iter().map(|at| PIECES[at]).collect();
        holds(&text, dialect);
    }

    #[test]
    fn neither_does_any_other(text in ".{0,60}", dialect in dialect()) {
        holds(&text, dialect);
    }

    #[test]
    fn calls_of_every_shape_are_read_or_refused(
        accounts in prop::sample::select(vec!["1001", "1001:1012", "6601:", ":1012", "1122|客户|", "1122|部门|01", ""]),
        item in prop::sample::select(vec!["C", "JC", "AY", "SY", "SL", "DL", "QM", "JFS", "BG", ""]),
        numbers in prop::collection::vec(-2_i64..14, 3),
        dialect in dialect(),
    ) {
        let [year, from, to] = [numbers[0], numbers[1], numbers[2]];
        for text in [
            format!(r#"ACCT("{accounts}","{item}","",{year},{from},{to},"")"#),
            format!(r#"ACCT("001","{accounts}","{item}",{year},{from},{to},)"#),
            format!(r#"ACCT("{accounts}","{item}",{year},{from},{to},"","")"#),
        ] {
            holds(&text, dialect);
        }
    }
}

fn holds(text: &str, dialect: Dialect) {
    let _ = detect(std::iter::once(text));
    let alone = import(text, dialect, &NoCells);
    let imported = import(text, dialect, &Sheet);
    for imported in [alone, imported] {
        for remark in &imported.remarks {
            // A place is one of the text, on the bounds of its characters.
            assert!(text.get(remark.fault.span.clone()).is_some(), "{text:?}: {remark:?}");
        }
        let lost = imported.remarks.iter().any(|remark| remark.degree == Degree::Lost);
        assert_eq!(imported.expr.is_none(), lost, "{text:?}");
        if let Some(expr) = imported.expr {
            let (again, faults) = parse(&expr.to_string());
            assert_eq!(faults, [], "{text:?} became {expr}");
            assert_eq!(again.unwrap(), expr, "{text:?}");
        }
    }
}

#[test]
fn a_very_long_or_deep_formula_is_refused() {
    for text in ["(".repeat(5000), "-".repeat(5000), "1+".repeat(5000), "IFF(".repeat(2000), format!("1{}", "+1".repeat(300))] {
        holds(&text, Dialect::Ufo);
        assert!(import(&text, Dialect::Ufo, &Sheet).expr.is_none());
    }
    assert_eq!(Amount::ZERO.to_string(), "0");
}
