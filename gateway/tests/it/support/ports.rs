//! Addresses for those who must say where they listen before they do.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::atomic::{AtomicU16, Ordering};

/// Below what the systems that tests run on give to whoever asks for any port: a connection of another test, which
/// begins after the address was chosen and before it is listened on, is never given one of these.
const FIRST: u16 = 12_000;
const COUNT: u16 = 20_000;

/// An address nobody listens on, given once in this process.
pub(crate) fn free() -> SocketAddr {
    static GIVEN: AtomicU16 = AtomicU16::new(0);
    // Another process begins elsewhere.
    let offset = u16::try_from(std::process::id().wrapping_mul(613) % u32::from(COUNT)).unwrap();
    (0..COUNT)
        .map(|_| {
            let number = GIVEN.fetch_add(1, Ordering::Relaxed) % COUNT;
            SocketAddr::from((Ipv4Addr::LOCALHOST, FIRST + (offset + number) % COUNT))
        })
        .find(|address| TcpListener::bind(address).is_ok())
        .expect("a port that nobody listens on")
}

#[test]
fn an_address_is_given_once_and_never_by_chance_to_a_connection() {
    let given: std::collections::BTreeSet<_> = (0..500).map(|_| free()).collect();
    assert_eq!(given.len(), 500);
    let by_chance = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    assert!(by_chance.port() >= FIRST + COUNT, "{by_chance}");
    for address in given {
        assert!((FIRST..FIRST + COUNT).contains(&address.port()), "{address}");
    }
}
