//! What is published: the prices of twenty knots, several hundred times a second.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use bowline::{Error, Prepared, hub::Hub};
use serde_json::{Map, Value, json};
use tokio::time;

pub(crate) const TOPIC: &str = "prices";

/// What has become of what was published; the counts only grow.
#[derive(Debug, Default)]
pub(crate) struct Totals {
    pub(crate) published: AtomicU64,
    /// Counted by the subscribers of this process, as they receive.
    pub(crate) delivered: AtomicU64,
    pub(crate) dropped: AtomicU64,
    pub(crate) disconnected: AtomicU64,
}

/// Publishes until it is dropped. Cancel-safe.
pub(crate) async fn run(hub: &Hub, rate: u32, totals: &Totals) -> Result<(), Error> {
    // Late ticks are made up for.
    let mut ticks = time::interval(Duration::from_secs(1) / rate);
    loop {
        ticks.tick().await;
        let number = totals.published.fetch_add(1, Ordering::Relaxed) + 1;
        // Encoded once, for all.
        let report = hub.publish(TOPIC, &Prepared::new(prices(number))?);
        totals.dropped.fetch_add(report.dropped as u64, Ordering::Relaxed);
        totals.disconnected.fetch_add(report.disconnected as u64, Ordering::Relaxed);
    }
}

/// Some 1,000 bytes of JSON. Its number comes first.
fn prices(number: u64) -> String {
    const NAMES: [&str; 4] = ["bowline", "clove hitch", "figure eight", "sheet bend"];
    let price = |at: u64| 1000 + (number * (at * 7 + 3)) % 97;
    let prices: Map<String, Value> = (0..20)
        .map(|at| {
            let name = format!("{}, {} mm", NAMES[at as usize % NAMES.len()], 6 + at / 4 * 2);
            (name, json!({ "bid": price(at), "ask": price(at) + 2 }))
        })
        .collect();
    format!("{{\"number\":{number},\"prices\":{}}}", Value::Object(prices))
}

/// The number of such a text.
pub(crate) fn number(text: &str) -> Option<u64> {
    text.strip_prefix("{\"number\":")?.split_once(',')?.0.parse().ok()
}
