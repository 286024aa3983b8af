//! Names, addresses, times, quantities and contents as the data types of CDA.

use fhir::instant::DateTime;
use fhir::json::Node;

use super::engine::Run;
use super::xml::{Element, is_allowed};
use crate::{Severity, Why};

const UCUM: &str = "http://unitsofmeasure.org";

impl<'b> Run<'_, 'b> {
    /// The letters of `text` that XML has.
    pub(super) fn clean(&self, node: Node<'b>, text: &str) -> String {
        if text.chars().all(is_allowed) {
            return text.to_owned();
        }
        self.source.remark(node, Why::ControlCharacters, Severity::Minor);
        text.chars().filter(|letter| is_allowed(*letter)).collect()
    }

    /// A string as it stands.
    pub(super) fn string(&self, node: Node<'b>) -> Option<String> {
        let text = self.clean(node, &node.string()?);
        self.source.mark(node);
        (!text.trim().is_empty()).then_some(text)
    }

    /// A date, dateTime or instant as a TS, as precise as it is.
    pub(super) fn moment(&self, node: Node<'b>) -> Option<Element> {
        let text = node.string()?;
        if DateTime::parse(&text).is_err() {
            self.source.remark(node, Why::NotATime, Severity::Major);
            return None;
        }
        self.source.mark(node);
        Some(Element::value().with("value", stamp(&text)))
    }

    pub(super) fn period(&self, node: Node<'b>) -> Option<Element> {
        let mut made = Element::value();
        for (side, name) in [("start", "low"), ("end", "high")] {
            if let Some(mut time) = node.member(side).and_then(|side| self.moment(side)) {
                time.name = name.to_owned();
                made.add(time);
            }
        }
        if made.content.is_empty() { self.absent(node) } else { Some(made) }
    }

    /// A HumanName as a PN. A name of a use that CDA has no word for is not carried: it would be taken for the present one.
    pub(super) fn human_name(&self, node: Node<'b>) -> Option<Element> {
        let mut made = Element::value();
        self.used(node, "name-use", &mut made)?;
        let mut words: Vec<String> = Vec::new();
        for part in ["prefix", "given", "family", "suffix"] {
            for found in node.walk(&[part]) {
                if let Some(text) = self.string(found) {
                    words.extend(text.split_whitespace().map(str::to_lowercase));
                    made.add(Element::new(part).saying(text));
                }
            }
        }
        self.whole(node, &words, &mut made);
        if made.content.is_empty() {
            return self.absent(node);
        }
        if let Some(mut period) = node.member("period").and_then(|period| self.period(period)) {
            period.name = "validTime".to_owned();
            made.add(period);
        }
        self.use_said(node);
        Some(made)
    }

    /// In place of an address or number of somebody whose whereabouts are protected: CDA has no label for a person.
    fn masked(&self, place: Node<'b>) -> Option<Element> {
        self.source.hides(place).then(|| {
            self.source.remark(place, Why::Protected, Severity::Major);
            Element::value().with("nullFlavor", "MSK")
        })
    }

    pub(super) fn address(&self, node: Node<'b>) -> Option<Element> {
        if let Some(masked) = self.masked(node) {
            return Some(masked);
        }
        let mut made = Element::value();
        self.used(node, "address-use", &mut made)?;
        let kind = node.member("type").filter(|kind| kind.is_string("postal") || kind.is_string("physical"));
        if let Some(code) = kind.and_then(|kind| self.mapped(kind, "address-use")) {
            let code = code.attribute("code").unwrap_or_default().to_owned();
            let both = made.attribute("use").map_or_else(|| code.clone(), |held| format!("{held} {code}"));
            made.set("use", both);
        }
        let mut words: Vec<String> = Vec::new();
        let parts = [
            ("line", "streetAddressLine"),
            ("city", "city"),
            ("district", "county"),
            ("state", "state"),
            ("postalCode", "postalCode"),
            ("country", "country"),
        ];
        for (part, name) in parts {
            for found in node.walk(&[part]) {
                if let Some(text) = self.string(found) {
                    words.extend(text.split_whitespace().map(str::to_lowercase));
                    made.add(Element::new(name).saying(text));
                }
            }
        }
        self.whole(node, &words, &mut made);
        if made.content.is_empty() {
            return self.absent(node);
        }
        if let Some(mut period) = node.member("period").and_then(|period| self.period(period)) {
            period.name = "useablePeriod".to_owned();
            period.set("xsi:type", "IVL_TS".to_owned());
            made.add(period);
        }
        self.use_said(node);
        Some(made)
    }

    /// The text of a name or address: all there is, or no more than its parts say.
    fn whole(&self, node: Node<'b>, words: &[String], made: &mut Element) {
        let Some(text) = node.member("text") else { return };
        if words.is_empty() {
            if let Some(text) = self.string(text) {
                made.content.push(super::xml::Item::Text(text));
            }
            return;
        }
        let own = text.string().unwrap_or_default();
        let mut own =
            own.split(|letter: char| letter.is_whitespace() || letter == ',').filter(|word| !word.is_empty());
        if own.all(|word| words.contains(&word.to_lowercase())) {
            self.source.mark(text);
        }
    }

    pub(super) fn telecom(&self, node: Node<'b>) -> Option<Element> {
        if let Some(masked) = self.masked(node) {
            return Some(masked);
        }
        let mut made = Element::value();
        let Some(value) = node.member("value") else { return self.absent(node) };
        let text = value.string()?;
        let system = node.member("system").and_then(Node::string).unwrap_or_default();
        let scheme = self.maps.code("telecom-scheme", &system).map_or("", |target| target.code.as_str());
        let is_web = ["http://", "https://", "ftp://"].iter().any(|scheme| text.starts_with(scheme));
        if system == "url" && !is_web {
            return None;
        }
        self.used(node, "telecom-use", &mut made)?;
        if system == "pager" {
            let both = made.attribute("use").map_or_else(|| "PG".to_owned(), |held| format!("{held} PG"));
            made.set("use", both);
        }
        let text = self.clean(value, &text);
        made.set("value", if scheme == "-" { text } else { format!("{scheme}{text}") });
        self.source.mark(value);
        self.source.mark_member(node, "system");
        if let Some(mut period) = node.member("period").and_then(|period| self.period(period)) {
            period.name = "useablePeriod".to_owned();
            period.set("xsi:type", "IVL_TS".to_owned());
            made.add(period);
        }
        self.use_said(node);
        Some(made)
    }

    /// The use; `None` when there is one that CDA has no code for.
    fn used(&self, node: Node<'b>, map: &str, made: &mut Element) -> Option<()> {
        if let Some(held) = node.member("use").and_then(Node::string) {
            made.set("use", self.maps.code(map, &held)?.code.clone());
        }
        Some(())
    }

    fn use_said(&self, node: Node<'b>) {
        self.source.mark_member(node, "use");
    }

    /// A Quantity as a PQ, or `None` when it is only a bound.
    pub(super) fn quantity(&self, node: Node<'b>) -> Option<Element> {
        if node.member("comparator").is_some() {
            return None;
        }
        self.amount(node)
    }

    fn amount(&self, node: Node<'b>) -> Option<Element> {
        let Some(value) = node.member("value") else { return self.absent(node) };
        let number = value.number_text()?;
        let unit = node.member("unit").and_then(Node::string).map(|unit| self.clean(node, &unit));
        let code = node.member("code").and_then(Node::string);
        let system = node.member("system").and_then(Node::string);
        let is_ucum = system.as_deref() == Some(UCUM);
        let ucum =
            code.as_deref().filter(|code| is_ucum && !code.is_empty() && !code.contains(char::is_whitespace));
        let mut made = Element::value();
        let mut own = Element::new("translation").with("value", number);
        match (ucum, unit, &code) {
            (Some(ucum), unit, _) => {
                made = made.with("value", number).with("unit", ucum);
                self.source.mark_member(node, "code");
                self.source.mark_member(node, "system");
                if let Some(unit) = unit.filter(|unit| unit != ucum) {
                    own.add(Element::new("originalText").saying(unit));
                    made.add(own);
                }
            }
            (None, None, None) => made = made.with("value", number),
            (None, unit, code) => {
                made = made.with("nullFlavor", "OTH");
                let oid = system.as_deref().and_then(|system| self.oid(system));
                if let (Some(code), Some(oid)) = (code, oid) {
                    own = own.with("code", code.clone().into_owned()).with("codeSystem", oid);
                    self.source.mark_member(node, "code");
                    self.source.mark_member(node, "system");
                }
                // A number whose unit has no place would be read as another.
                if unit.is_none() && own.attribute("code").is_none() {
                    return None;
                }
                if let Some(unit) = unit {
                    own.add(Element::new("originalText").saying(unit));
                }
                made.add(own);
            }
        }
        self.source.mark(value);
        self.source.mark_member(node, "unit");
        Some(made)
    }

    /// A Quantity as a value that says its type: what it is, or the bound that it is.
    pub(super) fn typed_quantity(&self, node: Node<'b>) -> Option<Element> {
        let Some(comparator) = node.member("comparator") else {
            return self.amount(node).map(|made| made.with("xsi:type", "PQ"));
        };
        let (side, inclusive) = match comparator.string()?.as_ref() {
            ">" => ("low", "false"),
            ">=" => ("low", "true"),
            "<" => ("high", "false"),
            "<=" => ("high", "true"),
            _ => return None,
        };
        let mut bound = self.amount(node)?.with("inclusive", inclusive);
        bound.name = side.to_owned();
        self.source.mark(comparator);
        let mut made = Element::value().with("xsi:type", "IVL_PQ");
        made.add(bound);
        Some(made)
    }

    /// The parts of a Range or a Ratio, each a Quantity; of a Ratio both are there.
    pub(super) fn sides(&self, node: Node<'b>, names: [&str; 2]) -> Option<Element> {
        let mut made = Element::value();
        let is_ratio = names.contains(&"numerator");
        let parts: Vec<_> = names.iter().filter_map(|name| Some((*name, node.member(name)?))).collect();
        let is_bound =
            |part: &Node<'b>| part.member("comparator").is_some() || part.member("value").is_none();
        if parts.is_empty() || parts.iter().any(|(_, part)| is_bound(part)) || is_ratio && parts.len() < 2 {
            return None;
        }
        for (name, part) in parts {
            let mut quantity = self.quantity(part)?;
            quantity.name = name.to_owned();
            if is_ratio {
                quantity.set("xsi:type", "PQ".to_owned());
            }
            made.add(quantity);
        }
        Some(made)
    }

    /// An Attachment as an ED.
    pub(super) fn attachment(&self, node: Node<'b>) -> Option<Element> {
        let mut made = Element::value();
        let held = node.member("url").and_then(Node::string).and_then(|url| self.source.at_url(&url));
        if let Some(data) = node.member("data") {
            made = made.with("representation", "B64").saying(data.string()?);
            self.source.mark(data);
        } else if let Some(data) = held.and_then(|binary| binary.member("data")) {
            // The content is in the Bundle itself.
            made = made.with("representation", "B64").saying(data.string()?);
            self.source.mark(data);
            self.source.mark_member(node, "url");
            if let Some(binary) = held {
                self.source.mark_member(binary, "contentType");
            }
        } else {
            let Some(url) = node.member("url") else { return self.absent(node) };
            made.add(Element::new("reference").with("value", self.clean(url, &url.string()?)));
            self.source.mark(url);
        }
        let kind = self.source.take(node, "contentType").map(|kind| self.clean(node, &kind));
        let inner = || held?.member("contentType")?.string().map(|kind| kind.into_owned());
        if let Some(kind) = kind.or_else(inner) {
            made.set("mediaType", kind);
        }
        Some(made)
    }

    /// A Timing as a PIVL_TS or an EIVL_TS, or `None` when it says more than one of these can.
    pub(super) fn timing(&self, node: Node<'b>) -> Option<Element> {
        let repeat = node.member("repeat")?;
        let only = |names: &[&str]| repeat.members().all(|(key, _)| names.iter().any(|name| key.is(name)));
        if only(&["when"]) {
            let mut events = repeat.walk(&["when"]);
            let (Some(event), None) = (events.next(), events.next()) else { return None };
            let code = self.mapped(event, "timing-event")?;
            let mut made = Element::value().with("xsi:type", "EIVL_TS").with("operator", "A");
            made.add(Element { name: "event".to_owned(), ..code });
            self.source.mark(repeat);
            return Some(made);
        }
        if !only(&["frequency", "period", "periodUnit", "periodMax"]) {
            return None;
        }
        let number = |name| repeat.member(name).and_then(Node::number_text);
        let unit = repeat.member("periodUnit").and_then(Node::string)?;
        let period = number("period")?;
        let frequency: u32 = number("frequency").map_or(Some(1), |text| text.parse().ok())?;
        let (period, unit) = match (frequency, number("periodMax")) {
            (1, _) => (period.to_owned(), unit.into_owned()),
            (0, _) | (_, Some(_)) => return None,
            (times, None) => every(times, period.parse().ok()?, &unit)?,
        };
        let mut every = Element::new("period");
        match number("periodMax") {
            Some(most) => {
                every.add(Element::new("low").with("value", period).with("unit", unit.as_str()));
                every.add(Element::new("high").with("value", most).with("unit", unit.as_str()));
            }
            None => every = every.with("value", period).with("unit", unit.as_str()),
        }
        let mut made = Element::value().with("xsi:type", "PIVL_TS").with("operator", "A");
        if frequency > 1 {
            made.set("institutionSpecified", "true".to_owned());
        }
        made.add(every);
        self.source.mark(repeat);
        Some(made)
    }
}

