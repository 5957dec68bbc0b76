//! The grammar of the header fields that the opening handshake uses (RFC 6455 section 9.1, RFC 9110
//! section 5.6).
//!
//! ```text
//! extension-list  = 1#extension
//! extension       = extension-token *( ";" extension-param )
//! extension-param = token [ "=" ( token | quoted-string ) ]
//! ```
//!
//! A comma list may be spread over any number of header lines, and empty elements are passed over.
//! Every function here is linear in its input.

use std::{fmt, net::Ipv6Addr};

use http::{HeaderMap, HeaderValue, header::AsHeaderName, uri::Authority};

use super::DeflateTerms;

/// One extension of `Sec-WebSocket-Extensions` with its parameters (RFC 6455 section 9.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extension {
    name: String,
    parameters: Vec<(String, Option<String>)>,
}

impl Extension {
    /// An extension without parameters.
    #[cfg(feature = "deflate")]
    pub(crate) fn named(name: &str) -> Self {
        Self { name: name.to_owned(), parameters: Vec::new() }
    }

    /// Adds a parameter.
    #[cfg(feature = "deflate")]
    pub(crate) fn push(&mut self, name: &str, value: Option<String>) {
        self.parameters.push((name.to_owned(), value));
    }

    /// Whether this is the extension of that name.
    pub(crate) fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }

    /// The extension's name, as `permessage-deflate`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The parameters in order, each with its value where it has one. Quotes are gone already.
    pub fn parameters(&self) -> impl Iterator<Item = (&str, Option<&str>)> {
        self.parameters.iter().map(|(name, value)| (name.as_str(), value.as_deref()))
    }
}

impl fmt::Display for Extension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        for (name, value) in &self.parameters {
            write!(f, "; {name}")?;
            if let Some(value) = value {
                write!(f, "={value}")?;
            }
        }
        Ok(())
    }
}

/// What both ends agreed on in the opening handshake.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Agreement {
    pub(crate) subprotocol: Option<Box<str>>,
    pub(crate) extensions: Vec<Extension>,
    /// What the extensions say of compression, where this end has it.
    pub(crate) deflate: Option<DeflateTerms>,
}

impl Agreement {
    /// The subprotocol of an agreement, where there are both.
    pub(crate) fn subprotocol_of(agreement: Option<&Self>) -> Option<&str> {
        agreement?.subprotocol.as_deref()
    }

    /// The extensions of an agreement, if there is one.
    pub(crate) fn extensions_of(agreement: Option<&Self>) -> &[Extension] {
        agreement.map_or(&[], |agreement| &agreement.extensions)
    }

    /// Boxed where there is anything to hold: most connections agree on nothing, and hold nothing.
    pub(crate) fn boxed(self) -> Option<Box<Self>> {
        (self != Self::default()).then(|| Box::new(self))
    }
}

/// A header line broke the grammar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct GrammarError;

