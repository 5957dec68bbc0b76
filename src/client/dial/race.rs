//! Several addresses, one connection: "happy eyeballs" (RFC 8305).
//!
//! ```text
//! [::1]  |----------------x refused
//! 1.2.3.4        |--------:--------------> connected: the others are dropped
//! [::2]                   |-------------->
//!        0      250 ms    at once
//! ```

use std::{
    collections::VecDeque,
    error, fmt,
    future::{Future, poll_fn},
    io,
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use tokio::time::{Instant, Sleep, sleep};

/// "Connection Attempt Delay ... recommended ... 250 milliseconds" (section 5): how long an address has before the next
/// is tried beside it.
const ATTEMPT_DELAY: Duration = Duration::from_millis(250);

/// The first connection that any of the addresses gives. An address that fails makes room for the next at once.
pub(super) async fn race<C, F>(
    addresses: Vec<SocketAddr>,
    connect: impl Fn(SocketAddr) -> F,
) -> io::Result<C>
where
    F: Future<Output = io::Result<C>>,
{
    let mut race = Race {
        waiting: interleaved(addresses),
        attempts: Vec::new(),
        delay: None,
        failures: Vec::new(),
    };
    poll_fn(|cx| race.poll(cx, &connect)).await
}

struct Race<F> {
    waiting: VecDeque<SocketAddr>,
    attempts: Vec<(SocketAddr, Pin<Box<F>>)>,
    /// Until the next address is tried; made where there is more than one.
    delay: Option<Pin<Box<Sleep>>>,
    failures: Vec<(SocketAddr, io::Error)>,
}

impl<C, F: Future<Output = io::Result<C>>> Race<F> {
    fn poll(
        &mut self,
        cx: &mut Context<'_>,
        connect: &impl Fn(SocketAddr) -> F,
    ) -> Poll<io::Result<C>> {
        loop {
            let failed = self.failures.len();
            if let Some(connection) = self.poll_attempts(cx) {
                return Poll::Ready(Ok(connection));
            }
            let has_room = self.attempts.is_empty() || self.failures.len() > failed;
            if !has_room && self.poll_delay(cx).is_pending() {
                return Poll::Pending;
            }
            match self.waiting.pop_front() {
                Some(address) => self.start(address, connect(address)),
                None if self.attempts.is_empty() => {
                    return Poll::Ready(Err(error(std::mem::take(&mut self.failures))));
                }
                None if self.failures.len() == failed => return Poll::Pending,
                None => {}
            }
        }
    }

    fn poll_attempts(&mut self, cx: &mut Context<'_>) -> Option<C> {
        let mut connection = None;
        let failures = &mut self.failures;
        self.attempts.retain_mut(|(address, attempt)| match attempt.as_mut().poll(cx) {
            _ if connection.is_some() => false,
            Poll::Pending => true,
            Poll::Ready(Ok(first)) => {
                connection = Some(first);
                false
            }
            Poll::Ready(Err(error)) => {
                failures.push((*address, error));
                false
            }
        });
        connection
    }

    /// Whether the next address is due. There is none, and no timer, once all have been tried.
    fn poll_delay(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match &mut self.delay {
            Some(delay) if !self.waiting.is_empty() => delay.as_mut().poll(cx),
            _ => Poll::Pending,
        }
    }

    fn start(&mut self, address: SocketAddr, attempt: F) {
        self.attempts.push((address, Box::pin(attempt)));
        if self.waiting.is_empty() {
            return;
        }
        match &mut self.delay {
            Some(delay) => delay.as_mut().reset(Instant::now() + ATTEMPT_DELAY),
            None => self.delay = Some(Box::pin(sleep(ATTEMPT_DELAY))),
        }
    }
}

/// The resolver's order, with "the address families interleaved" (section 4), the first address's family first.
fn interleaved(addresses: Vec<SocketAddr>) -> VecDeque<SocketAddr> {
    let Some(is_v6) = addresses.first().map(SocketAddr::is_ipv6) else { return VecDeque::new() };
    let (first, second): (VecDeque<_>, VecDeque<_>) =
        addresses.into_iter().partition(|address| address.is_ipv6() == is_v6);
    let mut rest = [first, second];
    let mut interleaved = VecDeque::with_capacity(rest[0].len() + rest[1].len());
    while rest.iter().any(|family| !family.is_empty()) {
        interleaved.extend(rest.iter_mut().filter_map(VecDeque::pop_front));
    }
    interleaved
}

/// What all addresses have failed at. Its kind is the last one's.
fn error(failures: Vec<(SocketAddr, io::Error)>) -> io::Error {
    match failures.last() {
        Some((_, last)) => io::Error::new(last.kind(), Unreachable(failures)),
        None => io::Error::new(io::ErrorKind::NotFound, "the name has no address"),
    }
}

/// Each address with what was wrong with it.
#[derive(Debug)]
struct Unreachable(Vec<(SocketAddr, io::Error)>);

impl fmt::Display for Unreachable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, (address, error)) in self.0.iter().enumerate() {
            let separator = if i == 0 { "" } else { "; " };
            write!(f, "{separator}{address}: {error}")?;
        }
        Ok(())
    }
}

