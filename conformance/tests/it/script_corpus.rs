//! The TestScripts of others: all are read, and run to a verdict against a stand-in that answers from their fixtures.
//!
//! Profiles are taken as kept: this is about scripts. `script_corpus.txt` holds exactly the scripts that do not come to a
//! verdict, each with what is said of it, and how many do: with what is made up for the corpus here, and without.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use conformance::script::{
    Bounds, Checked, Clients, Interceptor, Library, Options, Outcome, ProfileCheck, Road, Runner, Script,
    StandIn, Unreadable, lint,
};
use conformance::tree::Node;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::script_support::{corpus, systems};

/// What is made up of what the corpus does not have, for a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum MadeUp {
    Nothing,
    /// Resources and properties, and no modules.
    Files,
    All,
}

/// What the file of scripts without a verdict begins with.
const HEAD: &str = "\
# The TestScripts of others that do not come to a verdict against the stand-in of the engine, and what is said of each.
# The corpus holds scripts and few of the files that they want. What it lacks is made up by script_corpus.rs: resources of the
# type that their place names, properties of collections, and modules of Asbestos that take what they are called with and look
# whether it is there. A verdict that rests on these says that the engine runs the script to its end, and nothing of a server.
# The next line is held both ways, as the list is.
";

/// How many of a hundred scripts of the corpus have to come to a verdict.
const VERDICTS_PER_CENT: usize = 95;

/// Takes every resource for one that conforms.
#[derive(Debug)]
struct Kept;

impl ProfileCheck for Kept {
    fn check(&self, _: Node<'_>, _: &str) -> Checked {
        Checked::Conforms { warnings: Vec::new() }
    }
}

/// Where the fixtures of a source lie.
fn over(data: &Path, source: &str) -> Vec<PathBuf> {
    let name = match source {
        "nictiz" => "Nictiz+Nictiz-testscripts",
        "hl7-testing-ig" => "HL7+fhir-testing-ig",
        "crucible-testscript-engine" => "fhir-crucible+testscript-engine",
        "rettema-ts-testing" => "rettema+TS-Testing",
        _ => return Vec::new(),
    };
    vec![data.join("testscript-fixtures").join(name)]
}

fn sources(data: &Path) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> =
        std::fs::read_dir(data.join("testscripts")).unwrap().map(|entry| entry.unwrap().path()).collect();
    found.retain(|path| path.is_dir());
    found.sort();
    found
}

fn named(path: &Path) -> &str {
    path.file_name().unwrap().to_str().unwrap()
}

#[test]
fn every_script_reads_and_lint_is_quick() {
    let Some(data) = corpus() else { return };
    let mut count = 0;
    for source in sources(&data) {
        let library = Library::open(&source, &over(&data, named(&source))).unwrap();
        for file in library.files() {
            match library.load(&file) {
                Ok(script) => {
                    count += 1;
                    drop(lint(&script, &library));
                }
                Err(Unreadable::NoScript(_)) => {}
                Err(bad) => panic!("{}: {bad}", file.display()),
            }
        }
    }
    assert!(count >= 500, "{count}");
}

const ANY_PORT: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// A submission of one document.
const PDB: &str = r#"{"resourceType":"Bundle","id":"b",
    "meta":{"profile":["http://profiles.ihe.net/ITI/MHD/StructureDefinition/IHE.MHD.Minimal.ProvideBundle"]},"type":"transaction","entry":[{"fullUrl":"urn:uuid:1",
    "resource":{"resourceType":"DocumentReference","id":"d","status":"current","masterIdentifier":{"value":"urn:oid:1"}},
    "request":{"method":"POST","url":"DocumentReference"}},{"fullUrl":"urn:uuid:2","resource":{"resourceType":"List",
    "status":"current","mode":"working","code":{"coding":[{"code":"submissionset"}]},
    "identifier":[{"use":"usual","value":"urn:oid:2"},{"use":"official","value":"urn:oid:3"}]},
    "request":{"method":"POST","url":"List"}},{"fullUrl":"urn:uuid:3",
    "resource":{"resourceType":"Patient","id":"p"},"request":{"method":"POST","url":"Patient"}}]}"#;

