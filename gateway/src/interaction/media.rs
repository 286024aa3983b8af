//! Formats: FHIR R4 as JSON, in and out. What asks for another format or version is refused, never guessed.

use super::malformed::Malformed;

/// Checks that the caller takes FHIR JSON. An absent `Accept` takes anything.
pub(in crate::interaction) fn check_accept(accept: Option<&str>) -> Result<(), Malformed> {
    let Some(accept) = accept else { return Ok(()) };
    match accept.split(',').any(takes_json) {
        true => Ok(()),
        false => Err(Malformed::NotAcceptable),
    }
}

/// Checks that a body is FHIR JSON.
pub(in crate::interaction) fn check_resource(content_type: Option<&str>) -> Result<(), Malformed> {
    let content_type = content_type.ok_or(Malformed::MediaType)?;
    let (media_type, parameters) = split(content_type);
    let json = matches!(media_type.as_str(), "application/fhir+json" | "application/json");
    match json && parameters.iter().all(|(name, value)| right_parameter(name, value)) {
        true => Ok(()),
        false => Err(Malformed::MediaType),
    }
}

/// Checks that a body is a form.
pub(in crate::interaction) fn check_form(content_type: Option<&str>) -> Result<(), Malformed> {
    let (media_type, parameters) = split(content_type.ok_or(Malformed::MediaType)?);
    let form = media_type == "application/x-www-form-urlencoded";
    match form && parameters.iter().all(|(name, value)| right_parameter(name, value)) {
        true => Ok(()),
        false => Err(Malformed::MediaType),
    }
}

/// Checks a value of `_format`, percent-decoded. A plus sign that nobody encoded has become a space.
pub(in crate::interaction) fn check_format(format: &str) -> Result<(), Malformed> {
    let (media_type, parameters) = split(format);
    let json = matches!(
        media_type.as_str(),
        "json" | "text/json" | "application/json" | "application/fhir+json" | "application/fhir json"
    );
    match json && parameters.iter().all(|(name, value)| right_parameter(name, value)) {
        true => Ok(()),
        false => Err(Malformed::NotAcceptable),
    }
}

fn takes_json(range: &str) -> bool {
    let (media_type, parameters) = split(range);
    let covers = matches!(
        media_type.as_str(),
        "application/fhir+json" | "application/json" | "text/json" | "application/*" | "*/*"
    );
    covers
        && parameters.iter().all(|(name, value)| match name.as_str() {
            "q" => value.parse::<f32>().is_ok_and(|quality| quality > 0.0),
            _ => right_parameter(name, value),
        })
}

/// A version or an encoding other than ours is another format; other parameters change nothing.
fn right_parameter(name: &str, value: &str) -> bool {
    match name {
        "fhirversion" => matches!(value, "4.0" | "4.0.1"),
        "charset" => value.eq_ignore_ascii_case("utf-8"),
        _ => true,
    }
}

fn split(text: &str) -> (String, Vec<(String, String)>) {
    let mut parts = text.split(';').map(str::trim);
    let media_type = parts.next().unwrap_or_default().to_ascii_lowercase();
    let parameters = parts.filter(|part| !part.is_empty()).map(|part| {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        (name.trim().to_ascii_lowercase(), value.trim().trim_matches('"').to_owned())
    });
    (media_type, parameters.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_caller_who_takes_fhir_json_is_served_and_no_other() {
        for accept in [
            "application/fhir+json",
            "application/fhir+json; fhirVersion=4.0; charset=UTF-8",
            "text/html, application/xhtml+xml, */*;q=0.8",
            "APPLICATION/JSON",
            "application/fhir+xml, application/*;q=0.1",
        ] {
            assert_eq!(check_accept(Some(accept)), Ok(()), "{accept}");
        }
        assert_eq!(check_accept(None), Ok(()));
        for accept in [
            "",
            "application/fhir+xml",
            "text/html",
            "text/*",
            "application/fhir+json; fhirVersion=5.0",
            "application/fhir+json; q=0",
            "application/fhir+json; q=none",
            "application/fhir+json; charset=utf-16",
            "application/fhir+ndjson",
        ] {
            assert_eq!(check_accept(Some(accept)), Err(Malformed::NotAcceptable), "{accept}");
        }
    }

    #[test]
    fn a_body_says_that_it_is_what_it_must_be() {
        for right in [
            "application/fhir+json",
            "application/json; charset=utf-8",
            "Application/FHIR+JSON;fhirVersion=4.0",
        ] {
            assert_eq!(check_resource(Some(right)), Ok(()), "{right}");
        }
        for wrong in [
            None,
            Some("application/fhir+xml"),
            Some("text/plain"),
            Some("application/fhir+json; charset=utf-7"),
            Some("application/fhir+json; fhirVersion=3.0"),
            Some("application/x-www-form-urlencoded"),
        ] {
            assert_eq!(check_resource(wrong), Err(Malformed::MediaType), "{wrong:?}");
        }
        assert_eq!(check_form(Some("application/x-www-form-urlencoded; charset=utf-8")), Ok(()));
        assert_eq!(check_form(Some("application/json")), Err(Malformed::MediaType));
        assert_eq!(check_form(None), Err(Malformed::MediaType));
    }

    #[test]
    fn a_format_that_is_named_is_json_in_one_of_its_spellings() {
        for right in ["json", "application/fhir+json", "application/fhir json", "text/json"] {
            assert_eq!(check_format(right), Ok(()), "{right}");
        }
        for wrong in ["xml", "application/fhir+xml", "html", "", "json; fhirVersion=5.0"] {
            assert_eq!(check_format(wrong), Err(Malformed::NotAcceptable), "{wrong}");
        }
    }
}
