//! Segments and their components, and what became of each.

use std::cell::Cell;

use crate::{Loss, Severity, Why};

/// A segment of a message.
#[derive(Debug, Clone)]
pub(super) struct Segment {
    pub(super) name: String,
    /// Which of its name it is in the message, from 1.
    pub(super) occurrence: usize,
    elements: Vec<Vec<Part>>,
    /// What was missing or wrong about it as a whole.
    remark: Cell<Option<(Why, Severity)>>,
}

/// A component.
#[derive(Debug, Clone)]
pub(super) struct Part {
    text: String,
    fate: Cell<Fate>,
}

/// What became of a component.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// Nobody asked for it.
    Open,
    /// It is in the Bundle.
    Carried,
    /// It is told as a loss, whether something of it is in the Bundle or not.
    Told(Why, Severity),
}

impl Part {
    pub(super) fn new(text: String, told: Option<(Why, Severity)>) -> Self {
        Self { text, fate: Cell::new(told.map_or(Fate::Open, |(why, severity)| Fate::Told(why, severity))) }
    }

    /// What it says, without marking it.
    pub(super) fn peek(&self) -> &str {
        self.text.trim()
    }

    /// What it says, unless that is nothing; it is carried now.
    pub(super) fn take(&self) -> Option<&str> {
        self.carry();
        Some(self.peek()).filter(|text| !text.is_empty())
    }

    /// It is carried.
    pub(super) fn carry(&self) {
        if self.fate.get() == Fate::Open {
            self.fate.set(Fate::Carried);
        }
    }

    /// It is told as a loss.
    pub(super) fn tell(&self, why: Why, severity: Severity) {
        self.fate.set(Fate::Told(why, severity));
    }
}

impl Segment {
    pub(super) fn new(name: String, elements: Vec<Vec<Part>>) -> Self {
        Self { name, occurrence: 1, elements, remark: Cell::new(None) }
    }

    /// The components of element `element`, counted from 1.
    pub(super) fn element(&self, element: u16) -> &[Part] {
        let at = usize::from(element).checked_sub(1);
        at.and_then(|at| self.elements.get(at)).map(Vec::as_slice).unwrap_or_default()
    }

    /// One component, both counted from 1.
    pub(super) fn part(&self, element: u16, component: u16) -> Option<&Part> {
        self.element(element)
            .get(usize::from(component).checked_sub(1)?)
            .filter(|part| !part.peek().is_empty())
    }

    /// The first component of an element.
    pub(super) fn first(&self, element: u16) -> Option<&Part> {
        self.part(element, 1)
    }

    /// The elements from `element` on.
    pub(super) fn elements_from(&self, element: u16) -> impl Iterator<Item = &[Part]> {
        self.elements.iter().skip(usize::from(element).saturating_sub(1)).map(Vec::as_slice)
    }

    /// What it is of its name: the first component, which most segments begin with.
    pub(super) fn qualifier(&self) -> &str {
        self.first(1).map(Part::peek).unwrap_or_default()
    }

    /// Tells that something about it as a whole is missing or wrong.
    pub(super) fn tell(&self, why: Why, severity: Severity) {
        self.remark.set(Some((why, severity)));
    }

    /// Where it stands.
    pub(super) fn place(&self) -> String {
        if self.occurrence > 1 { format!("{}[{}]", self.name, self.occurrence) } else { self.name.clone() }
    }

    /// Where an element of it stands.
    pub(super) fn element_place(&self, element: u16) -> String {
        format!("{}-{element}", self.place())
    }

    /// Adds what was not carried to `losses`, in order; `severity` is that of this segment.
    pub(super) fn losses(&self, severity: Severity, losses: &mut Vec<Loss>) {
        if let Some((why, severity)) = self.remark.get() {
            losses.push(Loss { place: self.place(), why, severity });
        }
        for (element, parts) in (1_usize..).zip(&self.elements) {
            for (component, part) in (1_usize..).zip(parts) {
                let (why, severity) = match part.fate.get() {
                    Fate::Carried => continue,
                    Fate::Open if part.peek().is_empty() => continue,
                    Fate::Open => (Why::NotMapped, severity),
                    Fate::Told(why, severity) => (why, severity),
                };
                let mut place = format!("{}-{element}", self.place());
                if parts.len() > 1 {
                    place.push_str(&format!(".{component}"));
                }
                losses.push(Loss { place, why, severity });
            }
        }
    }
}
