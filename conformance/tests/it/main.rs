//! The suites against a small reference server with faults that can be switched on.

#[cfg(test)]
mod faults;
#[cfg(test)]
mod reference;
#[cfg(test)]
mod reports;
