//! The charts of the page: the same numbers as in its tables.

use std::io;

use super::{
    participants::Role,
    plan::{Case, Part},
    record::Quantity,
    report::measured,
    results::Results,
    tables,
};
use crate::{
    plot::{Axis, Bar, Bars, Emphasis, Extent, Group, Lines, Mark, Series, Unit, Words},
    server::Server,
    spread::Spread,
};

/// A chart's file, and what it is called.
pub(super) struct Figure {
    pub(super) file: &'static str,
    pub(super) title: &'static str,
}

pub(super) const CPU: Figure =
    Figure { file: "cpu.svg", title: "Server CPU per echoed message, in times a raw loop" };
pub(super) const SENDING: Figure =
    Figure { file: "sending.svg", title: "Client CPU per message sent, in times a raw loop" };
pub(super) const TLS: Figure = Figure {
    file: "tls.svg",
    title: "Server CPU per echoed message over TLS, in times a raw loop",
};
pub(super) const MEMORY: Figure =
    Figure { file: "memory.svg", title: "Memory per idle connection, in bytes" };
pub(super) const SIZES: Figure =
    Figure { file: "sizes.svg", title: "Server CPU per message, by its size" };
pub(super) const SIZE_RATIOS: Figure = Figure {
    file: "size-ratios.svg",
    title: "Server CPU per message in times a raw loop, by its size",
};
pub(super) const CONNECTIONS: Figure = Figure {
    file: "connections.svg",
    title: "Server CPU per message, by the number of connections",
};

/// Where bars are cut, in times the floor: loops that write each reply at once are far beyond, where many are in flight.
const LONGEST: f64 = 4.0;

/// Those of which anything was measured, as SVG by the name of the file.
pub(super) fn all(results: &Results) -> io::Result<Vec<(&'static str, String)>> {
    let idle = results.fact("idle connections")?.parse().map_err(io::Error::other)?;
    let cases = measured(results, idle);
    let of = |part: Part| cases.iter().filter(move |case| case.part == part).collect::<Vec<_>>();
    let chart = Chart { results, caption: caption(results)? };
    let mut figures = Vec::new();
    for (figure, part) in [(&CPU, Part::Echo), (&SENDING, Part::Sending), (&TLS, Part::Tls)] {
        if !of(part).is_empty() {
            figures.push((figure.file, chart.cpu(figure, &of(part))?));
        }
    }
    if let [case] = of(Part::Idle).as_slice() {
        figures.push((MEMORY.file, chart.memory(case)?));
    }
    if !of(Part::Sizes).is_empty() {
        let cases = of(Part::Sizes);
        figures.push((SIZES.file, chart.costs(&SIZES, &cases, SIZE)?));
        figures.push((SIZE_RATIOS.file, chart.size_ratios(&cases)?));
    }
    if !of(Part::Connections).is_empty() {
        let cases = of(Part::Connections);
        figures.push((CONNECTIONS.file, chart.costs(&CONNECTIONS, &cases, COUNT)?));
    }
    Ok(figures)
}

fn caption(results: &Results) -> io::Result<String> {
    Ok(format!("{}, {}", results.fact("date")?, results.fact("machine")?))
}

/// What lies along the horizontal axis.
#[derive(Clone, Copy)]
struct Along {
    label: &'static str,
    unit: Unit,
    of: fn(&Case) -> usize,
}

const SIZE: Along =
    Along { label: "bytes of a message", unit: Unit::Bytes, of: |case| case.message_bytes };
const COUNT: Along = Along { label: "connections", unit: Unit::Count, of: |case| case.connections };

/// Of a server in a case.
type Value<'a> = dyn Fn(&Case, Server) -> Result<Spread, String> + 'a;

struct Chart<'a> {
    results: &'a Results,
    caption: String,
}

