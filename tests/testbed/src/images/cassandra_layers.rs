//! The layers of the Cassandra images above Debian's, laid out as in the official image: the same
//! paths, user, variables and entrypoint. Blocking IO.
//!
//! Both versions run on Java 17. The official image of 4.1 has Java 11; here that version gets the
//! options that 5.0 has for Java 17, in the file of the name that is read there.

use std::path::Path;

use serde_json::{Value, json};

use super::cassandra::{Version, list_jars};
use super::debian::{Debian, read_file};
use super::tree::{Layer, Tree};
use super::{ImageError, io_error};

/// The user of the official image, by number and by name.
const UID: u32 = 999;
const USER: &str = "cassandra";
const JAVA_HOME: &str = "/opt/java/openjdk";
const PORTS: [u16; 5] = [7000, 7001, 7199, 9042, 9160];
/// In the official image only these sstable tools are on PATH.
const SSTABLE_TOOLS: [&str; 5] = ["sstableloader", "sstablescrub", "sstableupgrade", "sstableutil", "sstableverify"];
/// The rest is in `tools/bin`.
const MORE_SSTABLE_TOOLS: [&str; 7] = [
    "sstabledump",
    "sstableexpiredblockers",
    "sstablelevelreset",
    "sstablemetadata",
    "sstableofflinerelevel",
    "sstablerepairedset",
    "sstablesplit",
];

/// The configuration of the image.
pub(super) fn image_config(version: Version) -> Value {
    let ports: serde_json::Map<String, Value> = PORTS.iter().map(|port| (format!("{port}/tcp"), json!({}))).collect();
    json!({
        "Env": [
            format!("PATH=/opt/cassandra/bin:{JAVA_HOME}/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"),
            "LANG=C.UTF-8",
            format!("JAVA_HOME={JAVA_HOME}"),
            "CASSANDRA_HOME=/opt/cassandra",
            "CASSANDRA_CONF=/etc/cassandra",
            format!("CASSANDRA_VERSION={}", version.release()),
        ],
        "Entrypoint": ["docker-entrypoint.sh"],
        "Cmd": ["cassandra", "-f"],
        "Volumes": { "/var/lib/cassandra": {} },
        "ExposedPorts": ports,
    })
}

pub(super) fn java(home: &Path, to: &Path) -> Result<Layer, ImageError> {
    let mut tree = Tree::default();
    tree.copy(JAVA_HOME.trim_start_matches('/'), home)?;
    tree.write(to)
}

pub(super) fn cqlsh(packages: &Path, to: &Path) -> Result<Layer, ImageError> {
    let mut tree = Tree::default();
    tree.copy("opt/cassandra/pylib", packages)?;
    tree.write(to)
}

pub(super) fn jars(directory: &Path, to: &Path) -> Result<Layer, ImageError> {
    let mut tree = Tree::default();
    for jar in list_jars(directory)? {
        let name = jar.file_name().unwrap_or_default().to_string_lossy().into_owned();
        tree.copy(&format!("opt/cassandra/lib/{name}"), &jar)?;
    }
    tree.write(to)
}

/// The layer of programs, configuration and directories; `sources` is `testbed/image`.
pub(super) fn common(version: Version, sources: &Path, debian: &Debian, to: &Path) -> Result<Layer, ImageError> {
    let mut tree = Tree::default();
    tree.copy("opt/cassandra/bin", &sources.join("bin"))?;
    tree.copy("usr/local/bin/docker-entrypoint.sh", &sources.join("bin/docker-entrypoint.sh"))?;
    for (directory, tools, program) in [
        ("opt/cassandra/bin", SSTABLE_TOOLS.as_slice(), "sstabletool"),
        ("opt/cassandra/tools/bin", MORE_SSTABLE_TOOLS.as_slice(), "../../bin/sstabletool"),
    ] {
        tools.iter().for_each(|tool| tree.link(&format!("{directory}/{tool}"), program));
    }
    for (name, target) in [("conf", "/etc/cassandra"), ("data", "/var/lib/cassandra"), ("logs", "/var/log/cassandra")] {
        tree.link(&format!("opt/cassandra/{name}"), target);
    }
    // bin/cassandra looks for it here, as the official image has it.
    let libraries = format!("/usr/lib/{}-linux-gnu", std::env::consts::ARCH);
    tree.link("usr/local/lib/libjemalloc.so", &format!("{libraries}/libjemalloc.so.2"));
    configuration(&mut tree, version, sources)?;
    for directory in ["etc/cassandra", "var/lib/cassandra", "var/log/cassandra"] {
        tree.directory(directory, 0o1777);
        tree.own(directory, UID);
    }
    user(&mut tree, debian)?;
    tree.write(to)
}

