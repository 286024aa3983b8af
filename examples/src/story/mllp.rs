//! One message over MLLP and its acknowledgement.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::stage::{Broken, broken};

const START: u8 = 0x0b;
const END: [u8; 2] = [0x1c, 0x0d];
const ANSWER_MAX: Duration = Duration::from_secs(30);
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// Sends `message` and returns the acknowledgement.
pub(super) async fn exchange(address: SocketAddr, message: &str) -> Result<String, Broken> {
    match timeout(ANSWER_MAX, talk(address, message)).await {
        Ok(Ok(bytes)) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
        Ok(Err(_)) => broken("the MLLP listener broke off"),
        Err(_) => broken("the MLLP listener did not acknowledge in time"),
    }
}

async fn talk(address: SocketAddr, message: &str) -> std::io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(address).await?;
    let framed = [&[START], message.as_bytes(), &END].concat();
    stream.write_all(&framed).await?;
    let mut received = Vec::new();
    while !received.ends_with(&END) && received.len() < ANSWER_BYTES_MAX {
        if stream.read_buf(&mut received).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(received)
}
