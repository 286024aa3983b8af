//! The few words of WebDriver (and of the DevTools protocol behind it) that reading our pages takes.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use examples::json::{self, parse};
use examples::wire::Caller;
use http::Method;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

/// How an element is named on the wire.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// However slow the machine is: a page that takes longer than this never comes.
const HANGS: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// More of a page than this nobody looks at in one picture.
const PICTURE_HEIGHT_MAX: u64 = 2_600;

/// A key of the keyboard.
#[derive(Debug, Clone, Copy)]
pub(super) enum Key {
    Tab,
    Enter,
}

/// A browser with one window, and the driver that steers it. Both end with it.
pub(super) struct Browser {
    caller: Caller,
    session: String,
    driver: Child,
    _profile: TempDir,
}

/// An element of the page that is open.
#[derive(Debug, Clone)]
pub(super) struct Element(String);

impl Drop for Browser {
    fn drop(&mut self) {
        // A driver that is killed leaves its browser behind: the session is ended first, also when a test has failed.
        drop(self.quit());
        drop(self.driver.kill());
        drop(self.driver.wait());
    }
}

impl Browser {
    /// Starts the driver and a browser of its own, with nothing of an earlier one.
    pub(super) async fn start(driver: &Path, browser: &Path) -> Self {
        let profile = tempfile::tempdir().unwrap();
        let mut driver =
            Command::new(driver).arg("--port=0").stdout(Stdio::piped()).spawn().expect("the driver starts");
        let mut lines = BufReader::new(driver.stdout.take().unwrap()).lines().map(Result::unwrap);
        let base = lines
            .find_map(|line| {
                let port =
                    line.split_once("started successfully on port ")?.1.trim_end_matches('.').to_owned();
                Some(format!("http://127.0.0.1:{port}"))
            })
            .expect("the driver says where it listens");
        // What else it says is read, so that it never waits for a reader.
        std::thread::spawn(move || lines.for_each(drop));
        let data = format!("--user-data-dir={}", profile.path().display());
        let arguments = [
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--disable-dev-shm-usage",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--hide-scrollbars",
            "--window-size=1280,900",
            data.as_str(),
        ];
        let wanted = json!({"capabilities": {"alwaysMatch": {
            "browserName": "chrome",
            "goog:loggingPrefs": {"browser": "ALL"},
            "goog:chromeOptions": {"binary": browser, "args": arguments},
        }}});
        let caller = Caller::default();
        let mut started = Self { caller, session: format!("{base}/session"), driver, _profile: profile };
        let answer = started.post("", &wanted).await;
        let id = json::text(&answer, "/sessionId").expect("a session").to_owned();
        started.session = format!("{base}/session/{id}");
        started
    }

    /// Ends the session, and the browser with it, from where nothing can be awaited.
    fn quit(&self) -> std::io::Result<()> {
        let (host, path) = self.session.trim_start_matches("http://").split_once('/').unwrap_or_default();
        let mut stream = TcpStream::connect(host)?;
        stream.set_read_timeout(Some(HANGS))?;
        write!(stream, "DELETE /{path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n")?;
        // The answer comes once the browser is gone.
        stream.read(&mut [0; 64]).map(|_| ())
    }

    pub(super) async fn open(&self, url: &str) {
        self.post("/url", &json!({"url": url})).await;
    }

    pub(super) async fn address(&self) -> String {
        self.get("/url").await.as_str().unwrap().to_owned()
    }

    pub(super) async fn title(&self) -> String {
        self.get("/title").await.as_str().unwrap().to_owned()
    }

    /// The element that a CSS selector names first, as soon as there is one.
    pub(super) async fn find(&self, selector: &str) -> Element {
        let deadline = Instant::now() + HANGS;
        loop {
            if let Some(found) = self.find_all(selector).await.into_iter().next() {
                return found;
            }
            assert!(Instant::now() < deadline, "no {selector} on {}", self.address().await);
            sleep(LOOK_EVERY).await;
        }
    }

    /// Does what leads to another page, and waits until that page is there.
    pub(super) async fn leaving(&self, doing: impl Future<Output = ()>) {
        let marked = "window.left = false; return true";
        assert_eq!(self.look(marked).await, json!(true));
        doing.await;
        let arrived = "return window.left === undefined && document.readyState === 'complete'";
        let deadline = Instant::now() + HANGS;
        while self.look(arrived).await != json!(true) {
            assert!(Instant::now() < deadline, "still on {}", self.address().await);
            sleep(LOOK_EVERY).await;
        }
    }

