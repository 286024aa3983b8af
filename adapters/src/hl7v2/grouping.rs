//! Which observations of an order belong together: the sub-id in OBX-4.

use std::collections::BTreeMap;

use super::concept::Known;
use super::draft::{Draft, Slot};
use super::maps::Gather;
use super::message::{Message, Part};
use crate::tree::{Node, Object};

const SUB_ID: &str = "http://hl7.org/fhir/StructureDefinition/observation-v2-subid";

impl Known<'_> {
    /// OBX-4 as the extension that keeps it.
    pub(super) fn sub_id(&self, part: Part<'_, '_>) -> Option<Node> {
        let original = Object::new()
            .with("url", Node::text("original-sub-identifier"))
            .with("valueString", Node::Text(part.component(1).text()?));
        let extension = Object::new()
            .with("extension", Node::List(vec![original.into()]))
            .with("url", Node::text(SUB_ID));
        Some(extension.into())
    }
}

impl Draft<'_> {
    /// Lets the first of the resources under one sub-id refer to the others under it.
    ///
    /// Where an order has one sub-id only, that tells nothing apart and joins nothing.
    pub(super) fn gather(&mut self, gather: &Gather, message: &Message<'_>) {
        let Some((number, named)) = self.map.resource(&gather.target.resource) else { return };
        let parent = self.map.groups.get(named.group).map_or(0, |group| group.parent);
        let mut orders: BTreeMap<Option<u32>, BTreeMap<String, Vec<Slot>>> = BTreeMap::new();
        for (ordinal, instance) in (0..).zip(self.plan.instances(named.group)) {
            let slot = (number, ordinal);
            let opener = message.segments.get(instance.opener);
            let said = opener.and_then(|segment| segment.peek(message, gather.field));
            let Some(said) = said.filter(|_| self.named.contains_key(&slot)) else { continue };
            let key = said.split('.').next().unwrap_or_default().to_owned();
            let order = instance.open.get(parent).copied().flatten();
            orders.entry(order).or_default().entry(key).or_default().push(slot);
        }
        for groups in orders.into_values().filter(|groups| groups.len() > 1) {
            for slots in groups.into_values() {
                let Some((first, others)) = slots.split_first() else { continue };
                for other in others {
                    let reference = Node::reference(&self.id_of(*other));
                    self.set(*first, &gather.target.path, reference);
                }
            }
        }
    }
}
