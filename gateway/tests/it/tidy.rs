//! House rules as tests: cheap to add, so add one instead of repeating a review remark.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace").to_path_buf()
}

fn tracked(extension: &str) -> Vec<PathBuf> {
    let listed =
        Command::new("git").args(["ls-files", "-co", "--exclude-standard"]).current_dir(root()).output();
    let listed = listed.expect("git lists the files of the project");
    assert!(listed.status.success(), "run the tests inside a clone of the project");
    String::from_utf8(listed.stdout)
        .expect("paths are utf-8")
        .lines()
        .map(PathBuf::from)
        .filter(|path| path.extension().is_some_and(|found| found == extension) && root().join(path).exists())
        .collect()
}

fn text(path: &Path) -> String {
    fs::read_to_string(root().join(path)).expect("a tracked file can be read")
}

/// Lines of program text: comments and doc comments cut off.
fn code_lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines().enumerate().filter_map(|(number, line)| {
        let code = line.split("//").next().unwrap_or_default();
        (!code.trim().is_empty()).then_some((number + 1, code))
    })
}

#[test]
fn crates_depend_on_each_other_as_the_design_says() {
    let allowed: BTreeMap<&str, &[&str]> = BTreeMap::from([
        ("fhir", &[] as &[&str]),
        ("adapters", &["fhir"]),
        ("gateway", &["adapters", "fhir"]),
        ("conformance", &["fhir"]),
        ("examples", &["conformance", "gateway"]),
    ]);
    for (name, edges) in &allowed {
        let manifest: toml::Table = text(&PathBuf::from(name).join("Cargo.toml")).parse().expect("toml");
        let mut found = BTreeSet::new();
        for section in ["dependencies", "dev-dependencies", "build-dependencies"] {
            let Some(table) = manifest.get(section).and_then(toml::Value::as_table) else { continue };
            found.extend(table.keys().map(String::as_str).filter(|key| allowed.contains_key(key)));
        }
        assert_eq!(found, edges.iter().copied().collect(), "edges of {name}: a new one is an ADR");
    }
}

/// Where the names of outside crates may stand.
const WALLS: [(&str, &[&str]); 9] = [
    ("fhirbolt", &["fhir/src/element/told.rs"]),
    (
        "hyper",
        &[
            "gateway/src/server",
            "gateway/src/upstream",
            "gateway/src/requestor/fetch.rs",
            "gateway/src/telemetry",
            "gateway/src/limits.rs",
            "conformance/",
            "examples/",
            "gateway/tests/",
            "gateway/benches/",
        ],
    ),
    (
        "rustls",
        &[
            "gateway/src/server",
            "gateway/src/upstream",
            "gateway/src/requestor/fetch.rs",
            "gateway/src/push/",
            "gateway/tests/",
            "conformance/",
        ],
    ),
    ("moka", &["gateway/src/decision/evidence", "gateway/src/requestor/"]),
    ("opentelemetry", &["gateway/src/telemetry"]),
    (
        "quick_xml",
        &[
            "fhir/src/xml",
            "adapters/src/cda/",
            "adapters/src/mapping/",
            "adapters/src/notices/",
            "conformance/src/tree/",
        ],
    ),
    (
        "rusqlite",
        &[
            "gateway/src/ledger/",
            "gateway/src/consent",
            "gateway/src/push/",
            "gateway/src/upstream/pull",
            "gateway/tests/it/push/",
            "gateway/tests/it/pulled",
            "examples/src/council/files.rs",
        ],
    ),
    ("tokio_postgres", &["gateway/src/upstream/pull/postgres", "gateway/tests/it/pulled/postgres"]),
    ("jsonwebtoken", &["gateway/src/requestor/", "examples/", "gateway/tests/", "gateway/benches/"]),
];

