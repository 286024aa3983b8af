//! Changes of a resource: `PUT` of the view of it, `PATCH` of that view, or `DELETE`. Which version is changed must be said.

use std::sync::Arc;

use super::malformed::Malformed;
use super::media;
use super::parse::{BODY, check_plain_read};
use super::{FhirAction, ReadTarget, ResourceChange, ResourceDeletion, Return, Wanted};
use crate::server::arrived::{Arrived, Method};

/// The longest version that is compared.
const VERSION_LEN_MAX: usize = 128;

/// Parses a change of `target`.
///
/// # Errors
/// [`Malformed`].
pub(in crate::interaction) fn change(arrived: Arrived, target: ReadTarget) -> Result<FhirAction, Malformed> {
    if arrived.headers.if_none_exist.is_some() {
        return Err(Malformed::Conditional);
    }
    check_plain_read(&arrived)?;
    let content_type = arrived.headers.content_type.as_deref();
    let is_patch = arrived.method == Method::Patch;
    if is_patch { media::check_patch(content_type) } else { media::check_resource(content_type) }?;
    let if_match = version(arrived.headers.if_match.as_deref().ok_or(Malformed::IfMatchMissing)?)?;
    let told = told(arrived.headers.prefer.as_deref());
    let wanted = match is_patch {
        true => Wanted::Patch(Arc::new(arrived.body.patch(&BODY)?)),
        false => {
            let named = (target.resource_type.name(), &target.id);
            Wanted::Whole(Arc::new(arrived.body.resource_at(named, &BODY)?))
        }
    };
    Ok(FhirAction::Change(ResourceChange { target, if_match, wanted, told }))
}

/// Parses a deletion of `target`.
///
/// # Errors
/// [`Malformed`].
pub(in crate::interaction) fn deletion(
    arrived: &Arrived,
    target: ReadTarget,
) -> Result<FhirAction, Malformed> {
    if arrived.headers.if_none_exist.is_some() {
        return Err(Malformed::Conditional);
    }
    check_plain_read(arrived)?;
    let if_match = version(arrived.headers.if_match.as_deref().ok_or(Malformed::IfMatchMissing)?)?;
    Ok(FhirAction::Delete(ResourceDeletion { target, if_match }))
}

/// One entity tag, weak or not. Which ones there are is not known here.
fn version(text: &str) -> Result<String, Malformed> {
    let text = text.trim();
    let quoted = text.strip_prefix("W/").unwrap_or(text);
    let inner = quoted.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).ok_or(Malformed::IfMatch)?;
    let is_plain = inner.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"');
    match is_plain && !inner.is_empty() && inner.len() <= VERSION_LEN_MAX {
        true => Ok(inner.to_owned()),
        false => Err(Malformed::IfMatch),
    }
}

/// The last `return` that is known counts; a preference that is not known is none (RFC 7240).
fn told(prefer: Option<&str>) -> Return {
    let mut told = Return::default();
    for preference in prefer.unwrap_or_default().split([',', ';']) {
        told = match preference.trim() {
            "return=minimal" => Return::Minimal,
            "return=representation" => Return::Representation,
            "return=OperationOutcome" => Return::OperationOutcome,
            _ => told,
        };
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_one_quoted_tag() {
        for (text, inner) in [("W/\"a1\"", "a1"), (" \"2\" ", "2")] {
            assert_eq!(version(text).as_deref(), Ok(inner), "{text}");
        }
        for bad in ["*", "", "2", "W/2", "\"\"", "\"a\", \"b\"", "\"a b\"", "w/\"a\""] {
            assert_eq!(version(bad), Err(Malformed::IfMatch), "{bad}");
        }
    }

    #[test]
    fn what_is_preferred_is_told_and_what_is_not_known_changes_nothing() {
        for (text, expected) in [
            (None, Return::Representation),
            (Some("return=minimal"), Return::Minimal),
            (Some("respond-async, return=OperationOutcome"), Return::OperationOutcome),
            (Some("return=everything"), Return::Representation),
        ] {
            assert_eq!(told(text), expected, "{text:?}");
        }
    }
}
