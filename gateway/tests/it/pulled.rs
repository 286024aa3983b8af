//! A council's case system without FHIR, asked through the whole gateway: residents in a CSV drop, visits in a view of an
//! SQLite or PostgreSQL database; and one that has an API of its own. What is refused, what is hidden and what is
//! recorded is as for any other system.

mod api;
mod bounds;
mod composed;
mod faults;
mod files;
mod lacking;
mod postgres;
mod settings;
mod shares;
mod support;
