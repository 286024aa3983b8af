//! References: which come out, and how much of them.

use std::collections::HashMap;

use fhir::json::{Kind, Node};
use fhir::tables::{Element, ElementId};

use super::plan::PlanId;
use super::walk::{Came, Stop, Walker};
use super::{Reach, Unsafe, Written, type_of};
use crate::enforce::persons::{is_nhs_number, says_who_did};

/// Items that say no more than what they point at, in lists that nobody reads for what is not on them. Of all others the
/// required reference is masked: without it a rule, a dose or a list would say something else.
const ITEMS_THAT_GO: [(&str, &str); 2] = [("Patient.link", "other"), ("Group.member", "entity")];

/// Items of lists of whom or what there is: one that may not be seen goes whole, with role and period, for what stayed
/// would tell of it. One of a type that nobody may see stays, nameless.
const MEMBERS: [(&str, &str); 4] = [
    ("List.entry", "item"),
    ("CareTeam.participant", "member"),
    ("Appointment.participant", "actor"),
    ("Encounter.participant", "individual"),
];

/// What becomes of the holder of a reference to something hidden.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WhenHidden {
    /// The reference alone goes, unless it leads to somebody who does not permit: what is said beside her is about her too.
    LeftOut,
    /// The reference alone goes, whoever it leads to: who did or wrote something makes nothing about her.
    DoerGoes,
    /// The item that is nothing without it goes: what stayed would tell that there is something.
    ItemGoes,
    /// The same, where others of the type that it points at may be seen.
    MemberGoes,
}

impl WhenHidden {
    pub(super) fn of(element: &Element) -> Self {
        let place = (element.owner().name(), element.name());
        match (ITEMS_THAT_GO.contains(&place), MEMBERS.contains(&place)) {
            (true, _) => Self::ItemGoes,
            (false, true) => Self::MemberGoes,
            (false, false) if says_who_did(&element.path()) => Self::DoerGoes,
            (false, false) => Self::LeftOut,
        }
    }
}

impl<'d> Walker<'_, '_, 'd> {
    /// Writes the Reference `node` as far as it is named or a tie, and the view lets it be seen.
    pub(super) fn reference(
        &mut self,
        element: ElementId,
        (named, tied): (Option<PlanId>, Option<PlanId>),
        hidden: WhenHidden,
        node: Node<'d>,
    ) -> Result<Came, Stop> {
        let literal = node.member("reference");
        if literal.is_some_and(|literal| literal.kind() != Kind::String) {
            return Err(Unsafe::WrongKind(element.path().into()).into());
        }
        let text = literal.and_then(Node::string);
        let reach = (self.view.reach)(node);
        if let Some(fragment) = text.as_deref().and_then(|text| text.strip_prefix('#'))
            && !matches!(reach, Reach::Stranger)
        {
            return match named {
                Some(plan) if self.is_shared_fragment(fragment) => {
                    self.named(plan, Written::AsItStands, node)
                }
                Some(_) | None => self.left_out(element, node),
            };
        }
        let only_reference = matches!(hidden, WhenHidden::LeftOut | WhenHidden::DoerGoes);
        let (plan, written) = match reach {
            Reach::Stranger if hidden == WhenHidden::DoerGoes => return self.left_out(element, node),
            Reach::Stranger => return self.strip(element, node),
            Reach::Hidden | Reach::Unseen
                if named.is_some() && hidden == WhenHidden::ItemGoes && points(node) =>
            {
                return self.strip(element, node);
            }
            Reach::Unseen if named.is_some() && hidden == WhenHidden::MemberGoes => {
                return self.strip(element, node);
            }
            Reach::Version(_) if tied.is_none() && named.is_some() && !only_reference => {
                return self.strip(element, node);
            }
            Reach::Version(written) => (tied, written),
            Reach::Hidden | Reach::Unseen => (None, Written::AsItStands),
            Reach::Visible(written) => (named, written),
            Reach::Tie(written) => (tied.or(named), written),
        };
        match plan {
            None => self.left_out(element, node),
            Some(plan) => {
                let came = self.named(plan, written, node)?;
                let is_bare_tie = came == Came::Nothing && tied == Some(plan);
                Ok(if is_bare_tie { self.nhs_number(node) } else { came })
            }
        }
    }

    fn strip(&mut self, element: ElementId, node: Node<'d>) -> Result<Came, Stop> {
        self.left_out(element, node)?;
        Ok(Came::Strip(element))
    }

    fn left_out(&mut self, element: ElementId, node: Node<'d>) -> Result<Came, Stop> {
        self.refuse_unknown_modifier(node)?;
        self.withheld.element(element);
        Ok(Came::Nothing)
    }

    /// Writes what is named of the Reference, its address as `written`.
    fn named(&mut self, plan: PlanId, written: Written, node: Node<'d>) -> Result<Came, Stop> {
        let outer = std::mem::replace(&mut self.address, written);
        let came = self.object(plan, node);
        self.address = outer;
        came
    }

    /// Writes the NHS number of a logical reference.
    fn nhs_number(&mut self, node: Node<'d>) -> Came {
        let Some(identifier) = node.member("identifier") else { return Came::Nothing };
        match (identifier.member("system"), identifier.member("value")) {
            (Some(system), Some(value))
                if is_nhs_number(identifier)
                    && [system, value].iter().all(|node| node.kind() == Kind::String) =>
            {
                self.out.text(b"{\"identifier\":{\"system\":");
                self.as_it_stands(system);
                self.out.text(b",\"value\":");
                self.as_it_stands(value);
                self.out.text(b"}}");
                Came::Written
            }
            _ => Came::Nothing,
        }
    }

    /// Whether `#fragment` points at something that comes out: the resource itself or a shared contained one.
    fn is_shared_fragment(&mut self, fragment: &str) -> bool {
        if fragment.is_empty() {
            return true;
        }
        let container = self.container;
        let known = self.fragments.0.get_or_insert_with(|| first_of_each_name(container));
        let Some(known) = known.get_mut(fragment) else { return false };
        let node = match *known {
            Fragment::Known(is_shared) => return is_shared,
            Fragment::NotAsked(node) => node,
        };
        let is_shared = type_of(node)
            .is_ok_and(|owner| self.contained.shares(owner) && (self.view.mask)(owner, node).is_some());
        *known = Fragment::Known(is_shared);
        is_shared
    }
}

/// The contained resources of a container by their names, found once; and of those that were asked for, whether they
/// come out.
#[derive(Default)]
pub(super) struct Fragments<'d>(Option<HashMap<String, Fragment<'d>>>);

enum Fragment<'d> {
    NotAsked(Node<'d>),
    Known(bool),
}

fn first_of_each_name(container: Node<'_>) -> HashMap<String, Fragment<'_>> {
    let mut names = HashMap::new();
    for node in container.walk(&["contained"]) {
        if let Some(name) = node.member("id").and_then(Node::string) {
            names.entry(name.into_owned()).or_insert(Fragment::NotAsked(node));
        }
    }
    names
}

/// Whether the Reference points at anything; one that was masked before does not.
fn points(node: Node<'_>) -> bool {
    node.member("reference").is_some() || node.member("identifier").is_some()
}
