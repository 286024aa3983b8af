//! The files of the demo: the example configuration with ports filled in, as `portcullis serve` reads it.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use toml::{Table, Value};

use super::{HouseError, Ports};
use crate::sign_in::SignIn;

const SETTINGS: &str = include_str!("../../config/portcullis.toml");
const AGREEMENTS: [(&str, &str); 2] = [
    ("care-in-hospital.toml", include_str!("../../config/agreements/care-in-hospital.toml")),
    (
        "discharge-to-adult-social-care.toml",
        include_str!("../../config/agreements/discharge-to-adult-social-care.toml"),
    ),
];

/// What is true of this run and has to stand in the settings.
pub(super) struct Facts<'a> {
    pub(super) ports: Ports,
    pub(super) desk: &'a SignIn,
    pub(super) hospital: &'a str,
    pub(super) hospital_alias: Option<&'a str>,
    /// Ties of care that the hospital's server cannot hold.
    pub(super) ties_missing: &'a [&'static str],
    pub(super) council: &'a str,
}

/// The folder of the demo, made if need be.
pub(crate) fn fresh(folder: &Path) -> Result<PathBuf, HouseError> {
    let failed = |error| HouseError::File(folder.to_owned(), error);
    fs::create_dir_all(folder).map_err(failed)?;
    folder.canonicalize().map_err(failed)
}

/// Claims the folder for this process and clears what an earlier one left. The claim ends with the process.
pub(crate) fn lock(folder: &Path) -> Result<File, HouseError> {
    let path = folder.join("lock");
    let file = File::create(&path).map_err(|error| HouseError::File(path, error))?;
    if file.try_lock().is_err() {
        return Err(HouseError::InUse(folder.to_owned()));
    }
    for name in ["demo.json", "scene.toml", "config", "state"] {
        let path = folder.join(name);
        let cleared = if path.is_dir() { fs::remove_dir_all(&path) } else { remove_if_there(&path) };
        cleared.map_err(|error| HouseError::File(path, error))?;
    }
    Ok(file)
}

fn remove_if_there(path: &Path) -> std::io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Writes settings, agreements and public keys; returns the settings file.
pub(super) fn write(folder: &Path, facts: &Facts<'_>) -> Result<PathBuf, HouseError> {
    let config = folder.join("config");
    let agreements = config.join("agreements");
    fs::create_dir_all(&agreements).map_err(|error| HouseError::File(agreements.clone(), error))?;
    for (name, text) in AGREEMENTS {
        put(&agreements.join(name), &agreement(text, facts.ties_missing)?)?;
    }
    put(&config.join("keys.json"), &facts.desk.jwks().to_string())?;
    let settings = settings(&folder.join("state"), facts)?;
    let file = config.join("portcullis.toml");
    put(&file, &settings)?;
    Ok(file)
}

/// Writes a file as a whole: under another name first, then renamed.
pub(crate) fn put(path: &Path, text: &str) -> Result<(), HouseError> {
    let unfinished = path.with_extension("part");
    let written = fs::write(&unfinished, text).and_then(|()| fs::rename(&unfinished, path));
    written.map_err(|error| HouseError::File(path.to_owned(), error))
}

/// `examples/config/portcullis.toml` with what is true of this machine: loopback, free ports, no certificates.
fn settings(state: &Path, facts: &Facts<'_>) -> Result<String, HouseError> {
    let mut table: Table = SETTINGS.parse().map_err(|_| HouseError::Example("portcullis.toml"))?;
    let gateway = inner(&mut table, "gateway")?;
    set(gateway, "base", &format!("http://{}", facts.ports.requests));
    set(gateway, "state", &state.to_string_lossy());
    let listen = inner(&mut table, "listen")?;
    set(listen, "address", &facts.ports.requests.to_string());
    set(listen, "ops", &facts.ports.ops.to_string());
    listen.remove("tls");
    // Nobody shows a certificate where there is no TLS.
    table.remove("client");
    for issuer in list(&mut table, "issuer")? {
        let person = issuer.get("claims").and_then(Value::as_str) == Some("nhs-login");
        let name = if person { facts.desk.people_issuer() } else { facts.desk.staff_issuer() };
        set(issuer, "issuer", &name);
        set(issuer, "keys", "keys.json");
        if person {
            set(issuer, "sign_in", &facts.desk.base);
        }
    }
    for system in list(&mut table, "system")? {
        let is_council = system.get("name").and_then(Value::as_str) == Some("council");
        set(system, "base", if is_council { facts.council } else { facts.hospital });
        for key in ["ca", "aliases", "credentials"] {
            system.remove(key);
        }
        if let (false, Some(alias)) = (is_council, facts.hospital_alias) {
            system.insert("aliases".to_owned(), Value::Array(vec![Value::from(alias)]));
        }
    }
    for listener in list(&mut table, "mllp")? {
        set(listener, "address", &facts.ports.mllp.to_string());
        listener.remove("tls");
        listener.remove("clients");
        listener.insert("peers".to_owned(), Value::Array(vec![Value::from("127.0.0.0/8")]));
        set(listener, "plaintext", "accepted-risk");
    }
    let text = toml::to_string(&table).map_err(|_| HouseError::Example("portcullis.toml"))?;
    Ok(format!(
        "# Written by the demo from examples/config/portcullis.toml: loopback, free ports, no certificates.\n\n{text}"
    ))
}

/// An example agreement; as it is written, unless the hospital's server lacks what proves one of its ties.
fn agreement(text: &str, ties_missing: &[&str]) -> Result<String, HouseError> {
    if ties_missing.is_empty() {
        return Ok(text.to_owned());
    }
    let mut table: Table = text.parse().map_err(|_| HouseError::Example("an agreement"))?;
    if let Some(ties) = table.get_mut("relationship").and_then(Value::as_array_mut) {
        ties.retain(|tie| !ties_missing.iter().any(|missing| tie.as_str() == Some(missing)));
    }
    toml::to_string(&table).map_err(|_| HouseError::Example("an agreement"))
}

pub(crate) fn inner<'a>(table: &'a mut Table, key: &'static str) -> Result<&'a mut Table, HouseError> {
    table.get_mut(key).and_then(Value::as_table_mut).ok_or(HouseError::Example(key))
}

pub(crate) fn list<'a>(
    table: &'a mut Table,
    key: &'static str,
) -> Result<impl Iterator<Item = &'a mut Table>, HouseError> {
    let items = table.get_mut(key).and_then(Value::as_array_mut).ok_or(HouseError::Example(key))?;
    Ok(items.iter_mut().filter_map(Value::as_table_mut))
}

pub(crate) fn set(table: &mut Table, key: &str, value: &str) {
    table.insert(key.to_owned(), Value::from(value));
}
