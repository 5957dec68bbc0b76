//! Where a redirect leads: a reference resolved against the URI that it answers (RFC 3986 section 5).

use http::{Response, Uri, header::LOCATION};

use super::target::Target;

/// The target of the response's `Location`, as a WebSocket's.
pub(super) fn location<T>(base: &Uri, response: &Response<T>) -> Option<Target> {
    let reference = response.headers().get(LOCATION)?.to_str().ok()?;
    // "the user agent MUST process the redirection as if ..." a fragment were inherited (RFC 9110 section 10.2.2); none
    // of it is ever sent.
    let reference = reference.split('#').next().unwrap_or_default();
    Target::parse(&as_websocket(&resolve(base, reference)?)).ok()
}

/// Servers that redirect know of `http` and `https` (RFC 6455 section 3 gives both the same meaning).
fn as_websocket(uri: &str) -> String {
    match uri.split_once("://") {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") => format!("ws://{rest}"),
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("https") => format!("wss://{rest}"),
        _ => uri.to_owned(),
    }
}

/// "Transform References" (section 5.2.2).
fn resolve(base: &Uri, reference: &str) -> Option<String> {
    if has_scheme(reference) {
        return Some(reference.to_owned());
    }
    let scheme = base.scheme_str()?;
    if reference.starts_with("//") {
        return Some(format!("{scheme}:{reference}"));
    }
    let authority = base.authority()?;
    let (path, query) = match reference.find('?') {
        Some(at) => reference.split_at(at),
        None => (reference, ""),
    };
    let (path, query) = match path {
        "" if query.is_empty() => {
            let query = base.query().map(|query| format!("?{query}"));
            (base.path().to_owned(), query.unwrap_or_default())
        }
        "" => (base.path().to_owned(), query.to_owned()),
        path if path.starts_with('/') => (without_dots(path), query.to_owned()),
        path => {
            let folder = base.path().rsplit_once('/').map_or("", |(folder, _)| folder);
            (without_dots(&format!("{folder}/{path}")), query.to_owned())
        }
    };
    Some(format!("{scheme}://{authority}{path}{query}"))
}

/// Whether the reference begins with "scheme:".
fn has_scheme(reference: &str) -> bool {
    let scheme = reference.split(['/', '?']).next().and_then(|first| first.split_once(':'));
    scheme.is_some_and(|(scheme, _)| {
        scheme.starts_with(|first: char| first.is_ascii_alphabetic())
            && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
    })
}

/// "Remove Dot Segments" (section 5.2.4) of a path that begins with a slash.
fn without_dots(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    let segments = path.split('/').skip(1);
    for segment in segments.clone() {
        match segment {
            "." => {}
            ".." => {
                kept.pop();
            }
            _ => kept.push(segment),
        }
    }
    if matches!(segments.last(), Some("." | "..")) {
        kept.push("");
    }
    format!("/{}", kept.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples of RFC 3986 section 5.4, without parameters of other schemes.
    #[test]
    fn rfc_3986_section_5_4_references() {
        let base: Uri = "ws://a/b/c/d;p?q".parse().unwrap();
        let table = [
            ("g", "ws://a/b/c/g"),
            ("./g", "ws://a/b/c/g"),
            ("g/", "ws://a/b/c/g/"),
            ("/g", "ws://a/g"),
            ("//g", "ws://g"),
            ("?y", "ws://a/b/c/d;p?y"),
            ("g?y", "ws://a/b/c/g?y"),
            (";x", "ws://a/b/c/;x"),
            ("g;x?y", "ws://a/b/c/g;x?y"),
            ("", "ws://a/b/c/d;p?q"),
            (".", "ws://a/b/c/"),
            ("./", "ws://a/b/c/"),
            ("..", "ws://a/b/"),
            ("../", "ws://a/b/"),
            ("../g", "ws://a/b/g"),
            ("../..", "ws://a/"),
            ("../../g", "ws://a/g"),
            ("../../../g", "ws://a/g"),
            ("../../../../g", "ws://a/g"),
            ("/./g", "ws://a/g"),
            ("/../g", "ws://a/g"),
            ("g.", "ws://a/b/c/g."),
            ("..g", "ws://a/b/c/..g"),
            ("./../g", "ws://a/b/g"),
            ("./g/.", "ws://a/b/c/g/"),
            ("g/./h", "ws://a/b/c/g/h"),
            ("g/../h", "ws://a/b/c/h"),
            ("g?y/../x", "ws://a/b/c/g?y/../x"),
            ("wss://b:1/x", "wss://b:1/x"),
            ("/x:y", "ws://a/x:y"),
        ];
        for (reference, expected) in table {
            assert_eq!(resolve(&base, reference).as_deref(), Some(expected), "{reference:?}");
        }
    }

    fn leads_to(location: &str) -> Option<String> {
        let response = Response::builder().header(LOCATION, location).body(()).unwrap();
        let base = "wss://example.com/chat/v1?x".parse().unwrap();
        super::location(&base, &response).map(|target| target.uri.to_string())
    }

    #[test]
    fn a_location_is_one_of_a_websocket() {
        let table = [
            ("v2", Some("wss://example.com/chat/v2")),
            ("/v2#part", Some("wss://example.com/v2")),
            ("https://other.example/", Some("wss://other.example/")),
            ("HTTP://other.example:80/", Some("ws://other.example:80/")),
            ("wss://other.example/?a", Some("wss://other.example/?a")),
            ("//other.example/", Some("wss://other.example/")),
            ("ftp://other.example/", None),
            ("mailto:somebody", None),
            ("https://", None),
            ("https:/x", None),
            ("/sp ace", None),
        ];
        for (location, expected) in table {
            assert_eq!(leads_to(location).as_deref(), expected, "{location}");
        }
        assert_eq!(location(&"ws://a/".parse().unwrap(), &Response::new(())), None);
    }
}
