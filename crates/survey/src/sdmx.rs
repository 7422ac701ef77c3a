/*!
Figures of a draft as SDMX: SDMX-CSV 2.0, and SDMX-ML 3.0 with its data structure.

`docs/specs/sdmx.md` describes it. One observation for each figure of each row. `OBS_VALUE` is what is reported, in the form's unit: the computed figure, or the adjusted one with
the computed one beside it in `COMPUTED`. A figure that is missing is an observation without a value, and says why in `STATUS`.
*/

use std::fmt::Write as _;

use crate::document::{Cell, Column, Draft};

/// Who keeps the structure, its id and version.
const AGENCY: &str = "TAIZHANG";
const STRUCTURE: &str = "DSD_REPORT";
const VERSION: &str = "1.0";

/// Components: id, what people call it in Chinese and in English, type of its text.
type Component = (&'static str, &'static str, &'static str, &'static str);

const DIMENSIONS: [Component; 5] = [
    ("FORM", "表号", "Form code", "String"),
    ("EDITION", "制度年份", "Edition of the form", "String"),
    ("UNIT", "统一社会信用代码", "Reporting unit: unified social credit code", "String"),
    ("INDICATOR", "指标代码", "Indicator", "String"),
    ("COLUMN", "栏", "Column of the form", "String"),
];
const TIME: Component = ("TIME_PERIOD", "报告期", "Reporting period", "ObservationalTimePeriod");
const MEASURE: Component = ("OBS_VALUE", "填报值", "What is reported, in the unit of measure", "Decimal");
const ATTRIBUTES: [Component; 5] = [
    ("OBS_STATUS", "观测状态", "A normal, M missing", "String"),
    ("STATUS", "状态", "ok, or why there is no figure", "String"),
    ("UNIT_MEASURE", "计量单位", "Unit of measure", "String"),
    ("OBS_TEXT", "文字", "A text or a choice, where the row asks for one", "String"),
    ("COMPUTED", "计算值", "What was computed, where a person adjusted it", "Decimal"),
];

/// One figure.
struct Observation<'a> {
    key: [&'a str; 6],
    value: Option<&'a str>,
    text: Option<&'a str>,
    computed: Option<&'a str>,
    status: &'a str,
    unit: &'a str,
}

impl<'a> Observation<'a> {
    fn of(draft: &'a Draft, cell: &'a Cell, name: &'static str, column: &'a Column) -> Observation<'a> {
        let words = matches!(&*cell.kind, "text" | "choice");
        let own = column.value.as_deref();
        let main = cell.columns.adjusted().is_some_and(|main| std::ptr::eq(main, column));
        let adjusted = cell.adjustment.as_ref().filter(|_| main && !words).map(|adjusted| adjusted.reported.as_str());
        Observation {
            key: [&draft.form, &draft.edition, &draft.unit.code, &cell.id, name, &draft.period],
            value: adjusted.or(own).filter(|_| !words),
            text: own.filter(|_| words),
            computed: own.filter(|_| adjusted.is_some()),
            status: &column.status,
            unit: &cell.unit,
        }
    }

    /// Attributes in their order; `None` is left out.
    fn attributes(&self) -> [Option<&str>; 5] {
        let missing = self.value.is_none() && self.text.is_none();
        [Some(if missing { "M" } else { "A" }), Some(self.status), Some(self.unit), self.text, self.computed]
    }
}

fn observations(draft: &Draft) -> impl Iterator<Item = Observation<'_>> {
    draft
        .cells
        .iter()
        .flat_map(move |cell| cell.columns.each().map(move |(name, column)| Observation::of(draft, cell, name, column)))
}

fn ids(components: &[Component]) -> impl Iterator<Item = &'static str> {
    components.iter().map(|(id, ..)| *id)
}

