//! What of a Bundle the rows do not hold: they are read again by the mapping, and what does not come of them is told.

use std::collections::{BTreeMap, HashMap};

use bytes::Bytes;
use fhir::json::{Kind, Limits, Node, parse};

use super::{Mapping, Refused, fixed_match, row_of, same};
use crate::mapping::Origin;
use crate::whereabouts::INLINE;
use crate::{Context, Loss, Severity, Why};

/// A Bundle as the rows of a CSV file, and what of it they do not hold.
///
/// `Debug` shows sizes only: the rows are content.
#[derive(Clone, PartialEq, Eq)]
pub struct WrittenBack {
    /// The rows, without the header.
    pub csv: Vec<u8>,
    /// Everything of the Bundle that does not come of the rows when the mapping reads them: its path there.
    pub losses: Vec<Loss>,
}

impl std::fmt::Debug for WrittenBack {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("WrittenBack")
            .field("csv_bytes", &self.csv.len())
            .field("losses", &self.losses.len())
            .finish()
    }
}

/// What the mapping writes of every Bundle itself, or what only tells where it came from.
const OF_BUNDLE: [&str; 6] = ["resourceType", "id", "identifier", "type", "timestamp", "entry"];

/// The resources of a Bundle by their ids, and the ids of the same resources as the rows say them.
type Twins = HashMap<String, String>;

/// Something that the rows do not hold.
struct Missing<'a> {
    place: String,
    /// What it is called; nothing for an item.
    name: String,
    value: Node<'a>,
}

impl Mapping {
    /// A Bundle as the rows it came from, as CSV, with what of it they do not hold: the rows are read again by this
    /// mapping, and whatever of the Bundle does not come of them is a loss.
    ///
    /// Provenance, ids and addresses are not compared: the rows make their own.
    ///
    /// # Errors
    /// As [`Mapping::back`]; [`Refused::LabelLost`] when the rows would not hold a security label, for what it
    /// protects would be in them without it.
    pub fn write_back_telling(&self, bundle: &[u8], context: &Context) -> Result<WrittenBack, Refused> {
        let csv = self.write_back(bundle)?;
        let document = parse(Bytes::copy_from_slice(bundle), &Limits::default()).map_err(Refused::Json)?;
        let Some(again) = self.read_again(&csv, context) else {
            return match first_label(document.root(), "Bundle") {
                Some(place) => Err(Refused::LabelLost { place }),
                None => {
                    let place = "Bundle".to_owned();
                    let loss = Loss { place, why: Why::RowsRefused, severity: Severity::Major };
                    Ok(WrittenBack { csv, losses: vec![loss] })
                }
            };
        };
        let again = parse(Bytes::from(again), &Limits::default()).map_err(Refused::Json)?;
        let missing = bundles(self, document.root(), again.root());
        if let Some(place) = missing.iter().find_map(Missing::label) {
            return Err(Refused::LabelLost { place });
        }
        Ok(WrittenBack { csv, losses: missing.into_iter().map(Missing::told).collect() })
    }

    /// The Bundle that the mapping makes of the rows; nothing when it refuses them.
    fn read_again(&self, rows: &[u8], context: &Context) -> Option<Vec<u8>> {
        let file = [self.write_header(), rows.to_vec()].concat();
        let origin = Origin::new("rows", jiff::Timestamp::UNIX_EPOCH);
        let mut records = self.records(file.as_slice(), context, &origin).ok()?;
        let again = records.next()?.ok()?;
        // Rows that became two records are not what was written.
        records.next().is_none().then_some(again.bundle)
    }
}

/// A resource of a Bundle.
struct Held<'a> {
    resource: Node<'a>,
    path: String,
}

/// The resources of a Bundle by what the mapping makes them as and the row they are of, and those that it does not make.
type Sorted<'a> = (BTreeMap<(usize, usize), Vec<Held<'a>>>, Vec<Held<'a>>);

impl<'a> Missing<'a> {
    fn of(path: &str, name: &str, value: Node<'a>) -> Self {
        Self { place: format!("{path}.{}", plain(name)), name: name.to_owned(), value }
    }

    fn told(self) -> Loss {
        let severity = severity_of(&self.place);
        Loss { place: self.place, why: Why::NotInRows, severity }
    }

