//! What is wrong with a mapping is told when it is loaded: the line, and what to do.

use adapters::mapping::Mapping;
use proptest::proptest;

use super::people;

/// The line of the mapping of people at which its elements go on.
const MORE: usize = 17;

#[track_caller]
fn check(text: &str, line: usize, expected: &str) {
    let faults = Mapping::load("people.toml", text).expect_err(expected);
    let found = faults.0.iter().any(|fault| fault.line == Some(line) && fault.text.contains(expected));
    assert!(found, "no {expected:?} at line {line} in:\n{faults}");
    assert!(faults.to_string().contains(&format!("people.toml:{line}: ")), "{faults}");
}

#[track_caller]
fn element(more: &str, expected: &str) {
    check(&people("", more), MORE, expected);
}

#[test]
fn an_element_that_fhir_does_not_have_is_refused_with_the_one_that_was_meant() {
    element("\"birthdate\" = { from = \"DOB\" }", "has no element `birthdate`; did you mean `birthDate`?");
    element("\"name.familly\" = { from = \"X\" }", "did you mean `family`?");
    element("\"deceased\" = { from = \"X\" }", "`deceased` is a choice: write its type too");
    element("\"gender[a]\" = { from = \"X\", codes = \"sex\" }", "does not repeat");
    element("\"gender.code\" = { from = \"X\" }", "`gender` has no elements inside it");
    element("\"text.div\" = { from = \"X\" }", "`text` is not written by a mapping");
    element("\"extension[mine].valueString\" = { from = \"X\" }", "named by its url");
    element("\"name[a.family\" = { from = \"X\" }", "brackets close");
    element("\"contained\" = { from = \"X\" }", "`contained` is not written by a mapping");
}

#[test]
fn a_value_that_does_not_fit_the_type_of_its_element_is_refused() {
    element("\"gender\" = { from = \"X\" }", "a code needs a code map");
    element("\"gender\" = { from = \"X\", codes = \"sx\" }", "there is no `[codes.sx]`; did you mean `sex`?");
    element("\"active\" = { from = \"X\", codes = \"sex\" }", "may hold \"true\" and \"false\" only");
    element("\"active\" = { fixed = \"true\" }", "this is no boolean of FHIR");
    element("\"name\" = { from = \"X\" }", "HumanName has elements inside it");
    element("\"birthDate\" = { fixed = \"2024-02-30\" }", "this is no date of FHIR");
    element("\"identifier[b]\" = { from = \"X\" }", "give the system of the identifier");
    element("\"maritalStatus\" = { fixed = \"M\" }", "a code needs its system");
    element("\"managingOrganization\" = { from = \"X\" }", "needs `system` and `target`");
    element(
        "\"managingOrganization\" = { from = \"X\", system = \"urn:x\", target = \"Patient\" }",
        "may point at Organization only",
    );
    element(
        "\"managingOrganization\" = { reference = \"person\" }",
        "no resource above this one has this name",
    );
    let amount = "\"extension[urn:x:visits].valueQuantity\" = { from = \"X\", unit = \"visits\" }";
    element(amount, "no code of UCUM");
    element(&amount.replace("\"visits\" }", "\"mmHg\", unit_code = \"mmHg\" }"), "no code of UCUM");
    let fine = amount.replace("\"visits\" }", "\"visits\", unit_code = \"{visit}\" }");
    assert!(Mapping::load("people.toml", &people("", &fine)).is_ok());
    element("\"birthDate\" = { from = \"X\", fixed = \"2024\" }", "one of `from`, `fixed` and `reference`");
    element("\"birthDate\" = { from = \"X\", formt = \"Y\" }", "this key is unknown");
    element("\"name.family\" = { from = \"X\", split = \" \" }", "only what repeats can be split");
}

#[test]
fn what_would_be_unsafe_is_refused() {
    element(
        "\"meta.security\" = { from = \"X\", codes = \"sex\" }",
        "a security label must be sure: give `otherwise`",
    );
    let direct = "\"identifier[nhs].system\" = { fixed = \"https://fhir.nhs.uk/Id/nhs-number\" }\n\
                  \"identifier[nhs].value\" = { from = \"NHS\" }";
    check(&people("", direct), 11, "an NHS number is checked when it is written as a whole");
}

#[test]
fn what_fhir_requires_and_nobody_gives_is_a_fault() {
    let encounter = "[[resource]]\ntype = \"Encounter\"\nname = \"visit\"\nid_from = [\"ID\"]\n[resource.elements]\n\
                     \"subject\" = { reference = \"person\" }";
    check(&people("", encounter), 17, "FHIR wants `Encounter.status`");
    check(&people("", encounter), 17, "FHIR wants `Encounter.class`");
    let link = "\"link[a].type\" = { fixed = \"seealso\" }";
    check(&people("", link), 11, "FHIR wants `Patient.link.other`");
}

