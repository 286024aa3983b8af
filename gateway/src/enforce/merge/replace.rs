//! Elements of a resource made others, without losing what is hidden in them.
//!
//! Only elements of which all is shown come here, so what is hidden in them is fine print: ids, extensions, what stands
//! beside a scalar, names that FHIR does not know. It stays with what says the same as before and goes with what does
//! not. Where it says more than that (a label, a code that earns one, somebody it names), it is carried over to the
//! element, whatever becomes of that: nothing is opened to anybody by an edit of something else.

use std::collections::BTreeSet;

use fhir::json::{Kind, Node, parse, quote};
use fhir::tables::{Element, TypeId, TypeKind, element};

use super::MERGED;
use super::same::{said, same};

/// Whether a hidden part is carried over.
pub type Tells<'t> = &'t dyn Fn(Node<'_>) -> bool;

type Members = Vec<(String, Vec<u8>)>;

/// What `stored`, a resource of type `owner`, becomes when its elements `changed` are as in `new`, which holds no fine
/// print.
#[must_use]
pub fn replaced(
    owner: TypeId,
    stored: Node<'_>,
    new: Node<'_>,
    changed: &BTreeSet<&'static str>,
    tells: Tells<'_>,
) -> Vec<u8> {
    let mut left = changed.clone();
    let mut members = Members::new();
    for (key, value) in stored.members() {
        let name = key.text();
        let found = element(owner, name.strip_prefix('_').unwrap_or(&name));
        match found.filter(|found| changed.contains(found.name())) {
            // It stands where it was seen: the place of what is hidden of it would be told by a view of the result.
            Some(found)
                if !name.starts_with('_')
                    && !said(found.child_type(), value).is_empty()
                    && left.remove(found.name()) =>
            {
                members.extend(made_another(owner, &found, stored, new, tells));
            }
            Some(_) => {}
            None => members.push((name.into_owned(), value.raw().to_vec())),
        }
    }
    for found in owner.elements().filter(|found| left.contains(found.name())) {
        members.extend(made_another(owner, &found, stored, new, tells));
    }
    object_of(&members)
}

/// One element of `stored` as it is in `new`.
fn made_another(owner: TypeId, of: &Element, stored: Node<'_>, new: Node<'_>, tells: Tells<'_>) -> Members {
    let mut carried = Carried { extensions: Vec::new(), others: Vec::new(), tells };
    let (mut members, mut stood) = (Members::new(), None);
    for (key, found) in owner.keys().filter(|(_, found)| found.id() == of.id()) {
        let beside = format!("_{key}");
        let (old, old_beside) = (stored.member(key), stored.member(&beside));
        if old.is_some() || old_beside.is_some() {
            stood.get_or_insert((key, found));
        }
        let Some(value) = new.member(key) else {
            carried.take(found.child_type(), old);
            carried.take(None, old_beside);
            continue;
        };
        stood = Some((key, found));
        members.push((key.to_owned(), carried.value(found.child_type(), old, value)));
        if old.is_some_and(|old| same(old, value)) {
            members.extend(old_beside.map(|old| (beside, old.raw().to_vec())));
        } else {
            carried.take(None, old_beside);
        }
    }
    if let Some((key, found)) = stood {
        carried.attach(key, &found, &mut members);
    }
    members
}

/// What is hidden in what goes and must not be lost.
struct Carried<'t> {
    extensions: Vec<Vec<u8>>,
    /// Under names that FHIR does not know.
    others: Members,
    tells: Tells<'t>,
}

