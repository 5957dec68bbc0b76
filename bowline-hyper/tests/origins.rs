//! The origin policies as one table: policy, origin, what the request is for, and whether it passes (RFC 6455
//! section 10.2). Each row is tried over HTTP/1.1 and HTTP/2.

use bowline_hyper::Origins;
use http::{HeaderValue, Method, Request, Version};

/// A request for this host, with these origins: over HTTP/1.1 with `Host`, over HTTP/2 with `:authority`.
fn request(version: Version, host: &str, origins: &[&[u8]]) -> Request<()> {
    let mut request = Request::new(());
    *request.version_mut() = version;
    if version == Version::HTTP_2 {
        *request.method_mut() = Method::CONNECT;
        *request.uri_mut() = format!("https://{host}/chat").parse().expect("a URI");
    } else {
        *request.uri_mut() = "/chat".parse().expect("a URI");
        let host = HeaderValue::from_str(host).expect("a header");
        request.headers_mut().insert("host", host);
    }
    for origin in origins {
        let origin = HeaderValue::from_bytes(origin).expect("a header");
        request.headers_mut().append("origin", origin);
    }
    request
}

const VERSIONS: [Version; 2] = [Version::HTTP_11, Version::HTTP_2];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Passes,
    Refused,
}
use Verdict::{Passes, Refused};

/// Whether a request with this one origin passes, by either version.
#[track_caller]
fn verdict(policy: &Origins, host: &str, origins: &[&[u8]]) -> Verdict {
    let passes = VERSIONS.map(|v| policy.check(&request(v, host, origins)).is_ok());
    let shown: Vec<_> = origins.iter().map(|origin| origin.escape_ascii().to_string()).collect();
    assert_eq!(passes[0], passes[1], "{policy:?}, {host}, {shown:?}: the versions differ");
    if passes[0] { Passes } else { Refused }
}

#[track_caller]
fn check_rows(policy: &Origins, rows: &[(&str, &str, Verdict)]) {
    for (origin, host, expected) in rows {
        let verdict = verdict(policy, host, &[origin.as_bytes()]);
        assert_eq!(verdict, *expected, "{policy:?}: {origin:?} for {host:?}");
    }
}

#[test]
fn section_10_2_same_host() {
    let rows = [
        ("https://example.com", "example.com", Passes),
        ("http://example.com", "example.com", Passes),
        ("HTTPS://EXAMPLE.com", "example.COM", Passes),
        ("https://xn--bcher-kva.example", "xn--bcher-kva.example", Passes),
        ("https://xn--bcher-kva.example", "XN--BCHER-KVA.example", Passes),
        ("https://xn--bcher-kva.example", "bucher.example", Refused),
        ("https://my_host", "my_host", Passes),
        // Ports: one that isn't there is that of the origin's scheme.
        ("https://example.com", "example.com:443", Passes),
        ("https://example.com:443", "example.com", Passes),
        ("https://example.com:443", "example.com:443", Passes),
        ("http://example.com", "example.com:80", Passes),
        ("http://example.com:80", "example.com", Passes),
        ("http://localhost:3000", "localhost:3000", Passes),
        ("https://example.com:8443", "example.com:8443", Passes),
        ("https://example.com:08443", "example.com:8443", Passes),
        ("https://example.com:8443", "example.com", Refused),
        ("https://example.com", "example.com:8443", Refused),
        ("https://example.com:8443", "example.com:8444", Refused),
        ("http://example.com", "example.com:443", Refused),
        ("https://example.com", "example.com:80", Refused),
        ("http://example.com:443", "example.com", Refused),
        ("https://example.com:80", "example.com", Refused),
        ("http://localhost:3000", "localhost:8080", Refused),
        ("ws://example.com", "example.com", Passes),
        ("wss://example.com", "example.com:443", Passes),
        // Addresses.
        ("http://127.0.0.1:8080", "127.0.0.1:8080", Passes),
        ("http://127.0.0.1:8080", "localhost:8080", Refused),
        ("http://[::1]", "[::1]", Passes),
        ("http://[::1]:8080", "[::1]:8080", Passes),
        ("http://[::1]:8080", "[0:0::1]:8080", Passes),
        ("http://[2001:DB8::a]", "[2001:db8::A]", Passes),
        ("http://[::1]:8080", "[::1]", Refused),
        ("http://[::2]", "[::1]", Refused),
        ("http://::1", "[::1]", Refused),
        ("http://[::1", "[::1]", Refused),
        ("http://[::1]x", "[::1]", Refused),
        ("http://[::1%25eth0]", "[::1]", Refused),
        // Other hosts, however alike.
        ("https://evil.example", "example.com", Refused),
        ("https://evilexample.com", "example.com", Refused),
        ("https://example.com.evil.com", "example.com", Refused),
        ("https://example.co", "example.com", Refused),
        ("https://www.example.com", "example.com", Refused),
        ("https://example.com", "www.example.com", Refused),
        ("https://example.com.", "example.com", Refused),
        ("https://example.com", "example.com.", Refused),
        ("https://example.com.", "example.com.", Passes),
        // Schemes that have no port of their own.
        ("chrome-extension://example.com", "example.com", Refused),
        ("app://example.com:8080", "example.com:8080", Refused),
        // Pages from nowhere.
        ("null", "example.com", Refused),
        ("null", "null", Refused),
        ("file://", "example.com", Refused),
    ];
    check_rows(&Origins::same_host(), &rows);
    check_rows(&Origins::default(), &rows);
}

