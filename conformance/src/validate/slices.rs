//! Slices: which items belong to which, and what holds for each.

use super::Run;
use super::compare::{covers, same};
use super::finding::Rule;
use super::references::told;
use super::walk::{Wanted, type_of};
use crate::definitions::merge::same_type;
use crate::definitions::shape::{Discriminator, Element, Rules, Slicing, Strength};
use crate::definitions::terms::{Coded, Membership, member};
use crate::tree::Node;

impl<'a> Run<'a> {
    /// Holds the items of a sliced element to their slices. What holds for all of them was looked at already.
    pub(crate) fn slices(&mut self, parent: Node<'a>, wanted: Wanted<'a>) {
        let element = wanted.element;
        let items: Vec<Node<'a>> = parent.children().filter(|child| belongs(element, child.name())).collect();
        self.sliced(parent, &items, wanted);
    }

    fn sliced(&mut self, parent: Node<'a>, items: &[Node<'a>], wanted: Wanted<'a>) {
        let element = wanted.element;
        let Some(slicing) = &element.slicing else {
            return;
        };
        let mut of_slice: Vec<Vec<Node<'a>>> = vec![Vec::new(); element.slices.len()];
        let mut last = 0;
        let mut open_seen = false;
        for item in items {
            let found = element.slices.iter().position(|slice| {
                let wanted = Wanted { element: &slice.element, shape: wanted.shape };
                self.belongs_to(*item, slicing, wanted)
            });
            match found {
                Some(at) => {
                    if slicing.ordered && at < last {
                        self.error(Rule::Slicing, *item, "not in the order of the slices");
                    }
                    if open_seen && slicing.rules == Rules::OpenAtEnd {
                        self.error(Rule::Slicing, *item, "behind items that are in no slice");
                    }
                    last = at;
                    if let Some(all) = of_slice.get_mut(at) {
                        all.push(*item);
                    }
                }
                None if slicing.rules == Rules::Closed => {
                    self.error(Rule::Slicing, *item, "in none of the slices, and nothing else is allowed");
                }
                None => open_seen = true,
            }
        }
        for (slice, items) in element.slices.iter().zip(&of_slice) {
            let inner = Wanted { element: &slice.element, shape: wanted.shape };
            let count = u32::try_from(items.len()).unwrap_or(u32::MAX);
            let name = format!("{}:{}", element.name, slice.name);
            if count < slice.element.min {
                let text = format!("{name} is needed at least {} times, found {count}", slice.element.min);
                self.error(Rule::Slicing, parent, text);
            }
            if count > slice.element.max {
                let text = format!("{name} is allowed at most {} times, found {count}", slice.element.max);
                self.error(Rule::Slicing, parent, text);
            }
            for item in items {
                self.element(*item, inner);
            }
            if !slice.element.slices.is_empty() {
                self.sliced(parent, items, inner);
            }
        }
    }

    /// Whether an item is of a slice, by all that tells slices apart.
    fn belongs_to(&mut self, item: Node<'a>, slicing: &Slicing, slice: Wanted<'a>) -> bool {
        if slicing.discriminators.is_empty() {
            return self.holds(|run| run.element(item, slice));
        }
        slicing.discriminators.iter().all(|one| self.told_apart(item, one, slice))
    }

    fn told_apart(&mut self, item: Node<'a>, by: &Discriminator, slice: Wanted<'a>) -> bool {
        let steps = steps(&by.path);
        // An extension is told apart by its definition: the slice names it as a profile.
        if &*by.path == "url"
            && let [profile] = profiles(slice.element)
        {
            let url = profile.split('|').next().unwrap_or_default();
            return item.child_text("url") == Some(url);
        }
        let mut places = vec![item];
        let mut wanted = slice;
        let mut before = Vec::new();
        for step in &steps {
            before.clone_from(&places);
            let mut further = Vec::new();
            for place in places {
                further.extend(self.along(place, step));
            }
            places = further;
            match self.below(wanted, step) {
                Some(inner) => wanted = inner,
                // The slice says nothing of what tells it apart.
                None => return true,
            }
        }
        match &*by.kind {
            "exists" => exists(&places, wanted.element),
            // What cannot be followed still tells its type.
            "type" if places.is_empty() && steps.last() == Some(&Step::Resolve) => before
                .iter()
                .filter_map(|place| told(place.child_text("reference")?).type_name)
                .any(|name| self.is_resource(name, wanted.element)),
            "type" => places.iter().any(|place| self.is_of_type(*place, wanted.element)),
            "profile" => places.iter().any(|place| self.holds(|run| run.element(*place, wanted))),
            _ => places.iter().any(|place| self.has_value(*place, wanted)),
        }
    }

    /// Where a step leads in the instance.
    fn along(&mut self, place: Node<'a>, step: &Step<'_>) -> Vec<Node<'a>> {
        match step {
            Step::Child(name) => {
                let choice = |child: &Node<'a>| {
                    let suffix = child.name().strip_prefix(name);
                    suffix.is_some_and(|rest| rest.starts_with(|first: char| first.is_ascii_uppercase()))
                };
                let exact: Vec<Node<'a>> = place.named(name).collect();
                if exact.is_empty() { place.children().filter(choice).collect() } else { exact }
            }
            Step::Extension(url) => {
                place.named("extension").filter(|found| found.child_text("url") == Some(url)).collect()
            }
            Step::Resolve => self.resolved(place).into_iter().collect(),
            Step::OfType(name) => {
                let of_type = place.resource_type() == Some(name)
                    || place.name().len() >= name.len()
                        && place
                            .name()
                            .get(place.name().len().saturating_sub(name.len())..)
                            .is_some_and(|end| same_type(end, name));
                if of_type { vec![place] } else { Vec::new() }
            }
        }
    }

    /// What is wanted where a step leads.
    fn below(&self, wanted: Wanted<'a>, step: &Step<'_>) -> Option<Wanted<'a>> {
        match step {
            Step::Resolve | Step::OfType(_) => Some(wanted),
            Step::Child(name) => {
                let children = self.children_wanted(wanted)?;
                let found = children.0.iter().find(|child| {
                    &*child.name == *name || child.choice().is_some_and(|stem| stem == *name)
                })?;
                // One slice of a choice stands for it when nothing is said of the whole.
                let element = match found.slices.as_slice() {
                    [only] if found.choice().is_some() => &only.element,
                    _ => found,
                };
                Some(Wanted { element, shape: children.1 })
            }
            Step::Extension(url) => {
                let children = self.children_wanted(wanted)?;
                let all = children.0.iter().find(|child| &*child.name == "extension")?;
                let is = |element: &Element| profiles(element).iter().any(|profile| &**profile == *url);
                let slice = all.slices.iter().find(|slice| is(&slice.element))?;
                Some(Wanted { element: &slice.element, shape: children.1 })
            }
        }
    }

    /// The children that are wanted of an element: its own, or those of its profile or type.
    fn children_wanted(
        &self,
        wanted: Wanted<'a>,
    ) -> Option<(&'a [std::sync::Arc<Element>], &'a crate::definitions::shape::Shape)> {
        if let Some(own) = wanted.element.children.as_deref() {
            return Some((own, wanted.shape));
        }
        let kind = wanted.element.types.first()?;
        let profile = kind.profiles_at(self.definitions).first().copied().flatten();
        let target = kind.targets.first().and_then(|target| self.definitions.structure_at(target));
        let at = profile.or(target).or_else(|| kind.at(self.definitions))?;
        let shape = self.definitions.shape(at).ok()?;
        Some((shape.root.children.as_deref()?, shape))
    }

    /// Whether a resource of the type `name` is what an element has or points at.
    fn is_resource(&self, name: &str, element: &Element) -> bool {
        let target = |target: &str| {
            let at = self.definitions.structure_at(target);
            let shape = at.and_then(|at| self.definitions.shape(at).ok());
            shape.is_some_and(|shape| &*shape.type_name == name)
        };
        element.types.iter().any(|kind| {
            let mut named = kind.targets.iter().chain(&kind.profiles);
            kind.name() == name || named.any(|one| target(one))
        })
    }

    fn is_of_type(&self, place: Node<'a>, element: &Element) -> bool {
        match place.resource_type() {
            Some(name) => self.is_resource(name, element),
            None if element.choice().is_some() => type_of(element, place.name()).is_some(),
            None => true,
        }
    }

    /// Whether a place has the value that tells the slice: fixed, a pattern, a code of a set, or all of that further below.
    fn has_value(&mut self, place: Node<'a>, wanted: Wanted<'a>) -> bool {
        let element = wanted.element;
        if let Some(fixed) = &element.fixed {
            return same(place, fixed);
        }
        if let Some(pattern) = &element.pattern {
            return covers(place, pattern);
        }
        if element.children.is_none()
            && let Some(binding) = element.binding.as_ref().filter(|one| one.strength == Strength::Required)
            && let Some(at) = binding.at(self.definitions)
        {
            let codings: Vec<Node<'a>> = place.named("coding").collect();
            let places = if codings.is_empty() { vec![place] } else { codings };
            return places.iter().any(|one| {
                let code = one.child_text("code").or_else(|| one.text()).unwrap_or_default();
                member(self.definitions, at, Coded { system: one.child_text("system"), code })
                    == Membership::In
            });
        }
        self.holds(|run| run.element(place, wanted))
    }
}

