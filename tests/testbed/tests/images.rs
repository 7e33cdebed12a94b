//! The archives of images, made for real: `cargo test --workspace --test images -- --ignored`.

#![allow(clippy::expect_used, reason = "a test ends where it finds a fault")]

use std::collections::HashSet;
use std::fs::File;
use std::path::Path;

use serde_json::Value;
use store_testbed::cache::Cache;
use store_testbed::images::{self, cassandra::Version};
use store_testbed::{binaries, image_names, packages};

/// The manifest, which is the first entry, and the names of all others.
fn read(archive: &Path) -> (Vec<Value>, HashSet<String>) {
    let mut archive = tar::Archive::new(File::open(archive).expect("open"));
    let mut entries = archive.entries().expect("entries");
    let manifest = serde_json::from_reader(entries.next().expect("a manifest").expect("readable")).expect("JSON");
    let name = |entry: std::io::Result<tar::Entry<'_, File>>| {
        entry.expect("an entry").path().expect("a path").to_string_lossy().into_owned()
    };
    (manifest, entries.map(name).collect())
}

fn strings(value: &Value) -> Vec<String> {
    value.as_array().expect("a list").iter().map(|item| item.as_str().expect("text").to_owned()).collect()
}

#[test]
#[ignore = "makes images, and on a fresh machine the programs in them"]
fn the_archives_have_every_image_whole_and_the_project_s_stand_on_the_layer_of_the_base() {
    packages::ensure(images::PACKAGES).expect("packages");
    let cache = Cache::open().expect("the cache");
    let base = images::ensure(&cache, &binaries::ensure(&cache).expect("programs")).expect("base images");
    let (manifest, files) = read(&base);
    let tags: HashSet<String> = manifest.iter().flat_map(|image| strings(&image["RepoTags"])).collect();
    let wanted = [image_names::PAUSE, image_names::COREDNS, image_names::TRAEFIK, image_names::BASE];
    let cassandra = Version::ALL.iter().flat_map(|version| [version.line(), version.release()]);
    let cassandra = cassandra.map(|tag| format!("docker.io/library/cassandra:{tag}"));
    assert_eq!(tags, wanted.into_iter().map(str::to_owned).chain(cassandra).collect());
    for image in &manifest {
        assert!(files.contains(image["Config"].as_str().expect("a name")));
        assert!(strings(&image["Layers"]).iter().all(|layer| files.contains(layer)), "{image}");
    }
    let with_tag = |tag: &str| manifest.iter().find(|image| strings(&image["RepoTags"]).iter().any(|name| name == tag));
    let debian = strings(&with_tag(image_names::BASE).expect("the base image")["Layers"]).swap_remove(0);

    let (manifest, files) = read(&images::project(&cache, images::Profile::Dev).expect("project images"));
    let tags: Vec<String> = manifest.iter().flat_map(|image| strings(&image["RepoTags"])).collect();
    for program in ["store-api", "store-operator"] {
        for tag in ["dev", env!("CARGO_PKG_VERSION")] {
            assert!(tags.contains(&format!("docker.io/library/{program}:{tag}")), "{program}:{tag} is not in {tags:?}");
        }
    }
    for image in &manifest {
        let layers = strings(&image["Layers"]);
        assert!(
            layers.len() == 2 && layers[0] == debian && layers.iter().all(|layer| files.contains(layer)),
            "{image}"
        );
    }
}
