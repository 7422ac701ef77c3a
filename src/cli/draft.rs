/*! `taizhang draft`: report drafts, shown, listed and exported. */

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueEnum};
use journal::Digest;
use model::{Finding, Month};
use store::Store;
use survey::document::{Column, Draft, Note};

use super::Ctx;
use crate::{
    build::{self, Outcome},
    config::Agent,
    delivery::outbox,
    output::{self, Format, Table, label},
    print::{self, Beside, Mark, Print, Sheet},
    report::{self, Failure},
    sheet,
    stale::{self, Watch},
};

/// What to do with drafts.
#[derive(Subcommand)]
pub enum What {
    /// 所有草稿 Every draft that was built
    List,
    /// 显示草稿 A draft as the form has it; computed and not kept where there is none
    Show(Which),
    /// 导出草稿 A draft as JSON, XLSX, CSV, SDMX, or a page to read and print
    Export {
        #[command(flatten)]
        which: Which,
        /// 文件种类 Kind of file
        #[arg(long, value_enum)]
        to: Option<Kind>,
        /// 文件，几张表时为文件夹；JSON 和 CSV 不给则到标准输出 File, or folder for several forms; JSON and CSV go to stdout where absent
        #[arg(long)]
        out: Option<PathBuf>,
    },
}

/// Which drafts.
#[derive(Args)]
pub struct Which {
    /// 表号，不给则每张表 Form code; every form where absent
    #[arg(long)]
    form: Option<String>,
    /// 账套 id，不给则该表的每个账套 Book id; every book of the form where absent
    #[arg(long)]
    book: Option<String>,
    /// 月份 Month, YYYY-MM
    #[arg(long)]
    period: Month,
}

/// Kinds of files.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// 给程序 Machine contract.
    Json,
    /// 按表式的工作簿 Workbook in the form's layout.
    Xlsx,
    /// 表格 Table for spreadsheets.
    Csv,
    /// SDMX-CSV 2.0 and SDMX-ML 3.0 with its structure.
    Sdmx,
    /// 按表式的网页 A page in the form's layout.
    Html,
    /// 按表式的 PDF PDF in the form's layout.
    Pdf,
}

impl Kind {
    const fn ending(self) -> &'static str {
        match self {
            Kind::Json => "json",
            Kind::Xlsx => "xlsx",
            Kind::Csv => "csv",
            Kind::Sdmx => "sdmx.csv",
            Kind::Html => "html",
            Kind::Pdf => "pdf",
        }
    }
}

/// Runs the verb.
pub fn run(ctx: &Ctx, what: &What) -> Result<Vec<Finding>, Failure> {
    match what {
        What::List => list(ctx),
        What::Show(which) => {
            let (outcomes, findings) = drafts(ctx, which)?;
            let drafts: Vec<Draft> = outcomes.into_iter().map(|outcome| outcome.draft).collect();
            match ctx.format {
                Format::Json => json(&drafts, which.form.is_some(), None)?,
                Format::Csv => output::say(&sheet::drafts(&drafts, false)?)?,
                Format::Table => drafts.iter().try_for_each(|draft| people(ctx, draft))?,
            }
            Ok(findings)
        }
        What::Export { which, to, out } => {
            let to = match (to, ctx.format) {
                (Some(to), _) => *to,
                // --format is for what goes to the screen; who says it here means the same.
                (None, Format::Json) => Kind::Json,
                (None, Format::Csv) => Kind::Csv,
                (None, Format::Table) => return Err(Failure::config(Finding::error("kind-missing").at("--to"))),
            };
            let (outcomes, findings) = drafts(ctx, which)?;
            if !matches!(to, Kind::Json | Kind::Csv) {
                files(ctx, to, outcomes, out.as_deref())?;
                return Ok(report::grave(findings));
            }
            let drafts: Vec<Draft> = outcomes.into_iter().map(|outcome| outcome.draft).collect();
            match (to, out) {
                (Kind::Json, out) => json(&drafts, which.form.is_some(), out.as_deref())?,
                (_, None) => output::say(&sheet::drafts(&drafts, true)?)?,
                (_, Some(path)) => sheet::save(path, sheet::drafts(&drafts, true)?.as_bytes())?,
            }
            Ok(report::grave(findings))
        }
    }
}

