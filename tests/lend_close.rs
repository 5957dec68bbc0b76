//! A connection that is lent, split, and closed by whoever lent it.

use bowline::{CloseFrame, Config, Error, Message, Role, UsageError, WebSocket};
use tokio::io::{DuplexStream, duplex};

fn pair() -> (WebSocket<DuplexStream>, WebSocket<DuplexStream>) {
    let (near, far) = duplex(1 << 10);
    let config = Config::new();
    (WebSocket::new(near, Role::Server, config.clone()), WebSocket::new(far, Role::Client, config))
}

#[tokio::test(start_paused = true)]
async fn halves_in_other_tasks_come_back() {
    let (ws, mut peer) = pair();
    let (ws, loan) = ws.lend();
    let (reader, writer) = ws.split();
    drop(reader);
    // As one who forwards what others say, and has nothing to say just now.
    let forwarding = tokio::spawn(async move {
        let mut writer = writer;
        writer.closed().await
    });

    loan.close(1011, "gone wrong").unwrap();
    let told = forwarding.await.unwrap();
    assert!(matches!(told, Error::Usage(UsageError::SendAfterClose)), "{told:?}");
    let mut ws = loan.await.expect("back");
    let peer = tokio::spawn(async move { peer.next().await });
    ws.close(1000, "").await.unwrap();
    let close = peer.await.unwrap().unwrap().unwrap();
    assert_eq!(close, Message::Close(Some(CloseFrame::new(1011, "gone wrong"))));
}

#[tokio::test(start_paused = true)]
async fn a_reader_in_another_task_goes_on_to_the_end() {
    let (ws, mut peer) = pair();
    let (ws, loan) = ws.lend();
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
    loan.close(1011, "").unwrap();
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
    let (mut ws, loan) = ws.lend();
    loan.close(1011, "").unwrap();
    ws.send("still here").await.unwrap();
    drop(ws);
    loan.close(1011, "").unwrap();
    let mut ws = loan.await.expect("back");
    ws.send("and here").await.unwrap();
    assert_eq!(peer.next().await.unwrap().unwrap(), Message::text("still here"));
    assert_eq!(peer.next().await.unwrap().unwrap(), Message::text("and here"));
}

#[tokio::test]
async fn a_close_that_may_not_be_sent_is_refused() {
    let (ws, _peer) = pair();
    let (ws, loan) = ws.lend();
    let (_reader, mut writer) = ws.split();
    assert!(matches!(loan.close(1005, ""), Err(Error::Usage(UsageError::UnsendableCloseCode(_)))));
    writer.send("unharmed").await.unwrap();
}
