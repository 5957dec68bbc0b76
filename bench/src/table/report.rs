//! The page: `docs/benchmarks.md`.

use std::{fmt::Write as _, io};

use super::{
    figures::{self, Figure},
    participants::{PARTICIPANTS, Role},
    plan::{self, AWAKE, Case, Part},
    record::Quantity,
    results::Results,
    tables,
};
use crate::{comparison::QUIET, server::Server, spread::Spread};

/// The page in Markdown.
pub(super) fn page(results: &Results) -> io::Result<String> {
    let idle = results.fact("idle connections")?.parse().map_err(io::Error::other)?;
    let cases = measured(results, idle);
    let of = |part: Part| cases.iter().filter(move |case| case.part == part).collect::<Vec<_>>();
    let mut page = introduction(results)?;
    page += &goals(results, &cases);
    let with_goals = [
        (Part::Echo, ECHO, &figures::CPU),
        (Part::Sending, SENDING, &figures::SENDING),
        (Part::Tls, TLS, &figures::TLS),
    ];
    for (part, text, chart) in with_goals {
        if !of(part).is_empty() {
            page += text;
            page += &figure(chart);
            for case in of(part) {
                page += &tables::row(results, case);
            }
        }
    }
    if let [case] = of(Part::Idle).as_slice() {
        let _ = write!(
            page,
            "\n## Memory per idle connection\n\n\
             A thousand connections are opened, then {idle} more, one after the other, with one echo of 20 bytes on each. After a \
             second of rest: what the server's resident memory has grown by since the first thousand, divided by {idle}.\n\n"
        );
        page += &figure(&figures::MEMORY);
        page += &tables::idle(results, case);
    }
    if !of(Part::Sizes).is_empty() {
        let _ = write!(
            page,
            "\n## By the size of a message\n\n\
             {AWAKE} connections, one text message in flight on each, the simple loops. With a single connection the server would \
             fall asleep after each message, and waking it would be most of what is measured.\n\n"
        );
        page += &figure(&figures::SIZES);
        page.push('\n');
        page += &figure(&figures::SIZE_RATIOS);
        page += &tables::sizes(results, &of(Part::Sizes));
    }
    if !of(Part::Connections).is_empty() {
        page += CONNECTIONS;
        page += &figure(&figures::CONNECTIONS);
        page += &tables::connections(results, &of(Part::Connections));
    }
    page += &participants(results)?;
    page += AGAIN;
    Ok(page)
}

/// The cases of which anything was measured, with the servers that were.
pub(super) fn measured(results: &Results, idle: usize) -> Vec<Case> {
    let mut cases = plan::cases(idle);
    for case in &mut cases {
        let servers = std::mem::take(&mut case.servers);
        case.servers = servers.into_iter().filter(|server| results.has(case, *server)).collect();
    }
    cases.retain(|case| !case.servers.is_empty());
    cases
}

/// The cheapest of the peers, where any was measured.
pub(super) fn best_peer(results: &Results, case: &Case, quantity: Quantity) -> Option<Server> {
    let is_peer = |server: &Server| matches!(Role::of(*server), Ok(Role::Peer(_)));
    let median =
        |server: Server| Some((results.spread(case, server, quantity).ok()?.median, server));
    let peers = case.servers.iter().copied().filter(is_peer).filter_map(median);
    peers.min_by(|one, other| one.0.total_cmp(&other.0)).map(|(_, server)| server)
}

const ECHO: &str = "
## Echo

Server CPU time per message, as the kernel books it: its own work for the sockets is in it. `times` is the median of the
ratios round by round. Messages per second are of all connections of the row together, with a load that never sleeps. An
exchange is what is in flight on one connection, from the start of its write until the last reply is in: it waits there
for the other connections as well. The best peer of each row is in bold.

";

const SENDING: &str = "
## Sending

A client sends the same binary message again and again, masked with a random key of the crate, and the
load takes it and discards it. CPU time is that of the client's process. Each crate sends as its client does, `send` or
`write_frame` and `send_binary`, from shared `Bytes` or a slice, set as where it serves. `raw` is `write_all` of a frame
that was encoded and masked beforehand. There is no opening handshake. The load asks for another message, with a byte on a
connection of its own, whenever it has one; it looks at each header, and compares a message byte by byte where a
measurement begins and ends.

";

const TLS: &str = "
## Over TLS

