//! What is said of a refused request and of an entry that is no origin; and that nothing in a header is too
//! much for a policy.

use bowline_hyper::Origins;
use http::{HeaderValue, Request};

fn request(origins: &[&[u8]]) -> Request<()> {
    let mut request = Request::new(());
    request.headers_mut().insert("host", HeaderValue::from_static("example.com"));
    for origin in origins {
        request.headers_mut().append("origin", HeaderValue::from_bytes(origin).expect("a header"));
    }
    request
}

/// What the client is told.
#[track_caller]
fn refusal(policy: &Origins, origins: &[&[u8]]) -> String {
    policy.check(&request(origins)).expect_err("refused").to_string()
}

#[test]
fn refusals_say_which_origin_was_refused() {
    let policy = Origins::same_host();
    let rows: [(&[&[u8]], &str); 9] = [
        (&[b"https://evil.example"], "origin https://evil.example is not allowed here"),
        (&[b"https://evil.example:8443"], "origin https://evil.example:8443 is not allowed here"),
        (&[b"http://[::1]:80"], "origin http://[::1]:80 is not allowed here"),
        (&[b"null"], "origin null is not allowed here"),
        (&[b""], "an empty origin is not allowed here"),
        (&[b"null", b"null"], "a request with several origins is not allowed here"),
        (
            &[b"https://example.com/"],
            "origin https://example.com/ is not allowed here: it is no scheme://host[:port]",
        ),
        (
            &[b"<b>\"x\" & 'y'\t\xff\\"],
            "origin \\x3cb\\x3e\\x22x\\x22\\x20\\x26\\x20\\x27y\\x27\\x09\\xff\\x5c is not allowed here: it is no \
             scheme://host[:port]",
        ),
        // A host in which these may stand.
        (&[b"https://a&'b"], "origin https://a\\x26\\x27b is not allowed here"),
    ];
    for (origins, expected) in rows {
        assert_eq!(refusal(&policy, origins), expected);
    }
    let missing = refusal(&policy.require_origin(), &[]);
    assert_eq!(missing, "a request without an origin is not allowed here");
}

#[test]
fn refusals_are_short_and_plain_whatever_was_sent() {
    let policy = Origins::same_host();
    let plain = "https://".to_owned() + &"a".repeat(10 << 10);
    let shown = refusal(&policy, &[plain.as_bytes()]);
    assert_eq!(shown, format!("origin https://{}... is not allowed here", "a".repeat(72)));
    for byte in (0..=255).filter(|byte| HeaderValue::from_bytes(&[*byte]).is_ok()) {
        let said = refusal(&policy, &[&[byte; 10 << 10]]);
        assert!(said.len() < 420, "{byte}: {} bytes", said.len());
        let is_plain = |c: char| c.is_ascii_graphic() && !"<>&\"'`".contains(c) || c == ' ';
        assert!(said.chars().all(is_plain), "{byte}: {said}");
    }
}