/// Writes each draft as a file of its own, and says where.
fn files(ctx: &Ctx, to: Kind, outcomes: Vec<Outcome>, out: Option<&Path>) -> Result<(), Failure> {
    let (agent, store) = ctx.open()?;
    let several = outcomes.len() > 1;
    let font = if to == Kind::Pdf { print::font::find().map_err(Failure::config)? } else { Vec::new() };
    for outcome in outcomes {
        let path = target(out, &outcome.draft, several, to);
        let mut written = vec![path.clone()];
        match to {
            Kind::Xlsx => {
                let beside = Beside::of(&agent, &store, &outcome.draft)?;
                sheet::draft(&path, &outcome.draft, outcome.ledger, &store, ctx.lang, &beside)?;
            }
            Kind::Sdmx => {
                let drafts = [outcome.draft];
                let name = path.display().to_string();
                let stem = [".sdmx.csv", ".csv", ".sdmx.xml", ".xml", ".sdmx"].iter().find_map(|end| name.strip_suffix(end));
                let at = |end: &str| PathBuf::from(format!("{}.{end}", stem.unwrap_or(&name)));
                let (path, ml, structure) = (at("sdmx.csv"), at("sdmx.xml"), at("dsd.xml"));
                written = vec![path.clone()];
                sheet::save(&path, survey::sdmx::csv(&drafts).as_bytes())?;
                sheet::save(&ml, survey::sdmx::ml(&drafts, false).as_bytes())?;
                sheet::save(&structure, survey::sdmx::structure().as_bytes())?;
                written.extend([ml, structure]);
            }
            _ => {
                let print = printed(ctx, (&agent, &store), &outcome)?;
                let bytes = match to {
                    Kind::Pdf => print::pdf(&print, font.clone()).map_err(Failure::source)?,
                    _ => print::html(&print).into_bytes(),
                };
                sheet::save(&path, &bytes)?;
            }
        }
        output::say(&written.iter().map(|path| format!("{}\n", path.display())).collect::<String>())?;
    }
    Ok(())
}

/// A draft to be printed under the digest that `approve` asks for; what is not kept has none yet.
fn printed(ctx: &Ctx, (agent, store): (&Agent, &Store), outcome: &Outcome) -> Result<Print, Failure> {
    let draft = &outcome.draft;
    let kept = store.current_draft(&draft.book, &draft.form, &draft.period)?.filter(|_| outcome.version > 0);
    let digest = kept.map(|version| Digest::of(version.body.as_bytes()).to_string());
    let mark = digest.as_ref().map(|digest| Mark {
        name: "draft-digest",
        digest: digest.clone(),
        code: format!("taizhang:draft:{}:{}:{digest}", draft.form, draft.period),
    });
    let forms = vec![Sheet::of(draft, digest.as_deref().unwrap_or("—"), ctx.lang, &Beside::of(agent, store, draft)?)];
    Ok(Print { lang: ctx.lang, title: String::new(), mark, forms, signing: false })
}

/// Where a file goes: `out`, or a name of its own in `out` or here.
fn target(out: Option<&Path>, draft: &Draft, several: bool, kind: Kind) -> PathBuf {
    let name = format!("{}-{}-{}.{}", draft.form, draft.period, draft.book, kind.ending());
    match out {
        None => name.into(),
        Some(path) if several || path.is_dir() => path.join(name),
        Some(path) => path.to_owned(),
    }
}

