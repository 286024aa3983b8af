//! A slow second opinion on what may come out, written from the rules and not from the code: it looks at every leaf of
//! a minimised resource and asks which rule lets it be there.

use std::collections::BTreeSet;

use fhir::json::{Kind, Node};
use fhir::path::{ElementPath, Step};
use fhir::search::names_person_by;
use fhir::tables::{self, TypeId, TypeKind, patient_compartment, resource_type, search_parameter};

use super::rules::Rules;

const NHS_NUMBER: &str = "https://fhir.nhs.uk/Id/nhs-number";

/// The paths of one type.
struct Said {
    owner: TypeId,
    /// Steps of named elements.
    elements: BTreeSet<Vec<String>>,
    /// Steps to the holder, and the url.
    extensions: BTreeSet<(Vec<String>, String)>,
    systems: BTreeSet<(Vec<String>, String)>,
    ties: BTreeSet<Vec<String>>,
    withheld: BTreeSet<Vec<String>>,
}

impl Said {
    fn read(owner: TypeId, rules: &Rules) -> Option<Self> {
        let shared = rules.share.get(owner.name())?;
        let mut said = Self {
            owner,
            elements: BTreeSet::new(),
            extensions: BTreeSet::new(),
            systems: BTreeSet::new(),
            ties: BTreeSet::new(),
            withheld: BTreeSet::new(),
        };
        for text in &shared.elements {
            let path = ElementPath::parse(owner, text).expect("a path");
            let (last, before) = path.steps().split_last().expect("a step");
            let names = |steps: &[Step]| steps.iter().map(Step::to_string).collect::<Vec<_>>();
            match last {
                Step::Choice { .. } | Step::Item { .. } => panic!("the invented rules name none"),
                Step::Element(_) => drop(said.elements.insert(names(path.steps()))),
                Step::Extension(url) => drop(said.extensions.insert((names(before), url.clone()))),
                Step::Identifier(system) => drop(said.systems.insert((names(before), system.clone()))),
            }
        }
        let all: Vec<&str> = patient_compartment(owner).to_vec();
        let codes = names_person_by(owner).map_or(all, |one| vec![one]);
        let parameters = codes.into_iter().filter_map(|code| search_parameter(owner, code));
        for path in parameters.flat_map(|found| found.paths().unwrap_or_default()) {
            said.ties.insert(path.path().split('.').map(str::to_owned).collect());
        }
        said.withheld = shared.withhold.iter().map(|name| vec![name.clone()]).collect();
        Some(said)
    }
}

