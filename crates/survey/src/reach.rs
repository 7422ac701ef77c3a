//! What a form's draft can depend on: how far its formulas and rules reach into other forms, items and layers.

use std::collections::BTreeSet;

use formula::{Expr, Node};

use crate::{Mapping, audit::children};

/// Forms and items that one form's formulas and rules lead to, itself among them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reach {
    /// Forms of the mapping.
    pub forms: BTreeSet<String>,
    /// Items.
    pub items: BTreeSet<String>,
    /// Whether any formula on the way asks for measures.
    pub measures: bool,
}

impl Mapping {
    /// How far a form reaches. Every period counts: the month before is another cell, and the same formula.
    pub fn reach(&self, form: &str) -> Reach {
        let mut reach = Reach::default();
        let (mut forms, mut items) = (vec![form.to_owned()], Vec::new());
        let mut waiting: Vec<(&str, &Expr)> =
            self.rules.iter().filter(|rule| rule.form == form).map(|rule| (rule.form.as_str(), &rule.expr)).collect();
        loop {
            while let Some((own, expr)) = waiting.pop() {
                match &expr.node {
                    Node::Reference { form: of, .. } => forms.push(of.as_deref().unwrap_or(own).to_owned()),
                    Node::Item(name) => items.push(name.clone()),
                    _ => {}
                }
                reach.measures |= matches!(expr.node, Node::Measure(_));
                waiting.extend(children(expr).into_iter().map(|child| (own, child)));
            }
            if let Some(next) = forms.pop() {
                // A form that nobody configured is none of the mapping; once it is, what refers to it has changed.
                if self.form(&next).is_some() && reach.forms.insert(next.clone()) {
                    let own = self.cells.iter().filter(|((of, _), _)| *of == next);
                    waiting.extend(own.map(|((of, _), formula)| (of.as_str(), &formula.expr)));
                }
            } else if let Some(next) = items.pop() {
                if reach.items.insert(next.clone())
                    && let Some(Some(formula)) = self.items.get(&next)
                {
                    waiting.push(("", &formula.expr));
                }
            } else {
                return reach;
            }
        }
    }

    /// The texts that a form's draft can depend on: the standard, the forms that it reaches, and layers that decide on accounts or say
    /// something about what it reaches. What other forms have of their own is not among them.
    pub fn texts_of(&self, form: &str) -> Vec<&str> {
        let reach = self.reach(form);
        let sources = &self.sources;
        let mut texts = vec![sources.standard.text.as_str()];
        let mut forms: Vec<(&str, &str)> = self
            .forms
            .iter()
            .zip(&sources.forms)
            .filter(|(known, _)| reach.forms.contains(&known.form))
            .map(|(known, source)| (known.form.as_str(), source.text.as_str()))
            .collect();
        // Their order in the configuration says nothing; that of layers does.
        forms.sort_unstable();
        texts.extend(forms.into_iter().map(|(_, text)| text));
        let layers = sources
            .layers
            .iter()
            .filter(|(_, says)| says.accounts || !says.items.is_disjoint(&reach.items) || !says.forms.is_disjoint(&reach.forms));
        texts.extend(layers.map(|(source, _)| source.text.as_str()));
        texts
    }
}
