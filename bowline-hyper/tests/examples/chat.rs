//! The chat on axum: the other example's tests speak to its room (`tests/chat/`, `tests/browser/`), these to its end.

use super::*;

const GOODBYE: &str = "The server is shutting down";

async fn join<T: AsyncRead + AsyncWrite + Unpin>(ws: &mut WebSocket<T>, name: &str) {
    within(ws.send(format!(r#"{{"type":"join","name":"{name}"}}"#))).await.unwrap();
    let welcome = text(ws).await;
    assert!(welcome.contains(r#""type":"welcome""#), "{welcome}");
}

/// Reads what is said, up to the Close.
async fn last_words<T: AsyncRead + AsyncWrite + Unpin>(ws: &mut WebSocket<T>) -> CloseFrame {
    within(async {
        loop {
            if let Message::Close(frame) = ws.next().await.unwrap().unwrap() {
                assert!(ws.next().await.is_none());
                return frame.unwrap();
            }
        }
    })
    .await
}

#[cfg(unix)]
#[tokio::test]
async fn ctrl_c_closes_every_guest_and_says_how_it_went() {
    let mut service = start("axum_chat").await;
    assert!(get(&service, "/").await.1.contains("<title>Bowline chat</title>"));
    let mut ada = connect(&service, "/ws").await;
    let mut bob = connect_h2(&service, "/ws").await;
    // One that has not joined, and two connections without a WebSocket, as browsers keep them.
    let mut stranger = connect(&service, "/ws").await;
    let _idle = TcpStream::connect(&service.address).await.unwrap();
    let mut kept = TcpStream::connect(&service.address).await.unwrap();
    within(kept.write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n")).await.unwrap();
    within(kept.read_u8()).await.unwrap();
    join(&mut ada, "Ada").await;
    join(&mut bob, "Bob").await;
    // A crowd: each hears that the others leave, while it is being closed itself.
    let mut crowd = Vec::new();
    for number in 0..20 {
        let mut guest = connect(&service, "/ws").await;
        join(&mut guest, &format!("Guest {number}")).await;
        crowd.push(tokio::spawn(async move { last_words(&mut guest).await }));
    }

    service.interrupt().await;
    let expected = CloseFrame::new(CloseCode::AWAY, GOODBYE);
    let (ada, bob, stranger) =
        tokio::join!(last_words(&mut ada), last_words(&mut bob), last_words(&mut stranger));
    assert_eq!([&ada, &bob, &stranger], [&expected; 3]);
    for guest in crowd {
        assert_eq!(within(guest).await.unwrap(), expected);
    }
    let report = within(service.log.next_line()).await.unwrap();
    assert_eq!(report.as_deref(), Some("23 closed, 0 lost, 0 cut off"));
    // Nothing else, such as a complaint over somebody who would not go.
    assert_eq!(within(service.log.next_line()).await.unwrap(), None);
    assert!(within(service.child.wait()).await.unwrap().success());
    let mut complaints = String::new();
    let mut stderr = service.child.stderr.take().unwrap();
    within(stderr.read_to_string(&mut complaints)).await.unwrap();
    assert_eq!(complaints, "");
}

#[cfg(unix)]
#[tokio::test]
async fn sigterm_waits_for_nobody_who_does_not_answer() {
    let mut service = start("axum_chat").await;
    let mut ada = connect(&service, "/ws").await;
    let silent = connect(&service, "/ws").await;
    service.signal("TERM").await;
    assert_eq!(last_words(&mut ada).await.code, CloseCode::AWAY);
    let report = within(service.log.next_line()).await.unwrap();
    assert_eq!(report.as_deref(), Some("1 closed, 1 lost, 0 cut off"));
    assert!(within(service.child.wait()).await.unwrap().success());
    drop(silent);
}

#[tokio::test]
async fn pages_from_elsewhere_are_not_let_in() {
    let service = start("axum_chat").await;
    let own = format!("http://{}", service.address);
    within(client(&service, "/ws").header("origin", own).connect()).await.unwrap();
    for origin in ["https://example.com", "http://127.0.0.1", "null"] {
        let client = client(&service, "/ws").header("origin", origin);
        assert_eq!(refusal(client).await, StatusCode::FORBIDDEN, "{origin}");
    }
    // What is no WebSocket is told to become one.
    assert_eq!(get(&service, "/ws").await.0, 426);
    assert_eq!(get(&service, "/nowhere").await.0, 404);
}
