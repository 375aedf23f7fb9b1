//! A line that is polled for years asks for no memory in an exchange.

#![expect(unsafe_code, reason = "an allocator that counts can be written in no other way")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::io::{Read, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;

use cems_gateway::modbus::frame::{Heard, Request, Response, rtu, serve as serving, tcp};
use cems_gateway::modbus::line::{LineHandle, Write};
use cems_gateway::model::meter::{Line, Link};
use cems_gateway::model::register::{Span, Table, UnitId};
use cems_gateway::time::SystemClock;

const UNIT: UnitId = UnitId(1);
/// Until every buffer is as large as it becomes.
const WARM_UP: usize = 20;
const COUNTED: usize = 100;
/// More than any serial line has, so that the silence between frames takes no time.
const BAUD: u32 = 1_000_000;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

/// The system's allocator, which counts what each thread asks it for.
struct Counting;

fn count() {
    // A thread that ends has nothing left to count with.
    let _ = ALLOCATIONS.try_with(|allocations| allocations.set(allocations.get() + 1));
}

// SAFETY: every call is passed on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, bytes: usize) -> *mut u8 {
        count();
        unsafe { System.realloc(pointer, layout, bytes) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// A server on a thread of its own, whose memory is not counted, that answers with registers that hold their
/// address.
fn serve(answer: fn(&[u8], &mut Vec<u8>) -> Option<usize>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.set_nodelay(true).unwrap();
        answer_all(&mut stream, answer)
    });
    port
}

/// Until the line has gone.
fn answer_all(stream: &mut TcpStream, answer: fn(&[u8], &mut Vec<u8>) -> Option<usize>) -> Option<()> {
    let (mut heard, mut reply) = (Heard::default(), Vec::new());
    loop {
        let count = stream.read(heard.space()).ok().filter(|count| *count > 0)?;
        heard.grow(count);
        while let Some(bytes) = answer(heard.bytes(), &mut reply) {
            heard.forget(bytes);
            stream.write_all(&reply).ok()?;
        }
    }
}

fn response(pdu: &[u8]) -> Response {
    let words = |start: u16, count: u16| (start..start + count).collect::<Vec<u16>>();
    match serving::read_request(pdu).unwrap() {
        Request::ReadHoldingRegisters(start, count) => Response::ReadHoldingRegisters(words(start, count)),
        Request::ReadCoils(_, count) => Response::ReadCoils(vec![true; count.into()]),
        Request::WriteSingleRegister(address, word) => Response::WriteSingleRegister(address, word),
        other => panic!("{other:?}"),
    }
}

fn answer_tcp(heard: &[u8], reply: &mut Vec<u8>) -> Option<usize> {
    let frame = tcp::first_frame(heard).unwrap()?;
    tcp::write_reply(frame.transaction, frame.unit, frame.pdu[0], &Ok(response(frame.pdu)), reply);
    Some(frame.bytes())
}

fn answer_rtu(heard: &[u8], reply: &mut Vec<u8>) -> Option<usize> {
    let found = rtu::find_request(heard)?;
    let pdu = &heard[found.at.start + 1..found.at.end - 2];
    rtu::write_reply(UNIT, pdu[0], &Ok(response(pdu)), reply);
    Some(found.at.end)
}

async fn read_and_write(line: &LineHandle) {
    let registers = Span { start: 0, count: 125 };
    let block = line.read(UNIT, Table::HoldingRegister, registers).await.unwrap();
    assert_eq!(block.words.last(), Some(&124));
    let bits = Span { start: 0, count: 2_000 };
    assert_eq!(line.read(UNIT, Table::Coil, bits).await.unwrap().words.len(), 2_000);
    line.write(UNIT, Write::Register(7, 9)).await.unwrap();
}

#[tokio::test]
async fn an_exchange_asks_for_no_memory() {
    for (name, answer, link) in [
        ("tcp", answer_tcp as fn(&[u8], &mut Vec<u8>) -> Option<usize>, link_tcp as fn(u16) -> Link),
        ("rtu", answer_rtu, link_rtu),
    ] {
        let line =
            Line { id: name.to_owned(), link: link(serve(answer)), response_timeout_ms: 2_000, pipeline: 1 };
        let line = LineHandle::spawn(&line, Arc::new(SystemClock));
        for _ in 0..WARM_UP {
            read_and_write(&line).await;
        }
        let before = ALLOCATIONS.get();
        for _ in 0..COUNTED {
            read_and_write(&line).await;
        }
        assert_eq!(ALLOCATIONS.get() - before, 0, "{name}: in {COUNTED} times three exchanges");
        line.shutdown().await;
    }
}

fn link_tcp(port: u16) -> Link {
    Link::Tcp { host: "127.0.0.1".to_owned(), port }
}

fn link_rtu(port: u16) -> Link {
    Link::RtuOverTcp { host: "127.0.0.1".to_owned(), port, baud: BAUD }
}