    /// Where it is or holds a label of something that the rows hold.
    fn label(&self) -> Option<String> {
        let is_label =
            self.place.rsplit_once(".meta.security").is_some_and(|(_, rest)| !rest.ends_with(".display"));
        let is_extension = self.name == "extension" || self.place.contains(".extension[");
        let is_inline = self.name.starts_with('_') || is_extension;
        (is_label || is_inline && is_inline_label(self.value)).then(|| self.place.clone())
    }
}

/// What of a Bundle the other does not have.
fn bundles<'a>(mapping: &Mapping, bundle: Node<'a>, again: Node<'_>) -> Vec<Missing<'a>> {
    let mut missing = Vec::new();
    for (key, value) in bundle.members().filter(|(key, _)| !OF_BUNDLE.iter().any(|known| key.is(known))) {
        missing.push(Missing::of("Bundle", &key.text(), value));
    }
    let entries = bundle.member("entry").into_iter().flat_map(Node::items);
    for (number, entry) in entries.enumerate() {
        for (key, value) in entry.members().filter(|(key, _)| !key.is("fullUrl") && !key.is("resource")) {
            missing.push(Missing::of(&format!("Bundle.entry[{number}]"), &key.text(), value));
        }
    }
    let (ours, strangers) = sorted(mapping, bundle);
    let (mut theirs, _) = sorted(mapping, again);
    let mut apart = strangers;
    let mut pairs = Vec::new();
    for (place, held) in ours {
        let mut twins = theirs.remove(&place).unwrap_or_default().into_iter();
        for one in held {
            match twins.next() {
                Some(twin) => pairs.push((one, twin)),
                None => apart.push(one),
            }
        }
    }
    missing.extend(apart.into_iter().map(|one| Missing {
        place: one.path,
        name: String::new(),
        value: one.resource,
    }));
    let id = |held: &Held<'_>| held.resource.str_at(&["id"]).map(std::borrow::Cow::into_owned);
    let twins = pairs.iter().filter_map(|(one, twin)| Some((id(one)?, id(twin)?))).collect();
    for (one, twin) in pairs {
        for (key, value) in one.resource.members().filter(|(key, _)| !key.is("id") && !key.is("resourceType"))
        {
            member(&key.text(), value, (twin.resource, &twins), &one.path, &mut missing);
        }
    }
    missing
}

/// Tells a member of an object that `other` does not have, or has otherwise.
fn member<'a>(
    name: &str,
    value: Node<'a>,
    (other, twins): (Node<'_>, &Twins),
    path: &str,
    missing: &mut Vec<Missing<'a>>,
) {
    let told = Missing::of(path, name, value);
    match other.member(name) {
        Some(other) if name == "reference" && lead_alike(value, other, twins) => {}
        Some(other) => values(told, (other, twins), missing),
        // Of what is told of a resource its labels count for themselves.
        None if name == "meta" => {
            missing.extend(value.members().map(|(key, value)| Missing::of(&told.place, &key.text(), value)));
        }
        None => missing.push(told),
    }
}

fn values<'a>(one: Missing<'a>, (other, twins): (Node<'_>, &Twins), missing: &mut Vec<Missing<'a>>) {
    match (one.value.kind(), other.kind()) {
        (Kind::Object, Kind::Object) => {
            for (key, value) in one.value.members() {
                member(&key.text(), value, (other, twins), &one.place, missing);
            }
        }
        (Kind::Array, Kind::Array) => items(&one, (other, twins), missing),
        _ if same(one.value, other) => {}
        _ => missing.push(one),
    }
}

/// Items that are the same stand for each other, wherever they stand; of the others each is held to the next.
fn items<'a>(one: &Missing<'a>, (other, twins): (Node<'_>, &Twins), missing: &mut Vec<Missing<'a>>) {
    let mut left: Vec<Node<'_>> = other.items().collect();
    let mut unmatched = Vec::new();
    for (number, value) in one.value.items().enumerate() {
        let item = || Missing { place: format!("{}[{number}]", one.place), name: String::new(), value };
        let is_said = |other: &Node<'_>| {
            let mut apart = Vec::new();
            values(item(), (*other, twins), &mut apart);
            apart.is_empty()
        };
        match left.iter().position(is_said) {
            Some(found) => drop(left.remove(found)),
            None => unmatched.push(item()),
        }
    }
    let mut left = left.into_iter();
    for item in unmatched {
        match left.next() {
            Some(other) => values(item, (other, twins), missing),
            None => missing.push(item),
        }
    }
}

