//! Strings: names, addresses and other words.

use super::{Place, Told};
use crate::tree::Node;

/// How a string is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum How {
    /// Equal or begins so, without regard to case and accents.
    Begins,
    /// The very same.
    Exact,
    /// Anywhere in it, without regard to case and accents.
    Contains,
}

impl How {
    /// That of a modifier, if it is one for strings that is told here.
    pub(super) fn of(modifier: Option<&str>) -> Option<Self> {
        match modifier {
            None => Some(Self::Begins),
            Some("exact") => Some(Self::Exact),
            Some("contains") => Some(Self::Contains),
            Some(_) => None,
        }
    }
}

/// Whether a value is what is wanted.
pub(super) fn meets(place: &Place<'_>, how: How, wanted: &str) -> Option<Told> {
    let node = place.node;
    // What a name or an address consists of is the server's to choose; these parts every server must know.
    let of = |sure: &[&str], perhaps: &[&str]| {
        let sure = parts(node, sure).into_iter().map(|text| compared(text, how, wanted));
        let perhaps = parts(node, perhaps).into_iter().map(|text| match compared(text, how, wanted) {
            Told::No => Told::No,
            Told::Yes | Told::Open => Told::Open,
        });
        Told::any(sure.chain(perhaps))
    };
    Some(match place.of {
        "HumanName" => of(&["family", "given"], &["prefix", "suffix", "text"]),
        "Address" => of(&["line", "city", "postalCode"], &["district", "state", "country", "text"]),
        "string" | "markdown" => compared(node.text()?, how, wanted),
        _ => return None,
    })
}

fn parts<'t>(node: Node<'t>, names: &[&str]) -> Vec<&'t str> {
    node.children().filter(|child| names.contains(&child.name())).filter_map(Node::text).collect()
}

fn compared(value: &str, how: How, wanted: &str) -> Told {
    let by_case = (value.to_lowercase(), wanted.to_lowercase());
    let folded = (fold(value), fold(wanted));
    let words = folded.0.split(|letter: char| !letter.is_alphanumeric()).skip(1);
    match how {
        How::Exact => Told::from(value == wanted),
        How::Contains if by_case.0.contains(&by_case.1) => Told::Yes,
        How::Contains if folded.0.contains(&folded.1) => Told::Open,
        How::Begins if by_case.0.starts_with(&by_case.1) => Told::Yes,
        // Accents, and whether a later word may begin so, servers see differently.
        How::Begins if folded.0.starts_with(&folded.1) => Told::Open,
        How::Begins if words.into_iter().any(|word| word.starts_with(&folded.1)) => Told::Open,
        How::Contains | How::Begins => Told::No,
    }
}

/// Lower case without the accents of Latin letters.
fn fold(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.to_lowercase().chars() {
        let plain = match letter {
            'à' | 'á' | 'â' | 'ã' | 'ä' | 'å' | 'ā' => 'a',
            'ç' | 'ć' | 'č' => 'c',
            'è' | 'é' | 'ê' | 'ë' | 'ē' | 'ę' => 'e',
            'ì' | 'í' | 'î' | 'ï' | 'ī' => 'i',
            'ł' => 'l',
            'ñ' | 'ń' => 'n',
            'ò' | 'ó' | 'ô' | 'õ' | 'ö' | 'ø' | 'ō' => 'o',
            'ś' | 'š' => 's',
            'ù' | 'ú' | 'û' | 'ü' | 'ū' => 'u',
            'ý' | 'ÿ' => 'y',
            'ž' | 'ź' | 'ż' => 'z',
            // Combining accents.
            '\u{300}'..='\u{36f}' => continue,
            other => other,
        };
        out.push(plain);
    }
    out
}
