//! The demo, its people and its stand-ins, over real sockets.

#[cfg(test)]
mod browser;
#[cfg(test)]
mod catalogue;
#[cfg(test)]
mod claims;
mod council;
#[cfg(test)]
mod demo;
#[cfg(test)]
mod leaks;
#[cfg(test)]
mod people;
#[cfg(test)]
mod proof;
#[cfg(test)]
mod sign_in;
#[cfg(test)]
mod standin;
