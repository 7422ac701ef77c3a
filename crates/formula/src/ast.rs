//! The tree of a formula.

use std::ops::Range;

use model::Amount;

/// An expression and the bytes it was read from. Two expressions are equal when they say the same, wherever they stand.
#[derive(Clone, Debug)]
pub struct Expr {
    /// What it says.
    pub node: Node,
    /// Where it stands.
    pub span: Range<usize>,
}

impl PartialEq for Expr {
    fn eq(&self, other: &Expr) -> bool {
        self.node == other.node
    }
}

/// The operands of a chain of operators of one level, the first without its operator. Comparisons do not chain.
pub(crate) fn operands(expr: &Expr) -> (&Expr, Vec<(Operator, &Expr)>) {
    let (mut first, mut rest, mut level) = (expr, Vec::new(), None);
    while let Node::Binary { operator, left, right } = &first.node {
        if level.is_some_and(|level| level != operator.sign().1) {
            break;
        }
        level = Some(operator.sign().1);
        rest.push((*operator, &**right));
        first = left;
    }
    rest.reverse();
    (first, rest)
}

/// Levels of the tree, a chain of operators being one.
pub(crate) fn depth(expr: &Expr) -> usize {
    1 + match &expr.node {
        Node::Negate(operand) | Node::Not(operand) => depth(operand),
        Node::Binary { .. } => {
            let (first, rest) = operands(expr);
            rest.into_iter().map(|(_, right)| depth(right)).fold(depth(first), usize::max)
        }
        Node::Call { arguments, .. } => arguments.iter().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

/// What an expression says.
#[derive(Clone, Debug, PartialEq)]
pub enum Node {
    /// A decimal; never negative, a minus sign is [`Node::Negate`].
    Number(Amount),
    /// `true` or `false`.
    Truth(bool),
    /// A text, where a function compares one.
    Text(String),
    /// `@name`: an item of the mapping.
    Item(String),
    /// `[code]`, `[form:code]`, `[code].column`: another indicator, in 元 and unrounded.
    Reference {
        /// Another form.
        form: Option<String>,
        /// Code or id of the row.
        code: String,
        /// Column; the one that is being evaluated where absent.
        column: Option<Column>,
    },
    /// A question to the books.
    Account(AccountCall),
    /// A question to the measures.
    Measure(MeasureCall),
    /// A function of values.
    Call {
        /// Which.
        function: Function,
        /// Its arguments.
        arguments: Vec<Expr>,
    },
    /// Minus.
    Negate(Box<Expr>),
    /// Not.
    Not(Box<Expr>),
    /// Two operands.
    Binary {
        /// Operator.
        operator: Operator,
        /// Before it.
        left: Box<Expr>,
        /// After it.
        right: Box<Expr>,
    },
}

/// Operators of two operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// `or`
    Or,
    /// `and`
    And,
    /// `=`
    Equal,
    /// `<>`
    Unequal,
    /// `<`
    Less,
    /// `<=`
    AtMost,
    /// `>`
    Greater,
    /// `>=`
    AtLeast,
    /// `+`
    Add,
    /// `-`
    Subtract,
    /// `*`
    Multiply,
    /// `/`
    Divide,
}

/// Functions of values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Function {
    /// `abs(x)`
    Abs,
    /// `min(a, b, …)`
    Min,
    /// `max(a, b, …)`
    Max,
    /// `round(x, places)`: half away from zero.
    Round,
    /// `if(condition, then, else)`: only the branch that is taken is evaluated.
    If,
    /// `coalesce(a, b, …)`: the first that is not missing.
    Coalesce,
    /// `missing(x)`: whether x is missing.
    Missing,
    /// `sum(a, b, …)`: an indicator that the form repeats stands for each of its rows, as it does in `min` and `max`.
    Sum,
    /// `filled([x])`: whether anything was entered.
    Filled,
    /// `is([x], "a", …)`: whether a text, or the code of a choice, is one of these.
    Is,
    /// `contains([x], "a", …)`: whether a text has one of these in it.
    Contains,
    /// `length([x])`: characters of a text.
    Length,
    /// `answers([x])`: how many choices were taken.
    Answers,
    /// `year([x])`: the year of a date.
    Year,
    /// `months([x], [y])`: whole months from one date to another.
    Months,
}

impl Function {
    /// Whether an indicator among its arguments stands for each row that the form repeats it for.
    pub fn gathers(self) -> bool {
        matches!(self, Function::Sum | Function::Min | Function::Max)
    }

