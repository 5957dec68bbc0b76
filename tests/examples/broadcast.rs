//! The ticker, with its own subscribers and one from outside.

use super::*;

/// A line of the table, by its columns: the path, what was received and missed, which, and the end.
#[derive(Debug)]
struct Row<'a> {
    path: &'a str,
    received: u64,
    missed: u64,
    /// The first and last number of each run.
    runs: Vec<(u64, u64)>,
    end: &'a str,
}

fn row(line: &str) -> Row<'_> {
    let mut columns = line.split("  ").map(str::trim).filter(|column| !column.is_empty());
    let mut next = || columns.next().unwrap_or_else(|| panic!("{line}"));
    let _who = next();
    let (path, received, missed) = (next(), next().parse().unwrap(), next().parse().unwrap());
    let run = |run: &str| {
        let (first, last) = run.split_once('-').unwrap();
        (first.parse().unwrap(), last.parse().unwrap())
    };
    Row { path, received, missed, runs: next().split(", ").map(run).collect(), end: next() }
}

#[tokio::test]
async fn broadcast_shows_what_each_policy_does_to_one_that_sleeps() {
    let arguments = ["127.0.0.1:0", "--subscribers", "5", "--rate", "400", "--seconds", "3"];
    let run = run("broadcast", &arguments, "").await;
    run.assert_status(0);
    run.assert_prints("broadcast: ws://127.0.0.1:");
    run.assert_prints(
        "second  published  delivered  dropped  disconnected  queued kB  resident MB\n",
    );
    let (lines, table) = run.stdout.split_once("\n\n").unwrap();
    // A line for each second, and maybe one for what is left.
    let counts: Vec<Vec<f64>> = lines
        .lines()
        .skip(2)
        .map(|line| line.split_whitespace().map(|word| word.parse().unwrap_or(0.0)).collect())
        .collect();
    let total = |column: usize| counts.iter().map(|line| line[column]).sum::<f64>() as u64;
    assert_eq!(total(4), 1, "{lines}");

    let rows: Vec<Row<'_>> = table.lines().skip(1).map(row).collect();
    let [fast, oldest, newest, disconnected] = &rows[..] else { panic!("{table}") };
    let published = fast.received;
    assert_eq!(published, total(1), "{lines}");
    assert!(table.contains("5 that read"), "{table}");
    assert_eq!((fast.path, fast.missed), ("/disconnect/4096", 0));
    assert_eq!(
        (&fast.runs[..], fast.end),
        (&[(1, published)][..], "1001 (\"the ticker has stopped\")")
    );

    let [(1, _), (behind, last)] = oldest.runs[..] else { panic!("{oldest:?}") };
    assert_eq!((oldest.path, last, last - behind + 1), ("/oldest/64", published, 64));
    let [(1, kept)] = newest.runs[..] else { panic!("{newest:?}") };
    assert_eq!((newest.path, newest.received), ("/newest/64", kept));
    assert!(kept > 64 && kept < published, "{newest:?}");
    for slow in [oldest, newest] {
        assert_eq!(slow.end, fast.end);
        assert_eq!(slow.missed + slow.received, published);
    }
    assert_eq!(total(3), oldest.missed + newest.missed, "{run:?}");
    let [(1, cut)] = disconnected.runs[..] else { panic!("{disconnected:?}") };
    // Its queue is emptied; what was with the connection comes through.
    assert!(cut < kept, "{table}");
    assert_eq!((disconnected.path, disconnected.received), ("/disconnect/64", cut));
    assert_eq!(disconnected.end, "1013 (\"too far behind\")");
}

/// Until it is told to stop.
#[cfg(unix)]
#[tokio::test]
async fn broadcast_serves_whoever_comes_and_stops_politely() {
    let arguments = ["--subscribers", "0"];
    let mut service = Service::start_with("broadcast", &arguments, "broadcast: ").await;
    let error = within(bowline::client::connect(format!("{}newest/0", service.address))).await;
    assert_eq!(error.err().unwrap().refusal().unwrap().status(), StatusCode::NOT_FOUND);
    let uri = format!("{}newest/64", service.address);
    let (mut ws, _) = within(bowline::client::connect(uri)).await.unwrap();
    for _ in 0..10 {
        let message = within(ws.next()).await.unwrap().unwrap();
        assert!(message.as_text().unwrap().starts_with("{\"number\":"), "{message:?}");
    }
    service.interrupt().await;
    let close = within(async {
        loop {
            if let Message::Close(frame) = ws.next().await.unwrap().unwrap() {
                return frame.unwrap();
            }
        }
    })
    .await;
    assert_eq!(close, CloseFrame::new(CloseCode::AWAY, "the ticker has stopped"));
    assert!(within(ws.next()).await.is_none());
    assert!(within(service.child.wait()).await.unwrap().success());
}

#[tokio::test]
async fn broadcast_says_how_it_is_called() {
    for bad in [&["a", "b"][..], &["--rate", "0"], &["--subscribers"], &["--nothing"]] {
        let run = run("broadcast", bad, "").await;
        run.assert_status(2);
        run.assert_complains("usage: broadcast [ADDR]");
    }
}
