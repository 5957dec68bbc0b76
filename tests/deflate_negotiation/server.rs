//! A server's answers to offers.

use bowline::{Deflate, UsageError};
use bytes::BytesMut;
use tokio_util::codec::Encoder;

use crate::{
    DROPPED, KEEPING, KEPT, NEW, agreed,
    codec::Failure,
    deflate::extensions_in,
    heads::{REQUEST, altered, head, offered, refused},
};

/// What a server answers to these header lines; nothing where it declines. Its own end must know the same.
#[track_caller]
fn answered(lines: &[&str], deflate: Deflate) -> String {
    let lines: Vec<_> =
        lines.iter().map(|line| format!("Sec-WebSocket-Extensions: {line}")).collect();
    let lines: Vec<_> = lines.iter().map(String::as_str).collect();
    let (mut codec, offer) = offered(&head(&[&REQUEST[..], &lines].concat()));
    let mut wire = BytesMut::new();
    codec.encode(offer.deflate(deflate).accept(), &mut wire).expect("encodable");
    let response = extensions_in(&wire);
    assert_eq!(agreed(codec.into()), response, "{lines:?}");
    response
}

#[track_caller]
fn answers(deflate: Deflate, table: &[(&[&str], &str)]) {
    for (lines, response) in table {
        assert_eq!(answered(lines, deflate), *response, "{lines:?}");
    }
}

const DECLINED: &str = "";

#[test]
fn section_7_1_3_the_rfcs_examples() {
    answers(
        KEEPING,
        &[
            (&["permessage-deflate"], "permessage-deflate"),
            (
                &["permessage-deflate; client_max_window_bits; server_max_window_bits=10"],
                "permessage-deflate; server_max_window_bits=10",
            ),
            // A fallback for a server that can't limit itself.
            (
                &["permessage-deflate; client_max_window_bits; server_max_window_bits=10, \
                  permessage-deflate; client_max_window_bits"],
                "permessage-deflate; server_max_window_bits=10",
            ),
        ],
    );
}

#[test]
fn section_5_what_clients_really_send() {
    let ours = "permessage-deflate; server_no_context_takeover";
    let with = |more: &str| format!("{ours}; {more}");
    let table: &[(&str, &str)] = &[
        // Chromium, npm ws, the websockets package, aiohttp, Faye
        ("permessage-deflate; client_max_window_bits", ours),
        // Firefox, Safari
        ("permessage-deflate", ours),
        // Safari before 2019
        ("x-webkit-deflate-frame", DECLINED),
        ("x-webkit-deflate-frame; max_window_bits=15", DECLINED),
        ("permessage-deflate, x-webkit-deflate-frame", ours),
        ("deflate-frame", DECLINED),
        ("permessage-bzip2, permessage-deflate", ours),
        // npm ws with its options
        ("permessage-deflate; server_no_context_takeover; client_max_window_bits", ours),
        (
            "permessage-deflate; server_no_context_takeover; client_no_context_takeover; \
            server_max_window_bits=10; client_max_window_bits=11",
            &with(
                "server_max_window_bits=10; client_no_context_takeover; client_max_window_bits=11",
            ),
        ),
        // aiohttp, compress=12
        (
            "permessage-deflate; client_max_window_bits; server_max_window_bits=12",
            &with("server_max_window_bits=12"),
        ),
        // Faye with maxWindowBits and requestMaxWindowBits
        (
            "permessage-deflate; client_no_context_takeover; client_max_window_bits=9; \
            server_no_context_takeover; server_max_window_bits=8",
            &with("server_max_window_bits=8; client_no_context_takeover; client_max_window_bits=9"),
        ),
    ];
    for (offer, response) in table {
        assert_eq!(answered(&[offer], NEW), *response, "{offer}");
    }
}

