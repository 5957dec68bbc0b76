//! One connection after another.

use std::time::Duration;

use super::*;

/// No wait longer than this.
const SOON: [&str; 2] = ["--reconnect-within", "0.2"];

/// A client that connects to a server of this test's own, as often as it likes.
struct Guest {
    listener: TcpListener,
    child: Child,
    stderr: BufReader<tokio::process::ChildStderr>,
    told: String,
}

impl Guest {
    async fn start(arguments: &[&str]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Self::start_at(listener, arguments)
    }

    fn start_at(listener: TcpListener, arguments: &[&str]) -> Self {
        let uri = format!("ws://{}/path", listener.local_addr().unwrap());
        let mut child = example("client").arg(uri).args(arguments).spawn().unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        Self { listener, child, stderr, told: String::new() }
    }

    async fn tcp(&self) -> TcpStream {
        within(self.listener.accept()).await.unwrap().0
    }

    async fn connection(&self) -> WebSocket<TcpStream> {
        within(bowline::server::accept(self.tcp().await)).await.unwrap()
    }

    async fn type_in(&mut self, lines: &str) {
        let stdin = self.child.stdin.as_mut().unwrap();
        within(stdin.write_all(lines.as_bytes())).await.unwrap();
    }

    /// Waits until a line with this in it is on standard error.
    async fn tells(&mut self, expected: &str) {
        while !self.told.lines().last().unwrap_or_default().contains(expected) {
            let read = within(self.stderr.read_line(&mut self.told)).await.unwrap();
            assert!(read > 0, "{expected:?} in\n{}", self.told);
        }
    }

    async fn end(mut self) -> Run {
        let mut stdout = String::new();
        let mut pipe = self.child.stdout.take().unwrap();
        within(pipe.read_to_string(&mut stdout)).await.unwrap();
        within(self.stderr.read_to_string(&mut self.told)).await.unwrap();
        let status = within(self.child.wait()).await.unwrap().code();
        Run { status, stdout, stderr: self.told }
    }
}

async fn expect(ws: &mut WebSocket<TcpStream>, expected: impl Into<Message>) {
    assert_eq!(within(ws.next()).await.unwrap().unwrap(), expected.into());
}

async fn refuse(tcp: TcpStream, status: StatusCode) {
    let mut response = Response::new("");
    *response.status_mut() = status;
    let pending = within(Server::new().receive(tcp)).await.unwrap();
    within(pending.respond(response)).await.unwrap();
}

#[tokio::test]
async fn a_connection_that_is_lost_is_followed_by_another() {
    let mut guest = Guest::start(&SOON).await;
    for round in ["a", "b", "c"] {
        let mut ws = guest.connection().await;
        guest.type_in(&format!("{round}\n")).await;
        expect(&mut ws, round).await;
        ws.send(format!("{round} too")).await.unwrap();
    }
    let mut ws = guest.connection().await;
    within(ws.close(1000, "")).await.unwrap();
    let run = guest.end().await;
    run.assert_status(0);
    assert_eq!(run.stdout, "a too\nb too\nc too\n");
    assert!(run.stderr.starts_with(GREETING), "{}", run.stderr);
    assert!(run.stderr.ends_with("connected again\nclose  1000\n"), "{}", run.stderr);
    let lost = "lost: end of stream between frames, Close expected; again in 0.";
    assert_eq!(run.stderr.matches(lost).count(), 3, "{}", run.stderr);
    assert_eq!(run.stderr.lines().count(), 1 + 3 * 2 + 1, "{}", run.stderr);
}

#[tokio::test]
async fn what_is_typed_without_a_connection_goes_out_on_the_next_one() {
    let mut guest = Guest::start(&["--interactive", SOON[0], "1"]).await;
    // The server is there, and has not answered yet.
    guest.type_in("1\n2\n").await;
    let mut ws = guest.connection().await;
    expect(&mut ws, "1").await;
    expect(&mut ws, "2").await;
    drop(ws);
    guest.tells("lost: ").await;
    guest.type_in("3\n4\n").await;
    refuse(guest.tcp().await, StatusCode::SERVICE_UNAVAILABLE).await;
    guest.tells("no connection: the server answered 503 Service Unavailable").await;
    guest.type_in("5\n/ping\n").await;
    let mut ws = guest.connection().await;
    guest.type_in("6\n").await;
    for line in ["3", "4", "5"] {
        expect(&mut ws, line).await;
    }
    assert!(matches!(within(ws.next()).await.unwrap().unwrap(), Message::Ping(_)));
    expect(&mut ws, "6").await;
    // Its end is that of the program, once all of it has gone out.
    drop(ws);
    guest.tells("lost: ").await;
    guest.type_in("7\n").await;
    drop(guest.child.stdin.take());
    let mut ws = guest.connection().await;
    expect(&mut ws, "7").await;
    expect(&mut ws, Message::close(1000, "")).await;
    assert!(within(ws.next()).await.is_none());
    let run = guest.end().await;
    run.assert_status(0);
    assert!(run.stdout.ends_with("close  1000\n"), "{}", run.stdout);
}

#[tokio::test]
async fn a_server_that_comes_later() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut guest = Guest::start_at(listener, &SOON);
    // Whoever has got in before it is gone is turned away.
    guest.listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    guest.type_in("hello\n").await;
    drop(guest.child.stdin.take());
    guest.tells("no connection: ").await;
    guest.tells("efused").await;
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.set_reuseaddr(true).unwrap();
    socket.bind(address).unwrap();
    guest.listener = socket.listen(8).unwrap();
    let mut ws = guest.connection().await;
    expect(&mut ws, "hello").await;
    expect(&mut ws, Message::close(1000, "")).await;
    assert!(within(ws.next()).await.is_none());
    let run = guest.end().await;
    run.assert_status(0);
    run.assert_complains(GREETING);
}

