//! What a search costs: the check before anybody is asked, and the answer.
//!
//! ```text
//! cargo bench -p gateway --bench search
//! ```
//! Prints the microseconds of each check, and MB/s (10^6 bytes of what the system sent) of a searchset of 1,000 entries
//! over 300 persons that is indexed, decided and minimised (with `-- searchset` that alone; with `-- counted` it is answered
//! twenty times and nothing is told, for what counts instructions), against `serde_json::Value` parsed and written again. Best of
//! many rounds: the checks and the tree by CPU time of the thread where the system tells it, the searchset and its stages by the clock, since
//! more than one thread may work on it, and beside it by what all of them spent on processors.

#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    clippy::unreachable,
    reason = "a bench prints, and fails by panicking"
)]

mod check;
#[path = "../minimise/clock.rs"]
mod clock;
mod people;
mod searchset;
mod site;

use gateway::seal::Seal;
use searchset::How;

/// As the gateway allocates.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    let settings = site::settings();
    let requestor = site::consultant();
    let seal = Seal::from_key(&[7; 32]).expect("a key");
    if std::env::args().any(|argument| argument == "counted") {
        let _ = searchset::run(&requestor, &settings, &seal, How::Counted(20));
        return;
    }
    if std::env::args().all(|argument| argument != "searchset") {
        println!("{:<28} {:>8}", "search check", "us");
        for (name, microseconds, ends) in check::run(&requestor, &settings, &seal) {
            println!("{name:<28} {microseconds:>8.1}  {ends}");
        }
    }
    let speeds = searchset::run(&requestor, &settings, &seal, How::Timed).expect("speeds");
    println!(
        "\n{:<28} {:>9} bytes, {:.0} MB/s by the clock, {:.0} MB for each second of a processor; decide alone {:.0} us; serde_json::Value and back {:.0} MB/s; ratio {:.2}",
        "searchset of 1,000 entries",
        speeds.bytes,
        speeds.ours,
        speeds.of_a_processor,
        speeds.deciding_us,
        speeds.tree,
        speeds.ours / speeds.tree
    );
    for (stage, microseconds) in speeds.stages_us {
        println!("{stage:<28} {microseconds:>8.0} us");
    }
}
