//! One route with a page and a WebSocket.

use super::*;

#[tokio::test]
async fn both_serves_a_page_and_counts_everybodys_clicks() {
    let service = start("axum_both").await;
    let (status, page) = get(&service, "/").await;
    assert_eq!(status, 200);
    assert!(page.contains("new WebSocket"), "{page}");
    let mut one = connect(&service, "/").await;
    let mut other = connect_h2(&service, "/").await;
    for ws in [text(&mut one).await, text(&mut other).await] {
        assert_eq!(ws, "0");
    }
    within(one.send("click")).await.unwrap();
    assert_eq!((text(&mut one).await, text(&mut other).await), ("1".into(), "1".into()));
    within(other.send("click")).await.unwrap();
    assert_eq!((text(&mut one).await, text(&mut other).await), ("2".into(), "2".into()));
    within(one.close(1000, "")).await.unwrap();
}

#[tokio::test]
async fn both_lets_in_pages_from_here_and_from_where_it_was_told() {
    let arguments = ["https://example.com", "https://*.example.org"];
    let service = Service::start_with("axum_both", &arguments, "listening on http://").await;
    let from = |origin: &str| client(&service, "/").header("origin", origin);
    for origin in
        [&format!("http://{}", service.address), "https://example.com", "https://www.example.org"]
    {
        within(from(origin).connect()).await.unwrap();
    }
    for origin in ["https://example.org", "http://example.com", "http://127.0.0.1", "null"] {
        assert_eq!(refusal(from(origin)).await, StatusCode::FORBIDDEN, "{origin}");
    }
}