The same echoes on a `TlsStream` of tokio-rustls, with ring, TLS 1.3 and the cipher suite that both ends prefer,
AES-256-GCM. `raw` writes and flushes the decrypted bytes of each read.

";

const CONNECTIONS: &str = "
## By the number of connections

One message of 20 bytes in flight on each, the simple loops. With a single connection the server falls asleep after each
message, and waking it is most of what is measured.

";

const AGAIN: &str = "
## Again

```sh
cargo run --release -p bench -- table     # measures everything, and writes this page
cargo run --release -p bench -- render    # makes the page again from what was measured
```

It takes Linux, two cores that do nothing else, and about a quarter of an hour. [`bench/README.md`](../bench/README.md) says how
it is measured, and what the options are. Each single measurement is in
[`benchmarks/results.tsv`](benchmarks/results.tsv).
";

fn introduction(results: &Results) -> io::Result<String> {
    let mut text = format!(
        "# Benchmarks\n\n\
         bowline, its peers, and raw loops on a Tokio socket that don't speak WebSocket at all, which are the floor. Every server \
         echoes the same text messages unless a section says otherwise, has a core and a process of its own, one thread, plain TCP on loopback, and no \
         compression. Every reply is counted, and compared byte by byte where a measurement begins and ends.\n\n\
         - Measured on {}: {}.\n\
         - {}.\n\
         - In rounds, in each of which every server is measured once for {} s: {} for Echo, Sending and TLS, {} for the rest. Values \
         are medians, ranges are least and most.\n",
        results.fact("date")?,
        results.fact("machine")?,
        results.fact("versions")?,
        results.fact("seconds")?,
        results.fact("rounds")?,
        results.fact("other rounds")?,
    );
    let disturbed = Spread::of(results.all(Quantity::Disturbed).map(|share| 100.0 * share));
    if let Some(disturbed) = disturbed.filter(|disturbed| disturbed.most > 100.0 * QUIET) {
        let _ = writeln!(
            text,
            "- Other programs had one of the cores up to {:.1} % of the time, {:.1} % in the median.",
            disturbed.most, disturbed.median
        );
    }
    Ok(text)
}

/// In plain words.
fn goals(results: &Results, cases: &[Case]) -> String {
    let mut text = String::new();
    for case in cases.iter().filter(|case| case.servers.contains(&Server::Bowline)) {
        let Some(goal) = case.goal else { continue };
        let pair = [Server::Bowline, case.floor];
        let (title, floor) = (&case.title, case.floor.name());
        let line = match case.part {
            Part::Idle => results.spread(case, Server::Bowline, Quantity::Resident).map(|bytes| {
                format!(
                    "memory per idle connection: {:.0} bytes, at most {goal} wanted: **{}**",
                    bytes.median,
                    bytes.against(goal)
                )
            }),
            _ => results.ratio(case, pair, Quantity::Cpu).map(|ratio| {
                format!(
                    "{title}: {:.2} times the CPU of `{floor}`, at most {goal} wanted: **{}**",
                    ratio.median,
                    ratio.against(goal)
                )
            }),
        };
        let line = line.unwrap_or_else(|why| format!("{title}: {why}"));
        let _ = writeln!(text, "- {line}{}", beside_best(results, case));
    }
    if text.is_empty() { text } else { format!("\n## Goals\n\nThe loop of the README:\n\n{text}") }
}

fn beside_best(results: &Results, case: &Case) -> String {
    let quantity = if case.part == Part::Idle { Quantity::Resident } else { Quantity::Cpu };
    let Some(best) = best_peer(results, case, quantity) else { return String::new() };
    match results.ratio(case, [Server::Bowline, best], quantity) {
        Ok(ratio) => {
            format!("; {:.2} times the best peer, `{}`", ratio.median, best.name())
        }
        Err(_) => String::new(),
    }
}

fn participants(results: &Results) -> io::Result<String> {
    let mut text = String::from(
        "\n## The servers\n\n| server | crate | loop and settings |\n| --- | --- | --- |\n",
    );
    let versions = results.fact("versions")?;
    for participant in &PARTICIPANTS {
        if !results.records.iter().any(|record| record.server == participant.server) {
            continue;
        }
        let package = match participant.role {
            Role::Floor => "",
            Role::Bowline => "bowline",
            Role::Peer(package) => package,
        };
        let version =
            versions.split(", ").find(|version| version.split(' ').next() == Some(package));
        let _ = writeln!(
            text,
            "| {} | {} | {} |",
            participant.server.name(),
            version.unwrap_or_default(),
            participant.description
        );
    }
    text += "\nThe peers' limits are raised where messages of 16 MiB would not pass. All check UTF-8. The opening handshake is \
             answered by the same code for all but bowline; it is not measured. Keepalive is on in bowline and `sockudo-ws`, as \
             is their default; the other peers have none.\n";
    Ok(text)
}

