//! Every pair of configurations, held to what RFC 7692 section 7.1 lets either end say.

use bowline::{ContextTakeover, Deflate};

use crate::{DROPPED, KEPT, agreed, deflate::handshake};

/// Each of these in each direction.
const CONTEXTS: [Option<ContextTakeover>; 3] = [None, Some(KEPT), Some(DROPPED)];
const WINDOWS: [u8; 3] = [8, 12, 15];

fn configurations() -> Vec<Deflate> {
    let mut all = Vec::new();
    for server in CONTEXTS {
        for client in CONTEXTS {
            for server_bits in WINDOWS {
                for client_bits in WINDOWS {
                    let mut deflate = Deflate::new()
                        .with_server_max_window_bits(server_bits)
                        .with_client_max_window_bits(client_bits);
                    if let Some(context) = server {
                        deflate = deflate.with_server_context_takeover(context);
                    }
                    if let Some(context) = client {
                        deflate = deflate.with_client_context_takeover(context);
                    }
                    all.push(deflate);
                }
            }
        }
    }
    all
}

/// What a server with one wish has to answer to a client with the other.
fn expected(server: &Deflate, client: &Deflate) -> String {
    let mut response = String::from("permessage-deflate");
    let server_keeps = server.server_context_takeover() == Some(KEPT)
        && client.server_context_takeover() != Some(DROPPED);
    if !server_keeps {
        response += "; server_no_context_takeover";
    }
    if client.server_max_window_bits() < 15 {
        let bits = server.server_max_window_bits().min(client.server_max_window_bits());
        response += &format!("; server_max_window_bits={bits}");
    }
    if [server, client].iter().any(|end| end.client_context_takeover() == Some(DROPPED)) {
        response += "; client_no_context_takeover";
    }
    let bits = server.client_max_window_bits().min(client.client_max_window_bits());
    if bits < 15 {
        response += &format!("; client_max_window_bits={bits}");
    }
    response
}

#[test]
fn section_7_1_any_two_ends_agree_on_the_same() {
    let all = configurations();
    assert_eq!(all.len(), 81);
    for server in &all {
        for client in &all {
            // A client that could not accept the response would fail here.
            let both = handshake(*server, *client);
            assert_eq!(both.response, expected(server, client), "{server:?}\n{client:?}");
            assert_eq!(agreed(both.server), both.response);
            assert_eq!(agreed(both.client), both.response);
        }
    }
}

#[test]
fn section_5_one_end_alone_agrees_on_nothing() {
    let wish = Deflate::new();
    for (server, client) in [(None, None), (Some(wish), None), (None, Some(wish))] {
        let both = handshake(server, client);
        assert_eq!(both.offer.is_empty(), client.is_none());
        assert_eq!(both.response, "");
        assert_eq!((agreed(both.server), agreed(both.client)), (String::new(), String::new()));
    }
}
