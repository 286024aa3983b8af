//! Elements of a resource made others, without losing what is hidden in them.
//!
//! Only elements of which all is shown come here, so what is hidden in them is fine print: ids, extensions, what stands
//! beside a scalar, names that FHIR does not know. It stays with what says the same as before and goes with what does
//! not; of what is one thing changed its id stays. Where it says more than that (a label, a code that earns one, somebody it
//! names, or what stands under a name that FHIR does not know), it is carried over, whatever becomes of what it was said of: to what that was made, else to everything new
//! beside it. Nothing is opened to anybody by an edit of something else.

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};

use fhir::json::{Kind, Node, parse, quote};
use fhir::tables::{Element, TypeId, TypeKind, element};

use super::MERGED;
use super::same::{canonical, said, same};

/// What a hidden part says of what is carried over with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// Nothing that decides anything: it goes.
    Nothing,
    /// To what it refers, or who somebody is.
    Whom,
    /// A label, stated or earned.
    Label,
}

/// What a hidden part says.
pub type Tells<'t> = &'t dyn Fn(Node<'_>) -> Told;

/// The most bytes by which what is said of each of many new items may make a list longer.
const REPEATED_MAX: usize = 1 << 20;

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
    let (made, mut carried) = (Made { tells }, Carried::default());
    let (mut members, mut stood) = (Members::new(), None);
    for (key, found) in owner.keys().filter(|(_, found)| found.id() == of.id()) {
        let beside = format!("_{key}");
        let (old, old_beside) = (stored.member(key), stored.member(&beside));
        if old.is_some() || old_beside.is_some() {
            stood.get_or_insert((key, found));
        }
        let child = found.child_type();
        let Some(value) = new.member(key) else {
            match (child, old) {
                (Some(child), Some(old)) if old.kind() == Kind::Array => {
                    let left = made.list(child, old, &[]);
                    members.extend((!left.is_empty()).then(|| (key.to_owned(), array_of(left))));
                }
                (_, _) => made.take(child, old, &mut carried),
            }
            made.take(None, old_beside, &mut carried);
            continue;
        };
        stood = Some((key, found));
        members.push((key.to_owned(), made.value(child, old, value, &mut carried)));
        if old.is_some_and(|old| same(old, value)) {
            members.extend(old_beside.map(|old| (beside, old.raw().to_vec())));
        } else {
            made.take(None, old_beside, &mut carried);
        }
    }
    if let Some((key, found)) = stood {
        carried.attach(key, &found, &mut members);
    }
    members
}

/// Makes one value another.
struct Made<'t> {
    tells: Tells<'t>,
}

