//! A layer in front of a service.

use super::*;

#[tokio::test]
async fn the_layer_takes_websockets_and_passes_the_rest_through() {
    let service = start("tower_layer").await;
    let (status, body) = get(&service, "/some/where").await;
    assert_eq!((status, body.as_str()), (200, "GET /some/where is no WebSocket\n"));
    let mut http1 = connect(&service, "/here").await;
    assert_eq!(text(&mut http1).await, "this is /here");
    within(http1.send("hello")).await.unwrap();
    assert_eq!(text(&mut http1).await, "hello");
    within(http1.close(1000, "")).await.unwrap();
    let mut http2 = connect_h2(&service, "/there").await;
    assert_eq!(text(&mut http2).await, "this is /there");
    within(http2.send(vec![7; 100_000])).await.unwrap();
    let message = within(http2.next()).await.unwrap().unwrap();
    assert_eq!(message, Message::binary(vec![7; 100_000]));
    within(http2.close(1000, "")).await.unwrap();
}

#[tokio::test]
async fn the_layer_answers_what_it_refuses_itself() {
    let service = start("tower_layer").await;
    let foreign = client(&service, "/").header("origin", "https://example.com");
    assert_eq!(refusal(foreign).await, StatusCode::FORBIDDEN);
    let (ws, _) =
        within(client(&service, "/").subprotocols(["chat", "echo"]).connect()).await.unwrap();
    assert_eq!(ws.subprotocol(), Some("echo"));
}
