//! As a filter between programs.

use std::time::{Duration, Instant};

use super::*;

/// A wait that no busy machine takes for the end.
const PATIENT: [&str; 2] = ["--wait", "10"];

#[tokio::test]
async fn lines_in_and_lines_out() {
    let server = echo_server().await;
    let run = run("client", &[&server.address], "hello\n\n/close 3001\n//x\nwörld\x1b[1m").await;
    run.assert_status(0);
    assert_eq!(run.stdout, "hello\n\n/close 3001\n//x\nwörld\x1b[1m\n");
    assert_eq!(run.stderr, format!("{GREETING}close  1000\n"));
}

#[tokio::test]
async fn bytes_in_and_bytes_out() {
    let server = echo_server().await;
    let bytes: Vec<u8> =
        (0..3_000_000_u32).map(|number| (number.wrapping_mul(number) >> 7) as u8).collect();
    let mut command = example("client");
    let mut child = command.args([&server.address, "--binary"]).args(PATIENT).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let write = async {
        stdin.write_all(&bytes).await.unwrap();
        drop(stdin);
    };
    let ((), output) = within(async { tokio::join!(write, child.wait_with_output()) }).await;
    let output = output.unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert!(output.stdout == bytes, "{} bytes", output.stdout.len());
}

#[tokio::test]
async fn blocks_are_what_was_read_and_replies_have_nothing_added() {
    let ((), run) = serve(&["--binary", "--json"], async |tcp, child| {
        let mut ws = bowline::server::accept(tcp).await?;
        let mut stdin = child.stdin.take().unwrap();
        for part in ["one", "two\n"] {
            stdin.write_all(part.as_bytes()).await?;
            assert_eq!(ws.next().await.unwrap()?, Message::binary(part));
        }
        stdin.write_all(&vec![b'x'; 200_000]).await?;
        let mut left = 200_000;
        while left > 0 {
            let block = ws.next().await.unwrap()?.into_bytes();
            assert!(block.len() <= 64 << 10, "{}", block.len());
            left -= block.len();
        }
        ws.send(b"a\0b".to_vec()).await?;
        ws.send("[1, text]").await?;
        ws.send(Message::ping("p")).await?;
        ws.close(1000, "").await.map(drop)
    })
    .await;
    run.assert_status(0);
    assert_eq!(run.stdout, "a\0b[1, text]");
    assert_eq!(run.stderr, format!("{GREETING}ping   p\nclose  1000\n"));
}

/// Messages larger than what sockets hold: while one is being sent others have to be read, or neither
/// end gets any further.
#[tokio::test]
async fn lines_of_megabytes_through_an_echo_server() {
    let server = echo_server().await;
    let line = "x".repeat(8 << 20);
    let input = format!("{line}\n").repeat(4);
    let run = run("client", &[&server.address, PATIENT[0], PATIENT[1]], &input).await;
    run.assert_status(0);
    assert!(run.stdout == input, "{} bytes of {}", run.stdout.len(), input.len());
}

#[tokio::test]
async fn a_hundred_thousand_lines_in_order() {
    let server = echo_server().await;
    let input: String = (0..100_000).map(|number| format!("line {number}\n")).collect();
    let run = run("client", &[&server.address, PATIENT[0], PATIENT[1]], &input).await;
    run.assert_status(0);
    assert!(run.stdout == input, "{} bytes of {}", run.stdout.len(), input.len());
}

#[tokio::test]
async fn replies_have_their_time_after_the_end_of_the_input() {
    let wait = Duration::from_secs(1);
    let ((), run) = serve(&[], async |tcp, child| {
        let mut ws = bowline::server::accept(tcp).await?;
        child.stdin.take().unwrap().write_all(b"ask\n").await?;
        assert_eq!(ws.next().await.unwrap()?, Message::text("ask"));
        let mut last = Instant::now();
        for reply in ["a", "b", "c"] {
            tokio::time::sleep(wait / 2).await;
            last = Instant::now();
            ws.send(reply).await?;
        }
        ws.send(Message::ping("no reply")).await?;
        assert!(matches!(ws.next().await.unwrap()?, Message::Pong(_)));
        assert_eq!(ws.next().await.unwrap()?, Message::close(1000, ""));
        // From when it was shown, which is later.
        assert!(last.elapsed() >= wait, "{:?}", last.elapsed());
        assert!(ws.next().await.is_none());
        Ok(())
    })
    .await;
    run.assert_status(0);
    assert_eq!(run.stdout, "a\nb\nc\n");
}