/// Where the look has come to.
#[derive(Clone)]
struct At {
    owner: TypeId,
    path: Vec<String>,
    /// Whether something on the way shares what is below.
    open: Open,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Open {
    /// Only what is named below.
    Closed,
    /// What is named or a modifier: its children, but for those always removed.
    Whole,
    /// A named extension.
    Extension,
}

/// Says what is in `node`, a minimised resource, that no rule lets be there or that is missing.
pub(crate) fn check(node: Node<'_>, rules: &Rules) -> Result<(), String> {
    let name = node.str_at(&["resourceType"]).ok_or("no type")?;
    let owner = resource_type(&name).ok_or("an unknown type")?;
    let Some(said) = Said::read(owner, rules) else {
        return if owner.name() == "Bundle" { Ok(()) } else { Err(format!("{owner} is not shared")) };
    };
    let at = At { owner, path: Vec::new(), open: Open::Closed };
    object(node, &at, &said, rules)
}

fn object(node: Node<'_>, at: &At, said: &Said, rules: &Rules) -> Result<(), String> {
    let mut present = BTreeSet::new();
    for (key, value) in node.members() {
        let key = key.text();
        let is_root = at.path.is_empty();
        if is_root && matches!(&*key, "resourceType" | "id") {
            continue;
        }
        let name = key.strip_prefix('_').unwrap_or(&key);
        let element =
            tables::element(at.owner, name).ok_or_else(|| format!("{key} is unknown in {}", at.owner))?;
        present.insert(element.id());
        if matches!(name, "modifierExtension" | "implicitRules") {
            return Err(format!("{key} came out"));
        }
        if is_root && key == "meta" {
            continue;
        }
        let mut path = at.path.clone();
        path.push(element.name().to_owned());
        let found = element.only_type().ok_or("no type")?;
        let is_sibling = key.starts_with('_');
        let items: Vec<_> = if value.kind() == Kind::Array { value.items().collect() } else { vec![value] };
        if items.is_empty() || (value.kind() == Kind::Array) != element.is_array() {
            return Err(format!("{path:?} is not written as its type"));
        }
        for item in items {
            if is_masked(item) || item.is_null() {
                continue;
            }
            let open = opens(at, said, &path, found, element.is_modifier(), item)?;
            let inside = At { owner: found, path: path.clone(), open };
            match found.kind() {
                _ if is_sibling => object(item, &At { open: Open::Closed, ..inside }, said, rules)?,
                TypeKind::Resource | TypeKind::Abstract => check(item, rules)?,
                TypeKind::Complex | TypeKind::Backbone => object(item, &inside, said, rules)?,
                TypeKind::Text | TypeKind::Number | TypeKind::Boolean if open == Open::Closed => {
                    return Err(format!("{path:?} is not named"));
                }
                TypeKind::Text | TypeKind::Number | TypeKind::Boolean => {
                    if at.owner.name() == "Reference" && name == "reference" {
                        let text = item.string().unwrap_or_default();
                        if !rules.persons.contains(&*text)
                            && !rules.visible.contains(&*text)
                            && !text.starts_with('#')
                        {
                            return Err(format!("{path:?} shows what is hidden"));
                        }
                    }
                }
            }
        }
    }
    for element in at.owner.elements().filter(|element| element.min() > 0) {
        if !present.contains(&element.id()) && !at.owner.kind().is_primitive() {
            return Err(format!("{} is required and missing at {:?}", element.path(), at.path));
        }
    }
    Ok(())
}

/// Whether a rule lets the element at `path` be there, and how much of it.
#[expect(clippy::fn_params_excessive_bools, reason = "the oracle mirrors `Element::is_modifier`")]
fn opens(
    at: &At,
    said: &Said,
    path: &[String],
    found: TypeId,
    modifier: bool,
    item: Node<'_>,
) -> Result<Open, String> {
    let name = path.last().map(String::as_str).unwrap_or_default();
    let is_named = said.elements.contains(path);
    let holder = &at.path;
    if said.withheld.contains(path) {
        return Err(format!("{path:?} is withheld"));
    }
    if name == "extension" && !is_named {
        let url = item.str_at(&["url"]).unwrap_or_default().into_owned();
        let named = said.extensions.contains(&(holder.clone(), url));
        return if at.open == Open::Extension || named {
            Ok(Open::Extension)
        } else {
            Err(format!("{path:?} is not named"))
        };
    }
    let removed = match name {
        "contained" => true,
        "display" | "identifier" if at.owner.name() == "Reference" => true,
        _ => matches!(found.name(), "Annotation" | "Attachment"),
    };
    let by_holder = match at.open {
        Open::Extension => found.name() != "Attachment",
        Open::Whole => !removed,
        Open::Closed => false,
    };
    // A part of a Reference or Identifier that may be there comes with what tells of what it is a part.
    let is_tie = said.ties.contains(holder) && at.owner.name() == "Reference" && name == "identifier";
    let names_part = said.elements.iter().any(|named| named.starts_with(holder))
        || said.extensions.iter().any(|(of, _)| of.starts_with(holder))
        || said.systems.iter().any(|(of, _)| of.starts_with(holder))
        || said.ties.contains(holder);
    let is_frame = matches!((at.owner.name(), name), ("Reference", "reference") | ("Identifier", "system"));
    let is_tie = is_tie || (names_part && is_frame);
    let is_open = is_named || modifier || by_holder || is_tie;
    if found.name() == "Identifier" && at.open != Open::Extension {
        let system = item.str_at(&["system"]).unwrap_or_default().into_owned();
        let by_system = said.systems.contains(&(holder.clone(), system.clone()));
        let nhs = system == NHS_NUMBER || item.member("system").is_none();
        let itself = name != "identifier" && is_named;
        if is_open && !(nhs || by_system || itself) {
            return Err(format!("{path:?} has a system that is not named"));
        }
        if by_system {
            return Ok(Open::Whole);
        }
    }
    let _ = said.owner;
    Ok(match is_open {
        true if found.name() == "Extension" => Open::Extension,
        true => Open::Whole,
        false => Open::Closed,
    })
}

fn is_masked(item: Node<'_>) -> bool {
    // XHTML has no extensions: what stands for it says so itself.
    item.is_string("<div xmlns=\"http://www.w3.org/1999/xhtml\">withheld</div>")
        || item.str_at(&["extension", "valueCode"]).is_some_and(|code| code == "masked")
}
