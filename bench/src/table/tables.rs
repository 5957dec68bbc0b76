//! Tables of the page.

use std::fmt::Write as _;

use super::{
    plan::{Case, Part},
    record::Quantity,
    report::best_peer,
    results::Results,
};
use crate::{server::Server, spread::Spread};

/// A row that has a goal: CPU, throughput, and latency where messages come back.
pub(super) fn row(results: &Results, case: &Case) -> String {
    let floor = case.floor.name();
    let (who, heads, lines) = match case.part {
        Part::Sending => ("client", "", ""),
        _ => ("server", " exchange p50, µs | p99, µs |", " ---: | ---: |"),
    };
    let mut text = format!(
        "\n### {}\n\n{}, {} in flight on each.{}\n\n\
         | {who} | CPU, ns per message | range | times {floor} | range | messages per second |{heads}\n\
         | --- | ---: | --- | ---: | --- | ---: |{lines}\n",
        case.title,
        counted(case.connections, "connection"),
        counted(case.in_flight, "message"),
        case.goal.map(|goal| format!(" Goal: {goal} times `{floor}`.")).unwrap_or_default(),
    );
    let best = best_peer(results, case, Quantity::Cpu);
    for server in &case.servers {
        let _ = writeln!(text, "| {} | {} |", name(*server, best), line(results, case, *server));
    }
    text
}

fn line(results: &Results, case: &Case, server: Server) -> String {
    let times: &[Quantity] =
        if case.part.is_echo() { &[Quantity::P50, Quantity::P99] } else { &[] };
    let line = || -> Result<String, String> {
        let median = |quantity| Ok::<_, String>(results.spread(case, server, quantity)?.median);
        let mut line = format!(
            "{:.0} | {:.2} | {:.0}",
            results.spread(case, server, Quantity::Cpu)?,
            results.ratio(case, [server, case.floor], Quantity::Cpu)?,
            median(Quantity::Rate)?,
        );
        for quantity in times {
            let _ = write!(line, " | {:.1}", median(*quantity)?);
        }
        Ok(line)
    };
    line().unwrap_or_else(|why| format!("{} | | | |{}", cell(&why), " |".repeat(times.len())))
}

/// Memory of connections at rest.
pub(super) fn idle(results: &Results, case: &Case) -> String {
    let floor = case.floor.name();
    let mut text = format!(
        "\n| server | bytes per connection | range | times {floor} | range |\n| --- | ---: | --- | ---: | --- |\n"
    );
    let best = best_peer(results, case, Quantity::Resident);
    for server in &case.servers {
        let line = || -> Result<String, String> {
            let bytes = results.spread(case, *server, Quantity::Resident)?;
            let ratio = results.ratio(case, [*server, case.floor], Quantity::Resident)?;
            Ok(format!("{bytes:.0} | {ratio:.2}"))
        };
        let line = line().unwrap_or_else(|why| format!("{} | | |", cell(&why)));
        let _ = writeln!(text, "| {} | {line} |", name(*server, best));
    }
    text
}

/// Per message and per byte, a column for each size.
pub(super) fn sizes(results: &Results, cases: &[&Case]) -> String {
    let mut text = String::from("\nServer CPU, ns per message:\n\n");
    text += &columns(results, cases, |_, median| format!("{median:.0}"));
    text += "\nServer CPU, ns per byte of the payload:\n\n";
    text +=
        &columns(results, cases, |case, median| significant(median / case.message_bytes as f64));
    text
}

/// A column for each number of connections.
pub(super) fn connections(results: &Results, cases: &[&Case]) -> String {
    let text = "\nServer CPU, ns per message, by the number of connections:\n\n";
    text.to_owned() + &columns(results, cases, |_, median| format!("{median:.0}"))
}

/// A line for each server, with the best peer of each column in bold.
fn columns(results: &Results, cases: &[&Case], format: impl Fn(&Case, f64) -> String) -> String {
    let mut text = String::from("| server |");
    for case in cases {
        let _ = write!(text, " {} |", case.title);
    }
    let _ = writeln!(text, "\n| --- |{}", " ---: |".repeat(cases.len()));
    let mut failures = String::new();
    for server in servers(cases) {
        let _ = write!(text, "| {} |", server.name());
        for case in cases {
            if !case.servers.contains(&server) {
                text += " |";
                continue;
            }
            let is_best = best_peer(results, case, Quantity::Cpu) == Some(server);
            let value = results.spread(case, server, Quantity::Cpu);
            match value {
                Ok(Spread { median, .. }) if is_best => {
                    let _ = write!(text, " **{}** |", format(case, median));
                }
                Ok(Spread { median, .. }) => {
                    let _ = write!(text, " {} |", format(case, median));
                }
                Err(why) => {
                    text += " failed |";
                    let _ =
                        writeln!(failures, "- {}, {}: {}", server.name(), case.title, cell(&why));
                }
            }
        }
        text += "\n";
    }
    if failures.is_empty() { text } else { format!("{text}\n{failures}") }
}

/// All servers of the cases, in their order.
pub(super) fn servers(cases: &[&Case]) -> Vec<Server> {
    let mut servers: Vec<Server> = Vec::new();
    for server in cases.iter().flat_map(|case| &case.servers) {
        if !servers.contains(server) {
            servers.push(*server);
        }
    }
    servers
}

fn name(server: Server, best: Option<Server>) -> String {
    let name = server.name();
    if best == Some(server) { format!("**{name}**") } else { name.to_owned() }
}

fn counted(count: usize, what: &str) -> String {
    if count == 1 { format!("{count} {what}") } else { format!("{count} {what}s") }
}

/// Three digits that count.
fn significant(value: f64) -> String {
    let before = value.abs().log10().floor().clamp(-6.0, 2.0) as i32;
    format!("{value:.*}", (2 - before) as usize)
}

/// An error in a cell.
fn cell(why: &str) -> String {
    why.replace('|', "\\|")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_digits_count() {
        let values =
            [(123.4, "123"), (12.34, "12.3"), (1.234, "1.23"), (0.5678, "0.568"), (4321.0, "4321")];
        for (value, text) in values {
            assert_eq!(significant(value), text);
        }
    }
}
