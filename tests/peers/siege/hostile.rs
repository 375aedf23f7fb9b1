//! The hostile side: a thousand clients of one address, and what becomes of each.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use rustix::net::sockopt;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, split};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::{Barrier, Semaphore};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;

use super::attacks::Attack;

/// The slowest thing a client does is a byte in so long.
const DRIP: Duration = Duration::from_millis(500);
/// A little longer than the gate waits for a client that takes nothing.
pub(crate) const UNREAD: Duration = Duration::from_secs(25);
/// Within this the gate has ended every client, whatever it did.
const PATIENCE: Duration = Duration::from_secs(90);
/// Bytes that the system of a client that never reads takes in for it.
const UNREAD_BYTES: u32 = 4_096;

/// How a client behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Conduct {
    /// Sends all at once and reads.
    Speaks,
    /// Sends the first text at once, of the others a byte each half second, and reads.
    Drips,
    /// Sends all and reads nothing for so long.
    NeverReads(Duration),
    /// Is gone at once.
    Resets,
}

/// What a client sends: some texts, each so many times.
#[derive(Clone, Default)]
pub(crate) struct Opening(Vec<(Arc<[u8]>, usize)>);

impl Opening {
    pub(crate) fn of(text: impl AsRef<[u8]>) -> Self {
        Self(vec![(text.as_ref().into(), 1)])
    }

    pub(crate) fn then(mut self, text: &str, times: usize) -> Self {
        self.0.push((text.as_bytes().into(), times));
        self
    }

    /// The first text, and the others.
    fn split_first(&self) -> (Self, Self) {
        let (first, others) = self.0.split_at(self.0.len().min(1));
        (Self(first.to_vec()), Self(others.to_vec()))
    }

    /// All of it in pieces that are worth a write.
    fn pieces(&self) -> impl Iterator<Item = Vec<u8>> {
        const PIECE_BYTES: usize = 16 * 1_024;
        self.0.iter().flat_map(|(text, times)| {
            let together = (PIECE_BYTES / text.len().max(1)).clamp(1, *times);
            let whole = std::iter::repeat_with(move || text.repeat(together)).take(times / together);
            whole.chain(std::iter::once(text.repeat(times % together)))
        })
    }
}

impl<T: AsRef<[u8]>> From<T> for Opening {
    fn from(text: T) -> Self {
        Self::of(text)
    }
}

/// Where a gate is, and how to speak with it.
#[derive(Clone)]
pub(crate) struct Target {
    pub(crate) address: SocketAddr,
    pub(crate) tls: Option<TlsConnector>,
}

/// What is read from and written to, in TLS or as it is.
pub(crate) trait Wire: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Wire for T {}

impl Target {
    /// A connection from the address `from`.
    pub(crate) async fn connect(&self, from: IpAddr) -> io::Result<Box<dyn Wire>> {
        self.agree(self.connect_tcp(from, None).await?).await
    }

    async fn connect_tcp(&self, from: IpAddr, receive_bytes: Option<u32>) -> io::Result<TcpStream> {
        let socket = TcpSocket::new_v4()?;
        if let Some(bytes) = receive_bytes {
            socket.set_recv_buffer_size(bytes)?;
        }
        socket.bind(SocketAddr::new(from, 0))?;
        socket.connect(self.address).await
    }

    async fn agree(&self, tcp: TcpStream) -> io::Result<Box<dyn Wire>> {
        let Some(tls) = &self.tls else { return Ok(Box::new(tcp)) };
        let name = ServerName::try_from("localhost").map_err(io::Error::other)?;
        Ok(Box::new(tls.connect(name, tcp).await?))
    }
}

/// What became of the clients of one attack.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ends {
    /// Ended without a byte.
    pub(crate) silent: usize,
    /// Told something that is no whole answer.
    pub(crate) cut: usize,
    /// Told a status.
    pub(crate) told: BTreeMap<u16, usize>,
}

impl Ends {
    /// Clients that were told one of `statuses`.
    pub(crate) fn told(&self, statuses: &[u16]) -> usize {
        statuses.iter().filter_map(|status| self.told.get(status)).sum()
    }

    pub(crate) fn clients(&self) -> usize {
        self.silent + self.cut + self.told.values().sum::<usize>()
    }

    fn note(&mut self, heard: &Heard) {
        match heard {
            Heard::Nothing => self.silent += 1,
            Heard::Part => self.cut += 1,
            Heard::Status(status) => *self.told.entry(*status).or_default() += 1,
        }
    }
}

/// What one client heard until its connection ended.
enum Heard {
    Nothing,
    Part,
    Status(u16),
}

/// Lets all clients of `attack` come from the address `from`, and gives what became of them.
pub(crate) async fn carry_out(attack: &Attack, target: &Target, from: IpAddr) -> Ends {
    let target = Target { tls: target.tls.clone().filter(|_| !attack.is_raw), ..target.clone() };
    let room = Arc::new(Semaphore::new(attack.at_a_time));
    let mut clients = JoinSet::new();
    for _ in 0..attack.clients {
        let (target, room) = (target.clone(), Arc::clone(&room));
        let (opening, conduct) = (attack.opening.clone(), attack.conduct);
        clients.spawn(async move {
            let _here = room.acquire_owned().await;
            // A gate that never ends its clients is found out by the sum of them.
            timeout(PATIENCE, come(&target, from, &opening, conduct)).await.ok()
        });
    }
    let mut ends = Ends::default();
    while let Some(heard) = clients.join_next().await {
        if let Some(heard) = heard.unwrap() {
            ends.note(&heard);
        }
    }
    ends
}

