//! A file tree for one layer of an image, and the tar archive that it becomes: the same tree always
//! gives the same bytes, whoever owns the files here and whenever they were written. IO: reads the
//! files named, writes the archive.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use tar::{EntryType, Header};

use super::{ImageError, io_error};

/// A layer: an uncompressed tar archive and its SHA-256.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layer {
    /// The archive.
    pub path: PathBuf,
    /// Its SHA-256, in hexadecimal.
    pub digest: String,
}

impl Layer {
    /// The layer that is in the archive `path` already.
    ///
    /// # Errors
    /// [`ImageError::Io`] when it cannot be read.
    pub fn of(path: &Path) -> Result<Self, ImageError> {
        let mut file = BufReader::new(File::open(path).map_err(io_error("opening", path))?);
        let mut hashing = Hashing { inner: io::sink(), hash: Sha256::new() };
        io::copy(&mut file, &mut hashing).map_err(io_error("reading", path))?;
        Ok(Self { path: path.to_owned(), digest: hashing.digest() })
    }
}

#[derive(Debug)]
enum Content {
    Directory,
    Bytes(Vec<u8>),
    File(PathBuf),
    Link(String),
}

#[derive(Debug)]
struct Entry {
    mode: u32,
    owner: u32,
    content: Content,
}

/// What is to be in a layer. Paths are relative to the root of the image, without a leading slash;
/// directories above an entry are made as root's, mode 755.
#[derive(Debug, Default)]
pub struct Tree {
    // In order of name a directory comes before what is in it.
    entries: BTreeMap<String, Entry>,
}

impl Tree {
    /// Adds a directory, or changes the mode of one.
    pub fn directory(&mut self, path: &str, mode: u32) {
        self.add(path, mode, Content::Directory);
    }

    /// Adds a file with this content.
    pub fn bytes(&mut self, path: &str, mode: u32, content: impl Into<Vec<u8>>) {
        self.add(path, mode, Content::Bytes(content.into()));
    }

    /// Adds a symbolic link.
    pub fn link(&mut self, path: &str, target: &str) {
        self.add(path, 0o777, Content::Link(target.to_owned()));
    }

    /// Adds the file or directory `from` with all in it. Modes become 755 for directories and
    /// programs, 644 for other files.
    ///
    /// # Errors
    /// [`ImageError::Io`] when something in it cannot be read.
    pub fn copy(&mut self, path: &str, from: &Path) -> Result<(), ImageError> {
        let metadata = fs::symlink_metadata(from).map_err(io_error("reading", from))?;
        if metadata.is_symlink() {
            let target = fs::read_link(from).map_err(io_error("reading", from))?;
            self.link(path, &target.to_string_lossy());
        } else if metadata.is_dir() {
            self.directory(path, 0o755);
            let list = || fs::read_dir(from)?.collect::<io::Result<Vec<_>>>();
            for entry in list().map_err(io_error("listing", from))? {
                self.copy(&format!("{path}/{}", entry.file_name().to_string_lossy()), &entry.path())?;
            }
        } else {
            let mode = if metadata.permissions().mode() & 0o111 == 0 { 0o644 } else { 0o755 };
            self.add(path, mode, Content::File(from.to_owned()));
        }
        Ok(())
    }

    /// Gives `path` and all below it to the user and group `owner`.
    pub fn own(&mut self, path: &str, owner: u32) {
        let below = format!("{path}/");
        let entries = self.entries.iter_mut().filter(|(name, _)| *name == path || name.starts_with(&below));
        entries.for_each(|(_, entry)| entry.owner = owner);
    }

    fn add(&mut self, path: &str, mode: u32, content: Content) {
        let mut parent = path;
        while let Some((above, _)) = parent.rsplit_once('/') {
            let directory = Entry { mode: 0o755, owner: 0, content: Content::Directory };
            self.entries.entry(above.to_owned()).or_insert(directory);
            parent = above;
        }
        self.entries.insert(path.to_owned(), Entry { mode, owner: 0, content });
    }

    /// Writes the layer to `path`.
    ///
    /// # Errors
    /// [`ImageError::Io`] when a file cannot be read or the archive not be written.
    pub fn write(&self, path: &Path) -> Result<Layer, ImageError> {
        let mut writer = LayerWriter::create(path)?;
        for (name, entry) in &self.entries {
            let mut header = Header::new_gnu();
            header.set_mode(entry.mode);
            header.set_uid(entry.owner.into());
            header.set_gid(entry.owner.into());
            match &entry.content {
                Content::Directory => {
                    header.set_entry_type(EntryType::Directory);
                    writer.append(header, name, None, io::empty(), 0)?;
                }
                Content::Bytes(bytes) => writer.append(header, name, None, bytes.as_slice(), bytes.len() as u64)?,
                Content::File(from) => {
                    let file = File::open(from).map_err(io_error("opening", from))?;
                    let size = file.metadata().map_err(io_error("reading", from))?.len();
                    writer.append(header, name, None, BufReader::new(file), size)?;
                }
                Content::Link(target) => {
                    header.set_entry_type(EntryType::Symlink);
                    writer.append(header, name, Some(Path::new(target)), io::empty(), 0)?;
                }
            }
        }
        writer.finish()
    }
}

