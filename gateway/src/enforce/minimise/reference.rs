//! References: which come out, and how much of them.

use fhir::identifier::NHS_NUMBER;
use fhir::json::{Kind, Node};
use fhir::tables::{Element, ElementId};

use super::plan::PlanId;
use super::walk::{Came, Stop, Walker};
use super::{Reach, Unsafe, Written, type_of};

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
    /// The reference alone goes.
    LeftOut,
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
        if let Some(fragment) = text.as_deref().and_then(|text| text.strip_prefix('#')) {
            return match named {
                Some(plan) if self.is_shared_fragment(fragment) => {
                    self.named(plan, Written::AsItStands, node)
                }
                Some(_) | None => self.left_out(element, node),
            };
        }
        let (plan, written) = match (self.view.reach)(node) {
            Reach::Stranger => return self.strip(element, node),
            Reach::Hidden | Reach::Unseen
                if named.is_some() && hidden == WhenHidden::ItemGoes && points(node) =>
            {
                return self.strip(element, node);
            }
            Reach::Unseen if named.is_some() && hidden == WhenHidden::MemberGoes => {
                return self.strip(element, node);
            }
            Reach::Version(_) if tied.is_none() && named.is_some() && hidden != WhenHidden::LeftOut => {
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
            (Some(system), Some(value)) if system.is_string(NHS_NUMBER) && value.kind() == Kind::String => {
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
    fn is_shared_fragment(&self, fragment: &str) -> bool {
        if fragment.is_empty() {
            return true;
        }
        let is_it = |node: &Node<'_>| node.member("id").is_some_and(|id| id.is_string(fragment));
        let comes = |node: Node<'_>| {
            type_of(node)
                .is_ok_and(|owner| self.contained.shares(owner) && (self.view.mask)(owner, node).is_some())
        };
        self.container.walk(&["contained"]).find(is_it).is_some_and(comes)
    }
}

/// Whether the Reference points at anything; one that was masked before does not.
fn points(node: Node<'_>) -> bool {
    node.member("reference").is_some() || node.member("identifier").is_some()
}