#[test]
fn section_5_autobahns_cases_13() {
    const OFFER: &str = "permessage-deflate; client_no_context_takeover; client_max_window_bits";
    // What it asks of the server, and what a server that keeps context adds to its answer for it.
    let table = [
        ("", ""),
        ("; server_no_context_takeover", "; server_no_context_takeover"),
        ("; server_max_window_bits=8", "; server_max_window_bits=8"),
        ("; server_max_window_bits=15", "; server_max_window_bits=15"),
        (
            "; server_no_context_takeover; server_max_window_bits=8",
            "; server_no_context_takeover; server_max_window_bits=8",
        ),
        (
            "; server_no_context_takeover; server_max_window_bits=15",
            "; server_no_context_takeover; server_max_window_bits=15",
        ),
    ];
    for (asked, said) in table {
        let response = answered(&[&format!("{OFFER}{asked}")], KEEPING);
        assert_eq!(response, format!("permessage-deflate{said}; client_no_context_takeover"));
    }
    // 13.7: three offers in one line, without spaces.
    let offers = format!(
        "{OFFER}; server_no_context_takeover; server_max_window_bits=8,\
        {OFFER}; server_no_context_takeover,{OFFER}"
    );
    let expected = "permessage-deflate; server_no_context_takeover; server_max_window_bits=8; \
        client_no_context_takeover";
    assert_eq!(answered(&[&offers], KEEPING), expected);
}

#[test]
fn section_5_the_first_offer_that_fits_wins() {
    const SECOND: &str = "permessage-deflate; server_max_window_bits=11";
    let table: &[&[&str]] = &[
        &["permessage-deflate; unknown, permessage-deflate; server_max_window_bits=11"],
        &["permessage-deflate; unknown", SECOND, "permessage-deflate"],
        &["permessage-deflate; unknown=1", "", "x-one", SECOND],
        &["permessage-deflate; server_no_context_takeover; server_no_context_takeover", SECOND],
        &["permessage-deflate; server_max_window_bits=9; server_max_window_bits=9", SECOND],
        &["permessage-deflate; server_max_window_bits=16", SECOND],
        &["permessage-deflate; client_max_window_bits=7, x; a=1", SECOND],
        &[SECOND, "permessage-deflate; server_max_window_bits=9"],
        &[SECOND, "permessage-deflate; unknown"],
        &["x-one; a=\"b\"; c, permessage-deflate; server_max_window_bits=11, x-two"],
        &[",,permessage-deflate;server_max_window_bits=11\t,", ","],
        &["permessage-deflate \t;\t server_max_window_bits \t=\t 11"],
        &["permessage-deflate; server_max_window_bits=\"11\""],
        &["permessage-deflate; server_max_window_bits=\"\\1\\1\""],
        &["Permessage-Deflate; SERVER_Max_Window_Bits=11"],
        &["PERMESSAGE-DEFLATE; UNKNOWN, permessage-deflate; server_max_window_bits=11"],
    ];
    for lines in table {
        assert_eq!(answered(lines, KEEPING), SECOND, "{lines:?}");
    }
}

