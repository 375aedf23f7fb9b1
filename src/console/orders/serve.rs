//! The gateway's end: orders are done one by one, each on a thread of its own, because everything in
//! them blocks.

use std::io::{self, BufWriter, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::super::archive;
use super::super::socket::{Guarded, SocketError, open};
use super::super::update;
use super::frame::{Answer, Head};
use super::{OPERATOR, Order, UpdateOrder, file};
use crate::language::Language;
use crate::limits;
use crate::ops::Ops;
use crate::ops::archive::ArchiveError;
use crate::update::Origin;

/// How long whoever has come may take to say what for.
const ORDER_TIMEOUT: Duration = Duration::from_secs(5);
/// How long whoever receives an export may take nothing. A pager that shows it may be left for a while.
const WRITE_TIMEOUT: Duration = Duration::from_hours(1);
/// How often it is told how far something has come.
const PROGRESS_PERIOD: Duration = Duration::from_millis(200);

/// Where the socket for orders lies of the gateway that keeps its data in `data`.
pub(super) fn order_path(data: &Path) -> PathBuf {
    data.join("orders.sock")
}

/// A listening socket for orders; closed and removed when this is dropped. Orders under way end with
/// the store or with the process.
#[derive(Debug)]
pub struct OrderSocket {
    _socket: Guarded,
}

/// Listens on `<data>/orders.sock` for orders to `ops`.
///
/// # Errors
/// When the socket is in use or cannot be made.
pub fn listen_for_orders(data: &Path, ops: Arc<Ops>) -> Result<OrderSocket, SocketError> {
    let socket = open(&order_path(data), move |stream, seat| {
        let ops = Arc::clone(&ops);
        let begun = stream.into_std().and_then(|stream| {
            stream.set_nonblocking(false)?;
            let work = move || {
                let done = match seat {
                    Some(_seat) => obey(&ops, stream),
                    None => turn_away(stream),
                };
                if let Err(error) = done {
                    log::debug!("orders: {error}");
                }
            };
            std::thread::Builder::new().name("order".to_owned()).spawn(work)
        });
        if let Err(error) = begun {
            log::warn!("orders: {error}");
        }
    })?;
    Ok(OrderSocket { _socket: socket })
}

fn turn_away(mut stream: UnixStream) -> io::Result<()> {
    let full = "other exports, backups and restores are under way; wait for the end of one";
    Answer::Failed(full.to_owned()).write(&mut stream)
}

/// Does what one connection asks for.
fn obey(ops: &Ops, stream: UnixStream) -> io::Result<()> {
    stream.set_read_timeout(Some(ORDER_TIMEOUT))?;
    stream.set_write_timeout(Some(WRITE_TIMEOUT))?;
    let mut teller = Teller { stream, told_at: None };
    let order = match receive(&mut teller.stream) {
        Err(error) => return Answer::Failed(error.to_string()).write(&mut teller.stream),
        Ok(order) => order,
    };
    let answer = match order {
        Received::Update(UpdateOrder { file, wish, language }) => {
            let progress = |done, of| teller.progress(done, of);
            let taken = ops.take_update_file(OPERATOR, &Origin::CommandLine, file, wish, progress);
            taken.map_or_else(
                |error| Answer::Failed(update::failure(&error, language)),
                |view| Answer::Done(update::taken(&view, wish.restarts, language)),
            )
        }
        Received::Order(order) => {
            let note = order.note();
            let done = ops.noted(carry_out(ops, order, &mut teller), note);
            done.map_or_else(|error| Answer::Failed(error.to_string()), Answer::Done)
        }
    };
    answer.write(&mut teller.stream)
}

/// Does what was ordered; gives what is to be shown of it.
fn carry_out(ops: &Ops, order: Order, teller: &mut Teller) -> Result<String, ArchiveError> {
    let english = Language::English;
    let out = teller.stream.try_clone().map_err(ArchiveError::Output)?;
    let out = BufWriter::with_capacity(limits::ORDER_DATA_BYTES, Data(out));
    let progress = &mut |done, of| teller.progress(done, of);
    match order {
        Order::Export(order) => {
            ops.export(&order, out, progress).map(|report| archive::exported(&report, english))
        }
        Order::ExportAudit => ops.export_audit(out).map(|report| archive::audit_exported(&report, english)),
        Order::Backup(file) => ops.backup(&file, progress).map(|report| archive::backed_up(&report, english)),
        Order::Restore(file, name) => {
            ops.restore(&file, &name, progress).map(|report| archive::restored(&report, english))
        }
    }
}

/// What has come.
enum Received {
    Order(Order),
    Update(UpdateOrder),
}

/// Receives an order, with the file that comes beside it.
fn receive(socket: &mut UnixStream) -> io::Result<Received> {
    Ok(Received::Order(match Head::read(socket)? {
        Head::Export(order) => Order::Export(order),
        Head::ExportAudit => Order::ExportAudit,
        Head::Backup => Order::Backup(file::receive(socket)?),
        Head::Restore(name) => Order::Restore(file::receive(socket)?, name),
        Head::Update(wish, language) => {
            return Ok(Received::Update(UpdateOrder { file: file::receive(socket)?, wish, language }));
        }
    }))
}

/// Tells how far something has come, not too often.
struct Teller {
    stream: UnixStream,
    told_at: Option<Instant>,
}

impl Teller {
    fn progress(&mut self, done: u64, of: u64) {
        if self.told_at.is_none_or(|told_at| told_at.elapsed() >= PROGRESS_PERIOD) {
            self.told_at = Some(Instant::now());
            // Whoever has left does not keep a backup from its end.
            let _ = Answer::Progress(done, of).write(&mut self.stream);
        }
    }
}

/// An export on its way.
struct Data(UnixStream);

impl Write for Data {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Answer::Data(bytes.to_vec()).write(&mut self.0)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}
