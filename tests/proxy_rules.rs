//! Which proxy leads to which host: what is a proxy, who is excepted, and what the environment says.

#[path = "support/authority.rs"]
mod authority;

use std::{
    env,
    ffi::OsStr,
    io,
    process::{Command, Output},
    sync::{Arc, LazyLock, Mutex},
};

use authority::Authority;
use bowline::{
    Client, Error, UsageError,
    client::{Proxy, tokio_rustls::rustls::ClientConfig},
};
use http::Uri;
use tokio::io::DuplexStream;
use tower::service_fn;

/// The URI that is dialled: the proxy's, or the target's.
async fn dialled(proxy: impl Into<Option<Proxy>>, uri: &str) -> String {
    static TLS: LazyLock<Arc<ClientConfig>> = LazyLock::new(|| Authority::new("tests").trusting());
    let called = Arc::new(Mutex::new(Vec::new()));
    let kept = called.clone();
    let service = service_fn(move |uri: Uri| {
        kept.lock().expect("no panic").push(uri.to_string());
        async { Err::<DuplexStream, _>(io::Error::other("far enough")) }
    });
    let client = Client::new(uri).expect("a URI").tls(TLS.clone()).proxy(proxy).connector(service);
    client.connect().await.map(drop).expect_err("far enough");
    let called = std::mem::take(&mut *called.lock().expect("no panic"));
    let [uri] = <[String; 1]>::try_from(called).expect("one call");
    uri
}

async fn is_direct(proxy: &Proxy, uri: &str) -> bool {
    match &*dialled(proxy.clone(), uri).await {
        "http://proxy.example:3128/" => false,
        other => {
            assert_eq!(other, uri);
            true
        }
    }
}

// ---- what is a proxy ----