fn figure(figure: &Figure) -> String {
    format!("![{}](benchmarks/{})\n", figure.title, figure.file)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::record::{Record, Values};

    fn record(part: Part, row: &str, server: Server, value: Result<f64, &str>) -> Record {
        let quantities = match part {
            Part::Idle => vec![Quantity::Resident],
            Part::Sending => vec![Quantity::Cpu, Quantity::Rate],
            _ => vec![Quantity::Cpu, Quantity::Rate, Quantity::P50, Quantity::P99],
        };
        let values =
            |value| quantities.iter().map(|quantity| (*quantity, value)).collect::<Vec<_>>();
        Record {
            part,
            row: row.to_owned(),
            server,
            round: 0,
            outcome: value.map(|value| Values::of(&values(value))).map_err(str::to_owned),
        }
    }

    fn sample() -> Results {
        let names = ["date", "machine", "seconds", "rounds", "other rounds"];
        let mut facts: Vec<_> = names.map(|name| (name.to_owned(), format!("the {name}"))).to_vec();
        facts.push(("versions".to_owned(), "bowline 9.8.7, yawc 6.5.4".to_owned()));
        facts.push(("idle connections".to_owned(), "9000".to_owned()));
        let (echo, idle) = ("20 B, one in flight", "idle");
        let sending = "1 MiB binary, sent by a client";
        let records = vec![
            record(Part::Echo, echo, Server::Raw, Ok(1000.0)),
            record(Part::Echo, echo, Server::Bowline, Ok(1100.0)),
            record(Part::Echo, echo, Server::YawcTuned, Ok(1375.0)),
            record(Part::Echo, echo, Server::Soketto, Ok(1500.0)),
            record(Part::Echo, echo, Server::Sockudo, Err("it ended | at once")),
            record(Part::Sending, sending, Server::Raw, Ok(1000.0)),
            record(Part::Sending, sending, Server::Bowline, Ok(1200.0)),
            record(Part::Idle, idle, Server::Rest, Ok(700.0)),
            record(Part::Idle, idle, Server::Bowline, Ok(1400.0)),
            record(Part::Sizes, "20 B", Server::Raw, Ok(1000.0)),
            record(Part::Sizes, "20 B", Server::YawcTuned, Ok(1200.0)),
            record(Part::Sizes, "128 B", Server::YawcTuned, Err("refused")),
        ];
        Results { facts, records }
    }

    #[test]
    fn the_page_says_what_was_measured() {
        let page = page(&sample()).unwrap();
        let said = [
            "- 20 B, one in flight: 1.10 times the CPU of `raw`, at most 1.05 wanted: **missed**; 0.80 times the best \
             peer, `yawc-tuned`",
            "- memory per idle connection: 1400 bytes, at most 1500 wanted: **met**\n",
            "| raw | 1000 | 1000 - 1000 | 1.00 | 1.00 - 1.00 | 1000 | 1000.0 | 1000.0 |",
            "| bowline | 1200 | 1200 - 1200 | 1.20 | 1.20 - 1.20 | 1200 |\n",
            "| **yawc-tuned** | 1375 | ",
            "| soketto | 1500 | ",
            "| sockudo-ws | failed: it ended \\| at once | | | | | | |",
            "| yawc-tuned | **1200** | failed |\n\n- yawc-tuned, 128 B: failed: refused\n",
            "| yawc-tuned | **60.0** | failed |",
            "| bowline | bowline 9.8.7 | ",
        ];
        for text in said {
            assert!(page.contains(text), "{text} in {page}");
        }
        assert!(!page.contains("number of connections"), "{page}");
    }

    #[test]
    fn charts_are_drawn_of_what_was_measured() {
        let figures = figures::all(&sample()).unwrap();
        let files: Vec<_> = figures.iter().map(|(file, _)| *file).collect();
        assert_eq!(files, ["cpu.svg", "sending.svg", "memory.svg", "sizes.svg", "size-ratios.svg"]);
    }
}
