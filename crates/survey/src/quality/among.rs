//! What screens among units look at of one form, and what they say: for receivers, which have the reports of many units.
//!
//! A [`Plan`] reads from each unit's documents what it needs, one unit after the other, so that no more than two numbers of each figure stay in
//! memory; then it screens all of them together.

use std::collections::{BTreeMap, BTreeSet};

use formula::{At, Column, Expr, Mode, Node, Value, World, evaluate};
use model::{Amount, Finding, Month};

use super::{
    Among, Peers,
    peers::{self, Screened},
    robust,
};
use crate::{
    Form, Frequency, Row, RowKind,
    audit::{Papers, children},
};

/// How units are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Screen {
    /// What a unit reports against the period before, among the changes of all (Hidiroglou–Berthelot).
    Before,
    /// The same against last year.
    LastYear,
    /// A ratio among the ratios of all (median/MAD).
    Level,
    /// A ratio that has bounds.
    Ratio,
}

impl Screen {
    /// Name for programs.
    pub fn name(self) -> &'static str {
        match self {
            Screen::Before => "before",
            Screen::LastYear => "year",
            Screen::Level => "level",
            Screen::Ratio => "ratio",
        }
    }

    fn finding(self) -> Finding {
        match self {
            Screen::Before | Screen::LastYear => Finding::warning("peer-changed"),
            Screen::Level => Finding::warning("peer-apart"),
            Screen::Ratio => Finding::warning("peer-outside"),
        }
    }
}

/// One side of a figure.
#[derive(Clone, Debug)]
enum Side {
    /// A row in one of its columns, so many months back.
    Row(Column, i32),
    /// A formula.
    Formula(Expr),
}

/// Something that is looked at: two numbers of each unit, and their ratio.
#[derive(Clone, Debug)]
pub struct Figure {
    /// How.
    pub screen: Screen,
    /// Code of the row, or the id of a ratio.
    code: String,
    /// Name.
    pub name: String,
    /// 元 divided by this is the unit of the row; ratios have none.
    divisor: i64,
    sides: [Side; 2],
    bounds: Option<Among>,
}

/// Two numbers of a unit: what is compared with, and what is compared; of a ratio, its left and its right side.
pub type Pair = [Amount; 2];

/// What one unit says: by place of the figure in the plan, and by its id. A row that the form repeats, for a product or a sort of energy, is one for
/// each code that the unit has.
pub type Said = BTreeMap<(usize, String), Pair>;

/// What is looked at of one form in one month.
#[derive(Clone, Debug)]
pub struct Plan {
    form: String,
    month: Month,
    step: i32,
    figures: Vec<Figure>,
    others: BTreeSet<String>,
    set: Peers,
}

/// A unit that stands out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hit {
    /// Place of the figure in the plan.
    pub figure: usize,
    /// Form and code, or the id of a ratio.
    pub id: String,
    /// Place of the unit in what was given.
    pub unit: usize,
    /// Its two numbers, in the unit of the row.
    pub pair: Pair,
    /// The second by the first; of a ratio, the first by the second.
    pub ratio: Option<Amount>,
    /// How far it stands out.
    pub score: Amount,
    /// What the score was held against.
    pub threshold: Amount,
    /// Sentence and what to do, as an entry of the catalogue.
    pub finding: Finding,
}

/// What the units of a screen are like, all together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spread {
    /// Place of the figure in the plan.
    pub figure: usize,
    /// Form and code, or the id of a ratio.
    pub id: String,
    /// Units that have both numbers and could be compared.
    pub units: usize,
    /// Whether these were enough to be screened.
    pub screened: bool,
    /// Lower quartile, median and upper quartile of the ratios.
    pub quartiles: Option<[Amount; 3]>,
    /// Units that stand out.
    pub outliers: usize,
}