impl Made<'_> {
    /// `new` in the place of `old`. What has no place in it is carried.
    fn value(
        &self,
        owner: Option<TypeId>,
        old: Option<Node<'_>>,
        new: Node<'_>,
        carried: &mut Carried,
    ) -> Vec<u8> {
        let Some(old) = old else { return new.raw().to_vec() };
        match (owner, old.kind(), new.kind()) {
            _ if said(owner, old) == said(owner, new) => old.raw().to_vec(),
            (Some(owner), Kind::Object, Kind::Object) => self.object(owner, old, new),
            (Some(owner), Kind::Array, Kind::Array) => {
                array_of(self.list(owner, old, &new.items().collect::<Vec<_>>()))
            }
            (_, _, _) => {
                self.take(owner, Some(old), carried);
                new.raw().to_vec()
            }
        }
    }

    /// Members that say the same stay as they are stored, and so does the id: it is the same one, changed. What is
    /// carried stays with it.
    fn object(&self, owner: TypeId, old: Node<'_>, new: Node<'_>) -> Vec<u8> {
        let (mut members, mut carried) = (Members::new(), Carried::default());
        members.extend(old.member("id").map(|id| ("id".to_owned(), id.raw().to_vec())));
        for (key, value) in new.members() {
            let name = key.text().into_owned();
            let child = element(owner, &name).and_then(|found| found.child_type());
            let beside = format!("_{name}");
            let (stood, stood_beside) = (old.member(&name), old.member(&beside));
            match (value.kind(), child) {
                // Which of several has no value is not seen.
                (_, _) if stood.is_some_and(|stood| said(child, stood) == said(child, value)) => {
                    members.extend(stood.map(|stood| (name, stood.raw().to_vec())));
                    members.extend(stood_beside.map(|stood| (beside, stood.raw().to_vec())));
                }
                (Kind::Array, None) => {
                    members.extend(self.scalars(&name, (stood, stood_beside), value, &mut carried));
                }
                (_, _) => {
                    members.push((name, self.value(child, stood, value, &mut carried)));
                    self.take(None, stood_beside, &mut carried);
                }
            }
        }
        for (key, value) in old.members().filter(|(key, _)| !key.is("id")) {
            let name = key.text();
            let of = name.strip_prefix('_').unwrap_or(&name);
            if new.member(of).is_some() {
                continue;
            }
            // Of what nobody sees anything, nothing was changed.
            match element(owner, of) {
                Some(found) if of != "extension" && is_unseen(old, of, &found) => {
                    members.push((name.into_owned(), value.raw().to_vec()));
                }
                Some(_) | None => self.member(Some(owner), &name, value, &mut carried),
            }
        }
        let made = object_of(&members);
        if carried.is_empty() {
            return made;
        }
        match parse(made.clone().into(), &MERGED) {
            Ok(read) => {
                let object = Some(read.root());
                beside(Some(owner), object, &[&carried.labels, &carried.whom], &carried.others)
            }
            Err(_) => made,
        }
    }

    /// Items that say the same stay as they are stored, each once, and so do those of which nothing is seen: behind the
    /// others. One datatype in the place of one is the same one changed; what else is not the same is new.
    fn list(&self, owner: TypeId, old: Node<'_>, new: &[Node<'_>]) -> Vec<Vec<u8>> {
        let stood: Vec<Node<'_>> = old.items().collect();
        let (mut free, mut unseen) = (HashMap::<Vec<u8>, VecDeque<usize>>::new(), Vec::new());
        for (at, item) in stood.iter().enumerate() {
            match said(Some(owner), *item) {
                says if says.is_empty() => unseen.push(item.raw().to_vec()),
                says => free.entry(says).or_default().push_back(at),
            }
        }
        let kept: Vec<Option<usize>> =
            new.iter().map(|item| free.get_mut(&said(Some(owner), *item))?.pop_front()).collect();
        let mut left: Vec<usize> = free.into_values().flatten().collect();
        left.sort_unstable();
        let count_new = kept.iter().filter(|kept| kept.is_none()).count();
        let mut carried = Carried::default();
        let changed = match left.as_slice() {
            [only] if owner.kind() == TypeKind::Complex && count_new == 1 => stood.get(*only),
            _ => {
                for at in left {
                    self.take(Some(owner), stood.get(at).copied(), &mut carried);
                }
                None
            }
        };
        let mut items: Vec<(Vec<u8>, Origin)> = Vec::with_capacity(new.len());
        for (item, kept) in new.iter().zip(kept) {
            items.push(match (kept.and_then(|at| stood.get(at)), changed) {
                (Some(kept), _) => (kept.raw().to_vec(), Origin::Stored),
                (None, Some(changed)) => (self.object(owner, *changed, *item), Origin::Stored),
                (None, None) => (item.raw().to_vec(), Origin::New),
            });
        }
        carried.spread(owner, items).into_iter().chain(unseen).collect()
    }

    /// A list of scalars: what stands beside one stays with it.
    fn scalars(
        &self,
        name: &str,
        (old, beside): (Option<Node<'_>>, Option<Node<'_>>),
        new: Node<'_>,
        carried: &mut Carried,
    ) -> Members {
        let mut beside: Vec<Option<Node<'_>>> = beside.into_iter().flat_map(Node::items).map(Some).collect();
        let mut free = HashMap::<Vec<u8>, VecDeque<usize>>::new();
        for (at, old) in old.into_iter().flat_map(Node::items).enumerate() {
            free.entry(canonical(old)).or_default().push_back(at);
        }
        let mut siblings = Vec::new();
        for item in new.items() {
            let at = free.get_mut(&canonical(item)).and_then(VecDeque::pop_front);
            let stands = at.and_then(|at| beside.get_mut(at)?.take());
            siblings.push(stands.map_or_else(|| b"null".to_vec(), |stands| stands.raw().to_vec()));
        }
        for item in beside.into_iter().flatten() {
            self.take(None, Some(item), carried);
        }
        let mut members = vec![(name.to_owned(), new.raw().to_vec())];
        if siblings.iter().any(|sibling| sibling != b"null") {
            members.push((format!("_{name}"), array_of(siblings)));
        }
        members
    }

    /// Takes along what tells in `old`, which goes.
    fn take(&self, owner: Option<TypeId>, old: Option<Node<'_>>, carried: &mut Carried) {
        let Some(old) = old else { return };
        for item in old.items() {
            self.take(owner, Some(item), carried);
        }
        for (key, value) in old.members() {
            self.member(owner, &key.text(), value, carried);
        }
    }

    fn member(&self, owner: Option<TypeId>, name: &str, value: Node<'_>, carried: &mut Carried) {
        if name == "extension" {
            for item in value.items() {
                match (self.tells)(item) {
                    Told::Label => carried.labels.push(item.raw().to_vec()),
                    Told::Whom => carried.whom.push(item.raw().to_vec()),
                    Told::Nothing => {}
                }
            }
            return;
        }
        match owner.and_then(|owner| element(owner, name.strip_prefix('_').unwrap_or(name))) {
            Some(_) if name.starts_with('_') => self.take(None, Some(value), carried),
            Some(found) => self.take(found.child_type(), Some(value), carried),
            None if name == "id" => {}
            // What it says may lie in its very name: nobody knows.
            None => carried.others.push((name.to_owned(), value.raw().to_vec())),
        }
    }
}

