//! `Sec-WebSocket-Extensions` and `Sec-WebSocket-Protocol` (RFC 6455 sections 9.1 and 11.3), as data.
#![allow(dead_code, reason = "each test binary uses its own part")]

/// Values that keep the grammar, and what they say.
pub(crate) const GOOD: [(&[&str], &[&str]); 18] = [
    (&["foo"], &["foo"]),
    (&["foo, bar; baz=2"], &["foo", "bar; baz=2"]),
    (&["foo", "bar; baz=2"], &["foo", "bar; baz=2"]),
    (&["deflate-stream"], &["deflate-stream"]),
    (
        &["mux; max-channels=4; flow-control, deflate-stream"],
        &["mux; max-channels=4; flow-control", "deflate-stream"],
    ),
    (&["private-extension"], &["private-extension"]),
    (&["a;b;c=d"], &["a; b; c=d"]),
    (&["\ta ;\tb = c\t; d "], &["a; b=c; d"]),
    (&["a; b=\"c\""], &["a; b=c"]),
    (&["a; b=\"\\c\\d\" ; e"], &["a; b=cd; e"]),
    (&["a; b=c; b=d"], &["a; b=c; b=d"]),
    (&["a; b; b"], &["a; b; b"]),
    (&["a, a; b, a"], &["a", "a; b", "a"]),
    (&[",, a ,, b ,"], &["a", "b"]),
    (&["", "a", ""], &["a"]),
    (&["constructor; __proto__; toString=valueOf"], &["constructor; __proto__; toString=valueOf"]),
    (&["!#$%&'*+-.^_`|~09azAZ"], &["!#$%&'*+-.^_`|~09azAZ"]),
    (
        &["permessage-deflate; client_max_window_bits; server_max_window_bits=\"10\""],
        &["permessage-deflate; client_max_window_bits; server_max_window_bits=10"],
    ),
];

/// Values that break it.
pub(crate) const BAD: [&str; 30] = [
    "a b",
    "a;",
    "a;;b",
    "a; ;b",
    ";",
    "; a",
    "a; =b",
    "=",
    "=a",
    "a=b",
    "a; b=",
    "a; b==c",
    "a; b=c=d",
    "a; b=c d",
    "a; b=\"\"",
    "a; b=\"c",
    "a; b=\"c\\",
    "a; b=\"\\",
    "a; b=\"",
    "a; b=\"c d\"",
    "a; b=\" c\"",
    "a; b=\"c,d\"",
    "a; b=\"c;d\"",
    "a; b=\"c\"d",
    "a; b=\"c\"\"d\"",
    "\"a\"",
    "a; \"b\"",
    "a@b",
    "a, b/c",
    "caf\u{e9}",
];

/// Lists of subprotocols, one a header line, and what they offer.
pub(crate) const PROTOCOLS_GOOD: [(&[&str], &[&str]); 6] = [
    (&["chat"], &["chat"]),
    (&["superchat, chat"], &["superchat", "chat"]),
    (&["z", "a,m"], &["z", "a", "m"]),
    (&["\tz , \ta"], &["z", "a"]),
    (&[",,a,,"], &["a"]),
    (&["v1.example+json, Chat, chat"], &["v1.example+json", "Chat", "chat"]),
];

/// Lists that are none.
pub(crate) const PROTOCOLS_BAD: [&str; 9] =
    ["two words", "a/b", "a;b=c", "\"a\"", "a, b c", "caf\u{e9}", "a=b", "(a)", "a:b"];
