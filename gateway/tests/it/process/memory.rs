//! What is in memory when the process ends by a fault stays behind nowhere.

use std::os::unix::process::ExitStatusExt;

use crate::support::process::Process;
use crate::support::whole::{Whole, one_patient};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_breaks_off_leaves_no_core_file_however_much_it_may() {
    let site = Whole::with(one_patient).await;
    let unlimited = ["sh", "-c", r#"ulimit -c unlimited; exec "$@""#, "sh"];
    let mut process = Process::under(&unlimited, &site.config());
    process.until_serving(site.requests, site.ops()).await;
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", process.id())).unwrap();
    let core: Vec<&str> = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max core file size"))
        .unwrap()
        .split_whitespace()
        .collect();
    assert_eq!(core, ["0", "0", "bytes"]);
    let status = process.abort();
    assert_eq!((status.signal(), status.core_dumped()), (Some(6), false));
}
