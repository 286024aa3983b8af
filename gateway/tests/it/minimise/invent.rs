//! Invented resources of any type and masks for them, from a seed.

use fhir::path::ElementPath;
use fhir::tables::{Element, TypeId, TypeKind, resource_types, type_named};

/// A small generator of numbers: the same seed gives the same resource everywhere.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % bound.max(1)
    }

    fn one_in(&mut self, bound: usize) -> bool {
        self.below(bound) == 0
    }

    fn pick<T: Copy>(&mut self, among: &[T]) -> T {
        among[self.below(among.len())]
    }
}

const URLS: [&str; 3] = ["urn:a", "urn:b", "https://example.nhs.uk/extension.c"];
const SYSTEMS: [&str; 3] = ["https://fhir.nhs.uk/Id/nhs-number", "urn:mrn", "urn:other"];

/// What references point at: a permitted person, someone visible, a stranger, something hidden.
pub(crate) const REFERENCES: [&str; 5] =
    ["Patient/ann", "Practitioner/gp", "Patient/bob", "Observation/hidden", "#c1"];

/// Writes one invented resource; every string in it is one of a kind.
pub(crate) struct Inventor {
    dice: Dice,
    out: String,
    count: usize,
}

impl Inventor {
    pub(crate) fn resource(seed: u64) -> String {
        let mut inventor = Self { dice: Dice::new(seed), out: String::new(), count: 0 };
        let types: Vec<_> = resource_types().filter(|found| found.name() != "Bundle").collect();
        let owner = inventor.dice.pick(&types);
        inventor.one(owner, 0);
        inventor.out
    }

    /// Another of type `owner`; no string in it is in one of [`Inventor::resource`].
    pub(crate) fn of(owner: TypeId, seed: u64) -> String {
        let mut inventor = Self { dice: Dice::new(seed), out: String::new(), count: 0 };
        inventor.one(owner, 0);
        inventor.out.replace("\"v", "\"w")
    }

    fn one(&mut self, owner: TypeId, depth: usize) {
        self.out.push_str(&format!("{{\"resourceType\":\"{owner}\""));
        if depth > 0 || !self.dice.one_in(4) {
            self.out.push_str(&format!(",\"id\":\"c{}\"", if depth > 0 { 1 } else { 0 }));
        }
        self.members(owner, depth);
        self.out.push('}');
    }

    fn members(&mut self, owner: TypeId, depth: usize) {
        for element in owner.elements() {
            let is_resource = matches!(owner.kind(), TypeKind::Resource | TypeKind::Abstract);
            let wanted = element.min() > 0 || self.dice.one_in(if depth == 0 { 2 } else { 4 });
            let skip = match element.name() {
                "modifierExtension" | "implicitRules" => !self.dice.one_in(600),
                "id" => is_resource,
                "extension" => !self.dice.one_in(3),
                "contained" => depth > 0,
                _ => false,
            };
            if wanted && !skip && depth < 5 {
                self.element(owner, &element, depth);
            }
        }
        if self.dice.one_in(12) {
            self.separate();
            let text = self.text();
            self.out.push_str(&format!("\"unknown\":{{\"x\":[{text}]}}"));
        }
    }

    fn separate(&mut self) {
        if !self.out.ends_with('{') && !self.out.ends_with('[') {
            self.out.push(',');
            if self.dice.one_in(9) {
                self.out.push_str("\n  ");
            }
        }
    }

    fn element(&mut self, owner: TypeId, element: &Element, depth: usize) {
        let types: Vec<_> = element.types().iter().map(|found| found.id()).collect();
        let found = self.dice.pick(&types);
        let mut keys = owner.keys().filter(|(_, other)| other.id() == element.id());
        let key = keys.find(|(_, other)| other.only_type() == Some(found)).expect("a name").0;
        let count = if element.is_array() { 1 + self.dice.below(3) } else { 1 };
        self.separate();
        let shown = if self.dice.one_in(15) {
            format!("\\u{:04x}{}", u32::from(key.as_bytes()[0]), &key[1..])
        } else {
            key.to_owned()
        };
        self.out.push_str(&format!("\"{shown}\":{}", if element.is_array() { "[" } else { "" }));
        let with_siblings = found.kind().is_primitive() && self.dice.one_in(4);
        for _ in 0..count {
            self.separate_item(element);
            if with_siblings && element.is_array() && self.dice.one_in(3) {
                self.out.push_str("null");
            } else {
                self.value(owner, element, found, depth);
            }
        }
        if element.is_array() {
            self.out.push(']');
        }
        if with_siblings {
            self.separate();
            self.out.push_str(&format!("\"_{key}\":{}", if element.is_array() { "[" } else { "" }));
            for _ in 0..count {
                self.separate_item(element);
                if element.is_array() && self.dice.one_in(3) {
                    self.out.push_str("null");
                } else {
                    self.out.push_str("{\"extension\":[");
                    self.extension();
                    self.out.push_str("]}");
                }
            }
            if element.is_array() {
                self.out.push(']');
            }
        }
    }

