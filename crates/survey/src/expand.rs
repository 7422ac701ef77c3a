//! Rows that paper repeats for each product or industry, repeated for those that the unit makes.

use std::collections::BTreeMap;

use model::Finding;
use serde::Deserialize;
use toml::Spanned;

use crate::{Form, Row, Rule};

/// A product of the unit as a form's catalogue has it (`[[product]]`). Several items of the ERP may be one product of the catalogue.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Product {
    /// Code in the catalogue of products (产品目录).
    pub code: String,
    /// Name in the catalogue.
    pub name: String,
    /// Unit in the catalogue.
    pub unit: String,
    /// Item in the ERP or in what people enter: its code or its name.
    pub item: String,
    /// How many of the catalogue's units one unit of the item is, where it is not one.
    pub times: Option<String>,
    /// Small class of its industry (行业小类).
    pub industry: Option<String>,
    /// What it is, where it is no product: `project`, `energy`, `commodity`, as packs say in `each`.
    #[serde(skip)]
    pub each: Option<String>,
    /// Whether its industry is the unit's own, which has what belongs to no product.
    #[serde(skip)]
    pub main: bool,
}

/// What a form repeats beside products (`[[repeat]]`): a project, a sort of energy, a class of goods.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Repeat {
    /// What it is, as packs say in `each`.
    pub each: String,
    /// Code.
    pub code: String,
    /// Name.
    pub name: String,
    /// Item in the ERP or in what people enter; its name where nothing is said.
    pub item: Option<String>,
}

impl From<Repeat> for Product {
    fn from(repeat: Repeat) -> Product {
        let item = repeat.item.unwrap_or_else(|| repeat.name.clone());
        Product { code: repeat.code, name: repeat.name, item, each: Some(repeat.each), ..Product::default() }
    }
}

impl Product {
    fn group(&self, each: &str) -> Option<(&str, &str)> {
        match (self.each.as_deref(), each) {
            (None, "product") => Some((&self.code, &self.name)),
            (None, "industry") => self.industry.as_deref().map(|industry| (industry, industry)),
            (Some(own), each) if own == each => Some((&self.code, &self.name)),
            _ => None,
        }
    }

    /// A formula with `{item}` in it, for this product. Quantities are counted in the catalogue's unit, money is what it is.
    fn formula(&self, template: &str) -> String {
        let quoted = |text: &str| text.replace('"', "\"\"");
        let text = template.replace("{item}", &quoted(&self.item)).replace("{unit}", &quoted(&self.unit));
        match self.times.as_deref().filter(|_| template.contains("quantity")) {
            Some(times) => format!("({text}) * {times}"),
            None => text,
        }
    }
}

