//! The files of the scenario: `examples/leaks` with ports filled in, as `portcullis serve` reads it.

use std::fs;
use std::path::{Path, PathBuf};

use toml::{Table, Value};

use crate::house::files::{inner, list, put, set};
use crate::house::{HouseError, Ports};
use crate::sign_in::SignIn;

const SETTINGS: &str = include_str!("../../leaks/portcullis.toml");
const AGREEMENTS: [(&str, &str); 4] = [
    ("adult-social-care.toml", include_str!("../../leaks/agreements/adult-social-care.toml")),
    ("care-in-hospital.toml", include_str!("../../leaks/agreements/care-in-hospital.toml")),
    ("childrens-services.toml", include_str!("../../leaks/agreements/childrens-services.toml")),
    ("neighbouring-council.toml", include_str!("../../leaks/agreements/neighbouring-council.toml")),
];

/// What is true of this run and has to stand in the settings.
pub(super) struct Facts<'a> {
    pub(super) ports: Ports,
    pub(super) desk: &'a SignIn,
    pub(super) upstream: &'a str,
    pub(super) care_register: &'a str,
}

/// Writes settings, agreements and public keys; returns the settings file.
pub(super) fn write(folder: &Path, facts: &Facts<'_>) -> Result<PathBuf, HouseError> {
    let config = folder.join("config");
    let agreements = config.join("agreements");
    fs::create_dir_all(&agreements).map_err(|error| HouseError::File(agreements.clone(), error))?;
    for (name, text) in AGREEMENTS {
        put(&agreements.join(name), text)?;
    }
    put(&config.join("keys.json"), &facts.desk.jwks().to_string())?;
    let file = config.join("portcullis.toml");
    put(&file, &settings(&folder.join("state"), facts)?)?;
    Ok(file)
}

fn settings(state: &Path, facts: &Facts<'_>) -> Result<String, HouseError> {
    let mut table: Table = SETTINGS.parse().map_err(|_| HouseError::Example("leaks/portcullis.toml"))?;
    let gateway = inner(&mut table, "gateway")?;
    set(gateway, "base", &format!("http://{}", facts.ports.requests));
    set(gateway, "state", &state.to_string_lossy());
    let listen = inner(&mut table, "listen")?;
    set(listen, "address", &facts.ports.requests.to_string());
    set(listen, "ops", &facts.ports.ops.to_string());
    for issuer in list(&mut table, "issuer")? {
        set(issuer, "issuer", &facts.desk.staff_issuer());
    }
    for system in list(&mut table, "system")? {
        let holds_records = system.get("name").and_then(Value::as_str) == Some("upstream");
        set(system, "base", if holds_records { facts.upstream } else { facts.care_register });
        if !holds_records {
            // It knows of no choice, and is asked all the same: so that there is something that can fail to answer.
            system.insert("consent_source".to_owned(), Value::Boolean(true));
        }
    }
    let text = toml::to_string(&table).map_err(|_| HouseError::Example("leaks/portcullis.toml"))?;
    Ok(format!("# Written by the demo from examples/leaks/portcullis.toml: free ports.\n\n{text}"))
}
