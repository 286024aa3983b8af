//! What is in memory stays there: no core file, whatever ends the process, and nobody but root reads it while it runs.

use std::io;

use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};

/// From now on this process leaves no core file, and a debugger of the same user cannot look into it.
///
/// # Errors
/// When the system does not grant it; nothing is served then, for records will be in memory.
pub fn keep() -> io::Result<()> {
    setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) })?;
    set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    Ok(())
}