#[test]
fn outside_crates_stay_behind_their_walls() {
    let mut broken = Vec::new();
    for path in tracked("rs") {
        let place = path.to_string_lossy().replace('\\', "/");
        if place.ends_with("tidy.rs") {
            continue;
        }
        let text = text(&path);
        for (number, line) in code_lines(&text) {
            for (name, behind) in WALLS {
                let named = line.contains(&format!("{name}::")) || line.contains(&format!("use {name};"));
                let whole = line.find(name).is_some_and(|at| {
                    !line.get(..at).unwrap_or_default().ends_with(|c: char| c.is_alphanumeric() || c == '_')
                });
                if named && whole && !behind.iter().any(|prefix| place.starts_with(prefix)) {
                    broken.push(format!("{place}:{number} names {name}"));
                }
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn a_file_is_one_idea() {
    let long: Vec<_> = tracked("rs")
        .into_iter()
        .filter(|path| !path.components().any(|part| part.as_os_str() == "tables"))
        .map(|path| (text(&path).lines().count(), path))
        .filter(|(lines, _)| *lines > 500)
        .collect();
    assert!(long.is_empty(), "files over 500 lines: {long:#?}");
}

#[test]
fn nothing_is_left_undone_or_switched_off() {
    let forbidden = ["todo!(", "unimplemented!(", "#[ignore", "#[allow(", "#![allow(", "FIXME", "XXX"];
    let mut found = Vec::new();
    for path in tracked("rs") {
        if path.ends_with("tidy.rs") {
            continue;
        }
        for (number, line) in text(&path).lines().enumerate() {
            if forbidden.iter().any(|word| line.contains(word)) {
                found.push(format!("{}:{}", path.display(), number + 1));
            }
        }
    }
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn the_project_speaks_of_itself_alone() {
    let forbidden =
        ["/work/", "/root/", "/home/", ".cargo/registry", "crates.io-index", "helper-", "subagent"];
    let mut found = Vec::new();
    for extension in ["rs", "md", "toml", "html", "json", "txt", "py", "css"] {
        for path in tracked(extension) {
            if path.ends_with("tidy.rs") {
                continue;
            }
            let text = text(&path);
            found.extend(
                forbidden
                    .iter()
                    .filter(|word| text.contains(**word))
                    .map(|word| format!("{} says {word}", path.display())),
            );
        }
    }
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn every_dependency_has_a_licence_that_fits_and_comes_from_one_source() {
    const FITS: [&str; 12] = [
        "MIT",
        "Apache-2.0",
        "BSD-2-Clause",
        "BSD-3-Clause",
        "ISC",
        "Zlib",
        "MPL-2.0",
        "Unicode-3.0",
        "0BSD",
        "MIT-0",
        "CC0-1.0",
        "CDLA-Permissive-2.0",
    ];
    let listed = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked"])
        .current_dir(root())
        .output()
        .expect("cargo describes the workspace");
    assert!(listed.status.success(), "{}", String::from_utf8_lossy(&listed.stderr));
    let metadata: serde_json::Value = fhir::json::parse_value(
        listed.stdout.into(),
        &fhir::json::Limits { bytes_max: 64 << 20, members_max: 10_000, ..Default::default() },
    )
    .expect("cargo writes json");
    let mut misfits = Vec::new();
    for package in metadata["packages"].as_array().expect("packages") {
        let name = package["name"].as_str().expect("a name");
        match package["source"].as_str() {
            None => continue,
            Some(source) if source.starts_with("registry+") => {}
            Some(source) => misfits.push(format!("{name} comes from {source}")),
        }
        let licence = package["license"].as_str().unwrap_or("none stated").replace('/', " OR ");
        let fits = licence.split(" OR ").any(|choice| {
            choice
                .split(" AND ")
                .all(|part| FITS.contains(&part.trim_matches(|c: char| c == '(' || c == ')' || c == ' ')))
        });
        let exception = ["Apache-2.0 WITH LLVM-exception"].contains(&licence.as_str());
        if !fits && !exception {
            misfits.push(format!("{name}: {licence}"));
        }
    }
    assert!(misfits.is_empty(), "{misfits:#?}");
}

#[test]
fn the_caldicott_page_names_tests_that_exist() {
    let page = text(Path::new("docs/caldicott.md"));
    let mut sources = String::new();
    for path in tracked("rs") {
        sources.push_str(&text(&path));
    }
    let mut named = 0;
    for word in page.split('`').skip(1).step_by(2).filter(|word| word.starts_with("test:")) {
        let test = word.trim_start_matches("test:").trim();
        named += 1;
        assert!(sources.contains(&format!("fn {test}(")), "docs/caldicott.md names {test}, which is no test");
    }
    assert!(named >= 8, "each principle names at least one test, found {named}");
}
