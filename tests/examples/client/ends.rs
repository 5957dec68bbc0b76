//! How it ends, and what scripts are told.

use std::time::Duration;

use super::*;

#[tokio::test]
async fn a_close_of_the_servers_is_the_status() {
    for (code, reason, line, status) in [
        (Some(1000), "", "close  1000\n", 0),
        (Some(1001), "bye", "close  1001 (\"bye\")\n", 0),
        (None, "", "close  without a code\n", 0),
        (Some(1011), "it broke", "close  1011 (\"it broke\")\n", 4),
        (Some(4000), "", "close  4000\n", 4),
    ] {
        let ((), run) = serve(&[], async |tcp, _| {
            let mut ws = bowline::server::accept(tcp).await?;
            ws.send("so far").await?;
            match code {
                Some(code) => ws.close(code, reason).await.map(drop),
                None => ws.into_framed().send(Message::Close(None)).await,
            }
        })
        .await;
        run.assert_status(status);
        assert_eq!(run.stdout, "so far\n");
        assert_eq!(run.stderr, format!("{GREETING}{line}"));
    }
}

/// The server's own word counts, not its answer to ours.
#[tokio::test]
async fn closes_that_cross() {
    for (server, status) in [(3001, 0), (1011, 4)] {
        let ((), run) = serve(&["--interactive"], async |tcp, child| {
            let mut messages = bowline::server::accept(tcp).await?.into_framed();
            let mut stdin = child.stdin.take().unwrap();
            stdin.write_all(b"/close 3001\n").await?;
            assert_eq!(messages.next().await.unwrap()?, Message::close(3001, ""));
            messages.send(Message::close(server, "")).await
        })
        .await;
        run.assert_status(status);
        assert_eq!(run.stdout, format!("close  {server}\n"));
    }
}

#[tokio::test]
async fn a_refusal_is_shown_with_its_body() {
    let ((), run) = serve(&[], async |tcp, _| {
        let pending = Server::new().receive(tcp).await?;
        assert_eq!(pending.path(), "/path");
        let mut response =
            Response::new("nobody here\nbut \x1b[2Jus\n".to_owned() + &"\n".repeat(9));
        *response.status_mut() = StatusCode::NOT_FOUND;
        pending.respond(response).await
    })
    .await;
    run.assert_status(3);
    assert_eq!(run.stdout, "");
    run.assert_complains(": the server answered 404 Not Found, 101 expected\n");
    run.assert_complains("  | nobody here\n  | but \\u{1b}[2Jus\n  | \n");
    run.assert_complains("  | ...\n");
}

async fn redirect(tcp: TcpStream, location: &str) -> Result<(), Error> {
    let mut response = Response::new("");
    *response.status_mut() = StatusCode::FOUND;
    response.headers_mut().insert("location", location.parse().unwrap());
    Server::new().receive(tcp).await?.respond(response).await
}

#[tokio::test]
async fn redirects_are_followed_where_that_is_asked_for() {
    let server = echo_server().await;
    for (arguments, status) in [(&[][..], 3), (&["--redirects", "1"], 0)] {
        let ((), run) = serve(arguments, async |tcp, child| {
            child.stdin.take().unwrap().write_all(b"hello\n").await?;
            redirect(tcp, &server.address).await
        })
        .await;
        run.assert_status(status);
        if status == 0 {
            assert_eq!(run.stdout, "hello\n");
        } else {
            run.assert_complains("302 Found, 101 expected\n");
            run.assert_complains(&format!("  to {} (--redirects N follows)\n", server.address));
        }
    }
    let ((), run) =
        serve(&["--redirects", "0"], async |tcp, _| redirect(tcp, "http://[").await).await;
    run.assert_status(3);
}

#[tokio::test]
async fn connections_that_break_off() {
    let ((), run) = serve(&[], async |tcp, _| {
        let mut ws = bowline::server::accept(tcp).await?;
        ws.send("so far").await
    })
    .await;
    run.assert_status(1);
    assert_eq!(run.stdout, "so far\n");
    run.assert_complains("end of stream between frames, Close expected\n");

    let (close, run) = serve(&[], async |tcp, _| {
        let mut tcp = bowline::server::accept(tcp).await?.into_inner();
        tcp.write_all(&[0x81, 2, 0xc3, 0x28]).await?;
        let mut close = Vec::new();
        tcp.read_to_end(&mut close).await?;
        Ok(close)
    })
    .await;
    run.assert_status(1);
    run.assert_complains("text message is not UTF-8\n");
    // Masked: the code is behind the key, under its first two bytes.
    assert_eq!(close[0], 0x88);
    let code = [close[6] ^ close[2], close[7] ^ close[3]];
    assert_eq!(u16::from_be_bytes(code), 1007);
}

