//! Places and ways to reach somebody, as they stand in a resource: how they are asked for, and when two are the same.

use std::collections::BTreeSet;

use fhir::json::{Kind, Node};

/// Kinds of ContactPoint that reach somebody.
const REACHES: [&str; 6] = ["phone", "fax", "email", "pager", "sms", "other"];
/// Where an Address stands, whatever is in it.
const ADDRESSES: [&str; 2] = ["address", "valueAddress"];
/// Where a ContactPoint stands.
const CONTACTS: [&str; 2] = ["telecom", "valueContactPoint"];
/// Digits of the shortest number that is told apart.
const DIGITS_MIN: usize = 6;
/// Letters of the shortest line that is looked for in a text.
const LETTERS_MIN: usize = 5;

/// The places of a resource.
#[derive(Debug, Default)]
pub(super) struct Places {
    addresses: BTreeSet<Address>,
    /// Numbers and mail addresses, as they stand.
    reached: BTreeSet<String>,
}

/// An address, as it stands.
#[derive(Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Address {
    postcode: Option<String>,
    lines: BTreeSet<String>,
    text: Option<String>,
}

/// Whose places are looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Whose {
    /// Whatever a view shows.
    Anybody,
    /// Of a Patient whose own they are: numbers of her contacts are those of others, a ward's or a duty team's.
    OfAProtectedPerson,
}

impl Places {
    /// How many there are.
    pub(super) fn len(&self) -> usize {
        let address = |one: &Address| one.lines.len() + usize::from(one.text.is_some()) + 1;
        self.addresses.iter().map(address).sum::<usize>() + self.reached.len()
    }

    /// Those that are asked for by these values of one parameter.
    pub(super) fn of_values(name: &str, values: &BTreeSet<String>) -> Self {
        let mut found = Self::default();
        for text in values.iter().cloned() {
            match name {
                "telecom" => {
                    found.reached.insert(text);
                }
                "address-postalcode" => {
                    found.addresses.insert(Address { postcode: Some(text), ..Address::default() });
                }
                _ => {
                    found.addresses.insert(Address { lines: BTreeSet::from([text]), ..Address::default() });
                }
            }
        }
        found
    }

    pub(super) fn extend(&mut self, other: Self) {
        self.addresses.extend(other.addresses);
        self.reached.extend(other.reached);
    }

    /// Adds what stands in `root`.
    pub(super) fn look(&mut self, root: Node<'_>, whose: Whose) {
        let mut open = vec![(root, Stands::Elsewhere)];
        while let Some((node, stands)) = open.pop() {
            open.extend(node.items().map(|item| (item, stands)));
            if node.kind() == Kind::Object {
                self.look_at(node, stands);
            }
            for (key, value) in node.members() {
                let of_other =
                    stands == Stands::InAContact && key.is("telecom") && whose == Whose::OfAProtectedPerson;
                if of_other {
                    continue;
                }
                let inside = match () {
                    () if ADDRESSES.iter().any(|name| key.is(name)) => Stands::AsAnAddress,
                    () if CONTACTS.iter().any(|name| key.is(name)) => Stands::AsAContactPoint,
                    () if key.is("contact") => Stands::InAContact,
                    () => Stands::Elsewhere,
                };
                open.push((value, inside));
            }
        }
    }

    fn look_at(&mut self, node: Node<'_>, stands: Stands) {
        if let Some(address) = address(node, stands) {
            self.addresses.insert(address);
        }
        let reaches = match node.str_at(&["system"]) {
            Some(system) => REACHES.contains(&&*system),
            None => stands == Stands::AsAContactPoint,
        };
        if let (true, Some(value)) = (reaches, node.str_at(&["value"])) {
            self.reached.insert(value.into_owned());
        }
    }