/// What is refused whatever the policy would say to it.
const MALFORMED: [&str; 42] = [
    "",
    " ",
    "NULL",
    "example.com",
    "//example.com",
    "https:example.com",
    "https:/example.com",
    "https://",
    "https://:443",
    "https:///",
    "://example.com",
    "1https://example.com",
    "ht tps://example.com",
    "https://example.com/",
    "https://example.com/path",
    "https://example.com?query",
    "https://example.com#fragment",
    "https://example.com\\",
    "https://user@example.com",
    "https://user:secret@example.com",
    "https://example.com@example.com",
    "https://example.com:",
    "https://example.com:port",
    "https://example.com:+443",
    "https://example.com:65536",
    "https://example.com:4430000000000000000000000",
    "https://example.com:443:443",
    "https://example.com https://example.com",
    "https://example.com,https://example.com",
    "https://example.com, https://evil.example",
    "null https://example.com",
    "https://exam ple.com",
    "https://example.com\tx",
    "https://*.example.com",
    "https://.example.com",
    "https://www..example.com",
    "https://..",
    "https://b\u{fc}cher.example",
    "https://example.com\u{2024}evil.example",
    "https://<script>",
    "https://\"example.com\"",
    "file:///home/me/page.html",
];

#[test]
fn malformed_origins() {
    let host = "example.com";
    let lenient = [
        Origins::same_host(),
        Origins::list(["https://example.com", "null", "https://*.example.com"]).expect("origins"),
        Origins::when(|_, _| true),
    ];
    for (policy, origin) in lenient.iter().flat_map(|p| MALFORMED.map(move |o| (p, o))) {
        let verdict = verdict(policy, host, &[origin.as_bytes()]);
        assert_eq!(verdict, Refused, "{policy:?}: {origin:?}");
    }
    let raw: [&[u8]; 4] = [b"\xff", b"https://example.com\xff", b"\x80\x80", b"https://\xe9.com"];
    for (policy, origin) in lenient.iter().flat_map(|p| raw.map(|o| (p, o))) {
        assert_eq!(verdict(policy, host, &[origin]), Refused, "{policy:?}: {origin:02x?}");
    }
    for long in ["a".repeat(10 << 10), format!("https://{}", "a.".repeat(5 << 10))] {
        let verdicts = lenient.each_ref().map(|policy| verdict(policy, host, &[long.as_bytes()]));
        // The second is a host, if a long one.
        let by_predicate = if long.starts_with('a') { Refused } else { Passes };
        assert_eq!(verdicts, [Refused, Refused, by_predicate]);
    }
    // The fields of one request.
    for several in [["https://example.com"; 2], ["https://example.com", "null"], ["", ""]] {
        let several = several.map(str::as_bytes);
        let verdicts = lenient.each_ref().map(|policy| verdict(policy, host, &several));
        assert_eq!(verdicts, [Refused; 3], "{several:02x?}");
    }
}

const LIST: [&str; 10] = [
    "https://example.com",
    "HTTPS://Shop.Example.com:8443",
    "http://example.net:80",
    "https://example.org:443",
    "https://*.wild.example",
    "http://*.Wild.example:8080",
    "https://xn--bcher-kva.example",
    "http://[0:0::1]:3000",
    "chrome-extension://abcdefghijklmnop",
    "https://dotted.example.",
];

