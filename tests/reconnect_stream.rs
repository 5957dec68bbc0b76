//! A stream of connections: attempts, waits on a paused clock, limits, and what a server asks for.

#[path = "support/reconnect.rs"]
mod support;

use std::{
    pin::pin,
    task::{Context, Poll, Waker},
    time::Duration,
};

use bowline::{
    Error, Message, UsageError,
    client::{Backoff, Reconnecting},
};
use futures_util::{StreamExt, future::join, stream::FusedStream};
use support::{Log, Server, within};
use tokio::time::{Instant, sleep};

const SECOND: Duration = Duration::from_secs(1);

/// With waits of three quarters of what they may be, or of half of it the first time.
fn paced(server: &Server, backoff: Backoff) -> (Reconnecting, Log) {
    let log = Log::default();
    let reconnecting = server.client().reconnecting().backoff(backoff).jitter(|| 0.5);
    (log.watch(reconnecting), log)
}

fn shown<T>(item: &Option<Result<T, Error>>) -> String {
    match item {
        None => "end".into(),
        Some(Ok(_)) => "open".into(),
        Some(Err(error)) => error.to_string(),
    }
}

#[tokio::test(start_paused = true)]
async fn the_first_attempt_is_immediate_and_failed_ones_are_waited_for() {
    let server = Server::bind().await;
    let (mut connections, log) = paced(&server, Backoff::new());
    let begin = Instant::now();
    let serve = async {
        let mut attempts = Vec::new();
        for _ in 0..5 {
            server.hang_up().await;
            attempts.push(begin.elapsed().as_secs_f64().round());
        }
        server.accept().await.send("hello").await.expect("open");
        attempts.push(begin.elapsed().as_secs_f64().round());
        attempts
    };
    let (attempts, connection) = within(join(serve, connections.next())).await;
    // Half of 5, three quarters of 10, 20, 40 and 60 seconds, one after the other.
    assert_eq!(attempts, [0.0, 3.0, 10.0, 25.0, 55.0, 100.0]);
    let (mut ws, response) = connection.expect("one").expect("open");
    assert_eq!(response.status(), 101);
    assert_eq!(ws.next().await.expect("one").expect("open"), Message::text("hello"));
    let log = log.take();
    let waits: Vec<&str> =
        log.iter().map(|line| line.rsplit_once(" end").expect("one").0).collect();
    assert_eq!(waits, ["1 2500", "2 7500", "3 15000", "4 30000", "5 45000"]);
}

#[tokio::test(start_paused = true)]
async fn an_error_that_stays_is_yielded_once_and_ends_it() {
    let server = Server::bind().await;
    let (mut connections, log) = paced(&server, Backoff::new());
    assert!(!connections.is_terminated());
    let (_, refused) = within(join(server.refuse("404 Not Found"), connections.next())).await;
    assert_eq!(shown(&refused), "the server answered 404 Not Found, 101 expected");
    assert!(connections.is_terminated());
    assert_eq!(shown(&connections.next().await), "end");
    assert_eq!(shown(&StreamExt::next(&mut connections).await), "end");
    assert_eq!(log.take(), [""; 0]);
    let mut usage = server.client().header("upgrade", "x").reconnecting();
    let error = usage.next().await.expect("one").map(drop);
    assert!(matches!(error, Err(Error::Usage(UsageError::ReservedHeader))), "{error:?}");
    assert_eq!(shown(&usage.next().await), "end");
}