#[test]
fn section_7_1_offers_that_are_declined() {
    let parameters = [
        "unknown",
        "unknown=1",
        "max_window_bits=10",
        "constructor",
        "__proto__=1",
        // "MUST NOT have a value", quoted or not (7.1.1)
        "server_no_context_takeover=1",
        "server_no_context_takeover=true",
        "client_no_context_takeover=\"true\"",
        "server_no_context_takeover; server_no_context_takeover",
        "client_no_context_takeover; client_no_context_takeover",
        "client_no_context_takeover; Client_No_Context_Takeover",
        // "a decimal integer value without leading zeroes between 8 to 15" (7.1.2)
        "server_max_window_bits",
        "server_max_window_bits=7",
        "server_max_window_bits=16",
        "server_max_window_bits=08",
        "server_max_window_bits=010",
        "server_max_window_bits=0",
        "server_max_window_bits=999",
        "server_max_window_bits=265",
        "server_max_window_bits=4294967306",
        "server_max_window_bits=-1",
        "server_max_window_bits=-9",
        "server_max_window_bits=+9",
        "server_max_window_bits=1e1",
        "server_max_window_bits=10.0",
        "server_max_window_bits=0xa",
        "server_max_window_bits=ten",
        "server_max_window_bits=\"+9\"",
        "client_max_window_bits=7",
        "client_max_window_bits=16",
        "client_max_window_bits=08",
        "client_max_window_bits=+9",
        "client_max_window_bits=true",
        "client_max_window_bits=999",
        "server_max_window_bits=10; server_max_window_bits=10",
        "client_max_window_bits; client_max_window_bits",
        "client_max_window_bits; client_max_window_bits=10",
        "client_max_window_bits=10; client_max_window_bits",
    ];
    for parameter in parameters {
        let offer = format!("permessage-deflate; {parameter}");
        assert_eq!(answered(&[&offer], KEEPING), DECLINED, "{offer}");
        let among_others = format!("{offer}; server_no_context_takeover=0");
        assert_eq!(answered(&[&among_others], KEEPING), DECLINED, "{among_others}");
    }
    let none: [&[&str]; 5] =
        [&[], &[""], &[","], &["permessage-deflat"], &["x-permessage-deflate"]];
    for lines in none {
        assert_eq!(answered(lines, KEEPING), DECLINED, "{lines:?}");
    }
}

#[test]
fn section_7_1_2_every_window_from_8_to_15() {
    for bits in 8..=15 {
        let offer = format!("permessage-deflate; server_max_window_bits={bits}");
        assert_eq!(answered(&[&offer], KEEPING), offer);
        // "with the same or smaller value as the offer"
        let own = KEEPING.with_server_max_window_bits(11);
        let expected = format!("permessage-deflate; server_max_window_bits={}", bits.min(11));
        assert_eq!(answered(&[&offer], own), expected);

        let offer = format!("permessage-deflate; client_max_window_bits={bits}");
        let said = match bits {
            15 => "permessage-deflate".into(),
            _ => format!("permessage-deflate; client_max_window_bits={bits}"),
        };
        assert_eq!(answered(&[&offer], KEEPING), said);
        let own = KEEPING.with_client_max_window_bits(11);
        let expected = format!("permessage-deflate; client_max_window_bits={}", bits.min(11));
        assert_eq!(answered(&[&offer], own), expected);
    }
}

#[test]
fn section_7_1_2_what_the_server_wishes() {
    let own_window = KEEPING.with_server_max_window_bits(10);
    // Nobody asked for a limit, and so none is announced; it is kept to all the same.
    answers(own_window, &[(&["permessage-deflate"], "permessage-deflate")]);
    let limiting = KEEPING.with_client_max_window_bits(9);
    answers(
        limiting,
        &[
            // "the corresponding ... response ... MUST NOT include" what was not offered (7.1.2.2).
            (&["permessage-deflate"], DECLINED),
            (&["permessage-deflate; server_max_window_bits=10"], DECLINED),
            (
                &["permessage-deflate", "permessage-deflate; client_max_window_bits"],
                "permessage-deflate; client_max_window_bits=9",
            ),
            (
                &["permessage-deflate; client_max_window_bits=8"],
                "permessage-deflate; client_max_window_bits=8",
            ),
        ],
    );
}

#[test]
fn section_7_1_1_what_the_server_wishes() {
    let dropping = KEEPING.with_client_context_takeover(DROPPED);
    // "even if the offer doesn't include" it.
    let both = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";
    answers(
        dropping,
        &[(&["permessage-deflate"], "permessage-deflate; client_no_context_takeover")],
    );
    answers(
        NEW,
        &[
            (&["permessage-deflate"], "permessage-deflate; server_no_context_takeover"),
            (&["permessage-deflate; client_no_context_takeover"], both),
        ],
    );
    // A wish to keep gives way to the client's.
    answers(
        KEEPING.with_client_context_takeover(KEPT),
        &[(&["permessage-deflate; client_no_context_takeover; server_no_context_takeover"], both)],
    );
    answers(Deflate::low_memory(), &[(&["permessage-deflate"], both)]);
    answers(
        Deflate::low_memory(),
        &[(
            &["permessage-deflate; server_max_window_bits=14; client_max_window_bits"],
            "permessage-deflate; server_no_context_takeover; server_max_window_bits=12; \
            client_no_context_takeover",
        )],
    );
}

