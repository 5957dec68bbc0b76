//! Who can offer what, who answers how, and so which connections there are to make.

use std::fmt;

use super::parameters::{CLIENT_BITS, CLIENT_CONTEXT, Parameters, SERVER_BITS, SERVER_CONTEXT};
use crate::peer::Peer;

/// One end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Bowline,
    Other(Peer),
}

/// One connection: what the client offers, what the server wishes, and what comes of it.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) offer: Parameters,
    pub(super) wish: Parameters,
    pub(super) exercise: &'static str,
    /// `None` where the server declines.
    pub(super) answer: Option<Parameters>,
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { offer, wish, exercise, .. } = self;
        write!(f, "offer [{offer}], wish [{wish}], {exercise}")
    }
}

/// Every connection that these two can make.
pub(super) fn rows(client: End, server: End) -> Vec<Row> {
    let none = Parameters::default();
    let plain = client.plain_offer();
    let mut pairs = Vec::new();
    for offer in Parameters::product("offers") {
        pairs.push(("one by one", offer, none.clone()));
    }
    for wish in Parameters::product("wishes") {
        pairs.push(("one by one", plain.clone(), wish));
    }
    for windows in Parameters::product("windows") {
        pairs.push(("in a burst", windows.clone(), none.clone()));
        pairs.push(("in a burst", plain.clone(), windows));
    }
    let rows = pairs.into_iter().filter_map(|(exercise, offer, wish)| {
        if !client.can_offer(&offer) || !server.can_wish(&wish) {
            return None;
        }
        let answer = server.answer(&offer, &wish);
        let is_understood = answer.as_ref().is_none_or(|answer| client.can_accept(answer));
        is_understood.then_some(Row { offer, wish, exercise, answer })
    });
    rows.collect()
}

impl End {
    /// An offer in whose answer a server can say everything that it wishes.
    fn plain_offer(self) -> Parameters {
        Parameters::parse(match self {
            Self::Other(Peer::Ws | Peer::Websockets) => {
                "server_max_window_bits=15; client_max_window_bits"
            }
            Self::Bowline | Self::Other(Peer::Aiohttp) => "client_max_window_bits",
        })
    }

    fn can_offer(self, offer: &Parameters) -> bool {
        let (server, client) = (offer.bits(SERVER_BITS), offer.bits(CLIENT_BITS));
        match self {
            // It doesn't say what holds anyway, and always lets itself be limited.
            Self::Bowline => server != Some(15) && client != Some(15) && offer.has(CLIENT_BITS),
            Self::Other(Peer::Ws) => true,
            // zlib's compressor has no window of 8 bits, and Python passes that on.
            Self::Other(Peer::Websockets) => client != Some(8),
            // It has one number to set.
            Self::Other(Peer::Aiohttp) => {
                offer.has(CLIENT_BITS)
                    && client.is_none()
                    && !matches!(server, Some(8 | 15))
                    && !offer.has(SERVER_CONTEXT)
                    && !offer.has(CLIENT_CONTEXT)
            }
        }
    }

    fn can_wish(self, wish: &Parameters) -> bool {
        match self {
            Self::Bowline | Self::Other(Peer::Ws) => true,
            Self::Other(Peer::Websockets) => wish.bits(SERVER_BITS) != Some(8),
            Self::Other(Peer::Aiohttp) => *wish == Parameters::default(),
        }
    }

    /// Whether a client can do as this answer to one of its offers says. The Python ones fail the
    /// handshake where their compressor would need a window of 8 bits.
    fn can_accept(self, answer: &Parameters) -> bool {
        match self {
            Self::Bowline | Self::Other(Peer::Ws) => true,
            Self::Other(Peer::Websockets | Peer::Aiohttp) => answer.bits(CLIENT_BITS) != Some(8),
        }
    }

    fn answer(self, offer: &Parameters, wish: &Parameters) -> Option<Parameters> {
        let server_bits = smaller(offer.bits(SERVER_BITS), wish.bits(SERVER_BITS));
        let client_bits = smaller(offer.bits(CLIENT_BITS), wish.bits(CLIENT_BITS));
        let contexts = [SERVER_CONTEXT, CLIENT_CONTEXT].into_iter();
        let contexts = contexts.fold(Parameters::default(), |contexts, name| {
            contexts.flag(name, || offer.has(name) || wish.has(name))
        });
        match self {
            Self::Bowline => {
                if wish.bits(CLIENT_BITS).is_some_and(|bits| bits < 15) && !offer.has(CLIENT_BITS) {
                    return None;
                }
                let answered = server_bits.filter(|_| offer.has(SERVER_BITS));
                let limited = client_bits.filter(|bits| *bits < 15);
                Some(contexts.limit(SERVER_BITS, answered).limit(CLIENT_BITS, limited))
            }
            Self::Other(Peer::Websockets) if server_bits == Some(8) => None,
            Self::Other(Peer::Ws | Peer::Websockets) => {
                let limited = client_bits.filter(|_| offer.has(CLIENT_BITS));
                Some(contexts.limit(SERVER_BITS, server_bits).limit(CLIENT_BITS, limited))
            }
            Self::Other(Peer::Aiohttp) if server_bits == Some(8) => None,
            // What is the client's own affair it leaves to the client.
            Self::Other(Peer::Aiohttp) => {
                let answer =
                    Parameters::default().flag(SERVER_CONTEXT, || offer.has(SERVER_CONTEXT));
                Some(answer.limit(SERVER_BITS, server_bits.filter(|bits| *bits < 15)))
            }
        }
    }
}

fn smaller(one: Option<u8>, other: Option<u8>) -> Option<u8> {
    one.into_iter().chain(other).min()
}
