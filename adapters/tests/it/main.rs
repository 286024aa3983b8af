//! The adapters against their goldens, their promises, and what others really send.

#[cfg(test)]
mod bad_input;
#[cfg(test)]
mod batch;
#[cfg(test)]
mod cda;
#[cfg(test)]
mod cda_corpus;
#[cfg(test)]
mod cda_invariants;
#[cfg(test)]
mod cda_meaning;
#[cfg(test)]
mod cda_moods;
#[cfg(test)]
mod cda_oneself;
#[cfg(test)]
mod cda_out;
#[cfg(test)]
mod cda_out_hostile;
#[cfg(test)]
mod cda_parties;
#[cfg(test)]
mod cda_round;
#[cfg(test)]
mod cda_shape;
#[cfg(test)]
mod cda_silent;
#[cfg(test)]
mod cda_unseen;
#[cfg(test)]
mod contract;
#[cfg(test)]
mod corpus;
#[cfg(test)]
mod edifact;
#[cfg(test)]
mod edifact_corpus;
#[cfg(test)]
mod framing;
#[cfg(test)]
mod goldens;
#[cfg(test)]
mod hl7v2_dosage;
#[cfg(test)]
mod hl7v2_meaning;
#[cfg(test)]
mod invariants;
#[cfg(test)]
mod mapping;
#[cfg(test)]
mod meaning;
#[cfg(test)]
mod medicines;
#[cfg(test)]
mod notices;
#[cfg(test)]
mod notices_refused;
#[cfg(test)]
mod notices_unseen;
#[cfg(test)]
mod out;
#[cfg(test)]
mod out_hostile;
#[cfg(test)]
mod out_round;
#[cfg(test)]
mod performers;
#[cfg(test)]
mod places;
#[cfg(test)]
mod query;
#[cfg(test)]
mod shape;
#[cfg(test)]
mod sound;
#[cfg(test)]
mod versions;
#[cfg(test)]
mod versions_address;
#[cfg(test)]
mod versions_corpus;
#[cfg(test)]
mod versions_property;
#[cfg(test)]
mod versions_questionnaire;
#[cfg(test)]
mod versions_sound;
#[cfg(test)]
mod versions_statement;
#[cfg(test)]
mod whereabouts;
#[cfg(test)]
mod wordings;
