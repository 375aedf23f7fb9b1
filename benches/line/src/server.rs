//! A Modbus TCP server for every client alike: it answers each read of holding registers at once, in order.
//!
//! A register holds its address; from address 1,000 on, that and the number of requests so far.

use std::sync::atomic::{AtomicU16, Ordering};

use cems_gateway::modbus::frame::{ExceptionCode, Heard, Request, Response, tcp};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const CHANGES_FROM: u16 = 1_000;

static REQUESTS: AtomicU16 = AtomicU16::new(0);

/// Serves on every address of this machine until nobody listens any more.
#[tokio::main(flavor = "current_thread")]
pub async fn serve() {
    let listener = TcpListener::bind("0.0.0.0:0").await.unwrap();
    println!("{}", listener.local_addr().unwrap().port());
    std::thread::spawn(|| {
        crate::wait_for_the_end();
        std::process::exit(0);
    });
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        stream.set_nodelay(true).unwrap();
        tokio::spawn(answer_all(stream));
    }
}

async fn answer_all(mut stream: TcpStream) {
    let mut heard = Heard::default();
    let mut reply = Vec::new();
    loop {
        match stream.read(heard.space()).await {
            Ok(count) if count > 0 => heard.grow(count),
            _ => return,
        }
        while let Some(bytes) = answer(heard.bytes(), &mut reply) {
            heard.forget(bytes);
            if stream.write_all(&reply).await.is_err() {
                return;
            }
        }
    }
}

/// Writes the reply to the first whole frame, and gives the bytes of the frame; `None` while there is none.
fn answer(heard: &[u8], reply: &mut Vec<u8>) -> Option<usize> {
    let frame = tcp::first_frame(heard).unwrap()?;
    let answer = match cems_gateway::modbus::frame::serve::read_request(frame.pdu) {
        Ok(Request::ReadHoldingRegisters(start, count)) => {
            let more = if start < CHANGES_FROM { 0 } else { REQUESTS.fetch_add(1, Ordering::Relaxed) };
            let words = (start..start.saturating_add(count)).map(|address| address.wrapping_add(more));
            Ok(Response::ReadHoldingRegisters(words.collect()))
        }
        _ => Err(ExceptionCode::IllegalFunction),
    };
    tcp::write_reply(frame.transaction, frame.unit, frame.pdu[0], &answer, reply);
    Some(frame.bytes())
}
