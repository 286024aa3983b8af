//! What files become, and what is refused.

use adapters::mapping::{Reach, Refused};
use adapters::{Context, Why};

use super::{council, load, origin, people};

/// What a file becomes: for each record the Bundle as text and its losses, or why it was refused.
pub(crate) type Outcome = Vec<Result<(String, Vec<(String, Why)>), Refused>>;

pub(crate) fn translate(mapping: &str, file: &[u8]) -> Outcome {
    translate_with(mapping, file, &council())
}

fn translate_with(mapping: &str, file: &[u8], context: &Context) -> Outcome {
    let mapping = load(mapping);
    let records = match mapping.records(file, context, &origin()) {
        Ok(records) => records,
        Err(refused) => return vec![Err(refused)],
    };
    records
        .map(|record| {
            let translated = record?;
            let text = String::from_utf8(translated.bundle).unwrap();
            let parsed = fhir::json::parse(text.clone().into(), &fhir::json::Limits::default());
            assert!(parsed.is_ok(), "{text}");
            Ok((text, translated.losses.into_iter().map(|loss| (loss.place, loss.why)).collect()))
        })
        .collect()
}

/// The one record of a file.
#[track_caller]
fn one(mapping: &str, file: &str) -> (String, Vec<(String, Why)>) {
    let mut records = translate(mapping, file.as_bytes());
    assert_eq!(records.len(), 1);
    records.remove(0).unwrap()
}

#[track_caller]
fn holds(mapping: &str, file: &str, expected: &str) {
    let (bundle, _) = one(mapping, file);
    assert!(bundle.contains(expected), "{expected} is not in {bundle}");
}

const NAME: &str = "\"name.family\" = { from = \"NAME\" }";

#[test]
fn letters_and_delimiters_are_read_as_the_mapping_says() {
    let windows = people("charset = \"windows-1252\"\ndelimiter = \";\"", NAME);
    let records = translate(&windows, b"ID;NAME\n1;O\x92Brien-Si\xe2n\n");
    assert!(records[0].as_ref().unwrap().0.contains("O’Brien-Siân"));
    holds(
        &people("", NAME),
        "\u{feff}ID,NAME\r\n1,\"Fenwick,\r\nof \"\"Quay\"\"\"\r\n",
        r#""family":"Fenwick,\r\nof \"Quay\"""#,
    );
    holds(&people("delimiter = \"\\t\"", NAME), "id \tName\n1\tFenwick", "Fenwick");
    holds(&people("columns = [\"ID\", \"NAME\"]", NAME), "1,Fenwick\n", "Fenwick");
    assert_eq!(translate(&people("", NAME), b"ID,NAME\n1,Si\xe2n\n"), [Err(Refused::Encoding { byte: 12 })]);
    assert_eq!(translate(&people("", NAME), b"\xff\xfeI\0D\0"), [Err(Refused::Utf16)]);
}

#[test]
fn a_broken_row_is_refused_and_the_others_are_translated() {
    let records = translate(&people("", NAME), b"ID,NAME\n1,A\n2\n3,C,x\n,D\n5,E\n");
    let said: Vec<String> = records
        .iter()
        .map(|record| record.as_ref().map_or_else(ToString::to_string, |_| "translated".to_owned()))
        .collect();
    assert_eq!(
        said,
        [
            "translated",
            "row 3 has 1 cells where 2 are wanted",
            "row 4 has 3 cells where 2 are wanted",
            "row=5: what the id of `person` is made from is empty",
            "translated"
        ]
    );
    let unclosed = translate(&people("", NAME), b"ID,NAME\n1,A\n2,\"B\n3,C\n");
    assert_eq!(unclosed[1], Err(Refused::Unterminated { row: 3 }));
    assert_eq!(unclosed.len(), 2);
}

