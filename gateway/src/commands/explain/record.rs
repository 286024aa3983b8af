//! What the systems would answer, from a file.

use std::collections::BTreeMap;
use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;

use bytes::Bytes;
use fhir::bundle::Bundle;
use fhir::json::{self, Document, Node, Writer};
use fhir::reference::Bases;
use fhir::search::{Match, SearchQuery, form, grammar};
use fhir::tables::{TypeId, resource_type};
use futures_util::future::{BoxFuture, ready};

use crate::behind::behind;
use crate::consent::ConsentRegistry;
use crate::consent::validate::{Writing, validate};
use crate::decision::evidence::{Evidence, EvidenceCache, EvidenceSource, Wells};
use crate::decision::ruling::Admitted;
use crate::enforce::answer::Frame;
use crate::enforce::behind::Behind;
use crate::enforce::everything::{Gathered, Room};
use crate::enforce::held::{Complete, Held};
use crate::enforce::subjects::{Subjects, subjects, subjects_of_body};
use crate::enforce::targets::LookedUp;
use crate::enforce::unfiltered::Unfiltered;
use crate::enforce::whom::Whom;
use crate::follow::{Ruled, follow};
use crate::interaction::{
    BinaryTarget, FhirAction, HistoryRequest, Interaction, ReadTarget, ResourceChange, ResourceDeletion,
    VersionTarget,
};
use crate::person::SystemName;
use crate::server::arrived::RequestId;
use crate::settings::Settings;
use crate::upstream::UpstreamFault;

const ENTRIES_MAX: usize = 5_000;
const ALL_THERE_IS: Room = Room { entries: usize::MAX, bytes: usize::MAX };
const LIMITS: json::Limits =
    json::Limits { bytes_max: 64 << 20, depth_max: 64, members_max: 1_000, values_max: 2_000_000 };

/// Resources of systems and of the gateway itself.
pub(super) struct Record {
    resources: Vec<Resource>,
    bases: BTreeMap<SystemName, Bases>,
}

/// What the file holds for one request.
pub(super) struct Found {
    /// What is fetched; nothing for writes.
    pub(super) held: Option<Unfiltered<Held>>,
    /// Whom it and the request concern.
    pub(super) subjects: Subjects,
    /// What is known about them.
    pub(super) evidence: Evidence,
    /// Whom resources are about that say so through something else.
    pub(super) behind: Behind,
}

struct Resource {
    place: Place,
    resource_type: TypeId,
    text: Bytes,
}

#[derive(PartialEq, Eq)]
enum Place {
    System(SystemName),
    Gateway,
}

impl Record {
    /// Reads a Bundle; what has no place of its own lies on the system that is asked.
    ///
    /// # Errors
    /// A text for who wrote the file.
    pub(super) fn read(file: Bytes, interaction: &Interaction, settings: &Settings) -> Result<Self, String> {
        let document =
            json::parse(file, &LIMITS).map_err(|error| format!("is not acceptable JSON: {error}"))?;
        let bundle = Bundle::read(document.root(), ENTRIES_MAX).map_err(|error| error.to_string())?;
        let mut bases = BTreeMap::new();
        for system in &settings.systems {
            let base = system.base.to_string();
            let names = std::iter::once(base.as_str()).chain(system.aliases.iter().map(String::as_str));
            let names =
                Bases::new(names).map_err(|_| format!("the base of {} cannot be read", system.name))?;
            bases.insert(system.name.clone(), names);
        }
        let at_hand = match interaction {
            Interaction::Fhir { system, .. } | Interaction::Push { system } => Some(system),
            Interaction::Own(_) => None,
        };
        let mut record = Self { resources: Vec::new(), bases };
        for (number, entry) in bundle.entries().iter().enumerate() {
            let node = entry.resource.ok_or_else(|| format!("entry {number} has no resource"))?;
            let name = node.member("resourceType").and_then(Node::string).unwrap_or_default();
            let found =
                resource_type(&name).ok_or_else(|| format!("entry {number} is no resource of FHIR R4"))?;
            let place = match (record.place(entry.full_url().as_deref(), settings), at_hand) {
                (Some(place), _) => place,
                (None, _) if found.name() == "Consent" => Place::Gateway,
                (None, Some(system)) => Place::System(system.clone()),
                (None, None) => return Err(format!("entry {number} lies on no system: give it a fullUrl")),
            };
            let text = Bytes::copy_from_slice(node.raw());
            record.resources.push(Resource { place, resource_type: found, text });
        }
        Ok(record)
    }

