//! The command line's end: one order to the gateway that runs, and its answer.

use std::io::{self, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::frame::{Answer, Head};
use super::serve::order_path;
use super::{Order, UpdateOrder, file};

/// Why the gateway did not do what it was asked for.
#[derive(Debug, Error)]
pub enum AskError {
    /// Nobody answers.
    #[error("the store is in use, and no gateway answers at {}: {source}; run this as the gateway's user or root, or stop what uses the store", path.display())]
    NoGateway {
        /// Where.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// What the gateway sends cannot be read, or what it sent cannot be written.
    #[error("the gateway broke off: {0}")]
    Broken(io::Error),
    /// What receives the export takes no more.
    #[error("the export cannot be written: {0}")]
    Output(io::Error),
    /// The gateway says why.
    #[error("{0}")]
    Refused(String),
}

/// Gives `order` to the gateway that keeps its data in `data`; what it sends goes to `out`. Blocks. Gives
/// what was done, to be shown.
///
/// # Errors
/// When no gateway answers, it breaks off or refuses, or `out` takes no more.
pub fn ask(
    data: &Path,
    order: &impl Errand,
    mut out: impl Write,
    mut progress: impl FnMut(u64, u64),
) -> Result<String, AskError> {
    let path = order_path(data);
    let mut socket = UnixStream::connect(&path).map_err(|source| AskError::NoGateway { path, source })?;
    order.give(&mut socket).map_err(AskError::Broken)?;
    let mut input = BufReader::new(socket);
    loop {
        match Answer::read(&mut input).map_err(AskError::Broken)? {
            Answer::Progress(done, of) => progress(done, of),
            Answer::Data(bytes) => out.write_all(&bytes).map_err(AskError::Output)?,
            Answer::Done(text) => {
                out.flush().map_err(AskError::Output)?;
                return Ok(text);
            }
            Answer::Failed(reason) => return Err(AskError::Refused(reason)),
        }
    }
}

/// What can be given to the gateway that runs.
pub trait Errand {
    /// Says through `socket` what is to be done.
    ///
    /// # Errors
    /// Those of the socket.
    fn give(&self, socket: &mut UnixStream) -> io::Result<()>;
}

impl Errand for Order {
    fn give(&self, socket: &mut UnixStream) -> io::Result<()> {
        match self {
            Self::Export(order) => Head::Export(order.clone()).write(socket),
            Self::ExportAudit => Head::ExportAudit.write(socket),
            Self::Backup(file) => {
                Head::Backup.write(socket)?;
                file::send(socket, file)
            }
            Self::Restore(file, name) => {
                Head::Restore(name.clone()).write(socket)?;
                file::send(socket, file)
            }
        }
    }
}

impl Errand for UpdateOrder {
    fn give(&self, socket: &mut UnixStream) -> io::Result<()> {
        Head::Update(self.wish, self.language).write(socket)?;
        file::send(socket, &self.file)
    }
}