#[tokio::test]
async fn the_wait_can_be_none() {
    let ((), run) = serve(&["--wait", "0"], async |tcp, child| {
        let mut ws = bowline::server::accept(tcp).await?;
        child.stdin.take().unwrap().write_all(b"tell\n").await?;
        assert_eq!(ws.next().await.unwrap()?, Message::text("tell"));
        assert_eq!(ws.next().await.unwrap()?, Message::close(1000, ""));
        Ok(())
    })
    .await;
    run.assert_status(0);
}

/// As `| head -1`: whoever reads has what they wanted.
#[tokio::test]
async fn nobody_reads_any_more() {
    let ((), run) = serve(&[], async |tcp, child| {
        let mut ws = bowline::server::accept(tcp).await?;
        ws.send("first").await?;
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).await?;
        assert_eq!(line, "first\n");
        drop(stdout);
        let (mut reader, mut writer) = ws.split();
        let flood = async { while writer.send("more").await.is_ok() {} };
        let end = async {
            let close = reader.next().await.unwrap()?;
            assert_eq!(close, Message::close(1000, ""));
            Ok(())
        };
        tokio::join!(flood, end).1
    })
    .await;
    run.assert_status(0);
    assert_eq!(run.stderr, GREETING);
}

/// What nobody reads is not fetched: the server is held up, and then gets rid of all of it.
#[tokio::test]
async fn a_slow_reader_holds_up_the_server() {
    const MESSAGE: usize = 1 << 20;
    const COUNT: usize = 150;
    let ((), run) = serve(&[], async |tcp, child| {
        let (mut reader, mut writer) = bowline::server::accept(tcp).await?.split();
        let message = Message::text("x".repeat(MESSAGE));
        let mut sent = 0;
        // It is over when there is no progress for a while.
        while let Ok(result) =
            tokio::time::timeout(Duration::from_secs(2), writer.send(message.clone())).await
        {
            result?;
            sent += 1;
            assert!(sent < COUNT / 2, "all of it is somewhere");
        }
        let mut stdout = child.stdout.take().unwrap();
        let drain = async {
            let (mut total, mut buffer) = (0, vec![0; 1 << 16]);
            loop {
                match stdout.read(&mut buffer).await? {
                    0 => return Ok::<_, Error>(total),
                    len => total += len,
                }
            }
        };
        let send = async {
            // That which was waiting is queued whole, or not at all.
            writer.flush().await?;
            for _ in sent..COUNT {
                writer.send(message.clone()).await?;
            }
            writer.close(1000, "").await?;
            while let Some(message) = reader.next().await {
                message?;
            }
            Ok::<_, Error>(())
        };
        let (total, result) = tokio::join!(drain, send);
        result?;
        let messages = total? / (MESSAGE + 1);
        assert!(messages == COUNT || messages == COUNT + 1, "{messages}");
        Ok(())
    })
    .await;
    run.assert_status(0);
}

/// A server that doesn't read holds up whoever writes.
#[tokio::test]
async fn a_slow_server_holds_up_the_writer() {
    let ((), run) = serve(&[], async |tcp, child| {
        let mut ws = bowline::server::accept(tcp).await?;
        let mut stdin = child.stdin.take().unwrap();
        let line = [&[b'x'; 1 << 20][..], b"\n"].concat();
        let mut written = 0;
        while let Ok(result) =
            tokio::time::timeout(Duration::from_secs(2), stdin.write(&line[written % line.len()..]))
                .await
        {
            written += result?;
            assert!(written < 75 << 20, "all of it is somewhere");
        }
        drop(stdin);
        while let Some(message) = ws.next().await {
            message?;
        }
        Ok(())
    })
    .await;
    run.assert_status(0);
}

#[tokio::test]
async fn input_that_is_no_text() {
    let ((), run) = serve(&[], async |tcp, child| {
        let mut ws = bowline::server::accept(tcp).await?;
        child.stdin.take().unwrap().write_all(b"good\n\xff\nmore\n").await?;
        assert_eq!(ws.next().await.unwrap()?, Message::text("good"));
        assert_eq!(ws.next().await.unwrap()?, Message::close(1001, ""));
        assert!(ws.next().await.is_none());
        Ok(())
    })
    .await;
    run.assert_status(1);
    run.assert_complains("client: standard input: stream did not contain valid UTF-8\n");
}

/// A full disk is an error, where a reader that has gone is none.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn output_that_cannot_be_written() {
    let server = echo_server().await;
    let full = fs::File::options().write(true).open("/dev/full").unwrap();
    let mut child = example("client").arg(&server.address).stdout(full).spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"hello\n").await.unwrap();
    let run = Run::from(within(child.wait_with_output()).await.unwrap());
    run.assert_status(1);
    run.assert_complains("client: standard output: ");
}
