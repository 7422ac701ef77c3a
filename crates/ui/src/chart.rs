/*! Series as SVG: made here, so that they print and need no script. All lengths are whole numbers; what is drawn stands in a table too. */

use maud::{Markup, html};

use crate::{Lang, grouped, label};

/// One month of a series.
pub struct Point {
    /// Below the axis.
    pub label: String,
    /// The figure, counted in one unit for the whole series; none where it is missing, which leaves a gap.
    pub now: Option<i128>,
    /// The year before, behind it.
    pub before: Option<i128>,
    /// Both as people read them, in the table.
    pub texts: [String; 2],
    /// What happened then; empty for nothing.
    pub event: String,
    /// Whether it is outside the band.
    pub outside: bool,
    /// Whether the figure was not reported, so that its point is hollow.
    pub hollow: bool,
}

/// A series with the year before behind it.
pub struct Chart<'a> {
    /// Tells its parts from those of another on the page.
    pub id: &'a str,
    /// What it shows.
    pub title: &'a str,
    /// In which unit, and what is to be known about it: read aloud after the title, and shown below.
    pub description: &'a str,
    /// Points, the oldest first.
    pub points: &'a [Point],
    /// Values at which a line says how high it is, with what people read there.
    pub ticks: &'a [(i128, String)],
    /// Between which values most points lie; drawn as far as it lies between the points.
    pub band: Option<(i128, i128)>,
}

const WIDTH: i128 = 900;
const HEIGHT: i128 = 260;
/// Where the numbers of the lines end, and where the first point is.
const LEFT: i128 = 84;
/// Half of the last label.
const RIGHT: i128 = 34;
const TOP: i128 = 16;
const BOTTOM: i128 = 34;

/// The drawing, and the same as a table for whoever reads rather than looks.
pub fn series(lang: Lang, chart: &Chart<'_>) -> Markup {
    html! {
        figure.chart {
            (drawing(chart))
            figcaption {
                span.key.now { (label(lang, "chart-now")) } " " span.key.before { (label(lang, "chart-before")) } " "
                @if chart.points.iter().any(|point| point.hollow) { span.key.hollow { (label(lang, "chart-hollow")) } " " }
                @if chart.band.is_some() { span.key.band { (label(lang, "chart-band")) } " " }
                @if chart.points.iter().any(|point| !point.event.is_empty()) { span.key.event { (label(lang, "events")) } " " }
                span.dim { (chart.description) }
            }
            (table(lang, chart))
        }
    }
}

fn drawing(chart: &Chart<'_>) -> Markup {
    let points = chart.points;
    let values = || points.iter().flat_map(|point| [point.now, point.before]).flatten();
    let (low, high) = (values().min().unwrap_or(0).min(0), values().max().unwrap_or(0).max(0));
    let span = high.saturating_sub(low).max(1);
    let steps = i128::try_from(points.len().max(2)).unwrap_or(2) - 1;
    let x = |at: usize| LEFT + i128::try_from(at).unwrap_or(0) * (WIDTH - LEFT - RIGHT) / steps;
    // Far apart figures are scaled down before they are multiplied.
    let scale = (span >> 96).max(1);
    let y = |value: i128| {
        let height = HEIGHT - TOP - BOTTOM;
        TOP + height - (value.saturating_sub(low) / scale) * height / (span / scale).max(1)
    };
    let path = |of: &dyn Fn(&Point) -> Option<i128>| {
        let (mut text, mut pen) = (String::new(), 'M');
        for (at, point) in points.iter().enumerate() {
            match of(point) {
                Some(value) => {
                    text.push_str(&format!("{pen}{} {}", x(at), y(value)));
                    pen = 'L';
                }
                None => pen = 'M',
            }
        }
        text
    };
    let every = points.len().div_ceil(12).max(1);
    let band = chart.band.map(|(least, most)| (least.clamp(low, high), most.clamp(low, high)));
    let [title, description] = ["title", "description"].map(|part| format!("{}-{part}", chart.id));
    html! {
        svg.chart xmlns="http://www.w3.org/2000/svg" viewBox=(format!("0 0 {WIDTH} {HEIGHT}")) role="img" aria-labelledby=(title) aria-describedby=(description) {
            title id=(title) { (chart.title) }
            desc id=(description) { (chart.description) }
            @if let Some((least, most)) = band { rect.band x=(LEFT) width=(WIDTH - LEFT - RIGHT) y=(y(most)) height=((y(least) - y(most)).max(1)) {} }
            @for (value, text) in chart.ticks.iter().filter(|(value, _)| (low..=high).contains(value)) {
                line.grid x1=(LEFT) x2=(WIDTH - RIGHT) y1=(y(*value)) y2=(y(*value)) {}
                text x=(LEFT - 8) y=(y(*value) + 4) text-anchor="end" { (text) }
            }
            line.grid.zero x1=(LEFT) x2=(WIDTH - RIGHT) y1=(y(0)) y2=(y(0)) {}
            @for (at, point) in points.iter().enumerate().filter(|(_, point)| !point.event.is_empty()) {
                line.event x1=(x(at)) x2=(x(at)) y1=(TOP) y2=(HEIGHT - BOTTOM) { title { (point.event) } }
                path.event d=(format!("M{} {TOP}l6 8h-12z", x(at))) { title { (point.event) } }
            }
            path.before d=(path(&|point| point.before)) {}
            path.now d=(path(&|point| point.now)) {}
            @for (at, point) in points.iter().enumerate() {
                @if let Some(value) = point.now {
                    circle class=(dot(point)) cx=(x(at)) cy=(y(value)) r=(if point.outside { 6 } else { 4 }) { title { (point.label) " " (grouped(&point.texts[0])) } }
                }
                @if at % every == 0 { text x=(x(at)) y=(HEIGHT - 12) text-anchor="middle" { (point.label) } }
            }
        }
    }
}

