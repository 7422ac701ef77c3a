/*! Series as SVG: made here, so that they print and need no script. All lengths are whole numbers. */

use maud::{Markup, html};

/// One month of a series.
pub struct Point {
    /// Below the axis.
    pub label: String,
    /// The figure, counted in one unit for the whole series; none where it is missing, which leaves a gap.
    pub now: Option<i128>,
    /// The year before, behind it.
    pub before: Option<i128>,
    /// The figure as people read it.
    pub text: String,
    /// What happened then; empty for nothing.
    pub event: String,
}

const WIDTH: i128 = 900;
const HEIGHT: i128 = 260;
const LEFT: i128 = 12;
const TOP: i128 = 16;
const BOTTOM: i128 = 34;

/// A series with the year before behind it. `title` is what is read aloud.
pub fn series(title: &str, points: &[Point]) -> Markup {
    let values = || points.iter().flat_map(|point| [point.now, point.before]).flatten();
    let (low, high) = (values().min().unwrap_or(0).min(0), values().max().unwrap_or(0).max(0));
    let span = high.saturating_sub(low).max(1);
    let steps = i128::try_from(points.len().max(2)).unwrap_or(2) - 1;
    let x = |at: usize| LEFT + i128::try_from(at).unwrap_or(0) * (WIDTH - 2 * LEFT) / steps;
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
    html! {
        svg.chart xmlns="http://www.w3.org/2000/svg" viewBox=(format!("0 0 {WIDTH} {HEIGHT}")) role="img" aria-label=(title) {
            title { (title) }
            line.grid x1=(LEFT) x2=(WIDTH - LEFT) y1=(y(0)) y2=(y(0)) {}
            @for (at, point) in points.iter().enumerate().filter(|(_, point)| !point.event.is_empty()) {
                line.event x1=(x(at)) x2=(x(at)) y1=(TOP) y2=(HEIGHT - BOTTOM) { title { (point.event) } }
            }
            path.before d=(path(&|point| point.before)) {}
            path.now d=(path(&|point| point.now)) {}
            @for (at, point) in points.iter().enumerate() {
                @if let Some(value) = point.now { circle.dot cx=(x(at)) cy=(y(value)) r="3.5" { title { (point.label) " " (point.text) } } }
                @if at % every == 0 { text x=(x(at)) y=(HEIGHT - 12) text-anchor=(if at == 0 { "start" } else { "middle" }) { (point.label) } }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(now: Option<i128>) -> Point {
        Point { label: String::new(), now, before: None, text: String::new(), event: String::new() }
    }

    #[test]
    fn a_missing_month_is_a_gap_and_extremes_stay_inside() {
        let text = series("t", &[point(Some(0)), point(None), point(Some(10)), point(Some(5))]).into_string();
        // 0 is at the bottom (260 - 34), 10 at the top (16), 5 half-way between: 226 - 5 × 210 / 10 = 121.
        assert!(text.contains("d=\"M12 226M596 16L888 121\""), "{text}");
        let text = series("t", &[point(Some(i128::MIN)), point(Some(i128::MAX))]).into_string();
        assert!(text.contains("L888 16\""), "{text}");
    }
}