#[tokio::test(start_paused = true)]
async fn whoever_knows_better_draws_the_line_elsewhere() {
    let server = Server::bind().await;
    let (connections, log) = paced(&server, Backoff::new());
    let mut connections = connections.retry_if(|reason| {
        let status = reason.error().and_then(Error::refusal).map(http::Response::status);
        status.is_some_and(|status| status == 404)
    });
    let serve = async {
        server.refuse("404 Not Found").await;
        server.refuse("503 Service Unavailable").await;
    };
    let (_, refused) = within(join(serve, connections.next())).await;
    assert_eq!(shown(&refused), "the server answered 503 Service Unavailable, 101 expected");
    assert_eq!(log.take().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn past_so_many_attempts_the_last_error_is_final() {
    for (max, attempts) in [(0, 1), (1, 1), (2, 2), (5, 5)] {
        let server = Server::bind().await;
        let (mut connections, log) = paced(&server, Backoff::new().with_max_attempts(Some(max)));
        let serve = async {
            for _ in 1..attempts {
                server.hang_up().await;
            }
            server.refuse("502 Bad Gateway").await;
        };
        let (_, refused) = within(join(serve, connections.next())).await;
        assert_eq!(shown(&refused), "the server answered 502 Bad Gateway, 101 expected", "{max}");
        assert_eq!(shown(&connections.next().await), "end");
        assert_eq!(log.take().len(), attempts - 1, "{max}");
    }
}

#[tokio::test(start_paused = true)]
async fn past_so_much_time_the_last_error_is_final() {
    // Attempts at 0, 2.5, 10 and 25 seconds; the fifth would be at 55.
    for (max, attempts) in [(0, 1), (2, 1), (3, 2), (10, 3), (54, 4), (55, 5)] {
        let server = Server::bind().await;
        let backoff = Backoff::new().with_max_elapsed(Some(max * SECOND));
        let (mut connections, log) = paced(&server, backoff);
        let serve = async {
            for _ in 0..attempts {
                server.refuse("500 Internal Server Error").await;
            }
        };
        let (_, refused) = within(join(serve, connections.next())).await;
        assert!(matches!(refused, Some(Err(_))), "{max} s");
        assert_eq!(log.take().len(), attempts - 1, "{max} s");
    }
}

#[tokio::test(start_paused = true)]
async fn retry_after_is_the_least_and_max_the_most() {
    let table = [
        ("503 Service Unavailable\r\nretry-after: 20", 20_000),
        ("429 Too Many Requests\r\nretry-after: 20", 20_000),
        ("503 Service Unavailable\r\nretry-after: 1", 2_500),
        ("503 Service Unavailable\r\nretry-after: 0", 2_500),
        ("503 Service Unavailable\r\nretry-after: 86400", 60_000),
        ("503 Service Unavailable\r\nretry-after: 99999999999999999999999", 2_500),
        ("503 Service Unavailable\r\nretry-after: +20", 2_500),
        ("503 Service Unavailable\r\nretry-after: -20", 2_500),
        ("503 Service Unavailable\r\nretry-after: ", 2_500),
        ("503 Service Unavailable\r\nretry-after: Wed, 21 Oct 2099 07:28:00 GMT", 2_500),
        ("503 Service Unavailable", 2_500),
        ("500 Internal Server Error\r\nretry-after: 20", 2_500),
    ];
    for (head, delay) in table {
        let server = Server::bind().await;
        let (mut connections, log) = paced(&server, Backoff::new());
        let begin = Instant::now();
        let serve = async {
            server.refuse(head).await;
            server.accept().await
        };
        let (_, opened) = within(join(serve, connections.next())).await;
        assert_eq!(shown(&opened), "open", "{head}");
        assert!(log.take()[0].starts_with(&format!("1 {delay} ")), "{head}");
        assert!(begin.elapsed() >= Duration::from_millis(delay));
    }
}

/// Opens one connection, keeps it for so long, and asks for the next.
async fn live(server: &Server, connections: &mut Reconnecting, lifetime: Duration) -> String {
    let (far, opened) = within(join(server.accept(), connections.next())).await;
    sleep(lifetime).await;
    drop(far);
    shown(&opened)
}

#[tokio::test(start_paused = true)]
async fn the_count_starts_anew_once_a_connection_has_lasted() {
    let server = Server::bind().await;
    let (mut connections, log) = paced(&server, Backoff::new());
    for seconds in [29, 29, 30, 29, 100, 100] {
        assert_eq!(live(&server, &mut connections, seconds * SECOND).await, "open");
    }
    // Each wait is seen when the next connection is asked for: the last one's has not been yet.
    assert_eq!(
        log.take(),
        ["1 2500 over", "2 7500 over", "1 2500 over", "2 7500 over", "1 2500 over"]
    );
}

#[tokio::test(start_paused = true)]
async fn connections_that_do_not_last_count_as_attempts() {
    let server = Server::bind().await;
    let (mut connections, log) = paced(&server, Backoff::new().with_max_attempts(Some(3)));
    for seconds in [1, 40, 1, 2, 3] {
        assert_eq!(live(&server, &mut connections, seconds * SECOND).await, "open");
    }
    // There was no error to yield.
    assert_eq!(shown(&within(connections.next()).await), "end");
    assert!(connections.is_terminated());
    assert_eq!(log.take(), ["1 2500 over", "1 2500 over", "2 7500 over", "3 15000 over"]);
}

#[tokio::test(start_paused = true)]
async fn the_time_is_counted_from_when_the_connection_was_lost() {
    let server = Server::bind().await;
    let backoff = Backoff::new().with_max_elapsed(Some(20 * SECOND));
    let (mut connections, log) = paced(&server, backoff);
    assert_eq!(live(&server, &mut connections, 1_000 * SECOND).await, "open");
    let serve = async {
        for _ in 0..2 {
            server.hang_up().await;
        }
    };
    let (_, lost) = within(join(serve, connections.next())).await;
    assert!(matches!(lost, Some(Err(_))));
    assert_eq!(log.take().len(), 2, "2.5 and 7.5 seconds; 15 more would be too much");
}

#[tokio::test(start_paused = true)]
async fn dropped_at_every_poll_it_goes_on_where_it_was() {
    let server = Server::bind().await;
    let (mut connections, log) = paced(&server, Backoff::new());
    let begin = Instant::now();
    let serve = async {
        for _ in 0..3 {
            server.hang_up().await;
        }
        server.accept().await
    };
    let insist = async {
        loop {
            // One poll, as in `select!`; then there are others.
            let once = std::future::poll_fn(|cx: &mut Context<'_>| {
                Poll::Ready(pin!(connections.next()).poll(cx))
            });
            match once.await {
                Poll::Ready(item) => return item,
                Poll::Pending => sleep(Duration::from_millis(10)).await,
            }
        }
    };
    let (_far, opened) = within(join(serve, insist)).await;
    assert_eq!(shown(&opened), "open");
    assert_eq!(log.take().len(), 3, "no attempt was made twice");
    assert!((25..26).contains(&begin.elapsed().as_secs()), "{:?}", begin.elapsed());
}

#[tokio::test(start_paused = true)]
async fn without_a_poll_there_is_no_attempt() {
    let server = Server::bind().await;
    let connections = server.reconnecting();
    sleep(10 * SECOND).await;
    let mut accept = pin!(server.tcp());
    assert!(accept.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    assert!(format!("{connections:?}").contains("Reconnecting"));
}

#[tokio::test(start_paused = true)]
async fn the_first_wait_is_random_unless_told_otherwise() {
    let mut delays = Vec::new();
    for _ in 0..8 {
        let server = Server::bind().await;
        let log = Log::default();
        let mut connections = log.watch(server.client().reconnecting());
        let serve = async {
            server.hang_up().await;
            server.accept().await
        };
        let (_, opened) = within(join(serve, connections.next())).await;
        assert_eq!(shown(&opened), "open");
        delays.extend(log.take());
    }
    delays.sort();
    delays.dedup();
    assert!(delays.len() > 4, "{delays:?}");
}
