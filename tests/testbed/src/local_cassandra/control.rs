//! The control of a running ring from another shell: a socket in a directory of its own, for this user alone, on which orders
//! are taken one at a time. IO: files, a Unix socket.

mod cql;
mod driver;
mod views;

use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{UnixListener, UnixStream};

pub use driver::Driver;
pub use views::aligned_rows;

use super::{RingError, io_error};
use crate::checkout::{built, root};
use crate::progress::say;

/// Where the control is, unless told: in the checkout.
pub const DIRECTORY: &str = ".ring";
const SOCKET: &str = "control";
const ENVIRONMENT: &str = "env";
/// An order's text at the most, in bytes; an answer's.
const ORDER_MAX: u64 = 16 * 1024;
const ANSWER_MAX: u64 = 1024 * 1024;
/// How long somebody who has connected may take to say what is to be done.
const PATIENCE: Duration = Duration::from_secs(2);
/// Longer than any order takes, and the one before it.
const ANSWER: Duration = Duration::from_secs(600);

/// What may be asked of a ring. Nodes are numbered from 1, as people do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// What runs, and who sees whom.
    Status,
    /// Ends a node as an operating system would.
    Stop(u8),
    /// Ends a node at once.
    Kill(u8),
    /// Starts it again on its data.
    Start(u8),
    /// Halts it: its connections stay open and it answers nothing.
    Pause(u8),
    /// Lets it go on.
    Resume(u8),
    /// Cuts its wires to all other nodes.
    Cut(u8),
    /// Makes all wires whole.
    Heal,
    /// Has one node more join.
    Add,
    /// Has the node that joined last leave.
    Remove,
    /// Has a node drop the rows that are not its any more.
    Cleanup(u8),
    /// Brings all copies of the store's rows together.
    Repair,
    /// Whether nodes keep hints for those that are away.
    Handoff(bool),
    /// Who keeps hints for whom; or waits until nobody does.
    Hints {
        /// Whether to wait.
        wait: bool,
    },
    /// How many copies of each of the store's rows there are.
    Factor(u8),
    /// Runs a statement on one node.
    Cql {
        /// Which.
        node: u8,
        /// The consistency level, by Cassandra's name.
        level: String,
        /// The statement.
        statement: String,
    },
    /// Shows what each replica of a row of the store has by itself.
    Copies {
        /// The table.
        table: String,
        /// The partition key, a value for each of its columns.
        key: Vec<String>,
        /// The columns to show.
        columns: Vec<String>,
    },
    /// Takes back whatever was done to the ring.
    Restore,
}

/// The answer: what to show, and whether it was done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reply {
    /// Whether it was done.
    pub done: bool,
    /// What to show.
    pub text: String,
}

/// The directory with the socket. Dropping it takes both away.
#[derive(Debug)]
pub struct Door {
    directory: PathBuf,
    listener: UnixListener,
}

impl Door {
    /// Opens a door in `directory`, which must not be there, or be that of a ring that has ended.
    ///
    /// # Errors
    /// [`RingError::Io`], also when another ring is controlled from there.
    pub async fn open(directory: &Path, url: Option<&str>) -> Result<Self, RingError> {
        let socket = directory.join(SOCKET);
        if UnixStream::connect(&socket).await.is_ok() {
            let taken =
                io::Error::new(io::ErrorKind::AddrInUse, "another ring is controlled from there: end that one first");
            return Err(io_error(format!("opening {}", socket.display()))(taken));
        }
        if socket.exists() {
            // Of a program that was killed.
            fs::remove_dir_all(directory).map_err(io_error(format!("deleting {}", directory.display())))?;
        }
        let made = fs::DirBuilder::new().mode(0o700).create(directory);
        made.map_err(io_error(format!("creating {}, which must be free", directory.display())))?;
        let opened = Self::furnish(directory, url);
        opened.inspect_err(|_| drop(fs::remove_dir_all(directory)))
    }

    fn furnish(directory: &Path, url: Option<&str>) -> Result<Self, RingError> {
        let socket = directory.join(SOCKET);
        let listener = UnixListener::bind(&socket).map_err(io_error(format!("opening {}", socket.display())))?;
        let door = Self { directory: directory.to_owned(), listener };
        fs::set_permissions(&socket, fs::Permissions::from_mode(0o600))
            .map_err(io_error("closing the socket to others"))?;
        let file = directory.join(ENVIRONMENT);
        fs::write(&file, environment(directory, url)).map_err(io_error(format!("writing {}", file.display())))?;
        Ok(door)
    }

    /// Takes orders until the program ends.
    ///
    /// # Errors
    /// [`RingError::Io`] when nobody can connect any more.
    pub async fn serve(&self, driver: &mut Driver) -> Result<(), RingError> {
        loop {
            let (stream, _) = self.listener.accept().await.map_err(io_error("taking an order"))?;
            // Who went away meanwhile needs no answer.
            let _ = answer(stream, driver).await;
        }
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.directory);
    }
}

