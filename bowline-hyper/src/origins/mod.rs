//! [`Origins`]: which pages may open a WebSocket (RFC 6455 section 10.2, RFC 6454).

mod origin;
mod pattern;
mod refused;

use std::{fmt, sync::Arc};

use http::{
    HeaderValue, Request,
    header::{HOST, ORIGIN},
};

pub use pattern::InvalidOrigin;
pub use refused::RefusedOrigin;

use origin::{Authority, Origin, default_port};
use pattern::Pattern;

/// Which pages may open a WebSocket.
///
/// Browsers let any page open one to any server, and send that server's cookies along; what they don't let it do is
/// to hide where it comes from, which is in the `Origin` header. A server that doesn't look at it and knows its
/// users by cookies hands each of them to every page that they visit (*cross-site WebSocket hijacking*).
///
/// ```
/// use bowline_hyper::Origins;
///
/// # fn main() -> Result<(), bowline_hyper::InvalidOrigin> {
/// Origins::same_host(); // the default: pages from this server
/// Origins::list(["https://example.com", "https://*.example.com"])?; // these pages
/// Origins::list(["https://app.example.com:8443"])?.or_same_host(); // or both
/// Origins::when(|origin, request| origin.starts_with("chrome-extension://") && request.uri().path() == "/x");
/// # Ok(())
/// # }
/// ```
///
/// # Requests without an origin
///
/// They pass, as only a browser has a page to speak of, and what is no browser can write into the header
/// what it likes. Unless [`require_origin`](Self::require_origin) says otherwise, the policy thus says nothing about
/// programs: to know who they are takes more than this header.
///
/// # What is refused in any case
///
/// Two `Origin` headers, and one that is no `scheme://host[:port]` (or `null`, or the `file://` of some embedded
/// browsers): a path, user information, a list of origins, spaces and anything but visible ASCII. Only
/// [`any`](Self::any) lets those through.
///
/// # Cost
///
/// A clone shares what there is. A check compares the origin with one entry after the other.
#[derive(Clone)]
pub struct Origins {
    rules: Arc<[Rule]>,
    without: Without,
}

/// One way to pass: each is enough.
#[derive(Clone)]
enum Rule {
    SameHost,
    Listed(Pattern),
    When(Arc<Predicate>),
    Any,
}

type Predicate = dyn Fn(&str, &Request<()>) -> bool + Send + Sync;

/// What becomes of requests that have no origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Without {
    Pass,
    Refused,
}

impl Origins {
    /// Pages from the host and port that the request is for; the default.
    ///
    /// These are the `:authority` of HTTP/2, the `Host` header of HTTP/1.1. Hosts are compared without case. A port
    /// that isn't given is that of the origin's scheme, `http` or `https`; the schemes themselves aren't compared,
    /// as TLS may end at a proxy. So a page from `http://example.com` may connect to `https://example.com`: where
    /// that is too much, and pages come through networks that nobody watches, take a [`list`](Self::list). Origins of
    /// schemes that have no default port, such as those of browser extensions, are never of the same host.
    ///
    /// # What it relies on
    ///
    /// The `Host` header says what the browser believes to connect to.
    ///
    /// - **DNS rebinding.** A page from `evil.example` whose name is made to point to this server is of the same host
    ///   as far as anybody can see. It has no cookies of this server's then; but where being reachable is all
    ///   that it takes, as on localhost and inside of networks, use a [`list`](Self::list).
    /// - **Proxies** that put their own idea of a host into the header: `proxy_set_header Host $host` has nginx keep
    ///   the client's (and `$http_host` its port as well). Where that is out of reach, use a list.
    pub fn same_host() -> Self {
        Self::of([Rule::SameHost])
    }

    /// Pages from these origins.
    ///
    /// `https://example.com` and `https://example.com:8443` are one each; a port that is the scheme's own may
    /// be left out. `https://*.example.com` are all below that domain, however deep, and not the domain itself. `null`
    /// are sandboxed frames and pages that come from no server, whosoever wrote them. An empty list refuses all.
    ///
    /// # Errors
    ///
    /// [`InvalidOrigin`] for the first entry that is none of these.
    pub fn list<I>(origins: I) -> Result<Self, InvalidOrigin>
    where
        I: IntoIterator<Item: AsRef<str>>,
    {
        let listed = |origin: I::Item| Pattern::parse(origin.as_ref()).map(Rule::Listed);
        let rules = origins.into_iter().map(listed).collect::<Result<Vec<_>, _>>()?;
        Ok(Self::of(rules))
    }

