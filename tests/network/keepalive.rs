//! Who notices that nothing arrives any more, and when.

use std::time::Duration;

use bowline::{Error, WebSocket};
use futures_util::future::join_all;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::{Instant, timeout},
};

use crate::{
    ends::{Ends, MARGIN, SECOND, assert_takes, error_of, keeping_alive, untimed},
    path::{LOSSES, Loss, Path},
};

/// "A ping after `interval` to twice that without a byte in; the connection fails where nothing at all arrives within
/// `timeout` of the ping".
const LEAST: Duration = SECOND.saturating_mul(2);
const MOST: Duration = SECOND.saturating_mul(3);

/// The end that asks gives up in its time.
async fn assert_gives_up(
    ws: WebSocket<impl AsyncRead + AsyncWrite + Unpin>,
    loss: Loss,
    start: Instant,
) {
    let lost = Instant::now();
    let error = error_of(ws).await;
    assert!(matches!(error, Error::KeepaliveTimeout), "{loss:?}: {error:?}");
    assert!(error.is_disconnect());
    assert!(start.elapsed() >= LEAST, "{loss:?}: after {:?}, too early", start.elapsed());
    assert_takes(format!("{loss:?}"), lost.elapsed(), Duration::ZERO, MOST);
}

#[tokio::test]
#[ignore = "needs two network namespaces: tests/network/run"]
async fn a_client_notices_whichever_way_packets_are_lost() {
    let noticing = LOSSES.map(|loss| async move {
        let path = Path::new();
        let Ends { client, server, start } = Ends::open(&path, keeping_alive(), untimed()).await;
        path.lose(loss);
        // It answers pings that arrive.
        let answering = tokio::spawn(error_of(server));
        assert_gives_up(client, loss, start).await;
        answering.abort();
    });
    join_all(noticing).await;
}

#[tokio::test]
#[ignore = "needs two network namespaces: tests/network/run"]
async fn a_server_notices_whichever_way_packets_are_lost() {
    let noticing = LOSSES.map(|loss| async move {
        let path = Path::new();
        let Ends { client, server, start } = Ends::open(&path, untimed(), keeping_alive()).await;
        path.lose(loss);
        let answering = tokio::spawn(error_of(client));
        assert_gives_up(server, loss, start).await;
        answering.abort();
    });
    join_all(noticing).await;
}

#[tokio::test]
#[ignore = "needs two network namespaces: tests/network/run"]
async fn both_notice() {
    let path = Path::new();
    let Ends { client, server, start } = Ends::open(&path, keeping_alive(), keeping_alive()).await;
    path.lose(Loss::BothWays);
    let client = assert_gives_up(client, Loss::BothWays, start);
    let server = assert_gives_up(server, Loss::BothWays, start);
    tokio::join!(client, server);
}

/// The end that still hears the other's pings gives up later. It is not told that the other has: Linux keeps a FIN back
/// behind a ping that nobody acknowledges.
#[tokio::test]
#[ignore = "needs two network namespaces: tests/network/run"]
async fn both_notice_where_one_still_hears() {
    let noticing = [Loss::ToServer, Loss::ToClient].map(|loss| async move {
        let path = Path::new();
        let Ends { client, server, start } =
            Ends::open(&path, keeping_alive(), keeping_alive()).await;
        path.lose(loss);
        let lost = Instant::now();
        let error = if loss == Loss::ToServer {
            tokio::join!(assert_gives_up(server, loss, start), error_of(client)).1
        } else {
            tokio::join!(assert_gives_up(client, loss, start), error_of(server)).1
        };
        assert!(error.is_disconnect(), "{loss:?}: {error:?}");
        // A ping came by the end of the other's interval of one to two seconds.
        assert_takes(format!("{loss:?}"), lost.elapsed(), LEAST, 2 * SECOND + MOST);
    });
    join_all(noticing).await;
}

/// And so it is keepalive that notices, and nothing below it.
#[tokio::test]
#[ignore = "needs two network namespaces: tests/network/run"]
async fn without_keepalive_nobody_notices() {
    let path = Path::new();
    let mut ends = Ends::open(&path, untimed(), untimed()).await;
    path.lose(Loss::BothWays);
    let waiting = async { tokio::join!(ends.client.next(), ends.server.next()) };
    let noticed = timeout(MOST + MARGIN, waiting).await;
    assert!(noticed.is_err(), "{noticed:?}");
    path.heal();
    ends.talk().await;
}
