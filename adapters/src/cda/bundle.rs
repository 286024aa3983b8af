//! The Bundle: the Composition first, then what it leads to, then where each comes from.

use super::engine::Draft;
use super::labels;
use super::resource::Resource;
use crate::identity;
use crate::tree::{Node, Object};
use crate::{Refused, Translated};

/// When a document was made.
pub(super) struct Dated {
    /// To the second.
    pub(super) instant: String,
}

impl Draft<'_, '_> {
    /// Puts everything together.
    pub(super) fn bundle(mut self, dated: &Dated) -> Result<Translated, Refused> {
        let id = self.id("Bundle");
        let mut bundle =
            Object::new().with("resourceType", Node::text("Bundle")).with("id", Node::text(id.as_str()));
        if self.highest != labels::Labels::default() {
            bundle.put("meta", Object::new().with("security", Node::List(self.highest.codings())).into());
        }
        let identifier =
            self.root.child("id").and_then(|id| self.known.identifier(id)).map(|made| self.with_system(made));
        if let Some(identifier) = &identifier {
            bundle.put("identifier", identifier.clone());
        }
        bundle.put("type", Node::text("document"));
        bundle.put("timestamp", Node::text(dated.instant.as_str()));
        let composition = self.resources.pop().ok_or(Refused::Maps)?;
        let who = match composition.object.find("author") {
            Some(Node::List(authors)) => authors.clone(),
            _ => Vec::new(),
        };
        let mut resources = Vec::with_capacity(self.resources.len() + 1);
        // The Composition tells everything, so it bears the labels of every part.
        resources.push(Resource { labels: self.highest.clone(), ..composition });
        resources.append(&mut self.resources);
        let mut entries = Vec::with_capacity(resources.len() * 2);
        let mut sources = Vec::with_capacity(resources.len());
        let alike = Alike::of(identifier.as_ref(), &who, &self.digest);
        for resource in resources {
            sources.push(self.provenance(&resource, &alike, &dated.instant));
            entries.push(entry(resource));
        }
        entries.append(&mut sources);
        bundle.put("entry", Node::List(entries));
        let mut out = Vec::with_capacity(1 << 16);
        Node::from(bundle).write(&mut out);
        Ok(Translated { id, bundle: out, losses: Vec::new() })
    }

    /// Where a resource comes from: which document, which place in it, which bytes, and who wrote it.
    fn provenance(&self, resource: &Resource<'_>, alike: &Alike, instant: &str) -> Node {
        let agents =
            if resource.authors.is_empty() { alike.agents.clone() } else { agents(&resource.authors) };
        let mut document = Object::new();
        if let Some(identifier) = &alike.identifier {
            document.put("identifier", identifier.clone());
        }
        document.put("display", Node::text(resource.place.as_str()));
        let object = Object::new()
            .with("target", Node::List(vec![Node::reference(&resource.id)]))
            .with("recorded", Node::text(resource.recorded.as_deref().unwrap_or(instant)))
            .with("agent", agents)
            .with("entity", Node::List(vec![source(document), alike.bytes.clone()]));
        entry(Resource {
            id: self.id(&format!("Provenance {}", resource.id)),
            kind: "Provenance",
            object,
            place: String::new(),
            labels: resource.labels.clone(),
            authors: Vec::new(),
            recorded: None,
        })
    }

    /// The identifier of a document must have a system; one of its own is the sender's.
    fn with_system(&self, identifier: Node) -> Node {
        if let Node::Object(held) = &identifier
            && held.find("system").is_none()
        {
            let system = format!("urn:id:{}", self.known.context.source());
            let mut whole = Object::new().with("system", Node::Text(system));
            whole.extend(held);
            return whole.into();
        }
        identifier
    }

    fn id(&self, place: &str) -> String {
        identity::id(self.known.context.source(), &self.message, place)
    }
}

/// What every Provenance of a document says, written once.
struct Alike {
    identifier: Option<Node>,
    agents: Node,
    bytes: Node,
}

impl Alike {
    fn of(identifier: Option<&Node>, who: &[Node], digest: &str) -> Self {
        let bytes =
            Object::new().with("system", Node::text(fhir::identifier::URI)).with("value", Node::text(digest));
        Self {
            identifier: identifier.map(written),
            agents: written(&agents(who)),
            bytes: written(&source(Object::new().with("identifier", bytes.into()))),
        }
    }
}

fn agents(who: &[Node]) -> Node {
    let agent = |who: Node| Object::new().with("who", who).into();
    let known = who.iter().cloned().map(agent).collect::<Vec<Node>>();
    Node::List(if known.is_empty() { vec![agent(Node::absent("unknown"))] } else { known })
}

fn source(what: Object) -> Node {
    Object::new().with("role", Node::text("source")).with("what", what.into()).into()
}

/// The same, as JSON that is copied from now on.
fn written(node: &Node) -> Node {
    let mut out = Vec::new();
    node.write(&mut out);
    // It is made of texts: nothing is lost.
    Node::Bare(String::from_utf8_lossy(&out).into_owned())
}

/// A resource as an entry.
fn entry(resource: Resource<'_>) -> Node {
    let Resource { id, kind, object, labels, .. } = resource;
    let mut whole = Object::new().with("resourceType", Node::text(kind)).with("id", Node::text(id.as_str()));
    let mut security = labels.codings();
    if kind == "Composition" && labels.is_special() {
        security.push(labels::process_inline());
    }
    if (labels.is_special() || kind == "Composition") && !security.is_empty() {
        whole.put("meta", Object::new().with("security", Node::List(security)).into());
    }
    whole.append(object);
    Object::new().with("fullUrl", Node::Text(format!("urn:uuid:{id}"))).with("resource", whole.into()).into()
}