/// `/etc/cassandra`: writable by every user, as in the official image.
fn configuration(tree: &mut Tree, version: Version, sources: &Path) -> Result<(), ImageError> {
    let java_server = std::fs::read_to_string(sources.join("conf/jvm17-server.options"));
    let java_server = java_server.map_err(io_error("reading", sources))?;
    let java = match version {
        Version::V4_1 => "jvm11",
        Version::V5_0 => "jvm17",
    };
    let of_version = format!("conf-{}", version.line());
    for directory in ["conf", &of_version] {
        let directory = sources.join(directory);
        let list = || std::fs::read_dir(&directory)?.collect::<Result<Vec<_>, _>>();
        for entry in list().map_err(io_error("listing", &directory))? {
            let name = entry.file_name().to_string_lossy().into_owned();
            let content = std::fs::read(entry.path()).map_err(io_error("reading", &entry.path()))?;
            if name != "jvm17-server.options" {
                tree.bytes(&format!("etc/cassandra/{name}"), 0o666, content);
            }
        }
    }
    tree.bytes(&format!("etc/cassandra/{java}-clients.options"), 0o666, client_options(&java_server));
    tree.bytes(&format!("etc/cassandra/{java}-server.options"), 0o666, java_server);
    tree.bytes(
        "etc/cassandra/triggers/README.txt",
        0o666,
        "Place triggers to be loaded in this directory, as jar files.\n",
    );
    tree.directory("etc/cassandra/triggers", 0o777);
    Ok(())
}

/// What the tools need of Java, which is what the server needs but for its collector.
fn client_options(server: &str) -> String {
    let kept = server.lines().filter(|line| line.starts_with("--") || line.starts_with("-D"));
    kept.map(|line| format!("{line}\n")).collect()
}

fn user(tree: &mut Tree, debian: &Debian) -> Result<(), ImageError> {
    for (file, line) in [
        ("etc/passwd", format!("{USER}:x:{UID}:{UID}::/home/{USER}:/bin/sh\n")),
        ("etc/group", format!("{USER}:x:{UID}:\n")),
    ] {
        // The tools may have added users; then their layer has the file.
        let mut content = read_file(&debian.tools, file).or_else(|_| read_file(&debian.slim, file))?;
        content.extend(line.into_bytes());
        tree.bytes(file, 0o644, content);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::binaries::sources;

    fn layer(version: Version, directory: &Path) -> Layer {
        let mut lower = Tree::default();
        lower.bytes("etc/passwd", 0o644, "root:x:0:0::/root:/bin/sh\n");
        lower.bytes("etc/group", 0o644, "root:x:0:\n");
        let slim = lower.write(&directory.join("slim.tar")).expect("written");
        let tools = Tree::default().write(&directory.join("tools.tar")).expect("written");
        let debian = Debian { slim, tools };
        common(version, &sources().join("image"), &debian, &directory.join("common.tar")).expect("written")
    }

    fn text(layer: &Layer, name: &str) -> String {
        String::from_utf8(read_file(layer, name).expect("it is in the layer")).expect("text")
    }

    #[test]
    fn the_entrypoint_finds_every_line_that_it_edits() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        for version in Version::ALL {
            let layer = layer(version, directory.path());
            let yaml = text(&layer, "etc/cassandra/cassandra.yaml");
            for key in [
                "broadcast_address",
                "broadcast_rpc_address",
                "cluster_name",
                "endpoint_snitch",
                "listen_address",
                "num_tokens",
                "rpc_address",
            ] {
                let lines = yaml.lines().filter(|line| line.trim_start_matches("# ").starts_with(&format!("{key}:")));
                assert_eq!(lines.count(), 1, "{key} in {version}");
            }
            assert!(yaml.contains("- seeds: "));
            let rack = text(&layer, "etc/cassandra/cassandra-rackdc.properties");
            assert!(rack.contains("\ndc=") && rack.contains("\nrack="));
        }
    }

    #[test]
    fn each_version_reads_the_java_options_under_the_name_that_its_official_image_has() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        for (version, java, other) in [(Version::V4_1, "jvm11", "jvm17"), (Version::V5_0, "jvm17", "jvm11")] {
            let layer = layer(version, directory.path());
            let server = text(&layer, &format!("etc/cassandra/{java}-server.options"));
            let clients = text(&layer, &format!("etc/cassandra/{java}-clients.options"));
            assert!(server.contains("\n-XX:+UseG1GC\n") && !clients.contains("UseG1GC"));
            assert!(clients.contains("--add-exports java.rmi/sun.rmi.registry=ALL-UNNAMED\n"), "nodetool needs it");
            assert!(read_file(&layer, &format!("etc/cassandra/{other}-server.options")).is_err());
        }
    }

    #[test]
    fn the_user_is_added_to_those_of_debian() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let layer = layer(Version::V5_0, directory.path());
        assert_eq!(text(&layer, "etc/passwd").lines().count(), 2);
        assert!(text(&layer, "etc/passwd").contains("cassandra:x:999:999:"));
    }

    #[test]
    fn every_tool_that_is_linked_is_known_to_the_program_behind_the_links() {
        let program = std::fs::read_to_string(sources().join("image/bin/sstabletool")).expect("read");
        for tool in SSTABLE_TOOLS.iter().chain(&MORE_SSTABLE_TOOLS) {
            assert!(program.contains(&format!("\n  {tool}) tool ")), "{tool}");
        }
    }
}