impl error::Error for Unreachable {}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(list: &[&str]) -> Vec<SocketAddr> {
        list.iter().map(|address| address.parse().unwrap()).collect()
    }

    #[test]
    fn section_4_families_take_turns() {
        let table: [(&[&str], &[&str]); 4] = [
            (&[], &[]),
            (&["1.1.1.1:1", "1.1.1.2:1"], &["1.1.1.1:1", "1.1.1.2:1"]),
            (
                &["[::1]:1", "[::2]:1", "[::3]:1", "1.1.1.1:1"],
                &["[::1]:1", "1.1.1.1:1", "[::2]:1", "[::3]:1"],
            ),
            (
                &["1.1.1.1:1", "[::1]:1", "[::2]:1", "1.1.1.2:1"],
                &["1.1.1.1:1", "[::1]:1", "1.1.1.2:1", "[::2]:1"],
            ),
        ];
        for (given, expected) in table {
            assert_eq!(Vec::from(interleaved(addresses(given))), addresses(expected));
        }
    }

    /// What an address does: after so many milliseconds it answers, or refuses; or is silent.
    #[derive(Clone, Copy)]
    enum Behaviour {
        Answers(u64),
        Refuses(u64),
        Silent,
    }
    use Behaviour::{Answers, Refuses, Silent};

    async fn run(behaviours: &[Behaviour]) -> (Result<u16, String>, u128) {
        let addresses = (0..behaviours.len()).map(|i| ([127, 0, 0, 1], i as u16).into());
        let start = Instant::now();
        let result = race(addresses.collect(), async |address: SocketAddr| {
            let (after, result) = match behaviours[usize::from(address.port())] {
                Answers(after) => (after, Ok(address.port())),
                Refuses(after) => (after, Err(io::ErrorKind::ConnectionRefused.into())),
                Silent => (u64::MAX, Ok(0)),
            };
            sleep(Duration::from_millis(after)).await;
            result
        });
        let result = result.await.map_err(|error| format!("{:?}: {error}", error.kind()));
        (result, start.elapsed().as_millis())
    }

    #[tokio::test(start_paused = true)]
    async fn section_5_attempts_are_staggered() {
        let table: [(&[Behaviour], u16, u128); 8] = [
            (&[Answers(10)], 0, 10),
            (&[Answers(10_000)], 0, 10_000),
            (&[Answers(100), Answers(0)], 0, 100),
            // A later one overtakes the first, which then has lost.
            (&[Answers(300), Answers(10)], 1, 260),
            (&[Answers(300), Answers(100)], 0, 300),
            // One that fails makes room at once.
            (&[Refuses(5), Refuses(5), Answers(5)], 2, 15),
            (&[Silent, Refuses(5), Answers(5)], 2, 260),
            (&[Silent, Silent, Silent, Answers(5)], 3, 755),
        ];
        for (i, (behaviours, winner, after)) in table.into_iter().enumerate() {
            let (result, elapsed) = run(behaviours).await;
            assert_eq!((result, elapsed), (Ok(winner), after), "row {i}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn when_all_fail_the_error_names_each() {
        let (result, elapsed) = run(&[Refuses(400), Refuses(50)]).await;
        let refused = "connection refused";
        let expected = format!("ConnectionRefused: 127.0.0.1:1: {refused}; 127.0.0.1:0: {refused}");
        assert_eq!((result, elapsed), (Err(expected), 400));
        let (result, _) = run(&[]).await;
        assert_eq!(result, Err("NotFound: the name has no address".into()));
    }
}
