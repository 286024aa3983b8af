//! The suites against small servers of our own, with faults that can be switched on.

#[cfg(test)]
mod clauses;
#[cfg(test)]
mod commands;
#[cfg(test)]
mod corpus;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod fhir_core;
#[cfg(test)]
mod fhirpath;
#[cfg(test)]
mod holder;
#[cfg(test)]
mod keeper;
#[cfg(test)]
mod pages;
#[cfg(test)]
mod privacy;
#[cfg(test)]
mod proxy;
#[cfg(test)]
mod reference;
#[cfg(test)]
mod reports;
#[cfg(test)]
mod scan;
#[cfg(test)]
mod script_bad_input;
#[cfg(test)]
mod script_clients;
#[cfg(test)]
mod script_corpus;
#[cfg(test)]
mod script_life;
#[cfg(test)]
mod script_makers;
#[cfg(test)]
mod script_standin;
#[cfg(test)]
mod script_support;
#[cfg(test)]
mod script_unseen;
#[cfg(test)]
mod search_faults;
#[cfg(test)]
mod search_ground;
#[cfg(test)]
mod smart;
#[cfg(test)]
mod states;
#[cfg(test)]
mod store;
#[cfg(test)]
mod uk_core;
#[cfg(test)]
mod validate;
#[cfg(test)]
mod worlds;
#[cfg(test)]
mod written;
