//! HTTP as a stranger speaks it: raw bytes on a socket, so that what the client library would never send can be sent.

use crate::net::PATIENCE;
use serde_json::Value;
use std::{
    io::{Read, Write},
    net::TcpStream,
};

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    /// HTTP status.
    pub(crate) status: u16,
    /// The body.
    pub(crate) body: String,
}

impl Answer {
    /// The body as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|e| panic!("{e}: {self:?}"))
    }

    /// The stable code: of the refused transaction when there is one, else of the request.
    pub(crate) fn code(&self) -> String {
        let body = self.json();
        let code = body["refusal"].as_str().or_else(|| body["code"].as_str());
        code.unwrap_or_else(|| panic!("an answer without a code: {self:?}")).to_owned()
    }
}

/// Sends one request on a connection of its own.
pub(crate) fn request(api: &str, method: &str, path: &str, kind: &str, body: &[u8]) -> Answer {
    let address = api.strip_prefix("http://").expect("an http URL");
    let mut stream = TcpStream::connect(address).unwrap_or_else(|e| panic!("{address}: {e}"));
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\ncontent-type: {kind}\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    // A body that is too long is refused before it was read: the rest of it then finds a closed connection.
    let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body));
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes);
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{method} {path}: no answer: {text}"));
    let status = head.split(' ').nth(1).and_then(|s| s.parse().ok()).unwrap_or_else(|| panic!("{head}"));
    Answer { status, body: body.to_owned() }
}

/// Reads a path.
pub(crate) fn get(api: &str, path: &str) -> Answer {
    request(api, "GET", path, "application/json", b"")
}

/// Sends a JSON document.
pub(crate) fn post(api: &str, path: &str, body: &Value) -> Answer {
    request(api, "POST", path, "application/json", body.to_string().as_bytes())
}
