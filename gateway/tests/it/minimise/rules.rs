//! The rules of a golden case as a file, and minimising by them.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use fhir::json::{Limits, Node, parse};
use fhir::path::ElementPath;
use fhir::tables::{TypeId, resource_type};
use gateway::enforce::minimise::{Marks, Reach, TypeMask, Unsafe, View, Withheld, Written, resource};
use serde::Deserialize;

/// What decides in the place of the gateway's earlier stages.
#[derive(Debug, Default, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rules {
    /// References to permitted persons.
    #[serde(default)]
    pub(crate) persons: BTreeSet<String>,
    /// References to what the requestor may see.
    #[serde(default)]
    pub(crate) visible: BTreeSet<String>,
    /// References to persons who may not be seen.
    #[serde(default)]
    pub(crate) strangers: BTreeSet<String>,
    /// `redacted` where the agreement is open.
    #[serde(default)]
    pub(crate) marks: Option<String>,
    pub(crate) share: BTreeMap<String, Shared>,
}

#[derive(Debug, Default, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Shared {
    pub(crate) elements: Vec<String>,
    #[serde(default)]
    pub(crate) withhold: Vec<String>,
}

/// Compiles the mask of `owner` from paths as text.
pub(crate) fn mask(owner: &str, elements: &[String], withhold: &[String]) -> TypeMask {
    let owner = resource_type(owner).expect("a resource type");
    let parse = |text: &String| ElementPath::parse(owner, text).expect("a path");
    let (shared, kept): (Vec<_>, Vec<_>) =
        (elements.iter().map(parse).collect(), withhold.iter().map(parse).collect());
    TypeMask::compile(owner, &shared, &kept).expect("a mask")
}

/// Rules with their masks compiled.
pub(crate) struct Compiled {
    rules: Rules,
    masks: BTreeMap<TypeId, TypeMask>,
}

impl Rules {
    pub(crate) fn compile(self) -> Compiled {
        let masks = self.share.iter().map(|(name, shared)| {
            let mask = mask(name, &shared.elements, &shared.withhold);
            (mask.owner(), mask)
        });
        Compiled { masks: masks.collect(), rules: self }
    }
}

impl Compiled {
    fn reach(&self, node: Node<'_>) -> Reach {
        let nhs_number = node.str_at(&["identifier", "value"]).is_some_and(|value| value == "9990000018");
        match node.str_at(&["reference"]) {
            Some(text) if self.rules.persons.contains(&*text) => Reach::Tie(Written::AsItStands),
            Some(text) if self.rules.visible.contains(&*text) => Reach::Visible(Written::AsItStands),
            Some(text) if self.rules.strangers.contains(&*text) => Reach::Stranger,
            None if nhs_number => Reach::Tie(Written::AsItStands),
            Some(_) | None => Reach::Hidden,
        }
    }

    /// Minimises the resource `node`.
    pub(crate) fn minimise(&self, node: Node<'_>) -> Result<(Vec<u8>, Withheld), Unsafe> {
        let (mut out, mut withheld) = (Vec::new(), Withheld::default());
        let marks = match self.rules.marks.as_deref() {
            Some("redacted") => Marks::SubsettedAndRedacted,
            _ => Marks::Subsetted,
        };
        let view = View {
            mask: &|owner, _| self.masks.get(&owner),
            reach: &|node| self.reach(node),
            full_url: &|_| Written::AsItStands,
            link: &|_| Some(Written::AsItStands),
            content: &|_| Some(Written::AsItStands),
            marks,
            version: None,
        };
        resource(node, &view, &mut withheld, &mut out)?;
        Ok((out, withheld))
    }

    /// Minimises the resource in `text`.
    pub(crate) fn minimise_text(&self, text: impl Into<Bytes>) -> Result<(Vec<u8>, Withheld), Unsafe> {
        let document = parse(text.into(), &Limits::default()).expect("strict JSON");
        self.minimise(document.root())
    }
}
