//! A checker of resources against the snapshot of a profile, as far as BALP's profiles use one: cardinalities,
//! patterns, required bindings, and slices by value.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

/// The folder of the BALP profiles, or `None` after saying that the test is skipped.
#[expect(clippy::disallowed_methods, clippy::print_stderr, reason = "tests have neither settings nor a log")]
pub(crate) fn folder() -> Option<PathBuf> {
    let root = std::env::var("PORTCULLIS_CORPUS").ok().map(PathBuf::from);
    let found = root.map(|root| root.join("data/ihe-balp/profiles")).filter(|folder| folder.exists());
    if found.is_none() {
        eprintln!("SKIPPED: PORTCULLIS_CORPUS does not hold data/ihe-balp/profiles");
    }
    found
}

/// Every way in which `resource` breaks the profiles that it claims.
pub(crate) fn faults(resource: &Value, folder: &Path) -> Vec<String> {
    let claimed = resource["meta"]["profile"].as_array().cloned().unwrap_or_default();
    let mut faults = Vec::new();
    for profile in claimed.iter().filter_map(Value::as_str) {
        let name = profile.rsplit('/').next().unwrap_or_default();
        let definition = read(&folder.join(format!("StructureDefinition-{name}.json")));
        let mut root = Definition::default();
        for element in definition["snapshot"]["element"].as_array().unwrap() {
            root.insert(element["id"].as_str().unwrap(), element);
        }
        let top = &root.children["AuditEvent"].whole;
        top.check(resource, "AuditEvent", folder, &mut faults);
    }
    faults
}

#[expect(clippy::disallowed_methods, reason = "definitions from the corpus, read by a library")]
fn read(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap_or_else(|_| panic!("{}", path.display()))).expect("JSON")
}

/// An element, with its slices beside the whole.
#[derive(Default)]
struct Named {
    whole: Definition,
    slices: BTreeMap<String, Definition>,
}

#[derive(Default)]
struct Definition {
    element: Value,
    children: BTreeMap<String, Named>,
}

impl Definition {
    fn insert(&mut self, id: &str, element: &Value) {
        let mut at = self;
        for segment in id.split('.') {
            let (name, slice) =
                segment.split_once(':').map_or((segment, None), |(name, slice)| (name, Some(slice)));
            let named = at.children.entry(name.to_owned()).or_default();
            at = match slice {
                None => &mut named.whole,
                Some(slice) => named.slices.entry(slice.to_owned()).or_default(),
            };
        }
        at.element = element.clone();
    }

    fn pattern(&self) -> Option<&Value> {
        self.element
            .as_object()?
            .iter()
            .find(|(key, _)| key.starts_with("pattern") || key.starts_with("fixed"))
            .map(|(_, value)| value)
    }

    fn check(&self, value: &Value, path: &str, folder: &Path, faults: &mut Vec<String>) {
        if self.pattern().is_some_and(|pattern| !fits(value, pattern)) {
            faults.push(format!("{path} does not fit its pattern"));
        }
        if self.unbound(value, folder) {
            faults.push(format!("{path} is not of its value set"));
        }
        if !value.is_object() {
            return;
        }
        for (name, named) in &self.children {
            let path = format!("{path}.{name}");
            let values = members(value, name);
            named.whole.count(values.len(), &path, faults);
            for value in &values {
                named.whole.check(value, &path, folder, faults);
            }
            let mut sliced = 0;
            for (slice, definition) in &named.slices {
                let own: Vec<_> =
                    values.iter().filter(|value| named.is_slice(definition, value, folder)).collect();
                sliced += own.len();
                definition.count(own.len(), &format!("{path}:{slice}"), faults);
                for value in own {
                    definition.check(value, &format!("{path}:{slice}"), folder, faults);
                }
            }
            if named.whole.element["slicing"]["rules"] == "closed" && sliced < values.len() {
                faults.push(format!("{path} holds more than its slices"));
            }
        }
    }

    fn count(&self, count: usize, path: &str, faults: &mut Vec<String>) {
        let least = self.element["min"].as_u64().unwrap_or(0) as usize;
        let most = self.element["max"].as_str().unwrap_or("*").parse().unwrap_or(usize::MAX);
        if !(least..=most).contains(&count) {
            faults.push(format!("{path} stands {count} times"));
        }
    }

    /// Whether a required binding to a value set of BALP itself is broken.
    fn unbound(&self, value: &Value, folder: &Path) -> bool {
        let binding = &self.element["binding"];
        let set = binding["valueSet"].as_str().unwrap_or_default();
        if binding["strength"] != "required" || !set.contains("/BALP/") {
            return false;
        }
        let set = read(&folder.join(format!("ValueSet-{}.json", set.rsplit('/').next().unwrap())));
        let codings = value["coding"].as_array().cloned().unwrap_or_else(|| vec![value.clone()]);
        !codings.iter().any(|coding| {
            set["compose"]["include"].as_array().unwrap().iter().any(|include| {
                let codes = include["concept"].as_array();
                include["system"] == coding["system"]
                    && codes.is_none_or(|codes| codes.iter().any(|concept| concept["code"] == coding["code"]))
            })
        })
    }
}

impl Named {
    fn is_slice(&self, slice: &Definition, value: &Value, folder: &Path) -> bool {
        let by = self.whole.element["slicing"]["discriminator"][0]["path"].as_str().unwrap_or_default();
        let (definition, value) = match by {
            "$this" => (slice, value),
            name => (&slice.children[name].whole, &value[name]),
        };
        match definition.pattern() {
            Some(pattern) => fits(value, pattern),
            None => !value.is_null() && !definition.unbound(value, folder),
        }
    }
}

fn members(object: &Value, name: &str) -> Vec<Value> {
    let found = match name.strip_suffix("[x]") {
        Some(stem) => {
            object.as_object().unwrap().iter().find(|(key, _)| key.starts_with(stem)).map(|(_, value)| value)
        }
        None => object.get(name),
    };
    match found {
        None => Vec::new(),
        Some(Value::Array(items)) => items.clone(),
        Some(one) => vec![one.clone()],
    }
}

/// Everything in the pattern is in the value.
fn fits(value: &Value, pattern: &Value) -> bool {
    match (value, pattern) {
        (Value::Object(value), Value::Object(pattern)) => {
            pattern.iter().all(|(key, wanted)| value.get(key).is_some_and(|value| fits(value, wanted)))
        }
        (Value::Array(values), Value::Array(pattern)) => {
            pattern.iter().all(|wanted| values.iter().any(|value| fits(value, wanted)))
        }
        _ => value == pattern,
    }
}