#[test]
fn lists() {
    let rows = [
        ("https://example.com", "any.host", Passes),
        ("https://example.com:443", "any.host", Passes),
        ("hTTps://eXample.com", "any.host", Passes),
        ("http://example.com", "any.host", Refused),
        ("http://example.com:443", "any.host", Refused),
        ("https://example.com:8443", "any.host", Refused),
        ("https://example.com.", "any.host", Refused),
        ("https://www.example.com", "any.host", Refused),
        ("https://evilexample.com", "any.host", Refused),
        ("https://example.com.evil.com", "any.host", Refused),
        ("https://shop.example.com:8443", "any.host", Passes),
        ("https://shop.example.com", "any.host", Refused),
        ("http://example.net", "any.host", Passes),
        ("http://example.net:80", "any.host", Passes),
        ("https://example.net", "any.host", Refused),
        ("https://example.org", "any.host", Passes),
        ("https://a.wild.example", "any.host", Passes),
        ("https://A.WILD.EXAMPLE:443", "any.host", Passes),
        ("https://a.b.c.wild.example", "any.host", Passes),
        ("https://wild.example", "any.host", Refused),
        ("https://.wild.example", "any.host", Refused),
        ("https://evilwild.example", "any.host", Refused),
        ("https://a.evilwild.example", "any.host", Refused),
        ("https://a.wild.example.", "any.host", Refused),
        ("https://a.wild.example.evil.com", "any.host", Refused),
        ("https://a.wild.example:8080", "any.host", Refused),
        ("http://a.wild.example:8080", "any.host", Passes),
        ("http://a.wild.example", "any.host", Refused),
        ("http://wild.example:8080", "any.host", Refused),
        ("https://xn--bcher-kva.example", "any.host", Passes),
        ("http://[::1]:3000", "any.host", Passes),
        ("http://[::1]", "any.host", Refused),
        ("chrome-extension://abcdefghijklmnop", "any.host", Passes),
        ("chrome-extension://abcdefghijklmnop:80", "any.host", Refused),
        ("chrome-extension://ponmlkjihgfedcba", "any.host", Refused),
        ("moz-extension://abcdefghijklmnop", "any.host", Refused),
        ("https://dotted.example.", "any.host", Passes),
        ("https://dotted.example", "any.host", Refused),
        // No list means the same host.
        ("https://any.host", "any.host", Refused),
        ("null", "any.host", Refused),
        ("file://", "any.host", Refused),
    ];
    check_rows(&Origins::list(LIST).expect("origins"), &rows);
    // The same from another kind of list, and with the same host beside it.
    let both = Origins::list(LIST.map(str::to_owned).to_vec()).expect("origins").or_same_host();
    let mut rows = rows;
    let same_host = rows.iter_mut().find(|row| row.0 == "https://any.host").expect("that row");
    same_host.2 = Passes;
    check_rows(&both, &rows);
    let nobody = Origins::list([""; 0]).expect("no origins");
    check_rows(&nobody, &[("https://a.host", "a.host", Refused), ("null", "null", Refused)]);
    let special = [("null", "a.host", Passes), ("file://", "a.host", Passes)];
    check_rows(&Origins::list(["null", "file://"]).expect("origins"), &special);
}

/// A wildcard takes whole labels only, told by a rule written another way.
#[test]
fn wildcards_agree_with_a_naive_oracle() {
    let policy = Origins::list(["https://*.b.a", "https://*.a.a"]).expect("origins");
    let mut passed = 0;
    for length in 1..=7 {
        for n in 0..3_usize.pow(length) {
            let digit = |place| b"ab."[n / 3_usize.pow(place) % 3] as char;
            let host: String = (0..length).map(digit).collect();
            let labels: Vec<_> = host.split('.').collect();
            let is_below = matches!(labels[..], [_, .., "b", "a"] | [_, .., "a", "a"])
                && labels.len() > 2
                && labels.iter().all(|label| !label.is_empty());
            let expected = if is_below { Passes } else { Refused };
            let origin = format!("https://{host}");
            assert_eq!(verdict(&policy, "b.a", &[origin.as_bytes()]), expected, "{host}");
            passed += usize::from(is_below);
        }
    }
    assert!(passed > 10, "{passed}");
}