/// Figures of drafts as SDMX-CSV 2.0.
pub fn csv(drafts: &[Draft]) -> String {
    let mut text = ["STRUCTURE", "STRUCTURE_ID", "ACTION"].join(",");
    for id in ids(&DIMENSIONS).chain([TIME.0, MEASURE.0]).chain(ids(&ATTRIBUTES)) {
        text.push(',');
        text.push_str(id);
    }
    text.push('\n');
    for observation in drafts.iter().flat_map(observations) {
        let _ = write!(text, "datastructure,{AGENCY}:{STRUCTURE}({VERSION}),I");
        let fields = observation.key.map(Some).into_iter().chain([observation.value]).chain(observation.attributes());
        for field in fields {
            text.push(',');
            text.push_str(&quoted(field.unwrap_or_default()));
        }
        text.push('\n');
    }
    text
}

/// A field of CSV (RFC 4180). Line ends become blanks: not every reader of SDMX-CSV takes a line for more than one.
fn quoted(field: &str) -> String {
    let field = field.replace(['\r', '\n'], " ");
    if field.contains([',', '"']) || field.starts_with(' ') || field.ends_with(' ') {
        format!("\"{}\"", field.replace('"', "\"\""))
    } else {
        field
    }
}

const HEAD: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";
const MESSAGE: &str = "xmlns:mes=\"http://www.sdmx.org/resources/sdmxml/schemas/v3_0/message\"";
const COMMON: &str = "xmlns:com=\"http://www.sdmx.org/resources/sdmxml/schemas/v3_0/common\"";

/// The moment that a message names as its own: the first that ZIP knows, too. The same figures are the same bytes, whenever they are written.
const PREPARED: &str = "1980-01-01T00:00:00Z";

fn urn(class: &str, id: &str) -> String {
    format!("urn:sdmx:org.sdmx.infomodel.{class}={AGENCY}:{id}({VERSION})")
}

fn concept(id: &str) -> String {
    format!("urn:sdmx:org.sdmx.infomodel.conceptscheme.Concept={AGENCY}:CS_REPORT({VERSION}).{id}")
}

/// A text in XML, also as an attribute. What XML cannot say becomes the replacement character.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\t' | '\n' | '\r' => {
                let _ = write!(out, "&#{};", u32::from(letter));
            }
            '\0'..='\x1f' | '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            _ => out.push(letter),
        }
    }
    out
}

/// An id as SDMX allows it.
fn id(text: &str) -> String {
    let kept: String = text.chars().map(|c| if c.is_ascii_alphanumeric() || "_@$-".contains(c) { c } else { '_' }).collect();
    if kept.is_empty() { "UNKNOWN".to_owned() } else { kept }
}

fn header(name: &str, unit: &str, test: bool) -> String {
    format!(
        "  <mes:Header>\n    <mes:ID>{}</mes:ID>\n    <mes:Test>{test}</mes:Test>\n    <mes:Prepared>{PREPARED}</mes:Prepared>\n    \
         <mes:Sender id=\"{}\"/>\n",
        id(name),
        id(unit)
    )
}

/// Figures of drafts of one unit and period as SDMX-ML 3.0, structure-specific; `test` marks a delivery that is only tried (试填).
pub fn ml(drafts: &[Draft], test: bool) -> String {
    let structure = urn("datastructure.DataStructure", STRUCTURE);
    let unit = drafts.first().map_or("", |draft| draft.unit.code.as_str());
    let period = drafts.first().map_or("", |draft| draft.period.as_str());
    let names = drafts.iter().map(|draft| draft.form.as_str()).collect::<Vec<_>>().join("_");
    let mut text = format!(
        "{HEAD}<mes:StructureSpecificData {MESSAGE} {COMMON} xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" \
         xmlns:ss=\"http://www.sdmx.org/resources/sdmxml/schemas/v3_0/data/structurespecific\" xmlns:ns1=\"{structure}:ObsLevelDim:AllDimensions\">\n"
    );
    text += &header(&format!("{unit}_{period}_{names}"), unit, test);
    let _ = write!(
        text,
        "    <mes:Structure structureID=\"{STRUCTURE}\" namespace=\"{structure}\" dimensionAtObservation=\"AllDimensions\">\n      \
         <com:Structure>{structure}</com:Structure>\n    </mes:Structure>\n  </mes:Header>\n  \
         <mes:DataSet ss:structureRef=\"{STRUCTURE}\" xsi:type=\"ns1:DataSetType\" action=\"Information\">\n"
    );
    for observation in drafts.iter().flat_map(observations) {
        text += "    <Obs";
        let named = ids(&DIMENSIONS).chain([TIME.0, MEASURE.0]).chain(ids(&ATTRIBUTES));
        let values = observation.key.map(Some).into_iter().chain([observation.value]).chain(observation.attributes());
        for (name, value) in named.zip(values).filter_map(|(name, value)| Some((name, value?))) {
            let _ = write!(text, " {name}=\"{}\"", escaped(value));
        }
        text += "/>\n";
    }
    text + "  </mes:DataSet>\n</mes:StructureSpecificData>\n"
}

