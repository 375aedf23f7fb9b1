//! Servers without a gate, which send the same bytes from memory, in chunks.

use std::collections::HashMap;
use std::convert::Infallible;
use std::path::Path;
use std::sync::Arc;
use std::thread;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use futures_util::stream;
use socket2::{Domain, Socket, Type};
use tiny_http::{Header, Response, Server, StatusCode};
use tokio::net::TcpListener;

/// Bytes that are sent together, as the gateway's workers do.
const PIECE_BYTES: usize = 8 * 1_024;
/// Threads that answer, as many as the gateway has.
const WORKERS: usize = 4;

type Documents = HashMap<String, &'static [u8]>;

/// The documents that lie in `dir`, by the number of their page. They are needed until the end.
fn documents(dir: &Path) -> Documents {
    let files = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    let files = files.filter(|path| path.extension().is_some_and(|ending| ending == "json"));
    let read = |path: std::path::PathBuf| {
        let page = path.file_stem().unwrap().to_string_lossy().into_owned();
        (page, &*std::fs::read(&path).unwrap().leak())
    };
    files.map(read).collect()
}

fn page_of(target: &str) -> &str {
    target.rsplit_once("pageNumber=").map_or("1", |(_, page)| page)
}

/// tiny_http at a port of its own and at the socket `DIR/bare.sock`.
pub fn bare(dir: &Path) {
    let documents = Arc::new(documents(dir));
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    // Connections that are accepted have it from their listener.
    socket.set_tcp_nodelay(true).unwrap();
    socket.bind(&std::net::SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    socket.listen(128).unwrap();
    let listener: std::net::TcpListener = socket.into();
    let address = listener.local_addr().unwrap();
    let unix = std::os::unix::net::UnixListener::bind(dir.join("bare.sock")).unwrap();
    for server in [Server::from_listener(listener, None).unwrap(), Server::from_listener(unix, None).unwrap()] {
        let server = Arc::new(server);
        for _ in 0..WORKERS {
            let (server, documents) = (Arc::clone(&server), Arc::clone(&documents));
            thread::spawn(move || {
                while let Ok(request) = server.recv() {
                    let document = documents[page_of(request.url())];
                    let json = Header::from_bytes("Content-Type", "application/json").unwrap();
                    let _ = request.respond(Response::new(StatusCode(200), vec![json], document, None, None));
                }
            });
        }
    }
    crate::wait(address);
    // The servers would wait for each other's threads.
    std::process::exit(0);
}

/// axum at a port of its own.
pub fn axum(dir: &Path) {
    let documents = Arc::new(documents(dir));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        use axum::serve::ListenerExt as _;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let listener = listener.tap_io(|tcp| tcp.set_nodelay(true).unwrap());
        let routes = Router::new().fallback(answer).with_state(documents);
        let server = tokio::spawn(async { axum::serve(listener, routes).await.unwrap() });
        tokio::task::spawn_blocking(move || crate::wait(address)).await.unwrap();
        server.abort();
    });
}

async fn answer(State(documents): State<Arc<Documents>>, request: Request) -> impl IntoResponse {
    let document = documents[page_of(&request.uri().to_string())];
    let pieces = document.chunks(PIECE_BYTES).map(Ok::<&'static [u8], Infallible>);
    ([(CONTENT_TYPE, "application/json")], Body::from_stream(stream::iter(pieces)))
}