    fn place(&self, full_url: Option<&str>, settings: &Settings) -> Option<Place> {
        let url = full_url?;
        let own = format!("{}/fhir/", settings.gateway.base);
        if url.starts_with(&own) {
            return Some(Place::Gateway);
        }
        let mut systems = self.bases.iter();
        systems
            .find(|(_, bases)| bases.relative(url).is_some_and(|rest| rest != url))
            .map(|(name, _)| Place::System(name.clone()))
    }

    /// The names of a system.
    pub(super) fn bases_of(&self, system: &SystemName) -> Bases {
        self.bases.get(system).cloned().unwrap_or_else(Bases::none)
    }

    /// Fetches what the request asks for, and gathers what the file says about whom it concerns.
    ///
    /// # Errors
    /// A text for who wrote the file.
    pub(super) async fn gather(&self, admitted: &Admitted, settings: &Settings) -> Result<Found, String> {
        let (_folder, consents) = self.consents(admitted, settings).await?;
        let wells = Wells { settings, upstream: self, consents: &consents, cache: &EvidenceCache::default() };
        let (held, subjects) = self.fetch(admitted)?;
        let mut known = Behind::default();
        if let Some(held) = &held {
            let system = admitted.system();
            let bases = self.bases_of(system);
            let on = (system, &Whom::over(&bases));
            (known, _) = behind(held, known, on, wells).await.map_err(|error| error.to_string())?;
        }
        let subjects = known.join(subjects);
        let evidence =
            Evidence::gather(admitted, &subjects, wells).await.map_err(|error| error.to_string())?;
        Ok(Found { held, subjects, evidence, behind: known })
    }

    /// Looks up what the references of `held` lead to, as far as the file holds it.
    ///
    /// # Errors
    /// A text for who wrote the file.
    pub(super) async fn follow(
        &self,
        held: &Unfiltered<Held>,
        ruled: Ruled,
        frame: Frame<'_>,
        settings: &Settings,
    ) -> Result<(LookedUp, Ruled), String> {
        let (_folder, consents) = self.consents(ruled.ruling.admitted(), settings).await?;
        let wells = Wells { settings, upstream: self, consents: &consents, cache: &EvidenceCache::default() };
        follow(held, ruled, frame, wells).await.map_err(|error| error.to_string())
    }

    /// The Consents that lie on the gateway, in a registry of their own.
    async fn consents(
        &self,
        admitted: &Admitted,
        settings: &Settings,
    ) -> Result<(Folder, ConsentRegistry), String> {
        let folder = Folder::make()?;
        let consents =
            ConsentRegistry::open(&folder.0, &settings.gateway.base).map_err(|error| error.to_string())?;
        for resource in self.of(&Place::Gateway) {
            let document = resource.document()?;
            let valid = validate(&document, Writing::New, &settings.gateway.base).map_err(|problems| {
                let problems: Vec<_> = problems.iter().map(ToString::to_string).collect();
                format!("a Consent would not be taken: {}", problems.join("; "))
            })?;
            consents.create(valid, admitted.question().at).await.map_err(|error| error.to_string())?;
        }
        Ok((folder, consents))
    }

    /// What a read or search would fetch, and whom it and the request concern.
    fn fetch(&self, admitted: &Admitted) -> Result<(Option<Unfiltered<Held>>, Subjects), String> {
        let Interaction::Fhir { system, action } = &admitted.question().interaction else {
            return Ok((None, Subjects::default()));
        };
        let bases = self.bases_of(system);
        let held = match action {
            // Each entry of a batch is explained by itself.
            FhirAction::Metadata | FhirAction::Batch(_) => return Ok((None, Subjects::default())),
            FhirAction::Message(message) => {
                return Ok((None, subjects_of_body(&message.body, &message.body, admitted, &bases).0));
            }
            FhirAction::Create(new) => {
                return Ok((None, subjects_of_body(&new.body, &new.body, admitted, &bases).0));
            }
            // A file holds resources as they are now: what is decided about a version is decided about these.
            FhirAction::Read(target)
            | FhirAction::ReadBinary(BinaryTarget { binary: target, .. })
            | FhirAction::Document(target)
            | FhirAction::Vread(VersionTarget { resource: target, .. })
            | FhirAction::History(HistoryRequest { resource: target, .. })
            | FhirAction::Change(ResourceChange { target, .. })
            | FhirAction::Delete(ResourceDeletion { target, .. }) => self.one(system, target)?,
            FhirAction::Search(search) => self.searchset(system, &search.query)?,
            FhirAction::Everything(request) => {
                let mut found = Gathered::default();
                for query in request.queries(admitted.share()).unwrap_or_default() {
                    let searchset = Unfiltered::new(self.searchset(system, &query)?);
                    found.add(query.resource_type(), searchset, ALL_THERE_IS);
                }
                Held::Everything(found)
            }
        };
        let held = Unfiltered::new(held);
        let subjects = subjects(&held, admitted, &Whom::over(&bases));
        Ok((Some(held), subjects))
    }

