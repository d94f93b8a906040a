//! The server: paths of RFC 9082 over the database, by GET and HEAD.

use crate::{
    answers::{self, MEDIA_TYPE, Side},
    store::Store,
};
use axum::{
    Router,
    extract::{Path, State},
    http::{
        StatusCode,
        header::{ACCESS_CONTROL_ALLOW_ORIGIN, CONTENT_TYPE},
    },
    response::{IntoResponse, Response},
    routing::get,
};
use serde_json::Value;
use std::sync::{Arc, Mutex, PoisonError};

/// Longest name that is looked up, in bytes.
const MAX_NAME: usize = 253;

/// What requests share.
#[derive(Debug)]
pub struct Server {
    /// Whose server this is.
    pub side: Side,
    /// The server's own base URL, which ends in `/`.
    pub base: String,
    /// The database.
    pub store: Mutex<Store>,
}

type Shared = State<Arc<Server>>;

/// The server's paths.
pub fn router(server: Server) -> Router {
    Router::new()
        .route("/domain/{name}", get(domain))
        .route("/nameserver/{name}", get(nameserver))
        .route("/help", get(help))
        .fallback(|| async { answer(StatusCode::NOT_FOUND, None, "there is no such path; see /help") })
        .method_not_allowed_fallback(|| async { answer(StatusCode::METHOD_NOT_ALLOWED, None, "only GET and HEAD") })
        .with_state(Arc::new(server))
}

async fn domain(State(server): Shared, Path(name): Path<String>) -> Response {
    look_up(server, name, |server, store, name| {
        Ok(store.domain(name)?.map(|found| answers::domain(server.side, &found, &server.base)))
    })
    .await
}

async fn nameserver(State(server): Shared, Path(name): Path<String>) -> Response {
    look_up(server, name, |server, store, name| {
        Ok(store.nameserver(name)?.map(|found| answers::nameserver(&found, &server.base)))
    })
    .await
}

async fn help(State(server): Shared) -> Response {
    answer(StatusCode::OK, Some(answers::help(server.side)), "")
}

/// Looks a name up away from the threads that serve connections: SQLite blocks.
async fn look_up(
    server: Arc<Server>,
    name: String,
    find: fn(&Server, &Store, &str) -> anyhow::Result<Option<Value>>,
) -> Response {
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'.';
    if name.is_empty() || name.len() > MAX_NAME || !name.bytes().all(allowed) {
        return answer(StatusCode::BAD_REQUEST, None, "this is no name in A-labels");
    }
    let shown = name.clone();
    let looked = tokio::task::spawn_blocking(move || {
        let store = server.store.lock().unwrap_or_else(PoisonError::into_inner);
        find(&server, &store, &name)
    });
    match looked.await {
        Ok(Ok(Some(found))) => answer(StatusCode::OK, Some(found), ""),
        Ok(Ok(None)) => answer(StatusCode::NOT_FOUND, None, &format!("there is no '{shown}' here")),
        _ => answer(StatusCode::INTERNAL_SERVER_ERROR, None, "the database cannot be read"),
    }
}

fn answer(status: StatusCode, found: Option<Value>, reason: &str) -> Response {
    let title = status.canonical_reason().unwrap_or_default();
    let body = found.unwrap_or_else(|| answers::error(status.as_u16(), title, reason));
    (status, [(CONTENT_TYPE, MEDIA_TYPE), (ACCESS_CONTROL_ALLOW_ORIGIN, "*")], body.to_string()).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::tests::sample;
    use axum::{body::Body, http::Request};
    use tower::ServiceExt as _;

    async fn ask(side: Side, method: &str, path: &str) -> (u16, Value) {
        let server = Server { side, base: "http://127.0.0.1:1/".into(), store: Mutex::new(sample()) };
        let request = Request::builder().method(method).uri(path).body(Body::empty()).unwrap();
        let response = router(server).oneshot(request).await.unwrap();
        assert_eq!(response.headers()[CONTENT_TYPE], MEDIA_TYPE);
        let status = response.status().as_u16();
        let body = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
        (status, serde_json::from_slice(&body).unwrap())
    }

    #[tokio::test]
    async fn the_registry_names_the_registrar_and_keeps_people_to_itself() {
        let (status, answer) = ask(Side::Registry, "GET", "/domain/ALICE.lab.").await;
        assert_eq!((status, answer["ldhName"].as_str()), (200, Some("alice.lab")));
        assert_eq!(answer["entities"][0]["publicIds"][0]["identifier"], "292");
        assert_eq!(answer["secureDNS"]["dsData"][0]["keyTag"], 4711);
        assert_eq!(answer["nameservers"][1]["ipAddresses"]["v6"][0], "2001:db8::2");
        assert!(!answer.to_string().contains("Liddell"), "{answer}");
    }

    #[tokio::test]
    async fn the_registrar_says_who_the_people_are() {
        let (status, answer) = ask(Side::Registrar, "GET", "/domain/alice.lab").await;
        assert_eq!(status, 200);
        for (at, role, name) in [(0, "registrant", "Alice Liddell"), (1, "technical", "Desk of Alice")] {
            let entity = &answer["entities"][at];
            assert_eq!((&entity["roles"][0], &entity["vcardArray"][1][1][3]), (&role.into(), &name.into()), "{entity}");
        }
    }

    #[tokio::test]
    async fn what_is_not_there_or_not_allowed_is_an_error_of_the_rfc() {
        for (method, path, code) in [
            ("GET", "/domain/nobody.lab", 404),
            ("GET", "/domain/a%00b", 400),
            ("GET", "/nameserver/ns9.lab", 404),
            ("GET", "/elsewhere", 404),
            ("POST", "/domain/alice.lab", 405),
        ] {
            let (status, answer) = ask(Side::Registry, method, path).await;
            assert_eq!((status, answer["errorCode"].as_u64()), (code, Some(code.into())), "{method} {path}");
        }
        assert_eq!(ask(Side::Registry, "GET", "/nameserver/ns.alice.lab").await.0, 200);
        assert_eq!(ask(Side::Registrar, "GET", "/help").await.0, 200);
    }
}
