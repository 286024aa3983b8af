//! A Binary and what may point at it.
//!
//! What points at it is asked for first and whether there is such a Binary or not, so that what is not there takes as
//! long as what may not be seen. Nothing a client says is used but the id.

use fhir::json::{Document, Node};
use fhir::reference::Reference;

use super::holder::Holder;
use super::{Upstream, UpstreamFault};
use crate::enforce::held::{Complete, Held};
use crate::enforce::unfiltered::Unfiltered;
use crate::interaction::ReadTarget;
use crate::person::SystemName;

impl Upstream {
    /// Reads a Binary, and the resources by which it may be readable: DocumentReferences with its address, and what it
    /// names as its security context.
    pub(in crate::upstream) async fn binary(
        &self,
        system: &SystemName,
        target: &ReadTarget,
    ) -> Result<Unfiltered<Held>, UpstreamFault> {
        let holder = self.holder(system)?;
        let place = format!("Binary/{}", target.id.as_str());
        let bases = std::iter::once(&holder.base).chain(&holder.aliases);
        let addresses = bases.map(|base| format!("{}/{place}", base.trim_end_matches('/')));
        let addresses: Vec<String> = std::iter::once(place.clone()).chain(addresses).collect();
        let asked = vec![("location", addresses.join(","))];
        let (mut pointing, mut complete) = self.found(system, "DocumentReference", asked).await?;
        let Some(binary) = self.current(holder, target).await? else {
            return Ok(Unfiltered::new(Held::Absent));
        };
        if let Some((resource_type, id)) = context(binary.root(), holder) {
            let asked = vec![("_id", id)];
            // That it cannot be had would tell that the Binary is there: it is as if nothing pointed at it.
            let (named, all) = self.found(system, &resource_type, asked).await.unwrap_or_default();
            pointing.extend(named);
            complete = if all == Complete::Bounded { all } else { complete };
        }
        Ok(Unfiltered::new(Held::Binary { binary, pointing, complete }))
    }

    /// The pages of a search; none where the system does not take it.
    async fn found(
        &self,
        system: &SystemName,
        resource_type: &str,
        asked: Vec<(&'static str, String)>,
    ) -> Result<(Vec<Document>, Complete), UpstreamFault> {
        match self.pages(system, resource_type, asked).await {
            Ok(pages) => Ok(pages),
            Err(why) if why.is_refusal() => Ok((Vec::new(), Complete::All)),
            Err(fault) => Err(fault),
        }
    }
}

/// What the Binary names as its security context, when that is a resource of the same system.
fn context(binary: Node<'_>, holder: &Holder) -> Option<(String, String)> {
    let text = binary.str_at(&["securityContext", "reference"])?;
    let reference = Reference::parse(&text, &holder.names).ok()?;
    let local = reference.local()?;
    let known = fhir::tables::resource_type(local.resource_type.as_str())?;
    (known.name() != "Binary").then(|| (known.name().to_owned(), local.id.as_str().to_owned()))
}
