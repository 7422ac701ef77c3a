/*! Results on stdout: one table, three renderings. Machine formats have English headers in every language. */

use std::io::{Write, stdout};

use model::Finding;
use serde_json::{Map, Value};
use ui::Lang;
pub use ui::label;

use unicode_width::UnicodeWidthStr;

use crate::report::Failure;

/// A column of a form as people see it: what stands at the end of a month is money, people or pieces, and no balance of an account.
pub fn at_end(column: &str) -> &str {
    if column == "closing" { "at_end" } else { column }
}

/// How results are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// 给人看 For people.
    Table,
    /// JSON An array of objects; numbers are decimal strings.
    Json,
    /// CSV UTF-8 without BOM.
    Csv,
}

/// A result of rows and columns. Column names are the machine's; `label-<name>` in the catalogue is what people read.
pub struct Table<'a> {
    /// Machine names of the columns.
    pub columns: &'a [&'a str],
    /// Columns that hold numbers and stand on the right.
    pub numbers: &'a [&'a str],
    /// The cells.
    pub rows: Vec<Vec<String>>,
}

impl Table<'_> {
    /// Writes the table to stdout.
    pub fn write(&self, format: Format, lang: Lang) -> Result<(), Failure> {
        match format {
            Format::Table => self.people(lang),
            Format::Json => {
                let object = |row: &Vec<String>| {
                    let cells = self.columns.iter().zip(row).map(|(name, cell)| ((*name).to_owned(), Value::from(cell.as_str())));
                    Value::Object(cells.collect::<Map<_, _>>())
                };
                json(&Value::Array(self.rows.iter().map(object).collect()))
            }
            Format::Csv => {
                let mut sheet = csv::Writer::from_writer(stdout().lock());
                let refused = |error: csv::Error| lost(&error);
                sheet.write_record(self.columns).map_err(refused)?;
                for row in &self.rows {
                    sheet.write_record(row).map_err(refused)?;
                }
                sheet.flush().map_err(|error| lost(&error))
            }
        }
    }

    fn people(&self, lang: Lang) -> Result<(), Failure> {
        // A head without a body says nothing; findings tell why there is none.
        if self.rows.is_empty() {
            return Ok(());
        }
        let titles: Vec<String> = self.columns.iter().map(|name| label(lang, name)).collect();
        // A text of two lines, as some ERPs keep them, would break the row.
        let line = |row: &Vec<String>| row.iter().map(|cell| cell.replace(['\n', '\r', '\t'], " ")).collect::<Vec<String>>();
        let rows: Vec<Vec<String>> = self.rows.iter().map(line).collect();
        let width = |at: usize| {
            let cells = rows.iter().map(|row| row[at].width());
            cells.chain([titles[at].width()]).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..titles.len()).map(width).collect();
        let mut text = String::new();
        for row in std::iter::once(&titles).chain(&rows) {
            let mut line = String::new();
            for ((cell, width), name) in row.iter().zip(&widths).zip(self.columns).filter(|(_, name)| !MACHINE.contains(name)) {
                let gap = " ".repeat(width - cell.width());
                let cells = if self.numbers.contains(name) { [gap.as_str(), cell] } else { [cell, gap.as_str()] };
                line.push_str(&cells.concat());
                line.push_str("  ");
            }
            text.push_str(line.trim_end());
            text.push('\n');
        }
        say(&text)
    }
}

/// Columns that only programs read: the number of the operation in the log, and how often a package was tried, which people read in its state.
const MACHINE: [&str; 2] = ["operation", "tries"];

/// Writes text to stdout.
pub fn say(text: &str) -> Result<(), Failure> {
    stdout().lock().write_all(text.as_bytes()).map_err(|error| lost(&error))
}

/// Writes a JSON value and a line end to stdout.
pub fn json(value: &Value) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(value).map_err(|error| lost(&error))?;
    say(&format!("{text}\n"))
}

fn lost(error: &impl std::fmt::Display) -> Failure {
    Failure::source(Finding::error("output-refused").with("reason", error))
}
