//! `If-None-Exist`: one identifier with its system. Everything else would be a search of its own, and is refused by rule.

use fhir::reference::Bases;
use fhir::search::SearchQuery;
use fhir::search::grammar::{self, Name};
use fhir::tables::TypeId;

use super::malformed::Malformed;

/// Parses the condition of a create.
///
/// # Errors
/// [`Malformed::Conditional`].
pub(in crate::interaction) fn unless(
    text: &str,
    resource_type: TypeId,
    names: &Bases,
) -> Result<SearchQuery, Malformed> {
    let parameters = grammar::parse(text.trim()).map_err(|_| Malformed::Conditional)?;
    let [parameter] = parameters.as_slice() else { return Err(Malformed::Conditional) };
    let is_identifier =
        matches!(&parameter.name, Name::Plain { code, modifier: None } if code == "identifier");
    let [value] = parameter.values.as_slice() else { return Err(Malformed::Conditional) };
    let parts = value.split('|');
    if !is_identifier || parts.len() != 2 || parts.iter().any(grammar::Escaped::is_empty) {
        return Err(Malformed::Conditional);
    }
    SearchQuery::compile(resource_type, &parameters, names).map_err(|_| Malformed::Conditional)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_condition_is_one_identifier_with_its_system() {
        let condition = fhir::tables::resource_type("Condition").expect("of R4");
        let of = |text: &str| unless(text, condition, &Bases::none()).map(|query| query.to_form());
        for text in ["identifier=https://ids.example|a1", " identifier=https%3A%2F%2Fids.example%7Ca1 "] {
            assert_eq!(of(text).as_deref(), of("identifier=https://ids.example|a1").as_deref(), "{text}");
            assert!(of(text).is_ok(), "{text}");
        }
        for bad in [
            "",
            "identifier=",
            "identifier=a1",
            "identifier=|a1",
            "identifier=https://ids.example|",
            "identifier=https://ids.example|a1,https://ids.example|a2",
            "identifier=https://ids.example|a1&identifier=https://ids.example|a2",
            "identifier=https://ids.example|a1&code=1",
            "identifier:not=https://ids.example|a1",
            "identifier=a|b|c",
            "patient.identifier=https://ids.example|a1",
            "code=http://snomed.info/sct|1",
            "_id=1",
            "?identifier=https://ids.example|a1",
        ] {
            assert_eq!(of(bad), Err(Malformed::Conditional), "{bad}");
        }
    }
}
