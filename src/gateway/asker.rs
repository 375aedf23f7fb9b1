//! Asks the interface now and then how the gateway is, as a client does, so that it has something to answer.
//!
//! What is looked at is whether a worker has answered since, to whomever: while a crowd at the door leaves no
//! seat for this question, the answers to others are as good. The way in is the same for all, so where the
//! gate or every worker hangs there are no answers any more. Of a gateway that nobody has claimed the gate lets nothing
//! through, and its refusal is all that there is.

use std::io::{self, Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use crate::api::wire::names::PATH_HEALTH;

/// How often the interface is asked.
const PERIOD: Duration = Duration::from_secs(10);
/// How long is waited for each step. Nothing depends on it: an answer that comes later counts as well.
const STEP_MAX: Duration = Duration::from_millis(300);

/// Whoever asks.
#[derive(Debug, Default)]
pub(super) struct Asker {
    asked_at: Option<Instant>,
    /// The question that waits for its answer: whoever hangs up takes it back.
    waiting: Option<TcpStream>,
    /// Questions that were answered, by whomever.
    answered: u64,
}

impl Asker {
    /// Questions that were answered, be it with a refusal of the gate.
    pub(super) fn answered(&self) -> u64 {
        self.answered
    }

    /// Asks the interface that listens at `address`, where it is time to.
    pub(super) fn ask_if_due(&mut self, address: SocketAddr, now: Instant) {
        if self.asked_at.is_some_and(|at| now.saturating_duration_since(at) < PERIOD) {
            return;
        }
        self.asked_at = Some(now);
        // The one before has had its time.
        if self.waiting.take().is_some_and(|mut late| has_answer(&mut late)) {
            self.answered += 1;
        }
        match ask(near(address)) {
            Ok(None) => self.answered += 1,
            Ok(waiting) => self.waiting = waiting,
            Err(error) => log::debug!("the interface at {address} could not be asked: {error}"),
        }
    }
}

/// Asks; gives the connection where no answer has come yet.
fn ask(address: SocketAddr) -> io::Result<Option<TcpStream>> {
    let mut stream = TcpStream::connect_timeout(&address, STEP_MAX)?;
    stream.set_write_timeout(Some(STEP_MAX))?;
    stream.set_read_timeout(Some(STEP_MAX))?;
    stream.write_all(question().as_bytes())?;
    let is_answered = has_answer(&mut stream);
    Ok((!is_answered).then_some(stream))
}

fn has_answer(stream: &mut TcpStream) -> bool {
    stream.read(&mut [0; 64]).is_ok_and(|bytes| bytes > 0)
}

fn question() -> String {
    format!("GET /{PATH_HEALTH} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
}

/// Where this machine reaches what listens at `address`.
pub(super) fn near(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn what_listens_everywhere_is_reached_on_this_machine() {
        for (address, reached) in [
            ("0.0.0.0:8080", "127.0.0.1:8080"),
            ("[::]:8080", "[::1]:8080"),
            ("127.0.0.1:1", "127.0.0.1:1"),
            ("192.0.2.7:443", "192.0.2.7:443"),
        ] {
            assert_eq!(near(address.parse().unwrap()), reached.parse().unwrap());
        }
    }

    #[test]
    fn it_is_asked_once_in_ten_seconds_and_a_question_waits_until_the_next() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (mut asker, start) = (Asker::default(), Instant::now());
        let address = listener.local_addr().unwrap();
        asker.ask_if_due(address, start);
        asker.ask_if_due(address, start + PERIOD / 2);
        let (mut other_end, _) = listener.accept().unwrap();
        listener.set_nonblocking(true).unwrap();
        assert_eq!(listener.accept().unwrap_err().kind(), io::ErrorKind::WouldBlock);
        let mut received = vec![0; question().len()];
        other_end.read_exact(&mut received).unwrap();
        assert_eq!(received, question().as_bytes());
        assert!(asker.waiting.is_some(), "nobody has answered");
        asker.ask_if_due(address, start + PERIOD);
        assert_eq!(other_end.read(&mut [0]).unwrap(), 0, "the one before was taken back");
    }

    #[test]
    fn an_answer_counts_and_an_end_without_one_does_not() {
        for (answer, answered) in [(&b"HTTP/1.1 403 Forbidden\r\n\r\n"[..], 1), (&b""[..], 0)] {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let address = listener.local_addr().unwrap();
            let other_end =
                std::thread::spawn(move || listener.accept().unwrap().0.write_all(answer).unwrap());
            let mut asker = Asker::default();
            asker.ask_if_due(address, Instant::now());
            other_end.join().unwrap();
            assert_eq!(asker.answered(), answered, "{answer:?}");
        }
    }

    #[test]
    fn an_interface_that_nobody_serves_is_no_fault_of_the_one_who_asks() {
        let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let mut asker = Asker::default();
        asker.ask_if_due(nobody, Instant::now());
        assert!(asker.waiting.is_none());
    }
}
