//! FHIR of one release into FHIR of another: STU3, R4B and R5 to and from R4, and DSTU2 into R4.
//!
//! Every element is the same on both sides by the tables of both releases, or a rule of `maps/versions` says where it
//! goes, or it is kept in the extension that FHIR names for it, or it is a [`Loss`] with its path. One
//! engine reads the tables; it knows no resource type but Consent. Ids and addresses stay; a resource that is called
//! otherwise on the other side is called so in the references to it too.
//!
//! What changes the meaning of a resource is never left out: where a modifier or a code of one cannot be said on the
//! other side, the whole input is refused. A Consent of STU3 that does not say whether it permits or denies is refused,
//! and one that limits the use of a record (the national data opt-out) becomes a denial.
//!
//! Deliberately absent: profiles (but for known addresses), validation, and fetching of what is referred to.

mod address;
mod bundle;
mod item;
mod maps;
mod place;
mod read;
mod restore;
mod sound;
mod special;
mod state;
#[cfg(test)]
mod tests;
mod translation;
mod value;
mod walk;

use std::collections::HashMap;

use fhir::json::{self, Invalid};
use fhir::tables::Release;
use fhir::xml::{self, InvalidXml};

use self::walk::Walk;
use crate::tree::{Node, Object};
use crate::{Context, Loss, Refused, Translated};

/// Why a resource was not translated. Nothing of the content is in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// There is no way between these releases.
    #[error("there is no translation between these releases")]
    NoWay,
    /// Not JSON.
    #[error("not fhir json: {0}")]
    Json(#[from] Invalid),
    /// Not XML of the release.
    #[error("not fhir xml of this release: {0}")]
    Xml(#[from] InvalidXml),
    /// An object that must be a resource names no type.
    #[error("{place} is no resource")]
    NotAResource {
        /// Where it stands.
        place: String,
    },
    /// A resource type that is not translated.
    #[error("resources of type {name} are not translated")]
    UnknownType {
        /// Letters and digits only.
        name: String,
    },
    /// An element that changes the meaning of the resource cannot be said in the other release.
    #[error("{place} changes the meaning of the resource and cannot be said in the other release")]
    Modifier {
        /// The path of the element.
        place: String,
    },
    /// A Consent that does not say, or says in two ways, whether it permits or denies.
    #[error("{place}: the consent does not say plainly whether it permits or denies")]
    Consent {
        /// The path of what should say it.
        place: String,
    },
    /// More than a bound allows.
    #[error("the input has more than {max} {what}")]
    TooMany {
        /// What is bounded.
        what: &'static str,
        /// The bound.
        max: usize,
    },
    /// The tables of this program are faulty.
    #[error("the tables of releases of this program are faulty")]
    Maps,
}

impl Fault {
    fn unknown_type(name: &str) -> Self {
        Self::UnknownType { name: plain(name) }
    }
}

/// Translates `input`, a resource of the release `from` in JSON or XML, into a Bundle of the release `to` in JSON.
///
/// A Bundle stays one; any other resource becomes the entry of a `collection`. Every resource gets a Provenance that
/// names the digest of the input and where in it the resource stood, unless the Bundle is an answer to a
/// transaction or a history, whose entries stand for requests.
///
/// # Errors
/// [`Refused`] when the input is not FHIR of that release, or says something that the other release cannot say and that
/// must not be left out; nothing of it may be used then.
pub fn translate(input: &[u8], from: Release, to: Release, context: &Context) -> Result<Translated, Refused> {
    let (Some(way), Some(back)) = (maps::way(from, to), maps::back(from, to)) else {
        return Err(Fault::NoWay.into());
    };
    let (way, back) = (way.map_err(|_| Refused::Maps)?, back.map_err(|_| Refused::Maps)?);
    if input.len() > context.bytes_max {
        return Err(Refused::TooLarge { max: context.bytes_max, unit: "bytes" });
    }
    let text = match input.trim_ascii_start() {
        [b'<', ..] | [0xef, 0xbb, 0xbf, b'<', ..] => {
            let limits = xml::Limits { bytes_max: context.bytes_max, ..xml::Limits::default() };
            // What an element does not have is told with its path, as it is of JSON.
            xml::to_json_naming_strangers(from, input, &limits).map_err(Fault::from)?
        }
        // Windows senders put a mark before it.
        _ => input.strip_prefix(b"\xef\xbb\xbf").unwrap_or(input).to_vec(),
    };
    // JSON is at most some three times as long as the XML that it was.
    let limits = json::Limits { bytes_max: context.bytes_max.saturating_mul(4), ..json::Limits::default() };
    let document = json::parse(text.into(), &limits).map_err(Fault::from)?;
    let (whole, losses) = walked(&document, way, back)?;
    bundle::put_together(whole, to, &bundle::Origin::of(input, context), losses)
}

/// A Bundle in the words of another release, and what of it those words do not say.
///
/// `Debug` shows sizes only: the Bundle is content.
pub struct Reworded {
    /// The Bundle as JSON.
    pub bundle: Vec<u8>,
    /// Everything of the R4 Bundle that it does not carry. The place is its path there.
    pub losses: Vec<Loss>,
}

/// Says an R4 Bundle, in JSON, in the words of the release `to`. Nothing is added: it holds what the Bundle holds, under the
/// same ids and addresses, and the same Bundle has the same bytes.
///
/// # Errors
/// [`Refused`] when it is no Bundle of R4, or says something that the other release cannot say and that must not be left out.
pub fn reword(bundle: &[u8], to: Release, limits: &json::Limits) -> Result<Reworded, Refused> {
    let (Some(way), Some(back)) = (maps::way(Release::R4, to), maps::back(Release::R4, to)) else {
        return Err(Fault::NoWay.into());
    };
    let (way, back) = (way.map_err(|_| Refused::Maps)?, back.map_err(|_| Refused::Maps)?);
    let document = json::parse(bundle.to_vec().into(), limits).map_err(Fault::from)?;
    if !document.root().member("resourceType").is_some_and(|name| name.is_string("Bundle")) {
        return Err(Fault::NotAResource { place: "the bundle".to_owned() }.into());
    }
    let (whole, losses) = walked(&document, way, back)?;
    let mut out = Vec::with_capacity(bundle.len().saturating_mul(2));
    Node::from(whole).write(&mut out);
    Ok(Reworded { bundle: out, losses })
}

impl std::fmt::Debug for Reworded {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Reworded")
            .field("bundle_bytes", &self.bundle.len())
            .field("losses", &self.losses.len())
            .finish()
    }
}

