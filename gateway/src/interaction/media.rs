//! What a body says it is: FHIR R4 in one of the formats that are spoken, or a form. What is something else, in another
//! encoding or of another version is refused, never guessed.

use super::malformed::Malformed;
use crate::server::format::{Format, MediaType, NotRead};

/// Checks that a body is FHIR.
pub(in crate::interaction) fn check_resource(content_type: Option<&str>) -> Result<(), Malformed> {
    Format::of_body(content_type).map(|_| ()).map_err(Malformed::MediaType)
}

/// Checks that a body is a JSON Patch. Other kinds of patch can ask what is hidden.
pub(in crate::interaction) fn check_patch(content_type: Option<&str>) -> Result<(), Malformed> {
    check(content_type, "application/json-patch+json")
}

/// Checks that a body is a form.
pub(in crate::interaction) fn check_form(content_type: Option<&str>) -> Result<(), Malformed> {
    check(content_type, "application/x-www-form-urlencoded")
}

/// Checks that a body is of this type.
fn check(content_type: Option<&str>, essence: &str) -> Result<(), Malformed> {
    let sent = MediaType::parse(content_type.unwrap_or_default());
    match sent.essence == essence {
        true => sent.check().map_err(Malformed::MediaType),
        false => Err(Malformed::MediaType(NotRead::Type)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_says_that_it_is_what_it_must_be() {
        for right in ["application/fhir+json", "application/json; charset=utf-8", "application/fhir+xml"] {
            assert_eq!(check_resource(Some(right)), Ok(()), "{right}");
        }
        for (wrong, why) in [
            (None, NotRead::Type),
            (Some("text/plain"), NotRead::Type),
            (Some("application/x-www-form-urlencoded"), NotRead::Type),
            (Some("application/fhir+xml; charset=utf-16"), NotRead::Charset),
            (Some("application/fhir+json; fhirVersion=3.0"), NotRead::Version),
        ] {
            assert_eq!(check_resource(wrong), Err(Malformed::MediaType(why)), "{wrong:?}");
        }
        assert_eq!(check_patch(Some("application/json-patch+json; charset=utf-8")), Ok(()));
        for other in ["application/fhir+json", "application/xml-patch+xml", "application/merge-patch+json"] {
            assert_eq!(check_patch(Some(other)), Err(Malformed::MediaType(NotRead::Type)), "{other}");
        }
        assert_eq!(check_form(Some("application/x-www-form-urlencoded; charset=utf-8")), Ok(()));
        let utf16 = check_form(Some("application/x-www-form-urlencoded; charset=utf-16"));
        assert_eq!(utf16, Err(Malformed::MediaType(NotRead::Charset)));
        assert_eq!(
            check_form(Some("multipart/form-data; boundary=x")),
            Err(Malformed::MediaType(NotRead::Type))
        );
        assert_eq!(check_form(None), Err(Malformed::MediaType(NotRead::Type)));
    }
}
