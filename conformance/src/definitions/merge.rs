//! Differentials merged down their chain.
//!
//! The root of the base is taken as it is, and what the differential names is made this shape's own, the rest stays shared.
//! A path that goes into a data type unfolds the type (or its one profile) there; a path into a content reference unfolds
//! what is referred to. A slice starts as a copy of the element that is sliced, asked for 0 times unless more is said.
//! Elements are found by id, whose form is `identifier:nhs.system`; reslices are named `slice/reslice`.

use std::sync::Arc;

use super::shape::{Constraint, Discriminator, Element, Rules, Severity, Shape, Slice, Slicing};
use super::structure::{Change, Derivation, Structure};
use super::{Definitions, Unusable};

/// The longest chain of definitions.
pub(crate) const CHAIN_MAX: usize = 32;

/// The shape of `structure`.
///
/// # Errors
/// [`Unusable`] when its base is nowhere or the chain does not end.
pub(crate) fn shape(
    definitions: &Definitions,
    structure: &Structure,
    chain: usize,
) -> Result<Shape, Unusable> {
    let endless = || Unusable::Endless { url: structure.url.to_string() };
    let chain = chain.checked_sub(1).ok_or_else(endless)?;
    let base = match &structure.base {
        None => None,
        Some(base) => {
            let no_base = || Unusable::NoBase { url: structure.url.to_string(), base: base.to_string() };
            let at = definitions.structure_at(base).ok_or_else(no_base)?;
            Some(definitions.shape_within(at, chain)?)
        }
    };
    let mut root = base.map_or_else(Element::default, |base| Element::clone(&base.root));
    root.children.get_or_insert_default();
    if structure.derivation == Derivation::Specialization {
        root.name = structure.type_name.clone();
        root.max = u32::MAX;
        root.base_max = u32::MAX;
    }
    let mut merge = Merge { definitions, structure, chain, stray: Vec::new(), origin: root.clone() };
    for change in &structure.changes {
        merge.apply(&mut root, change)?;
    }
    let mut lineage: Vec<Box<str>> = structure.base.iter().map(|base| unversioned(base).into()).collect();
    lineage.extend(base.iter().flat_map(|base| base.chain.iter().cloned()));
    let invariant = |expression: &str| {
        let human = format!("the extension may stand only where {expression}");
        Constraint::new("context", Severity::Error, expression, &human)
    };
    Ok(Shape {
        url: structure.url.clone(),
        type_name: structure.type_name.clone(),
        sort: structure.sort,
        is_abstract: structure.is_abstract,
        chain: lineage,
        contexts: structure.contexts.clone(),
        context_invariants: structure
            .context_invariants
            .iter()
            .map(|expression| invariant(expression))
            .collect(),
        root: Arc::new(root),
        stray: merge.stray,
    })
}

fn unversioned(canonical: &str) -> &str {
    canonical.split('|').next().unwrap_or(canonical)
}

struct Merge<'a> {
    definitions: &'a Definitions,
    structure: &'a Structure,
    chain: usize,
    stray: Vec<Box<str>>,
    /// The root before any change, for content references.
    origin: Element,
}

impl Merge<'_> {
    fn apply(&mut self, root: &mut Element, change: &Change) -> Result<(), Unusable> {
        let mut at = root;
        for segment in change.id.split('.').filter(|segment| !segment.is_empty()) {
            let (name, slice) = match segment.split_once(':') {
                Some((name, slice)) => (name, Some(slice)),
                None => (segment, None),
            };
            self.unfold(at)?;
            let Some((place, slice)) = self.place(at, name, slice) else {
                self.stray.push(change.id.clone());
                return Ok(());
            };
            let Some(child) = at.children.as_mut().and_then(|children| children.get_mut(place)) else {
                return Ok(());
            };
            at = Arc::make_mut(child);
            if let Some(slice) = slice {
                let Some(found) = sliced(at, &slice) else {
                    return Ok(());
                };
                at = found;
            }
        }
        constrain(at, change);
        if self.structure.derivation == Derivation::Specialization {
            at.base_max = at.max;
        }
        Ok(())
    }

    /// Where the child called `name` is, and its slice: `valueQuantity` is the slice of that name of `value[x]`.
    fn place(&self, at: &mut Element, name: &str, slice: Option<&str>) -> Option<(usize, Option<Box<str>>)> {
        let children = at.children.as_mut()?;
        if let Some(place) = children.iter().position(|child| &*child.name == name) {
            return Some((place, slice.map(Into::into)));
        }
        let chosen = children.iter().position(|child| {
            let suffix = child.choice().and_then(|stem| name.strip_prefix(stem));
            suffix.is_some_and(|suffix| child.types.iter().any(|kind| same_type(kind.name(), suffix)))
        });
        if let Some(place) = chosen {
            return Some((place, Some(slice.unwrap_or(name).into())));
        }
        // Only a type may have elements that its base has not.
        (self.structure.derivation == Derivation::Specialization).then(|| {
            children.push(Arc::new(Element { name: name.into(), ..Element::default() }));
            (children.len().saturating_sub(1), slice.map(Into::into))
        })
    }

    /// Makes the children of `at` its own.
    fn unfold(&self, at: &mut Element) -> Result<(), Unusable> {
        if at.children.is_some() {
            return Ok(());
        }
        if let Some(content) = &at.content {
            let target = descend(&self.origin, content);
            at.children = Some(target.and_then(|target| target.children.clone()).unwrap_or_default());
            return Ok(());
        }
        // Of several types only what is common to all is meant.
        let only = match at.types.as_slice() {
            [only] => Some(only),
            _ => None,
        };
        let profile = only.and_then(|only| match only.profiles_at(self.definitions) {
            [Some(profile)] => Some(*profile),
            _ => None,
        });
        let of_type = match only {
            Some(only) => only.at(self.definitions),
            None => self.definitions.type_at("Element"),
        };
        for found in [profile, of_type].into_iter().flatten() {
            let shape = match self.definitions.shape_within(found, self.chain) {
                Ok(shape) => shape,
                Err(bad @ Unusable::Endless { .. }) => return Err(bad),
                Err(_) => continue,
            };
            at.children = Some(shape.root.children.clone().unwrap_or_default());
            return Ok(());
        }
        at.children = Some(Vec::new());
        Ok(())
    }
}

