//! Golden cases: `in.json` and `rules.toml` give `out.json`, or the refusal in `refused.txt`.
//!
//! `UPDATE_GOLDEN=1 cargo test -p gateway` writes what comes out; a person reads the difference.

use std::fs;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use fhir::json::{Limits, parse_value};

use super::rules::Rules;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/minimise")
}

#[test]
fn each_case_comes_out_as_written_down() {
    let mut cases: Vec<_> = fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.sort();
    assert!(cases.len() > 20, "the cases are missing");
    let wrong: Vec<_> = cases.iter().filter_map(|case| check(case).err()).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

fn check(case: &Path) -> Result<(), String> {
    let rules: Rules = toml::from_str(&fs::read_to_string(case.join("rules.toml")).unwrap()).unwrap();
    let came = rules.compile().minimise_text(fs::read(case.join("in.json")).unwrap());
    let (name, other, text) = match came {
        Ok((out, withheld)) => {
            let value = parse_value(Bytes::from(out), &Limits::default()).expect("strict JSON came out");
            let left_out: Vec<_> =
                withheld.elements().into_iter().map(|(path, count)| format!("{path} {count}")).collect();
            let shown = serde_json::to_string_pretty(&value).unwrap();
            if shown.contains("secret") {
                return Err(format!("{}: a canary came out\n{shown}", case.display()));
            }
            let counts = format!("{} unknown, {} resources", withheld.unknown(), withheld.resources());
            ("out.json", "refused.txt", format!("{shown}\n// left out: {}; {counts}\n", left_out.join(", ")))
        }
        Err(refused) => ("refused.txt", "out.json", format!("{refused}\n")),
    };
    let (path, other) = (case.join(name), case.join(other));
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&path, &text).unwrap();
        if other.exists() {
            fs::remove_file(other).unwrap();
        }
        return Ok(());
    }
    let expected = fs::read_to_string(&path).unwrap_or_default();
    if expected == text && !other.exists() {
        return Ok(());
    }
    Err(format!("{}\n--- expected\n{expected}--- came\n{text}", path.display()))
}