/// How far apart so many times in a period are, where that is a whole number of a smaller unit.
fn every(times: u32, period: u32, unit: &str) -> Option<(String, String)> {
    let (parts, smaller) = match unit {
        "h" => (60, "min"),
        "d" => (24, "h"),
        "wk" => (7, "d"),
        _ => return None,
    };
    let all = period.checked_mul(parts)?;
    if period.is_multiple_of(times) {
        return Some(((period / times).to_string(), unit.to_owned()));
    }
    all.is_multiple_of(times).then(|| ((all / times).to_string(), smaller.to_owned()))
}

/// A FHIR time as CDA writes it.
fn stamp(text: &str) -> String {
    let (date, time) = text.split_once('T').unwrap_or((text, ""));
    let digits = |part: &str| part.chars().filter(|letter| !matches!(letter, '-' | ':')).collect::<String>();
    if time.is_empty() {
        return digits(date);
    }
    let at = time.find(['Z', '+', '-']).unwrap_or(time.len());
    let (clock, zone) = time.split_at_checked(at).unwrap_or((time, ""));
    let zone = match zone.split_at_checked(1) {
        Some(("Z", _)) => "+0000".to_owned(),
        Some((sign, rest)) => format!("{sign}{}", digits(rest)),
        None => String::new(),
    };
    format!("{}{}{zone}", digits(date), digits(clock))
}

#[cfg(test)]
mod tests {
    use super::{every, stamp};

    #[test]
    fn a_time_stays_as_precise_as_it_is() {
        for (text, expected) in [
            ("2026", "2026"),
            ("2026-03", "202603"),
            ("2026-03-04", "20260304"),
            ("2026-03-04T10:15:00Z", "20260304101500+0000"),
            ("2026-03-04T10:15:00.25-05:30", "20260304101500.25-0530"),
        ] {
            assert_eq!(stamp(text), expected);
        }
    }

    #[test]
    fn so_many_times_is_an_interval_where_it_is_a_whole_one() {
        let said = |period: &str, unit: &str| Some((period.to_owned(), unit.to_owned()));
        assert_eq!(every(3, 1, "d"), said("8", "h"));
        assert_eq!(every(2, 4, "d"), said("2", "d"));
        assert_eq!((every(5, 1, "d"), every(2, 1, "mo")), (None, None));
    }
}