#[tokio::test]
async fn a_proxy_is_a_uri_with_a_scheme_that_is_known() {
    let table = [
        ("proxy.example", "http://proxy.example/"),
        ("proxy.example:3128", "http://proxy.example:3128/"),
        ("user:secret@proxy.example:3128", "http://proxy.example:3128/"),
        ("http://proxy.example", "http://proxy.example/"),
        ("HTTP://proxy.example/", "http://proxy.example/"),
        ("https://proxy.example/and/path?query", "https://proxy.example/"),
        ("http://user:p%40ss@proxy.example:1", "http://proxy.example:1/"),
        ("http://127.0.0.1:3128", "http://127.0.0.1:3128/"),
        ("http://[::1]:3128", "http://[::1]:3128/"),
        ("socks5://proxy.example", "socks5://proxy.example/"),
        ("socks5h://user:secret@[::1]:1", "socks5h://[::1]:1/"),
    ];
    for (text, expected) in table {
        let proxy = Proxy::new(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        for uri in ["ws://example.com/", "wss://example.com/", "ws://192.0.2.1:9001/"] {
            assert_eq!(dialled(proxy.clone(), uri).await, expected, "{text} for {uri}");
        }
    }
    assert_eq!(dialled(None, "ws://example.com/").await, "ws://example.com/");
}

#[test]
fn what_is_no_proxy_is_refused() {
    let table = [
        "",
        " ",
        "/",
        "://",
        "http://",
        "http:///",
        "http://:3128",
        "http://user@",
        "http://user:secret@:3128",
        "http://proxy.example:port",
        "http://proxy.example:99999",
        "http://[::1",
        "http://[proxy.example]:1",
        "http://pro xy.example",
        "http://pr\u{f6}xy.example",
        // The first "@" has to be spelled "%40": of what is behind it nobody knows whether it is secret.
        "http://user:se@cret@proxy.example",
        "ftp://proxy.example",
        "ws://proxy.example",
        "socks4://proxy.example",
        "socks4a://proxy.example",
        "socks://proxy.example",
        "socks5://",
        "socks5://:1080",
    ];
    for text in table {
        match Proxy::new(text) {
            Err(Error::Usage(UsageError::InvalidProxy)) => {}
            other => panic!("{text:?}: {other:?}"),
        }
    }
}

#[test]
fn a_proxys_credentials_are_in_no_log() {
    for scheme in ["http", "https", "socks5", "socks5h"] {
        let uri = format!("{scheme}://user:secret@proxy.example");
        let proxy = Proxy::new(&uri).expect("a proxy").except("localhost");
        let client = Client::new("ws://example.com/").expect("a URI").proxy(proxy.clone());
        let shown = format!("{proxy:?}{client:?}");
        assert!(shown.contains("proxy.example"), "{shown}");
        assert!(!shown.contains("secret") && !shown.contains("dXNlcjpzZWNyZXQ"), "{shown}");
    }
}

// ---- who is excepted ----

#[tokio::test]
async fn who_is_excepted_is_reached_directly() {
    let table: [(&str, &[&str], &[&str]); 12] = [
        ("", &[], &["ws://example.com/", "ws://127.0.0.1/", "ws://localhost/"]),
        (
            "example.com",
            &["ws://example.com/", "wss://www.example.com:9001/", "ws://EXAMPLE.com/"],
            &["ws://notexample.com/", "ws://example.com.evil.example/", "ws://com/"],
        ),
        (".example.com", &["ws://example.com/", "ws://a.b.example.com/"], &["ws://xexample.com/"]),
        (" a.example ,\tb.example,", &["ws://a.example/", "ws://b.example/"], &["ws://c.example/"]),
        ("localhost", &["ws://localhost:1/"], &["ws://127.0.0.1/", "ws://[::1]/"]),
        (
            "10.0.0.0/8",
            &["ws://10.1.2.3/", "wss://10.0.0.1:1/"],
            &["ws://11.0.0.1/", "ws://10.com/"],
        ),
        ("192.0.2.1", &["ws://192.0.2.1/"], &["ws://192.0.2.10/", "ws://192.0.2.2/"]),
        ("2001:db8::/32", &["ws://[2001:db8::1]/"], &["ws://[2001:db9::1]/"]),
        ("::1", &["ws://[::1]:9001/"], &["ws://[::2]/"]),
        ("*", &["ws://example.com/", "wss://localhost/", "ws://192.0.2.1/", "ws://[::1]:1/"], &[]),
        ("a.example, *", &["ws://example.com/", "ws://192.0.2.1/"], &[]),
        // As in curl there are no ports in it, and no other wildcards.
        ("example.com:80,*.example.org", &[], &["ws://example.com/", "ws://a.example.org/"]),
    ];
    for (hosts, direct, others) in table {
        let proxy = Proxy::new("http://proxy.example:3128").expect("a proxy").except(hosts);
        for uri in direct {
            assert!(is_direct(&proxy, uri).await, "{uri} of {hosts:?}");
        }
        for uri in others {
            assert!(!is_direct(&proxy, uri).await, "{uri} of {hosts:?}");
        }
    }
}

#[tokio::test]
async fn exceptions_replace_those_before() {
    let proxy = Proxy::new("http://proxy.example:3128").expect("a proxy");
    let proxy = proxy.except("a.example").except("b.example");
    assert!(!is_direct(&proxy, "ws://a.example/").await);
    assert!(is_direct(&proxy, "ws://b.example/").await);
}

// ---- the environment ----

/// What a process with this environment has to say about [`TARGETS`].
fn child(variables: &[(&str, &str)]) -> Vec<String> {
    let variables = variables.iter().map(|(name, value)| (*name, OsStr::new(value)));
    said(&child_with(variables))
}

fn child_with<'a>(variables: impl IntoIterator<Item = (&'a str, &'a OsStr)>) -> Output {
    let mut command = Command::new(env::current_exe().expect("a path"));
    command.args(["--exact", "in_a_child", "--ignored", "--nocapture"]).env_clear();
    command.envs(variables).output().expect("it runs")
}

