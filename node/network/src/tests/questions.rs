//! Questions and answers.

use super::harness::*;
use crate::{Event, Limits, Quota, Request, RequestError, RequestId, Response};
use althing_types::{codec::List, hash::Hash, id::Height};
use std::time::Duration;

fn blocks() -> Request {
    Request::Blocks { from: Height(1), count: 3 }
}

fn until_response(node: &Node) -> (RequestId, Result<Response, RequestError>) {
    node.until(|e| if let Event::Response { id, result, .. } = e { Some((*id, result.clone())) } else { None })
}

fn pair(limits: &Limits) -> (Node, Node) {
    let mut nodes = full_mesh(&[1, 2], limits);
    let b = nodes.pop().unwrap();
    (nodes.pop().unwrap(), b)
}

/// Answers the next question of a node.
fn answer(node: &Node, response: Response) -> Request {
    loop {
        if let Event::Request { request, channel, .. } = node.next() {
            let _ = node.handle.respond(channel, response);
            return request;
        }
    }
}

#[test]
fn an_answer_reaches_its_question() {
    let (a, b) = pair(&Limits::default());
    let hashes = List::new(vec![Hash([1; 32]), Hash([2; 32])]).unwrap();
    let request = Request::Transactions { block: Hash([3; 32]), hashes };
    let id = a.handle.request(b.id, request.clone()).unwrap();
    let response = Response::Transactions(List::new(vec![transaction(1, 1)]).unwrap());
    assert_eq!(answer(&b, response.clone()), request);
    assert_eq!(until_response(&a), (id, Ok(response)));
}

#[test]
fn a_question_without_an_answer_times_out() {
    let limits = Limits { request_timeout: Duration::from_millis(200), ..Limits::default() };
    let (a, b) = pair(&limits);
    // A question may go down with the spare of two connections that were opened at once; then it is asked again.
    for _ in 0..5 {
        let id = a.handle.request(b.id, blocks()).unwrap();
        let (answered, result) = until_response(&a);
        assert_eq!(answered, id);
        if result != Err(RequestError::NotConnected { node: b.id }) {
            assert_eq!(result, Err(RequestError::TimedOut { node: b.id }));
            return;
        }
    }
    panic!("the connection never stayed");
}

#[test]
fn a_question_to_nobody_fails_at_once() {
    let (a, _b) = pair(&Limits::default());
    let stranger = super::harness::id(9);
    let id = a.handle.request(stranger, blocks()).unwrap();
    assert_eq!(until_response(&a), (id, Err(RequestError::NotConnected { node: stranger })));
}

#[test]
fn a_node_that_cannot_take_a_question_is_busy() {
    let a = Node::start_with(config(1, &[1, 2]), |e| !matches!(e, Event::Request { .. }));
    let mut b = config(2, &[1, 2]);
    b.peers = vec![peer(&a)];
    let b = Node::start(b);
    b.until_connected(a.id);
    let id = b.handle.request(a.id, blocks()).unwrap();
    assert_eq!(until_response(&b), (id, Ok(Response::Busy)));
}

#[test]
fn an_answer_that_cannot_be_taken_is_told_later_as_lost() {
    let refused = std::sync::atomic::AtomicBool::new(false);
    let takes = move |e: &Event| {
        !matches!(e, Event::Response { .. }) || refused.swap(true, std::sync::atomic::Ordering::SeqCst)
    };
    let b = Node::start(config(2, &[1, 2]));
    let mut a = config(1, &[1, 2]);
    a.peers = vec![peer(&b)];
    let a = Node::start_with(a, takes);
    a.until_connected(b.id);
    let id = a.handle.request(b.id, blocks()).unwrap();
    answer(&b, Response::Blocks(List::default()));
    assert_eq!(until_response(&a), (id, Err(RequestError::Lost { node: b.id })));
}

#[test]
fn too_many_questions_are_answered_busy() {
    let limits = Limits { requests: Quota { rate: 1, burst: 2 }, ..Limits::default() };
    let (a, b) = pair(&limits);
    for _ in 0..2 {
        a.handle.request(b.id, blocks()).unwrap();
        answer(&b, Response::Blocks(List::default()));
        assert_eq!(until_response(&a).1, Ok(Response::Blocks(List::default())));
    }
    a.handle.request(b.id, blocks()).unwrap();
    assert_eq!(until_response(&a).1, Ok(Response::Busy));
    assert_eq!(b.handle.counters().busy, 1);
}

#[test]
fn a_large_answer_arrives_whole() {
    let (a, b) = pair(&Limits::default());
    let many: Vec<_> = (0..8000).map(|n| transaction(1, n)).collect();
    let request = Request::Transactions { block: Hash([3; 32]), hashes: List::default() };
    a.handle.request(b.id, request).unwrap();
    let response = Response::Transactions(List::new(many).unwrap());
    answer(&b, response.clone());
    assert_eq!(until_response(&a).1, Ok(response));
}
