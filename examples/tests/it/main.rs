//! The stand-ins as a client sees them, over real sockets.

#[cfg(test)]
mod sign_in;
#[cfg(test)]
mod standin;
