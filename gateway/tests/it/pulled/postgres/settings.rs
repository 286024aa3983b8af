//! What `check` says about a source that is a PostgreSQL database.

use crate::pulled::settings::faults_of;
use crate::pulled::support::council_with;

const SOURCE: &str = r#"view = "visits"
[system.source.postgres]
host = "127.0.0.1"
database = "cases"
user = "reader"
password_file = "password"
"#;

#[tokio::test]
async fn what_cannot_be_asked_is_told_before_it_is() {
    let site = council_with("open", SOURCE).await;
    std::fs::write(site.folder.path().join("password"), "secret\n").unwrap();
    std::fs::write(site.folder.path().join("two"), "secret\nlines\n").unwrap();
    for (from, to, said) in [
        ("ids = \"keys\"", "ids = \"digests\"", "a view cannot be asked for a digest"),
        ("host = \"127.0.0.1\"\n", "", "host"),
        ("host = \"127.0.0.1\"", "host = \"not a name\"", "the name or address of a server"),
        ("host = \"127.0.0.1\"", "host = \"cases.example\"", "TLS is needed but on loopback"),
        ("host = \"127.0.0.1\"", "host = \"10.1.2.3\"", "TLS is needed but on loopback"),
        ("user = \"reader\"", "user = \"reader\"\nca = \"nowhere.pem\"", "there is no such file"),
        (
            "host = \"127.0.0.1\"",
            "host = \"/run/postgresql\"\nca = \"nowhere.pem\"",
            "nothing is encrypted on a socket",
        ),
        ("host = \"127.0.0.1\"", "host = \"127.0.0.1\"\nport = 70000", "a port from 1 to 65535"),
        ("database = \"cases\"", "database = \"\"", "a name of 1 to 63 bytes"),
        ("user = \"reader\"", "user = \"reader\"\npassword = \"secret\"", "password"),
        ("\"password\"", "\"two\"", "one password on one line"),
        ("\"password\"", "\"nowhere\"", "there is no such file"),
        ("view = \"visits\"\n", "", "`view` is missing"),
        ("view = \"visits\"", "view = \"care.visits; DROP\"", "a view is named by letters"),
        ("view = \"visits\"", "view = \"a.b.c\"", "a view is named by letters"),
        ("view = \"visits\"", "view = \"visits\"\nsqlite = \"cases.db\"", "this does not go with `postgres`"),
        ("view = \"visits\"", "view = \"visits\"\nquiet_ms = 1", "this does not go with `postgres`"),
        ("view = \"visits\"", "view = \"visits\"\nnext = \"a\"", "for a source with `api` only"),
        (
            "view = \"visits\"",
            "view = \"visits\"\napi = \"http://127.0.0.1:1\"",
            "this does not go with `api`",
        ),
    ] {
        let told = faults_of(&site, from, to);
        assert!(told.contains(said), "{to}: {told:?} does not say {said:?}");
        assert!(!told.contains("secret"), "{told}");
    }
    for (from, to) in [
        ("view = \"visits\"", "view = \"care.visits\""),
        ("host = \"127.0.0.1\"", "host = \"localhost\"\nport = 5433"),
        ("host = \"127.0.0.1\"", "host = \"/run/postgresql\""),
        ("password_file = \"password\"\n", ""),
    ] {
        assert_eq!(faults_of(&site, from, to), "", "{to}");
    }
}
