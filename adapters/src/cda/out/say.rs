//! What an entry says, in words, for a section whose narrative does not say it.

use fhir::json::{Kind, Node};

use super::engine::Run;

/// What a dosage is said with.
const DOSAGE: [(&str, &str); 14] = [
    ("text", ""),
    ("timing", ""),
    ("asNeededBoolean", "as needed: "),
    ("asNeededCodeableConcept", "as needed for "),
    ("site", "at "),
    ("route", "by "),
    ("doseAndRate", ""),
    ("doseQuantity", ""),
    ("doseRange", ""),
    ("rateQuantity", "rate "),
    ("rateRange", "rate "),
    ("maxDosePerPeriod", "at most "),
    ("patientInstruction", ""),
    ("additionalInstruction", ""),
];

/// The most words of one entry.
const WORDS_MAX: usize = 16 << 10;

/// An entry in words.
pub(super) struct Line<'b> {
    pub(super) words: String,
    /// The words of each element.
    pub(super) parts: Vec<String>,
    /// What is said with them.
    pub(super) said: Vec<Node<'b>>,
}

impl<'b> Run<'_, 'b> {
    /// What `resource` says.
    pub(super) fn line(&self, resource: Node<'b>) -> Option<Line<'b>> {
        let kind = resource.member("resourceType").and_then(Node::string)?;
        let elements = self.maps.tables.said.get(&*kind)?;
        let mut line = Line { words: String::new(), parts: Vec::new(), said: Vec::new() };
        for (path, word) in elements {
            for found in self.source.find(path, resource) {
                if line.words.len() > WORDS_MAX {
                    break;
                }
                let Some(words) = self.words(found, 0, &mut line.said) else { continue };
                if !line.words.is_empty() {
                    line.words.push_str("; ");
                }
                if !word.is_empty() {
                    line.words.push_str(word);
                    line.words.push_str(": ");
                }
                line.words.push_str(&words);
                line.parts.push(words);
            }
        }
        (!line.parts.is_empty()).then_some(line)
    }

    /// The words by which a narrative may name what `resource` is about.
    pub(super) fn names(&self, resource: Node<'b>) -> Vec<String> {
        let kind = resource.member("resourceType").and_then(Node::string).unwrap_or_default();
        let first =
            self.maps.tables.said.get(&*kind).into_iter().flatten().filter(|(_, word)| word.is_empty());
        let mut names = Vec::new();
        for node in first.flat_map(|(path, _)| self.source.find(path, resource)) {
            let own = node.walk(&["coding", "display"]).chain(node.walk(&["text"])).filter_map(Node::string);
            names.extend(own.map(std::borrow::Cow::into_owned));
            names.extend(self.words(node, 0, &mut Vec::new()));
        }
        names
    }

    /// Whether a modifier of `resource` says other than what a reader takes for granted.
    pub(super) fn is_loud(&self, resource: Node<'b>) -> bool {
        let kind = resource.member("resourceType").and_then(Node::string).unwrap_or_default();
        self.maps.tables.plain.iter().any(|(element, values)| {
            let Some(path) = element.strip_prefix(&*kind).and_then(|rest| rest.strip_prefix('.')) else {
                return false;
            };
            resource.walk(&[path]).any(|found| {
                let plain = |text: &str| values.iter().any(|value| value.trim_end_matches('!') == text);
                let codes = found.walk(&["coding", "code"]).filter_map(Node::string);
                let own =
                    found.string().or_else(|| Some(if found.boolean()? { "true" } else { "false" }.into()));
                codes.chain(own).any(|code| !plain(&code))
            })
        })
    }

    /// A value in words; what has them is added to `said`.
    fn words(&self, node: Node<'b>, depth: usize, said: &mut Vec<Node<'b>>) -> Option<String> {
        match node.kind() {
            Kind::String => {
                said.push(node);
                return node
                    .string()
                    .map(|text| self.clean(node, text.trim()))
                    .filter(|text| !text.is_empty());
            }
            Kind::Object => {}
            Kind::Array | Kind::Number | Kind::Boolean | Kind::Null => {
                let boolean = node.boolean().map(|held| if held { "yes" } else { "no" });
                said.push(node);
                return node.number_text().or(boolean).map(str::to_owned);
            }
        }
        if let Some(words) = self.composed(node, depth, said) {
            return Some(words);
        }
        if let Some(value) = node.member("value").filter(|value| value.number_text().is_some()) {
            let bound = self.side(node, "comparator", depth, said).unwrap_or_default();
            let unit = self.side(node, "unit", depth, said).or_else(|| self.side(node, "code", depth, said));
            said.push(value);
            // The same words say the code.
            if node.str_at(&["code"]) == node.str_at(&["unit"]) {
                said.extend(["code", "system"].iter().filter_map(|name| node.member(name)));
            }
            return Some(
                format!("{bound}{} {}", value.number_text()?, unit.unwrap_or_default()).trim().to_owned(),
            );
        }
        if let Some(over) = self.side(node, "numerator", depth, said) {
            return self.side(node, "denominator", depth, said).map(|under| format!("{over} / {under}"));
        }
        for (from, until) in [("start", "end"), ("low", "high")] {
            match (self.side(node, from, depth, said), self.side(node, until, depth, said)) {
                (Some(from), Some(until)) => return Some(format!("{from} to {until}")),
                (Some(from), None) => return Some(format!("from {from}")),
                (None, Some(until)) => return Some(format!("until {until}")),
                (None, None) => {}
            }
        }
        let named = self.side(node, "text", depth, said);
        let coding = node.walk(&["coding"]).next().unwrap_or(node);
        let named = named.or_else(|| self.side(coding, "display", depth, said));
        named.or_else(|| self.side(coding, "code", depth, said)).or_else(|| {
            let target = self.source.target(node).filter(|_| depth < 2)?;
            let names = ["code", "name", "type", "deviceName"];
            let inner = names.iter().find_map(|name| target.walk(&[name]).next())?;
            let words = self.words(inner, depth + 1, said)?;
            said.extend(node.member("reference"));
            Some(words)
        })
    }

    /// What is made of several elements: a dosage, how often, a code with its value, what a reference leads to.
    fn composed(&self, node: Node<'b>, depth: usize, said: &mut Vec<Node<'b>>) -> Option<String> {
        if node.member("repeat").is_some_and(|repeat| repeat.kind() == Kind::Object) {
            return self.how_often(node, depth, said);
        }
        // The text alone may be that of anything.
        if DOSAGE.iter().skip(1).any(|(name, _)| node.member(name).is_some()) {
            let mut parts = Vec::new();
            for (name, word) in DOSAGE.iter().filter(|_| depth < 4) {
                for found in node.walk(&[name]) {
                    parts.extend(self.words(found, depth + 1, said).map(|words| format!("{word}{words}")));
                }
            }
            return (!parts.is_empty()).then(|| parts.join(", "));
        }
        if let Some(code) = node.member("code").filter(|code| code.kind() == Kind::Object && depth < 4) {
            let mut words = self.words(code, depth + 1, said)?;
            for (key, value) in node.members() {
                let key = key.text();
                let is_value = key.starts_with("value") || ["onsetAge", "dataAbsentReason"].contains(&&*key);
                if is_value && let Some(value) = self.words(value, depth + 1, said) {
                    words.push(' ');
                    words.push_str(&value);
                }
            }
            return Some(words);
        }
        let target = self.source.target(node).filter(|_| depth < 3)?;
        let kind = target.member("resourceType").and_then(Node::string)?;
        let elements = self.maps.tables.said.get(&*kind)?;
        let subject = target.member("subject").or_else(|| target.member("patient"))?;
        if !self.is_patient(subject) {
            return None;
        }
        let mut parts = Vec::new();
        for (path, word) in elements {
            for found in self.source.find(path, target).into_iter().take(64) {
                let Some(words) = self.words(found, depth + 1, said) else { continue };
                parts.push(if word.is_empty() { words } else { format!("{word} {words}") });
            }
        }
        said.extend(node.member("reference"));
        said.extend(subject.member("reference"));
        (!parts.is_empty()).then(|| format!("({})", parts.join(", ")))
    }

    /// A Timing of which nothing but this is said.
    fn how_often(&self, node: Node<'b>, depth: usize, said: &mut Vec<Node<'b>>) -> Option<String> {
        let repeat = node.member("repeat")?;
        let known = ["frequency", "period", "periodUnit", "when"];
        if !repeat.members().all(|(key, _)| known.iter().any(|name| key.is(name))) {
            return node.member("code").and_then(|code| self.words(code, depth + 1, said));
        }
        let number = |name| repeat.member(name).and_then(Node::number_text);
        let mut words = match (number("period"), repeat.member("periodUnit").and_then(Node::string)) {
            (Some(period), Some(unit)) => {
                format!("{} times in {period} {unit}", number("frequency").unwrap_or("1"))
            }
            _ => String::new(),
        };
        for event in repeat.walk(&["when"]).filter_map(Node::string) {
            words = format!("{words} {}", self.clean(repeat, &event)).trim().to_owned();
        }
        said.push(repeat);
        (!words.is_empty()).then_some(words)
    }

    fn side(&self, node: Node<'b>, name: &str, depth: usize, said: &mut Vec<Node<'b>>) -> Option<String> {
        node.member(name).filter(|_| depth < 4).and_then(|side| self.words(side, depth + 1, said))
    }
}