    /// Pages whose origin, as it stands in the header, and whose request's head this says yes to.
    ///
    /// It is called for each such request, so it had better be quick. Compare whole origins, or the host behind the
    /// scheme: `https://example.com.evil.example` starts, and `https://evilexample.com` ends, as what they aren't.
    pub fn when<F>(allows: F) -> Self
    where
        F: Fn(&str, &Request<()>) -> bool + Send + Sync + 'static,
    {
        Self::of([Rule::When(Arc::new(allows))])
    }

    /// Pages from anywhere: the check is switched off.
    ///
    /// Any page on the web can then open a WebSocket here from its visitors' browsers, with their cookies and through
    /// their firewalls, and read and write on it as they could (cross-site WebSocket hijacking). That is fine for what
    /// is public anyway, and for what asks for a token inside the connection or in the URI; nothing else.
    pub fn any() -> Self {
        Self::of([Rule::Any])
    }

    /// What either of the two lets through. An origin has to be there where either requires one.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        let is_required = [self.without, other.without].contains(&Without::Refused);
        let both = Self::of(self.rules.iter().chain(&*other.rules).cloned());
        if is_required { both.require_origin() } else { both }
    }

    /// Pages from [the same host](Self::same_host) as well.
    #[must_use]
    pub fn or_same_host(self) -> Self {
        self.or(Self::same_host())
    }

    /// Refuses requests that have no `Origin` header; unless this is asked for, they pass.
    ///
    /// It keeps out programs that don't know better, and no others.
    #[must_use]
    pub fn require_origin(self) -> Self {
        Self { without: Without::Refused, ..self }
    }

    /// Whether a request may pass: what an upgrade asks before it answers. It is here so that tests can have a look
    /// at a policy, and other resources can be guarded by it.
    ///
    /// # Errors
    ///
    /// [`RefusedOrigin`], whose `Display` is what the client is told with a 403.
    pub fn check(&self, request: &Request<()>) -> Result<(), RefusedOrigin> {
        let mut origins = request.headers().get_all(ORIGIN).iter();
        let Some(value) = origins.next() else {
            return match self.without {
                Without::Pass => Ok(()),
                Without::Refused => Err(RefusedOrigin::missing()),
            };
        };
        if self.rules.iter().any(|rule| matches!(rule, Rule::Any)) {
            return Ok(());
        }
        if origins.next().is_some() {
            return Err(RefusedOrigin::several());
        }
        let text = value.to_str().unwrap_or_default();
        let origin = Origin::parse(text).ok_or_else(|| RefusedOrigin::malformed(value))?;
        if self.rules.iter().any(|rule| rule.allows(text, &origin, request)) {
            return Ok(());
        }
        Err(RefusedOrigin::not_allowed(value))
    }

    fn of(rules: impl IntoIterator<Item = Rule>) -> Self {
        Self { rules: rules.into_iter().collect(), without: Without::Pass }
    }
}

/// [`Origins::same_host`].
impl Default for Origins {
    fn default() -> Self {
        Self::same_host()
    }
}

impl Rule {
    fn allows(&self, text: &str, origin: &Origin<'_>, request: &Request<()>) -> bool {
        match self {
            Self::SameHost => is_same_host(origin, request),
            Self::Listed(pattern) => pattern.allows(origin),
            Self::When(allows) => allows(text, request),
            Self::Any => true,
        }
    }
}

fn is_same_host(origin: &Origin<'_>, request: &Request<()>) -> bool {
    let Origin::Site { scheme, authority } = origin else { return false };
    let (Some(default), Some(target)) = (default_port(scheme), target(request)) else {
        return false;
    };
    let port = |port: Option<u16>| port.unwrap_or(default);
    authority.host == target.host && port(authority.port) == port(target.port)
}

/// What the request is for. "A server MUST ignore the received Host header field [...] when the request-target is in
/// absolute-form" (RFC 9112 section 3.2.2); over HTTP/2 it is the `:authority` (RFC 9113 section 8.3.1).
fn target(request: &Request<()>) -> Option<Authority<'_>> {
    if let Some(authority) = request.uri().authority() {
        return Authority::parse(authority.as_str());
    }
    let mut hosts = request.headers().get_all(HOST).iter();
    let host = hosts.next().filter(|_| hosts.next().is_none());
    Authority::parse(host.map(HeaderValue::to_str)?.ok()?)
}

/// The policy as it would be written: `Origins { allowed: [same host, https://*.example.com], .. }`.
impl fmt::Debug for Origins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Origins")
            .field("allowed", &self.rules)
            .field("without_origin", &self.without)
            .finish()
    }
}

impl fmt::Debug for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SameHost => f.write_str("same host"),
            Self::Listed(pattern) => fmt::Debug::fmt(pattern, f),
            Self::When(_) => f.write_str("when(..)"),
            Self::Any => f.write_str("any"),
        }
    }
}