/// Whether two references lead to the same resource of the two Bundles.
fn lead_alike(one: Node<'_>, other: Node<'_>, twins: &Twins) -> bool {
    let (Some(one), Some(other)) = (one.string(), other.string()) else { return false };
    let id = |text: &str| text.rsplit(['/', ':']).next().unwrap_or_default().to_owned();
    one == other || twins.get(&id(&one)).is_some_and(|twin| *twin == id(&other))
}

fn sorted<'a>(mapping: &Mapping, bundle: Node<'a>) -> Sorted<'a> {
    let entries = bundle.member("entry").into_iter().flat_map(Node::items);
    let held: Vec<Node<'a>> = entries.clone().filter_map(|entry| entry.member("resource")).collect();
    let mut rows: Vec<u64> = held.iter().filter_map(|resource| row_of(*resource, &held)).collect();
    rows.sort_unstable();
    rows.dedup();
    let (mut ours, mut strangers) = (BTreeMap::<_, Vec<Held<'a>>>::new(), Vec::new());
    for (number, resource) in
        entries.enumerate().filter_map(|(number, entry)| Some((number, entry.member("resource")?)))
    {
        if is_origin(resource, &held) {
            continue;
        }
        let one = Held { resource, path: format!("Bundle.entry[{number}].resource") };
        let kind = resource.member("resourceType");
        let made = mapping.plan.resources.iter().enumerate().find(|(_, planned)| {
            kind.is_some_and(|kind| kind.is_string(planned.kind.name()))
                && fixed_match(&planned.fields, resource)
        });
        match made {
            None => strangers.push(one),
            Some((index, planned)) => {
                // Files differ in the numbers of their rows, not in their order.
                let row = planned.each.and(row_of(resource, &held));
                let row = row.and_then(|row| rows.iter().position(|number| *number == row));
                ours.entry((index, row.unwrap_or_default())).or_default().push(one);
            }
        }
    }
    (ours, strangers)
}

/// Whether it is the Provenance that a mapping gave a resource of the Bundle.
fn is_origin(resource: Node<'_>, held: &[Node<'_>]) -> bool {
    resource.str_at(&["resourceType"]).as_deref() == Some("Provenance")
        && resource
            .str_at(&["entity", "what", "identifier", "value"])
            .is_some_and(|value| value.contains("#row="))
        && held.iter().any(|other| {
            let target = resource.str_at(&["target", "reference"]);
            other.str_at(&["id"]).is_some_and(|id| {
                target.as_deref().and_then(|target| target.strip_prefix("urn:uuid:")) == Some(&id)
            })
        })
}

/// The first label that is anywhere in `node`.
fn first_label(node: Node<'_>, path: &str) -> Option<String> {
    for (key, value) in node.members() {
        let name = key.text();
        let place = format!("{path}.{}", plain(&name));
        if place.ends_with(".meta.security") || name == "extension" && is_inline_label(value) {
            return Some(place);
        }
        let inside = first_label(value, &place).or_else(|| {
            let mut items = value.items().enumerate();
            items.find_map(|(number, item)| first_label(item, &format!("{place}[{number}]")))
        });
        if inside.is_some() {
            return inside;
        }
    }
    None
}

/// Whether an extension, or one inside, labels what it stands on (DS4P).
fn is_inline_label(node: Node<'_>) -> bool {
    node.member("url").is_some_and(|url| url.is_string(INLINE))
        || node.items().any(is_inline_label)
        || node.member("extension").is_some_and(is_inline_label)
}

/// What is not of the envelope may identify somebody, or care may depend on it: nothing here knows better.
fn severity_of(place: &str) -> Severity {
    let is_stamp =
        [".meta.lastUpdated", ".meta.versionId", ".meta.source"].iter().any(|end| place.ends_with(end));
    match (is_stamp, place.contains(".resource")) {
        (true, _) => Severity::Trivial,
        (false, true) => Severity::Major,
        (false, false) => Severity::Minor,
    }
}

/// A name as it can be told.
fn plain(name: &str) -> String {
    let told: String =
        name.chars().take(64).filter(|letter| letter.is_ascii_alphanumeric() || *letter == '_').collect();
    if told.is_empty() { "?".to_owned() } else { told }
}