fn said(output: &Output) -> Vec<String> {
    assert!(output.status.success(), "{output:?}");
    let text = std::str::from_utf8(&output.stdout).expect("text");
    // libtest has begun the first of the lines.
    let said = text.lines().filter_map(|line| line.split_once("said: "));
    said.map(|(_, said)| said.to_owned()).collect()
}

const TARGETS: [&str; 3] = ["ws://example.com/", "wss://example.com/", "ws://192.0.2.1/"];

#[tokio::test]
#[ignore = "is run by the tests of the environment"]
#[allow(clippy::print_stdout, reason = "that is how it reports")]
async fn in_a_child() {
    match Proxy::from_env() {
        Ok(proxy) => {
            for uri in TARGETS {
                println!("said: {}", dialled(proxy.clone(), uri).await);
            }
        }
        Err(error) => println!("said: {error}"),
    }
}

const A: &str = "http://a.example:1/";
const B: &str = "http://b.example:2/";

#[test]
fn each_variable_has_its_targets() {
    let [ws, wss, address] = TARGETS;
    type Variables<'a> = &'a [(&'a str, &'a str)];
    let table: [(Variables<'_>, [&str; 3]); 17] = [
        (&[], TARGETS),
        (&[("HTTP_PROXY", A)], [A, wss, A]),
        (&[("http_proxy", A)], [A, wss, A]),
        (&[("HTTPS_PROXY", A)], [ws, A, address]),
        (&[("https_proxy", A)], [ws, A, address]),
        (&[("ALL_PROXY", A)], [A, A, A]),
        (&[("all_proxy", A)], [A, A, A]),
        (&[("HTTP_PROXY", A), ("http_proxy", B)], [A, wss, A]),
        (&[("ALL_PROXY", A), ("https_proxy", B)], [A, B, A]),
        (&[("ALL_PROXY", "")], TARGETS),
        (&[("ALL_PROXY", "a.example:1")], [A, A, A]),
        (&[("ALL_PROXY", "socks5h://user:secret@a.example")], ["socks5h://a.example/"; 3]),
        (&[("ALL_PROXY", A), ("NO_PROXY", "example.com")], [ws, wss, A]),
        (&[("ALL_PROXY", A), ("no_proxy", "192.0.2.0/24")], [A, A, address]),
        (&[("ALL_PROXY", A), ("NO_PROXY", "*")], TARGETS),
        // Whoever starts a CGI program could choose its HTTP_PROXY, by a header "Proxy".
        (&[("ALL_PROXY", A), ("HTTP_PROXY", B), ("REQUEST_METHOD", "GET")], TARGETS),
        (&[("HTTP_PROXY", "ftp://b.example"), ("REQUEST_METHOD", "GET")], TARGETS),
    ];
    for (variables, expected) in table {
        assert_eq!(child(variables), expected, "{variables:?}");
    }
}

#[test]
fn a_variable_that_names_no_proxy_is_an_error() {
    let expected = UsageError::InvalidProxy.to_string();
    for variable in ["HTTP_PROXY", "https_proxy", "ALL_PROXY"] {
        for value in ["ftp://a.example", "http://", "socks4://a.example", "http://a.example:99999"]
        {
            assert_eq!(child(&[(variable, value)]), [&*expected], "{variable}={value}");
        }
    }
}

/// What can't be read could be a proxy, or name those that must not be told.
#[cfg(unix)]
#[test]
fn a_variable_that_is_no_text_is_an_error() {
    use std::os::unix::ffi::OsStrExt;
    let expected = UsageError::InvalidProxy.to_string();
    for variable in ["HTTP_PROXY", "HTTPS_PROXY", "all_proxy", "NO_PROXY"] {
        let value = OsStr::from_bytes(b"http://a.ex\xffmple:1");
        assert_eq!(said(&child_with([(variable, value)])), [&*expected], "{variable}");
    }
}
