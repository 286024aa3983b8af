//! Codes, identifiers and truth values.

use super::super::criterion::{TokenModifier, TokenTest};
use super::super::place::Found;
use super::Match;
use super::text::compact;
use crate::json::{Kind, Node};

/// Whether any of the tokens is there, or with `:not` none of them.
///
/// Of `:not` with several values R4 does not say whether one or all must be absent.
pub(super) fn modified(
    modifier: TokenModifier,
    any: &[TokenTest],
    is_there: impl Fn(&TokenTest) -> Match,
) -> Match {
    if modifier == TokenModifier::Is {
        return Match::any(any.iter().map(is_there));
    }
    let each: Vec<Match> = any.iter().map(is_there).collect();
    match each.contains(&Match::Yes) && each.contains(&Match::No) {
        true => Match::CannotTell,
        false => Match::any(each).negated(),
    }
}

/// Whether one value is the token. `leaf` is the FHIR type of the value.
pub(super) fn matches(node: Node<'_>, leaf: &str, test: &TokenTest) -> Match {
    match leaf {
        "CodeableConcept" => {
            let codings = node.member("coding").into_iter().flat_map(Node::items);
            Match::any(codings.map(|coding| coded(coding, "code", test)))
        }
        "Coding" => coded(node, "code", test),
        "Identifier" => coded(node, "value", test),
        "ContactPoint" => contact(node, test),
        _ => primitive(node, test),
    }
}

/// A logical id: it has no system, and its case matters.
pub(super) fn id(node: Node<'_>, test: &TokenTest) -> Match {
    Match::certainly(match test {
        TokenTest::Code(id) => node.is_string(id),
        TokenTest::WithoutSystem(_) | TokenTest::Coded { .. } | TokenTest::System(_) => false,
    })
}

/// `system` and a code; case is ignored, as R4 asks where a code system does not say.
fn coded(node: Node<'_>, key: &str, test: &TokenTest) -> Match {
    let is_code = |wanted: &str| node.member(key).is_some_and(|code| same(code, wanted));
    let system = node.member("system");
    Match::certainly(match test {
        TokenTest::Code(code) => is_code(code),
        TokenTest::WithoutSystem(code) => system.is_none() && is_code(code),
        TokenTest::Coded { system: wanted, code } => {
            system.is_some_and(|system| system.is_string(wanted)) && is_code(code)
        }
        TokenTest::System(wanted) => system.is_some_and(|system| system.is_string(wanted)),
    })
}

/// Telephone numbers and the like: R4 leaves separators, and what a system would mean, to the server.
fn contact(node: Node<'_>, test: &TokenTest) -> Match {
    let Some(value) = node.member("value").and_then(Node::string) else { return Match::No };
    let (code, has_system) = match test {
        TokenTest::Code(code) => (code, false),
        TokenTest::WithoutSystem(code) | TokenTest::Coded { code, .. } => (code, true),
        TokenTest::System(_) => return Match::CannotTell,
    };
    if value.to_lowercase() == code.to_lowercase() {
        return if has_system { Match::CannotTell } else { Match::Yes };
    }
    if compact(&value) == compact(code) { Match::CannotTell } else { Match::No }
}

/// Codes, texts and truth values without a system of their own: the one a binding implies is not known here.
fn primitive(node: Node<'_>, test: &TokenTest) -> Match {
    match test {
        TokenTest::Code(code) => Match::certainly(same(node, code)),
        TokenTest::WithoutSystem(code) | TokenTest::Coded { code, .. } => {
            if same(node, code) {
                Match::CannotTell
            } else {
                Match::No
            }
        }
        TokenTest::System(_) => Match::CannotTell,
    }
}

fn same(node: Node<'_>, wanted: &str) -> bool {
    match node.kind() {
        Kind::String => {
            node.is_string(wanted)
                || node.string().is_some_and(|text| text.to_lowercase() == wanted.to_lowercase())
        }
        Kind::Boolean => matches!((node.boolean(), wanted), (Some(true), "true") | (Some(false), "false")),
        Kind::Number => node.number_text() == Some(wanted),
        Kind::Object | Kind::Array | Kind::Null => false,
    }
}

/// `Patient.deceased`: a date of death says yes, and nothing at all says no.
pub(super) fn deceased(found: &Found<'_>, test: &TokenTest) -> Match {
    let is_deceased =
        found.values.iter().any(|(node, _)| node.boolean().unwrap_or(node.kind() == Kind::String));
    match test {
        TokenTest::Code(code) if code == "true" => Match::certainly(is_deceased),
        TokenTest::Code(code) if code == "false" => Match::certainly(!is_deceased),
        TokenTest::Code(_) => Match::No,
        TokenTest::WithoutSystem(_) | TokenTest::Coded { .. } | TokenTest::System(_) => Match::CannotTell,
    }
}