#[test]
fn everything_that_is_wrong_is_told_at_once() {
    let text =
        people("dates = [\"DD/MM/YY\"]\ncharset = \"latin\"\nzone = \"x\"", "\"naem\" = { from = \"X\" }")
            .replace("dates = [\"DD/MM/YYYY\"]\n", "")
            .replace("type = \"Patient\"", "type = \"Patiant\"");
    let faults = Mapping::load("people.toml", &text).unwrap_err().to_string();
    for expected in ["a year has four digits", "one of \"utf-8\", \"windows-1252\"", "this key is unknown"] {
        assert!(faults.contains(expected), "{expected} is not in {faults}");
    }
    assert!(faults.contains("FHIR R4 has no such resource type; did you mean `Patient`?"), "{faults}");
}

#[test]
fn dates_that_could_be_read_in_two_ways_are_refused() {
    let text = people("", "").replace("\"DD/MM/YYYY\"", "\"DD/MM/YYYY\", \"MM/DD/YYYY\"");
    check(&text, 4, "reads the same text as a different date");
    let none = people("", "\"birthDate\" = { from = \"DOB\" }").replace("dates = [\"DD/MM/YYYY\"]\n", "");
    check(&none, MORE - 1, "say how it is written: dates =");
}

#[test]
fn what_is_not_toml_is_told_with_its_line() {
    check("mapping = \"x\"\n[source\n", 2, "not toml");
    let empty = Mapping::load("people.toml", "").unwrap_err().to_string();
    assert!(
        empty.contains("`[source]` is missing") && empty.contains("`[[resource]]` is missing"),
        "{empty}"
    );
}

#[test]
fn codes_and_names_are_checked() {
    let twice = people("", "").replace("\"2\" = \"female\"", "\"a\" = \"female\"\n\"A\" = \"male\"");
    check(&twice, 11, "the same code stands here twice");
    let blank = people("", "").replace("\"2\" = \"female\"", "\"2\" = \"fe  male\"");
    check(&blank, 10, "a code has no white space");
    let named = people("", "").replace("mapping = \"people\"", "mapping = \"my people\"");
    check(&named, 1, "letters, digits, dots and hyphens only");
    let id = people("", "").replace("id_from = [\"ID\"]", "id_from = []");
    check(&id, 11, "say from which columns its id is made");
}

proptest! {
    #[test]
    fn no_text_makes_the_loader_panic(text in "[\\PC\\n\\[\\]=\"{}.]{0,300}", more in "[\\PC\\[\\]=\"{}.]{0,80}") {
        drop(Mapping::load("x.toml", &text));
        drop(Mapping::load("x.toml", &people("", &more)));
        drop(Mapping::load("x.toml", &people("", &format!("\"{more}\" = {{ from = \"X\" }}"))));
    }
}

#[test]
fn a_day_may_be_given_by_the_mapping_and_what_may_not_is_said() {
    let visit = |rule: &str| {
        people("", "")
            + "[[resource]]\ntype = \"Observation\"\nname = \"seen\"\nid_from = [\"ID\"]\n[resource.elements]\n\
               \"status\" = { fixed = \"final\" }\n\"code\" = { fixed = \"1\", system = \"urn:x\" }\n"
            + rule
    };
    let line = MORE + 8;
    assert!(
        Mapping::load("people.toml", &visit("\"effectiveDateTime\" = { fixed = \"2026-03-31\" }")).is_ok()
    );
    check(&visit("\"effectiveDateTime\" = { fixed = \"2026-02-31\" }"), line, "this is no dateTime of FHIR");
    check(
        &visit("\"effectiveDateTime\" = { from = \"X\", dates = [\"DD/MM/YYYY\"], default = \"none\" }"),
        line,
        "this is no dateTime of FHIR",
    );
    check(&visit("\"issued\" = { fixed = \"2026-03-31T00:00:00Z\" }"), line, "take it from the record");
}

#[test]
fn a_code_that_fhir_does_not_let_the_element_have_is_refused_when_the_mapping_is_loaded() {
    let takes = "`Patient.gender` takes male, female, other, unknown, and no";
    element("\"gender\" = { fixed = \"mail\" }", &format!("{takes} `mail`"));
    element("\"gender\" = { from = \"X\", codes = \"sex\", default = \"nobody\" }", takes);
    element("\"gender\" = { from = \"X\", codes = \"sex\", otherwise = \"nobody\" }", takes);
    element("\"contact.gender\" = { fixed = \"x\" }", "`Patient.contact.gender` takes male");
    let map = |kind: &str| {
        format!(
            "\"gender\" = {{ from = \"X\", codes = \"own\" }}\n[codes.own]\n{kind}map = {{ \"1\" = \"mail\" }}"
        )
    };
    element(&map(""), "`[codes.own]` does not fit: `Patient.gender` takes");
    let fine = map("").replace("mail", "male");
    assert!(Mapping::load("people.toml", &people("", &fine)).is_ok());
    // What is not in the list of an open map is taken as it comes: here it would be no code of FHIR.
    element(&map("open = true\n").replace("mail", "male"), "without `open`");
    // A code of a set that is only preferred may be any.
    let open = "\"maritalStatus\" = { fixed = \"ZZ\", system = \"urn:x\" }";
    assert!(Mapping::load("people.toml", &people("", open)).is_ok());
}
