//! CSV into FHIR and back: a column that is said to come back does.

use adapters::mapping::social::{READY, Ready};
use adapters::mapping::{Mapping, Refused};
use proptest::prelude::{Strategy, prop};
use proptest::proptest;

use super::goldens::sample;
use super::{council, load, origin, people};

/// Translates each record, back again, and compares every cell that holds something and no loss names.
fn check(mapping: &str, file: &[u8]) -> usize {
    let mapping = load(mapping);
    let columns = mapping.columns();
    let context = council();
    let mut compared = 0;
    let told = mapping.records(file, &context, &origin()).unwrap();
    for (number, record) in told.enumerate() {
        let Ok(record) = record else { continue };
        let back = mapping.back(&record.bundle).unwrap();
        let explained = mapping.explain(file, &context, &origin(), number + 1).unwrap().unwrap();
        let rows = explained.places.iter().map(|place| row_of(&place.place));
        let mut numbers: Vec<usize> = rows.collect();
        numbers.dedup();
        assert_eq!(numbers.len(), back.rows.len());
        for (row, cells) in numbers.iter().zip(&back.rows) {
            let original = original(file, *row);
            for (column, cell) in columns.iter().zip(cells) {
                let held = original.get(&fold(&column.name)).cloned().unwrap_or_default();
                let lost = explained.places.iter().any(|place| {
                    row_of(&place.place) == *row
                        && place.place.ends_with(&format!(" {}", column.name))
                        && !place.lost.is_empty()
                });
                if column.one_way.is_some_and(|why| why.ends_with("come back in the first of them")) {
                    assert_eq!(cell.is_empty(), held.is_empty() || lost, "row {row} column {}", column.name);
                } else if column.one_way.is_some() {
                    assert_eq!(cell, "", "{} is said to be one way", column.name);
                } else if !held.is_empty() && !lost {
                    assert_eq!(cell, &held, "row {row} column {}", column.name);
                    compared += 1;
                }
            }
        }
    }
    compared
}

fn row_of(place: &str) -> usize {
    place.split(' ').nth(1).unwrap().parse().unwrap()
}

fn fold(name: &str) -> String {
    name.to_ascii_lowercase().replace([' ', '_', '-'], "")
}

/// The cells of a row of a file without line ends in quotes, by the folded names of its columns.
fn original(file: &[u8], row: usize) -> std::collections::BTreeMap<String, String> {
    let text = std::str::from_utf8(file).unwrap();
    let mut lines = text.lines();
    let names: Vec<String> = lines.next().unwrap().split(',').map(fold).collect();
    let cells = lines.nth(row - 2).unwrap().split(',').map(|cell| cell.trim().to_owned());
    names.into_iter().zip(cells).collect()
}

#[test]
fn in_the_samples_every_column_that_is_said_to_come_back_does() {
    for (name, least) in
        [("client-level-data", 50), ("ssda903-header", 8), ("ssda903-episodes", 28), ("ssda903-reviews", 5)]
    {
        let ready = Ready::named(name).unwrap();
        let file: String = String::from_utf8(sample(ready).1)
            .unwrap()
            .replace("seven days\"", "")
            .replace("calls\n", "calls")
            .replace("\"Daughter rang: \"\"not coping\"\", fell twice\"", "Daughter rang")
            .replace("\"Morning", "Morning")
            .replace("999 000 1006", "9990001006");
        let compared = check(ready.text, file.as_bytes());
        assert!(compared >= least, "{name}: {compared}");
    }
}

#[test]
fn why_a_column_does_not_come_back_is_known_when_the_mapping_is_loaded() {
    let rules = "\"name.family\" = { from = \"NAME\" }\n\"name.given\" = { from = \"GIVEN\", split = \" \" }\n\
                 \"gender\" = { from = \"SEX\", codes = \"sex\" }\n\
                 \"address.city\" = [{ from = \"CITY\" }, { from = \"TOWN\" }]\n\
                 \"birthDate\" = { from = \"DOB\", dates = [\"D/M/YYYY\"] }\n\
                 \"telecom[a].value\" = { from = \"PHONE\" }\n\"telecom[b].value\" = { from = \"MAIL\" }\n\
                 \"contact[a].relationship.text\" = { fixed = \"Mother\" }\n\"contact[a].name.text\" = { from = \"MUM\" }\n\
                 \"contact[b].relationship.text\" = { fixed = \"Father\" }\n\"contact[b].name.text\" = { from = \"DAD\" }";
    let found: Vec<(String, Option<&str>)> =
        load(&people("", rules)).columns().into_iter().map(|column| (column.name, column.one_way)).collect();
    let expected = [
        ("ID", None),
        ("NAME", None),
        ("GIVEN", Some("white space between its parts is not kept")),
        ("SEX", None),
        ("CITY", Some("its element is made from several columns")),
        ("TOWN", Some("its element is made from several columns")),
        ("DOB", Some("its dates may be written in several ways, and come back in the first of them")),
        ("PHONE", Some("the items of its list cannot be told apart")),
        ("MAIL", Some("the items of its list cannot be told apart")),
        ("MUM", None),
        ("DAD", None),
    ];
    assert_eq!(found, expected.map(|(name, one_way)| (name.to_owned(), one_way)));
}

