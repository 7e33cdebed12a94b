//! Several images in one archive of the kind that `docker save` writes and `ctr images import`
//! reads, sharing layers by digest. IO: reads the layers, writes the archive.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Write as _};
use std::path::Path;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tar::Header;

use super::tree::{Layer, hex};
use super::{ImageError, io_error};

/// The time that everything in an image claims to be of: the content decides the digest, not the day.
const EPOCH: &str = "1970-01-01T00:00:00Z";

/// An image to be.
#[derive(Debug, Clone)]
pub struct Image {
    /// Names with tags, each with its registry.
    pub names: Vec<String>,
    /// From the lowest up.
    pub layers: Vec<Layer>,
    /// The `config` of the OCI image configuration: Env, Entrypoint, Cmd, User, ….
    pub config: Value,
}

/// Writes `images` to the archive `path`; the same images give the same bytes.
///
/// # Errors
/// [`ImageError::Io`] when a layer cannot be read or the archive not be written.
pub fn write(images: &[Image], path: &Path) -> Result<(), ImageError> {
    let failed = || io_error("writing", path);
    let mut manifest = Vec::new();
    let mut configurations = BTreeMap::new();
    let mut layers = BTreeMap::new();
    for image in images {
        let configuration = configuration(image).to_string();
        let name = format!("{}.json", hex(&Sha256::digest(&configuration)));
        manifest.push(json!({
            "Config": name,
            "RepoTags": image.names,
            "Layers": image.layers.iter().map(file_name).collect::<Vec<_>>(),
        }));
        configurations.insert(name, configuration);
        layers.extend(image.layers.iter().map(|layer| (file_name(layer), layer)));
    }
    let mut archive = tar::Builder::new(BufWriter::new(File::create(path).map_err(failed())?));
    let mut put = |name: &str, content: &mut dyn Read, size: u64| {
        let mut header = Header::new_gnu();
        header.set_mode(0o644);
        header.set_mtime(0);
        header.set_size(size);
        archive.append_data(&mut header, name, content).map_err(failed())
    };
    let manifest = Value::from(manifest).to_string();
    put("manifest.json", &mut manifest.as_bytes(), manifest.len() as u64)?;
    for (name, configuration) in &configurations {
        put(name, &mut configuration.as_bytes(), configuration.len() as u64)?;
    }
    for (name, layer) in &layers {
        let file = File::open(&layer.path).map_err(io_error("opening", &layer.path))?;
        let size = file.metadata().map_err(io_error("reading", &layer.path))?.len();
        put(name, &mut BufReader::new(file), size)?;
    }
    archive.into_inner().and_then(|mut file| file.flush()).map_err(failed())
}

fn file_name(layer: &Layer) -> String {
    format!("{}.tar", layer.digest)
}

fn configuration(image: &Image) -> Value {
    let digests: Vec<String> = image.layers.iter().map(|layer| format!("sha256:{}", layer.digest)).collect();
    let history: Vec<Value> = digests.iter().map(|_| json!({ "created": EPOCH })).collect();
    let architecture = match std::env::consts::ARCH {
        "aarch64" => "arm64",
        _ => "amd64",
    };
    json!({
        "architecture": architecture,
        "os": "linux",
        "created": EPOCH,
        "config": image.config,
        "rootfs": { "type": "layers", "diff_ids": digests },
        "history": history,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::images::tree::Tree;
    use std::collections::HashMap;

    fn images(directory: &Path) -> Vec<Image> {
        let layer = |name: &str| {
            let mut tree = Tree::default();
            tree.bytes(name, 0o644, name);
            tree.write(&directory.join(format!("{name}.layer"))).expect("written")
        };
        let (base, one, two) = (layer("base"), layer("one"), layer("two"));
        let image = |name: &str, layers: &[&Layer]| Image {
            names: vec![format!("docker.io/test/{name}:1")],
            layers: layers.iter().map(|layer| (*layer).clone()).collect(),
            config: json!({ "Entrypoint": ["/x"] }),
        };
        vec![image("one", &[&base, &one]), image("two", &[&base, &two])]
    }

    fn read(path: &Path) -> HashMap<String, Vec<u8>> {
        let mut archive = tar::Archive::new(File::open(path).expect("open"));
        let mut files = HashMap::new();
        for entry in archive.entries().expect("entries") {
            let mut entry = entry.expect("entry");
            let mut content = Vec::new();
            entry.read_to_end(&mut content).expect("read");
            let name = entry.path().expect("path").to_string_lossy().into_owned();
            assert!(files.insert(name.clone(), content).is_none(), "{name} is in it twice");
        }
        files
    }

    #[test]
    fn the_same_images_give_the_same_bytes() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let (first, second) = (directory.path().join("1.tar"), directory.path().join("2.tar"));
        write(&images(directory.path()), &first).expect("written");
        write(&images(directory.path()), &second).expect("written");
        assert_eq!(std::fs::read(first).expect("read"), std::fs::read(second).expect("read"));
    }

    #[test]
    fn every_digest_that_the_manifest_and_the_configurations_name_is_that_of_a_file_in_the_archive() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path().join("images.tar");
        write(&images(directory.path()), &path).expect("written");
        let files = read(&path);
        let manifest: Vec<Value> = serde_json::from_slice(&files["manifest.json"]).expect("JSON");
        assert_eq!(manifest.len(), 2);
        for image in &manifest {
            let name = image["Config"].as_str().expect("a name");
            assert_eq!(name, format!("{}.json", hex(&Sha256::digest(&files[name]))));
            let configuration: Value = serde_json::from_slice(&files[name]).expect("JSON");
            let layers = image["Layers"].as_array().expect("layers");
            let digests = configuration["rootfs"]["diff_ids"].as_array().expect("digests");
            assert_eq!((layers.len(), digests.len()), (2, 2));
            for (layer, digest) in layers.iter().zip(digests) {
                let content = &files[layer.as_str().expect("a name")];
                assert_eq!(digest, &format!("sha256:{}", hex(&Sha256::digest(content))));
            }
        }
        let layers = files.keys().filter(|name| name.ends_with(".tar")).count();
        assert_eq!(layers, 3, "the base layer is shared");
    }
}
