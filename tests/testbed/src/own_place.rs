//! The cluster of the current kubectl context, as `make up` and `make down` work on it: with kubectl and helm of the
//! user's, and with a copy of that context, so that a context that is switched meanwhile changes nothing here. IO.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use k8s_openapi::api::core::v1::Node;
use kube::api::ListParams;
use kube::{Api, Client, ResourceExt as _};

use crate::cache::Cache;
use crate::cluster::{client, io_error, kube_error, state_root};
use crate::command::{SHORT, run};
use crate::image_builder::{self, Builder};
use crate::images::Profile;
use crate::kubectl::Kubectl;
use crate::own_cluster::{self, Tool};
use crate::programs::{self, ProgramsError};
use crate::progress::{say, task};
use crate::sample::{self, Sample};
use crate::shop_up::ShopUpError;

/// Label of nodes: their zone.
const ZONE: &str = "topology.kubernetes.io/zone";

/// A cluster of the user's.
pub(crate) struct OwnPlace {
    pub kubectl: Kubectl,
    pub client: Client,
    /// The copy of the context.
    pub kubeconfig: PathBuf,
    /// The directory with kubectl and helm.
    pub programs: PathBuf,
    /// Its tool, and its name there.
    pub made_by: Option<(Tool, String)>,
}

/// What `make up` keeps of such a cluster; no cluster of the testbed's can have this name.
pub(crate) fn directory() -> PathBuf {
    state_root().join("own_cluster")
}

/// The cluster of the current context, which must be one of `tool` where there is one.
pub(crate) async fn attach(tool: Option<Tool>) -> Result<OwnPlace, ShopUpError> {
    let found = tokio::task::spawn_blocking(move || find(tool)).await;
    let (programs, kubeconfig, made_by) =
        found.map_err(io::Error::other).map_err(io_error("looking", directory()))??;
    let client = client(&kubeconfig).await?;
    Ok(OwnPlace { kubectl: Kubectl::new(&programs, &kubeconfig), client, kubeconfig, programs, made_by })
}

type Found = (PathBuf, PathBuf, Option<(Tool, String)>);

fn find(tool: Option<Tool>) -> Result<Found, ShopUpError> {
    // It has the log of what programs say.
    Cache::open().map_err(ProgramsError::from)?;
    let (programs, kubeconfig) = (directory().join("bin"), directory().join("kubeconfig"));
    programs::kubectl_and_helm(&programs)?;
    let config = |arguments: &[&str]| run(Command::new(programs.join("kubectl")).arg("config").args(arguments), SHORT);
    let context = config(&["current-context"]).ok().map(|name| name.trim().to_owned()).filter(|name| !name.is_empty());
    let made_by = match tool {
        Some(tool) => Some((tool, own_cluster::find(tool, context.clone())?)),
        None => None,
    };
    let context = context.ok_or(ShopUpError::NoContext)?;
    let copy = config(&["view", "--raw", "--minify", "--flatten", "--context", &context])?;
    write_private(&kubeconfig, &copy).map_err(io_error("writing", &kubeconfig))?;
    match &made_by {
        Some((tool, name)) => say(format!("the cluster is `{name}` of {}", tool.name())),
        None => say(format!("the cluster is that of the kubectl context `{context}`")),
    }
    Ok((programs, kubeconfig, made_by))
}

impl OwnPlace {
    /// The sample that suits its zones. Asked before anything is built: a cluster that does not answer is told at once.
    pub async fn sample(&self) -> Result<Sample, ShopUpError> {
        let nodes: Api<Node> = Api::all(self.client.clone());
        let nodes = nodes.list(&ListParams::default()).await.map_err(kube_error("asking the cluster for its nodes"))?;
        let zones: BTreeSet<String> = nodes.iter().filter_map(|node| node.labels().get(ZONE).cloned()).collect();
        Ok(sample::for_zones(&zones))
    }

    /// Builds the images and loads them onto the nodes, where a tool made the cluster; the tag that they have there.
    pub async fn load(&self, builder: Option<Builder>, profile: Profile) -> Result<Option<String>, ShopUpError> {
        let Some((tool, name)) = self.made_by.clone() else { return Ok(None) };
        let loaded = tokio::task::spawn_blocking(move || {
            let built = image_builder::build(image_builder::builder(builder)?, profile)?;
            let loading = task(format!("loading the images onto the nodes of `{name}`"));
            let archives = image_builder::save(&built)?;
            archives.files().iter().try_for_each(|archive| own_cluster::load(tool, &name, archive))?;
            loading.done();
            Ok(Some(built.tag))
        });
        loaded.await.map_err(io::Error::other).map_err(io_error("building", directory()))?
    }
}

/// Writes a file that holds what nobody else may read, also where it was another's before.
pub(crate) fn write_private(file: &Path, text: &str) -> io::Result<()> {
    if let Some(above) = file.parent() {
        fs::create_dir_all(above)?;
    }
    let mut kept = fs::OpenOptions::new().create(true).write(true).truncate(true).mode(0o600).open(file)?;
    kept.set_permissions(fs::Permissions::from_mode(0o600))?;
    kept.write_all(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_holds_a_token_is_its_owners_alone_also_where_the_file_was_open_to_all() {
        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join("above/kubeconfig");
        fs::create_dir_all(directory.path().join("above")).expect("made");
        fs::write(&file, "of an earlier run, and longer").expect("written");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).expect("opened");
        write_private(&file, "token").expect("written");
        assert_eq!(fs::read_to_string(&file).expect("read"), "token");
        assert_eq!(fs::metadata(&file).expect("there").permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn the_directory_is_none_of_a_cluster_of_the_testbeds() {
        let name = directory().file_name().expect("a name").to_string_lossy().into_owned();
        assert!(crate::layout::check_name(&name).is_err());
    }
}