impl Form {
    /// The form with its repeated rows for these products. Without any, such a row has no formula: a person fills it.
    pub fn expanded(mut self, products: &[Product]) -> (Form, Vec<Finding>) {
        let whole = self.each.clone();
        let mut rows: Vec<Row> = Vec::new();
        let mut repeated = false;
        // A form that is repeated as a whole is filled product by product.
        let groups = |each: &str| {
            let mut groups: BTreeMap<(String, String), Vec<&Product>> = BTreeMap::new();
            for product in products {
                if let Some((code, name)) = product.group(each) {
                    groups.entry((code.to_owned(), name.to_owned())).or_default().push(product);
                }
            }
            groups
        };
        if let Some(each) = &whole {
            let own = |row: &&Row| !row.once;
            let keys: Vec<String> = self.rows.iter().filter(own).map(|row| row.key().to_owned()).collect();
            let (groups, once) = (groups(each), std::mem::take(&mut self.rules));
            for (code, name) in groups.keys() {
                self.rules.extend(once.iter().filter(|rule| rule.is_of(code, name)).map(|rule| {
                    let own = |text: String, key: &String| text.replace(&format!("[{key}]"), &format!("[{code}.{key}]"));
                    let text = keys.iter().fold(rule.expr.get_ref().clone(), own);
                    Rule { id: format!("{}.{code}", rule.id), expr: Spanned::new(rule.expr.span(), text), ..rule.clone() }
                }));
            }
            if groups.is_empty() {
                self.rules = once;
            }
            for ((code, name), members) in groups {
                repeated = true;
                for row in self.rows.iter().filter(own) {
                    rows.push(of(row, Some(format!("{code}.{}", row.key())), &format!("{name}：{}", row.name), &members));
                }
            }
        }
        if repeated {
            rows.extend(self.rows.iter().filter(|row| row.once).cloned());
        } else {
            for row in std::mem::take(&mut self.rows) {
                let Some(each) = row.each.clone() else {
                    rows.push(Row { formula: row.formula.filter(|text| whole.is_none() || !is_template(text)), ..row });
                    continue;
                };
                let groups = groups(&each);
                repeated |= !groups.is_empty();
                // The only one there is, or the unit's own.
                let main = groups.iter().find(|(_, members)| groups.len() == 1 || members.iter().any(|product| product.main));
                let main = main.map(|((code, _), _)| code);
                for ((code, name), members) in &groups {
                    let name = if each == "industry" { format!("{}：{code}", row.name) } else { name.clone() };
                    let mut made = Row { code: Some(code.clone()), ..of(&row, None, &name, members) };
                    if let (Some(main), Some(rest), Some(own)) = (main, made.rest.take_if(|_| main.is_some()), &mut made.formula)
                        && main == code
                    {
                        *own = Spanned::new(own.span(), format!("{} + {}", own.get_ref(), rest.get_ref()));
                    }
                    rows.push(made);
                }
                if groups.is_empty() {
                    rows.push(Row { formula: None, ..row });
                }
            }
        }
        self.rows = rows;
        let mut findings = Vec::new();
        // A code stands in references, which have no quotes.
        let fits = |code: &str| !code.is_empty() && code.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | '.'));
        for product in products.iter().filter(|product| repeated && !fits(&product.code)) {
            let finding = Finding::error("repeat-code-unfit").at(self.source.file.clone());
            findings.push(finding.with("code", &product.code).with("name", &product.name));
        }
        for (at, row) in self.rows.iter().enumerate() {
            if self.rows[..at].iter().any(|other| other.key() == row.key()) {
                findings.push(Finding::error("row-doubled").at(self.source.file.clone()).with("indicator", row.key()));
            }
        }
        if repeated {
            // The products are a part of what the figures say, and so of the digest of the mapping.
            for product in products {
                self.source.text.push_str(&format!("\n# {product:?}"));
            }
        }
        (self, findings)
    }
}

fn is_template(text: &Spanned<String>) -> bool {
    text.get_ref().contains("{item}")
}

