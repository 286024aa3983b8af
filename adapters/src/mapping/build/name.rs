//! What resources are called, and how they refer to each other.

use super::{Build, Held, Wrote};
use crate::identity;
use crate::mapping::Refused;
use crate::mapping::plan::{Plan, ResourcePlan};
use crate::mapping::record::Scope;

/// The longest id of FHIR.
const ID_LEN_MAX: usize = 64;

/// What names resources have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::mapping) enum Naming {
    /// Digests, and references by URN inside one Bundle.
    Message,
    /// Digests, and references inside one system.
    Digests,
    /// What the columns say, and references inside one system.
    Keys,
}

/// What the id of a resource is made from came to.
#[derive(Debug)]
pub(super) enum Key {
    Id(String),
    /// The first column is empty.
    Empty,
    /// The first column says several things.
    Several,
    /// It cannot be an id as it stands.
    NotAnId,
}

impl Key {
    pub(super) fn id(&self) -> &str {
        match self {
            Self::Id(id) => id,
            Self::Empty | Self::Several | Self::NotAnId => "",
        }
    }

    /// The id, of the resource and place that `named` tells.
    pub(super) fn known(self, named: impl FnOnce() -> (String, String)) -> Result<String, Refused> {
        let refused = |make: fn(String, String) -> Refused| {
            let (resource, place) = named();
            Err(make(resource, place))
        };
        match self {
            Self::Id(id) => Ok(id),
            Self::Empty => refused(|resource, place| Refused::NoKey { resource, place }),
            Self::Several => refused(|resource, place| Refused::KeyTwice { resource, place }),
            Self::NotAnId => refused(|resource, place| Refused::KeyNotAnId { resource, place }),
        }
    }
}

impl Build<'_> {
    /// Names resources in another way than for a Bundle.
    pub(in crate::mapping) fn named(mut self, naming: Naming) -> Self {
        self.naming = naming;
        self
    }

    /// The id of a resource, from the source system and what the mapping names.
    pub(super) fn key(&mut self, resource: &ResourcePlan, scope: Scope) -> Key {
        let mut parts = Vec::with_capacity(resource.id_from.len());
        for (number, index) in resource.id_from.iter().enumerate() {
            let text = match self.leaf(*index, scope) {
                Some(leaf) if number == 0 && self.is_contradicted(*index, leaf, scope) => {
                    return Key::Several;
                }
                Some(leaf) => self.input.text(leaf),
                None if number == 0 => return Key::Empty,
                None => "",
            };
            parts.push(text);
        }
        match self.naming {
            Naming::Message | Naming::Digests => Key::Id(digest(self.source, resource, &parts)),
            Naming::Keys => keyed(self.plan, resource, &parts),
        }
    }

    /// Whether another place at the path of `leaf` holds another value.
    fn is_contradicted(&self, index: usize, leaf: usize, scope: Scope) -> bool {
        let differs = |other: &usize| {
            let text = self.input.text(*other);
            !text.is_empty() && text != self.input.text(leaf)
        };
        self.input.may_repeat(scope) && self.every(index, scope).iter().any(differs)
    }

    pub(super) fn reference(&self, target: usize, scope: Scope, out: &mut Vec<u8>) -> Wrote {
        let (Some(Held { ids, .. }), Some(resource)) =
            (self.built.get(target), self.plan.resources.get(target))
        else {
            return Wrote::Nothing;
        };
        let Some(id) = ids.get(&scope).or_else(|| ids.get(&Scope::Record)) else {
            return Wrote::Nothing;
        };
        out.extend_from_slice(b"{\"reference\":\"");
        match self.naming {
            Naming::Message => out.extend_from_slice(b"urn:uuid:"),
            Naming::Digests | Naming::Keys => {
                out.extend_from_slice(resource.kind.name().as_bytes());
                out.push(b'/');
            }
        }
        out.extend_from_slice(id.as_bytes());
        out.extend_from_slice(b"\"}");
        Wrote::Fixed
    }
}

fn digest(source: &str, resource: &ResourcePlan, parts: &[&str]) -> String {
    let mut key = String::new();
    for text in parts {
        key.push_str(&text.len().to_string());
        key.push(':');
        key.push_str(text);
    }
    let mut place = String::with_capacity(resource.name.len() + 24);
    place.push_str(resource.kind.name());
    place.push('/');
    place.push_str(&resource.name);
    identity::id(source, &key, &place)
}

/// The texts themselves, with dots between them; behind the name of the table where there are several of one type.
fn keyed(plan: &Plan, resource: &ResourcePlan, parts: &[&str]) -> Key {
    let is_several = parts.len() > 1 || prefix(plan, resource).is_some();
    let fits = |part: &&str| {
        let is_of_id =
            |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || (byte == b'.' && !is_several);
        part.bytes().all(is_of_id)
    };
    if !parts.iter().all(fits) {
        return Key::NotAnId;
    }
    let prefix = prefix(plan, resource);
    let all: Vec<&str> = prefix.as_deref().into_iter().chain(parts.iter().copied()).collect();
    let id = all.join(".");
    if id.len() > ID_LEN_MAX { Key::NotAnId } else { Key::Id(id) }
}

/// What ids of a table begin with: nothing where it is the only one of its type.
pub(in crate::mapping) fn prefix(plan: &Plan, resource: &ResourcePlan) -> Option<String> {
    let of_type = plan.resources.iter().filter(|other| other.kind == resource.kind).count();
    (of_type > 1).then(|| resource.name.replace(['_', '.'], "-"))
}

/// The parts that such an id was made from, if it is one of this table.
pub(in crate::mapping) fn parts<'i>(
    plan: &Plan,
    resource: &ResourcePlan,
    id: &'i str,
) -> Option<Vec<&'i str>> {
    let prefix = prefix(plan, resource);
    let rest = match &prefix {
        Some(prefix) => id.strip_prefix(prefix.as_str())?.strip_prefix('.')?,
        None => id,
    };
    let parts: Vec<&str> = match (prefix.is_some(), resource.id_from.len()) {
        (false, 1) => vec![rest],
        (_, _) => rest.split('.').collect(),
    };
    let fits = parts.len() == resource.id_from.len() && parts.first().is_some_and(|first| !first.is_empty());
    fits.then_some(parts)
}