impl Carried<'_> {
    /// `new` in the place of `old`.
    fn value(&mut self, owner: Option<TypeId>, old: Option<Node<'_>>, new: Node<'_>) -> Vec<u8> {
        let Some(old) = old else { return new.raw().to_vec() };
        match (owner, old.kind(), new.kind()) {
            _ if said(owner, old) == said(owner, new) => old.raw().to_vec(),
            (Some(owner), Kind::Object, Kind::Object) => self.object(owner, old, new),
            (Some(owner), Kind::Array, Kind::Array) => self.list(owner, old, new),
            (_, _, _) => {
                self.take(owner, Some(old));
                new.raw().to_vec()
            }
        }
    }

    /// Members that say the same stay as they are stored.
    fn object(&mut self, owner: TypeId, old: Node<'_>, new: Node<'_>) -> Vec<u8> {
        let mut members = Members::new();
        for (key, value) in new.members() {
            let name = key.text().into_owned();
            let child = element(owner, &name).and_then(|found| found.child_type());
            let beside = format!("_{name}");
            let (stood, stood_beside) = (old.member(&name), old.member(&beside));
            match (value.kind(), child) {
                (Kind::Array, None) => members.extend(self.scalars(&name, (stood, stood_beside), value)),
                (_, _) if stood.is_some_and(|stood| same(stood, value)) => {
                    members.extend(stood.map(|stood| (name, stood.raw().to_vec())));
                    members.extend(stood_beside.map(|stood| (beside, stood.raw().to_vec())));
                }
                (_, _) => {
                    members.push((name, self.value(child, stood, value)));
                    self.take(None, stood_beside);
                }
            }
        }
        let is_left = |name: &str| new.member(name.strip_prefix('_').unwrap_or(name)).is_none();
        for (key, value) in old.members().filter(|(key, _)| is_left(&key.text())) {
            self.member(Some(owner), &key.text(), value);
        }
        object_of(&members)
    }

    /// Items that say the same stay as they are stored, each once. One datatype in the place of one is the same one
    /// changed; what else is not the same is new.
    fn list(&mut self, owner: TypeId, old: Node<'_>, new: Node<'_>) -> Vec<u8> {
        let mut left: Vec<(Vec<u8>, Node<'_>)> =
            old.items().map(|item| (said(Some(owner), item), item)).collect();
        let mut items: Vec<(Option<Vec<u8>>, Node<'_>)> = Vec::new();
        for item in new.items() {
            let says = said(Some(owner), item);
            let at = left.iter().position(|(other, _)| *other == says);
            items.push((at.map(|at| left.remove(at).1.raw().to_vec()), item));
        }
        let is_new = |(kept, _): &&(Option<Vec<u8>>, Node<'_>)| kept.is_none();
        let places: Vec<usize> =
            (0..left.len()).filter(|at| left.get(*at).is_some_and(|(says, _)| !says.is_empty())).collect();
        let changed = match places.as_slice() {
            [only] if owner.kind() == TypeKind::Complex && items.iter().filter(is_new).count() == 1 => {
                Some(left.remove(*only).1)
            }
            [..] => None,
        };
        for (_, item) in left {
            self.take(Some(owner), Some(item));
        }
        let written = items.into_iter().map(|(kept, item)| match (kept, changed) {
            (Some(kept), _) => kept,
            (None, Some(old)) => self.object(owner, old, item),
            (None, None) => item.raw().to_vec(),
        });
        array_of(written.collect::<Vec<_>>())
    }

    /// A list of scalars: what stands beside one stays with it.
    fn scalars(
        &mut self,
        name: &str,
        (old, beside): (Option<Node<'_>>, Option<Node<'_>>),
        new: Node<'_>,
    ) -> Members {
        let old: Vec<Node<'_>> = old.into_iter().flat_map(Node::items).collect();
        let mut beside: Vec<Option<Node<'_>>> = beside.into_iter().flat_map(Node::items).map(Some).collect();
        let mut free = vec![true; old.len()];
        let mut siblings = Vec::new();
        for item in new.items() {
            let is_it =
                |at: &usize| free.get(*at) == Some(&true) && old.get(*at).is_some_and(|old| same(*old, item));
            let at = (0..old.len()).find(is_it);
            let stands = at.and_then(|at| {
                free.get_mut(at).map(|free| *free = false)?;
                beside.get_mut(at)?.take()
            });
            siblings.push(stands.map_or_else(|| b"null".to_vec(), |stands| stands.raw().to_vec()));
        }
        for item in beside.into_iter().flatten() {
            self.take(None, Some(item));
        }
        let mut members = vec![(name.to_owned(), new.raw().to_vec())];
        if siblings.iter().any(|sibling| sibling != b"null") {
            members.push((format!("_{name}"), array_of(siblings)));
        }
        members
    }

    /// Takes along what tells in `old`, which goes.
    fn take(&mut self, owner: Option<TypeId>, old: Option<Node<'_>>) {
        let Some(old) = old else { return };
        for item in old.items() {
            self.take(owner, Some(item));
        }
        for (key, value) in old.members() {
            self.member(owner, &key.text(), value);
        }
    }

    fn member(&mut self, owner: Option<TypeId>, name: &str, value: Node<'_>) {
        if name == "extension" {
            let telling = value.items().filter(|item| (self.tells)(*item));
            self.extensions.extend(telling.map(|item| item.raw().to_vec()));
            return;
        }
        match owner.and_then(|owner| element(owner, name.strip_prefix('_').unwrap_or(name))) {
            Some(_) if name.starts_with('_') => self.take(None, Some(value)),
            Some(found) => self.take(found.child_type(), Some(value)),
            None if (self.tells)(value) => self.others.push((name.to_owned(), value.raw().to_vec())),
            None => {}
        }
    }

    /// Puts it to the element that JSON calls `key`: at the last of its items, beside a scalar, or alone.
    fn attach(&self, key: &str, of: &Element, members: &mut Members) {
        if self.extensions.is_empty() && self.others.is_empty() {
            return;
        }
        let is_scalar = of.only_type().is_some_and(|found| found.kind().is_primitive());
        let name = if is_scalar { format!("_{key}") } else { key.to_owned() };
        let at = members.iter().position(|(other, _)| *other == name);
        let stood = at.map(|at| members.remove(at).1);
        let read = stood.and_then(|stood| parse(stood.into(), &MERGED).ok());
        let root = read.as_ref().map(|read| read.root());
        let value = if of.is_array() {
            let mut items: Vec<Node<'_>> = root.into_iter().flat_map(Node::items).collect();
            let last = self.beside(items.pop());
            array_of(items.into_iter().map(|item| item.raw().to_vec()).chain([last]).collect())
        } else {
            self.beside(root)
        };
        members.insert(at.unwrap_or(members.len()).min(members.len()), (name, value));
    }

    /// An object with it.
    fn beside(&self, object: Option<Node<'_>>) -> Vec<u8> {
        let stood: Vec<Node<'_>> =
            object.and_then(|object| object.member("extension")).into_iter().flat_map(Node::items).collect();
        let mut extensions: Vec<Vec<u8>> = stood.into_iter().map(|item| item.raw().to_vec()).collect();
        for extension in &self.extensions {
            if !extensions.contains(extension) {
                extensions.push(extension.clone());
            }
        }
        let mut members = Members::new();
        if !extensions.is_empty() {
            members.push(("extension".to_owned(), array_of(extensions)));
        }
        for (key, value) in object.into_iter().flat_map(Node::members).filter(|(key, _)| !key.is("extension"))
        {
            members.push((key.text().into_owned(), value.raw().to_vec()));
        }
        for (name, value) in &self.others {
            if !members.iter().any(|(other, _)| other == name) {
                members.push((name.clone(), value.clone()));
            }
        }
        object_of(&members)
    }
}

fn object_of(members: &Members) -> Vec<u8> {
    let mut out = vec![b'{'];
    for (name, value) in members {
        if out.len() > 1 {
            out.push(b',');
        }
        quote(name, &mut out);
        out.push(b':');
        out.extend_from_slice(value);
    }
    out.push(b'}');
    out
}

fn array_of(items: Vec<Vec<u8>>) -> Vec<u8> {
    let mut out = vec![b'['];
    out.extend_from_slice(&items.join(&b','));
    out.push(b']');
    out
}
