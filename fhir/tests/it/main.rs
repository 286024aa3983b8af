//! Integration tests of the words: tables of cases and properties.

#[cfg(test)]
mod bundles;
#[cfg(test)]
mod codes;
#[cfg(test)]
mod composites;
#[cfg(test)]
mod corpus;
#[cfg(test)]
mod differential;
#[cfg(test)]
mod elements;
#[cfg(test)]
mod identifiers;
#[cfg(test)]
mod instants;
#[cfg(test)]
mod outcomes;
#[cfg(test)]
mod references;
#[cfg(test)]
mod search_controls;
#[cfg(test)]
mod search_matches;
#[cfg(test)]
mod search_moments;
#[cfg(test)]
mod search_queries;
#[cfg(test)]
mod tables;
#[cfg(test)]
mod xml;