    /// What is asked for: parameters of Patient, and the values of which one must match.
    pub(super) fn asked(&self) -> [(&'static str, BTreeSet<String>); 3] {
        let postcodes = self.addresses.iter().flat_map(Address::postcodes);
        let postcodes = postcodes.flat_map(|text| spellings(&text)).collect();
        let lines = self.addresses.iter().flat_map(Address::parts).collect();
        let reached = self.reached.iter().flat_map(|text| numbers(text)).collect();
        [("address-postalcode", postcodes), ("address", lines), ("telecom", reached)]
    }

    /// Whether one of these is one of the others.
    pub(super) fn meets(&self, others: &Self) -> bool {
        let packed = |all: &Self| all.addresses.iter().map(Packed::of).collect::<Vec<_>>();
        let others_packed = packed(others);
        let is_there = |one: Packed| others_packed.iter().any(|other| one.is(other));
        let reached =
            |all: &Self| all.reached.iter().filter_map(|text| reached(text)).collect::<BTreeSet<_>>();
        packed(self).into_iter().any(is_there) || !reached(self).is_disjoint(&reached(others))
    }
}

/// Where an object stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stands {
    AsAnAddress,
    AsAContactPoint,
    InAContact,
    Elsewhere,
}

/// The address that an object is, if it is one: a concept or a name has a text too.
fn address(node: Node<'_>, stands: Stands) -> Option<Address> {
    let telling = ["postalCode", "line", "city", "district", "state", "country"];
    if stands != Stands::AsAnAddress && !telling.into_iter().any(|name| node.member(name).is_some()) {
        return None;
    }
    let text_at =
        |name| node.str_at(&[name]).map(|text| text.into_owned()).filter(|text| !text.trim().is_empty());
    let found = Address {
        postcode: text_at("postalCode"),
        lines: node.walk(&["line"]).filter_map(|line| Some(line.string()?.into_owned())).collect(),
        text: text_at("text"),
    };
    (found != Address::default()).then_some(found)
}

impl Address {
    /// Its postcode, or those that its text ends in.
    fn postcodes(&self) -> Vec<String> {
        match &self.postcode {
            Some(postcode) => vec![postcode.clone()],
            None => self
                .lines
                .iter()
                .chain(&self.text)
                .flat_map(|text| segments(text))
                .filter_map(ending)
                .collect(),
        }
    }

    /// The lines, each whole and up to its first comma; the same of a text.
    fn parts(&self) -> BTreeSet<String> {
        let texts = self.lines.iter().chain(&self.text);
        let parts = texts.flat_map(|text| std::iter::once(text.as_str()).chain(segments(text).take(1)));
        parts.map(|part| part.trim().to_owned()).filter(|part| !part.is_empty()).collect()
    }
}

/// An address as it is compared.
struct Packed {
    postcodes: BTreeSet<String>,
    parts: BTreeSet<String>,
    text: Option<String>,
}

impl Packed {
    fn of(address: &Address) -> Self {
        Self {
            postcodes: address.postcodes().iter().map(|text| letters(text)).collect(),
            parts: address.parts().iter().map(|text| letters(text)).collect(),
            text: address.text.as_deref().map(letters),
        }
    }

    /// Whether both are the same place. Where both have postcodes these decide; a line tells a place where one has none.
    fn is(&self, other: &Self) -> bool {
        if !self.postcodes.is_empty() && !other.postcodes.is_empty() {
            return !self.postcodes.is_disjoint(&other.postcodes);
        }
        !self.parts.is_disjoint(&other.parts) || self.tells(other) || other.tells(self)
    }

    /// Whether the text of this one has a line or the postcode of the other in it.
    fn tells(&self, other: &Self) -> bool {
        let Some(text) = &self.text else { return false };
        let parts = other.parts.iter().chain(&other.postcodes);
        let mut parts = parts.filter(|part| part.chars().count() >= LETTERS_MIN);
        parts.any(|part| text.contains(part.as_str()))
    }
}

/// What stands between commas or in lines of its own.
fn segments(text: &str) -> impl Iterator<Item = &str> {
    text.split([',', ';', '\n']).map(str::trim).filter(|segment| !segment.is_empty())
}

