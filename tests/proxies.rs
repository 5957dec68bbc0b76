//! Clients through real proxies: Squid and tinyproxy by CONNECT, Dante and microsocks by SOCKS5, on loopback.
//! `tests/proxies/run` looks for them and runs these tests; the proxies of a test's own making are in the tests
//! `proxy_…`.

#![cfg(unix)]

#[path = "support/authority.rs"]
mod authority;
#[path = "proxies/checks.rs"]
mod checks;
#[path = "proxies/program.rs"]
mod program;
#[path = "support/sites.rs"]
mod sites;

/// One test for each check with this proxy.
macro_rules! tests_with {
    ($module:ident, $program:ident: $($check:ident),+ $(,)?) => {
        mod $module {
            use crate::{checks, program::Program};

            $(
                #[tokio::test]
                #[ignore = "needs squid, tinyproxy, danted and microsocks: tests/proxies/run"]
                async fn $check() {
                    checks::$check(Program::$program).await;
                }
            )+
        }
    };
}

tests_with!(
    squid, Squid:
    carries_ws,
    carries_wss,
    carries_closes,
    wants_the_right_credentials,
    forbids_a_destination,
    finds_nobody_there,
    is_killed,
);
tests_with!(
    tinyproxy, Tinyproxy:
    carries_ws,
    carries_wss,
    carries_closes,
    wants_the_right_credentials,
    forbids_a_destination,
    finds_nobody_there,
    is_killed,
);
tests_with!(
    dante, Dante:
    carries_ws,
    carries_wss,
    has_no_use_for_credentials,
    carries_closes,
    resolves_on_either_side,
    forbids_a_destination,
    finds_nobody_there,
    is_killed,
);
tests_with!(
    microsocks, Microsocks:
    carries_ws,
    carries_wss,
    has_no_use_for_credentials,
    carries_closes,
    resolves_on_either_side,
    wants_the_right_credentials,
    finds_nobody_there,
    is_killed,
);
