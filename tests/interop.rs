//! Bowline against other implementations over TCP, as their client and as their server: ws on Node.js,
//! websockets and aiohttp on Python, and libwebsockets in C as their server. `tests/interop/run` installs them, but for
//! the last, and runs these tests.
//!
//! `tests/interop/cases.json` is the table of messages, closes and checks that all ends share. A client
//! makes the checks; a server, bowline or a peer, serves these paths, and says `X-Interop` with its name
//! and two cookies in its response:
//!
//! ```text
//! /echo               sends back what comes
//! /close/CODE/REASON  closes at once; 1005 stands for a Close without a code
//! /ping               sends pings, and "pongs came" once each was answered with the same payload
//! /fragments          sends a text in fragments with pings between
//! /drop               ends the TCP connection without Close
//! /401                refuses with 401 and a body
//! /headers            sends the request's headers as JSON
//! ```
//!
//! It agrees to the last subprotocol that is offered. A peer's server prints its port first, then
//! `[code, reason]` for each connection that has ended. A peer's client takes the port and prints the name
//! of each check that went well; its connections to /closing and /dropping are echoed, too, and what came
//! of them is checked at bowline's end.
//!
//! None of these agrees to compression. `tests/interop/deflate/` is about that.
//!
//! libwebsockets' own test server can't be told what to do, and has tests for what it does.
//!
//! Each server takes `--tls CERT KEY`, two files in PEM, and serves TLS then. `authority.py DIRECTORY` makes such files
//! for localhost and 127.0.0.1, and `ca.pem` with the authority to trust.

#[path = "interop/as_client.rs"]
mod as_client;
#[path = "interop/as_server.rs"]
mod as_server;
#[path = "interop/cases.rs"]
mod cases;
#[path = "interop/deflate/mod.rs"]
mod deflate;
#[path = "interop/libwebsockets.rs"]
mod libwebsockets;
#[path = "interop/peer.rs"]
mod peer;

/// One test for each check of bowline's as the peer's client.
macro_rules! client_tests {
    ($peer:ident: $($check:ident),+ $(,)?) => {
        mod client {
            use crate::{as_client, peer::{Peer, PeerServer}};

            $(
                #[tokio::test]
                #[ignore = "needs node and python peers: tests/interop/run"]
                async fn $check() {
                    as_client::$check(&mut PeerServer::start(Peer::$peer).await).await;
                }
            )+
        }
    };
}

/// The tests with one peer; `$extra` are the checks for which not every peer can be the server.
macro_rules! tests_with {
    ($module:ident, $peer:ident $(, $extra:ident)*) => {
        mod $module {
            client_tests! {
                $peer:
                echoes_texts,
                echoes_binaries,
                echoes_a_burst,
                agrees_on_a_subprotocol,
                reads_response_headers,
                shows_its_headers,
                is_refused,
                is_closed_by_the_server,
                closes_with_each_code,
                closes_with_an_echo_on_its_way,
                answers_pings,
                gets_pongs,
                sends_fragments,
                sees_a_drop,
                drops,
                $($extra,)*
            }

            mod server {
                use crate::{
                    as_server::serve_all_checks,
                    peer::{Peer, config},
                };

                #[tokio::test]
                #[ignore = "needs node and python peers: tests/interop/run"]
                async fn sends_messages_whole() {
                    serve_all_checks(Peer::$peer, config()).await;
                }

                #[tokio::test]
                #[ignore = "needs node and python peers: tests/interop/run"]
                async fn sends_messages_in_fragments() {
                    // 10 MiB are 2,560 of them; websockets takes 4,096 in one message.
                    let fragmenting = config().with_outgoing_frame_size(Some(4096));
                    serve_all_checks(Peer::$peer, fragmenting).await;
                }
            }
        }
    };
}

/// The tests with one peer and permessage-deflate; what they agree on by default, with bowline as the client
/// and as the server.
macro_rules! deflate_tests_with {
    ($module:ident, $peer:ident, $as_client:literal, $as_server:literal) => {
        mod $module {
            use crate::{
                deflate::{
                    Manner::{AllInFragments, Usual},
                    as_client, as_server,
                },
                peer::Peer,
            };

            #[tokio::test]
            #[ignore = "needs node and python peers: tests/interop/run"]
            async fn client_by_default() {
                as_client::agrees_by_default(Peer::$peer, $as_client).await;
            }

            #[tokio::test]
            #[ignore = "needs node and python peers: tests/interop/run"]
            async fn client_on_all_terms() {
                as_client::talks_on_all_terms(Peer::$peer, Usual).await;
            }

            #[tokio::test]
            #[ignore = "needs node and python peers: tests/interop/run"]
            async fn client_on_all_terms_in_fragments() {
                as_client::talks_on_all_terms(Peer::$peer, AllInFragments).await;
            }

            #[tokio::test]
            #[ignore = "needs node and python peers: tests/interop/run"]
            async fn server_by_default() {
                as_server::agrees_by_default(Peer::$peer, $as_server).await;
            }

            #[tokio::test]
            #[ignore = "needs node and python peers: tests/interop/run"]
            async fn server_on_all_terms() {
                as_server::talks_on_all_terms(Peer::$peer, Usual).await;
            }

            #[tokio::test]
            #[ignore = "needs node and python peers: tests/interop/run"]
            async fn server_on_all_terms_in_fragments() {
                as_server::talks_on_all_terms(Peer::$peer, AllInFragments).await;
            }
        }
    };
}

tests_with!(ws, Ws, receives_fragments);
tests_with!(websockets, Websockets, receives_fragments);
tests_with!(aiohttp, Aiohttp);

deflate_tests_with!(
    ws_deflate,
    Ws,
    "permessage-deflate",
    "permessage-deflate; server_no_context_takeover"
);
deflate_tests_with!(
    websockets_deflate,
    Websockets,
    "permessage-deflate; server_max_window_bits=12; client_max_window_bits=12",
    "permessage-deflate; server_no_context_takeover"
);
deflate_tests_with!(
    aiohttp_deflate,
    Aiohttp,
    "permessage-deflate",
    "permessage-deflate; server_no_context_takeover"
);