    pub(super) async fn find_all(&self, selector: &str) -> Vec<Element> {
        let found = self.post("/elements", &json!({"using": "css selector", "value": selector})).await;
        found.as_array().unwrap().iter().map(element).collect()
    }

    /// What has the focus.
    pub(super) async fn active(&self) -> Element {
        element(&self.get("/element/active").await)
    }

    /// Clicks what leads to another page.
    pub(super) async fn follow(&self, element: &Element) {
        self.leaving(self.click(element)).await;
    }

    async fn click(&self, element: &Element) {
        self.post(&format!("/element/{}/click", element.0), &json!({})).await;
    }

    pub(super) async fn text(&self, element: &Element) -> String {
        self.get(&format!("/element/{}/text", element.0)).await.as_str().unwrap().to_owned()
    }

    /// The name that assistive technology tells.
    pub(super) async fn label(&self, element: &Element) -> String {
        self.get(&format!("/element/{}/computedlabel", element.0)).await.as_str().unwrap().to_owned()
    }

    /// The role that assistive technology tells.
    pub(super) async fn role(&self, element: &Element) -> String {
        self.get(&format!("/element/{}/computedrole", element.0)).await.as_str().unwrap().to_owned()
    }

    /// Presses and lets go of a key, wherever the focus is.
    pub(super) async fn press(&self, key: Key) {
        let key = match key {
            Key::Tab => "\u{e004}",
            Key::Enter => "\u{e007}",
        };
        let strokes = json!([{"type": "keyDown", "value": key}, {"type": "keyUp", "value": key}]);
        let keyboard = json!({"actions": [{"type": "key", "id": "keyboard", "actions": strokes}]});
        self.post("/actions", &keyboard).await;
    }

    /// Runs a function body in the page and gives what it returns.
    pub(super) async fn look(&self, script: &str) -> Value {
        self.post("/execute/sync", &json!({"script": script, "args": []})).await
    }

    /// Makes the window as wide as a given screen; a narrow one is a phone.
    pub(super) async fn resize(&self, width: u32, height: u32) {
        let metrics =
            json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600});
        self.devtools("Emulation.setDeviceMetricsOverride", &metrics).await;
    }

    /// A picture of the page from the element that a CSS selector names first, also of what lies below the window, for
    /// people to look at.
    pub(super) async fn picture(&self, file: &Path, from: &str) {
        let script = format!(
            "const top = Math.floor(document.querySelector('{from}').getBoundingClientRect().top + scrollY);
             return [innerWidth, top, document.scrollingElement.scrollHeight - top]"
        );
        let size = self.look(&script).await;
        let height = size[2].as_u64().unwrap().min(PICTURE_HEIGHT_MAX);
        let clip = json!({"x": 0, "y": size[1], "scale": 1, "width": size[0], "height": height});
        let wanted = json!({"format": "png", "captureBeyondViewport": true, "clip": clip});
        let shot = self.devtools("Page.captureScreenshot", &wanted).await;
        let bytes = STANDARD.decode(json::text(&shot, "/data").unwrap()).unwrap();
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, bytes).unwrap();
    }

    /// What the browser complained of on pages under `base`: blocked content, missing files, errors.
    pub(super) async fn complaints(&self, base: &str) -> Vec<String> {
        let log = self.post("/se/log", &json!({"type": "browser"})).await;
        let lines = log.as_array().unwrap().iter().filter_map(|line| json::text(line, "/message"));
        lines.filter(|line| line.starts_with(base)).map(str::to_owned).collect()
    }

    async fn devtools(&self, command: &str, parameters: &Value) -> Value {
        self.post("/goog/cdp/execute", &json!({"cmd": command, "params": parameters})).await
    }

    async fn get(&self, path: &str) -> Value {
        self.call(Method::GET, path, Vec::new()).await
    }

    async fn post(&self, path: &str, body: &Value) -> Value {
        self.call(Method::POST, path, body.to_string().into_bytes()).await
    }

    async fn call(&self, method: Method, path: &str, body: Vec<u8>) -> Value {
        let url = format!("{}{path}", self.session);
        let headers = [("content-type", "application/json; charset=utf-8")];
        let answer = self.caller.call(method, &url, &headers, body).await.expect("the driver answers");
        let mut answer_body = parse(&answer.body).expect("the driver answers in json");
        assert_eq!(answer.status, 200, "{path}: {answer_body}");
        answer_body["value"].take()
    }
}

fn element(value: &Value) -> Element {
    Element(value[ELEMENT].as_str().expect("an element").to_owned())
}
