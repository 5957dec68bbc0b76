//! Files that are there as a whole or not at all: written under another name, and renamed at the end.

use std::{
    fs, io,
    path::{Component, Path, PathBuf},
    process,
    sync::atomic::{AtomicU64, Ordering},
};

use tokio::{fs::File, io::AsyncWriteExt};

use crate::Failure;

/// What happens to a file that has the name already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Existing {
    Kept,
    Replaced,
}

/// A name that stands for a file in a directory, and for nothing else.
pub(crate) fn check_name(name: &str) -> Result<(), Failure> {
    let mut components = Path::new(name).components();
    let is_plain = matches!(components.next(), Some(Component::Normal(first)) if first == name)
        && components.next().is_none();
    // Backslashes separate on some systems only, and are trouble on all. Control characters are for
    // terminals; hidden files are this program's own, or somebody's settings.
    if is_plain
        && !name.starts_with('.')
        && !name.contains(['/', '\\'])
        && !name.contains(char::is_control)
    {
        return Ok(());
    }
    Err(Failure::new(format!("not a plain file name: {name:?}")))
}

/// A file that is being received. Dropped before [`keep`](Self::keep) it leaves nothing.
pub(crate) struct Partial {
    file: File,
    path: PathBuf,
}

impl Partial {
    pub(crate) async fn create(directory: &Path) -> io::Result<Self> {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        loop {
            let number = NUMBER.fetch_add(1, Ordering::Relaxed);
            let path = directory.join(format!(".upload-{}-{number}.part", process::id()));
            match File::create_new(&path).await {
                Ok(file) => return Ok(Self { file, path }),
                // Of another machine on the same disk, or one that was killed.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
    }

    pub(crate) async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes).await
    }

    /// Gives it its name.
    pub(crate) async fn keep(mut self, path: &Path, existing: Existing) -> io::Result<()> {
        self.file.flush().await?;
        self.file.sync_all().await?;
        match existing {
            Existing::Replaced => tokio::fs::rename(&self.path, path).await,
            // Of two who come with the same name one is refused here, whoever looked before. The other
            // name goes when this is dropped.
            Existing::Kept => tokio::fs::hard_link(&self.path, path).await,
        }
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        // After a rename it is gone already.
        let _ = fs::remove_file(&self.path);
    }
}
