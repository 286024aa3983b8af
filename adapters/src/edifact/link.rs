//! Puts the resources of a message together: references between them, and what no component gave.

use super::frame::Counted;
use super::report::{Kind, Report};
use crate::assembly::{self, Assembly, Number};
use crate::tree::{Node, Object, Step};
use crate::{Refused, Severity, Why};

impl Report<'_> {
    /// Puts the resources together, and the Bundle.
    pub(super) fn finish(
        mut self,
        counted: Counted,
        identifier: Object,
        digest: &str,
    ) -> Result<(String, Vec<u8>), Refused> {
        self.link();
        let sender = self.link_parties();
        let absent_if_free = |object: &mut Object, name: &str| {
            if object.find(name).is_none() {
                object.put(name, Node::absent("unknown"));
            }
        };
        if let Some(report) = self.assembly.object(self.report) {
            absent_if_free(report, "code");
            let withdrawn = matches!(
                report.find("status"),
                Some(Node::Text(status)) if status == "cancelled" || status == "entered-in-error"
            );
            if report.find("status").is_none() {
                report.put("status", Node::text("unknown"));
            }
            // A report that may be cut must not be read as whole.
            if counted == Counted::Fewer && !withdrawn {
                report.put("status", Node::text("partial"));
            }
        }
        for result in self.results.clone() {
            if let Some(observation) = self.assembly.object(result) {
                absent_if_free(observation, "code");
                if observation.find("status").is_none() {
                    observation.put("status", Node::text("unknown"));
                }
            }
        }
        if let Some(header) = self.assembly.object(self.header) {
            let code = Step::path("eventCoding.system").unwrap_or_default();
            header.set(&code, Node::text("urn:id:edifact"));
            let endpoint = Step::path("source.endpoint").unwrap_or_default();
            if !header.has(&endpoint) {
                let absent = Step::path("source._endpoint").unwrap_or_default();
                header.set(&absent, Node::absent("unknown"));
            }
            // A destination without an address is none.
            let receiver = Step::path("destination[0].receiver").unwrap_or_default();
            let endpoint = Step::path("destination[0].endpoint").unwrap_or_default();
            if header.has(&receiver) && !header.has(&endpoint) {
                let absent = Step::path("destination[0]._endpoint").unwrap_or_default();
                header.set(&absent, Node::absent("unknown"));
            }
        }
        let timestamp = self.timestamp.clone();
        self.assembly.bundle(assembly::Frame {
            meta: None,
            identifier,
            recorded: self.sent.clone().or_else(|| timestamp.clone()),
            timestamp,
            digest: digest.to_owned(),
            header: self.header,
            sender,
        })
    }

    /// Who asked, who answers and for whom it is.
    fn link_parties(&mut self) -> Option<Number> {
        let performers = self.parties.performers(&mut self.assembly);
        let performers: Vec<Node> =
            performers.iter().map(|number| self.assembly.reference(*number)).collect();
        let people: Vec<Node> =
            self.parties.interpreters().iter().map(|number| self.assembly.reference(*number)).collect();
        for number in std::iter::once(self.report).chain(self.results.clone()) {
            if let Some(object) = self.assembly.object(number)
                && !performers.is_empty()
            {
                object.put("performer", Node::List(performers.clone()));
            }
        }
        if let Some(report) = self.assembly.object(self.report)
            && !people.is_empty()
        {
            report.put("resultsInterpreter", Node::List(people));
        }
        if let Some(requester) = self.parties.requester(&mut self.assembly) {
            let request = self.request();
            let requester = self.assembly.reference(requester);
            if let Some(request) = self.assembly.object(request) {
                request.put("requester", requester);
            }
        }
        if let Some(request) = self.request {
            let patient = self.assembly.reference(self.patient);
            let based = self.assembly.reference(request);
            if let Some(request) = self.assembly.object(request) {
                request.put("status", Node::text("unknown"));
                request.put("intent", Node::text("order"));
                request.put("subject", patient);
            }
            if let Some(report) = self.assembly.object(self.report) {
                report.put("basedOn", Node::List(vec![based]));
            }
        }
        let recipient = self.parties.recipient(&mut self.assembly);
        let recipient = recipient.map(|number| self.assembly.reference(number));
        let sender = self.parties.sender().or_else(|| self.organisation());
        let sent = sender.map(|number| self.assembly.reference(number));
        let report = self.assembly.reference(self.report);
        if let Some(header) = self.assembly.object(self.header) {
            if let Some(recipient) = recipient {
                header.set(&Step::path("destination[0].receiver").unwrap_or_default(), recipient);
            }
            if let Some(sent) = sent {
                header.put("sender", sent);
            }
            header.put("focus", Node::List(vec![report]));
        }
        sender
    }

    /// The organisation that the source system is of, when the message names none.
    fn organisation(&mut self) -> Option<Number> {
        let code = self.known.context.organisation.as_ref()?;
        let identifier = Object::new()
            .with("system", Node::text(fhir::identifier::ODS_ORGANIZATION_CODE))
            .with("value", Node::text(code.as_str()));
        let organisation = Object::new().with("identifier", Node::List(vec![identifier.into()]));
        Some(self.assembly.share("Organization", "", organisation))
    }

    /// References between the report, its results and its specimens.
    fn link(&mut self) {
        let patient = self.assembly.reference(self.patient);
        let linked: Vec<Number> =
            std::iter::once(self.report).chain(self.specimens.clone()).chain(self.results.clone()).collect();
        for number in linked {
            if let Some(object) = self.assembly.object(number) {
                object.put("subject", patient.clone());
            }
        }
        let mut over: Vec<(Number, Number)> = Vec::new();
        for (kind, part, result) in std::mem::take(&mut self.belongs) {
            let found = self
                .numbered
                .iter()
                .find(|(held, number, of)| *held == kind && number.peek() == part.peek() && *of != result);
            let Some((_, number, other)) = found.copied() else {
                part.tell(Why::NotOfType, Severity::Major);
                continue;
            };
            part.carry();
            number.carry();
            if kind == Kind::Specimen {
                let reference = self.assembly.reference(other);
                // R4 takes one; the same one again says nothing more.
                if let Some(observation) = self.assembly.object(result) {
                    match observation.find("specimen") {
                        Some(held) if *held == reference => part.tell(Why::PlaceTaken, Severity::Trivial),
                        Some(_) => part.tell(Why::PlaceTaken, Severity::Major),
                        None => observation.put("specimen", reference),
                    }
                }
            } else {
                over.push((other, result));
            }
        }
        for (group, member) in over {
            let reference = self.assembly.reference(member);
            let specimen = self.assembly.object(group).and_then(|group| {
                group.push("hasMember", reference);
                group.find("specimen").cloned()
            });
            // A member is of the specimen that its group is of.
            if let (Some(specimen), Some(member)) = (specimen, self.assembly.object(member))
                && member.find("specimen").is_none()
            {
                member.put("specimen", specimen);
            }
        }
        let list = |numbers: &[Number], assembly: &Assembly<'_>| -> Vec<Node> {
            numbers.iter().map(|number| assembly.reference(*number)).collect()
        };
        let specimens = list(&self.specimens, &self.assembly);
        let results = list(&self.results, &self.assembly);
        if let Some(report) = self.assembly.object(self.report) {
            for (name, list) in [("specimen", specimens), ("result", results)] {
                if !list.is_empty() {
                    report.put(name, Node::List(list));
                }
            }
        }
    }
}