#[test]
fn what_spreadsheets_add_to_a_file_is_no_fault_of_it() {
    let mapping = people("", NAME);
    let clean = translate(&mapping, b"ID,NAME\n1,A\n2,B\n");
    assert!(clean.len() == 2 && clean.iter().all(Result::is_ok));
    // Row numbers stand in the Provenance, so the Bundles are the same only where the rows are.
    assert_eq!(translate(&mapping, b"ID,NAME\n1,A,,\n2,B, \n,\n,,,\n"), clean);
    assert_eq!(translate(&mapping, b"ID,NAME,,\n1,A,,\n2,B,,\n").len(), 2);
    let told = translate(&mapping, b"sep=,\r\nID,NAME\r\n1,A\r\n");
    assert!(told.len() == 1 && told[0].is_ok(), "{told:?}");
    // A row of blanks between the rows of one record does not end it, nor the file.
    let keyed = people("record_key = [\"ID\"]", ADDRESSES);
    let records = translate(&keyed, b"ID,NAME,CITY,DOB\n1,A,Leeds,\n,,,\n1,A,York,,\n,,,\n");
    assert_eq!(records.len(), 1);
    assert!(records[0].as_ref().unwrap().0.contains(r#""address":[{"city":"Leeds"},{"city":"York"}]"#));
    // What holds something is not left out.
    assert!(translate(&mapping, b"ID,NAME\n1,A,,x\n")[0].is_err());
}

#[test]
fn a_header_that_does_not_fit_is_refused_as_a_whole() {
    let mapping = people("", NAME);
    assert_eq!(translate(&mapping, b"ID,NAEM\n1,A\n"), [Err(Refused::NoColumn { name: "NAME".to_owned() })]);
    assert_eq!(
        translate(&mapping, b"ID,NAME,name\n"),
        [Err(Refused::SameColumn { name: "NAME".to_owned() })]
    );
    assert_eq!(translate(&mapping, b""), [Err(Refused::Empty)]);
    let optional = people("optional = [\"NAME\"]", NAME);
    assert!(translate(&optional, b"ID\n1\n")[0].is_ok());
}

const ADDRESSES: &str = "\"name.family\" = { from = \"NAME\" }\n\"address[each].city\" = { from = \"CITY\" }\n\
                         \"birthDate\" = { from = \"DOB\" }\n[resource.items]\n\"address[each]\" = \"rows\"";

#[test]
fn rows_with_one_key_become_one_record() {
    let mapping = people("record_key = [\"ID\"]", ADDRESSES);
    let file = b"ID,NAME,CITY,DOB\n1,A,Leeds,01/02/1950\n1,A,York,02/02/1950\n2,B,,\n";
    let records = translate(&mapping, file);
    let (bundle, losses) = records[0].as_ref().unwrap();
    assert!(bundle.contains(r#""address":[{"city":"Leeds"},{"city":"York"}]"#), "{bundle}");
    assert!(bundle.contains("#row=2-3"));
    assert_eq!(losses, &[("row 3 column 4 DOB".to_owned(), Why::PlaceTaken)]);
    assert_eq!(records.len(), 2);
    let apart = translate(&mapping, b"ID,NAME,CITY,DOB\n1,A,,\n2,B,,\n1,A,,\n3,C,,\n");
    assert_eq!(apart[2], Err(Refused::KeyReturns { row: 4 }));
    assert_eq!(apart.len(), 3);
    let ragged = translate(&mapping, b"ID,NAME,CITY,DOB\n1,A,,\n1,A\n1,A,York,\n");
    assert_eq!(ragged.len(), 1);
    assert!(ragged[0].as_ref().is_err_and(|refused| refused.reach() == Reach::File));
}

const VISITS: &str = "[[resource]]\ntype = \"Encounter\"\nname = \"visit\"\neach = \"rows\"\nid_from = [\"ID\", \"DAY\"]\n\
    [resource.elements]\n\"status\" = { fixed = \"finished\" }\n\
    \"class\" = { fixed = \"HH\", system = \"http://terminology.hl7.org/CodeSystem/v3-ActCode\" }\n\
    \"subject\" = { reference = \"person\" }\n\"period.start\" = { from = \"DAY\" }\n\"reasonCode.text\" = { from = \"WHY\" }";

#[test]
fn rows_become_resources_of_their_own_and_the_same_row_twice_is_one() {
    let mapping = people("record_key = [\"ID\"]", VISITS);
    let records = translate(&mapping, b"ID,DAY,WHY\n1,01/02/2026,a\n1,01/02/2026,a\n1,02/02/2026,b\n");
    let (bundle, losses) = records[0].as_ref().unwrap();
    assert_eq!(bundle.matches("\"resourceType\":\"Encounter\"").count(), 2);
    assert!(losses.is_empty(), "{losses:?}");
    let records = translate(&mapping, b"ID,DAY,WHY\n1,01/02/2026,a\n1,01/02/2026,b\n");
    let same = Refused::SameKey { resource: "visit".to_owned(), place: "row=3".to_owned() };
    assert_eq!(records, [Err(same)]);
}

#[test]
fn values_become_what_their_element_wants() {
    for (rule, cell, expected) in [
        ("\"birthDate\" = { from = \"X\" }", "29/02/2024", r#""birthDate":"2024-02-29""#),
        ("\"gender\" = { from = \"X\", codes = \"sex\" }", "2", r#""gender":"female""#),
        (
            "\"gender\" = { from = \"X\", codes = \"sex\", default = \"unknown\" }",
            "",
            r#""gender":"unknown""#,
        ),
        ("\"gender\" = { from = \"X\", codes = \"sex\", otherwise = \"other\" }", "7", r#""gender":"other""#),
        ("\"multipleBirthInteger\" = { from = \"X\" }", "2", r#""multipleBirthInteger":2"#),
        ("\"name.given\" = { from = \"X\", split = \" \" }", "Ann  May", r#""given":["Ann","May"]"#),
        (
            "\"deceasedDateTime\" = { from = \"X\", dates = [\"DD/MM/YYYY hh:mm\"] }",
            "01/07/2026 09:30",
            r#""2026-07-01T09:30:00+01:00""#,
        ),
        (
            "\"extension[urn:x:hours].valueQuantity\" = { from = \"X\", unit = \"hours\", unit_code = \"h\" }",
            "10.50",
            r#""valueQuantity":{"value":10.50,"unit":"hours","system":"http://unitsofmeasure.org","code":"h"}"#,
        ),
        ("\"maritalStatus\" = { from = \"X\", codes = \"sex\" }", "9", r#""maritalStatus":{"text":"9"}"#),
        (
            "\"identifier[nhs]\" = { from = \"X\", system = \"https://fhir.nhs.uk/Id/nhs-number\" }",
            "9990001007",
            r#"{"value":"9990001007"}"#,
        ),
    ] {
        holds(&people("", rule), &format!("ID,X\n1,{cell}\n"), expected);
    }
}

#[test]
fn the_time_zone_of_the_mapping_is_that_of_the_sender() {
    let rule = "\"deceasedDateTime\" = { from = \"X\", dates = [\"DD/MM/YYYY hh:mm\"] }";
    holds(&people("time_zone = \"Europe/Paris\"", rule), "ID,X\n1,01/07/2026 09:30\n", "09:30:00+02:00");
}

#[test]
fn what_cannot_be_carried_is_a_loss_with_its_place_and_reason() {
    for (rule, cell, why) in [
        ("\"birthDate\" = { from = \"X\" }", "30/02/2024", Why::NotATime),
        ("\"birthDate\" = { from = \"X\" }", "2024-02-01", Why::NotATime),
        ("\"gender\" = { from = \"X\", codes = \"sex\" }", "7", Why::CodeNotMapped),
        ("\"multipleBirthInteger\" = { from = \"X\" }", "two", Why::NotOfType),
        ("\"maritalStatus\" = { from = \"X\", codes = \"sex\" }", "9", Why::CodeKept),
        (
            "\"identifier[nhs]\" = { from = \"X\", system = \"https://fhir.nhs.uk/Id/nhs-number\" }",
            "9990001007",
            Why::NotAnNhsNumber,
        ),
        ("\"name.family\" = { from = \"X\" }", "NULL", Why::Nulled),
        ("\"name.family\" = { from = \"X\" }", "a\u{7}b", Why::ControlCharacters),
        ("\"name.family\" = { from = \"X\", when = { \"ID\" = [\"2\"] } }", "a", Why::ConditionUnmet),
    ] {
        let (_, losses) = one(&people("nulls = [\"NULL\"]", rule), &format!("ID,X\n1,{cell}\n"));
        assert_eq!(losses, [("row 2 column 2 X".to_owned(), why)], "{rule} {cell}");
    }
    let (_, losses) = one(&people("", NAME), "ID,SECRET,NAME\n1,x,A\n");
    assert_eq!(losses, [("row 2 column 2".to_owned(), Why::NotMapped)]);
}

#[test]
fn conditions_choose_between_rules_and_resources() {
    let rule = "\"gender\" = [{ fixed = \"other\", when = { \"X\" = [\"o\"], absent = [\"Y\"] } }, \
                { fixed = \"female\", when = { any = [{ present = [\"Y\"] }, { \"X\" = [\"f\"] }] } }, \
                { fixed = \"male\", when = { except = { \"X\" = [\"q\"] } } }]";
    for (row, expected) in [("O,", "other"), ("o,1", "female"), ("F,", "female"), ("m,", "male"), ("Q,", "")]
    {
        let (bundle, _) = one(&people("", rule), &format!("ID,X,Y\n1,{row}\n"));
        let expected = if expected.is_empty() { String::new() } else { format!("\"gender\":\"{expected}\"") };
        assert!(
            bundle.contains(&expected) && (!expected.is_empty() || !bundle.contains("gender")),
            "{bundle}"
        );
    }
}

#[test]
fn a_required_element_that_the_source_does_not_have_is_said_to_be_unknown() {
    let mapping = people("", VISITS).replace("each = \"rows\"\n", "").replace(
        "\"class\" = { fixed = \"HH\", system = \"http://terminology.hl7.org/CodeSystem/v3-ActCode\" }",
        "\"class\" = { from = \"WHY\", codes = \"sex\" }",
    );
    let mapping = mapping
        .replace(
            "\"status\" = { fixed = \"finished\" }",
            "\"status\" = { from = \"WHY\", codes = \"state\" }",
        )
        .replace("[codes.sex]", "[codes.state]\nmap = { \"1\" = \"finished\" }\n[codes.sex]");
    let (bundle, _) = one(&mapping, "ID,DAY,WHY\n1,01/02/2026,x\n");
    let absent = r#"{"extension":[{"url":"http://hl7.org/fhir/StructureDefinition/data-absent-reason","valueCode":"unknown"}]}"#;
    assert!(bundle.contains(&format!("\"_status\":{absent}")), "{bundle}");
    assert!(bundle.contains(&format!("\"class\":{absent}")), "{bundle}");
}

#[test]
fn a_label_is_never_lost_with_what_it_is_made_from() {
    let rule = "\"meta.security\" = { from = \"X\", codes = \"label\", otherwise = \"R\", default = \"R\" }";
    let codes = "[codes.label]\nsystem = \"http://terminology.hl7.org/CodeSystem/v3-Confidentiality\"\n[codes.label.map]\n\
                 \"Y\" = \"R\"\n\"N\" = { nothing = true }\n[codes.sex]";
    let mapping = people("", rule).replace("[codes.sex]", codes);
    for (cell, labelled) in [("Y", true), ("N", false), ("", true), ("perhaps", true), ("\u{1}", true)] {
        let (bundle, _) = one(&mapping, &format!("ID,X\n1,{cell}\n"));
        assert_eq!(bundle.contains(r#""security":[{"system":"http://terminology.hl7.org/CodeSystem/v3-Confidentiality","code":"R"}]"#), labelled, "{cell}: {bundle}");
    }
}

const JSON: &str = "mapping = \"j\"\n[source]\nformat = \"json\"\nrecords = \"data/people\"\n[[resource]]\ntype = \"Patient\"\nname = \"p\"\n\
                    id_from = [\"id\"]\n[resource.elements]\n\"identifier\" = { from = \"id\", system = \"urn:id:p\" }\n\"active\" = { from = \"on\" }\n\
                    \"name.family\" = { from = \"name/last\" }";

#[test]
fn json_is_read_by_paths_and_what_is_beside_them_is_a_loss() {
    let file = r#"{"v":1,"data":{"people":[{"id":7,"on":true,"name":[{"last":"A"},{"last":"B"}],"x":{"y":[1,{"z":2}]},"e":[],"n":null}]}}"#;
    let (bundle, losses) = one(JSON, file);
    assert!(
        bundle.contains(r#""value":"7""#)
            && bundle.contains(r#""active":true"#)
            && bundle.contains(r#""family":"A""#)
    );
    let places: Vec<&str> = losses.iter().map(|(place, _)| place.as_str()).collect();
    assert_eq!(places, ["/data/people/0/name/1/last", "/data/people/0/#5/#1/0", "/data/people/0/#5/#2/1/#1"]);
    let lines = JSON.replace("\"json\"", "\"ndjson\"").replace("records = \"data/people\"\n", "");
    let records = translate(&lines, b"{\"id\":\"1\"}\n\n[1]\n{\"id\":\"2\"}");
    assert_eq!(records.len(), 3);
    assert_eq!(records[1], Err(Refused::NotARecord { place: "line 3".to_owned() }));
}

const XML: &str = "mapping = \"x\"\n[source]\nformat = \"xml\"\nrecords = \"r/p\"\n[[resource]]\ntype = \"Patient\"\nname = \"p\"\n\
                   id_from = [\"@id\"]\n[resource.elements]\n\"identifier\" = { from = \"@id\", system = \"urn:id:p\" }\n\
                   \"name.family\" = { from = \"n\" }";

#[test]
fn xml_is_read_by_paths_attributes_and_references_included() {
    let file =
        "<a:r xmlns:a=\"urn:a\"><p id='7'><n>A &amp; <![CDATA[<B>]]>&#67;</n><n>D</n><o q=\"1\"/></p></a:r>";
    let (bundle, losses) = one(XML, file);
    assert!(bundle.contains(r#""family":"A & <B>C""#), "{bundle}");
    let places: Vec<&str> = losses.iter().map(|(place, _)| place.as_str()).collect();
    assert_eq!(places, ["/r/p/n[2]", "/r/p/#4/#1"]);
}

#[test]
fn hostile_files_are_refused_in_bounds() {
    let small = council().with_bytes_max(1 << 20);
    let deep_json = format!("{{\"data\":{{\"people\":[{}1{}]}}}}", "[".repeat(5_000), "]".repeat(5_000));
    let deep_xml = format!("<r><p id='1'>{}</p></r>", "<n>".repeat(5_000));
    let attributes = format!("<r><p {}/></r>", (0..5_000).map(|n| format!("a{n}='1' ")).collect::<String>());
    let nodes = format!("<r><p id='1'>{}</p></r>", "<n/>".repeat(150_000));
    for (mapping, file, expected) in [
        (people("", NAME), format!("ID,NAME{}\n", ",x".repeat(1_000_000)), "more than 4096 columns in row 1"),
        (
            people("", NAME),
            format!("ID,NAME\n1,{}\n", "x".repeat(2 << 20)),
            "more than 1048576 bytes in row 2",
        ),
        (
            people("", NAME),
            format!("ID,NAME\n1,\"{}\n", "x\n".repeat(2 << 20)),
            "more than 1048576 bytes in row 2",
        ),
        (JSON.to_owned(), deep_json, "not json: nested deeper than 64"),
        (JSON.to_owned(), format!("\"{}\"", "x".repeat(2 << 20)), "more than 1048576 bytes"),
        (JSON.to_owned(), "{\"data\":3}".to_owned(), "there are no records"),
        (XML.to_owned(), deep_xml, "more than 64 elements inside one another"),
        (XML.to_owned(), attributes, "more than 256 attributes"),
        (XML.to_owned(), nodes, "more than 100000 values in a record"),
        (XML.to_owned(), format!("<r><p id='1'><n>{}", "x".repeat(2 << 20)), "more than 1048576 bytes"),
        (
            XML.to_owned(),
            "<!DOCTYPE r [<!ENTITY a \"x\">]><r><p id='1'><n>&a;</n></p></r>".to_owned(),
            "a document type declaration",
        ),
        (XML.to_owned(), "<r><p id='1'><n>&a;</n></p></r>".to_owned(), "an entity that xml does not define"),
        (XML.to_owned(), "<r><p id='&a;'/></r>".to_owned(), "an entity that xml does not define"),
        (XML.to_owned(), "<r><p id='1'><n>a</n>".to_owned(), "not well-formed xml"),
        (XML.to_owned(), "".to_owned(), "not well-formed xml"),
        (
            XML.to_owned(),
            "<?xml version='1.0' encoding='ebcdic'?><r/>".to_owned(),
            "the file declares a character set",
        ),
    ] {
        let records = translate_with(&mapping, file.as_bytes(), &small);
        let Some(Err(refused)) = records.last() else { panic!("{expected}: not refused") };
        assert!(refused.to_string().starts_with(expected), "{refused} is not {expected}");
        assert_eq!(refused.reach(), Reach::File, "{refused}");
    }
}

/// Rows without an end.
struct Endless {
    row: u64,
    left: Vec<u8>,
}

impl std::io::Read for Endless {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        if self.left.is_empty() {
            self.left =
                if self.row == 0 { b"ID,NAME\n".to_vec() } else { format!("{},x\n", self.row).into_bytes() };
            self.row += 1;
        }
        let length = self.left.len().min(out.len());
        out[..length].copy_from_slice(&self.left[..length]);
        self.left.drain(..length);
        Ok(length)
    }
}

#[test]
fn a_file_without_an_end_is_translated_as_it_comes() {
    let mapping = load(&people("", NAME));
    let context = council();
    let records = mapping.records(Endless { row: 0, left: Vec::new() }, &context, &origin()).unwrap();
    assert_eq!(records.take(20_000).filter(Result::is_ok).count(), 20_000);
}

#[test]
fn as_much_as_the_bounds_allow_is_translated_without_a_standstill() {
    let items = |what: &str| (0..20_000).map(|n| what.replace('N', &n.to_string())).collect::<Vec<_>>();
    let notes = items(r#"{"caseNoteId":"N","caseNoteContent":"x"}"#).join(",");
    let unknown = items(r#""N""#).join(",");
    let json = format!(r#"{{"residents":[{{"caseNotes":[{notes}],"x":[{unknown}],"mosaicId":"1"}}]}}"#);
    let episodes = items("<EPISODE><DECOM>01/01/2020</DECOM><LS>N</LS></EPISODE>").concat();
    let same =
        format!("<EXPSSDA903><CHILD>{episodes}<HEADER><CHILDID>1</CHILDID></HEADER></CHILD></EXPSSDA903>");
    let unknown = items("<aN/><bN>x</bN>").concat();
    let xml =
        format!("<EXPSSDA903><CHILD>{unknown}<HEADER><CHILDID>1</CHILDID></HEADER></CHILD></EXPSSDA903>");
    let rows = items("1,01/01/2020,xN\n").into_iter().take(10_000).collect::<String>();
    for (mapping, file, expected) in [
        (include_str!("../../../maps/social/mosaic-residents.toml").to_owned(), json, None),
        (include_str!("../../../maps/social/ssda903-xml.toml").to_owned(), xml, None),
        (
            include_str!("../../../maps/social/ssda903-xml.toml").to_owned(),
            same,
            Some("would have the same id"),
        ),
        (
            people("record_key = [\"ID\"]", VISITS),
            format!("ID,DAY,WHY\n{rows}"),
            Some("would have the same id"),
        ),
    ] {
        let records = translate(&mapping, file.as_bytes());
        assert_eq!(records.len(), 1);
        match (&records[0], expected) {
            (Ok(_), None) => {}
            (Err(refused), Some(expected)) => assert!(refused.to_string().contains(expected), "{refused}"),
            (other, _) => panic!("{:?}", other.as_ref().err()),
        }
    }
}
