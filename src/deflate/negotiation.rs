//! Who offers what, and what may be answered (RFC 7692 sections 5 and 7.1).

use super::{
    NAME,
    parameters::{Parameters, Said, Window},
};
use crate::vocabulary::{
    ContextTakeover, Deflate, DeflateTerms, Direction, Extension, HandshakeError, MAX_WINDOW_BITS,
    Wish,
};

/// What a client offers.
pub(crate) fn offer(wishes: &Deflate) -> Extension {
    let context = |wish: Wish| wish.context.unwrap_or(ContextTakeover::Kept);
    let server = Said {
        context: context(wishes.server),
        window: below_largest(wishes.server.max_window_bits, Window::Unsaid),
    };
    let client = Said {
        context: context(wishes.client),
        window: below_largest(wishes.client.max_window_bits, Window::Unbounded),
    };
    Parameters { server, client }.to_extension()
}

/// A server's answer: to the first offer that it can accept, in the client's order of preference. The
/// rest is declined, as are offers with parameters that are unknown or invalid (section 7).
pub(crate) fn answer(wishes: &Deflate, offers: &[Extension]) -> Option<(Extension, DeflateTerms)> {
    let offers = offers.iter().filter(|offer| offer.is(NAME));
    let mut valid = offers.filter_map(|offer| Parameters::parse(offer).ok());
    valid.find_map(|offer| accept(wishes, offer))
}

fn accept(wishes: &Deflate, offer: Parameters) -> Option<(Extension, DeflateTerms)> {
    let server = accept_server(wishes.server, offer.server);
    let client = accept_client(wishes.client, offer.client)?;
    let response = Parameters {
        server: Said {
            context: server.context,
            // "by including ... with the same or smaller value" (section 7.1.2.1)
            window: match offer.server.window {
                Window::Unsaid => Window::Unsaid,
                _ => Window::Bits(server.window_bits),
            },
        },
        client: Said {
            context: client.context,
            // "If a received extension negotiation offer doesn't have the "client_max_window_bits" ...
            // the corresponding ... response ... MUST NOT include" it (section 7.1.2.2); and where it has
            // none, `accept_client` leaves the largest.
            window: below_largest(client.window_bits, Window::Unsaid),
        },
    };
    let terms = DeflateTerms { server, client, coding: wishes.coding };
    Some((response.to_extension(), terms))
}

fn accept_server(wish: Wish, offered: Said) -> Direction {
    let own = wish.context.unwrap_or(ContextTakeover::Dropped);
    Direction {
        context: either_drops(own, offered.context),
        window_bits: match offered.window {
            Window::Bits(bits) => bits.min(wish.max_window_bits),
            _ => wish.max_window_bits,
        },
    }
}

/// `None` where the client can't be limited as this end wishes.
fn accept_client(wish: Wish, offered: Said) -> Option<Direction> {
    let own = wish.context.unwrap_or(ContextTakeover::Kept);
    let window_bits = match offered.window {
        Window::Unsaid if wish.max_window_bits < MAX_WINDOW_BITS => return None,
        Window::Bits(bits) => bits.min(wish.max_window_bits),
        _ => wish.max_window_bits,
    };
    Some(Direction { context: either_drops(own, offered.context), window_bits })
}

/// Holds a server's response to what [`offer`] offered.
pub(crate) fn judge(
    wishes: &Deflate,
    response: &Extension,
) -> Result<DeflateTerms, HandshakeError> {
    let said = Parameters::parse(response).map_err(|_| HandshakeError::UnacceptableParameters)?;
    let server = judge_server(wishes.server, said.server);
    let client = judge_client(wishes.client, said.client);
    match (server, client) {
        (Some(server), Some(client)) => Ok(DeflateTerms { server, client, coding: wishes.coding }),
        _ => Err(HandshakeError::UnacceptableParameters),
    }
}

/// What was demanded of the server has to be there; more than that may be.
fn judge_server(wish: Wish, said: Said) -> Option<Direction> {
    let context = said.context;
    if wish.context == Some(ContextTakeover::Dropped) && context == ContextTakeover::Kept {
        return None;
    }
    let window_bits = match said.window {
        Window::Bits(bits) => bits,
        _ => MAX_WINDOW_BITS,
    };
    (window_bits <= wish.max_window_bits).then_some(Direction { context, window_bits })
}

fn judge_client(wish: Wish, said: Said) -> Option<Direction> {
    let own = wish.context.unwrap_or(ContextTakeover::Kept);
    let window_bits = match said.window {
        Window::Unsaid => wish.max_window_bits,
        Window::Bits(bits) if bits <= wish.max_window_bits => bits,
        // A response names a value, and none above the offer's (section 7.1.2.2).
        _ => return None,
    };
    Some(Direction { context: either_drops(own, said.context), window_bits })
}

fn either_drops(one: ContextTakeover, other: ContextTakeover) -> ContextTakeover {
    match (one, other) {
        (ContextTakeover::Kept, ContextTakeover::Kept) => ContextTakeover::Kept,
        _ => ContextTakeover::Dropped,
    }
}

/// The limit, or this where there is none.
fn below_largest(bits: u8, otherwise: Window) -> Window {
    if bits < MAX_WINDOW_BITS { Window::Bits(bits) } else { otherwise }
}
