//! A ledger that cannot be written, under the whole process: nothing is released, that is told to whoever asks, and it
//! goes on by itself once the fault is gone.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use gateway::trail::record::Event;
use tokio::net::TcpStream;

use super::support::{Entry, dissent, knows_everybody, nhs_number, patient, recorded};
use crate::support::front::ask;
use crate::support::process::{PATIENCE, Process, operators_see, until_operators_see, verified, works};
use crate::support::whole::Whole;

/// Segments that may be begun before the disk must have become full.
const SEGMENTS_MAX: usize = 10;

/// A gateway before a hospital that knows everybody, and takes what is sent to it.
struct Served {
    site: Whole,
    process: Process,
    consultant: String,
    guardian: String,
}

impl Served {
    async fn by(programs: impl Fn(&Whole) -> Vec<String>) -> Self {
        let site = Whole::with(knows_everybody).await;
        site.also_agree("[[recipient_system]]\nsystems = [\"hospital\"]\nshare = [\"person\"]\n");
        let programs = programs(&site);
        let programs: Vec<&str> = programs.iter().map(String::as_str).collect();
        let mut process = Process::under(&programs, &site.config());
        process.until_serving(site.requests, site.ops()).await;
        Self { consultant: site.consultant(), guardian: site.staff_token("R5105"), process, site }
    }

    async fn tell(&self, request: &str) -> (u16, String, String) {
        let mut stream = TcpStream::connect(self.site.requests).await.unwrap();
        ask(&mut stream, request).await.unwrap()
    }

    fn post(&self, path: &str, token: &str, body: &str) -> String {
        self.site.request("POST", path, Some(token), "content-type: application/fhir+json\r\n", body)
    }

    /// Requests of every kind, and the status that each has when all is well.
    fn requests(&self) -> Vec<(String, u16)> {
        let get = |path: &str, token: &str| self.site.request("GET", path, Some(token), "", "");
        let (staff, guardian) = (&self.consultant, &self.guardian);
        let trail = format!(
            "/fhir/AuditEvent?patient.identifier=https://fhir.nhs.uk/Id/nhs-number%7C{}",
            nhs_number(1)
        );
        vec![
            (get("/hospital/fhir/Patient/p-1", staff), 200),
            (get("/hospital/fhir/Patient?_id=p-1", staff), 200),
            (get("/hospital/fhir/metadata", staff), 200),
            (get("/hospital/fhir/Patient/none-1", staff), 404),
            (get("/hospital/fhir/Patient/bad-1", staff), 502),
            (get("/hospital/fhir/Patient/p-1", &self.site.staff_token("R1460")), 403),
            (get("/hospital/fhir/Nonsense/p-1", staff), 404),
            (get(&trail, guardian), 200),
            (self.post("/hospital/fhir/Patient", staff, &created()), 201),
            (self.post("/fhir/Consent", guardian, &dissent(&nhs_number(2))), 201),
        ]
    }

    /// All goes as it should.
    async fn check_serves(&self) {
        for (request, expected) in self.requests() {
            let (mut status, mut head, mut body) = self.tell(&request).await;
            let started = Instant::now();
            // The index of the trail is not on the way of a share; after a full disk it may still be catching up.
            while status == 503
                && body.contains("the trail is not up to date")
                && started.elapsed() < PATIENCE
            {
                (status, head, body) = self.tell(&request).await;
            }
            assert_eq!(status, expected, "{request}{body}");
            assert!(head.contains("portcullis-receipt: "), "{request}{head}");
        }
    }

