//! A large file in little memory.

use std::io::{Read, Write};

use super::*;

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
fn peak(child: &Child) -> usize {
    let path = format!("/proc/{}/status", child.id().unwrap());
    let status = fs::read_to_string(path).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().strip_suffix(" kB").unwrap().parse::<usize>().unwrap() << 10
}

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
