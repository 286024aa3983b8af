//! Requests that come over no connection: a program that holds a gateway asks it, and gets the response as it would leave.
//!
//! Everything happens to such a request that happens to one of HTTP/2 once its frames are read: names, path, headers and body
//! are checked at the door, the exchange runs in a task of its own and is recorded, the response is made anew. What is absent
//! is the transport: sockets, TLS, client certificates and the deadlines of a connection.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Weak};

use arc_swap::ArcSwap;
use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;

use super::activity::Activity;
use super::arrive::Connection;
use super::attend::Attendant;
use super::delivery::Tracked;
use super::head::RawHead;
use super::listener::Doors;
use super::reply::Scheme;

/// A way to ask a gateway without a connection. It keeps no gateway alive.
#[derive(Clone)]
pub struct Inside {
    attendant: Weak<Attendant>,
    doors: Arc<ArcSwap<Doors>>,
}

impl Inside {
    pub(in crate::server) fn new(attendant: &Arc<Attendant>, doors: &Arc<ArcSwap<Doors>>) -> Self {
        Self { attendant: Arc::downgrade(attendant), doors: Arc::clone(doors) }
    }

    /// Attends to `request`, which must say `HTTP/2` and name the gateway in its target, as requests of HTTP/2 do; one of
    /// an older version is refused. None once the gateway has stopped.
    pub async fn ask<B>(&self, request: Request<B>) -> Option<Response<Tracked>>
    where
        B: Body<Data = Bytes> + Send + 'static,
    {
        let attendant = self.attendant.upgrade()?;
        let doors = self.doors.load_full();
        let connection = Connection {
            peer: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            certificate: None,
            head: RawHead::default(),
        };
        let (front, within) = doors.for_one();
        let presence = Activity::new().begin();
        Some(attendant.attend(request, connection, front, Scheme::Http, within, presence).await)
    }
}

impl std::fmt::Debug for Inside {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Inside(..)")
    }
}
