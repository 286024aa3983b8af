//! The gateway in front of one world, made of the files of `examples/leaks`, asked from inside the process.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use examples::leaks::world;
use examples::sign_in::{LEAKS_ACTORS, SignIn};
use examples::wire;
use gateway::clock::Clock;
use gateway::serve::Running;
use gateway::server::inside::Inside;
use http::{Method, Request, Version};
use http_body_util::Full;
use tempfile::TempDir;
use toml::{Table, Value};

use super::holder::{Dangling, Holder};
use super::ports::free;
use super::worlds::{Variation, World};

/// As the world sees each gateway: all of them by one name, so that one request fits all.
pub(crate) const BASE: &str = "https://share.leaks.example";
const BODY_BYTES_MAX: usize = 32 << 20;
/// The key that versions and cursors are made with.
const SEAL: &str = "seal.key";

/// What all gateways share: who signs tokens, who cares for whom, and the key that seals.
pub(crate) struct Site {
    pub(crate) tokens: BTreeMap<&'static str, String>,
    desk: SignIn,
    register: Holder,
    /// The same of the councils, who disclose where they write.
    of_councils: [Holder; 2],
    seal: Option<Vec<u8>>,
}

/// Which agreements hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Policy {
    /// Those of the scenario.
    Narrow,
    /// Those of `examples/leaks/wide`.
    Wide,
}

/// One gateway and its world.
pub(crate) struct House {
    pub(crate) world: String,
    inside: Inside,
    running: Running,
    ops: String,
    records: Holder,
    folder: TempDir,
}

/// An answer as it would leave.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(held, _)| held == name).map(|(_, value)| value.as_str())
    }
}

/// The files of the scenario.
fn leaks() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("leaks")
}

impl Site {
    pub(crate) async fn new() -> Self {
        let desk = SignIn::start(BASE, &LEAKS_ACTORS).await.unwrap();
        let tokens = LEAKS_ACTORS.iter().map(|actor| (actor.name, desk.token(actor).unwrap())).collect();
        let ties = World { name: "ties".into(), resources: world::ties().unwrap(), history: Vec::new() };
        let of_councils = [Holder::start(&ties).await, Holder::start(&ties).await];
        Self { tokens, desk, register: Holder::start(&ties).await, of_councils, seal: None }
    }

    /// The same in front of a server that refuses what refers to nothing, under the wide agreements. They come after what the
    /// people decided: who receives by an agreement writes down no permit.
    pub(crate) async fn open_wide(&mut self, world: &World) -> House {
        let house = self.open_with(world, Dangling::Refused).await;
        self.write(house.folder.path(), &house.records.base, Policy::Wide);
        let warnings = house.running.reload().await.unwrap();
        assert!(warnings.is_empty(), "{warnings:?}");
        house
    }

    /// Starts a gateway in front of `world` and records what the people decided.
    pub(crate) async fn open(&mut self, world: &World) -> House {
        self.open_with(world, Dangling::Taken).await
    }

    async fn open_with(&mut self, world: &World, dangling: Dangling) -> House {
        let records = Holder::start_with(world, dangling).await;
        let folder = TempDir::new().unwrap();
        let (config, ops) = self.write(folder.path(), &records.base, Policy::Narrow);
        let state = folder.path().join("state");
        if let Some(seal) = &self.seal {
            use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
            fs::DirBuilder::new().mode(0o700).create(&state).unwrap();
            let mut file = fs::OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(state.join(SEAL))
                .unwrap();
            std::io::Write::write_all(&mut file, seal).unwrap();
        }
        let running = match Running::start(&config, Clock::machine()).await {
            Ok(running) => running,
            Err(fault) => panic!("{fault}"),
        };
        self.seal.get_or_insert_with(|| fs::read(state.join(SEAL)).unwrap());
        let inside = running.inside().clone();
        let house = House { world: world.name.clone(), inside, running, ops, records, folder };
        let headers = [
            ("authorization", format!("Bearer {}", self.tokens["PRIV"])),
            ("content-type", "application/fhir+json".to_owned()),
        ];
        for consent in world::consents().unwrap() {
            let answer =
                house.ask("POST", "/fhir/Consent", &headers, consent.to_string().into()).await.unwrap();
            assert_eq!(answer.status, 201, "{}", String::from_utf8_lossy(&answer.body));
        }
        house
    }

    /// The first world of the fixture.
    pub(crate) async fn first(&mut self) -> House {
        self.open(&super::worlds::made(Variation::First, &[])).await
    }

