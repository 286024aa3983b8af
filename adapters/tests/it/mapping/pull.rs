//! Records that are asked for one by one: their ids and references, and what of a search their columns decide.

use std::collections::BTreeMap;

use adapters::mapping::Refused;
use adapters::mapping::pull::{Compare, Equal, Ids, Made};
use fhir::reference::Bases;
use fhir::search::{Match, SearchQuery, grammar};
use fhir::tables::{TypeId, resource_type};
use proptest::prelude::prop;
use proptest::proptest;

use super::{council, load};

const MAPPING: &str = r#"mapping = "visits"
[source]
format = "csv"
dates = ["YYYY-MM-DD"]
nulls = ["none"]
[codes.state]
system = "http://hl7.org/fhir/encounter-status"
[codes.state.map]
"Open" = "in-progress"
"Run" = "in-progress"
"Done" = "finished"
[codes.sex]
system = "http://hl7.org/fhir/administrative-gender"
[codes.sex.map]
"1" = "female"
[[resource]]
type = "Patient"
name = "person"
id_from = ["who"]
[resource.elements]
"identifier[nhs]" = { from = "nhs", system = "https://fhir.nhs.uk/Id/nhs-number" }
"identifier[local]" = { from = "who", system = "urn:id:x" }
"birthDate" = { from = "born" }
"gender" = { from = "sex", codes = "sex", otherwise = "unknown" }
[[resource]]
type = "Encounter"
name = "visit"
id_from = ["who", "number"]
[resource.elements]
"status" = { from = "state", codes = "state" }
"class" = { fixed = "HH", system = "http://terminology.hl7.org/CodeSystem/v3-ActCode" }
"subject" = { reference = "person" }
"identifier[local]" = { from = "number", system = "urn:id:y" }
"#;
const COLUMNS: [&str; 6] = ["who", "number", "nhs", "born", "sex", "state"];

fn kind(name: &str) -> TypeId {
    resource_type(name).unwrap()
}

fn made(mapping: &str, row: &[String]) -> Result<Vec<Made>, Refused> {
    let (mapping, context) = (load(mapping), council());
    let columns: Vec<String> = COLUMNS.iter().map(|&column| column.to_owned()).collect();
    let mut view = mapping.view(&columns, &context).unwrap();
    view.row(row.iter().map(String::as_str)).map(|pulled| pulled.made)
}

fn query(of: &str, form: &str) -> SearchQuery {
    SearchQuery::compile(kind(of), &grammar::parse(form).unwrap(), &Bases::none()).unwrap()
}

fn matches(made: &Made, query: &SearchQuery) -> bool {
    let document = fhir::json::parse(made.json.clone().into(), &fhir::json::Limits::default()).unwrap();
    query.matches(document.root(), &Bases::none()) == Match::Yes
}

/// What a database does with a condition.
fn holds(equal: &Equal, cells: &BTreeMap<&str, &str>) -> bool {
    let cell = cells[equal.column.as_str()].trim();
    match equal.compare {
        Compare::Exact => cell == equal.text,
        Compare::Folded => cell.to_ascii_lowercase() == equal.text,
        Compare::Closed => cell.replace([' ', '-'], "") == equal.text,
    }
}

fn row(cells: [&str; 6]) -> Vec<String> {
    cells.iter().map(|&cell| cell.to_owned()).collect()
}