/// What a shell needs to know: where the store is, where the ring is, and where the program for both is.
fn environment(directory: &Path, url: Option<&str>) -> String {
    let programs = built("lab").parent().map(Path::to_owned).unwrap_or_default();
    let store =
        url.map(|url| format!("export STORE_URL={url}\nstore() {{ curl -sS \"$STORE_URL$1\" \"${{@:2}}\"; }}\n"));
    format!(
        "export PATH=\"{}:$PATH\"\nexport STORE_RING=\"{}\"\n{}",
        programs.display(),
        directory.display(),
        store.unwrap_or_default()
    )
}

async fn answer(mut stream: UnixStream, driver: &mut Driver) -> io::Result<()> {
    let (read, mut write) = stream.split();
    let mut line = String::new();
    let mut reader = BufReader::new(read.take(ORDER_MAX));
    tokio::time::timeout(PATIENCE, reader.read_line(&mut line)).await??;
    let reply = match serde_json::from_str::<Order>(&line) {
        Ok(order) => {
            say(format!("asked for: {order:?}"));
            match driver.obey(order).await {
                Ok(text) => Reply { done: true, text },
                Err(reason) => Reply { done: false, text: reason.to_string() },
            }
        }
        Err(error) => Reply { done: false, text: format!("this is no order: {error}") },
    };
    write.write_all(serde_json::to_string(&reply)?.as_bytes()).await?;
    write.write_all(b"\n").await
}

/// Gives an order to the ring that is controlled from `directory`.
///
/// # Errors
/// In words: no ring is controlled from there, or it does not answer.
pub async fn ask(directory: &Path, order: &Order) -> Result<Reply, String> {
    let socket = directory.join(SOCKET);
    let away = |error: io::Error| {
        format!("no ring is controlled from {} ({error}): `make labs` starts one", directory.display())
    };
    let mut stream = UnixStream::connect(&socket).await.map_err(away)?;
    let text = |error: io::Error| format!("the ring's program has ended: {error}");
    let order = serde_json::to_string(order).map_err(|error| error.to_string())?;
    stream.write_all(format!("{order}\n").as_bytes()).await.map_err(text)?;
    let mut answer = String::new();
    let read = BufReader::new(stream.take(ANSWER_MAX)).read_line(&mut answer).await;
    read.map_err(text)?;
    serde_json::from_str(&answer).map_err(|_| "the ring's program has ended before it answered".to_owned())
}

/// As [`ask`], with an end to the patience.
///
/// # Errors
/// As [`ask`], and after ten minutes.
pub async fn ask_in_time(directory: &Path, order: &Order) -> Result<Reply, String> {
    let late = |_| format!("no answer within {} s", ANSWER.as_secs());
    tokio::time::timeout(ANSWER, ask(directory, order)).await.map_err(late)?
}

/// Where the control of a ring is: as the environment says, else in the checkout.
pub fn directory() -> PathBuf {
    std::env::var_os("STORE_RING").map_or_else(|| root().join(DIRECTORY), PathBuf::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_door_is_for_its_owner_alone_and_leaves_nothing() {
        let place = tempfile::tempdir().expect("a directory");
        let directory = place.path().join("ring");
        let door = Door::open(&directory, Some("http://127.0.0.1:5000")).await.expect("a door");
        let mode = |path: &Path| fs::metadata(path).expect("there").permissions().mode() & 0o777;
        assert_eq!((mode(&directory), mode(&directory.join(SOCKET))), (0o700, 0o600));
        let error = Door::open(&directory, None).await.expect_err("it is open").to_string();
        assert!(error.contains("another ring"), "{error}");
        let text = fs::read_to_string(directory.join(ENVIRONMENT)).expect("written");
        assert!(text.contains("STORE_URL=http://127.0.0.1:5000") && text.contains("STORE_RING="), "{text}");
        drop(door);
        assert!(!directory.exists());
        let told = ask(&directory, &Order::Status).await.expect_err("nobody answers");
        assert!(told.contains("make labs"), "{told}");
    }

    #[tokio::test]
    async fn what_a_killed_program_left_is_replaced_and_what_is_somebodys_is_not() {
        let place = tempfile::tempdir().expect("a directory");
        let directory = place.path().join("ring");
        // The socket's file stays, and nobody listens.
        fs::create_dir(&directory).expect("made");
        drop(std::os::unix::net::UnixListener::bind(directory.join(SOCKET)).expect("bound"));
        drop(Door::open(&directory, None).await.expect("again"));
        fs::create_dir(&directory).expect("made");
        fs::write(directory.join("precious"), "").expect("written");
        Door::open(&directory, None).await.expect_err("it is not a ring's");
        assert!(directory.join("precious").exists());
    }
}