/// The data structure with its concepts as SDMX-ML 3.0.
pub fn structure() -> String {
    let mut text = format!(
        "{HEAD}<mes:Structure {MESSAGE} {COMMON} xmlns:str=\"http://www.sdmx.org/resources/sdmxml/schemas/v3_0/structure\">\n{}  \
         </mes:Header>\n  <mes:Structures>\n    <str:ConceptSchemes>\n      \
         <str:ConceptScheme id=\"CS_REPORT\" agencyID=\"{AGENCY}\" version=\"{VERSION}\">\n        \
         <com:Name xml:lang=\"en\">Concepts of statistical reports</com:Name>\n",
        header(STRUCTURE, AGENCY, false)
    );
    let all = DIMENSIONS.iter().chain([&TIME, &MEASURE]).chain(&ATTRIBUTES);
    for (id, zh, en, _) in all {
        let _ = write!(
            text,
            "        <str:Concept id=\"{id}\">\n          <com:Name xml:lang=\"zh\">{zh}</com:Name>\n          \
             <com:Name xml:lang=\"en\">{en}</com:Name>\n        </str:Concept>\n"
        );
    }
    let _ = write!(
        text,
        "      </str:ConceptScheme>\n    </str:ConceptSchemes>\n    <str:DataStructures>\n      \
         <str:DataStructure id=\"{STRUCTURE}\" agencyID=\"{AGENCY}\" version=\"{VERSION}\">\n        \
         <com:Name xml:lang=\"zh\">统计报表</com:Name>\n        <com:Name xml:lang=\"en\">Statistical reports</com:Name>\n        \
         <str:DataStructureComponents>\n          <str:DimensionList id=\"DimensionDescriptor\">\n"
    );
    let component = |tag: &str, (id, .., kind): &Component, extra: &str, inner: &str| {
        format!(
            "            <str:{tag} id=\"{id}\"{extra}>\n              <str:ConceptIdentity>{}</str:ConceptIdentity>\n              \
             <str:LocalRepresentation><str:TextFormat textType=\"{kind}\"/></str:LocalRepresentation>\n{inner}            </str:{tag}>\n",
            concept(id)
        )
    };
    for (at, dimension) in DIMENSIONS.iter().enumerate() {
        text += &component("Dimension", dimension, &format!(" position=\"{}\"", at + 1), "");
    }
    text += &component("TimeDimension", &TIME, "", "");
    text += "          </str:DimensionList>\n          <str:AttributeList id=\"AttributeDescriptor\">\n";
    // Without the optional MeasureRelationship, which not every reader takes; there is one measure.
    let relation = "              <str:AttributeRelationship><str:Observation/></str:AttributeRelationship>\n";
    for attribute in &ATTRIBUTES {
        let must = matches!(attribute.0, "OBS_STATUS" | "STATUS");
        let usage = if must { " usage=\"mandatory\"" } else { " usage=\"optional\"" };
        text += &component("Attribute", attribute, usage, relation);
    }
    text += "          </str:AttributeList>\n          <str:MeasureList id=\"MeasureDescriptor\">\n";
    text += &component("Measure", &MEASURE, " usage=\"optional\"", "");
    text + "          </str:MeasureList>\n        </str:DataStructureComponents>\n      </str:DataStructure>\n    \
            </str:DataStructures>\n  </mes:Structures>\n</mes:Structure>\n"
}
