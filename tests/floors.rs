//! A module names only floors below its own, and its own folder (DESIGN.md draws the house). Every path
//! in `src/` that starts at the crate's root, or climbs up to it, is held to that.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// The folders of `src/` and the floor of each.
const FLOORS: [(&str, u8); 10] = [
    ("vocabulary", 1),
    ("frame", 2),
    ("deflate", 2),
    ("message", 3),
    ("handshake", 4),
    ("session", 5),
    ("websocket", 6),
    ("client", 7),
    ("server", 7),
    ("hub", 7),
];

fn floor(module: &str) -> Option<u8> {
    FLOORS.iter().find(|(name, _)| *name == module).map(|(_, floor)| *floor)
}

/// What Rust is made of, as far as paths go. Comments and literals are gone.
#[derive(Clone, Debug, PartialEq)]
enum Token {
    Word(String),
    /// `::`
    Path,
    Mark(char),
}

fn tokens(source: &str) -> Vec<Token> {
    let mut chars: Vec<char> = source.chars().collect();
    // So that looking three ahead needs no check.
    chars.extend(['\n'; 3]);
    let mut tokens = Vec::new();
    let mut at = 0;
    while at + 3 < chars.len() {
        let rest = &chars[at..];
        at += match (rest[0], rest[1]) {
            ('/', '/') => until(rest, "\n"),
            ('/', '*') => block_comment(rest),
            ('"', _) => string(rest, 1),
            ('b' | 'c', '"') => string(rest, 2),
            ('r', '"' | '#') if is_raw_string(rest, 1) => raw_string(rest, 1),
            ('b' | 'c', 'r') if is_raw_string(rest, 2) => raw_string(rest, 2),
            ('b', '\'') => string_until(rest, 2, '\''),
            ('\'', '\\') => string_until(rest, 1, '\''),
            ('\'', _) if rest[2] == '\'' => 3,
            (':', ':') => {
                tokens.push(Token::Path);
                2
            }
            (first, _) if first.is_alphanumeric() || first == '_' => {
                let is_part = |char: &&char| char.is_alphanumeric() || **char == '_';
                let word: String = rest.iter().take_while(is_part).collect();
                let len = word.chars().count();
                tokens.push(Token::Word(word));
                len
            }
            (mark, _) => {
                if !mark.is_whitespace() {
                    tokens.push(Token::Mark(mark));
                }
                1
            }
        };
    }
    tokens
}

fn until(rest: &[char], end: &str) -> usize {
    let end: Vec<char> = end.chars().collect();
    rest.windows(end.len()).position(|chars| chars == end).map_or(rest.len(), |at| at + end.len())
}

fn block_comment(rest: &[char]) -> usize {
    let mut depth = 0;
    let mut at = 0;
    while at + 1 < rest.len() {
        match (rest[at], rest[at + 1]) {
            ('/', '*') => depth += 1,
            ('*', '/') => depth -= 1,
            _ => {
                at += 1;
                continue;
            }
        }
        at += 2;
        if depth == 0 {
            return at;
        }
    }
    rest.len()
}

fn string(rest: &[char], start: usize) -> usize {
    string_until(rest, start, '"')
}

fn string_until(rest: &[char], start: usize, end: char) -> usize {
    let mut at = start;
    while at < rest.len() && rest[at] != end {
        at += if rest[at] == '\\' { 2 } else { 1 };
    }
    at + 1
}

/// Whether quotes follow the `r`, behind any number of hashes: `r#type` is a word.
fn is_raw_string(rest: &[char], start: usize) -> bool {
    rest[start..].iter().find(|char| **char != '#') == Some(&'"')
}

fn raw_string(rest: &[char], start: usize) -> usize {
    let hashes = rest[start..].iter().take_while(|char| **char == '#').count();
    let open = start + hashes + 1;
    open + until(&rest[open..], &format!("\"{}", "#".repeat(hashes)))
}

/// Reads a file's tokens, knowing in which module each stands.
struct Walk<'a> {
    tokens: &'a [Token],
    at: usize,
    /// The module of the file, and of the `mod name {` around the present token.
    module: Vec<String>,
    /// For each open brace, whether it is a module's.
    braces: Vec<bool>,
    breaches: Vec<String>,
}

impl<'a> Walk<'a> {
    fn new(tokens: &'a [Token], module: &[&str]) -> Self {
        let module = module.iter().copied().map(str::to_owned).collect();
        Self { tokens, at: 0, module, braces: Vec::new(), breaches: Vec::new() }
    }

