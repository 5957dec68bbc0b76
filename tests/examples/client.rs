//! The client, against servers of the tests' own and the echo server. Here it is as on a terminal.

mod ends;
mod looks;
mod pipes;
mod reconnect;
mod terminal;
mod ways;

use super::*;

const GREETING: &str = "101 Switching Protocols, subprotocol none\n";

#[tokio::test]
async fn client_prints_the_echoes_and_closes_at_the_end_of_its_input() {
    let server = echo_server().await;
    let input = "hello\n/ping are you there\n\n//slashed\nwörld";
    let run = run("client", &[&server.address, "--interactive"], input).await;
    run.assert_status(0);
    assert_eq!(run.stderr, GREETING);
    // The pong may overtake echoes that were still in the server's queue.
    let (pongs, rest): (Vec<&str>, Vec<&str>) =
        run.stdout.lines().partition(|line| line.starts_with("pong"));
    assert_eq!(pongs, ["pong   are you there"]);
    assert_eq!(rest, ["text   hello", "text   ", "text   /slashed", "text   wörld", "close  1000"]);
}

#[tokio::test]
async fn client_refuses_what_cannot_be_sent_and_goes_on() {
    let server = echo_server().await;
    let long = "x".repeat(126);
    let input = format!("/what\n/close x\n/ping {long}\n/close 1005\n/close 3001 bye\nmore\n");
    let run = run("client", &[&server.address, "--interactive"], input).await;
    run.assert_status(0);
    assert_eq!(run.stdout, "close  3001\n");
    assert_eq!(run.stderr.matches("/ping [text]").count(), 2);
    run.assert_complains("not sent: control frame of 126 bytes, 125 allowed\n");
    run.assert_complains("not sent: close code 1005, allowed are");
}

/// Runs one connection of a server of this test's own, and a client that connects to it.
pub(super) async fn serve<T: Debug>(
    arguments: &[&str],
    server: impl AsyncFnOnce(TcpStream, &mut Child) -> Result<T, Error>,
) -> (T, Run) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let uri = format!("ws://{}/path", listener.local_addr().unwrap());
    let mut child = example("client").arg(uri).args(arguments).spawn().unwrap();
    let tcp = within(listener.accept()).await.unwrap().0;
    let result = within(server(tcp, &mut child)).await.unwrap();
    // Standard input stays open up to here: the client has to end without its help.
    let status = within(child.wait()).await.unwrap();
    let mut output = Output { status, stdout: Vec::new(), stderr: Vec::new() };
    if let Some(mut stdout) = child.stdout.take() {
        within(stdout.read_to_end(&mut output.stdout)).await.unwrap();
    }
    let mut stderr = child.stderr.take().unwrap();
    within(stderr.read_to_end(&mut output.stderr)).await.unwrap();
    (result, output.into())
}

/// What Ctrl-C does.
#[cfg(unix)]
async fn interrupt(child: &Child) {
    let id = child.id().unwrap().to_string();
    assert!(Command::new("kill").args(["-INT", &id]).status().await.unwrap().success());
}

#[tokio::test]
async fn client_prints_every_kind_and_ends_when_the_server_does() {
    let header = "X-Name:  some value";
    let arguments =
        ["--interactive", "--subprotocol", "a", "--header", header, "--subprotocol", "b"];
    let (header, run) = serve(&arguments, async |tcp, _| {
        let pending = Server::new().receive(tcp).await?;
        let header = pending.headers()["x-name"].clone();
        let offered: Vec<String> = pending.requested_protocols().map(Into::into).collect();
        assert_eq!(offered, ["a", "b"]);
        let mut ws = pending.subprotocol("b").accept().await?;
        ws.send("two\nlines and \x1b[31mred").await?;
        ws.send(vec![1, 2, 0xff]).await?;
        ws.send(vec![0; 20]).await?;
        ws.send(Message::ping("\0p")).await?;
        ws.send(Message::pong("q")).await?;
        let answer = ws.close(4000, "that's it").await?;
        assert_eq!(answer, Some(CloseFrame::new(4000, "")));
        Ok(header)
    })
    .await;
    run.assert_status(4);
    assert_eq!(header, "some value");
    assert_eq!(run.stderr, "101 Switching Protocols, subprotocol b\n");
    let expected = [
        "text   two\\nlines and \\u{1b}[31mred",
        "binary 3 bytes",
        "       00000000: 0102 ff                                  ...",
        "binary 20 bytes",
        "       00000000: 0000 0000 0000 0000 0000 0000 0000 0000  ................",
        "       00000010: 0000 0000                                ....",
        "ping   \\x00p",
        "pong   q",
        "close  4000 (\"that's it\")",
    ];
    assert_eq!(run.stdout.lines().collect::<Vec<_>>(), expected);
}

#[tokio::test]
async fn client_prints_what_comes_between_its_close_and_the_servers() {
    let ((), run) = serve(&["--interactive"], async |tcp, child| {
        drop(child.stdin.take());
        let ws = bowline::server::accept(tcp).await?;
        let mut messages: Framed<TcpStream, MessageCodec> = ws.into_framed();
        let close = messages.next().await.unwrap()?;
        assert_eq!(close, Message::close(CloseCode::NORMAL, ""));
        messages.send(Message::text("late")).await?;
        messages.send(close).await
    })
    .await;
    run.assert_status(0);
    assert_eq!(run.stdout, "text   late\nclose  1000\n");
}

#[cfg(unix)]
#[tokio::test]
async fn client_closes_with_1001_on_an_interrupt() {
    let ((), run) = serve(&["--interactive"], async |tcp, child| {
        let mut ws = bowline::server::accept(tcp).await?;
        // Once a line has come through, the client is where it listens for the signal too.
        child.stdin.as_mut().unwrap().write_all(b"hello\n").await?;
        assert_eq!(ws.next().await.unwrap()?, Message::text("hello"));
        ws.send("hello to you").await?;
        let mut stdout = BufReader::new(child.stdout.take().unwrap()).lines();
        assert_eq!(stdout.next_line().await?.as_deref(), Some("text   hello to you"));

        interrupt(child).await;
        assert_eq!(ws.next().await.unwrap()?, Message::close(CloseCode::AWAY, ""));
        assert!(ws.next().await.is_none());
        assert_eq!(stdout.next_line().await?.as_deref(), Some("close  1001"));
        assert_eq!(stdout.next_line().await?, None);
        Ok(())
    })
    .await;
    run.assert_status(0);
}
