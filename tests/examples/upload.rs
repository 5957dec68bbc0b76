//! Files put and got, whole or not at all.

mod cut;
#[cfg(target_os = "linux")]
mod memory;

use std::{fs::File, path::PathBuf};

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
