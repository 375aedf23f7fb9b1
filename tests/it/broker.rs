//! A scripted MQTT broker on loopback: it takes connections, remembers what was published, and does
//! wrong what a test asks for.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// One PUBLISH as it came in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Published {
    pub(crate) connection: usize,
    pub(crate) topic: String,
    pub(crate) retain: bool,
    pub(crate) payload: Vec<u8>,
}

/// What the broker does with the n-th message (counted from 0) of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Deed {
    Acknowledge,
    /// Takes it and says nothing.
    Withhold,
    /// Takes it and closes the connection.
    Drop,
    /// Closes the connection without having taken it.
    DropUnread,
}

/// Says what to do with a message: (connection, message of that connection).
pub(crate) type Script = dyn Fn(usize, usize) -> Deed + Send + Sync;

pub(crate) struct Broker {
    pub(crate) port: u16,
    seen: Arc<Mutex<Seen>>,
}

#[derive(Default)]
struct Seen {
    published: Vec<Published>,
    connects: Vec<Vec<u8>>,
    disconnects: usize,
}

impl Broker {
    pub(crate) async fn start(script: impl Fn(usize, usize) -> Deed + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let seen = Arc::new(Mutex::new(Seen::default()));
        let (remembers, script): (_, Arc<Script>) = (Arc::clone(&seen), Arc::new(script));
        tokio::spawn(async move {
            let mut connection = 0;
            while let Ok((stream, _)) = listener.accept().await {
                stream.set_nodelay(true).unwrap();
                tokio::spawn(converse(stream, connection, Arc::clone(&script), Arc::clone(&remembers)));
                connection += 1;
            }
        });
        Self { port, seen }
    }

    pub(crate) fn published(&self) -> Vec<Published> {
        self.seen.lock().unwrap().published.clone()
    }

    /// The CONNECT packets, without their fixed headers.
    pub(crate) fn connects(&self) -> Vec<Vec<u8>> {
        self.seen.lock().unwrap().connects.clone()
    }

    pub(crate) fn disconnects(&self) -> usize {
        self.seen.lock().unwrap().disconnects
    }
}

async fn converse(mut stream: TcpStream, connection: usize, script: Arc<Script>, seen: Arc<Mutex<Seen>>) {
    let mut message = 0;
    while let Ok((kind, body)) = packet(&mut stream).await {
        let answer = match kind >> 4 {
            1 => {
                seen.lock().unwrap().connects.push(body);
                vec![0x20, 2, 0, 0]
            }
            3 => {
                let deed = script(connection, message);
                message += 1;
                if deed == Deed::DropUnread {
                    return;
                }
                let (published, packet_id) = read_publish(connection, kind, &body);
                seen.lock().unwrap().published.push(published);
                match (deed, packet_id) {
                    (Deed::Drop, _) => return,
                    (Deed::Acknowledge, Some([high, low])) => vec![0x40, 2, high, low],
                    _ => Vec::new(),
                }
            }
            12 => vec![0xD0, 0],
            14 => {
                seen.lock().unwrap().disconnects += 1;
                return;
            }
            other => panic!("the uplink sent packet type {other}"),
        };
        if stream.write_all(&answer).await.is_err() {
            return;
        }
    }
}

async fn packet(stream: &mut TcpStream) -> std::io::Result<(u8, Vec<u8>)> {
    let kind = stream.read_u8().await?;
    let (mut length, mut shift) = (0_usize, 0);
    loop {
        let byte = stream.read_u8().await?;
        length |= usize::from(byte & 0x7F) << shift;
        shift += 7;
        if byte & 0x80 == 0 {
            break;
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await?;
    Ok((kind, body))
}

fn read_publish(connection: usize, kind: u8, body: &[u8]) -> (Published, Option<[u8; 2]>) {
    let topic_end = 2 + usize::from(u16::from_be_bytes([body[0], body[1]]));
    let topic = String::from_utf8(body[2..topic_end].to_vec()).unwrap();
    let quality_of_service = kind >> 1 & 3;
    let packet_id = (quality_of_service > 0).then(|| [body[topic_end], body[topic_end + 1]]);
    let payload = body[topic_end + if packet_id.is_some() { 2 } else { 0 }..].to_vec();
    (Published { connection, topic, retain: kind & 1 == 1, payload }, packet_id)
}