#[test]
fn resources_are_named_by_their_columns_and_refer_to_each_other() {
    let made = made(MAPPING, &row(["R-1", "7", "999 000 0018", "1950-01-01", "1", "open"])).unwrap();
    let names: Vec<String> =
        made.iter().map(|made| format!("{}/{}", made.resource_type.name(), made.id)).collect();
    assert_eq!(names, ["Patient/R-1", "Encounter/R-1.7"]);
    let text = String::from_utf8(made[1].json.clone()).unwrap();
    assert!(text.starts_with(r#"{"resourceType":"Encounter","id":"R-1.7""#), "{text}");
    assert!(text.contains(r#""reference":"Patient/R-1""#) && text.ends_with('}'), "{text}");
    for made in &made {
        fhir::json::parse(made.json.clone().into(), &fhir::json::Limits::default()).unwrap();
    }
}

#[test]
fn what_cannot_be_an_id_is_refused_and_never_changed() {
    for (who, number) in [("R/1", "7"), ("R.1", "7"), ("R 1", "7"), ("R-1", "é"), (&"9".repeat(65), "7")] {
        let refused = made(MAPPING, &row([who, number, "", "1950-01-01", "", "Open"])).unwrap_err();
        assert!(matches!(refused, Refused::KeyNotAnId { .. }), "{who} {number}: {refused}");
    }
    let refused = made(MAPPING, &row(["", "7", "", "1950-01-01", "", "Open"])).unwrap_err();
    assert!(matches!(refused, Refused::NoKey { .. }));
}

#[test]
fn several_tables_of_one_type_have_ids_of_their_own() {
    let two = MAPPING.replace(
        "[[resource]]\ntype = \"Encounter\"",
        "[[resource]]\ntype = \"Patient\"\nname = \"next_of.kin\"\nid_from = [\"number\"]\n[resource.elements]\n\
         \"identifier[k]\" = { from = \"number\", system = \"urn:id:k\" }\n[[resource]]\ntype = \"Encounter\"",
    );
    let all = made(&two, &row(["1", "1", "", "", "", "Open"])).unwrap();
    let ids: Vec<&str> = all.iter().map(|made| made.id.as_str()).collect();
    assert_eq!(ids, ["person.1", "next-of-kin.1", "1.1"]);
    let mapping = load(&two);
    assert!(mapping.keys_tell_apart(kind("Patient")));
    let search = query("Patient", "_id=next-of-kin.1");
    let asked = mapping.must_equal(kind("Patient"), &search.criteria()[0]).unwrap();
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].iter().map(|one| one.column.as_str()).collect::<Vec<_>>(), ["number"]);
}

#[test]
fn digests_are_those_of_a_translation() {
    let (mapping, context) = (load(MAPPING), council());
    let file = format!("{}\nR-1,7,9990000018,1950-01-01,1,Open\n", COLUMNS.join(","));
    let pulled = mapping.pulled(file.as_bytes(), &context, Ids::Digests).unwrap();
    let made: Vec<Made> = pulled.flat_map(|record| record.unwrap().made).collect();
    let translated = mapping.records(file.as_bytes(), &context, &super::origin()).unwrap();
    let bundle = String::from_utf8(translated.map(|record| record.unwrap().bundle).next().unwrap()).unwrap();
    assert!(made.iter().all(|made| bundle.contains(&made.id)), "{bundle}");
    assert!(made.iter().all(|made| !String::from_utf8_lossy(&made.json).contains("urn:uuid")));
}

#[test]
fn a_mapping_tells_what_it_tells() {
    let mapping = load(MAPPING);
    for (of, read, told) in [
        ("Patient", "identifier", true),
        ("Patient", "id", true),
        ("Patient", "name", false),
        ("Patient", "birthDate", true),
        ("Encounter", "subject", true),
        ("Encounter", "meta.lastUpdated", false),
        ("Encounter", "statusHistory", false),
        ("Condition", "code", false),
    ] {
        assert_eq!(mapping.tells(kind(of), &[read.to_owned()]), told && of != "Condition", "{of} {read}");
    }
    assert!(!mapping.keys_are_nhs_numbers(kind("Patient")));
    let numbers = load(&MAPPING.replace("id_from = [\"who\"]", "id_from = [\"nhs\"]"));
    assert!(numbers.keys_are_nhs_numbers(kind("Patient")));
}

#[test]
fn what_columns_decide_is_asked_of_them_and_nothing_else_is() {
    let mapping = load(MAPPING);
    for (of, form, columns) in [
        ("Patient", "_id=R-1", Some(vec!["who"])),
        ("Patient", "identifier=https://fhir.nhs.uk/Id/nhs-number|9990000018", Some(vec!["nhs"])),
        ("Patient", "identifier=9990000018", Some(vec!["nhs", "who"])),
        ("Patient", "identifier=urn:id:elsewhere|1", Some(vec![])),
        ("Patient", "birthdate=1950-01-01", Some(vec!["born"])),
        ("Patient", "birthdate=1950", None),
        ("Patient", "birthdate=ge1950-01-01", None),
        // An unknown code stands for another: the column alone does not decide.
        ("Patient", "gender=female", None),
        ("Encounter", "_id=R-1.7", Some(vec!["who", "number"])),
        ("Encounter", "_id=R-1", Some(vec![])),
        ("Encounter", "patient=R-1", Some(vec!["who"])),
        ("Encounter", "subject=Group/R-1", Some(vec![])),
        ("Encounter", "status=in-progress", Some(vec!["state", "state", "state"])),
        ("Encounter", "status:not=finished", None),
        ("Encounter", "class=HH", None),
    ] {
        let search = query(of, form);
        let asked = mapping.must_equal(kind(of), &search.criteria()[0]);
        let mut asked = asked.map(|any| any.into_iter().flatten().map(|one| one.column).collect::<Vec<_>>());
        let mut columns = columns.map(|columns| columns.into_iter().map(str::to_owned).collect::<Vec<_>>());
        for sorted in [&mut asked, &mut columns] {
            sorted.iter_mut().for_each(|all| all.sort());
        }
        assert_eq!(asked, columns, "{of}?{form}");
    }
}

proptest! {
    #[test]
    fn no_record_that_matches_is_kept_from_the_search_by_what_its_columns_must_say(
        who in "(R-[12]| R-1 |none|)",
        number in "([12]|2 )",
        nhs in prop::sample::select(vec!["999 000 0018", "9990000018", "999-000-0026", "9990000019", "none", ""]),
        born in prop::sample::select(vec!["1950-01-01", " 1951-02-03", "1950-02-30", "none"]),
        sex in prop::sample::select(vec!["1", "9", ""]),
        state in prop::sample::select(vec!["Open", "RUN", "done", "in-progress", "strange", "none", ""]),
    ) {
        let cells = row([&who, &number, nhs, born, sex, state]);
        let by_name: BTreeMap<&str, &str> =
            COLUMNS.iter().copied().zip(cells.iter().map(String::as_str)).collect();
        let mapping = load(MAPPING);
        let Ok(all) = made(MAPPING, &cells) else { return Ok(()) };
        for (of, forms) in [
            ("Patient", &["_id=R-1", "_id=R-1,R-2", "identifier=9990000018", "identifier=urn:id:x|R-1",
                "identifier=https://fhir.nhs.uk/Id/nhs-number|9990000026", "identifier=9990000019",
                "identifier=|999000019", "birthdate=1950-01-01", "birthdate=1951-02-03", "gender=unknown"][..]),
            ("Encounter", &["_id=R-1.1", "_id=R-2.2,R-1.2", "patient=R-1", "subject=Patient/R-2", "status=in-progress",
                "status=finished", "identifier=urn:id:y|2", "class=HH"]),
        ] {
            for form in forms {
                let search = query(of, form);
                let asked = mapping.must_equal(kind(of), &search.criteria()[0]);
                let Some(any) = asked else { continue };
                let is_asked_for = any.iter().any(|all| all.iter().all(|one| holds(one, &by_name)));
                for made in all.iter().filter(|made| made.resource_type == kind(of)) {
                    assert!(is_asked_for || !matches(made, &search), "{of}?{form} misses {cells:?}");
                }
            }
        }
    }
}