    fn separate_item(&mut self, element: &Element) {
        if element.is_array() && !self.out.ends_with('[') {
            self.out.push(',');
        }
    }

    fn text(&mut self) -> String {
        self.count += 1;
        match self.dice.below(4) {
            0 => format!("\"v{}\\u00e9\\n\"", self.count),
            _ => format!("\"v{}\"", self.count),
        }
    }

    fn extension(&mut self) {
        let (url, text) = (self.dice.pick(&URLS), self.text());
        if self.dice.one_in(4) {
            self.out.push_str(&format!(
                "{{\"url\":\"{url}\",\"extension\":[{{\"url\":\"part\",\"valueString\":{text}}}]}}"
            ));
        } else {
            self.out.push_str(&format!("{{\"url\":\"{url}\",\"valueString\":{text}}}"));
        }
    }

    fn value(&mut self, owner: TypeId, element: &Element, found: TypeId, depth: usize) {
        match (found.kind(), found.name()) {
            (TypeKind::Number, _) => {
                self.count += 1;
                self.out.push_str(&format!("{}.{}0", self.count, self.dice.below(1000)));
            }
            (TypeKind::Boolean, _) => self.out.push_str(if self.dice.one_in(2) { "true" } else { "false" }),
            (TypeKind::Text, _) if owner.name() == "Reference" && element.name() == "reference" => {
                let address = self.dice.pick(&REFERENCES);
                self.out.push_str(&format!("\"{address}\""));
            }
            (TypeKind::Text, _) if owner.name() == "Identifier" && element.name() == "system" => {
                let system = self.dice.pick(&SYSTEMS);
                self.out.push_str(&format!("\"{system}\""));
            }
            (TypeKind::Text, _) => {
                let text = self.text();
                self.out.push_str(&text);
            }
            (_, "Extension") => self.extension(),
            (TypeKind::Abstract | TypeKind::Resource, _) => {
                let nested = self.dice.pick(&["Practitioner", "Medication", "Patient", "Observation"]);
                self.one(type_named(nested).expect("a type"), depth + 3);
            }
            (TypeKind::Complex | TypeKind::Backbone, _) => {
                self.out.push('{');
                self.members(found, depth + 1);
                if owner.name() != "Reference" && found.name() == "Reference" && self.out.ends_with('{') {
                    self.out.push_str(&format!("\"reference\":\"{}\"", self.dice.pick(&REFERENCES)));
                }
                self.out.push('}');
            }
        }
    }
}

/// Some paths of `owner`, at least one, and some modifiers to keep back.
pub(crate) fn paths(owner: TypeId, seed: u64) -> (Vec<String>, Vec<String>) {
    let mut dice = Dice::new(seed ^ 0xABCD_EF01);
    let mut shared = vec!["language".to_owned(); usize::from(owner.name() != "Bundle")];
    for element in owner.elements() {
        if matches!(element.name(), "modifierExtension" | "implicitRules" | "id") {
            continue;
        }
        match dice.below(6) {
            0 | 1 => shared.push(element.name().to_owned()),
            2 => {
                let mut path = element.name().to_owned();
                let mut types: Vec<TypeId> = element.types().iter().map(|found| found.id()).collect();
                for _ in 0..=dice.below(3) {
                    let names: Vec<_> = types.iter().flat_map(|found| found.elements()).collect();
                    let names: Vec<_> = names.into_iter().filter(|found| found.name() != "id").collect();
                    if names.is_empty() || types.iter().any(|found| found.kind() == TypeKind::Abstract) {
                        break;
                    }
                    let next = dice.pick(&names);
                    path = format!("{path}.{}", next.name());
                    types = next.types().iter().map(|found| found.id()).collect();
                }
                shared.push(path);
            }
            3 => shared.push(format!("{}.extension:{}", element.name(), dice.pick(&URLS))),
            4 if element.name() == "identifier" => shared.push(format!("identifier:{}", dice.pick(&SYSTEMS))),
            _ => {}
        }
    }
    if dice.one_in(3) {
        shared.push(format!("extension:{}", URLS[0]));
    }
    shared.retain(|path| ElementPath::parse(owner, path).is_ok());
    shared.retain(|path| !path.contains("modifierExtension") && !path.contains("implicitRules"));
    let modifiers = owner.elements().filter(|element| {
        element.is_modifier() && !matches!(element.name(), "modifierExtension" | "implicitRules")
    });
    let withhold: Vec<_> = modifiers
        .map(|element| element.name().to_owned())
        .filter(|name| dice.one_in(20) && !shared.contains(name))
        .collect();
    (shared, withhold)
}
