//! Every cell is carried or listed, the same file has the same output, and nothing makes a mapping panic.

use adapters::mapping::social::{READY, Ready};
use proptest::prelude::{Just, ProptestConfig, Strategy, any, prop, prop_oneof};
use proptest::proptest;

use super::files::{Outcome, translate};
use super::goldens::sample;
use super::{council, load, origin, people};

/// Puts something else into each cell: what comes of the file changes, or the cell is in the losses. An empty cell may mean what
/// stood there.
fn check_rows(mapping: &str, header: &[&str], rows: &[Vec<String>]) {
    let written = |rows: &[Vec<String>]| {
        let quoted = |cell: &String| format!("\"{}\"", cell.replace('"', "\"\""));
        let line = |row: &Vec<String>| row.iter().map(quoted).collect::<Vec<_>>().join(",") + "\n";
        header.join(",") + "\n" + &rows.iter().map(line).collect::<String>()
    };
    let whole = translate(mapping, written(rows).as_bytes());
    for (number, row) in rows.iter().enumerate() {
        for column in (0..row.len()).filter(|column| !row[*column].trim().is_empty()) {
            let place = format!("row {} column {}", number + 2, column + 1);
            let listed = whole.iter().flatten().flat_map(|(_, losses)| losses).any(|(found, _)| {
                found.strip_prefix(&place).is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
            });
            let changed = |with: &str| {
                let mut other = rows.to_vec();
                other[number][column] = with.to_owned();
                translate(mapping, written(&other).as_bytes()) != whole
            };
            assert!(listed || changed("9x"), "{place} disappears from {rows:?}");
        }
    }
}

fn parsed(file: &[u8]) -> (Vec<String>, Vec<Vec<String>>) {
    // The samples have quotes in one cell each at most; a reader of the tests' own is enough.
    let text = String::from_utf8(file.to_vec()).unwrap();
    let mut rows = vec![vec![String::new()]];
    let mut inside = false;
    for letter in text.chars() {
        match letter {
            '"' => inside = !inside,
            ',' if !inside => rows.last_mut().unwrap().push(String::new()),
            '\n' if !inside => rows.push(vec![String::new()]),
            other => rows.last_mut().unwrap().last_mut().unwrap().push(other),
        }
    }
    rows.retain(|row| row.len() > 1);
    (rows.remove(0), rows)
}

#[test]
fn in_every_sample_each_cell_is_carried_or_listed() {
    for ready in READY
        .iter()
        .filter(|ready| !matches!(ready.name, "mosaic-residents" | "mosaic-residents-xml" | "ssda903-xml"))
    {
        let (header, rows) = parsed(&sample(*ready).1);
        let header: Vec<&str> = header.iter().map(String::as_str).collect();
        check_rows(ready.text, &header, &rows);
    }
}

#[test]
fn in_every_sample_of_a_tree_each_value_is_carried_or_listed() {
    for (name, opens, closes) in
        [("mosaic-residents", ": ", ",}\n"), ("mosaic-residents-xml", ">", "<"), ("ssda903-xml", ">", "<")]
    {
        let ready = Ready::named(name).unwrap();
        let text = String::from_utf8(sample(ready).1).unwrap();
        let whole = translate(ready.text, text.as_bytes());
        let mut tried = 0;
        for (at, _) in text.match_indices(opens) {
            let from = at + opens.len();
            let (before, rest) = text.split_at(from);
            let length = match rest.strip_prefix('"') {
                Some(quoted) => quoted.find('"').unwrap() + 2,
                None => rest.find(|letter| closes.contains(letter)).unwrap_or(rest.len()),
            };
            let (value, after) = rest.split_at(length);
            if value.trim().is_empty()
                || value.starts_with(['[', '{', '\n'])
                || value == "null"
                || value == "2"
            {
                continue;
            }
            tried += 1;
            let changed = |with: &str| {
                let other = format!("{before}{with}{after}");
                translate(ready.text, other.as_bytes()) != whole
            };
            let other = if name == "mosaic-residents" { "\"9x\"" } else { "9x" };
            let element = text.get(..at).unwrap().rsplit(['"', '<']).find(|word| !word.is_empty()).unwrap();
            // What a mapping does not know is told by its number, for its name may be anybody's.
            let is_known = ready.text.contains(element);
            let listed = whole.iter().flatten().flat_map(|(_, losses)| losses).any(|(place, _)| {
                let last = place.rsplit('/').next().unwrap();
                last == element || !is_known && last.starts_with('#')
            });
            assert!(listed || changed(other), "{element} {value} disappears from {name}");
        }
        assert!(tried > 30, "{name}: {tried}");
    }
}

