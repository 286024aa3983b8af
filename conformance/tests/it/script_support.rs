//! Scripts in a folder of their own, and servers that say what a test wants them to.

use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use conformance::script::{
    Bounds, Library, NoProfiles, Options, Outcome, ProfileCheck, Road, Runner, ScriptRun, ScriptsRun, Systems,
};
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tempfile::TempDir;
use tokio::net::TcpListener;

/// What a server was asked: method, address below it, headers and body.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) line: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Asked {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(held, _)| held == name).map(|(_, value)| value.as_str())
    }
}

pub(crate) type Said = (u16, Vec<(&'static str, String)>, String);

/// A server and what it was asked.
#[derive(Debug, Clone)]
pub(crate) struct Server {
    pub(crate) base: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Server {
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        self.asked().into_iter().map(|asked| asked.line).collect()
    }
}

/// Starts a server that says what `saying` says.
pub(crate) async fn server(saying: impl Fn(&Asked) -> Said + Send + Sync + 'static) -> Server {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let base = format!("http://{}/fhir", listener.local_addr().unwrap());
    let asked = Arc::new(Mutex::new(Vec::new()));
    let (saying, noted) = (Arc::new(saying), Arc::clone(&asked));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (saying, noted) = (Arc::clone(&saying), Arc::clone(&noted));
            tokio::spawn(async move {
                let service =
                    service_fn(move |request| one(Arc::clone(&saying), Arc::clone(&noted), request));
                let server = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
                drop(server.serve_connection(TokioIo::new(stream), service).await);
            });
        }
    });
    Server { base, asked }
}

#[expect(clippy::disallowed_methods, reason = "a server of a test")]
async fn one(
    saying: Arc<impl Fn(&Asked) -> Said>,
    noted: Arc<Mutex<Vec<Asked>>>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let path = parts.uri.path_and_query().unwrap().as_str();
    let asked = Asked {
        line: format!("{} {}", parts.method, path.strip_prefix("/fhir").unwrap_or(path)),
        headers: parts
            .headers
            .iter()
            .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
            .collect(),
        body: String::from_utf8(body.to_vec()).unwrap(),
    };
    let (status, headers, body) = saying(&asked);
    noted.lock().unwrap().push(asked);
    let mut response = Response::builder().status(status);
    for (name, value) in headers {
        response = response.header(name, value);
    }
    Ok(response.body(Full::new(Bytes::from(body))).unwrap())
}

/// A body in FHIR JSON.
pub(crate) fn said(status: u16, body: &str) -> Said {
    (status, vec![("content-type", "application/fhir+json; charset=utf-8".to_owned())], body.to_owned())
}

/// A folder with files.
pub(crate) fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let file = folder.path().join(name);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, text).unwrap();
    }
    folder
}

/// A script in JSON with these members.
pub(crate) fn script(members: &str) -> String {
    format!(
        r#"{{"resourceType":"TestScript","id":"s","url":"urn:s","name":"S","status":"active",{members}}}"#
    )
}

pub(crate) fn systems(bases: &[&str], bounds: Bounds) -> Box<Systems> {
    let bases: Vec<(u32, String)> = (1..).zip(bases.iter().map(|base| (*base).to_owned())).collect();
    let certificate = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let authorities = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(authorities.path(), certificate.cert.pem()).unwrap();
    Box::new(Systems::new(&bases, None, Some(authorities.path()), bounds).unwrap())
}

/// Bounds that a test can wait for.
pub(crate) const SHORT: Bounds = Bounds { deadline: Duration::from_millis(600), body_bytes_max: 1 << 20 };

/// Runs a script, or the script `s.json` of a folder, against servers.
pub(crate) async fn run_in(folder: &Path, bases: &[&str], options: Options) -> ScriptRun {
    let road = Road::Network { systems: systems(bases, Bounds::default()), client: None, record: None };
    run_on(folder, road, options, Arc::new(NoProfiles)).await
}

pub(crate) async fn run_on(
    folder: &Path,
    road: Road,
    options: Options,
    profiles: Arc<dyn ProfileCheck>,
) -> ScriptRun {
    let file = if folder.is_file() { folder.to_owned() } else { folder.join("s.json") };
    let library = Library::open(file.parent().unwrap(), &[]).unwrap();
    let script = library.load(&file).unwrap();
    Runner::new(library, road, options, profiles).run(&script).await
}

/// Runs a script with these members against one server.
pub(crate) async fn run(members: &str, server: &Server) -> ScriptRun {
    let folder = folder(&[("s.json", &script(members))]);
    run_in(folder.path(), &[&server.base], Options::default()).await
}

/// The outcome of each action of each part, and what was said.
pub(crate) fn outcomes(run: &ScriptRun) -> Vec<(String, Outcome, String)> {
    run.parts()
        .flat_map(|part| {
            part.actions.iter().map(|action| (part.name.clone(), action.outcome, action.message.clone()))
        })
        .collect()
}

/// The outcomes of one test, as words.
pub(crate) fn words(run: &ScriptRun, test: &str) -> String {
    let found = outcomes(run).into_iter().filter(|(name, _, _)| name == test);
    found.map(|(_, outcome, _)| outcome.word()).collect::<Vec<_>>().join(" ")
}

pub(crate) fn alone(run: ScriptRun) -> ScriptsRun {
    ScriptsRun { scripts: vec![run], unread: Vec::new() }
}

/// The corpora, where they lie beside the project.
pub(crate) fn corpus() -> Option<PathBuf> {
    #[expect(clippy::disallowed_methods, reason = "a test is told where the samples lie")]
    let folder = std::env::var("PORTCULLIS_CORPUS").ok().map(|folder| PathBuf::from(folder).join("data"));
    // Scripts are known by where they really lie, which may be elsewhere than where a link says.
    let found = folder.and_then(|folder| folder.canonicalize().ok());
    let found = found.filter(|folder| folder.join("testscripts").is_dir());
    if found.is_none() {
        eprintln!("SKIPPED: PORTCULLIS_CORPUS names no folder with data/testscripts");
    }
    found
}
