//! Loans that are dropped: under no lock, and however many.

use std::{
    future::Future,
    pin::pin,
    sync::{Arc, Mutex, mpsc},
    task::{Context, Wake, Waker},
    thread,
    time::Duration,
};

use bowline::{Config, Loan, Role, WebSocket};
use tokio::io::{DuplexStream, duplex};

fn one() -> (WebSocket<DuplexStream>, DuplexStream) {
    let (near, far) = duplex(1 << 10);
    (WebSocket::new(near, Role::Server, Config::new()), far)
}

/// A task as simple executors have them: it holds what it runs, and its waker is a hold on it.
struct Task(
    #[expect(dead_code, reason = "held, not looked at")] Mutex<Option<WebSocket<DuplexStream>>>,
);

impl Wake for Task {
    fn wake(self: Arc<Self>) {}
}

fn within<O: Send + 'static>(what: impl FnOnce() -> O + Send + 'static) -> Option<O> {
    let (done, is_done) = mpsc::channel();
    thread::spawn(move || done.send(what()));
    is_done.recv_timeout(Duration::from_secs(5)).ok()
}

/// The loan's waker is dropped under the slot's lock: the statement keeps the guard until its end.
#[test]
fn a_loan_dropped_with_the_last_hold_on_the_borrowers_task() {
    let dropped = within(|| {
        let (ws, _far) = one();
        let (ws, mut loan) = ws.lend();
        let task = Arc::new(Task(Mutex::new(Some(ws))));
        let waker = Waker::from(task);
        let poll = pin!(&mut loan).poll(&mut Context::from_waker(&waker));
        assert!(poll.is_pending());
        drop(waker);
        drop(loan);
    });
    assert!(dropped.is_some(), "dead-lock: the waker was dropped under the slot's lock");
}

/// Each loan is dropped at once, so "the connection is [...] as one that was never lent".
#[test]
fn lent_many_times_with_the_loans_dropped() {
    let (mut ws, _far) = one();
    for _ in 0..200_000 {
        let (lent, loan): (_, Loan<_>) = ws.lend();
        drop(loan);
        ws = lent;
    }
    drop(ws);
}

type Lent = (WebSocket<DuplexStream>, Vec<Loan<DuplexStream>>, DuplexStream);

fn lent_often() -> Lent {
    let (mut ws, far) = one();
    let mut loans = Vec::new();
    for _ in 0..100_000 {
        let (lent, loan) = ws.lend();
        loans.push(loan);
        ws = lent;
    }
    (ws, loans, far)
}

#[tokio::test]
async fn each_of_many_loans_has_it_back_the_last_first() {
    let (ws, loans, _far) = lent_often();
    drop(ws);
    for loan in loans.into_iter().rev() {
        drop(loan.await.expect("back"));
    }
}

#[tokio::test]
async fn each_of_many_loans_is_told_that_nothing_comes_back() {
    let (ws, loans, _far) = lent_often();
    drop(ws.into_inner());
    for loan in loans {
        assert!(loan.await.is_none());
    }
}

#[tokio::test]
async fn those_that_are_dropped_are_passed_over() {
    let (ws, mut loans, _far) = lent_often();
    loans.truncate(2);
    drop(ws);
    let first = loans.remove(0);
    drop(loans.remove(0).await.expect("back"));
    drop(first.await.expect("back"));
}
