//! Made-up searches: of what is claimed, with values taken from what is there or near it.

use fhir::tables::{self, SearchKind, SearchParameter};

use super::draw::Draw;
use super::expected::{Place, at, at_all};
use super::ground::Ground;
use super::offered::Offered;
use super::query::escaped;

/// What the checks by property are about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum About {
    /// Values of one type of parameter.
    Kind(SearchKind),
    /// `:missing` and `:not`.
    Absence,
    /// Several parameters, several values.
    Together,
}

/// The types whose resources are made up.
pub(super) const TYPES: [&str; 6] =
    ["Patient", "Observation", "Condition", "Encounter", "RiskAssessment", "ValueSet"];

const KINDS: [SearchKind; 7] = [
    SearchKind::Token,
    SearchKind::String,
    SearchKind::Date,
    SearchKind::Number,
    SearchKind::Quantity,
    SearchKind::Reference,
    SearchKind::Uri,
];

/// The parameters of `of` that are claimed, as R4 defines them, and that something is there for.
pub(super) fn parameters(
    ground: &Ground,
    of: &str,
    offered: &Offered,
    about: About,
) -> Vec<&'static SearchParameter> {
    let Some(owner) = tables::resource_type(of) else { return Vec::new() };
    let fits = |parameter: &&'static SearchParameter| match about {
        About::Kind(kind) => parameter.kind() == kind,
        About::Absence => KINDS.contains(&parameter.kind()) && !parameter.code().starts_with('_'),
        About::Together => KINDS.contains(&parameter.kind()),
    };
    // What the endpoint or the run sets by itself is told by checks of its own.
    let own = ["_lastUpdated", "_profile", "_source", "_security", "_tag", "phonetic"];
    let known = tables::search_parameters(owner).into_iter().filter(fits);
    let known = known.filter(|parameter| offered.has(parameter.code()) && !own.contains(&parameter.code()));
    known.filter(|parameter| is_there(ground, of, parameter)).collect()
}

fn is_there(ground: &Ground, of: &str, parameter: &SearchParameter) -> bool {
    parameter.paths().is_some_and(|paths| {
        ground.of(of).any(|placed| at_all(placed.tree.root(), paths).is_some_and(|found| !found.is_empty()))
    })
}

