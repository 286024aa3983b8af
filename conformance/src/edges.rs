//! Options of suites that need more than an endpoint: what is behind a gateway, and a client of an authorisation server.

use std::net::SocketAddr;
use std::path::PathBuf;

use conformance::behind::Behind;
use conformance::bench::Bench;
use conformance::smart_client::SmartClient;
use fhir::json::Limits;
use serde_json::Value;

/// Options of the suites `gateway`, `search` and `smart`.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Options of the suites gateway, search and smart")]
pub(crate) struct Edges {
    /// Listen here as the endpoint behind the gateway under test, such as 127.0.0.1:8098: give the gateway this address as
    /// its upstream, with or without a path.
    #[arg(long)]
    behind: Option<SocketAddr>,
    /// Resource, or Bundle of resources, that the endpoint behind holds; the first one is read, or the --patient. Else it holds
    /// invented people.
    #[arg(long, requires = "behind")]
    behind_records: Option<PathBuf>,
    /// Put what the suite `search` looks for here, as a FHIR base that wants no token, such as the system behind a gateway that takes
    /// no such resources itself; the searches go through --base.
    #[arg(long, value_name = "URL")]
    ground: Option<String>,
    /// File with a registered client of the authorisation server: JSON with client_id, kid, scope, and key or key_file
    /// (PKCS#8 in PEM). Nothing of it stands in a report.
    #[arg(long)]
    smart_client: Option<PathBuf>,
}

impl Edges {
    /// The bench with what was asked for.
    pub(crate) async fn laid(&self, mut bench: Bench) -> Result<Bench, String> {
        if let Some(address) = self.behind {
            let records = self.records()?;
            let behind = Behind::open(address, records).await;
            bench = bench.with_behind(behind.map_err(|_| format!("cannot listen on {address}"))?);
        }
        if let Some(base) = &self.ground {
            let ground = bench.target().sibling(base, None);
            bench = bench.with_ground(ground.map_err(|bad| format!("--ground: {bad}"))?);
        }
        if let Some(file) = &self.smart_client {
            bench = bench.with_smart_client(SmartClient::read(file).map_err(|bad| bad.to_string())?);
        }
        Ok(bench)
    }

    fn records(&self) -> Result<Vec<Value>, String> {
        let Some(file) = &self.behind_records else { return Ok(Vec::new()) };
        let bytes = std::fs::read(file).map_err(|_| "the records cannot be read".to_owned())?;
        let held = fhir::json::parse_value(bytes.into(), &Limits::default());
        let held = held.map_err(|bad| format!("the records are no JSON: {bad}"))?;
        let entries = held.get("entry").and_then(Value::as_array);
        let of_bundle =
            entries.map(|all| all.iter().filter_map(|entry| entry.get("resource").cloned()).collect());
        let records: Vec<Value> = of_bundle.unwrap_or_else(|| vec![held.clone()]);
        let is_record = |record: &Value| ["resourceType", "id"].iter().all(|name| record.get(name).is_some());
        if !records.is_empty() && records.iter().all(is_record) {
            return Ok(records);
        }
        Err("the records are no resource with an id, and no Bundle of them".to_owned())
    }
}