    /// How many of its first arguments are indicators whose text it reads; none where it reads values.
    pub fn texts(self) -> usize {
        match self {
            Function::Filled | Function::Is | Function::Contains | Function::Length | Function::Answers | Function::Year => 1,
            Function::Months => 2,
            _ => 0,
        }
    }
}

/// Columns of a form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Column {
    /// 本月
    ThisMonth,
    /// 1—本月
    Cumulative,
    /// 上年同月
    PriorYearMonth,
    /// 上年同期
    PriorYear,
    /// 期末
    Closing,
    /// 上期：the previous month.
    Previous,
    /// 年初: what there was when the year began.
    Opening,
    /// 上年已报: what was filed for the same period a year ago.
    FiledLastYear,
}

/// Debit or credit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// 借
    Debit,
    /// 贷
    Credit,
}

/// What is asked of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// QC: balance before the span.
    Opening,
    /// QM: balance at the end of the span.
    Closing,
    /// FS, LFS: turnover of one side.
    Turnover,
    /// JE: debit minus credit.
    Net,
    /// SY, SL: net turnover without closing vouchers.
    Movement,
    /// DFS: turnover of one side in vouchers whose other side has another account.
    Counter,
}

/// In what it is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure {
    /// Money.
    Money,
    /// Quantity.
    Quantity,
    /// Foreign currency.
    Foreign,
}

/// Accounting span of a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Span {
    /// 月, so many months after the draft's.
    Month(i32),
    /// A month of the year, 1 to 12.
    Of(u8),
    /// 季: all three months of the quarter of the draft's month.
    Quarter,
    /// 年: the whole calendar year, its months after the draft's included.
    Year,
    /// 累计: from January to the draft's month; the month alone where the month is evaluated.
    ToDate,
    /// From January to this month of the year, 1 to 12: LFS and SL with a number.
    Through(u8),
}

/// Year of a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Year {
    /// So many years after the draft's.
    Offset(i32),
    /// A calendar year.
    Of(u16),
}

/// Dimension of a filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Name {
    /// Any of them.
    Any,
    /// 往来单位
    Party,
    /// 存货
    Product,
    /// 部门
    Department,
    /// 项目
    Project,
    /// 个人
    Person,
    /// 币种
    Currency,
}

/// Only lines with this value of a dimension.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    /// Dimension.
    pub name: Name,
    /// Its value.
    pub value: String,
}

/// One selection of accounts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pick {
    /// An account with all below it; `~text` keeps those whose name holds the text.
    Code(String, Option<String>),
    /// From one code to another, with all below the last.
    Range(String, String),
    /// `*` is any text, `?` one character.
    Pattern(String),
    /// `#class`
    Class(crate::Class),
}

/// Accounts of a question: what is picked, without what is left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selector {
    /// Picked.
    pub picks: Vec<Pick>,
    /// `!`: left out.
    pub without: Vec<Pick>,
}

/// A question to the books.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountCall {
    /// What.
    pub what: What,
    /// In what.
    pub measure: Measure,
    /// Of which accounts.
    pub accounts: Selector,
    /// DFS: in vouchers with which.
    pub counter: Option<Selector>,
    /// Over which span.
    pub span: Span,
    /// In which year.
    pub year: Year,
    /// Towards which side.
    pub side: Option<Side>,
    /// Only balances of account and party that stand on this side.
    pub detail: Option<Side>,
    /// Only these lines.
    pub filters: Vec<Filter>,
}

/// What is asked of a measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aspect {
    /// 数量
    Quantity,
    /// 金额
    Amount,
    /// 产值: quantity at the price without tax that the order of price sources finds.
    Value,
    /// 平均: the daily average of heads.
    Average,
    /// 期末: heads on the last day.
    Closing,
    /// 折标: quantity in tonnes of standard coal.
    Coal,
}

/// What a measure can be narrowed by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// 品种
    Item,
    /// 类别
    Class,
    /// 来源: `made`, `bought` or `service`.
    Origin,
    /// 用途: what it was used for, as people enter it.
    Use,
    /// 构成: what part of a whole it is, as people enter it.
    Composition,
}

/// A question to the measures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MeasureCall {
    /// Kind of measure, by its id or one of its names.
    pub kind: String,
    /// What of it.
    pub aspect: Aspect,
    /// Only rows with these values.
    pub fields: Vec<(Field, String)>,
    /// Unit of the answer.
    pub unit: Option<String>,
    /// Over which span; from January where nothing is said.
    pub span: Span,
    /// In which year.
    pub year: Year,
}