/// Lets `clients` polite ones come at once, so many from each address, each with `rounds` questions on one
/// connection; gives how many of its questions each had answered.
pub(crate) async fn keep_alive(
    target: &Target,
    clients: usize,
    of_address: usize,
    rounds: usize,
) -> Vec<usize> {
    let all_here = Arc::new(Barrier::new(clients));
    let mut waiting = Vec::new();
    for number in 0..clients {
        let (target, all_here) = (target.clone(), Arc::clone(&all_here));
        let last = u8::try_from(number / of_address + 1).unwrap();
        waiting.push(tokio::spawn(async move {
            let Ok(mut wire) = target.connect([127, 0, 4, last].into()).await else { return 0 };
            all_here.wait().await;
            let mut answered = 0;
            while answered < rounds && ask_and_stay(&mut wire).await.is_ok() {
                answered += 1;
            }
            // Nobody leaves before the last has its answers.
            all_here.wait().await;
            answered
        }));
    }
    let mut answered = Vec::new();
    for client in waiting {
        answered.push(client.await.unwrap());
    }
    answered
}

async fn ask_and_stay(wire: &mut Box<dyn Wire>) -> io::Result<()> {
    wire.write_all(b"GET /healthz HTTP/1.1\r\nHost: g\r\n\r\n").await?;
    wire.flush().await?;
    let (mut answer, mut piece) = (Vec::new(), [0; 4_096]);
    let whole = async {
        // The health is one object in a few hundred bytes.
        while !answer.ends_with(b"}") {
            let count = wire.read(&mut piece).await?;
            if count == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            answer.extend_from_slice(&piece[..count]);
        }
        io::Result::Ok(())
    };
    timeout(PATIENCE, whole).await.map_err(io::Error::other)??;
    if status_of(&answer) == Some(200) { Ok(()) } else { Err(io::Error::other("refused")) }
}

async fn come(target: &Target, from: IpAddr, opening: &Opening, conduct: Conduct) -> Heard {
    let unread = match conduct {
        Conduct::NeverReads(unread) => Some(unread),
        _ => None,
    };
    let receive_bytes = unread.map(|_| UNREAD_BYTES);
    let Ok(tcp) = target.connect_tcp(from, receive_bytes).await else { return Heard::Nothing };
    if conduct == Conduct::Resets {
        // Without time to linger the end of the connection is a reset.
        let _ = sockopt::set_socket_linger(&tcp, Some(Duration::ZERO));
        return Heard::Nothing;
    }
    let Ok(wire) = target.agree(tcp).await else { return Heard::Nothing };
    let (mut read, mut write) = split(wire);
    let sending = async {
        // Whoever is not heard out finds that when it reads.
        let _ = send(&mut write, opening, conduct).await;
        std::future::pending::<()>().await;
    };
    let listening = async {
        if let Some(unread) = unread {
            sleep(unread).await;
        }
        listen(&mut read, unread.is_some()).await
    };
    tokio::select! {
        heard = listening => heard,
        () = sending => Heard::Nothing,
    }
}

async fn send(write: &mut (impl AsyncWrite + Unpin), opening: &Opening, conduct: Conduct) -> io::Result<()> {
    let (first, others) = opening.split_first();
    let (at_once, dripped) =
        if conduct == Conduct::Drips { (first, others) } else { (opening.clone(), Opening::default()) };
    for piece in at_once.pieces() {
        write.write_all(&piece).await?;
    }
    write.flush().await?;
    for byte in dripped.pieces().flatten() {
        write.write_all(&[byte]).await?;
        write.flush().await?;
        sleep(DRIP).await;
    }
    Ok(())
}

/// Reads to the end of the connection. An answer is whole when the connection ends in order, and a refusal
/// once its head is there: a client that goes on sending may be reset after it. One that `comes_late` to read
/// finds the beginning of an answer that was broken off.
async fn listen(read: &mut (impl AsyncRead + Unpin), comes_late: bool) -> Heard {
    let (mut beginning, mut piece) = (Vec::new(), vec![0; 16 * 1_024]);
    let ended_in_order = loop {
        match read.read(&mut piece).await {
            Ok(0) => break true,
            Ok(count) if beginning.len() < 1_024 => beginning.extend_from_slice(&piece[..count]),
            Ok(_) => {}
            Err(_) => break false,
        }
    };
    if beginning.is_empty() {
        return Heard::Nothing;
    }
    let is_whole = |status: &u16| ended_in_order || (*status >= 400 && !comes_late);
    match status_of(&beginning).filter(is_whole) {
        Some(status) => Heard::Status(status),
        None => Heard::Part,
    }
}

/// The status of the answer that begins so.
pub(crate) fn status_of(beginning: &[u8]) -> Option<u16> {
    let rest = beginning.strip_prefix(b"HTTP/1.1 ").or_else(|| beginning.strip_prefix(b"HTTP/1.0 "))?;
    std::str::from_utf8(rest.get(..3)?).ok()?.parse().ok()
}