/// An end of the input that comes without a connection waits for one: that nobody was there is no success.
#[tokio::test]
async fn silence_is_counted_on_a_connection() {
    let mut guest = Guest::start(&["--wait", "0", SOON[0], "1"]).await;
    drop(guest.child.stdin.take());
    for _ in 0..3 {
        refuse(guest.tcp().await, StatusCode::SERVICE_UNAVAILABLE).await;
    }
    let mut ws = guest.connection().await;
    expect(&mut ws, Message::close(1000, "")).await;
    assert!(within(ws.next()).await.is_none());
    guest.end().await.assert_status(0);
}

#[tokio::test]
async fn a_final_answer_ends_it() {
    let guest = Guest::start(&SOON).await;
    refuse(guest.tcp().await, StatusCode::SERVICE_UNAVAILABLE).await;
    drop(guest.connection().await);
    refuse(guest.tcp().await, StatusCode::FORBIDDEN).await;
    let run = guest.end().await;
    run.assert_status(3);
    run.assert_complains(": the server answered 403 Forbidden, 101 expected\n");
}

#[tokio::test]
async fn the_servers_code_says_whether_there_is_another() {
    for (code, status) in [(1000, 0), (1002, 4), (1008, 4), (4000, 4)] {
        let guest = Guest::start(&SOON).await;
        for passing in [1001, 1011, 1012, 1013] {
            let mut ws = guest.connection().await;
            within(ws.close(passing, "")).await.unwrap();
        }
        let mut ws = guest.connection().await;
        within(ws.close(code, "")).await.unwrap();
        let run = guest.end().await;
        run.assert_status(status);
        run.assert_complains("lost: closed with 1012; again in 0.");
        assert!(
            run.stderr.ends_with(&format!("connected again\nclose  {code}\n")),
            "{}",
            run.stderr
        );
    }
}

#[tokio::test]
async fn after_our_own_close_there_is_no_other() {
    let mut guest = Guest::start(&["--interactive", SOON[0], SOON[1]]).await;
    let mut ws = guest.connection().await;
    // Before that it would give the attempt up.
    guest.tells("101 Switching Protocols").await;
    guest.type_in("/close 3001 bye\n").await;
    expect(&mut ws, Message::close(3001, "bye")).await;
    assert!(within(ws.next()).await.is_none());
    let run = guest.end().await;
    run.assert_status(0);
    assert_eq!(run.stdout, "close  3001\n");
    assert_eq!(run.stderr, GREETING);
}

#[tokio::test]
async fn pings_are_timed_on_each_connection() {
    let guest = Guest::start(&["--interactive", "--ping", "0.05", SOON[0], SOON[1]]).await;
    for _ in 0..2 {
        let mut ws = guest.connection().await;
        for _ in 0..3 {
            assert!(matches!(within(ws.next()).await.unwrap().unwrap(), Message::Ping(_)));
        }
    }
    let mut ws = guest.connection().await;
    within(ws.close(1000, "")).await.unwrap();
    let run = guest.end().await;
    run.assert_status(0);
    assert!(run.stdout.matches(" ms\n").count() >= 4, "{}", run.stdout);
}

#[cfg(unix)]
#[tokio::test]
async fn an_interrupt_while_it_waits_ends_it_at_once() {
    for arguments in [&["--reconnect"][..], &[SOON[0], "1000"]] {
        let mut guest = Guest::start(arguments).await;
        refuse(guest.tcp().await, StatusCode::SERVICE_UNAVAILABLE).await;
        guest.tells("no connection: ").await;
        interrupt(&guest.child).await;
        guest.end().await.assert_status(130);
    }
    let mut guest = Guest::start(&["--reconnect"]).await;
    drop(guest.connection().await);
    guest.tells("lost: ").await;
    guest.type_in("never sent\n").await;
    interrupt(&guest.child).await;
    guest.end().await.assert_status(130);
}

#[cfg(unix)]
#[tokio::test]
async fn an_interrupt_on_a_connection_closes_it() {
    let mut guest = Guest::start(&SOON).await;
    drop(guest.connection().await);
    let mut ws = guest.connection().await;
    guest.tells("connected again").await;
    interrupt(&guest.child).await;
    expect(&mut ws, Message::close(CloseCode::AWAY, "")).await;
    assert!(within(ws.next()).await.is_none());
    guest.end().await.assert_status(0);
}

/// What a connection had taken when it broke may be lost. Nothing comes twice or out of turn.
#[tokio::test]
async fn a_thousand_lines_through_a_server_that_cuts() {
    let mut guest = Guest::start(&["--reconnect-within", "0.02"]).await;
    let mut stdin = guest.child.stdin.take().unwrap();
    let write = tokio::spawn(async move {
        for number in 0..1000 {
            stdin.write_all(format!("{number}\n").as_bytes()).await.unwrap();
            // So slowly that they aren't all in the sockets when the first connection is cut.
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    });
    let mut numbers: Vec<u32> = Vec::new();
    'connections: loop {
        let mut ws = guest.connection().await;
        for _ in 0..100 {
            match within(ws.next()).await.unwrap().unwrap() {
                Message::Text(line) => numbers.push(line.parse().unwrap()),
                close => {
                    assert_eq!(close, Message::close(1000, ""));
                    assert!(within(ws.next()).await.is_none());
                    break 'connections;
                }
            }
        }
    }
    within(write).await.unwrap();
    assert!(numbers.is_sorted_by(|one, next| one < next), "{numbers:?}");
    assert!(numbers.len() > 200, "{}", numbers.len());
    let run = guest.end().await;
    run.assert_status(0);
    run.assert_complains("lost: ");
}