fn list(ctx: &Ctx) -> Result<Vec<Finding>, Failure> {
    let (agent, store) = ctx.open()?;
    let (mut rows, mut findings) = (Vec::new(), Vec::new());
    let mut watch = Watch::new(&agent, &store);
    let ways = outbox::drafts_on_their_way(&store)?;
    for version in store.current_drafts()? {
        let draft = build::read(&version)?;
        let way = ways.get(&[version.form.clone(), version.book.clone(), version.period.clone()]).copied();
        let moved = build::touched(&store, &draft)?;
        // A book that is configured no more has no mapping to compare with.
        let mut marks = match agent.book(Some(&draft.book)) {
            Ok(book) => watch.texts(book, &draft)?,
            Err(_) => Vec::new(),
        };
        findings.extend(marks.extract_if(.., |finding| !stale::is_mark(finding)));
        let told: Vec<&str> = [("evidence-changed", &moved.books), ("measures-changed", &moved.measures)]
            .into_iter()
            .filter_map(|(code, cells)| (!cells.is_empty()).then_some(code))
            .collect();
        let moved = moved.cells().len();
        let stale = stale::MARKS.iter().filter(|code| told.contains(code) || marks.iter().any(|finding| finding.code == **code));
        let stale: Vec<&str> = stale.copied().collect();
        let word = |word: &str| if ctx.people() { label(ctx.lang, word) } else { word.to_owned() };
        let books = word(books(&draft));
        let due = word(if draft.due { "due" } else { "not-due" });
        rows.push(vec![
            version.form,
            version.edition,
            version.book,
            version.period,
            ctx.state(&version.state, way),
            version.version.to_string(),
            due,
            books,
            moved.to_string(),
            stale::shown(ctx.people().then_some(ctx.lang), &stale),
            way.map_or_else(String::new, |way| way.tries.to_string()),
            version.operation.to_string(),
        ]);
    }
    findings.sort_by(|a: &Finding, b| (&a.code, &a.place).cmp(&(&b.code, &b.place)));
    findings.dedup();
    let columns =
        ["form", "edition", "book", "period", "state", "version", "due", "books", "touched", "stale", "tries", "operation"];
    Table { columns: &columns, numbers: &["version", "touched", "tries", "operation"], rows }.write(ctx.format, ctx.lang)?;
    Ok(findings)
}

/// Whether the books of a draft were closed, open, or never read so far.
fn books(draft: &Draft) -> &'static str {
    if draft.cells.iter().any(|cell| cell.status == "not_read") {
        "books-unread"
    } else if draft.books_open {
        "books-open"
    } else {
        "books-closed"
    }
}

/// The drafts that are meant, with what was found; a draft's own findings are told too.
fn drafts(ctx: &Ctx, which: &Which) -> Result<(Vec<Outcome>, Vec<Finding>), Failure> {
    let (agent, mut store) = ctx.open()?;
    let books = match &which.book {
        Some(id) => vec![agent.book(Some(id))?],
        None => agent.books_of(which.form.as_deref()),
    };
    let (mut drafts, mut findings) = (Vec::new(), Vec::new());
    for book in books {
        let configured = crate::forms::configured(&agent, book, which.form.as_deref())?;
        for form in configured.iter().filter(|form| which.form.as_ref().is_none_or(|code| form.code == *code)) {
            let (outcome, found) = build::current(&agent, &mut store, book, &form.code, which.period)?;
            findings.extend(found);
            let known = outcome.draft.findings.iter().map(Note::finding);
            findings.extend(known.collect::<Vec<_>>());
            drafts.push(outcome);
        }
    }
    let mut unique: Vec<Finding> = Vec::new();
    for finding in findings {
        // A kept note has its values in another order.
        if !unique.iter().any(|known| Note::from(known) == Note::from(&finding)) {
            unique.push(finding);
        }
    }
    // What held back figures when the draft was built does not hold back showing it.
    unique.iter_mut().for_each(|finding| finding.level = finding.level.min(model::Level::Warning));
    Ok((drafts, unique))
}

