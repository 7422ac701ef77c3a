//! What a figure's page says beside the figure: what its formula means, why it is another than the month before, and what the mapping says by now.

use model::Period;

use super::FigurePlace;

/// A change of the mapping as the log has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remade {
    /// `B203:301`, `@item`, or the code of an account.
    pub name: String,
    /// Before; none where nobody said any.
    pub before: Option<String>,
    /// After.
    pub after: String,
    /// Name of who changed it.
    pub who: String,
    /// When.
    pub at: String,
    /// Why.
    pub why: String,
}

/// What is another since a draft was built; the figure itself is explained by what it was built from.
#[derive(Clone, Debug, Default)]
pub struct Since {
    /// Whether the mapping is another.
    pub mapping: bool,
    /// The formula now, where it is another.
    pub formula: Option<String>,
    /// Where that stands.
    pub place: String,
    /// Why, where the layer says it.
    pub why: Option<String>,
    /// What the log knows of it, the newest first.
    pub changes: Vec<Remade>,
    /// What the figure would be, in 元 and unrounded.
    pub value: Option<String>,
    /// Periods that were sealed anew: root then, root now.
    pub sealed: Vec<(String, String, String)>,
}

/// Why a figure is another than the month before.
#[derive(Clone, Debug, Default)]
pub struct Why {
    /// The month before.
    pub month: String,
    /// The same figure there, where it has a draft.
    pub place: Option<FigurePlace>,
    /// As a draft has it or as the books give it, in the form's unit: before, now.
    pub values: [Option<String>; 2],
    /// In 元 and unrounded: before, now.
    pub raw: [String; 2],
    /// In 元.
    pub difference: String,
    /// Whether the column begins anew with this month, so that nothing can be compared.
    pub restart: bool,
    /// Accounts that moved it most, the largest first.
    pub accounts: Vec<WhyAccount>,
    /// Accounts beyond these, and what they add together.
    pub more: (usize, String),
    /// What no account gives; none where there is nothing.
    pub rest: Option<String>,
    /// Whether more periods differ than those whose vouchers are listed.
    pub many: bool,
}

/// An account, or an item of a measure, with what it adds to a difference.
#[derive(Clone, Debug, Default)]
pub struct WhyAccount {
    /// Code.
    pub code: String,
    /// Name.
    pub name: String,
    /// What it gave to the figure before, and now.
    pub gave: [String; 2],
    /// What it adds to the difference.
    pub effect: String,
    /// Vouchers of both months, the largest first.
    pub vouchers: Vec<WhyVoucher>,
    /// Vouchers beyond these, and what they add together.
    pub more: (u64, String),
}

/// A voucher with what it adds to a difference.
#[derive(Clone, Debug)]
pub struct WhyVoucher {
    /// Sealed period.
    pub period: Period,
    /// Key in the ERP.
    pub key: String,
    /// Number as people see it.
    pub number: String,
    /// Day.
    pub date: String,
    /// Summary (摘要).
    pub summary: String,
    /// Party (往来单位) of the voucher.
    pub party: String,
    /// What it adds: of the month before with the other sign, as it is there no more.
    pub effect: String,
    /// Whether a debit or credit of it is negative (红字).
    pub red: bool,
    /// Number of a listed voucher that has the same amount with the other sign.
    pub against: Option<String>,
}
