//! One rule: where the value of an element comes from, and how its type wants it.

use fhir::tables::{Element, TypeId, TypeKind, required_codes};
use fhir::ucum;

use super::Checked;
use crate::Severity;
use crate::mapping::codes::{CodeMap, Meant, is_code};
use crate::mapping::convert::{is_decimal, write_coding};
use crate::mapping::dates::Pattern;
use crate::mapping::fault::{Place, did_you_mean};
use crate::mapping::plan::{Conversion, Each, ResourcePlan, Rule, TimeKind, Value};
use crate::mapping::written::{Constant, Table, Written};

/// The most codes that are named where another is wanted.
const SHOWN_MAX: usize = 12;

/// What a rule says beside where it comes from.
struct Said {
    place: Place,
    codes: Option<usize>,
    system: Option<Written<String>>,
    display: Option<Written<String>>,
    unit: Option<Written<String>>,
    unit_code: Option<Written<String>>,
    split: Option<Written<String>>,
    target: Option<Written<String>>,
    dates: Vec<Pattern>,
}

impl Checked<'_> {
    /// Reads a rule for `element`.
    pub(super) fn rule(
        &mut self,
        mut table: Table<'_, '_>,
        element: Element,
        path: &str,
        earlier: &[ResourcePlan],
        each: Option<Each>,
    ) -> Option<Rule> {
        let from = table.text("from");
        let fixed = table.constant("fixed");
        let reference = table.text("reference");
        let said = self.said(&mut table);
        let default = table.constant("default");
        let otherwise = table.constant("otherwise");
        let severity = self.severity(&mut table, Severity::Major);
        let when = table.table("when").map(|when| self.test(when));
        let place = table.place().clone();
        table.refuse_unknown();
        let kind = element.only_type()?;
        let one_of =
            usize::from(from.is_some()) + usize::from(fixed.is_some()) + usize::from(reference.is_some());
        if one_of != 1 {
            self.notes.note(&place, "one of `from`, `fixed` and `reference` is wanted here");
            return None;
        }
        let is_label = path.starts_with("meta.security");
        if is_label && from.is_some() && otherwise.is_none() {
            let text = "a security label must be sure: give `otherwise`, the code for values that are not in the map";
            self.notes.note(&place, text);
        }
        let value = if let Some(from) = from {
            let conversion = self.conversion(element, kind, &said)?;
            Value::Cell { selector: self.selector(&from), conversion }
        } else if let Some(reference) = reference {
            Value::Reference(self.reference(&reference, element, earlier, each)?)
        } else {
            Value::Fixed(self.constant(&fixed?, (element, kind), &said)?)
        };
        let default = default.and_then(|constant| self.constant(&constant, (element, kind), &said));
        let otherwise = otherwise.and_then(|constant| self.constant(&constant, (element, kind), &said));
        Some(Rule { value, when, default, otherwise, severity, path: path.to_owned() })
    }

    fn said(&mut self, table: &mut Table<'_, '_>) -> Said {
        let codes = table.text("codes").and_then(|written| {
            let found = self.codes.iter().position(|map| map.name == written.value);
            if found.is_none() {
                let near = did_you_mean(&written.value, self.codes.iter().map(|map| map.name.as_str()));
                self.notes.note(&written.place, format!("there is no `[codes.{}]`{near}", written.value));
            }
            found
        });
        let own = table.texts("dates");
        let dates = if own.is_empty() { self.dates.clone() } else { self.patterns(own) };
        Said {
            place: table.place().clone(),
            codes,
            system: table.text("system"),
            display: table.text("display"),
            unit: table.text("unit"),
            unit_code: table.text("unit_code"),
            split: table.text("split"),
            target: table.text("target"),
            dates,
        }
    }

    fn fault<T>(&self, said: &Said, text: impl Into<String>) -> Option<T> {
        self.notes.note(&said.place, text);
        None
    }

    /// How a cell becomes a value of this type.
    fn conversion(&self, element: Element, kind: TypeId, said: &Said) -> Option<Conversion> {
        Some(match kind.name() {
            "string" | "markdown" => match &said.split {
                None => Conversion::Text,
                Some(split) => {
                    let mut letters = split.value.chars();
                    match (letters.next(), letters.next(), element.is_array()) {
                        (Some(letter), None, true) => Conversion::Split(letter),
                        (_, _, false) => return self.fault(said, "only what repeats can be split"),
                        _ => return self.fault(said, "`split` is one character"),
                    }
                }
            },
            "uri" | "url" | "canonical" | "oid" | "uuid" | "id" => Conversion::Uri,
            "base64Binary" => Conversion::Base64,
            "code" => Conversion::Code(self.codes_of(element, kind, said)?),
            "Coding" => Conversion::Coding(self.codes_of(element, kind, said)?),
            "CodeableConcept" => Conversion::Concept(self.codes_of(element, kind, said)?),
            "boolean" => Conversion::Boolean(self.booleans(said)?),
            "integer" => Conversion::Integer(i64::from(i32::MIN)),
            "unsignedInt" => Conversion::Integer(0),
            "positiveInt" => Conversion::Integer(1),
            "decimal" => Conversion::Decimal,
            "date" => Conversion::Time(TimeKind::Date, self.dates(said, TimeKind::Date)?),
            "dateTime" => Conversion::Time(TimeKind::DateTime, self.dates(said, TimeKind::DateTime)?),
            "instant" => Conversion::Time(TimeKind::Instant, self.dates(said, TimeKind::Instant)?),
            "time" => Conversion::Time(TimeKind::Time, self.dates(said, TimeKind::Time)?),
            "Quantity" | "Age" | "Count" | "Distance" | "Duration" => Conversion::Quantity(self.unit(said)?),
            "Identifier" => match &said.system {
                Some(system) => Conversion::Identifier(system.value.clone()),
                None => {
                    return self.fault(said, "give the system of the identifier: system = \"https://...\"");
                }
            },
            "Reference" => self.logical(element, said)?,
            "xhtml" => return self.fault(said, "a narrative is not written by a mapping"),
            other => {
                let text = format!(
                    "{other} has elements inside it: map them one by one, as in `....{}`",
                    inside(kind)
                );
                return self.fault(said, text);
            }
        })
    }

    fn codes_of(&self, element: Element, kind: TypeId, said: &Said) -> Option<usize> {
        let Some(map) = said.codes.and_then(|codes| self.codes.get(codes)) else {
            if said.codes.is_none() {
                self.notes.note(&said.place, format!("a {kind} needs a code map: codes = \"...\""));
            }
            return None;
        };
        let strange = map.codes().find_map(|code| not_taken(element, code));
        if let Some(text) = strange {
            return self.fault(said, format!("`[codes.{}]` does not fit: {text}", map.name));
        }
        if map.open && required_codes(element.id()).is_some() {
            let text = "FHIR says which codes this element takes: without `open`, and with `otherwise` or a loss for others";
            return self.fault(said, text);
        }
        said.codes
    }

    #[expect(clippy::option_option, reason = "no map is an answer, and so is a fault")]
    fn booleans(&self, said: &Said) -> Option<Option<usize>> {
        let map = said.codes.and_then(|codes| self.codes.get(codes));
        if map.is_some_and(|map| map.codes().any(|code| !matches!(code, "true" | "false"))) {
            return self.fault(said, "the code map of a boolean may hold \"true\" and \"false\" only");
        }
        Some(said.codes)
    }

    fn dates(&self, said: &Said, kind: TimeKind) -> Option<Vec<Pattern>> {
        let fits = |pattern: &&Pattern| pattern.is_time_alone() == (kind == TimeKind::Time);
        let dates: Vec<Pattern> = said.dates.iter().filter(fits).cloned().collect();
        if dates.is_empty() {
            return self
                .fault(said, "say how it is written: dates = [\"DD/MM/YYYY\"], here or in `[source]`");
        }
        Some(dates)
    }

    /// What follows the number of a quantity.
    fn unit(&self, said: &Said) -> Option<Vec<u8>> {
        let Some(unit) = &said.unit else {
            return self.fault(said, "a quantity needs its unit: unit = \"h\" (unit_code = its UCUM code)");
        };
        let mut json = b",\"unit\":".to_vec();
        fhir::json::quote(&unit.value, &mut json);
        let code = said.unit_code.as_ref().map_or(unit.value.as_str(), |code| code.value.as_str());
        if !ucum::is_code(code) {
            return self
                .fault(said, "the unit is no code of UCUM: say it in `unit_code`, such as \"mm[Hg]\"");
        }
        json.extend_from_slice(b",\"system\":");
        fhir::json::quote(ucum::SYSTEM, &mut json);
        json.extend_from_slice(b",\"code\":");
        fhir::json::quote(code, &mut json);
        Some(json)
    }

    /// A reference by identifier.
    fn logical(&self, element: Element, said: &Said) -> Option<Conversion> {
        let (Some(system), Some(target)) = (&said.system, &said.target) else {
            let text = "a reference to what is elsewhere needs `system` and `target`, such as \"Organization\"; \
                        one to another resource of the record is written reference = \"NAME\"";
            return self.fault(said, text);
        };
        let kind = self.target(target, element)?;
        Some(Conversion::Logical(kind.name(), system.value.clone()))
    }

    fn target(&self, written: &Written<String>, element: Element) -> Option<TypeId> {
        let Some(kind) = fhir::tables::resource_type(&written.value) else {
            let near = did_you_mean(&written.value, fhir::tables::resource_types().map(|found| found.name()));
            self.notes.note(&written.place, format!("FHIR R4 has no such resource type{near}"));
            return None;
        };
        let targets = element.targets();
        let is_any = |found: &TypeId| found.kind() == TypeKind::Abstract;
        if targets.is_empty() || targets.contains(&kind) || targets.iter().any(is_any) {
            return Some(kind);
        }
        let may: Vec<&str> = targets.iter().map(|found| found.name()).collect();
        let text = format!("`{}` may point at {} only", element.key(), may.join(", "));
        self.notes.note(&written.place, text);
        None
    }

    fn reference(
        &self,
        written: &Written<String>,
        element: Element,
        earlier: &[ResourcePlan],
        each: Option<Each>,
    ) -> Option<usize> {
        if element.only_type().is_none_or(|kind| kind.name() != "Reference") {
            self.notes.note(&written.place, format!("`{}` is no reference", element.key()));
            return None;
        }
        let Some(at) = earlier.iter().position(|held| held.name == written.value) else {
            let near = did_you_mean(&written.value, earlier.iter().map(|held| held.name.as_str()));
            let text =
                format!("no resource above this one has this name{near}; what is pointed at stands first");
            self.notes.note(&written.place, text);
            return None;
        };
        let found = earlier.get(at)?;
        if found.each.is_some() && found.each != each {
            let text = "there may be many of these: both resources need the same `each`";
            self.notes.note(&written.place, text);
        }
        let kind = Written { value: found.kind.name().to_owned(), place: written.place.clone() };
        self.target(&kind, element).map(|_| at)
    }

    /// A value of the mapping itself, as JSON of this type.
    fn constant(
        &self,
        constant: &Written<Constant>,
        (element, kind): (Element, TypeId),
        said: &Said,
    ) -> Option<Vec<u8>> {
        let text = constant.value.as_str();
        let is_bare = matches!(constant.value, Constant::Bare(_));
        let mut json = Vec::new();
        let fits = match kind.name() {
            "boolean" => matches!(text, "true" | "false") && is_bare,
            "integer" => text.parse::<i32>().is_ok() && is_bare,
            "unsignedInt" => {
                text.parse::<u32>().is_ok_and(|number| number <= i32::MAX.unsigned_abs()) && is_bare
            }
            "positiveInt" => {
                text.parse::<u32>().is_ok_and(|number| (1..=i32::MAX.unsigned_abs()).contains(&number))
                    && is_bare
            }
            "decimal" => is_decimal(text) && is_bare,
            "code" | "Coding" | "CodeableConcept" => is_code(text) && !is_bare,
            "date" | "dateTime" => is_date(text),
            "uri" | "url" | "canonical" | "oid" | "uuid" | "id" => {
                !text.is_empty() && !text.contains(char::is_whitespace)
            }
            "string" | "markdown" => !text.trim().is_empty() && !is_bare,
            other @ ("instant" | "time" | "base64Binary") => {
                let text = format!("a {other} is not given by the mapping itself: take it from the record");
                self.notes.note(&constant.place, text);
                return None;
            }
            other => {
                let text = format!("a {other} is not given as a whole: give its elements");
                self.notes.note(&constant.place, text);
                return None;
            }
        };
        if !fits {
            self.notes.note(&constant.place, format!("this is no {kind} of FHIR"));
            return None;
        }
        if let Some(text) = not_taken(element, text).filter(|_| !is_bare) {
            self.notes.note(&constant.place, text);
            return None;
        }
        match kind.name() {
            "Coding" => self.coding(text, said, &mut json),
            "CodeableConcept" => {
                json.extend_from_slice(b"{\"coding\":[");
                self.coding(text, said, &mut json);
                json.extend_from_slice(b"]}");
            }
            _ if is_bare => json.extend_from_slice(text.as_bytes()),
            _ => fhir::json::quote(text, &mut json),
        }
        Some(json)
    }

    /// A coding of the mapping itself: its system is told, or that of the code map.
    fn coding(&self, code: &str, said: &Said, json: &mut Vec<u8>) {
        let map: Option<&CodeMap> = said.codes.and_then(|codes| self.codes.get(codes));
        let system = said.system.as_ref().map(|system| system.value.as_str());
        let system = system.or_else(|| map.and_then(|map| map.system.as_deref()));
        let display = said.display.as_ref().map(|display| display.value.as_str());
        let display = display.or_else(|| map.and_then(|map| map.display(code)));
        if system.is_none() {
            self.notes.note(&said.place, "a code needs its system: system = \"https://...\"");
        }
        write_coding(system, code, display, json);
    }
}

