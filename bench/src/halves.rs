//! `bench halves`: server CPU per echoed message over the halves, beside the whole connection.

use crate::{echo::Contest, server::Server};

/// The halves in one task, held to the whole.
pub(crate) const CONTEST: Contest = Contest {
    heading: "Echo over the halves",
    servers: &[Server::Bowline, Server::Halves, Server::Tasks],
    judged: Server::Halves,
    goal: 1.1,
};
