//! The command line in unlucky hands: options that do not fit, files that are not there, endpoints that do not answer.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::reference::{Fault, PATIENT, start, start_tls};

fn program(arguments: &[&str]) -> (i32, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_portcullis-conformance")).args(arguments).output().unwrap();
    let told = [output.stdout, output.stderr].concat();
    (output.status.code().unwrap(), String::from_utf8(told).unwrap())
}

fn folder(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("portcullis-commands-{name}-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// A server that answers everything with `answer`, and how often it did.
fn answering(answer: &'static str) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&asked);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut held = [0; 4096];
            if stream.read(&mut held).is_ok_and(|read| read > 0) {
                counted.fetch_add(1, Ordering::SeqCst);
            }
            drop(stream.write_all(answer.as_bytes()));
        }
    });
    (base, asked)
}

#[test]
fn an_option_that_would_have_no_effect_is_refused_by_name() {
    let (base, asked) = answering("");
    let cases: [(&[&str], &str); 8] = [
        (&["--script", "none", "--read-only"], "--read-only would have no effect on scripts"),
        (&["--script", "none", "--requirements", "r.csv"], "--requirements"),
        (&["--script", "none", "--battery", "b"], "--battery"),
        (&["--suite", "privacy", "--canaries", "c", "--requirements", "r.csv"], "--requirements"),
        (&["--suite", "privacy", "--canaries", "c", "--read-only"], "--read-only"),
        (&["--suite", "privacy", "--canaries", "c", "--token-file", "t"], "--token-file"),
        (&["--suite", "metadata", "--parallel", "4"], "--parallel would have no effect on these suites"),
        (&["--suite", "metadata", "--canaries", "c", "--record", "h"], "--record, --canaries"),
    ];
    for (more, wanted) in cases {
        let (code, text) = program(&[&["run", "--base", &base], more].concat());
        assert_eq!(code, 2, "{more:?}: {text}");
        assert!(text.contains(wanted), "{more:?}: {text}");
    }
    assert_eq!(asked.load(Ordering::SeqCst), 0);
}

#[test]
fn what_cannot_be_used_is_said_before_anything_is_asked() {
    let (base, asked) = answering("");
    let folder = folder("unusable");
    let file = |name: &str, text: &str| {
        let path = folder.join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let html = format!("html={}", folder.join("not/there.html").display());
    let a_folder = format!("html={}", folder.display());
    let twice = format!("html={0},junit={0}", folder.join("twice").display());
    let (two, word, empty, none) = (
        file("two", "abc\ndef\n"),
        file("word", "Bearer abc\n"),
        file("empty", ""),
        file("none", "no certificate\n"),
    );
    let fragment = format!("{base}/fhir#here");
    let cases: [(&[&str], &str); 8] = [
        (&["--report", &html], "cannot be written"),
        (&["--report", &a_folder], "cannot be written"),
        (&["--report", &twice], "two reports"),
        (&["--token-file", &two], "one bearer token"),
        (&["--token-file", &word], "one bearer token"),
        (&["--token-file", &empty], "one bearer token"),
        (&["--ca", &none], "holds no certificate"),
        (&["--ca", &empty], "holds no certificate"),
    ];
    for (more, wanted) in cases {
        let (code, text) = program(&[&["run", "--base", &base, "--suite", "metadata"], more].concat());
        assert_eq!(code, 2, "{more:?}: {text}");
        assert!(text.contains(wanted), "{more:?}: {text}");
        assert!(!text.contains("abc") && !text.contains("def"), "{more:?}: {text}");
    }
    assert_eq!(program(&["run", "--base", &fragment, "--suite", "metadata"]).0, 2);
    assert_eq!(asked.load(Ordering::SeqCst), 0);
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn an_endpoint_that_does_not_serve_is_unusable_says_why_and_is_asked_once() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let closed = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let suites = ["--suite", "metadata,read,error-bodies"];
    let (code, text) = program(&[&["run", "--base", &closed], &suites[..]].concat());
    assert_eq!(code, 3, "{text}");
    assert!(text.contains("(no connection to the endpoint could be made)"), "{text}");
    let body = "\r\nretry-after: 60\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}";
    let busy: &str = Box::leak(format!("HTTP/1.1 503 Service Unavailable{body}").into_boxed_str());
    let many: &str = Box::leak(format!("HTTP/1.1 429 Too Many Requests{body}").into_boxed_str());
    for (answer, wanted) in [
        ("", "(the endpoint did not answer)"),
        ("\0\0 garbage", "did not answer"),
        (busy, "503"),
        (many, "429"),
    ] {
        let (base, asked) = answering(answer);
        let (code, text) = program(&[&["run", "--base", &base], &suites[..]].concat());
        assert_eq!(code, 3, "{answer:?}: {text}");
        assert!(text.contains(wanted), "{answer:?}: {text}");
        assert_eq!(asked.load(Ordering::SeqCst), 1, "{answer:?}");
    }
}

#[tokio::test]
async fn a_certificate_that_is_not_trusted_is_named_as_the_reason() {
    let (base, _authority) = start_tls().await;
    let told = tokio::task::spawn_blocking(move || {
        program(&["run", "--base", &base, "--suite", "metadata", "--patient", PATIENT])
    });
    let (code, text) = told.await.unwrap();
    assert_eq!(code, 3, "{text}");
    assert!(text.contains("its certificate is not trusted"), "{text}");
}

#[tokio::test]
async fn a_report_that_is_lost_takes_neither_the_others_nor_the_terminal_with_it() {
    let base = start(Fault::None).await;
    let folder = folder("lost");
    // It can be opened, and takes nothing.
    let reports = format!("html=/dev/full,json={}", folder.join("kept.json").display());
    let told = tokio::task::spawn_blocking(move || {
        program(&["run", "--base", &base, "--suite", "metadata", "--report", &reports])
    });
    let (code, text) = told.await.unwrap();
    assert_eq!(code, 2, "{text}");
    assert!(text.contains("/dev/full cannot be written") && text.contains("Pass: "), "{text}");
    assert!(std::fs::read_to_string(folder.join("kept.json")).unwrap().contains("\"verdict\""));
    std::fs::remove_dir_all(folder).unwrap();
}
