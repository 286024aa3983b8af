//! Every type of R4 with something in every leaf, through every agreement of the examples: which paths leave stands in files
//! that a person reads, each with the reason that lets it. `UPDATE_GOLDEN=1` writes them.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use fhir::json::{Document, Limits, Node, parse};
use fhir::ods_code::OdsCode;
use fhir::path::Step;
use fhir::search::names_person_by;
use fhir::tables::{self, TypeId, resource_types, search_parameter};
use gateway::agreement::check::{KnownSystem, read_one};
use gateway::agreement::{Share, SharingAgreement};
use gateway::enforce::masks::Whereabouts;
use gateway::enforce::minimise::{Marks, Reach, Unsafe, View, Withheld, Written, resource};
use gateway::person::SystemName;
use gateway::settings::Households;

use super::leaves::Leaves;
use super::saturate::{PERSON, saturated};
use crate::golden;
use crate::site::TODAY;

/// What leaves of `document` under a share, every condition of its tables met and everything it points at visible: no exchange
/// shows more.
fn left(document: &Document, share: &Share, whereabouts: Whereabouts) -> Result<Leaves, Unsafe> {
    let mask = |owner: TypeId, _: Node<'_>| {
        let tables = share.types.get(&owner).map_or(0, Vec::len);
        share.masks.of(owner, (1 << tables) - 1, whereabouts)
    };
    let reach = |reference: Node<'_>| match reference.member("reference") {
        Some(to) if to.is_string(PERSON) => Reach::Tie(Written::AsItStands),
        _ => Reach::Visible(Written::AsItStands),
    };
    let view = View {
        mask: &mask,
        reach: &reach,
        full_url: &|_| Written::AsItStands,
        link: &|_| Some(Written::AsItStands),
        content: &|_| Some(Written::AsItStands),
        marks: Marks::Subsetted,
        version: None,
    };
    let mut bytes = Vec::new();
    resource(document.root(), &view, &mut Withheld::default(), &mut bytes)?;
    let out = parse(bytes.into(), &Limits::default()).expect("what leaves is JSON");
    Ok(Leaves::compare(document.root(), out.root()))
}

/// Why a member of a resource of `owner` may leave: what the agreement says, or which rule lets it.
fn why(owner: TypeId, member: &str, told: &str, share: &Share) -> Option<String> {
    let key = member.trim_start_matches('_').split('[').next().unwrap_or_default();
    let element = tables::element(owner, key)?;
    let is_it = |step: Option<&Step>| match step {
        Some(Step::Element(name) | Step::Choice { name, .. } | Step::Item { list: name, .. }) => {
            *name == element.name()
        }
        Some(Step::Extension(_)) => key == "extension",
        Some(Step::Identifier(_)) => key == "identifier",
        None => false,
    };
    let items = share.types.get(&owner).into_iter().flatten().flat_map(|table| &table.items);
    let said: Vec<String> = items
        .filter(|item| is_it(item.path.steps().first()))
        .map(|item| format!("{}: {}", item.path, item.reason))
        .collect();
    let mut ties = names_person_by(owner)
        .or_else(|| (owner.name() == "Patient").then_some("link"))
        .and_then(|code| search_parameter(owner, code))
        .into_iter()
        .flat_map(|found| found.paths().unwrap_or_default());
    if !said.is_empty() {
        return Some(said.join("; "));
    }
    if key == "meta" || key == "id" {
        return Some("always".to_owned());
    }
    if told.ends_with(": masked") {
        return (element.min() > 0).then(|| "required".to_owned());
    }
    if element.is_modifier() {
        return Some("changes what the rest means".to_owned());
    }
    if ties.any(|path| path.path().split('.').next() == Some(key)) {
        return Some("says whose it is".to_owned());
    }
    (owner.name() == "Bundle").then(|| "frame of a document, message or collection".to_owned())
}