/// A made-up search by some of `parameters`: pairs of names and values.
pub(super) fn guess(
    draw: &mut Draw,
    ground: &Ground,
    of: &str,
    parameters: &[&'static SearchParameter],
    about: About,
    base: &str,
) -> Option<Vec<(String, String)>> {
    let count = match about {
        About::Kind(_) | About::Absence => 1,
        About::Together => 2 + draw.below(2),
    };
    let mut pairs = Vec::with_capacity(count);
    for _ in 0..count {
        let parameter = draw.one(parameters)?;
        pairs.push(match about {
            About::Absence => absence(draw, ground, of, parameter, base)?,
            About::Kind(_) => criterion(draw, ground, of, parameter, base)?,
            About::Together => {
                let (name, first) = criterion(draw, ground, of, parameter, base)?;
                let again = draw.once_in(2).then(|| values(draw, ground, of, parameter, base)).flatten();
                match again.filter(|_| !name.contains(':')) {
                    Some(second) => (name, format!("{first},{second}")),
                    None => (name, first),
                }
            }
        });
    }
    Some(pairs)
}

fn absence(
    draw: &mut Draw,
    ground: &Ground,
    of: &str,
    parameter: &'static SearchParameter,
    base: &str,
) -> Option<(String, String)> {
    if parameter.kind() == SearchKind::Token && draw.once_in(2) {
        let value = values(draw, ground, of, parameter, base)?;
        return Some((format!("{}:not", parameter.code()), value));
    }
    Some((format!("{}:missing", parameter.code()), draw.word(&["true", "false"]).to_owned()))
}

fn criterion(
    draw: &mut Draw,
    ground: &Ground,
    of: &str,
    parameter: &'static SearchParameter,
    base: &str,
) -> Option<(String, String)> {
    let code = parameter.code();
    let value = values(draw, ground, of, parameter, base)?;
    let (name, value) = match parameter.kind() {
        SearchKind::String => match draw.below(5) {
            0 => (format!("{code}:exact"), value),
            1 => (format!("{code}:contains"), value.chars().skip(1).collect()),
            _ => (code.to_owned(), value),
        },
        SearchKind::Uri => match draw.below(4) {
            0 => (
                format!("{code}:below"),
                value.rsplit_once('/').map_or(value.clone(), |(up, _)| up.to_owned()),
            ),
            1 => (format!("{code}:above"), format!("{value}/below")),
            _ => (code.to_owned(), value),
        },
        SearchKind::Reference if draw.once_in(5) => match value.split_once('/') {
            Some((of, id)) if !value.contains("://") => (format!("{code}:{of}"), id.to_owned()),
            Some(_) | None => (code.to_owned(), value),
        },
        SearchKind::Token
        | SearchKind::Date
        | SearchKind::Number
        | SearchKind::Quantity
        | SearchKind::Reference
        | SearchKind::Composite
        | SearchKind::Special => (code.to_owned(), value),
    };
    (!value.is_empty()).then_some((name, value))
}

/// A value for a parameter: of some resource that is there, or near it.
fn values(
    draw: &mut Draw,
    ground: &Ground,
    of: &str,
    parameter: &'static SearchParameter,
    base: &str,
) -> Option<String> {
    let all: Vec<_> = ground.of(of).collect();
    for _ in 0..20 {
        let root = draw.one(&all)?.tree.root();
        if parameter.kind() != SearchKind::Composite {
            let places = at_all(root, parameter.paths()?)?;
            let Some(place) = draw.one(&places) else { continue };
            if let Some(value) = value(draw, parameter.kind(), place, base) {
                return Some(value);
            }
            continue;
        }
        // Parts of one item, or of two that do not stand together.
        let mut items = Vec::new();
        for item in parameter.items() {
            items.extend(at(root, item)?);
        }
        let mut parts = Vec::new();
        for component in parameter.components() {
            let Some(item) = draw.one(&items) else { continue };
            let mut places = at_all(item.node, component.of_item())?;
            places.extend(at_all(root, component.of_resource())?);
            let value = draw.one(&places).and_then(|place| value(draw, component.kind(), place, base));
            parts.extend(value);
        }
        if parts.len() == parameter.components().len() {
            return Some(parts.join("$"));
        }
    }
    None
}

fn value(draw: &mut Draw, kind: SearchKind, place: &Place<'_>, base: &str) -> Option<String> {
    let node = place.node;
    match kind {
        SearchKind::Token => token(draw, place),
        SearchKind::String => {
            let texts: Vec<&str> = node.descendants().filter_map(crate::tree::Node::text).collect();
            let text = node.text().or_else(|| draw.one(&texts).copied())?;
            let letters = text.chars().count();
            let begun: String = text.chars().take(1 + draw.below(letters)).collect();
            Some(escaped(&match draw.below(4) {
                0 => begun.to_uppercase(),
                1 => text.to_owned(),
                _ => begun,
            }))
        }
        SearchKind::Date => date(draw, place),
        SearchKind::Number => Some(format!("{}{}", prefix(draw, &EXACT), near(draw, node.text()?))),
        SearchKind::Quantity => {
            let number = near(draw, node.child_text("value")?);
            let unit = match (draw.below(3), node.child_text("system"), node.child_text("code")) {
                (0, Some(system), Some(code)) => format!("|{}|{}", escaped(system), escaped(code)),
                (1, _, Some(code)) => format!("||{}", escaped(code)),
                _ => String::new(),
            };
            Some(format!("{}{number}{unit}", prefix(draw, &EXACT)))
        }
        SearchKind::Reference => {
            let text = node.child_text("reference")?;
            Some(match draw.below(3) {
                0 => format!("{base}/{text}"),
                1 => text.split_once('/').map_or(text, |(_, id)| id).to_owned(),
                _ => text.to_owned(),
            })
        }
        SearchKind::Uri => {
            let up = |text: &str| text.rsplit_once('/').map_or(text.to_owned(), |(up, _)| up.to_owned());
            let text = node.text()?;
            Some(escaped(&if draw.once_in(3) { up(text) } else { text.to_owned() }))
        }
        SearchKind::Composite | SearchKind::Special => None,
    }
}

fn token(draw: &mut Draw, place: &Place<'_>) -> Option<String> {
    let node = place.node;
    let codings: Vec<_> = node.named("coding").collect();
    let (system, code) = match place.of {
        "CodeableConcept" => {
            let coding = draw.one(&codings)?;
            (coding.child_text("system"), coding.child_text("code")?)
        }
        "Coding" => (node.child_text("system"), node.child_text("code")?),
        "Identifier" => (node.child_text("system"), node.child_text("value")?),
        "ContactPoint" => return node.child_text("value").map(escaped),
        _ => return node.text().map(escaped),
    };
    // Now and then a code that is cut short, which nothing must be found by.
    let cut =
        if draw.once_in(6) { code.char_indices().next_back().map_or(0, |(at, _)| at) } else { code.len() };
    let code = code.get(..cut).filter(|cut| !cut.is_empty()).map_or_else(|| escaped(code), escaped);
    Some(match (draw.below(5), system) {
        (0 | 1, Some(system)) => format!("{}|{code}", escaped(system)),
        (2, Some(system)) => format!("{}|", escaped(system)),
        (0 | 1, None) | (2 | 3, _) => format!("|{code}"),
        _ => code,
    })
}

const EXACT: [&str; 8] = ["", "", "eq", "ne", "gt", "lt", "ge", "le"];
const DATES: [&str; 10] = ["", "", "eq", "ne", "gt", "lt", "ge", "le", "sa", "eb"];

fn prefix<'a>(draw: &mut Draw, all: &[&'a str]) -> &'a str {
    draw.word(all)
}

/// A number with a digit more or less, or as it is.
fn near(draw: &mut Draw, text: &str) -> String {
    match draw.below(4) {
        0 if text.contains('.') => format!("{text}0"),
        1 if text.contains('.') => {
            let cut = text.char_indices().next_back().map_or(text.len(), |(at, _)| at);
            text.get(..cut).unwrap_or(text).trim_end_matches('.').to_owned()
        }
        _ => text.to_owned(),
    }
}

/// A date of the value, to some precision.
fn date(draw: &mut Draw, place: &Place<'_>) -> Option<String> {
    let node = place.node;
    let ends: Vec<&str> = ["start", "end"].iter().filter_map(|name| node.child_text(name)).collect();
    let text = node.text().or_else(|| draw.one(&ends).copied())?;
    let length = *draw.one(&[4, 7, 10, text.len(), text.len(), text.len()])?;
    let cut = text.get(..length.min(text.len()))?;
    let moved = if draw.once_in(2) { moved(draw, cut) } else { None };
    Some(format!("{}{}", prefix(draw, &DATES), moved.as_deref().unwrap_or(cut)))
}

/// The same moment in another zone, if it has one.
fn moved(draw: &mut Draw, text: &str) -> Option<String> {
    let at: jiff::Timestamp = text.parse().ok()?;
    let hours = *draw.one(&[-8, -5, 0, 1, 5, 10])?;
    let offset = jiff::tz::Offset::from_hours(hours).ok()?;
    Some(at.display_with_offset(offset).to_string())
}