fn belongs(element: &Element, name: &str) -> bool {
    match element.choice() {
        Some(stem) => name
            .strip_prefix(stem)
            .is_some_and(|rest| rest.starts_with(|first: char| first.is_ascii_uppercase())),
        None => &*element.name == name,
    }
}

fn exists(places: &[Node<'_>], element: &Element) -> bool {
    if element.max == 0 { places.is_empty() } else { element.min == 0 || !places.is_empty() }
}

fn profiles(element: &Element) -> &[Box<str>] {
    match element.types.as_slice() {
        [only] => &only.profiles,
        _ => &[],
    }
}

/// A step of a discriminator's path.
#[derive(Debug, PartialEq, Eq)]
enum Step<'p> {
    Child(&'p str),
    Extension(&'p str),
    Resolve,
    OfType(&'p str),
}

/// The steps of a path; `$this` is none.
fn steps(path: &str) -> Vec<Step<'_>> {
    let mut found = Vec::new();
    let mut rest = path;
    while !rest.is_empty() {
        let open = rest.find('(');
        let dot = rest.find('.');
        let end = match (open, dot) {
            (Some(open), Some(dot)) if open < dot => rest.find(").").map(|at| at.saturating_add(1)),
            (Some(_), None) => None,
            (_, dot) => dot,
        };
        let (part, after) = match end {
            Some(end) => {
                (rest.get(..end).unwrap_or_default(), rest.get(end.saturating_add(1)..).unwrap_or_default())
            }
            None => (rest, ""),
        };
        rest = after;
        let argument = part.split_once('(').map(|(name, rest)| (name, rest.trim_end_matches(')')));
        found.push(match argument {
            Some(("extension", url)) => Step::Extension(url.trim_matches(['\'', '"'])),
            Some(("resolve", _)) => Step::Resolve,
            Some(("ofType" | "as", name)) => Step::OfType(name),
            Some(_) | None if part == "$this" => continue,
            Some(_) | None => Step::Child(part),
        });
    }
    found
}

#[cfg(test)]
mod tests {
    use super::{Step, steps};

    #[test]
    fn the_path_of_a_discriminator_is_read() {
        assert_eq!(steps("$this"), []);
        assert_eq!(steps("coding.code"), [Step::Child("coding"), Step::Child("code")]);
        assert_eq!(steps("$this.resolve().code"), [Step::Resolve, Step::Child("code")]);
        assert_eq!(
            steps("extension('http://a.b/c').value"),
            [Step::Extension("http://a.b/c"), Step::Child("value")]
        );
        assert_eq!(steps("value.ofType(Coding)"), [Step::Child("value"), Step::OfType("Coding")]);
    }
}