#[test]
fn what_comes_back_is_a_file_that_becomes_the_same_again() {
    let rules = "\"name.family\" = { from = \"NAME\" }\n\"gender\" = { from = \"SEX\", codes = \"sex\" }";
    let mapping = load(&people("", rules));
    let context = council();
    let first = mapping.records(&b"ID,NAME,SEX\n1,\"Fenwick, \"\"Ann\"\"\",2\n"[..], &context, &origin());
    let first = first.unwrap().next().unwrap().unwrap();
    let file = [mapping.write_header(), mapping.write_back(&first.bundle).unwrap()].concat();
    let second = mapping.records(file.as_slice(), &context, &origin()).unwrap().next().unwrap().unwrap();
    assert_eq!(first.bundle, second.bundle);
}

#[test]
fn what_the_mapping_did_not_write_is_refused() {
    let mapping = load(&people("", ""));
    for bundle in ["{}", r#"{"entry":[]}"#, r#"{"entry":[{"resource":{"resourceType":"Group"}}]}"#] {
        assert_eq!(mapping.back(bundle.as_bytes()), Err(Refused::NotOurs), "{bundle}");
    }
    assert!(matches!(mapping.back(b"["), Err(Refused::Json(_))));
    for ready in READY
        .iter()
        .filter(|ready| matches!(ready.name, "mosaic-residents" | "mosaic-residents-xml" | "ssda903-xml"))
    {
        assert_eq!(ready.load().unwrap().back(b"{}"), Err(Refused::OneWay));
        assert!(ready.load().unwrap().columns().is_empty());
    }
}

proptest! {
    #[test]
    fn any_row_comes_back_where_it_is_said_to(
        cells in prop::collection::vec("[a-zA-Z0-9/;: .]{0,12}", 6),
        dates in prop::collection::vec((1..29_u8, 1..13_u8, 1900..2100_u16), 2),
        sex in prop::sample::select(vec!["1", "2", "3", ""]).prop_map(str::to_owned),
    ) {
        let rules = "\"name.family\" = { from = \"A\" }\n\"birthDate\" = { from = \"B\" }\n\
                     \"gender\" = { from = \"C\", codes = \"sex\", otherwise = \"unknown\" }\n\
                     \"deceasedDateTime\" = { from = \"D\" }\n\
                     \"identifier[nhs]\" = { from = \"E\", system = \"https://fhir.nhs.uk/Id/nhs-number\" }\n\
                     \"extension[urn:x:hours].valueQuantity\" = { from = \"F\", unit = \"h\" }\n\
                     \"maritalStatus\" = { from = \"G\", codes = \"own\" }";
        let mapping = people("", rules)
            .replace("[codes.sex]", "[codes.own]\nfrom_system = \"urn:id:own\"\nopen = true\n[codes.sex]");
        let date = |at: usize| format!("{:02}/{:02}/{}", dates[at].0, dates[at].1, dates[at].2);
        let file = format!(
            "ID,A,B,C,D,E,F,G\nx{},{},{},{sex},{},{},{},{}\n",
            cells[0], cells[1], date(0), date(1), cells[2], cells[3], cells[4]
        );
        check(&mapping, file.as_bytes());
    }
}

const NAMED: &str = "\"name.family\" = { from = \"NAME\" }\n\"gender\" = { from = \"SEX\", codes = \"sex\", otherwise = \"unknown\" }";

fn written(mapping: &Mapping, bundle: &str) -> Result<(String, Vec<String>), Refused> {
    let back = mapping.write_back_telling(bundle.as_bytes(), &council())?;
    let losses = back.losses.iter().map(|loss| format!("{} {}", loss.place, loss.severity)).collect();
    Ok((String::from_utf8(back.csv).unwrap(), losses))
}

