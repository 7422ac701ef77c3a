//! Prices without tax by the order that the data says. The cost of a receipt is none of them.

use std::collections::{BTreeMap, BTreeSet};

use formula::Gap;
use model::{Amount, MeasureRow, Month};

use super::{
    Counted, Entered, Measures, Nature, Origin, PriceSource,
    answer::{missing, too_large},
};

/// A price and where it is from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Price {
    /// For one unit, without tax.
    pub price: Amount,
    /// Where it is from.
    pub source: PriceSource,
    /// Money of the documents it is the average of.
    pub amount: Option<Amount>,
    /// Quantity of the documents it is the average of.
    pub quantity: Option<Amount>,
    /// Documents or entry it stands on.
    pub documents: Vec<String>,
}

/// One product of a month in the transfer sheet of the output value.
#[derive(Clone, Debug)]
pub struct Priced<'a> {
    /// A row of it: item, name, class, unit.
    pub like: &'a MeasureRow,
    /// Quantity finished.
    pub quantity: Amount,
    /// Price, where there is one.
    pub price: Option<Price>,
    /// Quantity × price.
    pub value: Option<Amount>,
    /// The rows it is made of.
    pub rows: Vec<(&'a MeasureRow, Origin<'a>)>,
}

impl Measures {
    /// The products of a month with quantity, price and value. Rows are those of one kind.
    pub fn priced<'a>(&'a self, rows: Vec<(&'a MeasureRow, Origin<'a>)>, month: Month) -> Result<Vec<Priced<'a>>, Gap> {
        let mut items: BTreeMap<(&str, &str), Priced<'a>> = BTreeMap::new();
        for (row, origin) in rows {
            let key = (row.item.as_str(), row.unit.as_deref().unwrap_or_default());
            let own = items.entry(key).or_insert_with(|| Priced {
                like: row,
                quantity: Amount::ZERO,
                price: None,
                value: None,
                rows: Vec::new(),
            });
            let quantity = row.quantity.ok_or_else(|| missing("measure-without-quantity").with("item", &row.item))?;
            own.quantity = own.quantity.checked_add(quantity).ok_or_else(too_large)?;
            own.rows.push((row, origin));
        }
        let mut products: Vec<Priced<'a>> = items.into_values().collect();
        for product in &mut products {
            product.price = self.price(product.like, month)?;
            product.value = match &product.price {
                Some(price) => Some(product.quantity.checked_mul(price.price).ok_or_else(too_large)?),
                None => None,
            };
        }
        Ok(products)
    }

    /// Rows with what they are worth. A product without any price leaves the whole without a value.
    pub(super) fn valued<'a>(&'a self, rows: Vec<(&'a MeasureRow, Origin<'a>)>, month: Month) -> Result<Vec<Counted<'a>>, Gap> {
        let products = self.priced(rows, month)?;
        let bare: Vec<&str> = products.iter().filter(|product| product.price.is_none()).map(|p| p.like.item.as_str()).collect();
        if !bare.is_empty() {
            return Err(missing("output-without-price").with("items", bare.join(", ")).with("month", month));
        }
        let mut counted = Vec::new();
        for product in products {
            let Some(price) = product.price else { continue };
            for (row, origin) in product.rows {
                let amount = row.quantity.unwrap_or_default().checked_mul(price.price).ok_or_else(too_large)?;
                let (factor, source) = (Some(price.price), Some(price.source));
                counted.push(Counted { row, origin, month, amount, factor, price: source });
            }
        }
        Ok(counted)
    }

    /// The price of a product in a month, with the documents or the entry that it stands on.
    #[expect(clippy::type_complexity, reason = "a price and its rows; a type for one caller says no more")]
    pub fn behind<'a>(
        &'a self,
        like: &MeasureRow,
        month: Month,
    ) -> Result<Option<(Price, Vec<(&'a MeasureRow, Origin<'a>)>)>, Gap> {
        let Some(price) = self.price(like, month)? else { return Ok(None) };
        let same = |row: &MeasureRow| row.class.is_some() && row.class == like.class && row.origin == like.origin;
        let rows = match price.source {
            PriceSource::Entered => {
                let entries =
                    self.entered.iter().filter(|entry| price.documents.contains(&entry.key) && entry.row.month == month);
                entries.map(|entry| (&entry.row, Origin::Entry(entry))).collect()
            }
            PriceSource::Invoiced => self.invoices(month, month, |row| row.item == like.item, like).collect(),
            PriceSource::Class => self.invoices(month, month, same, like).collect(),
            PriceSource::LastThreeMonths => match (month.plus(-3), month.plus(-1)) {
                (Some(from), Some(to)) => self.invoices(from, to, |row| row.item == like.item, like).collect(),
                _ => Vec::new(),
            },
        };
        Ok(Some((price, rows)))
    }

    /// Invoices in the product's unit, of the ERP and of people.
    fn invoices<'a>(
        &'a self,
        from: Month,
        to: Month,
        fits: impl Fn(&MeasureRow) -> bool,
        like: &MeasureRow,
    ) -> impl Iterator<Item = (&'a MeasureRow, Origin<'a>)> {
        let invoiced = |kind: &str| self.kinds.kinds.get(kind).is_some_and(|kind| kind.invoices);
        let theirs = self.rows.range(from..=to).flat_map(|(_, rows)| rows).map(|row| (row, Origin::Erp));
        let ours = self.entered.iter().map(|entry| (&entry.row, Origin::Entry(entry)));
        let ours = ours.filter(move |(row, _)| (from..=to).contains(&row.month));
        theirs.chain(ours).filter(move |(row, _)| invoiced(&row.kind) && row.unit == like.unit && fits(row))
    }

    /// The first price that the order of sources finds.
    fn price(&self, like: &MeasureRow, month: Month) -> Result<Option<Price>, Gap> {
        for source in &self.kinds.price_order {
            let price = match source {
                PriceSource::Invoiced => self.average(*source, month, month, |row| row.item == like.item, like)?,
                PriceSource::Entered => self.entered_price(like, month),
                PriceSource::Class => {
                    let same = |row: &MeasureRow| row.class.is_some() && row.class == like.class && row.origin == like.origin;
                    self.average(*source, month, month, same, like)?
                }
                PriceSource::LastThreeMonths => match (month.plus(-3), month.plus(-1)) {
                    (Some(from), Some(to)) => self.average(*source, from, to, |row| row.item == like.item, like)?,
                    _ => None,
                },
            };
            if price.is_some() {
                return Ok(price);
            }
        }
        Ok(None)
    }

    /// Units in which an item is counted where it has a value: a price for another unit is never used.
    pub fn priced_units(&self, item: &str) -> BTreeSet<String> {
        let rows = self.rows.values().flatten().chain(self.entered.iter().map(|entry| &entry.row));
        let priced = |kind: &str| self.kinds.kinds.get(kind).is_some_and(|kind| kind.priced);
        rows.filter(|row| priced(&row.kind) && row.is(item)).filter_map(|row| row.unit.clone()).collect()
    }

    /// Prices that were entered for an item and month in units in which it is not counted.
    pub fn prices_unused(&self, like: &MeasureRow, month: Month) -> Vec<&Entered> {
        let price = |kind: &str| self.kinds.kinds.get(kind).is_some_and(|kind| kind.nature == Nature::Price);
        let own = |row: &MeasureRow| row.month == month && row.item == like.item && row.unit != like.unit;
        self.entered.iter().filter(|entry| price(&entry.row.kind) && own(&entry.row)).collect()
    }

    fn entered_price(&self, like: &MeasureRow, month: Month) -> Option<Price> {
        let fits = |row: &MeasureRow| row.month == month && row.item == like.item && row.unit == like.unit;
        let price = |kind: &str| self.kinds.kinds.get(kind).is_some_and(|kind| kind.nature == Nature::Price);
        let entry = self.entered.iter().find(|entry| price(&entry.row.kind) && fits(&entry.row))?;
        let price = entry.row.amount.filter(|price| *price > Amount::ZERO)?;
        Some(Price { price, source: PriceSource::Entered, amount: None, quantity: None, documents: vec![entry.key.clone()] })
    }

    /// Σ money ÷ Σ quantity of invoices in the product's unit; credit notes take back both. Nothing where either is not positive.
    fn average(
        &self,
        source: PriceSource,
        from: Month,
        to: Month,
        fits: impl Fn(&MeasureRow) -> bool,
        like: &MeasureRow,
    ) -> Result<Option<Price>, Gap> {
        let (mut money, mut quantity, mut documents) = (Amount::ZERO, Amount::ZERO, Vec::new());
        for (row, _) in self.invoices(from, to, fits, like) {
            let (Some(own), Some(of)) = (row.amount, row.quantity) else { continue };
            money = money.checked_add(own).ok_or_else(too_large)?;
            quantity = quantity.checked_add(of).ok_or_else(too_large)?;
            if !documents.contains(&row.document) {
                documents.push(row.document.clone());
            }
        }
        if money <= Amount::ZERO || quantity <= Amount::ZERO {
            return Ok(None);
        }
        let price = money.checked_div(quantity).and_then(|price| price.round(self.kinds.price_places)).ok_or_else(too_large)?;
        Ok(Some(Price { price, source, amount: Some(money), quantity: Some(quantity), documents }))
    }
}