#[test]
fn rfc_6455_section_9_1_bad_grammar_fails_the_request() {
    let values = [
        "permessage-deflate;",
        "permessage-deflate; server_max_window_bits=",
        "permessage-deflate; server_max_window_bits=\"\"",
        "permessage-deflate; server_max_window_bits=\"10",
        "permessage-deflate; server_max_window_bits=\"1 0\"",
        "permessage-deflate; server_max_window_bits=1 0",
        "permessage-deflate;; client_max_window_bits",
        "permessage-deflate client_max_window_bits",
        "; client_max_window_bits",
        "permessage-deflate, x; y=\"\\c\\c",
        "permessage-deflate; client_max_window_bits=10=10",
    ];
    for value in values {
        let line = format!("Sec-WebSocket-Extensions: {value}");
        // It stays bad beside a good one, on either side.
        let good = "Sec-WebSocket-Extensions: permessage-deflate";
        for lines in [&[&*line][..], &[good, &line], &[&line, good]] {
            let (_, error) = refused(&altered(&REQUEST, "X", lines));
            assert_eq!(format!("{error:?}"), "InvalidExtensions", "{value}");
            assert_eq!(error.status(), 400);
        }
    }
}

#[test]
fn rfc_6455_section_9_1_commas_without_end() {
    let value = |commas: usize| format!("{}permessage-deflate", ",".repeat(commas));
    assert_eq!(answered(&[&value(15_000)], KEEPING), "permessage-deflate");
    let line = format!("Sec-WebSocket-Extensions: {}", value(100_000));
    let (_, error) = refused(&altered(&REQUEST, "X", &[&line]));
    assert_eq!(
        (format!("{error:?}"), error.status().as_u16()),
        ("HeadTooLarge(16384)".into(), 431)
    );
}

#[test]
fn section_5_by_hand_or_by_configuration() {
    let request = |offers: &str| {
        offered(&altered(&REQUEST, "X", &[&format!("Sec-WebSocket-Extensions: {offers}")]))
    };
    let named_by_hand =
        ["permessage-deflate", "x-one, Permessage-Deflate; a", "permessage-deflate; a"];
    for value in named_by_hand {
        // Whether or not there is an offer that fits.
        for offers in ["x-one, permessage-deflate", "x-one, permessage-deflate; unknown"] {
            let (mut codec, offer) = request(offers);
            let answer = offer.header("Sec-WebSocket-Extensions", value).deflate(NEW).accept();
            let mut wire = BytesMut::new();
            let result = codec.encode(answer, &mut wire).map_err(Failure::from);
            assert_eq!(result, Err(Failure::Usage(UsageError::ReservedHeader)), "{value}");
            assert!(wire.is_empty());
        }
    }
    // Another extension goes beside it.
    let (mut codec, offer) = request("permessage-deflate; client_max_window_bits, x-one");
    let mut wire = BytesMut::new();
    let answer = offer.header("Sec-WebSocket-Extensions", "x-one; b").deflate(KEEPING).accept();
    codec.encode(answer, &mut wire).expect("encodable");
    assert_eq!(extensions_in(&wire), "x-one; b, permessage-deflate");
    assert_eq!(agreed(codec.into()), "x-one; b, permessage-deflate");
    // Nothing happens unasked.
    let (mut codec, offer) = request("permessage-deflate");
    let mut wire = BytesMut::new();
    codec.encode(offer.accept(), &mut wire).expect("encodable");
    assert_eq!((extensions_in(&wire), agreed(codec.into())), (String::new(), String::new()));
}