fn first(mapping: &Mapping, file: &[u8]) -> String {
    let context = council();
    let bundle = mapping.records(file, &context, &origin()).unwrap().next().unwrap().unwrap().bundle;
    String::from_utf8(bundle).unwrap()
}

#[test]
fn what_the_rows_do_not_say_is_told_with_its_path() {
    let mapping = load(&people("", NAMED));
    let bundle = first(&mapping, b"ID,NAME,SEX\n1,Fenwick,2\n");
    assert_eq!(written(&mapping, &bundle), Ok(("1,Fenwick,2\r\n".to_owned(), Vec::new())));
    let more = bundle
        .replace("\"gender\":", "\"birthDate\":\"1950-01-01\",\"meta\":{\"versionId\":\"3\"},\"gender\":")
        .replace("\"family\":\"Fenwick\"", "\"family\":\"Fenwick\",\"given\":[\"Ann\"]")
        .replace("\"type\":\"collection\"", "\"type\":\"collection\",\"signature\":{}")
        .replace(
            "\"entry\":[",
            "\"entry\":[{\"search\":{\"mode\":\"match\"},\"resource\":{\"resourceType\":\"Flag\"}},",
        );
    let (rows, losses) = written(&mapping, &more).unwrap();
    assert_eq!(rows, "1,Fenwick,2\r\n");
    assert_eq!(
        losses,
        [
            "Bundle.signature minor",
            "Bundle.entry[0].search minor",
            "Bundle.entry[0].resource major",
            "Bundle.entry[1].resource.name[0].given major",
            "Bundle.entry[1].resource.birthDate major",
            "Bundle.entry[1].resource.meta.versionId trivial",
        ]
    );
}

#[test]
fn a_value_that_two_resources_say_differently_is_told_of_the_one_that_is_not_in_the_rows() {
    let mapping = load(&people("", NAMED));
    let bundle = first(&mapping, b"ID,NAME,SEX\n1,Fenwick,2\n");
    let patient = bundle.split("{\"fullUrl\"").nth(1).unwrap().replace("Fenwick", "Marsh");
    let two = bundle.replacen("{\"fullUrl\"", &format!("{{\"fullUrl\"{patient}{{\"fullUrl\""), 1);
    let (rows, losses) = written(&mapping, &two).unwrap();
    assert_eq!(
        (rows.as_str(), losses.as_slice()),
        ("1,Marsh,2\r\n", &["Bundle.entry[1].resource major".to_owned()][..])
    );
}

#[test]
fn rows_that_lose_a_label_are_refused_and_those_that_say_it_are_not() {
    let plain = load(&people("", NAMED));
    let bundle = first(&plain, b"ID,NAME,SEX\n1,Fenwick,2\n");
    let inline = "{\"url\":\"http://hl7.org/fhir/uv/security-label-ds4p/StructureDefinition/extension-inline-sec-label\",\
                  \"valueCoding\":{\"code\":\"R\"}}";
    for (from, to, place) in [
        (
            "\"gender\":",
            "\"meta\":{\"security\":[{\"code\":\"R\"}]},\"gender\":".to_owned(),
            "Bundle.entry[0].resource.meta.security",
        ),
        (
            "\"family\":\"Fenwick\"",
            format!("\"family\":\"Fenwick\",\"extension\":[{inline}]"),
            "Bundle.entry[0].resource.name[0].extension",
        ),
        (
            "\"gender\":",
            format!("\"_gender\":{{\"extension\":[{inline}]}},\"gender\":"),
            "Bundle.entry[0].resource._gender",
        ),
    ] {
        let labelled = bundle.replacen(from, &to, 1);
        assert_ne!(labelled, bundle);
        assert_eq!(written(&plain, &labelled), Err(Refused::LabelLost { place: place.to_owned() }));
    }
    // One that no row is made of is not in the rows, nor is what it labels.
    let apart = bundle.replace(
        "\"entry\":[",
        "\"entry\":[{\"resource\":{\"resourceType\":\"Flag\",\"meta\":{\"security\":[{\"code\":\"R\"}]}}},",
    );
    assert_eq!(written(&plain, &apart).unwrap().1, ["Bundle.entry[0].resource major"]);
    let rules =
        format!("{NAMED}\n\"meta.security\" = {{ from = \"MARK\", codes = \"mark\", otherwise = \"R\" }}");
    let labelling = people("", &rules).replace(
        "[codes.sex]",
        "[codes.mark]\nsystem = \"http://terminology.hl7.org/CodeSystem/v3-Confidentiality\"\n\
         [codes.mark.map]\n\"Y\" = \"R\"\n\"N\" = \"N\"\n[codes.sex]",
    );
    let labelling = load(&labelling);
    let bundle = first(&labelling, b"ID,NAME,SEX,MARK\n1,Fenwick,2,Y\n");
    assert!(bundle.contains("\"security\""));
    assert_eq!(written(&labelling, &bundle), Ok(("1,Fenwick,2,Y\r\n".to_owned(), Vec::new())));
    // What `otherwise` stood for does not come back, and so the label would be lost.
    let bundle = bundle.replace("\"code\":\"R\"", "\"code\":\"V\"");
    assert!(matches!(written(&labelling, &bundle), Err(Refused::LabelLost { .. })));
}