/// Whether nothing that `old` holds of an element is seen.
fn is_unseen(old: Node<'_>, name: &str, of: &Element) -> bool {
    old.member(name).is_none_or(|value| said(of.child_type(), value).is_empty())
}

/// Whether an item of a list is one that stood there.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Origin {
    Stored,
    New,
}

/// What is hidden in what goes and must not be lost.
#[derive(Default)]
struct Carried {
    labels: Vec<Vec<u8>>,
    whom: Vec<Vec<u8>>,
    /// Under names that FHIR does not know.
    others: Members,
}

impl Carried {
    fn is_empty(&self) -> bool {
        self.labels.is_empty() && self.whom.is_empty() && self.others.is_empty()
    }

    /// Puts it to a list of `owner`. Nobody knows which of the new items was made of what it was said of, so labels are
    /// said of each of them; else, and whom it names, of nothing that is seen, where that is valid.
    fn spread(&self, owner: TypeId, items: Vec<(Vec<u8>, Origin)>) -> Vec<Vec<u8>> {
        if self.is_empty() {
            return items.into_iter().map(|(item, _)| item).collect();
        }
        let may_be_empty = !owner.elements().any(|part| part.min() > 0);
        let last = items.len().wrapping_sub(1);
        let is_any_new = items.iter().any(|(_, origin)| *origin == Origin::New);
        let longer: usize = self.labels.iter().map(Vec::len).sum();
        let mut room = REPEATED_MAX;
        let mut made = Vec::with_capacity(items.len() + 1);
        for (at, (item, origin)) in items.into_iter().enumerate() {
            let is_host = at == last && !may_be_empty;
            let is_first = room == REPEATED_MAX;
            let is_labelled = origin == Origin::New && (is_first || room >= longer || at == last);
            if is_labelled {
                room = room.saturating_sub(longer);
            }
            let labels: &[Vec<u8>] = if is_labelled || is_host && !is_any_new { &self.labels } else { &[] };
            let whom: &[Vec<u8>] = if is_host { &self.whom } else { &[] };
            let others: &[(String, Vec<u8>)] = if is_host { &self.others } else { &[] };
            if labels.is_empty() && whom.is_empty() && others.is_empty() {
                made.push(item);
                continue;
            }
            made.push(match parse(item.clone().into(), &MERGED) {
                Ok(read) => beside(Some(owner), Some(read.root()), &[labels, whom], others),
                Err(_) => item,
            });
        }
        let shell_labels: &[Vec<u8>] = if is_any_new { &[] } else { &self.labels };
        let is_left = !shell_labels.is_empty() || !self.whom.is_empty() || !self.others.is_empty();
        if is_left && (may_be_empty || made.is_empty()) {
            made.push(beside(Some(owner), None, &[shell_labels, &self.whom], &self.others));
        }
        made
    }

