//! Resources that are being put together into one Bundle, and where each of them comes from.

use crate::tree::{Node, Object};
use crate::{Refused, identity};

/// The most resources of a Bundle; each is told of by a Provenance beside.
const RESOURCES_MAX: usize = 20_000;
/// The most resources that are looked through for one that says the same.
const SAME_MAX: usize = 256;

/// The resources of one Bundle.
#[derive(Debug)]
pub(crate) struct Assembly<'c> {
    source: &'c str,
    /// What the message is known by: part of every id.
    key: String,
    made: Vec<Made>,
}

/// A resource of the Bundle, by its place in the order in which they were added.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Number(usize);

/// A resource that is being built.
#[derive(Debug)]
struct Made {
    id: String,
    kind: &'static str,
    object: Object,
    /// Which element comes from which place; without an element, the resource as a whole.
    origins: Vec<(String, String)>,
}

/// What the Bundle says beside its resources.
#[derive(Debug)]
pub(crate) struct Frame {
    /// Labels and tags, if there are any.
    pub(crate) meta: Option<Object>,
    /// What the sender calls the message.
    pub(crate) identifier: Object,
    /// When the message was put together.
    pub(crate) timestamp: Option<String>,
    /// When it was sent.
    pub(crate) recorded: Option<String>,
    /// The hash of the bytes, as a `ni` URI.
    pub(crate) digest: String,
    /// The MessageHeader.
    pub(crate) header: Number,
    /// Who sent it.
    pub(crate) sender: Option<Number>,
}

impl<'c> Assembly<'c> {
    pub(crate) fn new(source: &'c str, key: String) -> Self {
        Self { source, key, made: Vec::new() }
    }

    /// The id of what stands at `place`.
    pub(crate) fn id(&self, place: &str) -> String {
        identity::id(self.source, &self.key, place)
    }

    /// Adds an empty resource that is known by `place`.
    pub(crate) fn add(&mut self, kind: &'static str, place: &str) -> Number {
        let id = self.id(&format!("{kind}/{place}"));
        self.made.push(Made { id, kind, object: Object::new(), origins: Vec::new() });
        Number(self.made.len() - 1)
    }

    /// Adds `object`, or finds one that says the same already.
    pub(crate) fn share(&mut self, kind: &'static str, place: &str, object: Object) -> Number {
        let same = |made: &Made| made.kind == kind && made.object == object;
        if let Some(held) = self.made.iter().take(SAME_MAX).position(same) {
            return Number(held);
        }
        let number = self.add(kind, place);
        if let Some(held) = self.object(number) {
            *held = object;
        }
        number
    }

    pub(crate) fn object(&mut self, number: Number) -> Option<&mut Object> {
        self.made.get_mut(number.0).map(|made| &mut made.object)
    }

    pub(crate) fn look(&self, number: Number) -> Option<&Object> {
        self.made.get(number.0).map(|made| &made.object)
    }

    /// A Reference to it.
    pub(crate) fn reference(&self, number: Number) -> Node {
        Node::reference(self.made.get(number.0).map_or("", |made| made.id.as_str()))
    }

    /// Remembers that `element` comes from `place`.
    pub(crate) fn comes_from(&mut self, number: Number, element: &str, place: String) {
        let Some(made) = self.made.get_mut(number.0) else { return };
        let origin = (element.to_owned(), place);
        if made.origins.last() != Some(&origin) {
            made.origins.push(origin);
        }
    }

    /// The id of the Bundle, and the Bundle as JSON.
    ///
    /// # Errors
    /// [`Refused::TooLarge`] when there are too many resources.
    pub(crate) fn bundle(mut self, frame: Frame) -> Result<(String, Vec<u8>), Refused> {
        if self.made.len() > RESOURCES_MAX {
            return Err(Refused::TooLarge { max: RESOURCES_MAX, unit: "resources" });
        }
        let id = self.id("Bundle");
        let mut bundle =
            Object::new().with("resourceType", Node::text("Bundle")).with("id", Node::text(id.as_str()));
        if let Some(meta) = &frame.meta {
            bundle.put("meta", meta.clone().into());
        }
        bundle.put("identifier", frame.identifier.clone().into());
        bundle.put("type", Node::text("message"));
        if let Some(timestamp) = &frame.timestamp {
            bundle.put("timestamp", Node::text(timestamp.as_str()));
        }
        let mut entries = Vec::with_capacity(self.made.len() * 2);
        let sources: Vec<Node> = self.made.iter().map(|made| self.provenance(made, &frame)).collect();
        for Made { id, kind, object, .. } in std::mem::take(&mut self.made) {
            entries.push(entry(&id, kind, object));
        }
        entries.extend(sources);
        bundle.put("entry", Node::List(entries));
        let mut out = Vec::new();
        Node::from(bundle).write(&mut out);
        Ok((id, out))
    }

    /// Where a resource comes from: which message, which places in it, which bytes.
    fn provenance(&self, made: &Made, frame: &Frame) -> Node {
        let mut elements: Vec<(&str, Vec<&str>)> = Vec::new();
        for (element, place) in &made.origins {
            match elements.iter_mut().find(|(held, _)| held == element) {
                Some((_, held)) => held.push(place),
                None => elements.push((element, vec![place])),
            }
        }
        let told = |(element, places): &(&str, Vec<&str>)| match *element {
            "" => places.join(", "),
            element => format!("{element}: {}", places.join(", ")),
        };
        let told: Vec<String> = elements.iter().map(told).collect();
        let header = self.reference(frame.header);
        // Both are about the message itself, which is in the Bundle: nobody has to wonder whom they are about.
        let about = || match &header {
            Node::Object(reference) => reference.clone(),
            Node::Text(_) | Node::Bare(_) | Node::List(_) => Object::new(),
        };
        let mut message = about().with("identifier", frame.identifier.clone().into());
        if !told.is_empty() {
            message.put("display", Node::Text(told.join("; ")));
        }
        let digest = Object::new()
            .with("system", Node::text(fhir::identifier::URI))
            .with("value", Node::text(frame.digest.as_str()));
        let bytes = about().with("identifier", digest.into());
        let source = |what: Object| {
            Node::from(Object::new().with("role", Node::text("source")).with("what", what.into()))
        };
        let who = frame.sender.map_or_else(|| Node::absent("unknown"), |sender| self.reference(sender));
        let mut object = Object::new().with("target", Node::List(vec![Node::reference(&made.id)]));
        match &frame.recorded {
            Some(recorded) => object.put("recorded", Node::text(recorded.as_str())),
            None => object.put("_recorded", Node::absent("unknown")),
        }
        object.put("agent", Node::List(vec![Object::new().with("who", who).into()]));
        object.put("entity", Node::List(vec![source(message), source(bytes)]));
        entry(&self.id(&format!("Provenance/{}", made.id)), "Provenance", object)
    }
}

fn entry(id: &str, kind: &str, object: Object) -> Node {
    let mut resource = Object::new().with("resourceType", Node::text(kind)).with("id", Node::text(id));
    resource.append(object);
    Object::new()
        .with("fullUrl", Node::Text(format!("urn:uuid:{id}")))
        .with("resource", resource.into())
        .into()
}
