//! The files of the scenario: `examples/council` with ports filled in, and what the council's case system holds.

use std::fs;
use std::path::{Path, PathBuf};

use rusqlite::Connection;
use toml::Table;

use crate::house::files::{inner, list, put, set};
use crate::house::{HouseError, Ports};
use crate::people::{ANN, BEN, CARA};
use crate::sign_in::SignIn;

const SETTINGS: &str = include_str!("../../council/portcullis.toml");
const MAPPINGS: [(&str, &str); 3] = [
    ("residents.toml", include_str!("../../council/residents.toml")),
    ("services.toml", include_str!("../../council/services.toml")),
    ("teams.toml", include_str!("../../council/teams.toml")),
];
const AGREEMENTS: [(&str, &str); 2] = [
    ("record-to-ward.toml", include_str!("../../council/agreements/record-to-ward.toml")),
    (
        "notices-to-adult-social-care.toml",
        include_str!("../../council/agreements/notices-to-adult-social-care.toml"),
    ),
];
const CASES: &str = include_str!("../../council/cases.sql");
/// The folder of `[[inbound]]`.
const NOTICES: &str = "notices";
const HEADER: &str =
    "Case ID,NHS Number,Last Name,First Name,Date of Birth,Gender,Phone,Address,Restricted,Notes\n";

/// Writes settings, agreements, mappings, keys and the council's own files; returns the settings file.
pub(super) fn write(
    folder: &Path,
    ports: Ports,
    desk: &SignIn,
    receives: &str,
) -> Result<PathBuf, HouseError> {
    let config = folder.join("config");
    for folder in [config.join("agreements"), config.join("drop"), config.join(NOTICES)] {
        fs::create_dir_all(&folder).map_err(|error| HouseError::File(folder.clone(), error))?;
    }
    for (name, text) in AGREEMENTS {
        put(&config.join("agreements").join(name), text)?;
    }
    for (name, text) in MAPPINGS {
        put(&config.join(name), text)?;
    }
    put(&config.join("keys.json"), &desk.jwks().to_string())?;
    extract(&config, "residents-1.csv", "01632 960145")?;
    cases(&config, CASES)?;
    let file = config.join("portcullis.toml");
    put(&file, &settings(&folder.join("state"), ports, desk, receives)?)?;
    Ok(file)
}

/// Renames an extract into the folder, in which Ann has this number.
pub(super) fn extract(config: &Path, name: &str, phone: &str) -> Result<(), HouseError> {
    let (ann, ben, cara) = (ANN.nhs_number, BEN.nhs_number, CARA.nhs_number);
    let rows = [
        format!("E1001,{ann},Archer,Ann,08/03/1941,F,{phone},canary-address,No,canary-notes"),
        format!("E1002,{ben},Baker canary-ben,Ben,30/11/1956,M,canary-phone,canary-address,No,canary-notes"),
        format!(
            "E1003,{cara},Clarke canary-cara,Cara,14/07/1988,F,canary-phone,canary-address,No,canary-notes"
        ),
    ];
    put(&config.join("drop").join(name), &format!("{HEADER}{}\n", rows.join("\n")))
}

/// Renames a notice of the hospital into the folder of notices, whole.
pub(super) fn notice(config: &Path, name: &str, text: &str) -> Result<(), HouseError> {
    let (written, dropped) = (config.join(name), config.join(NOTICES).join(name));
    put(&written, text)?;
    fs::rename(written, &dropped).map_err(|error| HouseError::File(dropped, error))
}

/// How many notices are not dealt with yet, and how many the gateway cannot read.
pub(super) fn notices_left(config: &Path) -> (usize, usize) {
    let folder = config.join(NOTICES);
    let count = |folder: PathBuf| {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        entries.filter(|entry| entry.path().is_file()).count()
    };
    (count(folder.clone()) + count(folder.join(".taken")), count(folder.join(".refused")))
}

/// Does something to the council's database, as its own people would.
pub(super) fn cases(config: &Path, statements: &str) -> Result<(), HouseError> {
    let path = config.join("cases.db");
    let done = Connection::open(&path).and_then(|cases| cases.execute_batch(statements));
    done.map_err(|error| HouseError::File(path, std::io::Error::other(error)))
}

fn settings(state: &Path, ports: Ports, desk: &SignIn, receives: &str) -> Result<String, HouseError> {
    let example = HouseError::Example("council/portcullis.toml");
    let Ok(mut table) = SETTINGS.parse::<Table>() else { return Err(example) };
    let gateway = inner(&mut table, "gateway")?;
    set(gateway, "base", &format!("http://{}", ports.requests));
    set(gateway, "state", &state.to_string_lossy());
    let listen = inner(&mut table, "listen")?;
    set(listen, "address", &ports.requests.to_string());
    set(listen, "ops", &ports.ops.to_string());
    for issuer in list(&mut table, "issuer")? {
        set(issuer, "issuer", &desk.staff_issuer());
    }
    for system in list(&mut table, "system")?.filter(|system| system.contains_key("base")) {
        set(system, "base", receives);
    }
    let text = toml::to_string(&table).map_err(|_| example)?;
    Ok(format!("# Written by the demo from examples/council/portcullis.toml: free ports.\n\n{text}"))
}