/// Whether a byte may stand in a token (RFC 9110 section 5.6.2).
const fn is_token_byte(byte: u8) -> bool {
    matches!(byte,
        b'!' | b'#' | b'$' | b'%' | b'&' | b'\'' | b'*' | b'+' | b'-' | b'.' | b'^' | b'_' | b'`'
        | b'|' | b'~' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z')
}

/// Whether the text is a token: one or more token bytes.
pub(crate) fn is_token(text: &[u8]) -> bool {
    !text.is_empty() && text.iter().copied().all(is_token_byte)
}

fn elements(headers: &HeaderMap, name: impl AsHeaderName) -> impl Iterator<Item = &[u8]> {
    headers
        .get_all(name)
        .into_iter()
        .flat_map(|line| line.as_bytes().split(|byte| *byte == b','))
        .map(<[u8]>::trim_ascii)
        .filter(|element| !element.is_empty())
}

/// Whether the comma list over all lines of this header contains the token, in any case.
pub(crate) fn list_contains(headers: &HeaderMap, name: impl AsHeaderName, token: &str) -> bool {
    elements(headers, name).any(|element| element.eq_ignore_ascii_case(token.as_bytes()))
}

/// The tokens of the comma list over all lines of this header, in order.
pub(crate) fn tokens(
    headers: &HeaderMap,
    name: impl AsHeaderName,
) -> Result<Vec<Box<str>>, GrammarError> {
    elements(headers, name)
        .map(|element| match std::str::from_utf8(element) {
            Ok(text) if is_token(element) => Ok(text.into()),
            _ => Err(GrammarError),
        })
        .collect()
}

/// The extensions of all lines of this header, in order.
pub(crate) fn extensions(
    headers: &HeaderMap,
    name: impl AsHeaderName,
) -> Result<Vec<Extension>, GrammarError> {
    let mut extensions = Vec::new();
    for line in headers.get_all(name) {
        Cursor::new(line).extension_list(&mut extensions)?;
    }
    Ok(extensions)
}

/// The port of an authority, where it names one. `Authority` itself takes a port that is no number, and
/// forgets it.
pub(crate) fn port(authority: &Authority) -> Result<Option<u16>, GrammarError> {
    let host_and_port = authority.as_str().rsplit('@').next().unwrap_or_default();
    let port = host_and_port.strip_prefix(authority.host()).ok_or(GrammarError)?;
    match port.strip_prefix(':') {
        None if port.is_empty() => Ok(None),
        // "scheme-based normalization": a colon with nothing behind it says nothing (RFC 3986 section 3.2.3).
        Some("") => Ok(None),
        Some(port) if !port.bytes().all(|byte| byte.is_ascii_digit()) => Err(GrammarError),
        Some(digits) => digits.parse().map(Some).map_err(|_| GrammarError),
        None => Err(GrammarError),
    }
}

/// Whether an authority is a host with or without a port: no user information, no port that is no
/// number, no brackets around anything but an address.
pub(crate) fn is_host_and_port(authority: &Authority) -> bool {
    let host = authority.host();
    let is_host = match host.strip_prefix('[') {
        Some(literal) => {
            literal.strip_suffix(']').is_some_and(|address| address.parse::<Ipv6Addr>().is_ok())
        }
        None => !host.is_empty(),
    };
    is_host && !authority.as_str().contains('@') && port(authority).is_ok()
}

/// Whether each chosen extension has the name of an offered one.
pub(crate) fn all_named_in(chosen: &[Extension], offered: &[Extension]) -> bool {
    chosen.iter().all(|chosen| offered.iter().any(|offered| offered.is(&chosen.name)))
}

/// Walks along one header line.
struct Cursor<'a> {
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    fn new(line: &'a HeaderValue) -> Self {
        Self { rest: line.as_bytes() }
    }

    fn extension_list(&mut self, into: &mut Vec<Extension>) -> Result<(), GrammarError> {
        loop {
            while self.take(b',') {}
            if self.rest.is_empty() {
                return Ok(());
            }
            into.push(self.extension()?);
            if !self.rest.is_empty() && !self.take(b',') {
                return Err(GrammarError);
            }
        }
    }

    fn extension(&mut self) -> Result<Extension, GrammarError> {
        let name = self.token()?;
        let mut parameters = Vec::new();
        while self.take(b';') {
            let parameter = self.token()?;
            let value = if self.take(b'=') { Some(self.value()?) } else { None };
            parameters.push((parameter, value));
        }
        Ok(Extension { name, parameters })
    }

    fn value(&mut self) -> Result<String, GrammarError> {
        if self.take(b'"') { self.quoted() } else { self.token() }
    }

    fn token(&mut self) -> Result<String, GrammarError> {
        self.skip_space();
        let end =
            self.rest.iter().position(|byte| !is_token_byte(*byte)).unwrap_or(self.rest.len());
        let (token, rest) = self.rest.split_at(end);
        self.rest = rest;
        self.skip_space();
        owned_token(token)
    }

    /// The rest of a quoted string. "When using the quoted-string syntax variant, the value after
    /// quoted-string unescaping MUST conform to the 'token' ABNF" (section 9.1).
    fn quoted(&mut self) -> Result<String, GrammarError> {
        let mut value = Vec::new();
        loop {
            let (byte, rest) = self.rest.split_first().ok_or(GrammarError)?;
            self.rest = rest;
            match byte {
                b'"' => break,
                b'\\' => {
                    let (escaped, rest) = rest.split_first().ok_or(GrammarError)?;
                    self.rest = rest;
                    value.push(*escaped);
                }
                other => value.push(*other),
            }
        }
        self.skip_space();
        owned_token(&value)
    }

    /// Takes one delimiter with the space around it. A quote keeps the space behind it.
    fn take(&mut self, delimiter: u8) -> bool {
        self.skip_space();
        match self.rest.split_first() {
            Some((first, rest)) if *first == delimiter => {
                self.rest = rest;
                if delimiter != b'"' {
                    self.skip_space();
                }
                true
            }
            _ => false,
        }
    }

    fn skip_space(&mut self) {
        let space = self.rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
        self.rest = &self.rest[space..];
    }
}

