/*!
The print as PDF, with a subset of the font that was found in it. The same print with the same font is the same bytes.

Places and sizes are whole thousandths of a point; they become floats in one place, where the library asks for them.
*/

use krilla::{
    Document,
    color::rgb,
    geom::{PathBuilder, Point, Rect},
    metadata::Metadata,
    num::NormalizedF32,
    page::PageSettings,
    paint::{Fill, Stroke},
    surface::Surface,
    text::{Font, TextDirection},
};
use model::Finding;
use ttf_parser::Face;
use ui::Lang;

use super::{Field, Mark, Print, Sheet, squares};
use crate::output::label;

/// Thousandths of a point.
type Milli = i64;

/// A4, lying.
const WIDTH: Milli = 841_890;
const HEIGHT: Milli = 595_276;
const MARGIN: Milli = 34_000;
/// Sizes of letters.
const PLAIN: Milli = 8_000;
const SMALL: Milli = 6_200;
const TITLE: Milli = 15_000;
/// Space between text and line.
const GAP: Milli = 3_000;

#[expect(clippy::cast_precision_loss, reason = "a page is some million thousandths wide")]
#[expect(clippy::float_arithmetic, reason = "the library measures in floats; nothing here is money")]
fn points(length: Milli) -> f32 {
    length as f32 / 1000.0
}

/// The print as PDF.
pub fn pdf(print: &Print, font: Vec<u8>) -> Result<Vec<u8>, Finding> {
    let refused = |reason: String| Finding::error("output-refused").with("reason", reason);
    let face = Face::parse(&font, 0).map_err(|error| refused(error.to_string()))?;
    let mut pages = Pages { face, done: Vec::new(), now: Vec::new(), y: MARGIN };
    if !print.title.is_empty() {
        pages.line(&print.title, TITLE, Align::Middle);
    }
    if let Some(mark) = &print.mark {
        pages.mark(mark, print.lang);
    }
    for (at, form) in print.forms.iter().enumerate() {
        if at > 0 {
            pages.turn();
        }
        pages.form(form, print.lang);
    }
    if print.signing {
        pages.signing(print.lang);
    }
    pages.turn();
    pages.feet(print);
    let drawn = pages.done;
    let font = Font::new(font.clone().into(), 0).ok_or_else(|| refused("font".to_owned()))?;
    let mut document = Document::new();
    for page in &drawn {
        let settings = PageSettings::from_wh(points(WIDTH), points(HEIGHT)).ok_or_else(|| refused("page".to_owned()))?;
        let mut page_now = document.start_page_with(settings);
        let mut surface = page_now.surface();
        page.iter().for_each(|mark| draw(&mut surface, &font, mark));
        surface.finish();
        page_now.finish();
    }
    let title = print.forms.first().map_or("", |form| form.title.as_str());
    let language = if print.lang == Lang::Zh { "zh-CN" } else { "en" };
    document.set_metadata(Metadata::new().title(title.to_owned()).language(language.to_owned()));
    document.finish().map_err(|error| refused(format!("{error:?}")))
}

/// Something on a page.
enum Drawn {
    Text { x: Milli, y: Milli, size: Milli, text: String, grey: bool },
    Box { x: Milli, y: Milli, width: Milli, height: Milli, fill: Option<u8> },
}