/// The element at `path`, whose first part is the root's name.
pub(crate) fn descend<'e>(root: &'e Element, path: &str) -> Option<&'e Element> {
    let mut at = root;
    for name in path.split('.').skip(1) {
        at = at.children.as_ref()?.iter().find(|child| &*child.name == name)?;
    }
    Some(at)
}

/// Whether the suffix of a choice names the type: `Quantity`, `String` for `string`.
pub(crate) fn same_type(kind: &str, suffix: &str) -> bool {
    kind.len() == suffix.len()
        && kind.get(1..) == suffix.get(1..)
        && kind.get(..1).zip(suffix.get(..1)).is_some_and(|(one, other)| one.eq_ignore_ascii_case(other))
}

/// The slice called `name` of `at`, made if it is not there.
fn sliced<'e>(at: &'e mut Element, name: &str) -> Option<&'e mut Element> {
    let mut at = at;
    let mut whole = String::new();
    // A slice is sliced again by what told it apart, unless it says otherwise.
    let mut outer: Option<Slicing> = None;
    for part in name.split('/') {
        if !whole.is_empty() {
            whole.push('/');
        }
        whole.push_str(part);
        if at.slicing.is_none() {
            at.slicing = outer.take().or_else(|| unsaid(at));
        }
        outer.clone_from(&at.slicing);
        let place = at.slices.iter().position(|slice| &*slice.name == whole.as_str());
        let place = place.unwrap_or_else(|| {
            let fresh = fresh(at, part);
            at.slices.push(Slice { name: whole.as_str().into(), element: Arc::new(fresh) });
            at.slices.len().saturating_sub(1)
        });
        at = Arc::make_mut(&mut at.slices.get_mut(place)?.element);
    }
    Some(at)
}

/// What a new slice starts with.
fn fresh(at: &Element, name: &str) -> Element {
    let mut fresh = Element { min: 0, slicing: None, slices: Vec::new(), ..at.clone() };
    if let Some(suffix) = at.choice().and_then(|stem| name.strip_prefix(stem)) {
        let chosen = |kind: &&super::shape::TypeUse| same_type(kind.name(), suffix);
        if let Some(one) = at.types.iter().find(chosen) {
            fresh.types = vec![one.clone()];
        }
    }
    fresh
}

/// How an element is sliced that nobody said it of.
fn unsaid(at: &Element) -> Option<Slicing> {
    let (kind, path) = match &*at.name {
        "extension" | "modifierExtension" => ("value", "url"),
        name if name.ends_with("[x]") => ("type", "$this"),
        _ => return None,
    };
    let discriminators = vec![Discriminator { kind: kind.into(), path: path.into() }];
    Some(Slicing { rules: Rules::Open, ordered: false, discriminators })
}

fn constrain(at: &mut Element, change: &Change) {
    at.min = change.min.unwrap_or(at.min);
    at.max = change.max.unwrap_or(at.max);
    if !change.types.is_empty() {
        at.types.clone_from(&change.types);
        // What was unfolded of a type stays; a profile of the type is looked at beside it.
    }
    if change.content.is_some() {
        at.content.clone_from(&change.content);
    }
    let shared = |value: &super::exact::Exact| Arc::new(value.clone());
    at.fixed = change.fixed.as_ref().map(shared).or_else(|| at.fixed.take());
    at.pattern = change.pattern.as_ref().map(shared).or_else(|| at.pattern.take());
    at.least = change.least.as_ref().map(shared).or_else(|| at.least.take());
    at.most = change.most.as_ref().map(shared).or_else(|| at.most.take());
    at.longest = change.longest.or(at.longest);
    at.modifier |= change.modifier;
    if let Some(binding) = &change.binding {
        at.binding = Some(binding.clone());
    }
    for constraint in &change.constraints {
        match at.constraints.iter_mut().find(|known| known.rule.key == constraint.rule.key) {
            Some(known) => *known = constraint.clone(),
            None => at.constraints.push(constraint.clone()),
        }
    }
    if let Some(slicing) = &change.slicing {
        at.slicing = Some(slicing.clone());
    }
}