/// The resource of a document in the words of the other side, and what of it is lost.
fn walked(
    document: &json::Document,
    way: &'static maps::Way,
    back: &'static maps::Way,
) -> Result<(Object, Vec<Loss>), Refused> {
    let source =
        read::object(document.root()).ok_or(Fault::NotAResource { place: "the input".to_owned() })?;
    let called = bundle::called(&source, way);
    let path = read::type_name(&source);
    let mut walk = Walk { way, back, called, losses: Vec::new(), path, kept: 0 };
    let whole = walk.resource(source)?;
    Ok((whole, std::mem::take(&mut walk.losses)))
}

/// A name as it can be told: letters, digits and underscores, not too many.
fn plain(name: &str) -> String {
    let is_plain = |letter: &char| letter.is_ascii_alphanumeric() || *letter == '_';
    let told: String = name.chars().take(64).filter(is_plain).collect();
    if told.is_empty() { "?".to_owned() } else { told }
}

/// A way of translation for resources that are made here.
fn walk_to(to: Release) -> Option<Walk<'static>> {
    let way = maps::way(Release::R4, to)?.ok()?;
    let back = maps::back(Release::R4, to)?.ok()?;
    Some(Walk {
        way,
        back,
        called: HashMap::new(),
        losses: Vec::new(),
        path: "Provenance".to_owned(),
        kept: 0,
    })
}
