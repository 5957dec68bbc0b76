//! On a terminal, which `script` (of util-linux) is here.
#![cfg(target_os = "linux")]

use super::*;

/// The client with a terminal for all three, and what types there.
async fn on_a_terminal(arguments: &str) -> Child {
    let mut client = example("client");
    let program = client.as_std_mut().get_program().to_str().unwrap().to_owned();
    let mut command = Command::new("script");
    command.args(["-qec", &format!("exec {program} {arguments}"), "/dev/null"]);
    command.kill_on_drop(true);
    command.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped());
    command.spawn().expect("the program `script`")
}

/// Types each when the line before it has been answered by one with this in it.
async fn talk(mut child: Child, steps: &[(&str, &str)]) -> Run {
    let mut stdin = child.stdin.take().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut seen = String::new();
    for (awaited, typed) in steps {
        while !seen.lines().last().unwrap_or_default().contains(awaited) {
            let read = within(stdout.read_line(&mut seen)).await.unwrap();
            assert!(read > 0, "{awaited}: {seen}");
        }
        stdin.write_all(typed.as_bytes()).await.unwrap();
    }
    within(stdout.read_to_string(&mut seen)).await.unwrap();
    let status = within(child.wait()).await.unwrap().code();
    Run { status, stdout: seen.replace('\r', ""), stderr: String::new() }
}

#[tokio::test]
async fn a_terminal_is_interactive() {
    let server = echo_server().await;
    let child = on_a_terminal(&server.address).await;
    let steps = [
        ("subprotocol none", "hello\n"),
        ("text   hello", "/ping again\n"),
        ("pong   again", "/close 3001 bye\n"),
    ];
    let run = talk(child, &steps).await;
    run.assert_status(0);
    run.assert_prints("close  3001\n");

    for (key, expected) in [("\x04", "close  1000\n"), ("\x03", "close  1001\n")] {
        let child = on_a_terminal(&server.address).await;
        let steps = [("subprotocol none", "hello\n"), ("text   hello", key)];
        let run = talk(child, &steps).await;
        run.assert_status(0);
        run.assert_prints(expected);
    }
}

/// Standard input is a pipe, and what a terminal would obey is made visible all the same.
#[tokio::test]
async fn a_pipe_to_a_terminal_is_harmless() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let uri = format!("ws://{} < /dev/null", listener.local_addr().unwrap());
    let child = on_a_terminal(&uri).await;
    let serve = async {
        let mut ws = bowline::server::accept(listener.accept().await.unwrap().0).await.unwrap();
        ws.send("two\nlines and \x1b[31mred").await.unwrap();
        ws.send(vec![7, 0x1b]).await.unwrap();
        ws.close(1000, "").await.unwrap();
    };
    let ((), run) = tokio::join!(serve, talk(child, &[]));
    run.assert_status(0);
    run.assert_prints("two\nlines and \\u{1b}[31mred\n");
    run.assert_prints("       00000000: 071b                                     ..\n");
}
