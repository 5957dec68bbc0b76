//! What the end of one side is to the other: clean only where it was.

use bowline::client::Stream;
use tokio::io::Interest;

use super::*;

/// Which of the four goes, and how.
#[derive(Clone, Copy, Debug)]
enum Cut {
    FrontReset,
    BackReset,
    ServeKilled,
    ConnectKilled,
    ServeInterrupted,
    ConnectInterrupted,
}

/// What was cut off is never a clean end, whether the other has ended its own direction or not.
#[cfg(unix)]
#[tokio::test]
async fn tunnel_resets_what_was_cut_off() {
    for cut in [
        Cut::FrontReset,
        Cut::BackReset,
        Cut::ServeKilled,
        Cut::ConnectKilled,
        Cut::ServeInterrupted,
        Cut::ConnectInterrupted,
    ] {
        let target = Target::listen().await;
        let mut pair = Pair::start(&target.address).await;
        let mut front = pair.dial().await;
        let mut back = target.accept().await;
        say(&mut front, "there").await;
        hear(&mut back, "there").await;
        say(&mut back, "back").await;
        hear(&mut front, "back").await;

        match cut {
            Cut::FrontReset => front.set_zero_linger().unwrap(),
            Cut::BackReset => back.set_zero_linger().unwrap(),
            Cut::ServeKilled => within(pair.serve.child.kill()).await.unwrap(),
            Cut::ConnectKilled => within(pair.connect.child.kill()).await.unwrap(),
            Cut::ServeInterrupted => pair.serve.interrupt().await,
            Cut::ConnectInterrupted => pair.connect.interrupt().await,
        }
        // A killed program's sockets are closed by the kernel, which sends an end: there is nobody left to
        // ask for a reset.
        let (front, back) = match cut {
            Cut::FrontReset => (drop(front), rest(&mut back).await)
                .1
                .map_or_else(|back| (None, Some(back)), |end| panic!("{cut:?}: {end:?}")),
            Cut::BackReset => (drop(back), rest(&mut front).await)
                .1
                .map_or_else(|front| (Some(front), None), |end| panic!("{cut:?}: {end:?}")),
            Cut::ServeKilled => (Some(rest(&mut front).await.unwrap_err()), None),
            Cut::ConnectKilled => (None, Some(rest(&mut back).await.unwrap_err())),
            Cut::ServeInterrupted | Cut::ConnectInterrupted => (
                Some(rest(&mut front).await.unwrap_err()),
                Some(rest(&mut back).await.unwrap_err()),
            ),
        };
        for error in [front, back].into_iter().flatten() {
            assert_eq!(error.kind(), io::ErrorKind::ConnectionReset, "{cut:?}");
        }
        let interrupted = match cut {
            Cut::ServeInterrupted => &mut pair.serve.child,
            Cut::ConnectInterrupted => &mut pair.connect.child,
            _ => continue,
        };
        assert!(within(interrupted.wait()).await.unwrap().success(), "{cut:?}");
    }
}

/// The client has ended its own direction and is gone: the target learns it, and not at its next word only.
#[cfg(unix)]
#[tokio::test]
async fn tunnel_resets_what_was_cut_off_behind_an_end() {
    let target = Target::listen().await;
    for cut in [Cut::ConnectKilled, Cut::ConnectInterrupted] {
        let mut pair = Pair::start(&target.address).await;
        let mut front = pair.dial().await;
        let mut back = target.accept().await;
        say(&mut front, "the question").await;
        front.shutdown().await.unwrap();
        assert_eq!(rest(&mut back).await.unwrap(), b"the question");
        match cut {
            Cut::ConnectKilled => within(pair.connect.child.kill()).await.unwrap(),
            _ => pair.connect.interrupt().await,
        }
        let error = within(back.ready(Interest::ERROR)).await.map(|_| back.take_error());
        let error = error.unwrap().unwrap().unwrap();
        // Linux gives a reset behind an end the other name.
        let kinds = [io::ErrorKind::ConnectionReset, io::ErrorKind::BrokenPipe];
        assert!(kinds.contains(&error.kind()), "{cut:?}: {error}");
    }
}

#[tokio::test]
async fn tunnel_tells_both_kinds_of_client_that_the_target_is_away() {
    let target = Target::listen().await.address;
    let pair = Pair::start(&target).await;
    let mut tcp = pair.dial().await;
    assert_eq!(rest(&mut tcp).await.unwrap_err().kind(), io::ErrorKind::ConnectionReset);

    let (mut ws, _) = within(bowline::client::connect(&pair.serve.address)).await.unwrap();
    let close = within(ws.next()).await.unwrap().unwrap();
    assert_eq!(close, Message::close(CloseCode::BAD_GATEWAY, "target: connection refused"));
    assert!(within(ws.next()).await.is_none());
}

/// A peer that is no tunnel.
async fn plain(serve: &Service, subprotocols: &[&str]) -> WebSocket<Stream> {
    let client = Client::new(&serve.address).unwrap().subprotocols(subprotocols.iter().copied());
    within(client.connect()).await.unwrap().0
}

#[tokio::test]
async fn tunnel_takes_a_plain_peers_close_for_the_end_if_it_says_so() {
    let target = Target::listen().await;
    let serve = serve(&target.address, &[]).await;
    for (close, is_end) in [
        (Message::close(CloseCode::NORMAL, ""), true),
        (Message::Close(None), true),
        // What a browser sends whose page is left.
        (Message::close(CloseCode::AWAY, ""), false),
        (Message::close(CloseCode::ERROR, ""), false),
        (Message::close(4000, ""), false),
        (Message::text("no bytes"), false),
    ] {
        for subprotocols in [&[][..], &["binary"]] {
            let mut ws = plain(&serve, subprotocols).await;
            assert_eq!(ws.subprotocol(), subprotocols.first().copied());
            let mut back = target.accept().await;
            // An empty message is nothing here.
            for bytes in ["", "some ", "bytes"] {
                within(ws.send(Message::binary(bytes))).await.unwrap();
            }
            hear(&mut back, "some bytes").await;
            say(&mut back, "some others").await;
            assert_eq!(within(ws.next()).await.unwrap().unwrap(), Message::binary("some others"));
            within(ws.send(close.clone())).await.unwrap();
            match rest(&mut back).await {
                Ok(bytes) => assert!(is_end && bytes.is_empty(), "{close:?}: {bytes:?}"),
                Err(error) => {
                    assert!(!is_end, "{close:?}");
                    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
                }
            }
        }
    }
    // Without a word.
    let mut ws = plain(&serve, &[]).await;
    let mut back = target.accept().await;
    within(ws.send(Message::binary("so far"))).await.unwrap();
    hear(&mut back, "so far").await;
    drop(ws);
    assert_eq!(rest(&mut back).await.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn tunnel_tells_a_plain_peer_the_targets_end_and_its_failure() {
    let target = Target::listen().await;
    let serve = serve(&target.address, &[]).await;
    for (is_end, expected) in [
        (true, Message::close(CloseCode::NORMAL, "")),
        (false, Message::close(CloseCode::ERROR, "TCP: connection reset")),
    ] {
        let mut ws = plain(&serve, &["binary"]).await;
        let mut back = target.accept().await;
        say(&mut back, "hello").await;
        assert_eq!(within(ws.next()).await.unwrap().unwrap(), Message::binary("hello"));
        if !is_end {
            back.set_zero_linger().unwrap();
        }
        drop(back);
        assert_eq!(within(ws.next()).await.unwrap().unwrap(), expected);
        assert!(within(ws.next()).await.is_none());
    }
}