    /// Nothing leaves, in either direction, and everyone is told why.
    async fn check_holds_back(&self, why: &str) {
        let sent = self.sent();
        let unrecorded = self.unrecorded().await;
        let requests = self.requests();
        let count = requests.len();
        for (request, _) in requests {
            let (status, head, body) = self.tell(&request).await;
            assert_eq!(status, 503, "{request}{body}");
            assert!(head.contains("\r\nretry-after: 1\r\n"), "{request}{head}");
            assert!(head.contains("content-type: application/fhir+json"), "{request}{head}");
            assert!(body.starts_with(r#"{"resourceType":"OperationOutcome""#), "{request}{body}");
            for content in ["portcullis-receipt", "etag", "location", "Fenwick", "1950", "canary", "p-1"] {
                assert!(!format!("{head}{body}").contains(content), "{content} left: {request}{head}{body}");
            }
        }
        assert_eq!(self.sent(), sent, "something was written to the hospital");
        assert_eq!(self.unrecorded().await, unrecorded + count);
        let ready = operators_see(self.site.ops(), "/health/ready").await;
        assert!(ready.starts_with("HTTP/1.1 503 "), "{ready}");
        assert!(ready.ends_with(&format!("the ledger does not take entries: {why}\n")), "{ready}");
        assert!(operators_see(self.site.ops(), "/health/live").await.starts_with("HTTP/1.1 200 "));
        let metrics = operators_see(self.site.ops(), "/metrics").await;
        assert!(metrics.contains("\nportcullis_ledger_takes_entries 0\n"), "{metrics}");
        assert!(metrics.contains("\nportcullis_panics_total 0\n"), "{metrics}");
    }

    async fn until_ready(&self) {
        until_operators_see(self.site.ops(), "/health/ready", |ready| ready.starts_with("HTTP/1.1 200 "))
            .await;
        let metrics = operators_see(self.site.ops(), "/metrics").await;
        assert!(metrics.contains("\nportcullis_ledger_takes_entries 1\n"), "{metrics}");
    }

    /// What was written to the hospital.
    fn sent(&self) -> usize {
        self.site.hospital.seen().iter().filter(|seen| seen.line.starts_with("POST /fhir/Patient ")).count()
    }

    async fn unrecorded(&self) -> usize {
        let metrics = operators_see(self.site.ops(), "/metrics").await;
        let line = metrics.lines().find_map(|line| line.strip_prefix("portcullis_unrecorded_total "));
        line.unwrap().parse().unwrap()
    }
}

/// A Patient whom a sender has no id for.
fn created() -> String {
    patient("p-1", &nhs_number(1)).replace(r#""id":"p-1","#, "")
}

/// How often the Patient was disclosed by a read, as the ledger has it.
fn disclosed(entries: &[Entry]) -> usize {
    let read = |entry: &&Entry| {
        let exchange = &entry.record.exchange;
        exchange.event == Event::Disclosed && exchange.interaction == "read" && entry.person().is_some()
    };
    entries.iter().filter(read).count()
}

/// No file may be written beyond this by the process any more.
fn limit_files(process: &Process, limit: &str) {
    let (id, limit) = (process.id().to_string(), format!("--fsize={limit}"));
    assert!(Command::new("prlimit").args(["--pid", &id, &limit]).status().unwrap().success());
}

/// Takes up all the room there is, until the ledger cannot begin another segment; gives what has to go again.
///
/// What it has prepared it can still use: so each segment is made to end early, and the room taken up again.
async fn fill_until_refused(served: &Served, state: &Path) -> Vec<PathBuf> {
    let mut ballast = Vec::new();
    for number in 0..SEGMENTS_MAX {
        ballast.push(state.join(format!("ballast-{number}")));
        let mut file = std::fs::File::create(&ballast[number]).unwrap();
        let full = std::io::copy(&mut std::io::repeat(1), &mut file).unwrap_err();
        assert_eq!(full.kind(), std::io::ErrorKind::StorageFull);
        limit_files(&served.process, "1:unlimited");
        assert_eq!(served.tell(&served.requests()[0].0).await.0, 503);
        limit_files(&served.process, "unlimited:unlimited");
        let tried = |seen: &str| seen.contains("there is no room on the disk") || seen.contains(" 200 ");
        if until_operators_see(served.site.ops(), "/health/ready", tried).await.contains("no room") {
            return ballast;
        }
    }
    panic!("the disk did not become full");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_that_cannot_be_written_hold_everything_back_until_they_can() {
    if !works("prlimit", &["--version"]) {
        return;
    }
    // The signal that goes with the limit would end the process.
    let served =
        Served::by(|_| ["sh", "-c", "trap '' XFSZ; exec \"$0\" \"$@\""].map(str::to_owned).to_vec()).await;
    served.check_serves().await;
    for _ in 0..2 {
        limit_files(&served.process, "1:unlimited");
        served.check_holds_back("its files may not become so large").await;
        limit_files(&served.process, "unlimited:unlimited");
        served.until_ready().await;
        served.check_serves().await;
    }
    let Served { site, process, .. } = served;
    assert_eq!(process.stop(), Some(0));
    verified(&site.ledger());
    assert_eq!(disclosed(&recorded(&site.ledger())), 3, "each share is recorded, and nothing else as one");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_holds_everything_back_until_there_is_room() {
    if !works("prlimit", &["--version"])
        || !works("unshare", &["-rm", "sh", "-c", "mount -t tmpfs tmpfs /mnt"])
    {
        return;
    }
    // A file system of its own, which only the gateway sees. There is room for three segments.
    let served = Served::by(|site| {
        let state = site.folder.path().join("state");
        std::fs::create_dir(&state).unwrap();
        let mount =
            format!("trap '' XFSZ && mount -t tmpfs -o size=120m,mode=0700 tmpfs {}", state.display());
        ["unshare", "-rm", "sh", "-c", &format!("{mount} && exec \"$0\" \"$@\"")].map(str::to_owned).to_vec()
    })
    .await;
    let seen_by_it = Path::new("/proc").join(served.process.id().to_string()).join("root");
    let state = seen_by_it.join(served.site.folder.path().strip_prefix("/").unwrap()).join("state");
    served.check_serves().await;
    let ballast = fill_until_refused(&served, &state).await;
    served.check_holds_back("there is no room on the disk").await;
    verified(&state.join("ledger"));
    ballast.iter().for_each(|file| std::fs::remove_file(file).unwrap());
    served.until_ready().await;
    served.check_serves().await;
    verified(&state.join("ledger"));
    assert_eq!(disclosed(&recorded(&state.join("ledger"))), 2);
}