fn draw(surface: &mut Surface<'_>, font: &Font, drawn: &Drawn) {
    let plain = |shade: u8| Fill {
        paint: rgb::Color::new(shade, shade, shade).into(),
        opacity: NormalizedF32::ONE,
        rule: Default::default(),
    };
    match drawn {
        Drawn::Text { x, y, size, text, grey } => {
            surface.set_stroke(None);
            surface.set_fill(Some(plain(if *grey { 110 } else { 0 })));
            surface.draw_text(
                Point::from_xy(points(*x), points(*y)),
                font.clone(),
                points(*size),
                text,
                false,
                TextDirection::LeftToRight,
            );
        }
        Drawn::Box { x, y, width, height, fill } => {
            let Some(area) = Rect::from_xywh(points(*x), points(*y), points(*width), points(*height)) else { return };
            let mut path = PathBuilder::new();
            path.push_rect(area);
            let Some(path) = path.finish() else { return };
            surface.set_fill(fill.map(plain));
            let line = Stroke { paint: rgb::Color::new(120, 120, 120).into(), width: points(400), ..Stroke::default() };
            surface.set_stroke(if fill.is_some_and(|shade| shade == 0) { None } else { Some(line) });
            surface.draw_path(&path);
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Align {
    Left,
    Middle,
}

/// Pages being filled from top to bottom.
struct Pages<'a> {
    face: Face<'a>,
    done: Vec<Vec<Drawn>>,
    now: Vec<Drawn>,
    y: Milli,
}

impl Pages<'_> {
    /// Width of a text.
    fn wide(&self, text: &str, size: Milli) -> Milli {
        let em = Milli::from(self.face.units_per_em()).max(1);
        let of = |letter| self.face.glyph_index(letter).and_then(|glyph| self.face.glyph_hor_advance(glyph));
        text.chars().map(|letter| of(letter).map_or(em, Milli::from)).sum::<Milli>() * size / em
    }

    /// A text in lines that are no wider than `width`.
    fn broken(&self, text: &str, size: Milli, width: Milli) -> Vec<String> {
        let (mut lines, mut line, mut used) = (Vec::new(), String::new(), 0);
        for letter in text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }) {
            let one = self.wide(letter.encode_utf8(&mut [0; 4]), size);
            if used + one > width && !line.is_empty() {
                lines.push(std::mem::take(&mut line));
                used = 0;
            }
            line.push(letter);
            used += one;
        }
        if !line.is_empty() {
            lines.push(line);
        }
        lines
    }

    fn turn(&mut self) {
        if !self.now.is_empty() {
            self.done.push(std::mem::take(&mut self.now));
        }
        self.y = MARGIN;
    }

    /// Makes room for `height`, on a new page where this one has none left.
    fn room(&mut self, height: Milli) -> bool {
        let turned = self.y + height > HEIGHT - MARGIN && !self.now.is_empty();
        if turned {
            self.turn();
        }
        turned
    }

    fn text(&mut self, x: Milli, y: Milli, size: Milli, text: &str, grey: bool) {
        self.now.push(Drawn::Text { x, y, size, text: text.to_owned(), grey });
    }

    fn line(&mut self, text: &str, size: Milli, align: Align) {
        for line in self.broken(text, size, WIDTH - 2 * MARGIN) {
            self.room(size * 3 / 2);
            let free = WIDTH - 2 * MARGIN - self.wide(&line, size);
            let x = MARGIN + if align == Align::Middle { free / 2 } else { 0 };
            self.text(x, self.y + size, size, &line, false);
            self.y += size * 3 / 2;
        }
    }

    fn mark(&mut self, mark: &Mark, lang: Lang) {
        let squares = squares(&mark.code);
        let side = 1_800;
        let height = side * i64::try_from(squares.len()).unwrap_or(0);
        self.room(height + GAP);
        for (y, row) in (0..).zip(&squares) {
            for (x, _) in (0..).zip(row).filter(|(_, dark)| **dark) {
                self.now.push(Drawn::Box {
                    x: MARGIN + x * side,
                    y: self.y + y * side,
                    width: side,
                    height: side,
                    fill: Some(0),
                });
            }
        }
        let x = MARGIN + height + 12_000;
        self.text(x, self.y + 20_000, PLAIN, &label(lang, mark.name), true);
        self.text(x, self.y + 34_000, PLAIN, &mark.digest, false);
        self.y += height + 4 * GAP;
    }

    /// Pairs of label and value in two columns.
    fn facts(&mut self, facts: &[(String, String)]) {
        let width = (WIDTH - 2 * MARGIN) / 2;
        for pair in facts.chunks(2) {
            let cells: Vec<Vec<String>> =
                pair.iter().map(|(name, value)| self.broken(&format!("{name}：{value}"), PLAIN, width - 2 * GAP)).collect();
            let lines = cells.iter().map(Vec::len).max().unwrap_or(0);
            self.room(PLAIN * 3 / 2 * i64::try_from(lines).unwrap_or(1));
            for (column, cell) in (0..).zip(&cells) {
                for (at, line) in (1..).zip(cell) {
                    self.text(MARGIN + column * width, self.y + at * PLAIN * 3 / 2, PLAIN, line, false);
                }
            }
            self.y += PLAIN * 3 / 2 * i64::try_from(lines).unwrap_or(1);
        }
        self.y += GAP;
    }

    fn form(&mut self, form: &Sheet, lang: Lang) {
        self.line(&form.title, TITLE, Align::Middle);
        self.facts(&form.facts);
        if !form.marks.is_empty() {
            self.line(&form.marks.join("；"), PLAIN, Align::Left);
        }
        let heads: Vec<String> = form.columns.iter().map(|(name, _)| name.clone()).collect();
        let numbers: Vec<bool> = form.columns.iter().map(|(_, number)| *number).collect();
        self.table(&heads, &numbers, &form.rows);
        for (rows, columns, title) in [
            (&form.adjustments, ["code", "adjustment", "adjustment-reason", "by"], "sheet-adjustments"),
            (&form.explanations, ["rule", "cause", "explanation", "by"], "sheet-explanations"),
        ] {
            if rows.is_empty() {
                continue;
            }
            self.y += 2 * GAP;
            self.line(&label(lang, title), PLAIN * 5 / 4, Align::Left);
            let rows: Vec<Vec<Field>> =
                rows.iter().map(|row| row.iter().map(|text| Field::of(text.as_str())).collect()).collect();
            self.table(&columns.map(|name| label(lang, name)), &[false; 4], &rows);
        }
        self.y += 2 * GAP;
        self.facts(&form.foot);
        self.facts(&form.remarks);
    }

    /// Widths of columns: as their longest text asks, and together as wide as the page.
    fn widths(&self, heads: &[String], rows: &[Vec<Field>]) -> Vec<Milli> {
        let asked: Vec<Milli> = heads
            .iter()
            .enumerate()
            .map(|(at, head)| {
                let texts = rows.iter().filter_map(|row| row.get(at)).map(|field| self.wide(&field.text, PLAIN));
                texts.chain([self.wide(head, PLAIN)]).max().unwrap_or(0).min((WIDTH - 2 * MARGIN) / 2) + 2 * GAP
            })
            .collect();
        let total = asked.iter().sum::<Milli>().max(1);
        asked.iter().map(|width| width * (WIDTH - 2 * MARGIN) / total).collect()
    }

    fn table(&mut self, heads: &[String], numbers: &[bool], rows: &[Vec<Field>]) {
        let widths = self.widths(heads, rows);
        let head: Vec<Field> = heads.iter().map(|head| Field::of(head.as_str())).collect();
        self.row(&head, &widths, &vec![false; heads.len()], Some(236), None);
        for row in rows {
            self.row(row, &widths, numbers, None, Some(&head));
        }
    }

    /// A row of a table; on a new page its heads come first.
    fn row(&mut self, row: &[Field], widths: &[Milli], numbers: &[bool], fill: Option<u8>, head: Option<&[Field]>) {
        let cells: Vec<Vec<String>> =
            row.iter().zip(widths).map(|(field, width)| self.broken(&field.text, PLAIN, width - 2 * GAP)).collect();
        let below = row.iter().any(|field| !field.below.is_empty());
        let lines = i64::try_from(cells.iter().map(Vec::len).max().unwrap_or(1).max(1)).unwrap_or(1);
        let height = lines * PLAIN * 5 / 4 + if below { SMALL * 5 / 4 } else { 0 } + GAP;
        if self.room(height)
            && let Some(head) = head
        {
            self.row(head, widths, &vec![false; head.len()], Some(236), None);
        }
        let mut x = MARGIN;
        for (((field, lines), width), number) in row.iter().zip(&cells).zip(widths).zip(numbers) {
            self.now.push(Drawn::Box { x, y: self.y, width: *width, height, fill: fill.or(Some(255)) });
            let mut y = self.y;
            for line in lines {
                y += PLAIN * 5 / 4;
                let left = if *number { width - GAP - self.wide(line, PLAIN) } else { GAP };
                self.text(x + left, y, PLAIN, line, field.missing);
            }
            if !field.below.is_empty() {
                let left = if *number { width - GAP - self.wide(&field.below, SMALL) } else { GAP };
                self.text(x + left, y + SMALL * 5 / 4, SMALL, &field.below, true);
            }
            x += width;
        }
        self.y += height;
    }

    /// On each page, which it is of how many, and the digest: a page that was exchanged shows.
    fn feet(&mut self, print: &Print) {
        let count = self.done.len();
        let digest = print.mark.as_ref().map_or("", |mark| mark.digest.as_str());
        for (at, page) in (1..).zip(&mut self.done) {
            let text = format!("{digest}  {at}/{count}");
            page.push(Drawn::Text { x: MARGIN, y: HEIGHT - MARGIN / 2, size: SMALL, text, grey: true });
        }
    }

    fn signing(&mut self, lang: Lang) {
        self.room(60_000);
        let width = (WIDTH - 2 * MARGIN) / 2;
        for (at, name) in (0..).zip(["paper-signature", "paper-date"]) {
            let x = MARGIN + at * width;
            self.text(x, self.y + 40_000, PLAIN, &label(lang, name), false);
            self.now.push(Drawn::Box { x, y: self.y + 44_000, width: width - 24_000, height: 400, fill: Some(0) });
        }
        self.y += 60_000;
    }
}