#[tokio::test]
async fn nothing_to_connect_to() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let uri = format!("ws://{}", listener.local_addr().unwrap());
    let hang_up = async { drop(listener.accept().await) };
    let arguments = [uri.as_str()];
    let ((), silent) = tokio::join!(hang_up, run("client", &arguments, ""));
    silent.assert_status(1);
    silent.assert_complains("end of stream before the HTTP head");

    // Accepted by the kernel, and never TLS.
    let uri = format!("wss://{}", listener.local_addr().unwrap());
    let late = run("client", &[&uri, "--connect-timeout", "0.1"], "").await;
    late.assert_status(1);
    late.assert_complains("no connection within 100ms\n");

    drop(listener);
    let refused = run("client", &[&uri], "").await;
    refused.assert_status(1);
    refused.assert_complains(&format!("client: {uri}: "));
    refused.assert_complains("refused");
}

#[tokio::test]
async fn what_makes_no_sense() {
    let directory = env::temp_dir();
    let cases: &[(&[&str], &str)] = &[
        (&[], "which URI?"),
        (&["ws://a", "ws://b"], "one URI, and not ws://b as well"),
        (&["http://a"], "the URI is not ws://"),
        (&["ws://a", "--what"], "there is no option --what"),
        (&["ws://a", "--header"], "--header is followed by nothing"),
        (&["ws://a", "--header", "none"], "--header is NAME: VALUE, and not none"),
        (&["ws://a", "--header", "a b: c"], "header name or value"),
        (&["ws://a", "--header", "Upgrade: c"], "the handshake sets this header itself"),
        (&["ws://a", "--subprotocol", "a b"], "subprotocol is no token"),
        (&["ws://a", "--ping", "0"], "--ping wants more than 0 seconds"),
        (&["ws://a", "--ping", "often"], "--ping wants seconds, and not often"),
        (&["ws://a", "--wait", "-1"], "--wait wants seconds, and not -1"),
        (&["ws://a", "--connect-timeout", "NaN"], "--connect-timeout wants seconds"),
        (&["ws://a", "--reconnect-within", "0"], "--reconnect-within wants more than 0 seconds"),
        (&["ws://a", "--redirects", "x"], "--redirects wants a number"),
        (&["ws://a", "--proxy", "ftp://b"], "the proxy is not http"),
        (&["ws://a", "--proxy", "http://b", "--unix", "c"], "--proxy or --unix"),
        (&["ws://a", "--ca", "/nowhere.pem"], "/nowhere.pem: "),
        (&["ws://a", "--ca", directory.to_str().unwrap()], directory.to_str().unwrap()),
        (&["ws://a", "--insecure", "--ca", "a"], "--ca or --insecure"),
    ];
    for (arguments, complaint) in cases {
        let run = run("client", arguments, "").await;
        run.assert_status(2);
        run.assert_complains(complaint);
        assert!(run.stderr.starts_with("client: "), "{}", run.stderr);
        assert_eq!(run.stdout, "");
    }
}

#[tokio::test]
async fn help_is_what_was_asked_for() {
    let run = run("client", &["ws://a", "--help"], "").await;
    run.assert_status(0);
    assert_eq!(run.stderr, "");
    for option in [
        "URI",
        "--ca",
        "--insecure",
        "--proxy",
        "--header",
        "--subprotocol",
        "--deflate",
        "--ping",
        "--json",
        "--binary",
        "--redirects",
        "--unix",
        "--connect-timeout",
        "--reconnect ",
        "--reconnect-within SECS",
        "--wait",
        "130",
    ] {
        run.assert_prints(option);
    }
}

#[cfg(unix)]
#[tokio::test]
async fn the_second_interrupt_ends_it_at_once() {
    let ((), run) = serve(&[], async |tcp, child| {
        let mut messages = bowline::server::accept(tcp).await?.into_framed();
        child.stdin.as_mut().unwrap().write_all(b"hello\n").await?;
        assert_eq!(messages.next().await.unwrap()?, Message::text("hello"));
        interrupt(child).await;
        assert_eq!(messages.next().await.unwrap()?, Message::close(CloseCode::AWAY, ""));
        // Nobody answers.
        interrupt(child).await;
        child.wait().await?;
        Ok(())
    })
    .await;
    run.assert_status(130);
}

#[cfg(unix)]
#[tokio::test]
async fn an_interrupt_before_there_is_a_connection() {
    let ((), run) = serve(&[], async |_tcp, child| {
        // For the program to have come to where it listens.
        tokio::time::sleep(Duration::from_millis(300)).await;
        interrupt(child).await;
        child.wait().await?;
        Ok(())
    })
    .await;
    run.assert_status(130);
    assert_eq!(run.stderr, "");
}
