//! Whom a record that cannot be translated may be about.
//!
//! Such a record is left out of what is found. If it may be the Patient that a search asks for, what is found is not all
//! that there is to be known of her: who she is, and how she is protected, would be told without it. It may be hers when it
//! says what a record must say to be found by the search: her id, or her number, wherever it stands. One that says
//! neither could be anybody's, and counts for nobody: it would else stand against everyone in the system.

use std::collections::BTreeSet;

use adapters::mapping::Mapping;
use adapters::mapping::pull::{Compare, Equal};
use fhir::search::{Criterion, SearchQuery, Test, TokenModifier, TokenTest};

/// The longest value that may be an id or a number.
const VALUE_BYTES_MAX: usize = 256;

/// What a record says that may be what a search of Patients asks for. A search of anything else has none.
#[derive(Debug, Default)]
pub(super) struct Wanted {
    /// Of each criterion that can be told: one of these, and of that everything.
    all: Vec<Vec<Vec<Value>>>,
}

/// A value, and how it is compared; nothing else about it is known.
type Value = (Compare, String);

impl Wanted {
    /// What records of `query` must say.
    pub(super) fn of(query: &SearchQuery, mapping: &Mapping) -> Self {
        let kind = query.resource_type();
        if kind.name() != "Patient" {
            return Self::default();
        }
        let told = |criterion: &Criterion| {
            let columns = mapping.must_equal(kind, criterion);
            let values = |all: Vec<Equal>| all.into_iter().map(|one| (one.compare, one.text)).collect();
            let by_columns = columns.map(|any| any.into_iter().map(values).collect());
            by_columns.or_else(|| codes(criterion))
        };
        Self { all: query.criteria().iter().filter_map(told).collect() }
    }

    /// Whether any record may be what is asked for.
    pub(super) const fn is_nobody(&self) -> bool {
        self.all.is_empty()
    }

    /// Whether a record that says these values may be.
    pub(super) fn may_be<'v>(&self, said: impl IntoIterator<Item = &'v str>) -> bool {
        if self.is_nobody() {
            return false;
        }
        let mut exact = BTreeSet::new();
        let mut loose = BTreeSet::new();
        for text in said.into_iter().map(str::trim).filter(|text| is_value(text)) {
            exact.insert(text);
            loose.insert(loosely(text));
        }
        let says = |(compare, text): &Value| match compare {
            Compare::Exact => exact.contains(text.as_str()),
            Compare::Folded | Compare::Closed => loose.contains(&loosely(text)),
        };
        // What is made of nothing is said by every record, and by none.
        let is_one = |all: &Vec<Value>| !all.is_empty() && all.iter().all(says);
        self.all.iter().all(|any| any.iter().any(is_one))
    }

    /// Values of which a record that may be what is asked for says one, each as [`loosely`] has it.
    pub(super) fn firsts(&self) -> BTreeSet<String> {
        let firsts = self.all.first().into_iter().flatten().filter_map(|all| all.first());
        firsts.map(|(_, text)| loosely(text)).collect()
    }
}

/// Whether a value may be an id or a number.
pub(super) const fn is_value(text: &str) -> bool {
    !text.is_empty() && text.len() <= VALUE_BYTES_MAX
}

/// A value without what is compared in one way or another only.
pub(super) fn loosely(text: &str) -> String {
    text.chars()
        .filter(|letter| !matches!(letter, ' ' | '-'))
        .map(|letter| letter.to_ascii_lowercase())
        .collect()
}

/// The codes that a criterion asks for, where no column decides it.
fn codes(criterion: &Criterion) -> Option<Vec<Vec<Value>>> {
    let Test::Token { modifier: TokenModifier::Is, any } = criterion.test() else { return None };
    let code = |test: &TokenTest| match test {
        TokenTest::Code(code) | TokenTest::WithoutSystem(code) | TokenTest::Coded { code, .. } => {
            Some(vec![(Compare::Closed, code.clone())])
        }
        TokenTest::System(_) => None,
    };
    any.iter().map(code).collect()
}

#[cfg(test)]
mod tests {
    use adapters::mapping::Mapping;
    use fhir::reference::Bases;
    use fhir::search::{SearchQuery, form, grammar};
    use fhir::tables;

    use super::Wanted;

    const MAPPING: &str = r#"
mapping = "people"
[source]
format = "csv"
[[resource]]
type = "Patient"
name = "person"
id_from = ["No", "Part"]
[resource.elements]
"identifier[nhs]" = { from = "NHS", system = "https://fhir.nhs.uk/Id/nhs-number" }
LOCAL
"name.family" = { from = "Name" }
"#;

    /// An identifier that a column decides, and one that it does not.
    const SURE: &str = r#""identifier[local]" = { from = "Local", system = "urn:no" }"#;
    const UNSURE: &str = "\"identifier[local].system\" = { fixed = \"urn:no\" }\n\
                          \"identifier[local].value\" = { from = \"Local\", default = \"none\" }";
    const HERS: &str = "hers";
    const ANOTHERS: &str = "another's";

    #[track_caller]
    fn check(kind: &str, (name, value): (&str, &str), said: &[&str], expected: &str) {
        for local in [SURE, UNSURE] {
            let mapping = MAPPING.replace("LOCAL", local);
            let mapping = Mapping::load("people.toml", &mapping).unwrap();
            let parameters = grammar::parse(&form([(name.to_owned(), value.to_owned())])).unwrap();
            let kind = tables::resource_type(kind).unwrap();
            let query = SearchQuery::compile(kind, &parameters, &Bases::none()).unwrap();
            let wanted = Wanted::of(&query, &mapping);
            let found = if wanted.may_be(said.iter().copied()) { HERS } else { ANOTHERS };
            assert_eq!(found, expected, "{name}={value} {said:?} {local}");
            // What is kept is found again by one of its values.
            let firsts = wanted.firsts();
            let is_found = said.iter().any(|text| firsts.contains(&super::loosely(text.trim())));
            assert!(is_found || expected == ANOTHERS, "{name}={value} {said:?} {local}");
        }
    }

    #[test]
    fn a_record_may_be_hers_that_says_her_number_or_her_whole_id_and_nobody_elses() {
        let number = "https://fhir.nhs.uk/Id/nhs-number|9990000018";
        let both =
            "https://fhir.nhs.uk/Id/nhs-number|9990000026,https://fhir.nhs.uk/Id/nhs-number|9990000018";
        for (asked, said, expected) in [
            (("identifier", number), &["", "999 000-0018 ", "x"][..], HERS),
            (("identifier", both), &["9990000018"], HERS),
            (("identifier", number), &["9990000026"], ANOTHERS),
            (("identifier", number), &["99900000181"], ANOTHERS),
            (("identifier", number), &[], ANOTHERS),
            (("_id", "7.a"), &[" 7", "a", "9990000026"], HERS),
            (("_id", "7.a"), &["7", "b"], ANOTHERS),
            (("_id", "7.a"), &["7.a"], ANOTHERS),
            (("_id", "7.a,8.b"), &["b", "8"], HERS),
            // What tells nobody apart.
            (("family", "Example"), &["Example", "7", "a"], ANOTHERS),
        ] {
            check("Patient", asked, said, expected);
        }
    }

    #[test]
    fn a_record_of_anything_else_is_no_persons() {
        check("Encounter", ("_id", "7"), &["7"], ANOTHERS);
    }
}
