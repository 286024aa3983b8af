//! Who waits for the keys of an issuer, and who gives way when too many do.
//!
//! Anybody can invent a key id, and each one waits for the next fetch as a real one does: nobody can tell them apart
//! before the keys are there. So nobody is turned away because others wait. When all places are taken, somebody who
//! waits gives way, and that is where inventing is: with the address that waits for the most different keys. A key that
//! an issuer has begun to use is one key, whoever asks with it and how often; so the requests of a rotation stay, from
//! whichever address a flood of inventions comes besides. Within one address a key that many ask with stays longest.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sha2::{Digest, Sha256};
use tokio::sync::oneshot;

/// Requests that wait for the keys of one issuer at once: half of what is under way unless the settings say otherwise.
pub(in crate::requestor) const WAITING_MAX: usize = 128;

/// The key that a token names, and from where it came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::requestor) struct Wanted {
    key: [u8; 32],
    from: IpAddr,
}

/// Those who wait.
#[derive(Debug, Default)]
pub(in crate::requestor) struct Room {
    seats: Mutex<Seats>,
}

#[derive(Debug, Default)]
struct Seats {
    next: u64,
    /// In the order in which they came.
    taken: BTreeMap<u64, Seat>,
}

#[derive(Debug)]
struct Seat {
    wanted: Wanted,
    /// Dropped with the seat: that tells who sits there.
    _gives_way: oneshot::Sender<()>,
}

/// A place in the room, until it is dropped or taken away.
#[derive(Debug)]
pub(in crate::requestor) struct Place {
    number: u64,
    room: Arc<Room>,
    /// Ends when the place is taken away.
    pub(in crate::requestor) given_way: oneshot::Receiver<()>,
}

impl Wanted {
    /// The key of this id, or of none, asked with from this address.
    pub(in crate::requestor) fn new(key_id: Option<&str>, from: IpAddr) -> Self {
        Self { key: Sha256::digest(key_id.unwrap_or_default().as_bytes()).into(), from }
    }
}

impl Room {
    /// Takes a place; somebody else's when there is none left.
    pub(in crate::requestor) fn enter(self: &Arc<Self>, wanted: Wanted) -> Place {
        let (gives_way, given_way) = oneshot::channel();
        let mut seats = self.seats();
        while seats.taken.len() >= WAITING_MAX {
            let Some(number) = seats.gives_way(wanted) else { break };
            seats.taken.remove(&number);
        }
        let number = seats.next;
        seats.next += 1;
        seats.taken.insert(number, Seat { wanted, _gives_way: gives_way });
        Place { number, room: Arc::clone(self), given_way }
    }

    fn seats(&self) -> MutexGuard<'_, Seats> {
        self.seats.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seats {
    /// Who gives way to a newcomer.
    fn gives_way(&self, newcomer: Wanted) -> Option<u64> {
        let mut keys: BTreeMap<IpAddr, BTreeSet<[u8; 32]>> = BTreeMap::new();
        let mut requests: BTreeMap<(IpAddr, [u8; 32]), usize> = BTreeMap::new();
        let all = self.taken.values().map(|seat| seat.wanted).chain([newcomer]);
        for Wanted { key, from } in all {
            keys.entry(from).or_default().insert(key);
            *requests.entry((from, key)).or_default() += 1;
        }
        let of_address = |from: &IpAddr| {
            let asked = requests.iter().filter(|((address, _), _)| address == from).map(|(_, count)| count);
            (keys.get(from).map_or(0, BTreeSet::len), asked.sum::<usize>())
        };
        let from = keys.keys().copied().max_by_key(of_address)?;
        let crowd = |wanted: Wanted| requests.get(&(wanted.from, wanted.key)).copied().unwrap_or(0);
        let theirs = self.taken.iter().filter(|(_, seat)| seat.wanted.from == from);
        // A key that takes more than half of all places gives way to others, and to itself.
        let least = |seat: &Seat| match crowd(seat.wanted) {
            count if count > WAITING_MAX / 2 => 0,
            count => count,
        };
        theirs.min_by_key(|(number, seat)| (least(seat), **number)).map(|(number, _)| *number)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.room.seats().taken.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));
    const THERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 2));

    fn wanted(key: &str, from: IpAddr) -> Wanted {
        Wanted::new(Some(key), from)
    }

    fn flood(room: &Arc<Room>, from: IpAddr, count: usize) -> Vec<Place> {
        (0..count).map(|number| room.enter(wanted(&format!("invented-{number}"), from))).collect()
    }

    fn stays(place: &mut Place) -> bool {
        matches!(place.given_way.try_recv(), Err(oneshot::error::TryRecvError::Empty))
    }

    #[test]
    fn an_address_that_invents_keys_gives_way_to_others_and_others_never_to_it() {
        let room = Arc::new(Room::default());
        let mut before = room.enter(wanted("new", THERE));
        let _flood = flood(&room, HERE, 10 * WAITING_MAX);
        let mut after: Vec<_> = (0..WAITING_MAX / 2).map(|_| room.enter(wanted("new", THERE))).collect();
        let _more = flood(&room, HERE, 10 * WAITING_MAX);
        assert!(stays(&mut before) && after.iter_mut().all(stays));
        assert_eq!(room.seats().taken.len(), WAITING_MAX);
    }

    #[test]
    fn behind_one_address_a_key_that_several_ask_with_stays_and_a_new_one_gets_in() {
        let room = Arc::new(Room::default());
        let _flood = flood(&room, HERE, WAITING_MAX);
        let mut new: Vec<_> = (0..WAITING_MAX / 2).map(|_| room.enter(wanted("new", HERE))).collect();
        let _more = flood(&room, HERE, 10 * WAITING_MAX);
        assert!(new.iter_mut().all(stays));
    }

    #[test]
    fn one_invented_key_asked_with_again_and_again_gives_way_to_another() {
        let room = Arc::new(Room::default());
        let again =
            |count: usize| (0..count).map(|_| room.enter(wanted("invented", HERE))).collect::<Vec<_>>();
        let _flood = again(2 * WAITING_MAX);
        let mut new = room.enter(wanted("new", HERE));
        let _more = again(2 * WAITING_MAX);
        assert!(stays(&mut new));
        drop(new);
        assert!(room.seats().taken.len() < WAITING_MAX, "a place that is left is free");
    }
}
