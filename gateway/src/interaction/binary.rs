//! How a Binary is asked for: as a resource, or as the content in it (FHIR R4, "Serving Binary Resources").

/// In which form a Binary is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BinaryForm {
    /// As a resource: a FHIR format was named.
    Resource,
    /// The bytes in it, as what they are: none was.
    Content(Accepts),
}

/// The media types that a caller takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepts {
    /// `Accept` as it was sent; empty: anything.
    ranges: String,
}

impl Accepts {
    /// Whether content of this type may be sent.
    #[must_use]
    pub fn takes(&self, media_type: &str) -> bool {
        if self.ranges.trim().is_empty() {
            return true;
        }
        let kind = media_type.split('/').next().unwrap_or_default();
        // The most telling range decides.
        let rank = |named: &str| match named {
            "*/*" => Some(1),
            _ if named == media_type => Some(3),
            _ if named.strip_suffix("/*") == Some(kind) => Some(2),
            _ => None,
        };
        let ranges = self.ranges.split(',').map(split);
        let best = ranges.filter_map(|(named, parameters)| Some((rank(&named)?, quality(&parameters))));
        best.max_by_key(|(rank, _)| *rank).is_some_and(|(_, quality)| quality > 0.0)
    }
}

fn quality(parameters: &[(String, String)]) -> f32 {
    let stated = parameters.iter().find(|(name, _)| name == "q");
    stated.map_or(1.0, |(_, value)| value.parse().unwrap_or(0.0))
}

/// Whether `Accept` names a format of resources; `text/xml` may be that of a document inside. Whether that one is spoken is another question.
pub(in crate::interaction) fn names_fhir(accept: Option<&str>) -> bool {
    accept.unwrap_or_default().split(',').any(|range| {
        let (named, _) = split(range);
        matches!(
            named.as_str(),
            "application/fhir+json" | "application/fhir+xml" | "application/json" | "text/json"
        )
    })
}

/// The form of content for `Accept`.
pub(in crate::interaction) fn content(accept: Option<&str>) -> BinaryForm {
    BinaryForm::Content(Accepts { ranges: accept.unwrap_or_default().to_owned() })
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
    fn content_is_sent_unless_a_fhir_format_is_named() {
        for accept in ["application/fhir+json", "text/html, application/fhir+xml;q=0.5", "application/json"] {
            assert!(names_fhir(Some(accept)), "{accept}");
        }
        for accept in [None, Some("*/*"), Some("application/pdf"), Some("text/*")] {
            assert!(!names_fhir(accept), "{accept:?}");
        }
    }

    #[test]
    fn content_is_taken_by_the_most_telling_range() {
        for (ranges, media_type, expected) in [
            ("", "application/pdf", true),
            ("application/pdf", "application/pdf", true),
            ("Application/PDF", "application/pdf", true),
            ("text/*", "text/plain", true),
            ("text/*", "application/pdf", false),
            ("image/png, */*;q=0.1", "application/pdf", true),
            ("*/*, application/pdf;q=0", "application/pdf", false),
            ("text/*;q=0, text/plain", "text/plain", true),
        ] {
            let accepts = Accepts { ranges: ranges.to_owned() };
            assert_eq!(accepts.takes(media_type), expected, "{ranges} {media_type}");
        }
    }
}