/// The postcode that a text ends in.
fn ending(text: &str) -> Option<String> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let tails = [2, 1].map(|length| words.iter().rev().take(length).rev().copied().collect::<String>());
    tails.into_iter().find(|tail| is_postcode(tail))
}

/// Whether a text without spaces has the form of a postcode of the United Kingdom.
fn is_postcode(text: &str) -> bool {
    let letters: Vec<char> = text.chars().collect();
    let begins = letters.first().is_some_and(char::is_ascii_alphabetic);
    let ends = match letters.as_slice() {
        [.., digit, one, other] => {
            digit.is_ascii_digit() && one.is_ascii_alphabetic() && other.is_ascii_alphabetic()
        }
        _ => false,
    };
    (5..=7).contains(&letters.len()) && letters.iter().all(char::is_ascii_alphanumeric) && begins && ends
}

/// Letters and digits alone, in small letters.
fn letters(text: &str) -> String {
    text.chars().filter(|letter| letter.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// A mail address in small letters, or the digits of a number as they are dialled at home.
fn reached(text: &str) -> Option<String> {
    if text.contains('@') {
        return Some(text.trim().to_lowercase());
    }
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    let abroad = digits.strip_prefix("0044").or_else(|| digits.strip_prefix("44"));
    let is_abroad = text.trim_start().starts_with('+') || digits.starts_with("0044");
    let digits = match abroad.filter(|_| is_abroad) {
        Some(rest) => format!("0{}", rest.trim_start_matches('0')),
        None => digits,
    };
    (digits.len() >= DIGITS_MIN).then_some(digits)
}

/// A number or mail address as it stands, and as systems write it.
fn numbers(text: &str) -> BTreeSet<String> {
    let mut all = BTreeSet::from([text.trim().to_owned()]);
    let Some(packed) = reached(text) else { return all };
    if let (Some(rest), false) = (packed.strip_prefix('0'), packed.contains('@')) {
        all.extend([format!("+44{rest}"), format!("44{rest}"), format!("0044{rest}")]);
        for (area, number) in [5, 4, 3].into_iter().filter_map(|at| packed.split_at_checked(at)) {
            all.insert(format!("{area} {number}"));
        }
        if let Some((area, number)) = rest.split_at_checked(4) {
            all.insert(format!("+44 {area} {number}"));
        }
    }
    all.insert(packed);
    all
}

/// A postcode as it stands, with and without the space before its last three letters.
fn spellings(postcode: &str) -> BTreeSet<String> {
    let packed: String = postcode.chars().filter(|letter| !letter.is_whitespace()).collect();
    let packed = packed.to_uppercase();
    let mut all = BTreeSet::from([postcode.to_owned(), packed.clone()]);
    let split = packed.char_indices().rev().nth(2).map(|(at, _)| packed.split_at(at));
    if let Some((outward, inward)) = split {
        all.insert(format!("{outward} {inward}"));
    }
    all
}

#[cfg(test)]
mod tests {
    use fhir::json::{Limits, parse};

    use super::*;

    fn places(json: &'static str, whose: Whose) -> Places {
        let document = parse(json.into(), &Limits::default()).expect("strict JSON");
        let mut found = Places::default();
        found.look(document.root(), whose);
        found
    }

    fn are_alike(one: &'static str, other: &'static str) -> bool {
        let [one, other] = [one, other].map(|json| places(json, Whose::Anybody));
        assert_eq!(one.meets(&other), other.meets(&one));
        one.meets(&other)
    }

    #[test]
    fn places_are_the_same_however_they_are_spelt() {
        let address = r#"{"address":[{"line":["1 Hidden Lane"],"postalCode":"ZZ99 9DQ"}]}"#;
        assert!(are_alike(address, r#"{"contact":[{"address":{"postalCode":"zz999dq"}}]}"#));
        assert!(!are_alike(address, r#"{"address":[{"postalCode":"ZZ99 9DR"}]}"#));
        assert!(are_alike(
            r#"{"address":[{"line":["1 Hidden Lane"]}]}"#,
            r#"{"address":[{"line":["1, hidden lane"]}]}"#
        ));
        let phone = r#"{"telecom":[{"system":"phone","value":"07700 900481"}]}"#;
        for other in ["+44 (0)7700 900481", "00447700900481", "07700-900-481"] {
            let other = format!(r#"{{"telecom":[{{"system":"sms","value":"{other}"}}]}}"#);
            assert!(are_alike(phone, other.leak()));
        }
        assert!(are_alike(phone, r#"{"telecom":[{"value":"07700900481"}]}"#), "of no stated kind");
        assert!(!are_alike(phone, r#"{"identifier":[{"system":"urn:x","value":"07700900481"}]}"#));
        let mail = r#"{"telecom":[{"system":"email","value":"D@Mail.example"}]}"#;
        assert!(are_alike(mail, r#"{"telecom":[{"system":"email","value":"d@mail.example"}]}"#));
        assert!(!are_alike(r#"{"code":{"text":"a"}}"#, r#"{"code":{"text":"a"}}"#));
    }

    #[test]
    fn a_line_tells_a_place_where_one_side_has_no_postcode() {
        let whole = r#"{"address":[{"line":["The Flat","1 Hidden Lane"],"postalCode":"ZZ99 9DQ"}]}"#;
        for (other, expected) in [
            (r#"{"address":[{"line":["1 Hidden Lane"]}]}"#, true),
            (r#"{"address":[{"line":["1 Hidden Lane"],"postalCode":"ZZ99 9DR"}]}"#, false),
            (r#"{"address":[{"line":["2 Hidden Lane"]}]}"#, false),
            (r#"{"address":[{"text":"1 Hidden Lane, Exampleton"}]}"#, true),
            (r#"{"address":[{"text":"near Exampleton ZZ999DQ"}]}"#, true),
            (
                r#"{"extension":[{"url":"https://x","valueAddress":{"text":"The Flat, 1 Hidden Lane"}}]}"#,
                true,
            ),
            (r#"{"address":[{"text":"Exampleton ZZ99 9DR"}]}"#, false),
            (r#"{"name":[{"text":"1 Hidden Lane"}]}"#, false),
        ] {
            assert_eq!(are_alike(whole, other), expected, "{other}");
        }
    }

    #[test]
    fn the_numbers_of_her_contacts_are_not_hers() {
        let json = r#"{"telecom":[{"system":"phone","value":"07700900481"}],
            "contact":[{"telecom":[{"system":"phone","value":"07700900777"}],"address":{"postalCode":"ZZ99 9DQ"}}]}"#;
        let reached = |whose| places(json, whose).reached.into_iter().collect::<Vec<_>>();
        assert_eq!(reached(Whose::OfAProtectedPerson), ["07700900481"]);
        assert_eq!(reached(Whose::Anybody).len(), 2);
        assert_eq!(places(json, Whose::OfAProtectedPerson).addresses.len(), 1, "but she may be with them");
    }

    #[test]
    fn what_is_asked_is_spelt_as_systems_spell_it() {
        let all: Vec<String> = spellings("zz999dq").into_iter().collect();
        assert_eq!(all, ["ZZ99 9DQ", "ZZ999DQ", "zz999dq"]);
        let all = numbers("+44 (0)7700 900481");
        for spelling in ["+44 (0)7700 900481", "07700900481", "+447700900481", "07700 900481", "447700900481"]
        {
            assert!(all.contains(spelling), "{spelling} {all:?}");
        }
        let all: Vec<String> = numbers("D@Mail.example").into_iter().collect();
        assert_eq!(all, ["D@Mail.example", "d@mail.example"]);
        let found = places(r#"{"address":[{"text":"1 Lane, Exampleton, ZZ99 9DQ"}]}"#, Whose::Anybody);
        let [(_, postcodes), (_, lines), _] = found.asked();
        assert!(postcodes.contains("ZZ99 9DQ") && lines.contains("1 Lane"), "{postcodes:?} {lines:?}");
    }
}