    fn write(&self, folder: &Path, records: &str, policy: Policy) -> (PathBuf, String) {
        let agreements = folder.join("agreements");
        fs::create_dir_all(&agreements).unwrap();
        let from = match policy {
            Policy::Narrow => leaks().join("agreements"),
            Policy::Wide => leaks().join("wide/agreements"),
        };
        for entry in fs::read_dir(from).unwrap() {
            let file = entry.unwrap();
            fs::copy(file.path(), agreements.join(file.file_name())).unwrap();
        }
        fs::write(folder.join("keys.json"), self.desk.jwks().to_string()).unwrap();
        let mut table: Table = fs::read_to_string(leaks().join("portcullis.toml")).unwrap().parse().unwrap();
        let set = |table: &mut Value, name: &str, value: String| {
            table.as_table_mut().unwrap().insert(name.to_owned(), Value::String(value));
        };
        set(&mut table["gateway"], "base", BASE.to_owned());
        set(&mut table["gateway"], "state", folder.join("state").display().to_string());
        let said = fs::read_to_string(folder.join("portcullis.toml")).ok();
        let said: Option<Table> = said.map(|before| before.parse().unwrap());
        for name in ["address", "ops"] {
            // Where a gateway listens stays as it is.
            let before = said.as_ref().and_then(|said| said["listen"][name].as_str().map(str::to_owned));
            set(&mut table["listen"], name, before.unwrap_or_else(|| free().to_string()));
        }
        // Many are asked at once, and none is to be turned away for that.
        let limits = table.entry("limits").or_insert_with(|| Value::Table(Table::new()));
        let limits = limits.as_table_mut().unwrap();
        limits.insert("in_flight_max".to_owned(), Value::Integer(4_096));
        // However slow the machine is: what is late is told, and is late in one world and not in the other.
        limits.insert("exchange_timeout_ms".to_owned(), Value::Integer(600_000));
        for issuer in table["issuer"].as_array_mut().unwrap() {
            set(issuer, "issuer", self.desk.staff_issuer());
        }
        for system in table["system"].as_array_mut().unwrap() {
            let holds_records = system["name"].as_str() == Some("upstream");
            set(system, "base", if holds_records { records } else { &self.register.base }.to_owned());
        }
        if policy == Policy::Wide {
            self.widen(table["system"].as_array_mut().unwrap());
        }
        let config = folder.join("portcullis.toml");
        fs::write(&config, toml::to_string(&table).unwrap()).unwrap();
        let ops = table["listen"]["ops"].as_str().unwrap().to_owned();
        (config, ops)
    }
}

impl Site {
    /// The records take what is sent to them, all of it or nothing, and councils disclose too: on what they hold of whom they
    /// care for.
    fn widen(&self, systems: &mut Vec<Value>) {
        let holds_records = |system: &&mut Value| system["name"].as_str() == Some("upstream");
        let records = systems.iter_mut().find(holds_records).unwrap().as_table_mut().unwrap();
        records.insert("transactions".to_owned(), Value::Boolean(true));
        let registers = [("council-register", "ods:E10000099"), ("neighbours-register", "ods:E10000002")];
        for ((name, organisation), held) in registers.into_iter().zip(&self.of_councils) {
            let register: Table = toml::toml! {
                protocol = "fhir-r4"
                relationship_source = true
                trusted_identity = true
            };
            let mut register = Value::Table(register);
            let texts = [("name", name), ("organisation", organisation), ("base", held.base.as_str())];
            for (key, text) in texts {
                register.as_table_mut().unwrap().insert(key.to_owned(), Value::String(text.to_owned()));
            }
            systems.push(register);
        }
    }
}

impl House {
    /// Asks; none when no request can be made of it.
    pub(crate) async fn ask(
        &self,
        method: &str,
        target: &str,
        headers: &[(&str, String)],
        body: Bytes,
    ) -> Option<Answer> {
        let mut request =
            Request::builder().version(Version::HTTP_2).method(method).uri(format!("{BASE}{target}"));
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        let request = request.body(Full::new(body)).ok()?;
        let (head, body) = self.inside.ask(request).await.unwrap().into_parts();
        let text = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        let headers = head.headers.iter().map(|(name, value)| (name.as_str().to_owned(), text(value)));
        let headers = headers.collect();
        let body = wire::read(body, BODY_BYTES_MAX).await.unwrap().to_vec();
        Some(Answer { status: head.status.as_u16(), headers, body })
    }

    /// What the systems behind it did wrong so far, by reason: a machine that is too busy looks like an answer that tells.
    pub(crate) async fn faults(&self) -> Vec<String> {
        let address = format!("http://{}/metrics", self.ops);
        let told = wire::Caller::default().call(Method::GET, &address, &[], Vec::new()).await.unwrap();
        let fault = |line: &&str| line.contains("upstream_faults_total") && !line.starts_with('#');
        String::from_utf8_lossy(&told.body).lines().filter(fault).map(str::to_owned).collect()
    }

    pub(crate) async fn close(self) {
        self.running.stop().await;
    }
}