#[test]
fn predicates_see_the_origin_as_it_is_written_and_the_head() {
    let policy = Origins::when(|origin, request| {
        origin == "https://Example.com:443" && request.uri().path() == "/chat"
            || origin == "null" && request.version() == Version::HTTP_2
    });
    let rows = [
        ("https://Example.com:443", "a.host", Passes),
        ("https://example.com", "a.host", Refused),
        ("https://example.com/", "a.host", Refused),
    ];
    check_rows(&policy, &rows);
    let nulls = VERSIONS.map(|v| policy.check(&request(v, "a.host", &[b"null"])).is_ok());
    assert_eq!(nulls, [false, true]);
    let mut elsewhere = request(Version::HTTP_11, "a.host", &[b"https://Example.com:443"]);
    *elsewhere.uri_mut() = "/elsewhere".parse().expect("a URI");
    assert!(policy.check(&elsewhere).is_err());
}

#[test]
fn switched_off_nothing_is_refused() {
    for policy in [Origins::any(), Origins::same_host().or(Origins::any())] {
        for origin in ["https://evil.example", "null", "", "no origin", "\u{fc}"] {
            assert_eq!(verdict(&policy, "a.host", &[origin.as_bytes()]), Passes, "{origin}");
        }
        assert_eq!(verdict(&policy, "a.host", &[b"https://a", b"https://b"]), Passes);
        assert_eq!(verdict(&policy, "a.host", &[]), Passes);
    }
}

#[test]
fn requests_without_an_origin_pass_unless_one_is_required() {
    let list = || Origins::list(["https://example.com"]).expect("origins");
    let policies = [Origins::same_host(), list(), Origins::when(|_, _| false), Origins::any()];
    for policy in policies {
        assert_eq!(verdict(&policy, "a.host", &[]), Passes, "{policy:?}");
        let required = policy.clone().require_origin();
        assert_eq!(verdict(&required, "a.host", &[]), Refused, "{required:?}");
        // Whichever of the two requires it.
        for either in [required.clone().or_same_host(), Origins::same_host().or(required)] {
            assert_eq!(verdict(&either, "a.host", &[]), Refused, "{either:?}");
            assert_eq!(verdict(&either, "a.host", &[b"https://a.host"]), Passes, "{either:?}");
        }
    }
}

// ---- what the request is for ----

fn same_host(request: &Request<()>) -> Verdict {
    if Origins::same_host().check(request).is_ok() { Passes } else { Refused }
}

/// RFC 9113 section 8.3.1, RFC 9112 section 3.2.2
#[test]
fn the_authority_wins_over_a_host_header() {
    for version in VERSIONS {
        let mut both = request(Version::HTTP_2, "real.host:8443", &[b"https://real.host:8443"]);
        *both.version_mut() = version;
        both.headers_mut().insert("host", HeaderValue::from_static("other.host"));
        assert_eq!(same_host(&both), Passes, "{version:?}");
        both.headers_mut().insert("origin", HeaderValue::from_static("https://other.host"));
        assert_eq!(same_host(&both), Refused, "{version:?}");
    }
}

#[test]
fn a_host_that_is_missing_there_twice_or_none_is_nobodys() {
    let origin: &[&[u8]] = &[b"https://a.host"];
    let with = |hosts: &[&[u8]]| {
        let mut request = request(Version::HTTP_11, "a.host", origin);
        request.headers_mut().remove("host");
        for host in hosts {
            request.headers_mut().append("host", HeaderValue::from_bytes(host).expect("a header"));
        }
        request
    };
    let rows: [(&[&[u8]], Verdict); 12] = [
        (&[b"a.host"], Passes),
        // "uri-host [ ":" port ]" with a port of no digits (RFC 9110 section 7.2).
        (&[b"a.host:"], Passes),
        (&[], Refused),
        (&[b""], Refused),
        (&[b"a.host", b"a.host"], Refused),
        (&[b"a.host", b"b.host"], Refused),
        (&[b"user@a.host"], Refused),
        (&[b"a.host/"], Refused),
        (&[b"https://a.host"], Refused),
        (&[b"a.host, b.host"], Refused),
        (&[b"a.host:x"], Refused),
        (&[b"\xffa.host"], Refused),
    ];
    for (hosts, expected) in rows {
        assert_eq!(same_host(&with(hosts)), expected, "{hosts:02x?}");
    }
    let mut user = request(Version::HTTP_2, "user@a.host", origin);
    assert_eq!(same_host(&user), Refused);
    user.headers_mut().insert("host", HeaderValue::from_static("a.host"));
    assert_eq!(same_host(&user), Refused);
}