/// The client that the scripts about Document Sources judge: it submits two documents, again as soon as it is answered.
async fn submits(to: SocketAddr) {
    let document = |number: u32| {
        format!(
            r#"{{"fullUrl":"urn:uuid:{number}","resource":{{"resourceType":"DocumentReference","status":"current",
            "masterIdentifier":{{"value":"urn:oid:{number}"}}}},"request":{{"method":"POST","url":"DocumentReference"}}}}"#
        )
    };
    let body = PDB.replacen(r#""entry":["#, &format!(r#""entry":[{},"#, document(9)), 1);
    let request = format!(
        "POST / HTTP/1.1\r\nhost: {to}\r\ncontent-type: application/fhir+json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    );
    loop {
        let mut stream = TcpStream::connect(to).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
    }
}

/// Modules that a script of Asbestos imports and that the corpus does not have, made up, each beside where it is called: it takes what
/// it is called with, and looks whether that is there. What the real one would look at is not known here.
fn made_up_modules(library: &Library, script: &Path, source: &Path, folder: &Path) {
    let text = std::fs::read_to_string(script).unwrap();
    for import in text.split(r#"<extension url="component">"#).skip(1) {
        let call = import.split("</modifierExtension>").next().unwrap();
        let component =
            call.split(r#"<valueString value=""#).nth(1).and_then(|rest| rest.split('"').next()).unwrap();
        let beside = script.parent().unwrap().strip_prefix(source).unwrap();
        let mut file = folder.to_owned();
        for part in beside.components().chain(Path::new(component).components()) {
            match part {
                Component::ParentDir => drop(file.pop()),
                Component::Normal(name) => file.push(name),
                Component::Prefix(_) | Component::RootDir | Component::CurDir => {}
            }
        }
        if !file.starts_with(folder) || file.exists() || library_has(library, &file, folder, source) {
            continue;
        }
        let taken = |kind: &str| -> Vec<String> {
            let count = call.matches(&format!(r#"url="urn:{kind}-in""#)).count();
            (0..count).map(|number| format!("{kind}{number}")).collect()
        };
        let declared = |kind: &str| -> String {
            let one = |name: &String| {
                format!(r#"<extension url="urn:{kind}-in"><valueString value="{name}"/></extension>"#)
            };
            taken(kind).iter().map(one).collect()
        };
        let variables: String = taken("variable")
            .iter()
            .map(|name| format!(r#"<variable><name value="{name}"/><defaultValue value="1"/></variable>"#))
            .collect();
        let looks: String = taken("fixture")
            .iter()
            .map(|name| format!(r#"<action><assert><expression value="exists()"/><sourceId value="{name}"/><warningOnly value="false"/></assert></action>"#))
            .collect();
        let module = format!(
            r#"<TestScript xmlns="http://hl7.org/fhir"><modifierExtension url="urn:module">{}{}</modifierExtension><id value="made-up"/>
            <name value="MadeUp"/><status value="draft"/>{variables}<test><description value="It is there."/>{looks}</test></TestScript>"#,
            declared("fixture"),
            declared("variable"),
        );
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, module).unwrap();
    }
}

/// Files that the corpus does not have, made up: a resource of the type that their place names.
fn made_up(library: &Library, scripts: &[Script], source: &Path, wanted: MadeUp) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    if wanted == MadeUp::Nothing {
        return folder;
    }
    for script in scripts {
        let beside = script.file().parent().unwrap().strip_prefix(source).unwrap();
        let missing = lint(script, library).into_iter().any(|finding| finding.code == "missing-fixture");
        for reference in script.fixture_files() {
            if !missing && !reference.contains('/') {
                continue;
            }
            let mut file = folder.path().to_owned();
            let beside = if reference.starts_with('/') { Path::new("") } else { beside };
            for part in beside.components().chain(Path::new(reference.trim_start_matches('/')).components()) {
                match part {
                    Component::ParentDir => drop(file.pop()),
                    Component::Normal(name) => file.push(name),
                    Component::Prefix(_) | Component::RootDir | Component::CurDir => {}
                }
            }
            if !file.starts_with(folder.path()) || file == folder.path() {
                continue;
            }
            let kind = reference.split(['/', '-']).find(|part| {
                ["Patient", "Observation", "Bundle", "DocumentReference", "DocumentManifest", "List"]
                    .contains(part)
            });
            // What Asbestos calls Patient/name is a Bundle of its cache of patients: its scripts read Bundle.entry.
            let is_file = reference.ends_with(".xml") || reference.ends_with(".json");
            let cached = named(source) == "nist-asbestos" && reference.starts_with("Patient/") && !is_file;
            let body = match kind.filter(|_| !cached).unwrap_or("Bundle") {
                "Bundle" => r#"{"resourceType":"Bundle","id":"b","type":"transaction","entry":[{"fullUrl":"urn:uuid:1",
                    "resource":{"resourceType":"Patient","id":"p","name":[{"family":"Made-up"}],
                    "identifier":[{"system":"urn:s","value":"v"}]},"request":{"method":"POST","url":"Patient"}}]}"#
                    .to_owned(),
                "Patient" => r#"{"resourceType":"Patient","id":"made-up","identifier":[{"system":"urn:s","value":"v"}],
                    "name":[{"family":"Made-up","given":["Mae"]}],"birthDate":"1970-01-01"}"#
                    .to_owned(),
                kind => format!(r#"{{"resourceType":"{kind}","id":"made-up"}}"#),
            };
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            if !file.exists() && !library_has(library, &file, folder.path(), source) {
                std::fs::write(&file, body).unwrap();
            }
        }
    }
    // The properties of the collections of Asbestos, which are no scripts, are not in the corpus.
    if named(source) == "nist-asbestos" {
        for collections in
            ["asbestos-war/src/main/webapp/data/TestCollections", "asbestos-war/unused/OldTestCollections"]
        {
            std::fs::create_dir_all(folder.path().join(collections)).unwrap();
            std::fs::write(
                folder.path().join(collections).join("TestCollection.properties"),
                "FhirIgName: MHDv4\n",
            )
            .unwrap();
        }
        for script in scripts {
            if wanted == MadeUp::All {
                made_up_modules(library, script.file(), source, folder.path());
            }
            let beside = folder.path().join(script.file().parent().unwrap().strip_prefix(source).unwrap());
            std::fs::create_dir_all(beside.join("Bundle")).unwrap();
            for name in ["pdb", "original", "addendum", "transforms"] {
                std::fs::write(beside.join("Bundle").join(format!("{name}.json")), PDB).unwrap();
            }
        }
    }
    folder
}

fn library_has(_: &Library, file: &Path, folder: &Path, source: &Path) -> bool {
    let own = source.join(file.strip_prefix(folder).unwrap());
    ["", ".json", ".xml"].iter().any(|end| PathBuf::from(format!("{}{end}", own.display())).is_file())
}

/// Runs the scripts of a source; returns how many they are.
async fn run_source(
    data: &Path,
    source: &Path,
    wanted: MadeUp,
    left: &mut BTreeMap<String, String>,
) -> usize {
    let mut folders = over(data, named(source));
    let first = Library::open(source, &folders).unwrap();
    let load = |library: &Library| -> Vec<Script> {
        library.files().iter().filter_map(|file| library.load(file).ok()).collect()
    };
    let scripts = load(&first);
    let extra = made_up(&first, &scripts, source, wanted);
    folders.push(extra.path().to_owned());
    let library = Library::open(source, &folders).unwrap();
    let base = StandIn::serve(&library, &scripts).await.unwrap();
    let client = Arc::new(Interceptor::listen(ANY_PORT, Duration::from_secs(5)).await.unwrap());
    let submitting = (named(source) == "nist-asbestos").then(|| tokio::spawn(submits(client.address())));
    let road = Road::Network {
        systems: systems(&[base.as_str(); 3], Bounds::default()),
        client: Some(client),
        record: None,
    };
    let wanted =
        scripts.iter().flat_map(Script::wanted_variables).map(|name| (name.to_owned(), "1".to_owned()));
    let options = Options { variables: wanted.collect(), clients: Clients::Played, ..Options::default() };
    let count = scripts.len();
    let runner = Arc::new(Runner::new(library, road, options, Arc::new(Kept)));
    for run in runner.run_all(scripts, 1).await.scripts {
        let name = run.file.strip_prefix(source.parent().unwrap()).unwrap().display().to_string();
        let why = run.unsupported().first().map(|what| (*what).to_owned());
        let errors = run.actions().into_iter().filter(|action| action.outcome == Outcome::Error);
        let broken = errors.map(|action| action.message.clone()).next_back();
        let whole = (run.outcome == Outcome::Error).then(|| run.message.clone());
        if let Some(why) = why.or(broken).or(whole) {
            left.insert(name, why);
        }
    }
    if let Some(submitting) = submitting {
        submitting.abort();
    }
    count
}

/// Runs all of the corpus: how many scripts there are, and those without a verdict.
async fn run_all(data: &Path, wanted: MadeUp) -> (usize, BTreeMap<String, String>) {
    let mut left = BTreeMap::new();
    let mut count = 0;
    for source in sources(data) {
        count += run_source(data, &source, wanted, &mut left).await;
    }
    (count, left)
}

#[tokio::test(flavor = "multi_thread")]
async fn scripts_of_others_come_to_a_verdict() {
    let Some(data) = corpus() else { return };
    let (count, left) = run_all(&data, MadeUp::All).await;
    let judged = count - left.len();
    let without_modules = count - run_all(&data, MadeUp::Files).await.1.len();
    let without_any = count - run_all(&data, MadeUp::Nothing).await.1.len();
    let figures = format!(
        "{judged} of {count} come to a verdict: {without_modules} without made-up modules, {without_any} without anything made up"
    );
    eprintln!("{figures}");
    let told: String = left.iter().map(|(name, why)| format!("{name}\t{why}\n")).collect();
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/script_corpus.txt");
    #[expect(clippy::disallowed_methods, reason = "a person asks for the file to be written anew")]
    if std::env::var("UPDATE_GOLDEN").is_ok() {
        std::fs::write(&file, format!("{HEAD}= {figures}\n{told}")).unwrap();
    }
    let held = std::fs::read_to_string(&file).unwrap();
    let (said, known) = held_in(&held);
    let differing = differing(&left, &known);
    assert!(differing.is_empty(), "{differing:#?}");
    assert_eq!(figures, said, "the file tells other figures");
    assert!(held.starts_with(HEAD), "the file begins otherwise");
    let unsupported: Vec<_> = left.iter().filter(|(_, why)| why.starts_with("unsupported: ")).collect();
    assert!(judged * 100 >= count * VERDICTS_PER_CENT, "{judged} of {count}, unsupported: {unsupported:#?}");
}

/// The figures that the file holds, and the scripts with their reasons.
fn held_in(file: &str) -> (String, BTreeMap<String, String>) {
    let figures = file.lines().find_map(|line| line.strip_prefix("= ")).unwrap_or_default();
    let rows =
        file.lines().filter(|line| !line.starts_with(['#', '='])).filter_map(|line| line.split_once('\t'));
    (figures.to_owned(), rows.map(|(name, why)| (name.to_owned(), why.to_owned())).collect())
}

/// The scripts without a verdict that the file does not hold, or holds for another reason, and those that it need not hold.
fn differing(left: &BTreeMap<String, String>, known: &BTreeMap<String, String>) -> Vec<String> {
    let new = left.iter().filter_map(|(name, why)| match known.get(name) {
        None => Some(format!("{name}: no verdict now: {why}")),
        Some(held) if held != why => Some(format!("{name}: {why}; the file has: {held}")),
        Some(_) => None,
    });
    let gone = known.keys().filter(|name| !left.contains_key(*name));
    new.chain(gone.map(|name| format!("{name}: comes to a verdict now"))).collect()
}

#[test]
fn the_file_of_scripts_without_a_verdict_is_held_to_names_and_reasons() {
    let map = |rows: &[(&str, &str)]| -> BTreeMap<String, String> {
        rows.iter().map(|(name, why)| ((*name).to_owned(), (*why).to_owned())).collect()
    };
    let known = map(&[("a.xml", "one reason"), ("b.xml", "another")]);
    for (left, count) in [
        (known.clone(), 0),
        (map(&[("a.xml", "another"), ("b.xml", "another")]), 1),
        (map(&[("a.xml", "one reason")]), 1),
        (map(&[("a.xml", "one reason"), ("b.xml", "another"), ("c.xml", "another")]), 1),
        (map(&[("c.xml", "another")]), 3),
    ] {
        assert_eq!(differing(&left, &known).len(), count, "{left:?}");
    }
    let read = held_in("# a\tb\n= 1 of 3\na.xml\tone reason\nb.xml\tanother\n");
    assert_eq!(read, ("1 of 3".to_owned(), known));
}
