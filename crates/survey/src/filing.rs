//! What a package says of itself and of the evidence it stands on: `identity.json` and `evidence.json`, as agent and receiver read them alike.

use serde::{Deserialize, Serialize};

use crate::document::{Draft, Unit};

/// Name of this shape.
pub const SCHEMA: &str = "taizhang-package/1";

/// `identity.json`: whose, what, when, and how it stands to earlier packages.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Identity {
    /// [`SCHEMA`].
    pub schema: String,
    /// Program and version that made it.
    pub program: String,
    /// The reporting unit.
    pub unit: Unit,
    /// Month, `YYYY-MM`.
    pub period: String,
    /// `official` where the receiver is the designated channel, else `companion`.
    pub channel: String,
    /// 试填: only tried, counts for nothing.
    pub trial: bool,
    /// Payload digest of the package that this one corrects.
    pub supersedes: Option<String>,
    /// The forms, in the order of their codes.
    pub forms: Vec<FiledForm>,
}

/// A form of a package.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FiledForm {
    /// Form code.
    pub form: String,
    /// Edition.
    pub edition: String,
    /// Book it was built from.
    pub book: String,
    /// Version of the draft, from 1.
    pub draft_version: i64,
    /// SHA-256 of the draft as the agent keeps it.
    pub draft: String,
    /// Digest of the mapping.
    pub mapping: String,
    /// The filing at the national portal; a companion package has one for each form.
    pub filed: Option<Filing>,
}

/// A filing at the national portal, as a person recorded it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Filing {
    /// Day, `YYYY-MM-DD`.
    pub at: String,
    /// What the portal calls it; may be empty.
    #[serde(default)]
    pub reference: String,
}

/// `report.json`: the reports.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// The reporting unit.
    pub unit: Unit,
    /// Month.
    pub period: String,
    /// Drafts without what is the enterprise's own business: findings, earlier versions, places of files.
    pub forms: Vec<Draft>,
}

impl Report {
    /// Of drafts of one unit and month.
    pub fn of(drafts: &[Draft]) -> Report {
        let first = drafts.first();
        let bare = |draft: &Draft| {
            let mut draft = draft.clone();
            (draft.findings, draft.explanations) = (Vec::new(), Vec::new());
            for cell in &mut draft.cells {
                (cell.place, cell.record, cell.changed, cell.before) = (None, None, false, None);
            }
            draft
        };
        Report {
            unit: first.map(|draft| draft.unit.clone()).unwrap_or_default(),
            period: first.map(|draft| draft.period.clone()).unwrap_or_default(),
            forms: drafts.iter().map(bare).collect(),
        }
    }
}

/// `evidence.json`: the sealed months of each book.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// Books; measures and unposted vouchers are sealed beside a book under `<book>+measures` and `<book>+unposted`.
    pub books: Vec<EvidenceBook>,
}

/// The seals of one book.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EvidenceBook {
    /// Its id.
    pub book: String,
    /// Its months.
    pub periods: Vec<EvidencePeriod>,
}

/// One seal.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EvidencePeriod {
    /// `YYYY-MM` or `YYYY-MM+adj`.
    pub period: String,
    /// Merkle root over the vouchers.
    pub root: String,
    /// Vouchers.
    pub vouchers: i64,
    /// Entry lines.
    pub rows: i64,
    /// Sum of debits.
    pub debit: String,
    /// Sum of credits.
    pub credit: String,
    /// `provisional`, `closed` or `reopened`.
    pub state: String,
    /// Digest of the chart and calendar that were read with it.
    pub context: String,
}
