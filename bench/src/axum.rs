//! `bench axum`: server CPU per echoed message behind axum, beside bowline on the same socket.

use crate::{echo::Contest, server::Server};

/// axum with bowline-hyper, held to bowline alone.
pub(crate) const CONTEST: Contest = Contest {
    heading: "Echo behind axum",
    servers: &[Server::Accept, Server::Axum, Server::AxumWs],
    judged: Server::Axum,
    goal: 1.05,
};