/// Writes a tar archive entry by entry and hashes it on the way.
pub(super) struct LayerWriter {
    path: PathBuf,
    archive: tar::Builder<Hashing<BufWriter<File>>>,
}

impl LayerWriter {
    pub(super) fn create(path: &Path) -> Result<Self, ImageError> {
        let file = File::create(path).map_err(io_error("creating", path))?;
        let hashing = Hashing { inner: BufWriter::new(file), hash: Sha256::new() };
        Ok(Self { path: path.to_owned(), archive: tar::Builder::new(hashing) })
    }

    /// Appends an entry of `size` bytes from `content`; a link goes to `target`. The header's time is
    /// set to the epoch.
    pub(super) fn append(
        &mut self,
        mut header: Header,
        name: &str,
        target: Option<&Path>,
        content: impl Read,
        size: u64,
    ) -> Result<(), ImageError> {
        header.set_mtime(0);
        header.set_size(size);
        let appended = match target {
            Some(target) => self.archive.append_link(&mut header, name, target),
            None => self.archive.append_data(&mut header, name, content),
        };
        appended.map_err(io_error("writing", &self.path))
    }

    pub(super) fn finish(self) -> Result<Layer, ImageError> {
        let Self { path, archive } = self;
        let finish = || {
            let mut hashing = archive.into_inner()?;
            hashing.flush()?;
            Ok(hashing.digest())
        };
        let digest = finish().map_err(io_error("writing", &path))?;
        Ok(Layer { path, digest })
    }
}

struct Hashing<W> {
    inner: W,
    hash: Sha256,
}

impl<W> Hashing<W> {
    fn digest(self) -> String {
        hex(&self.hash.finalize())
    }
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(buffer)?;
        self.hash.update(&buffer[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// Bytes in hexadecimal.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(directory: &Path, mode: u32) -> Tree {
        let program = directory.join("program");
        fs::write(&program, "#!/bin/sh\n").expect("write");
        fs::set_permissions(&program, fs::Permissions::from_mode(mode)).expect("chmod");
        let mut tree = Tree::default();
        tree.copy("opt/x/bin/program", &program).expect("copied");
        tree.bytes("etc/x/conf", 0o666, "a=b\n");
        tree.directory("var/lib/x", 0o1777);
        tree.link("opt/x/conf", "/etc/x");
        tree.own("etc/x", 999);
        tree
    }

    #[test]
    fn the_same_tree_gives_the_same_bytes_whatever_the_files_here_are_like() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let first = sample(directory.path(), 0o755).write(&directory.path().join("1.tar")).expect("written");
        let second = sample(directory.path(), 0o700).write(&directory.path().join("2.tar")).expect("written");
        assert_eq!(first.digest, second.digest);
        assert_eq!(fs::read(first.path).expect("read"), fs::read(&second.path).expect("read"));
        assert_eq!(Layer::of(&second.path).expect("read"), second);
    }

    #[test]
    fn entries_carry_their_modes_and_owners_and_directories_come_first() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let layer = sample(directory.path(), 0o755).write(&directory.path().join("1.tar")).expect("written");
        let mut archive = tar::Archive::new(File::open(layer.path).expect("open"));
        let entries: Vec<(String, u32, u64)> = archive
            .entries()
            .expect("entries")
            .map(|entry| {
                let entry = entry.expect("entry");
                let path = entry.path().expect("path").to_string_lossy().into_owned();
                (path, entry.header().mode().expect("mode"), entry.header().uid().expect("uid"))
            })
            .collect();
        let find = |path: &str| entries.iter().position(|entry| entry.0 == path).expect("it is there");
        assert_eq!(entries[find("etc/x/conf")], ("etc/x/conf".to_owned(), 0o666, 999));
        assert_eq!(entries[find("etc/x")].2, 999);
        assert_eq!(entries[find("etc")].2, 0);
        assert_eq!(entries[find("var/lib/x")].1, 0o1777);
        assert!(find("opt/x/bin") < find("opt/x/bin/program"));
    }
}