impl Plan {
    /// What a form is looked at for. Formulas that ask for rows that it does not have are passed over; formulas that cannot be read are found.
    pub fn new(form: &Form, set: &Peers, month: Month) -> (Plan, Vec<Finding>) {
        let step = match form.frequency {
            Frequency::Quarterly => 3,
            Frequency::Annual | Frequency::Census => 12,
            Frequency::Monthly | Frequency::OnChange => 1,
        };
        let (mut figures, mut findings) = (Vec::new(), Vec::new());
        for row in form.rows.iter().filter(|row| row.kind.is_number() && row.kind != RowKind::Opening) {
            figures.extend(changes(form, row, step));
        }
        for (screen, list) in [(Screen::Level, &set.levels), (Screen::Ratio, &set.ratios)] {
            for among in list {
                let sides = [&among.left, &among.right].map(|text| formula::parse(text));
                if let Some((_, fault)) = sides.iter().find_map(|(_, faults)| Some(((), faults.first()?))) {
                    let finding = Finding::error("peer-formula-unfit").with("id", &among.id);
                    findings.push(finding.with("reason", format!("{} {:?}", fault.code, fault.span)));
                    continue;
                }
                let [(Some(left), _), (Some(right), _)] = sides else { continue };
                let own = |expr: &Expr| references(expr).into_iter().all(|(of, code)| of.is_some() || form.row(&code).is_some());
                let named =
                    [&left, &right].iter().any(|expr| references(expr).iter().any(|(of, _)| of.as_ref() == Some(&form.form)));
                if (among.forms.contains(&form.form) || among.forms.is_empty() && named) && own(&left) && own(&right) {
                    let name =
                        if among.text.is_empty() { format!("{} ÷ {}", among.left, among.right) } else { among.text.clone() };
                    let (code, bounds) = (among.id.clone(), (screen == Screen::Ratio).then(|| among.clone()));
                    figures.push(Figure { screen, code, name, divisor: 1, sides: [left, right].map(Side::Formula), bounds });
                }
            }
        }
        let sides = figures.iter().flat_map(|figure| &figure.sides);
        let formulas = sides.filter_map(|side| if let Side::Formula(expr) = side { Some(expr) } else { None });
        let others = formulas.flat_map(references).filter_map(|(of, _)| of).filter(|of| *of != form.form).collect();
        (Plan { form: form.form.clone(), month, step, figures, others, set: set.clone() }, findings)
    }

    /// What is looked at.
    pub fn figures(&self) -> &[Figure] {
        &self.figures
    }

    /// The month of the report before, which changes are looked at from; nothing where that is last year's anyway.
    pub fn before(&self) -> Option<Month> {
        self.month.plus(-self.step).filter(|_| self.step < 12)
    }

    /// Other forms of the month that are asked for.
    pub fn others(&self) -> &BTreeSet<String> {
        &self.others
    }

    /// What the documents of one unit say of each figure that has both of its numbers.
    pub fn read(&self, papers: &Papers<'_>) -> Said {
        let mut said = Said::new();
        let now = At { month: self.month, mode: Mode::ToDate };
        for (at, figure) in self.figures.iter().enumerate() {
            let Some(by) = Amount::from_whole(figure.divisor.into()) else { continue };
            let row = matches!(figure.sides[0], Side::Row(..));
            let codes = if row { papers.repeated(None, &figure.code, now) } else { vec![figure.code.clone()] };
            for code in codes {
                let ask = |side: &Side| {
                    let outcome = match side {
                        Side::Row(column, back) => {
                            let at = At { month: self.month.plus(-back)?, ..now };
                            papers.reference(None, &code, Some(*column), at).outcome
                        }
                        Side::Formula(expr) => evaluate(expr, papers, now).outcome,
                    };
                    if let Ok(Value::Number(number)) = outcome { number.checked_div(by) } else { None }
                };
                if let (Some(one), Some(other)) = (ask(&figure.sides[0]), ask(&figure.sides[1])) {
                    let id = if row { format!("{}:{code}", self.form) } else { code };
                    said.insert((at, id), [one, other]);
                }
            }
        }
        said
    }

