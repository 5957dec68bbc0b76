//! Files put and got, whole or not at all.

use std::{
    fs::File,
    io::{Read, Write},
    path::PathBuf,
};

use bowline::{MessageKind, Writer, client::Stream};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::task::JoinSet;

use super::*;

/// A directory of this test's own, gone with it.
struct Directory(PathBuf);

impl Directory {
    fn new(test: &str) -> Self {
        let path = env::temp_dir().join(format!("bowline-upload-{}-{test}", std::process::id()));
        fs::create_dir_all(path.join("kept")).unwrap();
        Self(path)
    }

    /// A file beside the server's directory.
    fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        fs::write(self.0.join(name), content).unwrap();
        self.path(name)
    }

    /// What is there, hidden files too.
    fn list(&self, directory: &str) -> Vec<String> {
        let entries = fs::read_dir(self.0.join(directory)).unwrap();
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| name != "kept")
            .collect();
        names.sort();
        names
    }

    async fn serve(&self, arguments: &[&str]) -> Service {
        let mut command = example("upload");
        command.args(["serve", "127.0.0.1:0", &self.path("kept")]).args(arguments);
        Service::launch(&mut command, "upload: ").await
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn hex(digest: impl AsRef<[u8]>) -> String {
    digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn sum(content: impl AsRef<[u8]>) -> String {
    hex(Sha256::digest(content.as_ref()))
}

#[tokio::test]
async fn upload_puts_and_gets_files_of_every_size() {
    let directory = Directory::new("sizes");
    let server = directory.serve(&[]).await;
    let block: Vec<u8> =
        (0..200_000_u32).flat_map(|at| at.wrapping_mul(at).to_le_bytes()).collect();
    for size in [0, 1, 125, 126, 65_535, 65_536, 65_537, 800_000] {
        let (name, content) = (format!("a file of {size}"), &block[..size]);
        let file = directory.write(&name, content);
        let line = format!("{name}: {size} bytes, sha256 {}\n", sum(content));
        let put = run("upload", &["put", &server.address, &file], "").await;
        put.assert_status(0);
        assert_eq!(put.stdout, line);
        assert_eq!(fs::read(directory.path(&format!("kept/{name}"))).unwrap(), content);
        let copy = directory.path("copy");
        let get = run("upload", &["get", &server.address, &name, &copy, "--force"], "").await;
        get.assert_status(0);
        assert_eq!(get.stdout, line);
        assert_eq!(fs::read(copy).unwrap(), content);
    }
    assert_eq!(directory.list("kept").len(), 8);
}

/// Its size is known to nobody before its end.
#[cfg(unix)]
#[tokio::test]
async fn upload_puts_what_comes_out_of_a_pipe() {
    let directory = Directory::new("pipe");
    let server = directory.serve(&[]).await;
    let content = "line after line\n".repeat(50_000);
    let arguments = ["put", server.address.as_str(), "/dev/stdin", "--name", "lines"];
    let put = run("upload", &arguments, &content).await;
    put.assert_status(0);
    assert_eq!(put.stdout, format!("lines: {} bytes, sha256 {}\n", content.len(), sum(&content)));
    assert_eq!(fs::read(directory.path("kept/lines")).unwrap(), content.as_bytes());
}

#[tokio::test]
async fn upload_takes_several_at_once_and_one_of_two_with_the_same_name() {
    let directory = Directory::new("several");
    let server = directory.serve(&[]).await;
    let mut runs = JoinSet::new();
    for number in 0..8 {
        let content = format!("file {number}; ").repeat(100_000);
        let file = directory.write(&format!("{number}"), content);
        // The odd ones all want one name.
        let name = if number % 2 == 1 { "same".to_owned() } else { format!("file {number}") };
        let uri = server.address.clone();
        runs.spawn(async move {
            (number, run("upload", &["put", &uri, &file, "--name", &name], "").await)
        });
    }
    let (odd, even): (Vec<_>, Vec<_>) =
        runs.join_all().await.into_iter().partition(|(number, _)| number % 2 == 1);
    for (_, run) in &even {
        run.assert_status(0);
    }
    let (won, lost): (Vec<_>, Vec<_>) = odd.iter().partition(|(_, run)| run.status == Some(0));
    assert_eq!((won.len(), lost.len()), (1, 3), "{odd:?}");
    for (_, run) in lost {
        run.assert_status(1);
        run.assert_complains("upload: there is a file \"same\" already\n");
    }
    let kept = fs::read_to_string(directory.path("kept/same")).unwrap();
    assert_eq!(kept, format!("file {}; ", won[0].0).repeat(100_000));
    assert_eq!(directory.list("kept"), ["file 0", "file 2", "file 4", "file 6", "same"]);
}

#[tokio::test]
async fn upload_replaces_only_if_told() {
    let directory = Directory::new("force");
    let server = directory.serve(&[]).await;
    let (old, new) = (directory.write("old", "old"), directory.write("new", "new"));
    let put = |file: String, force: &'static [&'static str]| {
        let arguments = ["put", server.address.as_str(), &file, "--name", "x"];
        let arguments: Vec<String> =
            arguments.iter().chain(force).map(|word| (*word).to_owned()).collect();
        async move {
            let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
            run("upload", &arguments, "").await
        }
    };
    put(old.clone(), &[]).await.assert_status(0);
    let refused = put(new.clone(), &[]).await;
    refused.assert_status(1);
    assert_eq!(refused.stderr, "upload: there is a file \"x\" already\n");
    assert_eq!(fs::read(directory.path("kept/x")).unwrap(), b"old");
    put(new.clone(), &["--force"]).await.assert_status(0);
    assert_eq!(fs::read(directory.path("kept/x")).unwrap(), b"new");

    // The same at the other end.
    let get = run("upload", &["get", &server.address, "x", &old], "").await;
    get.assert_status(1);
    get.assert_complains("old: there already\n");
    assert_eq!(fs::read(&old).unwrap(), b"old");
    run("upload", &["get", &server.address, "x", &old, "--force"], "").await.assert_status(0);
    assert_eq!(fs::read(&old).unwrap(), b"new");
    assert_eq!(
        (directory.list("kept"), directory.list(".")),
        (vec!["x".into()], vec!["new".into(), "old".into()])
    );
}

#[tokio::test]
async fn upload_gets_nothing_where_there_is_nothing() {
    let directory = Directory::new("nothing");
    let server = directory.serve(&[]).await;
    fs::create_dir(directory.path("kept/folder")).unwrap();
    directory.write("outside", "secret");
    directory.write("kept/.hidden", "secret");
    for (name, complaint) in [
        ("absent", "upload: there is no file \"absent\"\n"),
        ("folder", "upload: there is no file \"folder\"\n"),
        ("../outside", "upload: not a plain file name: \"../outside\"\n"),
        (".hidden", "upload: not a plain file name: \".hidden\"\n"),
        ("..", "upload: not a plain file name: \"..\"\n"),
        ("", "upload: not a plain file name: \"\"\n"),
        ("/etc/hostname", "upload: not a plain file name: \"/etc/hostname\"\n"),
        ("folder/", "upload: not a plain file name: \"folder/\"\n"),
        ("a\\b", "upload: not a plain file name: \"a\\\\b\"\n"),
        ("a\x1b[2Jb", "upload: not a plain file name: \"a\\u{1b}[2Jb\"\n"),
    ] {
        let file = directory.path("got");
        let get = run("upload", &["get", &server.address, name, &file], "").await;
        get.assert_status(1);
        assert_eq!((get.stderr.as_str(), get.stdout.as_str()), (complaint, ""));
    }
    assert_eq!(directory.list("."), ["outside"]);
}

#[tokio::test]
async fn upload_takes_no_more_than_it_may() {
    let directory = Directory::new("max");
    let server = directory.serve(&["--max", "1000"]).await;
    let (fits, large) = (directory.write("fits", [1; 1000]), directory.write("large", [1; 1001]));
    run("upload", &["put", &server.address, &fits], "").await.assert_status(0);
    let refused = run("upload", &["put", &server.address, &large], "").await;
    refused.assert_status(1);
    assert_eq!(refused.stderr, "upload: 1001 bytes, 1000 allowed\n");
    assert_eq!(directory.list("kept"), ["fits"]);
}

/// A client with its own hands; the server has agreed to take a file of this name.
struct Raw {
    ws: WebSocket<Stream>,
}

impl Raw {
    async fn connect(server: &Service) -> Self {
        let client = Client::new(&server.address).unwrap().subprotocols(["upload.example"]);
        Self { ws: within(client.connect()).await.unwrap().0 }
    }

    async fn ask(&mut self, request: Value) -> Value {
        within(self.ws.send(request.to_string())).await.unwrap();
        self.read().await
    }

    async fn read(&mut self) -> Value {
        loop {
            match within(self.ws.next()).await.unwrap().unwrap() {
                Message::Text(text) => return serde_json::from_str(&text).unwrap(),
                Message::Pong(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    async fn put(server: &Service, name: &str) -> Self {
        let mut raw = Self::connect(server).await;
        let answer = raw.ask(json!({ "put": name, "size": null, "replace": false })).await;
        assert_eq!(answer["ready"], name);
        raw
    }

    /// Up to its Close.
    async fn close_code(&mut self) -> CloseCode {
        loop {
            match within(self.ws.next()).await.unwrap().unwrap() {
                Message::Close(frame) => return frame.unwrap().code,
                Message::Pong(_) | Message::Text(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }
}

/// Whatever becomes of the one who sends it.
#[tokio::test]
async fn upload_keeps_nothing_of_a_file_that_is_cut() {
    let directory = Directory::new("cut");
    let mut server = directory.serve(&["--max", "100000"]).await;
    let answered = async |name: &str, end: Option<Message>| {
        let mut raw = Raw::put(&server, name).await;
        let mut message = raw.ws.start_message(MessageKind::Binary).await.unwrap();
        within(message.write_all(&[1; 50_000])).await.unwrap();
        within(message.flush()).await.unwrap();
        if let Some(end) = end {
            within(message.finish()).await.unwrap();
            within(raw.ws.send(end)).await.unwrap();
        } else {
            drop(message);
            within(raw.ws.flush()).await.unwrap();
        }
        raw
    };
    // Left unfinished, which closes; and without a word.
    assert_eq!(answered("unfinished", None).await.close_code().await, CloseCode::ERROR);
    drop(answered("dropped", None).await);
    // Whole, but with no sum behind it, or a wrong one.
    let right = json!({ "size": 50_000, "sha256": sum([1; 50_000]) });
    for end in [
        Message::close(CloseCode::NORMAL, ""),
        Message::binary("more"),
        Message::text("{}"),
        Message::text(json!({ "size": 50_001, "sha256": right["sha256"] }).to_string()),
        Message::text(json!({ "size": 50_000, "sha256": sum("other") }).to_string()),
    ] {
        answered("wrong", Some(end)).await.close_code().await;
    }
    // More than it may.
    let mut raw = Raw::put(&server, "large").await;
    within(raw.ws.send(Message::binary(vec![1; 100_001]))).await.unwrap();
    assert_eq!(raw.close_code().await, CloseCode::SIZE);
    // A text.
    let mut raw = Raw::put(&server, "text").await;
    within(raw.ws.send("not bytes")).await.unwrap();
    assert_eq!(raw.close_code().await, CloseCode::POLICY);

    // One that is as it should be comes last: by then the others are over, but for the server's own loop.
    let mut raw = answered("right", Some(Message::text(right.to_string()))).await;
    assert_eq!(raw.read().await, right);
    within(raw.ws.close(1000, "")).await.unwrap();
    within(server.log.next_line()).await.unwrap();
    within(async {
        while directory.list("kept") != ["right"] {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

/// With half a file on its way in, and half a file on its way out.
#[tokio::test]
async fn upload_answers_pings_while_files_come_and_go() {
    let directory = Directory::new("pings");
    let server = directory.serve(&[]).await;
    let mut raw = Raw::put(&server, "slow").await;
    {
        let Raw { ws } = raw;
        let (mut reader, mut writer) = ws.split();
        let mut control: Writer<Stream> = writer.clone();
        let mut message = writer.start_message(MessageKind::Binary).await.unwrap();
        for round in ["one", "two"] {
            within(message.write_all(b"half ")).await.unwrap();
            within(message.flush()).await.unwrap();
            within(control.send(Message::ping(round))).await.unwrap();
            assert_eq!(within(reader.next()).await.unwrap().unwrap(), Message::pong(round));
        }
        within(message.finish()).await.unwrap();
        drop(control);
        raw = Raw { ws: reader.reunite(writer).unwrap() };
    }
    let whole = json!({ "size": 10, "sha256": sum("half half ") });
    assert_eq!(raw.ask(whole.clone()).await, whole);

    File::create(directory.path("kept/large")).unwrap().set_len(1 << 30).unwrap();
    let size = 1 << 30;
    assert_eq!(raw.ask(json!({ "get": "large" })).await, json!({ "ready": "large", "size": size }));
    let mut message = within(raw.ws.next_streamed()).await.unwrap().unwrap();
    assert!(within(message.next()).await.unwrap().is_ok());
    // Read past what was on its way before the ping, a pong is there or will be.
    drop(message);
    within(raw.ws.send(Message::ping("are you there"))).await.unwrap();
    loop {
        let message = within(raw.ws.next()).await.unwrap().unwrap();
        if message == Message::pong("are you there") {
            break;
        }
    }
}

/// So many bytes that no two blocks are the same.
fn generate(path: &str, len: usize) -> String {
    const BLOCK: usize = 1 << 20;
    let mut file = File::create(path).unwrap();
    let mut hash = Sha256::new();
    let mut block: Vec<u8> = (0..BLOCK).map(|at| ((at * at) >> 9) as u8).collect();
    for number in 0..len / BLOCK {
        block[..8].copy_from_slice(&(number as u64).to_le_bytes());
        hash.update(&block);
        file.write_all(&block).unwrap();
    }
    hex(hash.finalize())
}

fn hash_of(path: &str) -> String {
    let (mut file, mut hash) = (File::open(path).unwrap(), Sha256::new());
    let mut buffer = vec![0; 1 << 20];
    loop {
        match file.read(&mut buffer).unwrap() {
            0 => return hex(hash.finalize()),
            len => hash.update(&buffer[..len]),
        }
    }
}

/// The most memory that a program has held, in bytes.
#[cfg(target_os = "linux")]
fn peak(child: &Child) -> usize {
    let path = format!("/proc/{}/status", child.id().unwrap());
    let status = fs::read_to_string(path).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().strip_suffix(" kB").unwrap().parse::<usize>().unwrap() << 10
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn upload_holds_little_memory_whatever_the_size() {
    const LEN: usize = 300 << 20;
    let directory = Directory::new("memory");
    let server = directory.serve(&[]).await;
    let (file, copy) = (directory.path("large"), directory.path("copy"));
    let hash = generate(&file, LEN);
    let line = format!("large: {LEN} bytes, sha256 {hash}\n");
    let put = run("upload", &["put", &server.address, &file], "").await;
    put.assert_status(0);
    assert_eq!(put.stdout, line);
    // Lines, because this is no terminal.
    assert_eq!(put.stderr.lines().count(), 10, "{}", put.stderr);
    put.assert_complains(" 100%  314.6 MB of 314.6 MB  ");
    fs::remove_file(&file).unwrap();
    let get = run("upload", &["get", &server.address, "large", &copy], "").await;
    get.assert_status(0);
    assert_eq!(get.stdout, line);
    assert_eq!(hash_of(&copy), hash);
    let peak = peak(&server.child);
    assert!(peak < 32 << 20, "{peak} bytes");
}

#[cfg(unix)]
#[tokio::test]
async fn upload_stops_politely_at_both_ends() {
    let directory = Directory::new("interrupt");
    let mut server = directory.serve(&[]).await;
    // A client that waits for a pipe nobody writes into, with the file begun.
    let mut child = example("upload")
        .args(["put", &server.address, "/dev/stdin", "--name", "half"])
        .spawn()
        .unwrap();
    child.stdin.as_mut().unwrap().write_all(&[1; 200_000]).await.unwrap();
    within(async {
        while directory.list("kept").is_empty() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let mut raw = Raw::put(&server, "other").await;
    server.interrupt().await;
    assert_eq!(raw.close_code().await, CloseCode::AWAY);
    drop(raw);
    assert!(within(server.child.wait()).await.unwrap().success());
    let output = within(child.wait_with_output()).await.unwrap();
    let client = Run::from(output);
    client.assert_status(1);
    client.assert_complains(
        "upload: closed by the other end: 1001 (\"the server is shutting down\")\n",
    );
    assert!(directory.list("kept").is_empty());
}

#[tokio::test]
async fn upload_is_no_place_for_pages_and_strangers() {
    let directory = Directory::new("strangers");
    let server = directory.serve(&[]).await;
    let client = || Client::new(&server.address).unwrap();
    for (client, status) in [
        (client(), StatusCode::BAD_REQUEST),
        (client().subprotocols(["other"]), StatusCode::BAD_REQUEST),
        (
            client().subprotocols(["upload.example"]).header("origin", "http://a.example"),
            StatusCode::FORBIDDEN,
        ),
    ] {
        let error = within(client.connect()).await.err().unwrap();
        assert_eq!(error.refusal().unwrap().status(), status);
    }
    let echo = echo_server().await;
    let file = directory.write("x", "x");
    let put = run("upload", &["put", &echo.address, &file], "").await;
    put.assert_status(1);
    put.assert_complains("the server has never heard of upload.example\n");
}

#[tokio::test]
async fn upload_says_how_it_is_called_and_what_is_not_there() {
    for bad in [
        &[][..],
        &["serve", "a"],
        &["serve", "a", "b", "--max", "x"],
        &["put", "a"],
        &["put", "a", "b", "c"],
        &["put", "a", "b", "--max", "1"],
        &["get", "a", "b"],
        &["get", "a", "b", "c", "--name", "d"],
    ] {
        let run = run("upload", bad, "").await;
        run.assert_status(2);
        run.assert_complains("usage: upload serve");
    }
    let run1 = run("upload", &["put", "ws://127.0.0.1:1/", "/nowhere/file"], "").await;
    run1.assert_status(1);
    run1.assert_complains("upload: /nowhere/file: ");
    let run2 = run("upload", &["serve", "127.0.0.1:0", "/nowhere"], "").await;
    run2.assert_status(1);
    run2.assert_complains("upload: /nowhere: not a directory\n");
}
