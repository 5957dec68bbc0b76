//! Whether text is XML, as far as charts make use of it.

/// Panics unless tags are closed in their order, attributes are quoted and unique, and nothing is left unescaped.
pub(super) fn assert_well_formed(xml: &str) {
    let mut open: Vec<&str> = Vec::new();
    let mut rest = xml;
    while let Some((text, tail)) = rest.split_once('<') {
        assert_escaped(text);
        let (tag, tail) = tail.split_once('>').expect("a tag that ends");
        rest = tail;
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name), "closed in order");
            assert!(!open.is_empty() || rest.trim().is_empty(), "one root");
        } else if let Some(empty) = tag.strip_suffix('/') {
            assert_tag(empty);
        } else {
            open.push(assert_tag(tag));
        }
    }
    assert_escaped(rest);
    assert!(open.is_empty(), "left open: {open:?}");
}

/// A tag's name.
fn assert_tag(tag: &str) -> &str {
    let (name, mut attributes) = tag.split_once(' ').unwrap_or((tag, ""));
    assert!(!name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase()), "tag {name:?}");
    let mut seen = Vec::new();
    while !attributes.trim().is_empty() {
        let (attribute, tail) = attributes.split_once("=\"").expect("a quoted value");
        let (value, tail) = tail.split_once('"').expect("a quote that ends");
        let attribute = attribute.trim();
        assert!(
            attribute.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'-'),
            "{attribute:?}"
        );
        assert!(!seen.contains(&attribute), "{attribute} twice");
        assert_escaped(value);
        seen.push(attribute);
        attributes = tail;
    }
    name
}

fn assert_escaped(text: &str) {
    assert!(!text.contains(['<', '>']), "unescaped: {text:?}");
    assert!(
        !text.contains(|character: char| character < ' ' && character != '\n'),
        "control character: {text:?}"
    );
    for (at, _) in text.match_indices('&') {
        let known = ["&amp;", "&lt;", "&gt;", "&quot;"];
        assert!(known.iter().any(|entity| text[at..].starts_with(entity)), "entity: {text:?}");
    }
}

#[test]
fn tells_what_is_wrong() {
    assert_well_formed("<svg a=\"b\"><g/><text>x &amp; y</text></svg>\n");
    for wrong in [
        "<svg>",
        "<svg></text>",
        "<svg a=b/>",
        "<svg a=\"1\" a=\"2\"/>",
        "<svg>&</svg>",
        "<svg/>>",
        "<svg a=\"<\"/>",
    ] {
        assert!(std::panic::catch_unwind(|| assert_well_formed(wrong)).is_err(), "{wrong}");
    }
}
