//! Turns the files of the agreements folder into [`Agreements`], or tells every problem at once.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use fhir::ods_code::OdsCode;
use fhir::role::SdsRole;
use jiff::civil::Date;
use sha2::{Digest, Sha256};

use super::file::AgreementFile;
use super::{Agreements, RecipientRole, RecipientSystem, Share, SharedType, SharingAgreement};
use crate::enforce::masks::Masks;
use crate::person::SystemName;
use crate::settings::check::{each_once, read_text, roles};
use crate::settings::problem::{Gravity, Notebook, Place, Problem, did_you_mean};
use crate::settings::written::{Written, parse};

mod attachments;
mod criteria;
mod overlap;
mod shares;
mod terms;

/// The systems that agreements may name, and who runs each; none when that is not known.
pub type KnownSystems = [(SystemName, Option<OdsCode>)];

const FILES_MAX: usize = 10_000;

/// A file that was read, and what was noted about it.
#[derive(Debug)]
struct Sheet {
    notes: Notebook,
    agreement: Option<Arc<SharingAgreement>>,
}

/// Reads every `.toml` file of `folder`, each by itself and then against the others.
///
/// Agreements come back only when no file has an error; problems come back always, warnings too.
#[must_use]
pub fn load(folder: &Path, systems: &KnownSystems, today: Date) -> (Option<Agreements>, Vec<Problem>) {
    let files = match files(folder) {
        Ok(files) => files,
        Err(text) => {
            let notes = Notebook::new(folder, "");
            notes.error(&Place::whole(), text);
            return (None, notes.into_problems());
        }
    };
    let sheets: Vec<Sheet> = files.iter().map(|file| sheet(file, systems, today)).collect();
    let read: Vec<_> =
        sheets.iter().filter_map(|sheet| Some((&sheet.notes, sheet.agreement.as_ref()?))).collect();
    overlap::refuse(&read);
    let all = sheets.iter().filter_map(|sheet| sheet.agreement.clone()).collect();
    let mut problems: Vec<Problem> =
        sheets.into_iter().flat_map(|sheet| sheet.notes.into_problems()).collect();
    if files.is_empty() {
        let notes = Notebook::new(folder, "");
        notes.warn(&Place::whole(), "there is no agreement here: nothing is shared until one is in force");
        problems.extend(notes.into_problems());
    }
    let holds = problems.iter().all(|problem| problem.gravity == Gravity::Warning);
    (holds.then(|| Agreements::new(all)), problems)
}

/// Reads one agreement by itself.
///
/// # Errors
/// Every problem of the file, warnings too, when one of them is an error.
pub fn read_one(
    file: &Path,
    text: &str,
    systems: &KnownSystems,
    today: Date,
) -> Result<SharingAgreement, Vec<Problem>> {
    let notes = Notebook::new(file, text);
    let agreement = agreement(&notes, text, systems, today);
    let problems = notes.into_problems();
    match agreement {
        Some(agreement) if problems.iter().all(|problem| problem.gravity == Gravity::Warning) => {
            Ok(agreement)
        }
        Some(_) | None => Err(problems),
    }
}

fn files(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let missing = "is no folder that can be read: make it, or name another with `agreements` in [gateway]";
    let entries = fs::read_dir(folder).map_err(|_| missing.to_owned())?;
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.map_err(|error| format!("cannot be listed: {}", error.kind()))?.path();
        let hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
        if !hidden && path.extension().is_some_and(|extension| extension == "toml") {
            files.push(path);
        }
    }
    if files.len() > FILES_MAX {
        return Err(format!("holds more than {FILES_MAX} agreements"));
    }
    files.sort();
    Ok(files)
}

fn sheet(file: &Path, systems: &KnownSystems, today: Date) -> Sheet {
    match read_text(file) {
        Ok(text) => {
            let notes = Notebook::new(file, &text);
            let agreement = agreement(&notes, &text, systems, today).map(Arc::new);
            Sheet { notes, agreement }
        }
        Err(fault) => {
            let notes = Notebook::new(file, "");
            notes.error(&Place::whole(), fault);
            Sheet { notes, agreement: None }
        }
    }
}

fn agreement(notes: &Notebook, text: &str, systems: &KnownSystems, today: Date) -> Option<SharingAgreement> {
    let read = parse(text, notes, AgreementFile::read)?;
    let terms = terms::terms(notes, &read, today);
    let shares = shares::shares(notes, &read.share);
    let roles = role_blocks(notes, &read, &shares);
    let recipient = terms.as_ref().map(|terms| terms.recipient.as_slice()).unwrap_or_default();
    let systems = system_blocks(notes, &read, &shares, systems, recipient);
    if read.recipient_role.is_empty() && read.recipient_system.is_empty() {
        notes.warn(&Place::whole(), "shares with nobody: add a [[recipient_role]] or a [[recipient_system]]");
    }
    warn_of_unused(notes, &read);
    let terms = terms?;
    Some(SharingAgreement {
        id: terms.id,
        version: hex(&Sha256::digest(text.as_bytes())),
        title: terms.title,
        status: terms.status,
        from: terms.from,
        until: terms.until,
        review_by: terms.review_by,
        approved_by: terms.approved_by,
        discloser: terms.discloser,
        recipient: terms.recipient,
        purposes: terms.purposes,
        legal_basis: terms.legal_basis,
        identifiability: terms.identifiability,
        relationship: terms.relationship,
        lapses_after_days: terms.lapses_after_days,
        overrides: terms.overrides,
        existence: terms.existence,
        roles,
        systems,
        shares,
    })
}

