//! The words of HL7 FHIR R4, as the gateway, the adapters and the conformance suites share them.
//!
//! What is here is pure: values that are checked when they are made, and questions about them. No I/O, no clock,
//! no policy: nothing in this crate knows who asks or whether they may.
//!
//! - What a network sent is read by [`json`], over the bytes as they came.
//! - The same in XML is turned into JSON, and back, by [`xml`].
//! - What FHIR R4 says about its types is in [`tables`]; [`path`] names their elements.
//! - Identifiers that cannot be wrong: [`nhs_number`], [`ods_code`], [`identifier`], [`mod@reference`].
//! - Codes that decide something: [`purpose_of_use`], [`security_label`], [`role`]; codes of units: [`ucum`].
//! - Time as FHIR writes it, with its precision: [`instant`].
//! - Asking: [`search`]; many resources at once: [`bundle`]. Answering about trouble: [`outcome`].
//! - Resources of our own making are built with [`element`], which is the only door to fhirbolt; nothing that came
//!   from a network goes through it.
//!
//! Text that may say something about a person (an NHS number, an identifier's value, a search value) never shows in
//! `Debug` and has no `Display`.

pub mod json;
pub mod path;
pub mod tables;
pub mod xml;

pub mod identifier;
pub mod instant;
pub mod nhs_number;
pub mod ods_code;
pub mod purpose_of_use;
pub mod reference;
pub mod role;
pub mod security_label;
pub mod ucum;

pub mod bundle;
pub mod search;

pub mod element;
pub mod outcome;
