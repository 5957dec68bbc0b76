//! A connection that is lent, split, and closed by whoever lent it.

use std::time::Duration;

use bowline::{CloseFrame, Config, Error, Message, Role, UsageError, WebSocket};
use tokio::{
    io::{DuplexStream, duplex},
    time::Instant,
};

fn pair() -> (WebSocket<DuplexStream>, WebSocket<DuplexStream>) {
    let (near, far) = duplex(1 << 10);
    let config = Config::new();
    (WebSocket::new(near, Role::Server, config.clone()), WebSocket::new(far, Role::Client, config))
}

#[tokio::test(start_paused = true)]
async fn halves_in_other_tasks_come_back() {
    let (ws, mut peer) = pair();
    let (ws, mut loan) = ws.lend();
    let (reader, writer) = ws.split();
    drop(reader);
    // As one who forwards what others say, and has nothing to say just now.
    let forwarding = tokio::spawn(async move {
        let mut writer = writer;
        writer.closed().await
    });

    let peer = tokio::spawn(async move { (peer.next().await, peer.next().await.is_none()) });
    loan.close(1011, "gone wrong").await.unwrap();
    let (close, is_end) = peer.await.unwrap();
    let expected = Message::Close(Some(CloseFrame::new(1011, "gone wrong")));
    assert_eq!(close.unwrap().unwrap(), expected);
    assert!(is_end);
    let told = forwarding.await.unwrap();
    assert!(matches!(told, Error::Usage(UsageError::SendAfterClose)), "{told:?}");
    let answer = loan.await.expect("back").close(1000, "").await.unwrap();
    assert_eq!(answer, Some(CloseFrame::new(1011, "")));
}

/// A writer that waits for something else, and is not to be had.
#[tokio::test(start_paused = true)]
async fn a_half_that_nobody_polls_doesn_t_keep_the_peer_waiting() {
    let (ws, mut peer) = pair();
    let (ws, mut loan) = ws.lend();
    let (reader, mut writer) = ws.split();
    drop(reader);
    writer.feed("before").await.unwrap();
    let peer = tokio::spawn(async move {
        let mut messages = Vec::new();
        while let Some(message) = peer.next().await {
            messages.push(message.unwrap());
        }
        messages
    });
    loan.close(1011, "").await.unwrap();
    let close = Message::Close(Some(CloseFrame::new(1011, "")));
    assert_eq!(peer.await.unwrap(), [Message::text("before"), close]);
    assert!(writer.send("after").await.is_err());
    assert!(loan.take().is_none());
    drop(writer);
    assert!(loan.take().is_some());
}

/// The same with a peer that doesn't answer.
#[tokio::test(start_paused = true)]
async fn the_close_time_out_is_the_end_of_it() {
    let (ws, _peer) = pair();
    let (ws, mut loan) = ws.lend();
    let (reader, writer) = ws.split();
    drop(reader);
    let began = Instant::now();
    loan.close(1011, "").await.unwrap();
    assert_eq!(began.elapsed(), Duration::from_secs(5));
    drop(writer);
    assert!(loan.await.is_some());
}

#[tokio::test(start_paused = true)]
async fn a_reader_in_another_task_goes_on_to_the_end() {
    let (ws, mut peer) = pair();
    let (ws, mut loan) = ws.lend();
    let (mut reader, writer) = ws.split();
    drop(writer);
    let reading = tokio::spawn(async move {
        let mut messages = Vec::new();
        while let Some(message) = reader.next().await {
            messages.push(message.unwrap());
        }
        messages
    });
    tokio::task::yield_now().await;
    loan.close(1011, "").await.unwrap();
    peer.send("on its way").await.unwrap();
    while let Some(message) = peer.next().await {
        message.unwrap();
    }
    let close = Message::Close(Some(CloseFrame::new(1011, "")));
    assert_eq!(reading.await.unwrap(), [Message::text("on its way"), close]);
}

#[tokio::test(start_paused = true)]
async fn of_one_that_is_whole_or_back_nothing_is_done() {
    let (ws, mut peer) = pair();
    let (mut ws, mut loan) = ws.lend();
    loan.close(1011, "").await.unwrap();
    ws.send("still here").await.unwrap();
    drop(ws);
    loan.close(1011, "").await.unwrap();
    let mut ws = loan.await.expect("back");
    ws.send("and here").await.unwrap();
    assert_eq!(peer.next().await.unwrap().unwrap(), Message::text("still here"));
    assert_eq!(peer.next().await.unwrap().unwrap(), Message::text("and here"));
}

#[tokio::test]
async fn a_close_that_may_not_be_sent_is_refused() {
    let (ws, _peer) = pair();
    let (ws, mut loan) = ws.lend();
    let (_reader, mut writer) = ws.split();
    assert!(matches!(
        loan.close(1005, "").await,
        Err(Error::Usage(UsageError::UnsendableCloseCode(_)))
    ));
    writer.send("unharmed").await.unwrap();
}
