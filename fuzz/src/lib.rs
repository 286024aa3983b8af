//! What must hold of every input, one function a target: `fuzz_targets/` gives each to libFuzzer, and the tests of the
//! gateway replay `corpus/` and changes of it on stable. A target takes any bytes and panics when a promise is broken.

pub mod json;
pub mod minimise;
pub mod path;
pub mod reference;
pub mod search;
pub mod target;
pub mod v2;
pub mod xml;

#[path = "../../gateway/tests/it/minimise/oracle.rs"]
mod oracle;
#[path = "../../gateway/tests/it/minimise/rules.rs"]
mod rules;