fn owned_token(bytes: &[u8]) -> Result<String, GrammarError> {
    match std::str::from_utf8(bytes) {
        Ok(text) if is_token(bytes) => Ok(text.to_owned()),
        _ => Err(GrammarError),
    }
}

#[cfg(test)]
mod tests {
    use http::header::{CONNECTION, SEC_WEBSOCKET_EXTENSIONS};

    use super::*;

    fn parse(lines: &[&str]) -> Option<String> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(SEC_WEBSOCKET_EXTENSIONS, line.parse().unwrap());
        }
        let parsed = extensions(&headers, SEC_WEBSOCKET_EXTENSIONS).ok()?;
        Some(parsed.iter().map(Extension::to_string).collect::<Vec<_>>().join(", "))
    }

    #[test]
    fn section_9_1_extension_lists() {
        let table: &[(&[&str], Option<&str>)] = &[
            (&[""], Some("")),
            (&["foo"], Some("foo")),
            (&["foo, bar; baz=2"], Some("foo, bar; baz=2")),
            (&["foo", "bar; baz=2"], Some("foo, bar; baz=2")),
            (&["a ; b = c\t;d"], Some("a; b=c; d")),
            (&["a; b=\"c\""], Some("a; b=c")),
            (&["a; b=\"\\c\\d\""], Some("a; b=cd")),
            (&["a; b=c; b=c"], Some("a; b=c; b=c")),
            (&[",, a ,, b ,"], Some("a, b")),
            (&["constructor; __proto__=1"], Some("constructor; __proto__=1")),
            (&["a; b=\"\\c\\c"], None),
            (&["a; b=\"c\\"], None),
            (&["a; b=\"\""], None),
            (&["a; b=\"c d\""], None),
            (&["a; b=\" c\""], None),
            (&["a b"], None),
            (&["a;"], None),
            (&["a;;b"], None),
            (&["a; =b"], None),
            (&["a; b="], None),
            (&["; a"], None),
            (&["=a"], None),
            (&["a; b=\"c\"d"], None),
            (&["a@b"], None),
        ];
        for (lines, expected) in table {
            assert_eq!(parse(lines).as_deref(), *expected, "{lines:?}");
        }
    }

    #[test]
    fn a_hundred_thousand_commas_are_passed_over() {
        assert_eq!(parse(&[&",".repeat(100_000)]).as_deref(), Some(""));
    }

    #[test]
    fn lists_are_tokens_over_all_lines_in_any_case() {
        let mut headers = HeaderMap::new();
        headers.append(CONNECTION, "keep-alive, foo".parse().unwrap());
        headers.append(CONNECTION, " UPGRADE\t".parse().unwrap());
        assert!(list_contains(&headers, CONNECTION, "upgrade"));
        assert!(!list_contains(&headers, CONNECTION, "keep"));
        let mut other = HeaderMap::new();
        other.append(CONNECTION, "notupgrade".parse().unwrap());
        assert!(!list_contains(&other, CONNECTION, "upgrade"));
    }

    #[test]
    fn tokens_keep_their_order_and_refuse_what_is_none() {
        let mut headers = HeaderMap::new();
        headers.append(CONNECTION, "z, a".parse().unwrap());
        headers.append(CONNECTION, "m".parse().unwrap());
        let parsed = tokens(&headers, CONNECTION).unwrap();
        assert_eq!(parsed.iter().map(AsRef::as_ref).collect::<Vec<&str>>(), ["z", "a", "m"]);
        headers.append(CONNECTION, "two words".parse().unwrap());
        assert_eq!(tokens(&headers, CONNECTION), Err(GrammarError));
    }
}
