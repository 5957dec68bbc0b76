//! What messages look like.

#[path = "../../../examples/client/hex.rs"]
mod hex;
#[path = "../../../examples/client/json.rs"]
mod json;

use super::*;

/// What `xxd` prints of the same.
#[test]
fn bytes_as_xxd_shows_them() {
    let bytes: Vec<u8> = (0x18..0x3a).chain([0x7e, 0x7f, 0xff]).collect();
    let expected = "
00000000: 1819 1a1b 1c1d 1e1f 2021 2223 2425 2627  ........ !\"#$%&'
00000010: 2829 2a2b 2c2d 2e2f 3031 3233 3435 3637  ()*+,-./01234567
00000020: 3839 7e7f ff                             89~..";
    assert_eq!(hex::dump(&bytes, 0), expected);
    assert_eq!(hex::dump(&[], 0), "");
    assert_eq!(hex::dump(&[0; 256], 2).lines().count(), 17);
    let cut = hex::dump(&[0; 1000], 2);
    assert_eq!(cut.lines().count(), 18);
    assert!(cut.ends_with("\n  ... 744 bytes more"), "{cut}");
}

#[test]
fn only_the_space_between_json_changes() {
    let text = r#" {"b" :[1.50,{} ,[ ]],"a":"\"}, {:[","n":12345678901234567890123, "a":null} "#;
    let expected = r#"{
  "b": [
    1.50,
    {},
    []
  ],
  "a": "\"}, {:[",
  "n": 12345678901234567890123,
  "a": null
}"#;
    assert_eq!(json::pretty(text).unwrap(), expected);
    assert_eq!(json::pretty(expected).unwrap(), expected);
    assert_eq!(json::pretty(" 1 ").unwrap(), "1");
    for text in ["", "{", "hello", "1 2", "[1,]", "\"\u{1}\""] {
        assert!(json::pretty(text).is_err(), "{text:?}");
    }
}

const JSON: &str = "{\"a\": [1, \"\u{7f}\"]}\nhello\n";

#[tokio::test]
async fn json_for_people() {
    let server = echo_server().await;
    let run = run("client", &[&server.address, "--interactive", "--json"], JSON).await;
    run.assert_status(0);
    let expected = r#"json   {
         "a": [
           1,
           "\u{7f}"
         ]
       }
text   hello
close  1000
"#;
    assert_eq!(run.stdout, expected);
    let complaint = "client: not JSON: expected value at line 1 column 1\n";
    assert_eq!(run.stderr, format!("{GREETING}{complaint}"));
}

#[tokio::test]
async fn json_for_programs() {
    let server = echo_server().await;
    let run = run("client", &[&server.address, "--json"], JSON).await;
    run.assert_status(0);
    assert_eq!(run.stdout, "{\n  \"a\": [\n    1,\n    \"\u{7f}\"\n  ]\n}\nhello\n");
    run.assert_complains("client: not JSON: expected value at line 1 column 1\n");
}

#[tokio::test]
async fn lines_typed_can_be_binary() {
    let server = echo_server().await;
    let arguments = [&server.address, "--interactive", "--binary"];
    let run = run("client", &arguments, "bytes\n//\n").await;
    run.assert_status(0);
    let expected = "binary 5 bytes
       00000000: 6279 7465 73                             bytes
binary 1 bytes
       00000000: 2f                                       /
close  1000
";
    assert_eq!(run.stdout, expected);
}

/// The time of a line as "pong   1.2 ms".
fn milliseconds(line: &str) -> Option<f64> {
    line.strip_prefix("pong   ")?.strip_suffix(" ms")?.parse().ok()
}

#[tokio::test]
async fn pings_are_timed() {
    for arguments in [&["--ping", "0.05"][..], &["--ping", "0.05", "--interactive"]] {
        let ((), run) = serve(arguments, async |tcp, _| {
            let mut ws = bowline::server::accept(tcp).await?;
            for _ in 0..3 {
                assert!(matches!(ws.next().await.unwrap()?, Message::Ping(_)));
            }
            // One that nobody has asked for has no time.
            ws.send(Message::pong("q")).await?;
            ws.close(1000, "").await.map(drop)
        })
        .await;
        run.assert_status(0);
        let (output, rest) = match arguments.len() {
            2 => (run.stderr.strip_prefix(GREETING).unwrap(), run.stdout.as_str()),
            _ => (run.stdout.as_str(), run.stderr.strip_prefix(GREETING).unwrap()),
        };
        assert_eq!(rest, "");
        let lines: Vec<&str> = output.lines().collect();
        let times = lines.iter().filter_map(|line| milliseconds(line)).count();
        assert!(times >= 2, "{lines:?}");
        let others: Vec<_> =
            lines.into_iter().filter(|line| milliseconds(line).is_none()).collect();
        assert_eq!(others, ["pong   q", "close  1000"]);
    }
}

#[tokio::test]
async fn a_ping_typed_is_timed_if_it_has_no_text() {
    let ((), run) = serve(&["--interactive"], async |tcp, child| {
        let mut ws = bowline::server::accept(tcp).await?;
        let stdin = child.stdin.as_mut().unwrap();
        for (typed, is_timed) in [("/ping\n", true), ("/ping text\n", false)] {
            stdin.write_all(typed.as_bytes()).await?;
            let Message::Ping(payload) = ws.next().await.unwrap()? else { panic!("no ping") };
            assert_eq!(payload != "text", is_timed);
        }
        ws.close(1000, "").await.map(drop)
    })
    .await;
    run.assert_status(0);
    let lines: Vec<&str> = run.stdout.lines().collect();
    assert!(milliseconds(lines[0]).is_some(), "{lines:?}");
    assert_eq!(lines[1..], ["pong   text", "close  1000"]);
}
