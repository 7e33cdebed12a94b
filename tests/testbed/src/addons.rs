//! What runs in every cluster beside Kubernetes itself: DNS, Ingress controller, the class of volumes and the
//! Gateway API's kinds. [`render`] reads the manifests in `testbed/manifests` and fills in what differs.

use std::fs;
use std::path::{Path, PathBuf};

use crate::binaries::sources;
use crate::cluster::{ClusterError, io_error};
use crate::haproxy::READY_PATH;
use crate::image_names::{BASE, COREDNS, TRAEFIK};
use crate::layout::Layout;

const MANIFESTS: [&str; 4] = ["kube-proxy.yaml", "coredns.yaml", "storage.yaml", "traefik.yaml"];

/// All manifests as one YAML stream, after the definitions of kinds in the directory `definitions`.
///
/// # Errors
/// [`ClusterError::Io`] when one cannot be read.
pub fn render(layout: &Layout, definitions: &Path) -> Result<String, ClusterError> {
    let io = || io_error("listing", definitions);
    let mut files: Vec<PathBuf> = Vec::new();
    for file in fs::read_dir(definitions).map_err(io())? {
        files.push(file.map_err(io())?.path());
    }
    files.sort();
    let mut parts = Vec::new();
    for file in files {
        parts.push(fs::read_to_string(&file).map_err(io_error("reading", &file))?);
    }
    for file in MANIFESTS {
        parts.push(render_file(layout, file)?);
    }
    Ok(parts.join("\n---\n"))
}

/// One file of `testbed/manifests`, with what differs between clusters filled in.
///
/// # Errors
/// [`ClusterError::Io`] when it cannot be read.
pub fn render_file(layout: &Layout, file: &str) -> Result<String, ClusterError> {
    let path = sources().join("manifests").join(file);
    let text = fs::read_to_string(&path).map_err(io_error("reading", &path))?;
    let values = [
        ("@COREDNS@", COREDNS.to_owned()),
        ("@BASE@", BASE.to_owned()),
        ("@TRAEFIK@", TRAEFIK.to_owned()),
        ("@READY_PATH@", READY_PATH.to_owned()),
        ("@DNS@", layout.dns_service().to_string()),
        ("@HOST@", layout.host().to_string()),
    ];
    Ok(values.iter().fold(text, |text, (name, value)| text.replace(name, value)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_placeholder_is_filled_and_every_image_is_one_that_nodes_have() {
        let layout = Layout { name: "test".to_owned(), slot: 1, state: PathBuf::from("/s") };
        let definitions = tempfile::tempdir().expect("a directory");
        fs::write(definitions.path().join("kinds.yaml"), "kind: CustomResourceDefinition").expect("a definition");
        let text = render(&layout, definitions.path()).expect("rendered");
        assert!(text.starts_with("kind: CustomResourceDefinition\n---\n"), "kinds come before what watches them");
        // `middlewares: [retry@file]` has one `@`, a placeholder two.
        let left: Vec<_> = text.lines().filter(|line| line.matches('@').count() > 1).collect();
        assert!(left.is_empty(), "{left:?}");
        assert!(text.contains("clusterIP: \"10.141.0.10\"") && text.contains("10.101.0.1/32"));
        let images = text.lines().filter_map(|line| line.split_once("image: ")).map(|(_, image)| image.to_owned());
        assert!(images.into_iter().all(|image| image.starts_with("\"docker.io/store-testbed/")));
    }
}
