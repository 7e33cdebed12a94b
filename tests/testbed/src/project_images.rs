//! The project's own two images on the nodes of a cluster, under three tags: `dev`, the version of
//! the project (what the chart asks for by default), and one that names their content, so that a
//! roll-out follows a change of the code. IO.

use std::path::{Path, PathBuf};

use crate::cache::Cache;
use crate::cluster::{Cluster, ClusterError, blocking};
use crate::command::SHORT;
use crate::images::{self, Profile};
use crate::node::Node;

/// The images, without tags.
const REPOSITORIES: [&str; 2] = ["docker.io/library/store-api", "docker.io/library/store-operator"];

/// Builds both images from the sources as they are; the archive is in the cache.
///
/// # Errors
/// [`ClusterError::Images`] with the compiler's words.
pub async fn build(profile: Profile) -> Result<PathBuf, ClusterError> {
    blocking(move || Ok(images::project(&Cache::open()?, profile)?)).await
}

/// Imports the archive that [`build`] made into every node that is on, and answers the tag that
/// names its content.
///
/// # Errors
/// [`ClusterError::Node`] when a node refuses.
pub async fn import(cluster: &Cluster, archive: &Path) -> Result<String, ClusterError> {
    cluster.import_images(archive).await?;
    let tag = content_tag(archive);
    let nodes: Vec<Node> = cluster.nodes().into_iter().filter(Node::is_on).collect();
    let tags = [tag.clone(), env!("CARGO_PKG_VERSION").to_owned()];
    blocking(move || {
        for (node, repository) in nodes.iter().flat_map(|node| REPOSITORIES.map(|repository| (node, repository))) {
            for tag in &tags {
                let (from, to) = (format!("{repository}:dev"), format!("{repository}:{tag}"));
                node.exec("ctr", &["-n", "k8s.io", "images", "tag", "--force", &from, &to], SHORT)?;
            }
        }
        Ok(())
    })
    .await?;
    Ok(tag)
}

/// The digest at the end of the name of the archive's cache entry.
fn content_tag(archive: &Path) -> String {
    let entry = archive.parent().and_then(Path::file_name).unwrap_or_default().to_string_lossy();
    let digest = entry.rsplit('-').next().unwrap_or_default();
    format!("dev-{digest}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tag_names_the_content_of_the_archive() {
        let tag = content_tag(Path::new("/c/project-images-v1-0011aabb2233ccdd/project-images.tar"));
        assert_eq!(tag, "dev-0011aabb2233ccdd");
    }
}