#[test]
fn the_same_file_has_the_same_output_and_another_source_has_other_ids() {
    for ready in READY {
        let (_, file) = sample(ready);
        let once: Outcome = translate(ready.text, &file);
        assert_eq!(once, translate(ready.text, &file));
        let mapping = load(ready.text);
        let other = adapters::Context::new("elsewhere", None, "Europe/London").unwrap();
        let ours = council();
        let first = |context| {
            mapping.records(file.as_slice(), context, &origin()).unwrap().next().unwrap().unwrap().id
        };
        assert_ne!(first(&ours), first(&other));
    }
}

/// Values that make rules do something, and some that make them stumble.
fn cell() -> impl Strategy<Value = String> {
    prop_oneof![
        Just(String::new()),
        prop::sample::select(vec![
            "1",
            "2",
            "3",
            "01/02/2026",
            "31/02/2026",
            "9990001006",
            "9990001007",
            "A",
            "a  b",
            "NULL",
            "true",
            "10.5"
        ])
        .prop_map(str::to_owned),
        "[ -~£é\u{1}\\n]{1,8}",
    ]
}

const RULES: &str = "\"identifier[nhs]\" = { from = \"A\", system = \"https://fhir.nhs.uk/Id/nhs-number\" }\n\
    \"gender\" = { from = \"B\", codes = \"sex\", otherwise = \"unknown\" }\n\
    \"birthDate\" = { from = \"C\" }\n\
    \"deceasedBoolean\" = { from = \"D\" }\n\
    \"deceasedDateTime\" = { from = \"E\" }\n\
    \"maritalStatus\" = { from = \"F\", codes = \"sex\" }\n\
    \"name.given\" = { from = \"G\", split = \";\" }\n\
    \"multipleBirthInteger\" = { from = \"H\", when = { present = [\"A\"] } }\n\
    \"address[each].line\" = { from = \"I\" }\n\
    [resource.items]\n\"address[each]\" = \"rows\"";

proptest! {
    // Each case is translated up to three times for every cell it holds.
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn in_any_rows_each_cell_is_carried_or_listed(
        ids in prop::collection::vec(1..4_u8, 1..5),
        cells in prop::collection::vec(prop::collection::vec(cell(), 10), 5),
    ) {
        let mut ids = ids;
        ids.sort_unstable();
        let rows: Vec<Vec<String>> =
            ids.iter().zip(cells).map(|(id, cells)| [vec![id.to_string()], cells].concat()).collect();
        let header = ["ID", "A", "B", "C", "D", "E", "F", "G", "H", "I", "J"];
        check_rows(&people("record_key = [\"ID\"]\nnulls = [\"NULL\"]", RULES), &header, &rows);
        check_rows(&people("", &RULES.replace("each", "one")
            .replace("[resource.items]\n\"address[one]\" = \"rows\"", "")), &header, &rows);
    }
}

proptest! {
    #[test]
    fn no_bytes_make_a_mapping_panic(file in prop::collection::vec(any::<u8>(), 0..300)) {
        for ready in READY {
            drop(translate(ready.text, &file));
        }
    }

    #[test]
    fn no_cut_of_a_sample_makes_a_mapping_panic(cut in 0..6_000_usize, byte: u8) {
        for ready in READY {
            let (_, mut file) = sample(ready);
            let cut = cut % file.len();
            file[cut] = byte;
            drop(translate(ready.text, &file));
            drop(translate(ready.text, &file[..cut]));
        }
    }
}
