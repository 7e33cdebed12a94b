//! `make down` on a cluster of the user's: the sample shop and the chart go, data and the cluster itself stay. IO.

use std::fs;
use std::io;
use std::time::Duration;

use kube::api::{DeleteParams, ListParams};
use kube::{Api, ResourceExt as _};
use store_crds::StoreCluster;

use crate::cluster::{io_error, kube_error, state_root};
use crate::install::{DEFINITION, OPERATOR_NAMESPACE, RELEASE};
use crate::own_cluster::Tool;
use crate::own_place::{self, OwnPlace};
use crate::progress::{say, wait_until, waiting};
use crate::sample::{NAMESPACE, Removal, removal};
use crate::shop_up::ShopUpError;

/// Until the operator has put a shop away.
const GONE: Duration = Duration::from_secs(5 * 60);

/// Removes what `make up` installed on the cluster of the current context, which must be one of `tool` where there is
/// one, and says what stays.
///
/// # Errors
/// [`ShopUpError`], with what was attempted.
pub async fn down(tool: Option<Tool>) -> Result<(), ShopUpError> {
    let place = own_place::attach(tool).await?;
    let removal = removal(&stores(&place).await?);
    for name in &removal.shops {
        remove_shop(&place, name).await?;
    }
    let installed = place.kubectl.helm(&["list", "--namespace", OPERATOR_NAMESPACE, "--short"]).await?;
    let chart = removal.chart && installed.lines().any(|line| line == RELEASE);
    if chart {
        say(format!("uninstalling the chart `{RELEASE}`"));
        place.kubectl.helm(&["uninstall", RELEASE, "--namespace", OPERATOR_NAMESPACE, "--wait"]).await?;
    }
    forget(&place).map_err(io_error("deleting", own_place::directory()))?;
    println!("{}", what_stays(&removal, chart, place.made_by.as_ref()));
    Ok(())
}

/// Namespace and name of every StoreCluster; none where their definition is not installed.
async fn stores(place: &OwnPlace) -> Result<Vec<(String, String)>, ShopUpError> {
    let api: Api<StoreCluster> = Api::all(place.client.clone());
    match api.list_metadata(&ListParams::default()).await {
        Ok(list) => Ok(list.iter().map(|store| (store.namespace().unwrap_or_default(), store.name_any())).collect()),
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(Vec::new()),
        Err(error) => Err(kube_error("asking the cluster for its shops")(error).into()),
    }
}

async fn remove_shop(place: &OwnPlace, name: &str) -> Result<(), ShopUpError> {
    let api: Api<StoreCluster> = Api::namespaced(place.client.clone(), NAMESPACE);
    let removing = waiting(format!("removing the shop `{name}`"));
    match api.delete(name, &DeleteParams::default()).await {
        Err(kube::Error::Api(status)) if status.code == 404 => {}
        answer => drop(answer.map_err(kube_error(format!("deleting the shop `{name}`")))?),
    }
    // While the operator is there: it is the one that puts a shop away.
    wait_until(&format!("the operator to put `{name}` away"), GONE, || async {
        match api.get_metadata_opt(name).await.map_err(|error| error.to_string())? {
            None => Ok(()),
            Some(store) => Err(format!("it is still there, with the finalizers {:?}", store.finalizers())),
        }
    })
    .await?;
    removing.done();
    Ok(())
}

/// The file that people source, where it is about this cluster, and what `make up` kept of it.
fn forget(place: &OwnPlace) -> io::Result<()> {
    let env = state_root().join("env");
    let about_this = fs::read_to_string(&env).is_ok_and(|text| text.contains(&*place.kubeconfig.to_string_lossy()));
    let gone = |result: io::Result<()>| match result {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    };
    if about_this {
        gone(fs::remove_file(&env))?;
    }
    gone(fs::remove_dir_all(own_place::directory()))?;
    // Only when nothing else is in it.
    let _ = fs::remove_dir(state_root());
    Ok(())
}

/// What was removed, and what is left to remove by hand.
fn what_stays(removal: &Removal, chart: bool, made_by: Option<&(Tool, String)>) -> String {
    let mut gone: Vec<String> = removal.shops.iter().map(|name| format!("the shop `{name}`")).collect();
    gone.extend(chart.then(|| format!("the chart `{RELEASE}`")));
    let gone = if gone.is_empty() { "nothing, it was not there".to_owned() } else { gone.join(" and ") };
    let mut text = format!("\nRemoved: {gone}.\n");
    if !removal.chart {
        text += &format!("The operator stays, since these shops need it: {}.\n", removal.others.join(", "));
        text += &format!(
            "Volumes with Cassandra's data stay in the namespace `{NAMESPACE}`:\n  kubectl get pvc -n {NAMESPACE}\n"
        );
        return text;
    }
    text += &format!(
        "Volumes with Cassandra's data, namespaces and the CustomResourceDefinition stay; this deletes them for good:\n  \
         kubectl delete namespace {NAMESPACE} {OPERATOR_NAMESPACE}\n  kubectl delete crd {DEFINITION}\n"
    );
    if let Some((tool, name)) = made_by {
        text +=
            &format!("The cluster stays, with the images on its nodes; this deletes it:\n  {}\n", tool.deletes(name));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stays_is_told_with_the_commands_that_delete_it() {
        let all = Removal { shops: vec!["minimal".to_owned()], chart: true, others: vec![] };
        let told = what_stays(&all, true, Some(&(Tool::Kind, "mine".to_owned())));
        for words in ["shop `minimal` and the chart", "delete namespace store store-system", "delete crd storeclusters"]
        {
            assert!(told.contains(words), "{words}: {told}");
        }
        assert!(told.contains("kind delete cluster --name mine"), "{told}");
        assert!(!what_stays(&all, true, None).contains("delete cluster"));
        assert!(what_stays(&Removal { shops: vec![], ..all.clone() }, false, None).contains("Removed: nothing"));
        let kept = what_stays(&Removal { chart: false, others: vec!["x/y".to_owned()], ..all }, false, None);
        assert!(kept.contains("need it: x/y") && !kept.contains("kubectl delete"), "{kept}");
    }
}