impl Chart<'_> {
    /// A group for each row: bowline, and each peer by the cheapest of its loops.
    fn cpu(&self, figure: &Figure, cases: &[&Case]) -> io::Result<String> {
        let group = |case: &&Case| {
            Ok(Group {
                title: format!("{}, times {}", case.title, case.floor.name()),
                goal: case.goal.filter(|_| case.servers.contains(&Server::Bowline)),
                bars: self.cheapest(case)?,
            })
        };
        Bars {
            words: self.words(
                figure,
                "Medians and ranges. The loop of bowline's README, and of each peer the cheapest loop.",
            ),
            unit: Unit::Ratio,
            extent: Extent::Linear { longest: LONGEST },
            floor: Some(Mark { name: "raw loop".to_owned(), value: 1.0 }),
            groups: cases.iter().map(group).collect::<io::Result<_>>()?,
        }
        .to_svg()
    }

    /// bowline, and the cheapest of each crate's servers; what costs least is first.
    fn cheapest(&self, case: &Case) -> io::Result<Vec<Bar>> {
        let mut cheapest: Vec<(Role, Server, Result<Spread, String>)> = Vec::new();
        for server in &case.servers {
            let role = Role::of(*server)?;
            if role == Role::Floor || role == Role::Bowline && *server != Server::Bowline {
                continue;
            }
            let ratio = self.results.ratio(case, [*server, case.floor], Quantity::Cpu);
            let line = (role, *server, ratio);
            match cheapest.iter_mut().find(|(other, ..)| *other == role) {
                Some(other) if cost(&line.2) < cost(&other.2) => *other = line,
                Some(_) => {}
                None => cheapest.push(line),
            }
        }
        cheapest.sort_by(|one, other| cost(&one.2).total_cmp(&cost(&other.2)));
        let bar = |(role, server, value): (Role, Server, Result<Spread, String>)| {
            let cpu = self.results.spread(case, server, Quantity::Cpu);
            let note = cpu.map(|cpu| format!("{:.0} ns", cpu.median)).unwrap_or_default();
            Bar { name: server.name().to_owned(), emphasis: emphasis(role), value, note }
        };
        Ok(cheapest.into_iter().map(bar).collect())
    }

    fn memory(&self, case: &Case) -> io::Result<String> {
        let bar = |server: &Server| {
            Ok(Bar {
                name: server.name().to_owned(),
                emphasis: emphasis(Role::of(*server)?),
                value: self.results.spread(case, *server, Quantity::Resident),
                note: String::new(),
            })
        };
        let group = Group {
            title: String::new(),
            goal: case.goal.filter(|_| case.servers.contains(&Server::Bowline)),
            bars: case.servers.iter().map(bar).collect::<io::Result<_>>()?,
        };
        let what = format!(
            "Bytes of the server's resident memory, {} connections after one echo of 20 B on each.",
            case.connections
        );
        Bars {
            words: self.words(&MEMORY, &what),
            unit: Unit::Count,
            extent: Extent::Logarithmic,
            floor: None,
            groups: vec![group],
        }
        .to_svg()
    }

    /// Time per message.
    fn costs(&self, figure: &Figure, cases: &[&Case], along: Along) -> io::Result<String> {
        self.lines(
            figure,
            cases,
            along,
            (Unit::Nanoseconds, &|case, server| self.results.spread(case, server, Quantity::Cpu)),
        )
    }

    fn size_ratios(&self, cases: &[&Case]) -> io::Result<String> {
        self.lines(
            &SIZE_RATIOS,
            cases,
            SIZE,
            (Unit::Ratio, &|case, server| {
                self.results.ratio(case, [server, case.floor], Quantity::Cpu)
            }),
        )
    }

    fn lines(
        &self,
        figure: &Figure,
        cases: &[&Case],
        along: Along,
        (unit, value): (Unit, &Value<'_>),
    ) -> io::Result<String> {
        let mut series = Vec::new();
        for server in tables::servers(cases) {
            let point =
                |case: &&Case| Some([(along.of)(case) as f64, value(case, server).ok()?.median]);
            // Where it has failed there is no point; the table says why.
            let points: Vec<_> = cases.iter().filter_map(point).collect();
            if !points.is_empty() {
                let emphasis = emphasis(Role::of(server)?);
                series.push(Series { name: server.name().to_owned(), emphasis, points });
            }
        }
        let label = if unit == Unit::Ratio { "times raw" } else { "server CPU per message" };
        Lines {
            words: self.words(
                figure,
                "One message in flight on each connection, the simple loops. Medians.",
            ),
            x: Axis { label: along.label.to_owned(), unit: along.unit },
            y: Axis { label: label.to_owned(), unit },
            series,
        }
        .to_svg()
    }

    fn words(&self, figure: &Figure, subtitle: &str) -> Words {
        Words {
            title: figure.title.to_owned(),
            subtitle: subtitle.to_owned(),
            caption: self.caption.clone(),
        }
    }
}

fn emphasis(role: Role) -> Emphasis {
    match role {
        Role::Floor => Emphasis::Floor,
        Role::Bowline => Emphasis::Ours,
        Role::Peer(_) => Emphasis::Other,
    }
}

/// What has failed costs most.
fn cost(value: &Result<Spread, String>) -> f64 {
    value.as_ref().map_or(f64::INFINITY, |spread| spread.median)
}
