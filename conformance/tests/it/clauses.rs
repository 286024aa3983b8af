//! The clauses that checks cite, held to what can be known of them without a network.
//!
//! An anchor from memory leads nowhere, and a verdict that cites it cannot be defended. Pages of definitions have an anchor for
//! each element, which the definitions tell; RFCs have one for each section; of other pages the anchors stand below, each
//! looked up in the page's source or in links that others publish to it.

use conformance::suite::Suite;
use conformance::validate::{Finding, Rule};

use crate::validate::{findings, shipped};

const R4: &str = "https://hl7.org/fhir/R4/";

/// Pages of FHIR R4 and their anchors. Most were looked up; the common ones of `search.html` (kinds of parameters) and
/// `datatypes.html` (names of types) stand by the pages' own custom of naming each section after what it is about.
const LOOKED_UP: [(&str, &str); 17] = [
    (
        "http.html",
        "brules capabilities ccreate concurrency cond-update cread create custom delete general head history mime-type paging \
         patch prefer read search Status-Codes transaction transaction-response transactional-integrity trules update upsert \
         versioning vread",
    ),
    (
        "search.html",
        "chaining combining composite conformance count date elements errors escaping has id include Introduction lastUpdated \
         modifiers number prefix quantity reference revinclude sort string summary tag token total uri",
    ),
    ("json.html", "json"),
    ("bundle.html", "bundle-unique invs"),
    ("capabilitystatement.html", "invs"),
    ("security.html", "AccessDenied audit"),
    ("datatypes.html", "Coding date decimal id primitive string"),
    ("references.html", "contained literal Reference"),
    ("auditevent.html", "bnc"),
    ("resource.html", "id Resource"),
    ("extensibility.html", "Extension"),
    ("conformance-rules.html", "cardinality constraints"),
    ("formats.html", "choice"),
    ("terminologies.html", "strength"),
    ("profiling.html", "resources slicing"),
    ("narrative.html", "xhtml"),
    ("elementdefinition-definitions.html", "ElementDefinition.fixed_x_ ElementDefinition.pattern_x_"),
];

/// Pages that are cited as a whole.
const WHOLE: [&str; 10] = [
    "auditevent.html",
    "bundle.html",
    "capabilitystatement.html",
    "capabilitystatement-definitions.html",
    "operationoutcome.html",
    "snomedct.html",
    "validation.html",
    "valueset-administrative-gender.html",
    "valueset-issue-severity.html",
    "xml.html",
];

/// Whether `path` is an element of FHIR R4: `Meta.profile`, `CapabilityStatement.rest.resource.type`.
fn is_element(path: &str) -> bool {
    let mut names = path.split('.');
    let at = names.next().and_then(|kind| shipped().type_at(kind));
    let Some(Ok(shape)) = at.map(|at| shipped().shape(at)) else { return false };
    let mut children = shape.root.children.as_deref();
    names.all(|name| {
        let found = children.and_then(|all| all.iter().find(|child| &*child.name == name));
        children = found.and_then(|child| child.children.as_deref());
        found.is_some()
    })
}

/// Why an address below [`R4`] cannot be a clause of it.
fn wrong(page: &str) -> Option<&'static str> {
    let Some((file, anchor)) = page.split_once('#') else {
        return (!WHOLE.contains(&page)).then_some("no anchor");
    };
    if let Some((_, anchors)) = LOOKED_UP.iter().find(|(known, _)| *known == file) {
        return (!anchors.split_whitespace().any(|known| known == anchor)).then_some("not looked up");
    }
    if !file.ends_with("-definitions.html") {
        return Some("a page that was not looked up");
    }
    (!is_element(anchor)).then_some("no element of FHIR R4")
}

#[test]
fn clauses_of_fhir_have_an_anchor_that_is_there() {
    let mut checked = 0;
    let mut bad = Vec::new();
    for check in Suite::ALL.into_iter().flat_map(Suite::checks) {
        if let Some(page) = check.clause.strip_prefix(R4) {
            checked += 1;
            bad.extend(wrong(page).map(|why| format!("{}: {why}: {page}", check.id)));
        }
    }
    assert_eq!(bad, [] as [String; 0]);
    assert!(checked > 200, "{checked}");
    assert_eq!(wrong("resource-definitions.html#Meta.profil"), Some("no element of FHIR R4"));
    assert_eq!(wrong("json.html#general"), Some("not looked up"));
}

#[test]
fn clauses_of_rfcs_name_a_section() {
    for check in Suite::ALL.into_iter().flat_map(Suite::checks) {
        let Some(rest) = check.clause.strip_prefix("https://www.rfc-editor.org/rfc/rfc") else { continue };
        let (number, section) = rest.split_once("#section-").expect(check.id);
        assert!(number.parse::<u32>().is_ok(), "{}: {}", check.id, check.clause);
        let numbers = section.split('.').all(|part| part.parse::<u32>().is_ok_and(|part| part > 0));
        assert!(numbers, "{}: {}", check.id, check.clause);
    }
}

#[test]
fn rules_of_the_validator_cite_anchors_that_are_there() {
    let json = r##"{"resourceType":"Observation","x":1,"status":["a"],"valueFoo":1,"component":{"code":{"text":""}},
        "subject":{"reference":"#p"},"text":{"status":"generated","div":"<div/>"},"effectiveDateTime":"no",
        "extension":[{"url":"a","valueString":"b"}],"meta":{"profile":["http://hl7.org/fhir/StructureDefinition/None"]},
        "contained":[{"resourceType":"Patient"},{"resourceType":"Nobody","id":"n"}],"bodySite":{"coding":[{"system":"s","code":"c"}]}}"##;
    let found: Vec<Finding> = findings(json, &[]);
    let mut rules: Vec<Rule> = found.iter().map(|one| one.rule).collect();
    rules.extend([
        Rule::Fixed,
        Rule::Pattern,
        Rule::Binding,
        Rule::Slicing,
        Rule::Bundle,
        Rule::Invariant,
        Rule::Code,
    ]);
    for rule in rules.into_iter().filter(|rule| *rule != Rule::Bound) {
        let page = rule.clause().strip_prefix("FHIR R4 ").expect("a page");
        assert_eq!(wrong(page), None, "{rule:?}: {page}");
    }
}