    fn peek(&self, ahead: usize) -> Option<&'a Token> {
        self.tokens.get(self.at + ahead)
    }

    fn word(&self, ahead: usize) -> Option<&'a str> {
        match self.peek(ahead) {
            Some(Token::Word(word)) => Some(word),
            _ => None,
        }
    }

    fn run(mut self) -> Vec<String> {
        while let Some(token) = self.peek(0) {
            match token {
                Token::Word(word) if word == "mod" && self.peek(2) == Some(&Token::Mark('{')) => {
                    self.module.extend(self.word(1).map(str::to_owned));
                    self.braces.push(true);
                    self.at += 3;
                }
                Token::Word(word) if matches!(&word[..], "crate" | "super" | "self") => {
                    self.climb();
                }
                Token::Mark('{') => {
                    self.braces.push(false);
                    self.at += 1;
                }
                Token::Mark('}') => {
                    if self.braces.pop() == Some(true) {
                        self.module.pop();
                    }
                    self.at += 1;
                }
                _ => self.at += 1,
            }
        }
        self.breaches
    }

    /// Reads `crate`, `self` and any number of `super`s, then what they name.
    fn climb(&mut self) {
        let mut place = self.module.clone();
        loop {
            match self.word(0) {
                Some("crate") => place.clear(),
                Some("super") => {
                    place.pop();
                }
                _ => {}
            }
            self.at += 1;
            match (self.peek(0), self.word(1)) {
                (Some(Token::Path), Some("super")) => self.at += 1,
                (Some(Token::Path), _) => {
                    self.at += 1;
                    return self.tree(&place);
                }
                // `pub(crate)`, a value `self`: no path. `use crate as x` would be one to the root.
                _ if self.word(0) == Some("as") => return self.judge(&place),
                _ => return,
            }
        }
    }

    /// Reads what follows a `::`: one name and its rest, or a tree of them in braces.
    fn tree(&mut self, place: &[String]) {
        match self.peek(0) {
            Some(Token::Mark('{')) => {
                self.at += 1;
                while !matches!(self.peek(0), None | Some(Token::Mark('}'))) {
                    self.tree(place);
                    self.skip_to_next_branch();
                }
                self.at += 1;
            }
            Some(Token::Word(word)) => {
                self.at += 1;
                let mut place = place.to_vec();
                match &word[..] {
                    "self" => {}
                    "super" => {
                        place.pop();
                        if self.peek(0) == Some(&Token::Path) {
                            self.at += 1;
                            return self.tree(&place);
                        }
                    }
                    name => place.push(name.to_owned()),
                }
                self.judge(&place);
                // The floor is known by the first name: below it nothing more can be breached.
                self.skip_branch();
            }
            _ => self.judge(place),
        }
    }

    /// Skips the rest of a branch, with all of its own braces.
    fn skip_branch(&mut self) {
        while self.peek(0) == Some(&Token::Path) {
            self.at += 1;
            if self.peek(0) != Some(&Token::Mark('{')) {
                self.at += 1;
                continue;
            }
            let mut depth = 0;
            while let Some(token) = self.peek(0) {
                self.at += 1;
                match token {
                    Token::Mark('{') => depth += 1,
                    Token::Mark('}') => depth -= 1,
                    _ => {}
                }
                if depth == 0 {
                    break;
                }
            }
        }
    }

    /// Inside a tree's braces: skips `as x` and the comma.
    fn skip_to_next_branch(&mut self) {
        while !matches!(self.peek(0), None | Some(Token::Mark('}'))) {
            let token = self.peek(0);
            self.at += 1;
            if token == Some(&Token::Mark(',')) {
                break;
            }
        }
    }

    /// Holds a place that is named to the floors; `place` is its path from the root.
    fn judge(&mut self, place: &[String]) {
        let own = self.module.first().map(String::as_str).unwrap_or_default();
        let named = place.first().map(String::as_str);
        let breach = match named {
            Some(name) if name == own => return,
            Some(name) => match (floor(own), floor(name)) {
                (Some(own), Some(named)) if named < own => return,
                (_, Some(_)) => format!("`{name}` is not below `{own}`"),
                (_, None) => format!("`crate::{name}` is the root's: name it where it is"),
            },
            None => "the root itself is named".to_owned(),
        };
        self.breaches.push(breach);
    }
}

fn breaches(source: &str, module: &[&str]) -> Vec<String> {
    Walk::new(&tokens(source), module).run()
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}

/// The path of modules to a file of `src/`; none for the root's.
fn module_of(file: &Path) -> Vec<String> {
    let file = file.with_extension("");
    let names = file.iter().map(|name| name.to_str().expect("text").to_owned());
    names.filter(|name| name != "mod" && name != "lib").collect()
}