/// How a point looks.
fn dot(point: &Point) -> &'static str {
    match (point.outside, point.hollow) {
        (true, _) => "dot outside",
        (false, true) => "dot hollow",
        (false, false) => "dot",
    }
}

/// What is drawn, in numbers.
fn table(lang: Lang, chart: &Chart<'_>) -> Markup {
    let shown = |text: &String| if text.is_empty() { "—".to_owned() } else { grouped(text) };
    html! {
        details.data {
            summary { (label(lang, "chart-data")) }
            div.scroll { table id=(format!("{}-data", chart.id)) {
                caption { (chart.title) }
                thead { tr { th scope="col" { (label(lang, "period")) } th.n scope="col" { (label(lang, "chart-now")) } th.n scope="col" { (label(lang, "chart-before")) } th scope="col" { (label(lang, "note")) } } }
                tbody { @for point in chart.points { tr {
                    th scope="row" { (point.label) } td.n data-now=(point.texts[0]) { (shown(&point.texts[0])) } td.n data-before=(point.texts[1]) { (shown(&point.texts[1])) }
                    td { (point.event) @if point.outside { " " (label(lang, "chart-outside")) } @if point.hollow { " " (label(lang, "chart-hollow")) } }
                } } }
            } }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(now: Option<i128>) -> Point {
        let texts = [now.map(|now| now.to_string()).unwrap_or_default(), String::new()];
        Point { label: String::new(), now, before: None, texts, event: String::new(), outside: false, hollow: false }
    }

    fn drawn(points: &[Point], band: Option<(i128, i128)>) -> String {
        series(
            Lang::En,
            &Chart {
                id: "c",
                title: "t",
                description: "d",
                points,
                ticks: &[(5, "five".to_owned()), (70, "far".to_owned())],
                band,
            },
        )
        .into_string()
    }

    #[test]
    fn a_missing_month_is_a_gap_and_extremes_stay_inside() {
        let text = drawn(&[point(Some(0)), point(None), point(Some(10)), point(Some(5))], None);
        // 0 is at the bottom (260 - 34), 10 at the top (16), 5 half-way between: 226 - 5 × 210 / 10 = 121.
        assert!(text.contains("d=\"M84 226M605 16L866 121\""), "{text}");
        // A line says how high it is, where it lies between the points.
        assert!(text.contains("y=\"125\" text-anchor=\"end\">five</text>") && !text.contains("far"), "{text}");
        let hollow = drawn(&[Point { hollow: true, ..point(Some(1)) }, point(Some(2))], None);
        assert!(hollow.contains("class=\"dot hollow\"") && hollow.contains("class=\"dot\""), "{hollow}");
        let text = drawn(&[point(Some(i128::MIN)), point(Some(i128::MAX))], None);
        assert!(text.contains("L866 16\""), "{text}");
    }

    #[test]
    fn a_band_is_drawn_as_far_as_it_lies_between_the_points_and_numbers_stand_beside_it() {
        let text = drawn(&[point(Some(2)), point(Some(10))], Some((5, 40)));
        // From 5 (121) up to the top (16).
        assert!(text.contains("y=\"16\" height=\"105\""), "{text}");
        assert!(text.contains("<title id=\"c-title\">t</title>") && text.contains("aria-labelledby=\"c-title\""), "{text}");
        assert!(text.contains("data-now=\"10\""), "{text}");
    }
}