#[test]
fn entries_that_are_no_origin_are_refused_by_name() {
    let rows = [
        ("", "has no scheme"),
        ("*", "has no scheme"),
        ("example.com", "has no scheme"),
        ("*.example.com", "has no scheme"),
        ("//example.com", "has no scheme"),
        ("://example.com", "has no scheme"),
        ("*://example.com", "has no scheme"),
        ("NULL", "has no scheme"),
        ("https://example.com/", "has a path or a slash at its end"),
        ("https://example.com/chat", "has a path or a slash at its end"),
        ("https://*.example.com/*", "has a path or a slash at its end"),
        ("https://example.com?", "has a path or a slash at its end"),
        ("https://example.com#", "has a path or a slash at its end"),
        ("file:///", "has a path or a slash at its end"),
        ("https://user@example.com", "has user information"),
        ("https://user:secret@example.com", "has user information"),
        ("https://*", "has a * elsewhere than as its first label"),
        ("https://*example.com", "has a * elsewhere than as its first label"),
        ("https://www.*.com", "has a * elsewhere than as its first label"),
        ("https://*.*.com", "has a * elsewhere than as its first label"),
        ("https://example.*", "has a * elsewhere than as its first label"),
        ("https://example.com:*", "has a * elsewhere than as its first label"),
        ("https://b\u{fc}cher.example", "is not ASCII, as browsers send it: xn--"),
        ("https://", "has no valid host and port"),
        ("https://*.", "has no valid host and port"),
        ("https://:443", "has no valid host and port"),
        ("https://example.com:", "has no valid host and port"),
        ("https://example.com:https", "has no valid host and port"),
        ("https://example.com:65536", "has no valid host and port"),
        ("https://example.com,https://example.net", "has a path or a slash at its end"),
        ("https://example.com https", "has no valid host and port"),
        (" https://example.com", "has no scheme"),
        ("https://example.com ", "has no valid host and port"),
        ("https://.example.com", "has no valid host and port"),
        ("https://[::1", "has no valid host and port"),
        ("https://[example.com]", "has no valid host and port"),
        ("https://*.[::1]", "has no valid host and port"),
    ];
    for (entry, mistake) in rows {
        let listed = ["https://example.net", entry, "another"];
        let error = Origins::list(listed).expect_err(entry);
        let allowed = "an origin is https://example.com, https://example.com:8443, \
                       https://*.example.com or null";
        assert_eq!(error.to_string(), format!("{entry:?} {mistake}; {allowed}"));
        assert_eq!(error.entry(), entry);
    }
}

#[test]
fn debug_shows_the_policy() {
    let list = ["HTTPS://Example.com:443", "http://*.b.example:8080", "http://[0::1]", "null"];
    let policy = Origins::list(list).expect("origins").or_same_host().require_origin();
    let shown = "Origins { allowed: [https://example.com, http://*.b.example:8080, http://[::1], null, same host], \
                 without_origin: Refused }";
    assert_eq!(format!("{policy:?}"), shown);
    let policy =
        Origins::when(|_, _| true).or(Origins::any()).or(Origins::list(["file://"]).expect("one"));
    let shown = "Origins { allowed: [when(..), any, file://], without_origin: Pass }";
    assert_eq!(format!("{policy:?}"), shown);
}

/// Numbers that look like chance and are the same each time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (self.0 >> 33) as usize % most
    }
}

/// Bytes that a header may hold, mostly those that mean something here.
fn scribble(dice: &mut Dice) -> Vec<u8> {
    const WORDS: [&[u8]; 20] = [
        b"https",
        b"://",
        b":",
        b"/",
        b"[",
        b"]",
        b"::1",
        b".",
        b"..",
        b"*",
        b"null",
        b"@",
        b"443",
        b"\t",
        b" ",
        b"a",
        b"example.com",
        b"\xff",
        b"%",
        b"65536",
    ];
    let mut bytes = Vec::new();
    for _ in 0..dice.below(8) {
        match dice.below(4) {
            0 => bytes.push(dice.below(256) as u8),
            _ => bytes.extend(WORDS[dice.below(WORDS.len())]),
        }
    }
    bytes
}

#[test]
fn nothing_in_the_headers_is_too_much() {
    let mut dice = Dice(7);
    let mut verdicts = [0; 2];
    for _ in 0..50_000 {
        let list = Origins::list([String::from_utf8_lossy(&scribble(&mut dice))]);
        let list = list.unwrap_or_else(|_| Origins::list(["https://*.a", "null"]).expect("two"));
        let policy = list.or_same_host().or(Origins::when(|origin, _| origin.len() == 9));
        let mut request = Request::new(());
        for name in ["host", "origin", "origin"] {
            let is_there = name == "host" || dice.below(4) > 0;
            let value = HeaderValue::from_bytes(&scribble(&mut dice));
            if let Some(value) = value.ok().filter(|_| is_there) {
                request.headers_mut().append(name, value);
            }
        }
        let checked = policy.check(&request);
        verdicts[usize::from(checked.is_ok())] += 1;
        if let Err(refused) = checked {
            assert!(refused.to_string().is_ascii());
        }
    }
    assert!(verdicts.iter().all(|count| *count > 100), "{verdicts:?}");
}
