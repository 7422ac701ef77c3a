//! Results on stdout. Machine formats have English headers in every language.

use std::io::{Write, stdout};

use model::Finding;
use serde_json::{Map, Value};
use ui::Lang;
use unicode_width::UnicodeWidthStr;

use crate::failure::Failure;

/// How results are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// 给人看 For people.
    Table,
    /// JSON An array of objects.
    Json,
    /// CSV UTF-8 without BOM.
    Csv,
}

fn lost(error: &impl std::fmt::Display) -> Failure {
    Failure::source(Finding::error("output-refused").with("reason", error))
}

/// Writes text to stdout.
pub fn say(text: &str) -> Result<(), Failure> {
    let mut out = stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(|error| lost(&error))
}

/// Writes rows. Names of columns are the machine's; `label-<name>` in the catalogue is what people read.
pub fn rows(format: Format, lang: Lang, columns: &[&str], rows: &[Vec<String>]) -> Result<(), Failure> {
    match format {
        Format::Json => {
            let object = |row: &Vec<String>| {
                let cells = columns.iter().zip(row).map(|(name, cell)| ((*name).to_owned(), Value::from(cell.as_str())));
                Value::Object(cells.collect::<Map<_, _>>())
            };
            let value = Value::Array(rows.iter().map(object).collect());
            say(&format!("{}\n", serde_json::to_string_pretty(&value).map_err(|error| lost(&error))?))
        }
        Format::Csv => {
            let mut sheet = csv::Writer::from_writer(Vec::new());
            sheet.write_record(columns).map_err(|error| lost(&error))?;
            rows.iter().try_for_each(|row| sheet.write_record(row)).map_err(|error| lost(&error))?;
            let bytes = sheet.into_inner().map_err(|error| lost(&error))?;
            say(&String::from_utf8_lossy(&bytes))
        }
        Format::Table => {
            let titles: Vec<String> = columns.iter().map(|name| title(lang, name)).collect();
            if rows.is_empty() {
                return Ok(());
            }
            let width = |at: usize| rows.iter().map(|row| row[at].width()).chain([titles[at].width()]).max().unwrap_or(0);
            let widths: Vec<usize> = (0..titles.len()).map(width).collect();
            let line = |row: &Vec<String>| {
                let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell}{}", " ".repeat(width - cell.width())));
                format!("{}\n", cells.collect::<Vec<_>>().join("  ").trim_end())
            };
            say(&std::iter::once(&titles).chain(rows).map(line).collect::<String>())
        }
    }
}

/// What people read for a column: programs know these names; people read what stands in the column.
pub fn title(lang: Lang, name: &str) -> String {
    let none: [(&str, &str); 0] = [];
    let shown = match name {
        "unit" => "unit-code",
        "person" => "person-name",
        name => name,
    };
    ui::text(lang, &format!("label-{}", shown.replace('_', "-")), &none)
}