type Shares = BTreeMap<String, BTreeMap<fhir::tables::TypeId, SharedType>>;

fn role_blocks(notes: &Notebook, read: &AgreementFile, shares: &Shares) -> Vec<RecipientRole> {
    let mut taken = BTreeMap::new();
    let mut blocks = Vec::new();
    for table in &read.recipient_role {
        let roles = roles(notes, &table.roles);
        if table.roles.is_empty() {
            notes.error(&table.place.key("roles", None), "name at least one job role such as R1330");
        }
        for written in &table.roles {
            let Ok(role) = SdsRole::parse(&written.value) else { continue };
            if let Some(line) = taken.insert(role, table.place.line)
                && line != table.place.line
            {
                refuse_second_block(notes, written, line);
            }
        }
        let standing = table.standing.as_ref().and_then(|written| terms::standing(notes, written));
        let share = share(notes, &table.share, &table.place, read, shares);
        let Some(standing) = standing else { continue };
        blocks.push(RecipientRole { roles, standing, share });
    }
    blocks
}

fn system_blocks(
    notes: &Notebook,
    read: &AgreementFile,
    shares: &Shares,
    known: &KnownSystems,
    recipient: &[OdsCode],
) -> Vec<RecipientSystem> {
    let mut taken = BTreeMap::new();
    let mut blocks = Vec::new();
    for table in &read.recipient_system {
        if table.systems.is_empty() {
            notes.error(&table.place.key("systems", None), "name at least one [[system]] of the settings");
        }
        let systems = each_once(notes, &table.systems, |name| {
            let Some((system, organisation)) = known.iter().find(|(system, _)| system.as_str() == name)
            else {
                let near = did_you_mean(name, known.iter().map(|(system, _)| system.as_str()));
                return Err(format!("the settings have no [[system]] of this name{near}"));
            };
            match organisation {
                Some(code) if !recipient.is_empty() && !recipient.contains(code) => {
                    Err(format!("this system belongs to {}, which is not in `recipient`", code.to_setting()))
                }
                Some(_) | None => Ok(system.clone()),
            }
        });
        for written in &table.systems {
            if let Some(line) = taken.insert(written.value.clone(), table.place.line)
                && line != table.place.line
            {
                refuse_second_block(notes, written, line);
            }
        }
        let share = share(notes, &table.share, &table.place, read, shares);
        blocks.push(RecipientSystem { systems, share });
    }
    blocks
}

fn refuse_second_block(notes: &Notebook, written: &Written<String>, line: Option<usize>) {
    let line = line.map(|line| format!(" of line {line}")).unwrap_or_default();
    notes.error(&written.place, format!("`{}` stands in the block{line} too: keep it in one", written.value));
}

/// The union of the named shares.
fn share(
    notes: &Notebook,
    written: &[Written<String>],
    place: &Place,
    read: &AgreementFile,
    shares: &Shares,
) -> Arc<Share> {
    if written.is_empty() {
        notes.error(&place.key("share", None), "name at least one [share.NAME] of this file");
    }
    let names = each_once(notes, written, |name| {
        let known = read.share.iter().map(|share| share.name.value.as_str());
        if known.clone().any(|known| known == name) {
            return Ok(name.to_owned());
        }
        Err(format!("there is no [share.{name}] in this file{}", did_you_mean(name, known)))
    });
    let mut types: BTreeMap<_, Vec<SharedType>> = BTreeMap::new();
    for (resource_type, shared) in names.iter().filter_map(|name| shares.get(name)).flatten() {
        types.entry(*resource_type).or_default().push(shared.clone());
    }
    let masks = Masks::compile(&types).unwrap_or_else(|fault| {
        // What is wrong with a path was told where it stands.
        if !notes.has_errors() {
            notes.error(&place.key("share", None), fault.to_string());
        }
        Masks::default()
    });
    Arc::new(Share { names, types, masks })
}

fn warn_of_unused(notes: &Notebook, read: &AgreementFile) {
    let roles = read.recipient_role.iter().flat_map(|block| &block.share);
    let systems = read.recipient_system.iter().flat_map(|block| &block.share);
    let used: Vec<&str> = roles.chain(systems).map(|written| written.value.as_str()).collect();
    for share in &read.share {
        if !used.contains(&share.name.value.as_str()) {
            notes.warn(&share.name.place, "no block names this share: nobody sees it");
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        for nibble in [byte >> 4, byte & 15] {
            text.extend(char::from_digit(u32::from(nibble), 16));
        }
        text
    })
}
