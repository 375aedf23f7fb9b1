//! Stream: the bytes of one client, whether they come in TLS or as they are.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use rustix::net::sockopt;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

use crate::limits;

/// A client that acknowledges nothing for so long is gone.
const UNACKNOWLEDGED_MAX_MS: u32 = 30_000;

/// The bytes of one client.
pub(super) enum Stream {
    /// As they are.
    Plain(TcpStream),
    /// In TLS.
    Tls(Box<TlsStream<TcpStream>>),
}

/// Sets what every connection of a client has.
///
/// # Errors
/// When it is gone already.
pub(super) fn prepare(tcp: &TcpStream) -> io::Result<()> {
    // An answer in several writes would wait 40 ms for an acknowledgement.
    tcp.set_nodelay(true)?;
    sockopt::set_tcp_user_timeout(tcp, UNACKNOWLEDGED_MAX_MS)?;
    // The kernel would take in megabytes for a client that reads nothing.
    sockopt::set_socket_send_buffer_size(tcp, limits::GATE_SEND_BUFFER_BYTES)?;
    Ok(())
}

impl Stream {
    /// Makes the end of the connection a reset: what was sent of an answer cannot be taken for the whole.
    pub(super) fn will_reset(&self) {
        let tcp = match self {
            Self::Plain(tcp) => tcp,
            Self::Tls(tls) => tls.get_ref().0,
        };
        // Of a connection that is gone already nobody takes anything for whole.
        let _ = sockopt::set_socket_linger(tcp, Some(Duration::ZERO));
    }

    /// The certificate that the client has shown, in DER.
    pub(super) fn client_certificate(&self) -> Option<&[u8]> {
        match self {
            Self::Plain(_) => None,
            Self::Tls(tls) => Some(tls.get_ref().1.peer_certificates()?.first()?.as_ref()),
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(tcp) => Pin::new(tcp).poll_read(cx, into),
            Self::Tls(tls) => Pin::new(tls).poll_read(cx, into),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(tcp) => Pin::new(tcp).poll_write(cx, bytes),
            Self::Tls(tls) => Pin::new(tls).poll_write(cx, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(tcp) => Pin::new(tcp).poll_flush(cx),
            Self::Tls(tls) => Pin::new(tls).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(tcp) => Pin::new(tcp).poll_shutdown(cx),
            Self::Tls(tls) => Pin::new(tls).poll_shutdown(cx),
        }
    }
}
