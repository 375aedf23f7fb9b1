//! The peer: the same documents by axum and serde_json, from vectors that hold all of the data.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Query, State};
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::get;
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// What the gateway answered, taken apart: the peer has every number in memory and writes it anew.
struct Memory {
    documents: HashMap<String, Document>,
}

/// A document as typed data.
#[derive(serde::Serialize, serde::Deserialize)]
struct Document {
    code: u32,
    message: String,
    #[serde(rename = "requestID")]
    request_id: String,
    #[serde(rename = "timeStamp")]
    at: String,
    data: Data,
}

#[derive(serde::Serialize, serde::Deserialize)]
#[serde(untagged)]
enum Data {
    Statistic(Statistics),
    Readings(Readings),
}

#[derive(serde::Serialize, serde::Deserialize)]
struct Statistics {
    statistic: Vec<Row>,
    #[serde(flatten)]
    rest: Rest,
}

#[derive(serde::Serialize, serde::Deserialize)]
struct Row {
    #[serde(rename = "indicatorCode")]
    indicator: String,
    #[serde(rename = "objectType")]
    object_type: String,
    #[serde(rename = "objectID")]
    object_id: String,
    #[serde(rename = "parameterID")]
    parameter_id: String,
    #[serde(rename = "readingTypeID")]
    reading_type: String,
    #[serde(rename = "periodStart")]
    start: String,
    #[serde(rename = "periodEnd")]
    end: String,
    tou: Option<u8>,
    function: String,
    value: Option<f64>,
    unit: String,
    completeness: f64,
}

#[derive(serde::Serialize, serde::Deserialize)]
struct Readings {
    category: Vec<Category>,
    #[serde(flatten)]
    rest: Rest,
}

/// What every document has besides.
#[derive(serde::Serialize, serde::Deserialize)]
struct Rest {
    #[serde(flatten)]
    members: HashMap<String, Value>,
}

#[derive(serde::Serialize, serde::Deserialize)]
struct Category {
    #[serde(rename = "categoryID")]
    id: String,
    #[serde(rename = "categoryName")]
    name: String,
    point: Vec<Point>,
}

#[derive(serde::Serialize, serde::Deserialize)]
struct Point {
    #[serde(rename = "pointID")]
    id: String,
    #[serde(rename = "pointName")]
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<String>,
    reading: Vec<Series>,
}

#[derive(serde::Serialize, serde::Deserialize)]
struct Series {
    #[serde(rename = "parameterID")]
    parameter_id: String,
    #[serde(rename = "readingTypeID")]
    reading_type: String,
    unit: String,
    reading: Vec<Reading>,
}

#[derive(serde::Serialize, serde::Deserialize)]
struct Reading {
    #[serde(rename = "timeStamp")]
    at: String,
    value: Option<f64>,
    quality: u8,
}

pub fn serve(dir: &Path) {
    let memory = Arc::new(Memory { documents: documents(dir) });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let routes = Router::new().route("/cems/v1/{operation}", get(answer)).with_state(memory);
        let server = tokio::spawn(async { axum::serve(listener, routes).await.unwrap() });
        tokio::task::spawn_blocking(move || crate::wait(address)).await.unwrap();
        server.abort();
    });
}

async fn answer(
    State(memory): State<Arc<Memory>>,
    axum::extract::Path(operation): axum::extract::Path<String>,
    Query(members): Query<HashMap<String, String>>,
) -> impl IntoResponse {
    let page = members.get("pageNumber").map_or("1", String::as_str);
    let body = memory.documents.get(&format!("{operation} {page}")).map_or_else(
        || json!({"code": 404}).to_string(),
        |document| serde_json::to_string(document).unwrap(),
    );
    ([(CONTENT_TYPE, "application/json")], body)
}

/// The gateway's own documents, read back into the peer's types.
fn documents(dir: &Path) -> HashMap<String, Document> {
    let answers = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    let read = |path: std::path::PathBuf| {
        let name = path.file_stem().unwrap().to_string_lossy().replace('-', " ");
        let text = std::fs::read_to_string(&path).unwrap();
        let document = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
        (name, document)
    };
    answers.map(read).collect()
}