#[test]
fn no_module_names_a_floor_above_or_beside_its_own() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    let files = rust_files(&src);
    assert!(files.len() > 10, "{files:?}");
    for file in files {
        let module = module_of(file.strip_prefix(&src).expect("in src"));
        let Some(first) = module.first() else { continue };
        let name = file.display();
        if floor(first).is_none() {
            found.push(format!("{name}: `{first}` stands on no floor"));
        }
        let source = fs::read_to_string(&file).expect("text");
        let module: Vec<&str> = module.iter().map(String::as_str).collect();
        found.extend(breaches(&source, &module).iter().map(|breach| format!("{name}: {breach}")));
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn paths_that_are_allowed() {
    let sources = [
        "use crate::vocabulary::{Error, Role};",
        "use crate::{frame::{Frame, FrameCodec}, message, vocabulary::*};",
        "pub(crate) fn f() {} pub(in crate::handshake) fn g() {} pub(super) fn h() {}",
        "use super::{Offer, key}; use self::inner::Thing; fn f(&self) { self.x(); super::y() }",
        "use super::super::vocabulary::Error;",
        "mod tests { use super::*; mod deep { use super::super::*; } }",
        "fn f() -> crate::vocabulary::Result<crate::frame::Frame> { crate::handshake::f() }",
        "use std::{self, fmt}; use http::{self as h, header}; use crate::handshake::{self, key};",
        "/// [`crate::WebSocket`]\n//! crate::server\n// crate::client\n/* crate::hub /* x */ crate::hub */",
        "const A: &str = \"crate::server\\\" crate::hub\"; const B: char = '\"'; const C: u8 = b'\\'';",
        "const D: &str = r#\"use crate::server; \" crate::hub \"#; fn f<'a>(x: &'a str) {}",
        "macro_rules! m { () => { $crate::vocabulary::Error }; }",
    ];
    for source in sources {
        assert_eq!(breaches(source, &["handshake", "offer"]), [""; 0], "{source}");
    }
    assert_eq!(breaches("use super::codec; use self::x;", &["handshake"]).len(), 1, "the root");
    assert_eq!(breaches("use self::offer::Offer;", &["handshake"]), [""; 0]);
}

#[test]
fn paths_that_are_not() {
    let sources = [
        ("use crate::server::Server;", 1),
        ("use crate::session;", 1),
        ("use crate::{vocabulary::Error, websocket::{WebSocket, Split}};", 1),
        ("use crate::{frame, {{client, hub::{a, b}}}, message::{c, d}, server};", 3),
        ("fn f() { crate::session::start(crate::websocket::X) }", 2),
        ("use crate::Error;", 1),
        ("fn f() -> crate::Result<()> { crate::Error::new() }", 2),
        ("use crate::*;", 1),
        ("use crate as bowline;", 1),
        ("use crate::{self as bowline};", 1),
        ("use super::super::session::Session;", 1),
        ("use super::super::{vocabulary::Role, session::{A, B}};", 1),
        ("use super::super::Error;", 1),
        ("use self::super::super::server;", 1),
        ("use super::{key, super::session::A, super::super::x};", 2),
        ("mod tests { use super::super::super::session::A; }", 1),
        ("mod a { fn f() {} } mod b { mod c {} } use super::super::hub::Hub;", 1),
        ("macro_rules! m { () => { $crate::server::Server }; }", 1),
        ("const A: &str = \"x\"; use crate::session::B; const C: &str = r\"y\";", 1),
        ("fn f<'a>(x: &'a str, c: char) { if c == 'x' { crate::session::g() } }", 1),
        ("/* a */ use /* b */ crate :: /* c */ session :: D; // e", 1),
    ];
    for (source, count) in sources {
        let found = breaches(source, &["handshake", "offer"]);
        assert_eq!(found.len(), count, "{source}: {found:?}");
    }
}

#[test]
fn floors_beside_each_other_and_their_files() {
    assert_eq!(breaches("use crate::deflate::Window;", &["frame", "reader"]).len(), 1);
    assert_eq!(breaches("use crate::server::Server;", &["client"]).len(), 1);
    assert_eq!(breaches("use crate::websocket::WebSocket;", &["client"]), [""; 0]);
    assert_eq!(
        breaches("use crate::vocabulary::Role;", &["vocabulary", "error", "limit"]),
        [""; 0]
    );
    assert_eq!(breaches("use crate::frame::Frame;", &["vocabulary"]).len(), 1);
    assert_eq!(module_of(Path::new("frame/mod.rs")), ["frame"]);
    assert_eq!(module_of(Path::new("vocabulary/error/limit.rs")), ["vocabulary", "error", "limit"]);
    assert_eq!(module_of(Path::new("lib.rs")), [""; 0]);
}
