//! An archive of the classes that a Cassandra has loaded by the time it serves, for its image: with it a start takes a
//! third less processor time. Java takes the archive only with the very files, by path and size, that it was made from,
//! so a Cassandra is started once in the image's own file system, apart from the machine's processes, mounts and network.
//! Blocking IO; needs root.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::tree::{Layer, Tree};
use super::{ImageError, io_error};
use crate::command::run;

/// Where the image's `cassandra` looks for it.
const PLACE: &str = "opt/cassandra/classes.jsa";
/// Where Java writes it, in the image's file system.
const WRITTEN: &str = "tmp/classes.jsa";
/// A start and an end on two busy cores.
const TRAINING: Duration = Duration::from_secs(300);
/// Runs in namespaces of its own, with the root of the image and then the variables of its environment. Cassandra ends once it serves clients,
/// and Java writes the archive at its end.
pub(super) const SCRIPT: &str = r#"
set -eu
ip link set lo up
mount -t proc proc "$1/proc"
mount --bind /dev "$1/dev"
mkfifo "$1/tmp/log"
root=$1
shift
chroot "$root" /usr/bin/env -i "$@" docker-entrypoint.sh cassandra -f \
  -Dcassandra.config=file:///etc/cassandra/cassandra.yaml -Dlogback.configurationFile=/etc/cassandra/logback.xml \
  > "$root/tmp/log" 2>&1 &
cassandra=$!
while read -r line; do
  echo "$line"
  case $line in *'Starting listening for CQL clients'*) kill -TERM $cassandra ;; esac
done < "$root/tmp/log"
wait $cassandra || true
test -s "$root/tmp/classes.jsa"
"#;
/// One node by itself on loopback, without the waits for others, that archives its classes at its end.
pub(super) const ENVIRONMENT: [&str; 6] = [
    "MAX_HEAP_SIZE=256M",
    "CASSANDRA_LISTEN_ADDRESS=127.0.0.1",
    "CASSANDRA_RPC_ADDRESS=127.0.0.1",
    "CASSANDRA_BROADCAST_RPC_ADDRESS=127.0.0.1",
    "CASSANDRA_ARCHIVE_CLASSES=/tmp/classes.jsa",
    "JVM_OPTS=-Dcassandra.ring_delay_ms=100 -Dcassandra.skip_wait_for_gossip_to_settle=0",
];

/// The layer with the archive for the image of `layers`, whose programs have the variables `environment`.
pub(super) fn layer(layers: &[Layer], environment: &[String], work: &Path, to: &Path) -> Result<Layer, ImageError> {
    let root = work.join("training");
    fs::create_dir(&root).map_err(io_error("creating", &root))?;
    for layer in layers {
        run(Command::new("tar").arg("-xf").arg(&layer.path).arg("-C").arg(&root), TRAINING)?;
    }
    for directory in ["proc", "dev"] {
        fs::create_dir_all(root.join(directory)).map_err(io_error("creating", &root))?;
    }
    let archive = train(&root, environment)?;
    let mut tree = Tree::default();
    tree.copy(PLACE, &archive)?;
    let layer = tree.write(to)?;
    fs::remove_dir_all(&root).map_err(io_error("deleting", &root))?;
    Ok(layer)
}

fn train(root: &Path, environment: &[String]) -> Result<PathBuf, ImageError> {
    let mut unshare = Command::new("unshare");
    unshare.args(["--mount", "--net", "--pid", "--fork", "--kill-child", "sh", "-c", SCRIPT, "sh"]).arg(root);
    run(unshare.args(environment).args(ENVIRONMENT), TRAINING)?;
    Ok(root.join(WRITTEN))
}