#[test]
fn rows_that_the_mapping_would_not_read_are_told_of_as_a_whole() {
    let mapping = load(&people("", NAMED));
    let bundle = first(&mapping, b"ID,NAME,SEX\n1,Fenwick,2\n");
    let keyless = bundle.replacen("\"value\":\"1\"", "\"value\":\"\"", 1);
    let losses = written(&mapping, &keyless).unwrap().1;
    assert_eq!(losses, ["Bundle major"]);
    let labelled =
        keyless.replacen("\"gender\":", "\"meta\":{\"security\":[{\"code\":\"R\"}]},\"gender\":", 1);
    assert!(matches!(written(&mapping, &labelled), Err(Refused::LabelLost { .. })));
}

#[test]
fn a_file_without_a_header_is_written_as_it_is_read() {
    let bare = people("", NAMED).replace(
        "format = \"csv\"",
        "format = \"csv\"\ncharset = \"windows-1252\"\ncolumns = [\"SEX\", \"ELSE\", \"NAME\", \"ID\"]",
    );
    let mapping = load(&bare);
    let bundle = first(&mapping, b"2,x,Ll\xf7yd,1\n");
    let file = [mapping.write_header(), mapping.write_back(bundle.as_bytes()).unwrap()].concat();
    assert_eq!(std::str::from_utf8(&file).unwrap(), "\u{feff}2,,Ll÷yd,1\r\n");
    assert_eq!(first(&mapping, &file), bundle);
}

fn is_id(word: &str) -> bool {
    let word = word.trim_start_matches("urn:uuid:");
    word.len() == 36 && word.split('-').map(str::len).eq([8, 4, 4, 4, 12])
}

#[test]
fn of_the_samples_a_loss_is_told_where_their_rows_do_not_become_the_same_again() {
    let (mut whole, mut told, mut labelled) = (0, 0, 0);
    for ready in READY {
        let (mapping, context) = (ready.load().unwrap(), council());
        if mapping.columns().is_empty() {
            continue;
        }
        // Ids are made of cells as they are written: the rows make their own.
        let entries = |bundle: &[u8]| {
            let limits = fhir::json::Limits::default();
            let text = std::str::from_utf8(bundle).unwrap();
            let nameless = text.split('"').map(|word| if is_id(word) { "id" } else { word });
            let nameless = nameless.collect::<Vec<_>>().join("\"");
            let bundle = fhir::json::parse_value(nameless.into_bytes().into(), &limits).unwrap();
            let entries = bundle["entry"].as_array().unwrap().clone();
            entries
                .into_iter()
                .filter(|entry| entry["resource"]["resourceType"] != "Provenance")
                .collect::<Vec<_>>()
        };
        let file = sample(ready).1;
        for record in mapping.records(file.as_slice(), &context, &origin()).unwrap().flatten() {
            let back = match mapping.write_back_telling(&record.bundle, &context) {
                Ok(back) => back,
                // Its column does not come back.
                Err(Refused::LabelLost { .. }) => {
                    labelled += 1;
                    continue;
                }
                Err(refused) => panic!("{refused}"),
            };
            assert_eq!(back.csv, mapping.write_back(&record.bundle).unwrap());
            let again = [mapping.write_header(), back.csv].concat();
            let again = mapping.records(again.as_slice(), &context, &origin()).unwrap().next();
            let again = again.unwrap().map(|again| entries(&again.bundle));
            let is_whole = again.as_ref() == Ok(&entries(&record.bundle));
            assert_eq!(is_whole, back.losses.is_empty(), "{} {:?}", ready.name, back.losses);
            *if is_whole { &mut whole } else { &mut told } += 1;
        }
    }
    assert_eq!((whole, told, labelled), (4, 8, 0));
}