    /// The resource of this type and id, if a system holds it.
    fn one(&self, system: &SystemName, target: &ReadTarget) -> Result<Held, String> {
        let asked_for = |resource: &&Resource| {
            resource.resource_type == target.resource_type && resource.has_id(target.id.as_str())
        };
        match self.of(&Place::System(system.clone())).find(asked_for) {
            Some(resource) => Ok(Held::Resource(resource.document()?)),
            None => Ok(Held::Absent),
        }
    }

    fn of<'a>(&'a self, place: &'a Place) -> impl Iterator<Item = &'a Resource> {
        self.resources.iter().filter(move |resource| resource.place == *place)
    }

    fn searchset(&self, system: &SystemName, query: &SearchQuery) -> Result<Held, String> {
        let bases = self.bases_of(system);
        let mut text = Vec::new();
        let mut writer = Writer::new(&mut text);
        writer
            .object()
            .key("resourceType")
            .string("Bundle")
            .key("type")
            .string("searchset")
            .key("entry")
            .array();
        let place = Place::System(system.clone());
        for resource in self.of(&place).filter(|resource| resource.resource_type == query.resource_type()) {
            if query.matches(resource.document()?.root(), &bases) == Match::No {
                continue;
            }
            writer.object().key("resource").raw(&resource.text).key("search").object();
            writer.key("mode").string("match").close().close();
        }
        writer.close().close();
        writer.finish();
        let page = json::parse(text.into(), &LIMITS).map_err(|error| error.to_string())?;
        Ok(Held::searchset(vec![page], Complete::All, None))
    }
}

impl EvidenceSource for Record {
    fn search_all<'a>(
        &'a self,
        system: &'a SystemName,
        searched: &'static str,
        parameters: Vec<(&'static str, String)>,
    ) -> BoxFuture<'a, Result<Unfiltered<Held>, UpstreamFault>> {
        let answer = || {
            let pairs = parameters.into_iter().map(|(name, value)| (name.to_owned(), value));
            let parameters = grammar::parse(&form(pairs)).ok()?;
            let query =
                SearchQuery::compile(resource_type(searched)?, &parameters, self.bases.get(system)?).ok()?;
            self.searchset(system, &query).ok()
        };
        Box::pin(ready(answer().map(Unfiltered::new).ok_or(UpstreamFault::Rejected)))
    }

    fn read_one<'a>(
        &'a self,
        system: &'a SystemName,
        target: &'a ReadTarget,
    ) -> BoxFuture<'a, Result<Unfiltered<Held>, UpstreamFault>> {
        let held = self.one(system, target).map_err(|_| UpstreamFault::Rejected);
        Box::pin(ready(held.map(Unfiltered::new)))
    }
}

impl Resource {
    fn document(&self) -> Result<Document, String> {
        json::parse(self.text.clone(), &LIMITS).map_err(|error| error.to_string())
    }

    fn has_id(&self, id: &str) -> bool {
        self.document()
            .is_ok_and(|document| document.root().member("id").is_some_and(|found| found.is_string(id)))
    }
}

/// A folder of one's own that goes when it is no longer needed: Consents are read from a registry, as they always are.
struct Folder(PathBuf);

impl Folder {
    fn make() -> Result<Self, String> {
        let random = RequestId::random().ok_or("the machine gives no random numbers")?;
        let folder = std::env::temp_dir().join(format!("portcullis-explain-{random}"));
        DirBuilder::new().mode(0o700).create(&folder).map_err(|error| {
            format!(
                "a folder for its Consents could not be made in {}: {}",
                std::env::temp_dir().display(),
                error.kind()
            )
        })?;
        Ok(Self(folder))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // Nothing can be done about a folder that cannot be removed, and nobody is waiting to hear of it.
        std::fs::remove_dir_all(&self.0).unwrap_or_default();
    }
}
