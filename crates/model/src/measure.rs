/*! A row of a measure: what one document of the ERP, or one entry of a person, says of an item in a month. */

use crate::{Amount, Month};

/// What one document says of one item. Quantities and amounts are signed: a return takes back.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct MeasureRow {
    /// Month it counts in.
    pub month: Month,
    /// Kind of measure: `output`, `sales`, `stock` …
    pub kind: String,
    /// Item: a product, a kind of energy, a category of people.
    pub item: String,
    /// Name of the item, where it has one beside its code.
    pub item_name: Option<String>,
    /// Class of the item in the ERP.
    pub class: Option<String>,
    /// `made`, `bought` or `service`.
    pub origin: Option<String>,
    /// Unit of the quantity.
    pub unit: Option<String>,
    /// Quantity; absent where the document has none.
    pub quantity: Option<Amount>,
    /// Money; absent where the document has none. Never the cost of what was made.
    pub amount: Option<Amount>,
    /// Number of the document, as people see it.
    pub document: String,
    /// Line of the document.
    pub line: Option<String>,
    /// Day of the document.
    pub date: Option<String>,
}

impl MeasureRow {
    /// Whether a person's word for an item means this one: its code, its name, or both as they are shown.
    pub fn is(&self, item: &str) -> bool {
        self.item == item || self.item_name.as_deref() == Some(item)
    }
}