    /// Puts it to the element that JSON calls `key`: at the last of its items, beside a scalar, or alone.
    fn attach(&self, key: &str, of: &Element, members: &mut Members) {
        if self.is_empty() {
            return;
        }
        let is_scalar = of.only_type().is_some_and(|found| found.kind().is_primitive());
        let name = if is_scalar { format!("_{key}") } else { key.to_owned() };
        let at = members.iter().position(|(other, _)| *other == name);
        let stood = at.map(|at| members.remove(at).1);
        let read = stood.and_then(|stood| parse(stood.into(), &MERGED).ok());
        let root = read.as_ref().map(|read| read.root());
        let child = of.child_type();
        let with = |object| beside(child, object, &[&self.labels, &self.whom], &self.others);
        let value = if of.is_array() {
            let mut items: Vec<Node<'_>> = root.into_iter().flat_map(Node::items).collect();
            let last = with(items.pop());
            array_of(items.into_iter().map(|item| item.raw().to_vec()).chain([last]).collect())
        } else {
            with(root)
        };
        members.insert(at.unwrap_or(members.len()).min(members.len()), (name, value));
    }
}

/// An object of type `owner` with `extensions` and `others`, each once.
fn beside(
    owner: Option<TypeId>,
    object: Option<Node<'_>>,
    extensions: &[&[Vec<u8>]],
    others: &[(String, Vec<u8>)],
) -> Vec<u8> {
    let stood = object.and_then(|object| object.member("extension")).into_iter().flat_map(Node::items);
    let mut written = HashSet::new();
    let all = stood.map(|item| item.raw()).chain(extensions.iter().copied().flatten().map(Vec::as_slice));
    let all: Vec<Vec<u8>> = all.filter(|item| written.insert(*item)).map(<[u8]>::to_vec).collect();
    let mut members = Members::new();
    if !all.is_empty() {
        members.push(("extension".to_owned(), array_of(all)));
    }
    for (key, value) in object.into_iter().flat_map(Node::members).filter(|(key, _)| !key.is("extension")) {
        members.push((key.text().into_owned(), value.raw().to_vec()));
    }
    let mut places: HashMap<String, usize> =
        members.iter().enumerate().map(|(at, (name, _))| (name.clone(), at)).collect();
    let mut held: HashSet<(String, Vec<u8>)> = members.iter().cloned().collect();
    let others = others.iter().map(|(name, value)| (carried_as(owner, name), value.clone()));
    for (name, value) in others.filter(|one| held.insert(one.clone())) {
        let at = *places.entry(name.clone()).or_insert(members.len());
        match members.get_mut(at) {
            // Both of one name stay.
            Some((_, stood)) => *stood = array_of(vec![std::mem::take(stood), value]),
            None => members.push((name, value)),
        }
    }
    object_of(&members)
}

/// The name under which something stands in an object of type `owner` that FHIR did not know by this name where it stood. What
/// FHIR would know here must not be taken for it: no name that FHIR has bears a hyphen.
fn carried_as(owner: Option<TypeId>, name: &str) -> String {
    let of = name.strip_prefix('_').unwrap_or(name);
    match owner.and_then(|owner| element(owner, of)) {
        Some(_) => format!("carried-{name}"),
        None => name.to_owned(),
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