    /// Screens the units: each as [`Plan::read`] gave it. Hits come by figure, those that stand out most first.
    pub fn screen(&self, units: &[Said]) -> (Vec<Hit>, Vec<Spread>) {
        let (mut hits, mut spreads) = (Vec::new(), Vec::new());
        let keys: BTreeSet<&(usize, String)> = units.iter().flat_map(BTreeMap::keys).collect();
        for key in keys {
            let (at, figure) = (key.0, &self.figures[key.0]);
            // What is not above zero has no change to speak of, and a ratio needs a right side.
            let fit = |pair: &Pair| match figure.screen {
                Screen::Before | Screen::LastYear => pair.iter().all(|side| *side > Amount::ZERO),
                Screen::Level | Screen::Ratio => !pair[1].is_zero(),
            };
            let known = units.iter().enumerate().filter_map(|(unit, said)| Some((unit, *said.get(key)?)));
            let known: Vec<(usize, Pair)> = known.filter(|(_, pair)| fit(pair)).collect();
            let ratios: Vec<Amount> = known.iter().filter_map(|(_, pair)| figure.ratio(pair)).collect();
            // Bounds do not depend on the others: a ratio edit needs no number of units.
            let enough = figure.screen == Screen::Ratio || known.len() >= self.set.least_units;
            let screened = if enough && ratios.len() == known.len() { self.screened(figure, &known, &ratios) } else { None };
            let mut sorted = ratios;
            sorted.sort_unstable();
            let quartile = |quarters| robust::quartile(&sorted, quarters);
            let quartiles = Some([quartile(1), quartile(2), quartile(3)]);
            let quartiles = quartiles.and_then(|[first, middle, third]| Some([first?, middle?, third?]));
            let outliers = screened.iter().flatten().filter(|one| one.outlier);
            let mut own: Vec<Hit> = outliers.map(|one| figure.hit(key, known[one.unit], one)).collect();
            own.sort_by(|one, other| (other.score, one.unit).cmp(&(one.score, other.unit)));
            let (id, screened, outliers) = (key.1.clone(), screened.is_some(), own.len());
            spreads.push(Spread { figure: at, id, units: known.len(), screened, quartiles, outliers });
            hits.extend(own);
        }
        (hits, spreads)
    }

    fn screened(&self, figure: &Figure, known: &[(usize, Pair)], ratios: &[Amount]) -> Option<Vec<Screened>> {
        let pairs = || known.iter().map(|(_, [left, right])| (*left, *right)).collect::<Vec<_>>();
        match (figure.screen, &figure.bounds) {
            (Screen::Before | Screen::LastYear, _) => peers::hidiroglou_berthelot(&pairs(), &self.set.hidiroglou_berthelot),
            (Screen::Ratio, Some(bounds)) => Some(peers::ratio(&pairs(), bounds)),
            _ => peers::median_mad(ratios, &self.set.median_mad),
        }
    }
}

impl Figure {
    /// The number that is compared among units.
    fn ratio(&self, [one, other]: &Pair) -> Option<Amount> {
        match self.screen {
            Screen::Before | Screen::LastYear => other.checked_div(*one),
            Screen::Level | Screen::Ratio => one.checked_div(*other),
        }
    }

    fn hit(&self, (figure, id): &(usize, String), (unit, pair): (usize, Pair), one: &Screened) -> Hit {
        let (figure, id, ratio) = (*figure, id.clone(), self.ratio(&pair));
        let finding = self.screen.finding().with("indicator", format!("{id} {}", self.name));
        let finding = finding.with("against", self.screen.name()).with("one", pair[0]).with("other", pair[1]);
        // A sentence needs no nine decimals; what programs read has them.
        let short = |value: Amount| value.round(3).unwrap_or(value).to_string();
        let finding = finding.with("ratio", ratio.map_or_else(|| "—".to_owned(), short));
        let finding = finding.with("score", short(one.score)).with("threshold", one.threshold);
        Hit { figure, id, unit, pair, ratio, score: one.score, threshold: one.threshold, finding }
    }
}

/// Changes of a row: against the period before, and against last year.
fn changes(form: &Form, row: &Row, step: i32) -> Vec<Figure> {
    let flow = row.kind == RowKind::Flow;
    let figure = |screen, sides| Figure {
        screen,
        code: row.key().to_owned(),
        name: row.name.clone(),
        divisor: form.reckoned(row),
        sides,
        bounds: None,
    };
    let main = if flow { Column::Cumulative } else { Column::Closing };
    let year = figure(Screen::LastYear, [Side::Row(Column::PriorYear, 0), Side::Row(main, 0)]);
    // A year has no period before that is not last year's; and of a quarter reports have its last month alone.
    if step == 12 || flow && step > 1 {
        return vec![year];
    }
    let alone = if flow { Column::ThisMonth } else { Column::Closing };
    vec![figure(Screen::Before, [Side::Row(alone, step), Side::Row(alone, 0)]), year]
}

/// Rows that an expression asks for, with their form where that is said.
fn references(expr: &Expr) -> Vec<(Option<String>, String)> {
    let mut found = Vec::new();
    let mut waiting = vec![expr];
    while let Some(expr) = waiting.pop() {
        if let Node::Reference { form, code, .. } = &expr.node {
            found.push((form.clone(), code.clone()));
        }
        waiting.extend(children(expr));
    }
    found
}