/// A row for some products: the sum of the formula over them.
fn of(row: &Row, id: Option<String>, name: &str, products: &[&Product]) -> Row {
    let formula = row.formula.as_ref().map(|template| {
        let text = if is_template(template) {
            products.iter().map(|product| product.formula(template.get_ref())).collect::<Vec<_>>().join(" + ")
        } else {
            template.get_ref().clone()
        };
        Spanned::new(template.span(), text)
    });
    // 目录单位 and 实物单位 are the unit that the catalogue says.
    let unit = match products.first() {
        Some(product) if matches!(row.unit.as_deref(), Some("目录单位" | "实物单位")) && !product.unit.is_empty() => {
            Some(product.unit.clone())
        }
        _ => row.unit.clone(),
    };
    let (code, id) = if id.is_some() { (None, id) } else { (row.code.clone(), None) };
    let repeats = Some(row.key().to_owned());
    Row { code, id, name: name.to_owned(), unit, each: None, repeats, formula, ..row.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORM: &str = r#"
form = "T-1"
edition = "2025"
revision = 1
trade = "B"
name = "试"
frequency = "monthly"
columns = ["this_month", "cumulative"]
unit = "千元"
divisor = 1000
places = 0
basis = "试"
[header]
authority = "国家统计局"
document = ""
valid_until = ""
status = "recalled"
[[row]]
id = "by-product"
name = "产量"
unit = "目录单位"
kind = "flow"
each = "product"
formula = 'MEASURE(output, quantity, item="{item}")'
status = "confirmed"
[[row]]
id = "by-industry"
name = "产值"
kind = "flow"
each = "industry"
formula = 'MEASURE(output, value, item="{item}")'
status = "confirmed"
"#;

    fn product(code: &str, item: &str, times: Option<&str>) -> Product {
        Product {
            code: code.to_owned(),
            name: format!("产品{code}"),
            unit: "台".to_owned(),
            item: item.to_owned(),
            times: times.map(str::to_owned),
            industry: Some("3824".to_owned()),
            ..Product::default()
        }
    }

    #[test]
    fn rows_are_repeated_for_the_products_of_the_unit() {
        let (form, findings) = Form::parse("t.toml", FORM);
        assert_eq!(findings, []);
        let form = form.unwrap();
        let (bare, findings) = form.clone().expanded(&[]);
        assert!(findings.is_empty() && bare.rows.iter().all(|row| row.formula.is_none()));
        let products = [product("3901", "A", None), product("3901", "B", Some("2")), product("3902", "C", None)];
        let (form, findings) = form.expanded(&products);
        assert_eq!(findings, []);
        let shown: Vec<_> = form
            .rows
            .iter()
            .map(|row| (row.key(), row.unit.as_deref().unwrap_or("—"), row.formula.as_ref().unwrap().get_ref().as_str()))
            .collect();
        let sum = r#"MEASURE(output, quantity, item="A") + (MEASURE(output, quantity, item="B")) * 2"#;
        let value = r#"MEASURE(output, value, item="A") + MEASURE(output, value, item="B") + MEASURE(output, value, item="C")"#;
        let one = r#"MEASURE(output, quantity, item="C")"#;
        assert_eq!(shown, [("3901", "台", sum), ("3902", "台", one), ("3824", "—", value)]);
        let (_, findings) = form.clone().expanded(&[]);
        assert!(findings.is_empty(), "nothing is left to repeat");
        // What no product has goes to the only industry, or to the unit's own of several; of several without one it goes nowhere.
        let text = FORM.to_owned() + "rest = 'MEASURE(processing, amount)'\n";
        let other = |main| Product { industry: Some("3825".to_owned()), main, ..product("3903", "D", None) };
        let rows = |products: &[Product]| {
            let (form, findings) = Form::parse("t.toml", &text).0.unwrap().expanded(products);
            assert_eq!(findings, []);
            let rows = form.rows.into_iter().filter(|row| row.repeats.as_deref() == Some("by-industry"));
            rows.map(|row| (row.formula.unwrap().into_inner(), row.rest.is_some())).collect::<Vec<_>>()
        };
        let [a, d] = ["A", "D"].map(|item| format!(r#"MEASURE(output, value, item="{item}")"#));
        let whole = |own: &str| format!("{own} + MEASURE(processing, amount)");
        assert_eq!(rows(&[product("3901", "A", None)]), [(whole(&a), false)]);
        assert_eq!(rows(&[product("3901", "A", None), other(true)]), [(a.clone(), false), (whole(&d), false)]);
        assert_eq!(rows(&[product("3901", "A", None), other(false)]), [(a, true), (d, true)]);
        let text = FORM.to_owned() + "rest = 'MEASURE(processing, amount)'\n";
        let stray = text.replace("each = \"industry\"", "each = \"product\"");
        assert_eq!(Form::parse("t.toml", &stray).1[0].code, "row-source-unfit");
        let (whole, _) = Form::parse("t.toml", FORM);
        let (_, findings) = whole.unwrap().expanded(&[product("39 01]", "A", None), product("39-01", "B", None)]);
        assert_eq!(findings.iter().map(|finding| finding.code.as_ref()).collect::<Vec<_>>(), ["repeat-code-unfit"]);
    }
}