/// One line for each member of a resource of `owner` that leaves.
fn lines(owner: TypeId, share: &Share, open: &Leaves, shielded: &BTreeMap<String, String>) -> String {
    let mut told = format!("{owner}\n");
    for (member, left) in open.by_member() {
        let why = why(owner, &member, &left, share);
        let why = why.unwrap_or_else(|| panic!("{owner}.{left}: nothing lets it leave"));
        let shield = match shielded.get(&member) {
            Some(same) if *same == left => String::new(),
            Some(less) => format!("  [shielded: {less}]"),
            None => "  [not when shielded]".to_owned(),
        };
        writeln!(told, "  {left}{shield}  <- {why}").expect("a text takes what is written");
    }
    told
}

fn read(file: &Path) -> SharingAgreement {
    let text = std::fs::read_to_string(file).expect("an agreement");
    let council = SystemName::new("council");
    let organisation = OdsCode::parse("E10000099").ok();
    let systems = [KnownSystem { name: council, organisation, households: Households::Told }];
    read_one(file, &text, &systems, TODAY)
        .unwrap_or_else(|problems| panic!("{}: {problems:?}", file.display()))
}

fn agreements() -> Vec<(PathBuf, SharingAgreement)> {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples");
    let mut found = Vec::new();
    for folder in ["config/agreements", "leaks/agreements"] {
        let mut files: Vec<PathBuf> = std::fs::read_dir(examples.join(folder))
            .expect("agreements")
            .map(|file| file.expect("a file").path())
            .collect();
        files.sort();
        for file in files {
            let name =
                Path::new(folder.split('/').next().expect("a name")).join(file.file_stem().expect("a name"));
            found.push((name, read(&file)));
        }
    }
    found
}

/// Every share of an agreement: of roles and of systems.
fn shares(agreement: &SharingAgreement) -> impl Iterator<Item = &Share> {
    let of_systems = agreement.systems.iter().map(|one| &*one.share);
    agreement.roles.iter().map(|role| &*role.share).chain(of_systems)
}

#[test]
fn what_leaves_of_every_type_with_everything_in_it_is_what_the_reviewed_lists_say() {
    let types: Vec<TypeId> = resource_types().collect();
    assert!(types.len() > 140);
    let documents: Vec<(TypeId, Document)> =
        types.iter().map(|owner| (*owner, saturated(*owner, ""))).collect();
    for (name, agreement) in agreements() {
        for share in shares(&agreement) {
            let mut told = String::new();
            for (owner, document) in &documents {
                let (open, shielded) =
                    (left(document, share, Whereabouts::Told), left(document, share, Whereabouts::Shielded));
                let is_shared = share.types.contains_key(owner);
                told += &match (open, shielded) {
                    (Ok(open), Ok(shielded)) => {
                        let (all, less) = (open.left(), shielded.left());
                        assert!(less.iter().all(|path| all.contains(path)), "{owner}: a shield adds nothing");
                        assert!(is_shared || owner.name() == "Bundle", "{owner} is not shared");
                        lines(*owner, share, &open, &shielded.by_member())
                    }
                    (Ok(open), Err(kept)) => {
                        format!(
                            "{}  whole when shielded: {kept}\n",
                            lines(*owner, share, &open, &BTreeMap::new())
                        )
                    }
                    (Err(open), Err(_)) if is_shared => {
                        assert!(!matches!(open, Unsafe::NotShared(_)), "{owner} is shared");
                        format!("{owner}\n  whole kept back: {open}\n")
                    }
                    (Err(_), Err(_)) => String::new(),
                    (Err(open), Ok(_)) => panic!("{owner} leaves only when shielded: {open}"),
                };
            }
            let file = format!("saturated/{}-{}.txt", name.display(), share.names.join("-"));
            golden::check(&file, &told);
        }
    }
}

#[test]
fn what_changes_the_meaning_of_a_resource_keeps_it_back_whole_whatever_its_type() {
    for (_, agreement) in agreements() {
        for share in shares(&agreement) {
            for owner in share.types.keys() {
                for modifier in [
                    ",\"implicitRules\":\"urn:rules\"",
                    ",\"modifierExtension\":[{\"url\":\"urn:modifier\",\"valueBoolean\":true}]",
                ] {
                    let document = saturated(*owner, modifier);
                    assert!(left(&document, share, Whereabouts::Told).is_err(), "{owner}{modifier}");
                }
            }
        }
    }
}