fn json(drafts: &[Draft], one: bool, out: Option<&Path>) -> Result<(), Failure> {
    let lost = |error: serde_json::Error| Failure::source(Finding::error("output-refused").with("reason", error));
    let value = match drafts {
        [draft] if one => serde_json::to_value(draft),
        drafts => serde_json::to_value(drafts),
    };
    let value = value.map_err(lost)?;
    match out {
        None => output::json(&value),
        Some(path) => {
            let text = serde_json::to_string_pretty(&value).map_err(lost)?;
            sheet::save(path, (text + "\n").as_bytes())
        }
    }
}

/// The form as people read it.
fn people(ctx: &Ctx, draft: &Draft) -> Result<(), Failure> {
    let label = |name: &str| label(ctx.lang, name);
    let gap = |text: &str| if text.is_empty() { "—".to_owned() } else { text.to_owned() };
    let mut head = format!("{}  {}\n", draft.form, draft.name);
    let head_line = |pairs: &[(&str, &str)]| {
        pairs
            .iter()
            .map(|(name, value)| format!("{}{}{}", label(name), label("colon"), gap(value)))
            .collect::<Vec<_>>()
            .join("    ")
            + "\n"
    };
    head += &head_line(&[("unit-name", &draft.unit.name), ("unit-code", &draft.unit.code)]);
    let header = &draft.header;
    let facts = [("period", draft.period.as_str()), ("money-unit", &header.money_unit), ("edition", &draft.edition)];
    head += &head_line(&facts);
    head += &head_line(&[("authority", &header.authority), ("document", &header.document), ("valid-until", &header.valid_until)]);
    if books(draft) != "books-closed" {
        head += &format!("【{}】\n", label(books(draft)));
    }
    for stale in stale::MARKS.into_iter().filter(|code| draft.findings.iter().any(|n| n.code == *code)) {
        head += &format!("【{}】\n", label(stale));
    }
    if !draft.due {
        head += &format!("【{}】\n", label("not-due"));
    }
    output::say(&(head + "\n"))?;
    let shown: Vec<&str> = draft.shown().into_iter().filter(|name| *name != "prior_year_month").collect();
    let columns = [&["code", "name", "unit"], &shown[..], &["growth", "status"]].concat();
    // What was reported stands where the books have nothing, and says so.
    let reported = |column: &Column| column.platform.as_ref().map(|value| format!("{value} ({})", label("platform")));
    let missing = |column: &Column| reported(column).unwrap_or_else(|| "—".to_owned());
    let computed = |column: &Column| column.value.clone().unwrap_or_else(|| missing(column));
    let rows = draft.cells.iter().map(|cell| {
        let value = |column: Option<&Column>| {
            column.map(|column| match cell.adjusted(column) {
                Some(made) => format!("{} ({} {})", made.reported, label("computed"), computed(column)),
                None => computed(column),
            })
        };
        let growth = match survey::grown(&cell.columns) {
            survey::Grown::None => String::new(),
            survey::Grown::Percent(percent) => format!("{percent}%"),
            survey::Grown::Meaningless { difference, .. } => {
                format!("— ({})", ui::text(ctx.lang, "label-growth-difference", &[("difference", difference)]))
            }
        };
        let mut row = vec![cell.id.clone(), cell.name.clone(), cell.unit.clone()];
        row.extend(shown.iter().map(|name| value(cell.columns.shown(name)).unwrap_or_default()));
        row.push(growth);
        row.push(label(&format!("status-{}", cell.status.replace('_', "-"))) + if cell.changed { " *" } else { "" });
        row
    });
    let numbers = [&shown[..], &["growth"]].concat();
    Table { columns: &columns, numbers: &numbers, rows: rows.collect() }.write(Format::Table, ctx.lang)?;
    for said in &draft.explanations {
        let cause = crate::output::label(ctx.lang, "explanation");
        output::say(&format!("\n{cause}  {} [{}] {} ({})\n", said.rule, said.cause, said.text, said.by))?;
    }
    let foot = &draft.footer;
    let people = [("head", foot.head.as_str()), ("statistician", &foot.statistician), ("preparer", &foot.preparer)];
    output::say(&format!("\n{}{}\n", head_line(&people), head_line(&[("phone", &foot.phone), ("sent-on", &foot.sent_on)])))
}
