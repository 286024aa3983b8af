//! What hangs on a resource: the addresses of attachments, and content in base64.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use fhir::reference::Reference;

use super::super::content::{Look, look};
use super::super::minimise::Written;
use super::super::persons::Came;
use super::reach::Inside;
use super::{BINARY, Judge, Stands, Targets};

impl Judge<'_> {
    /// How the address of an attachment is written: that of a Binary of this system, where Binaries are shared at all.
    /// Whether this one is, is decided when it is read.
    pub(super) fn link(&self, url: &str, inside: &Inside) -> Option<Written> {
        if self.came == Came::Submitted {
            return Some(Written::AsItStands);
        }
        let shares_binaries = fhir::tables::resource_type(BINARY)
            .is_some_and(|binary| !self.ruling.admitted().share().tables(binary).is_empty());
        match Reference::parse(url, self.bases) {
            Ok(Reference::Local(local))
                if shares_binaries && local.version.is_none() && local.resource_type.as_str() == BINARY =>
            {
                let relative = local.to_relative();
                Some(if relative == url { Written::AsItStands } else { Written::Anew(relative) })
            }
            Ok(Reference::Urn(urn)) if inside.get(&*urn).is_some_and(|becomes| becomes.is_shown()) => {
                Some(Written::AsItStands)
            }
            Ok(
                Reference::Local(_)
                | Reference::Urn(_)
                | Reference::Elsewhere(_)
                | Reference::Contained(_)
                | Reference::Container,
            )
            | Err(_) => None,
        }
    }

    /// How content is written. A resource in it is minimised as if it were read alone; nothing when it cannot be, or
    /// when that one has such content itself: the work would grow with every layer.
    pub(super) fn content(&self, base64: &str) -> Option<Written> {
        match look(base64) {
            Look::Whole => Some(Written::AsItStands),
            Look::Opaque => None,
            Look::Resource(_) if self.stands == Stands::InContent => None,
            Look::Resource(document) => {
                let alone = Judge {
                    version: None,
                    under: &[],
                    targets: self.inner_targets(),
                    sheltered: self.sheltered_inside,
                    stands: Stands::InContent,
                    whom: None,
                    decided: None,
                    ..*self
                };
                let judged = alone.judge(document.root()).ok()?;
                Some(Written::Anew(STANDARD.encode(judged.bytes)))
            }
        }
    }

    /// Nothing is looked up for what stands inside content: what is known of the rest holds for it.
    const fn inner_targets(&self) -> Targets<'_> {
        match self.came {
            Came::FromHolder => Targets::NONE,
            Came::Submitted => self.targets,
        }
    }
}