impl CodeMap {
    /// What people call a code of the map.
    fn display(&self, code: &str) -> Option<&str> {
        self.meanings().find_map(|meant| match meant {
            Meant::Code { code: held, display, .. } if held == code => display.as_deref(),
            Meant::Code { .. } | Meant::Nothing => None,
        })
    }
}

/// That an element does not take a code, if R4 says which it takes.
fn not_taken(element: Element, code: &str) -> Option<String> {
    let codes = required_codes(element.id()).filter(|codes| !codes.contains(&code))?;
    let near = did_you_mean(code, codes.iter().copied());
    let more = if codes.len() > SHOWN_MAX { ", ..." } else { "" };
    let shown = codes.iter().take(SHOWN_MAX).copied().collect::<Vec<_>>().join(", ");
    Some(format!("`{}` takes {shown}{more}, and no `{code}`{near}", element.path()))
}

fn is_date(text: &str) -> bool {
    let zone = jiff::tz::TimeZone::UTC;
    ["YYYY-MM-DD", "YYYY-MM", "YYYY"]
        .iter()
        .any(|pattern| Pattern::parse(pattern).is_ok_and(|pattern| pattern.read(text, &zone).is_some()))
}

/// An element of a type, to show how a path goes on.
fn inside(kind: TypeId) -> &'static str {
    let own =
        kind.elements().find(|element| !matches!(element.name(), "id" | "extension" | "modifierExtension"));
    own.map_or("value", |element| element.name())
}
