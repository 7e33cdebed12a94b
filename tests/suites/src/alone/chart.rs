//! What a user gives an API server: the chart, by Helm, and the samples. Nothing waits for a pod, there is no node.

use kube::api::{DynamicObject, Patch, PatchParams, ValidationDirective};
use kube::core::{ApiResource, GroupVersionKind};
use kube::{Api, Client};

use crate::tally::Tally;
use store_testbed::checkout::root;
use store_testbed::install::{OPERATOR_NAMESPACE, restricted_namespace};
use store_testbed::kubectl::Kubectl;
use store_testbed::shop::{MANAGER, ask};

/// Installs the chart with its defaults, the CRD among it: Helm compares the server's version with the chart's
/// `kubeVersion`, and the server estimates what the CRD's rules may cost at worst.
pub async fn install(kubectl: &Kubectl) -> anyhow::Result<String> {
    restricted_namespace(kubectl, OPERATOR_NAMESPACE).await?;
    let chart = root().join("charts/store-manager");
    let arguments = ["install", "store-manager", &chart.to_string_lossy(), "--namespace", OPERATOR_NAMESPACE];
    kubectl.helm(&arguments).await?;
    Ok("installed".to_owned())
}

/// Asks the server whether it would take each StoreCluster of the samples, with no field that it does not know.
pub async fn samples(client: &Client, tally: &mut Tally) -> anyhow::Result<()> {
    let mut seen = 0;
    let mut files: Vec<_> = std::fs::read_dir(root().join("k8s/samples"))?
        .map(|entry| Ok(entry?.path()))
        .collect::<std::io::Result<_>>()?;
    files.sort();
    for file in files {
        let objects: Vec<DynamicObject> = serde_saphyr::from_multiple(&std::fs::read_to_string(&file)?)?;
        for object in objects {
            let Some(types) = object.types.clone().filter(|types| types.kind == "StoreCluster") else { continue };
            let resource = ApiResource::from_gvk(&GroupVersionKind::try_from(&types)?);
            // Of one namespace that is there; a dry run stores nothing.
            let mut object = object;
            object.metadata.namespace = Some("default".to_owned());
            let stores: Api<DynamicObject> = Api::namespaced_with(client.clone(), "default", &resource);
            let params = PatchParams { dry_run: true, force: true, ..PatchParams::apply(MANAGER) };
            let params = PatchParams { field_validation: Some(ValidationDirective::Strict), ..params };
            let store = object.metadata.name.clone().unwrap_or_default();
            let wanted = Patch::Apply(&object);
            let answer = ask("asking whether a sample is taken", stores.patch(&store, &params, &wanted)).await;
            let name = file.file_name().unwrap_or_default().to_string_lossy();
            tally.check(&format!("sample {name} is taken"), answer.map(|_| "yes"));
            seen += 1;
        }
    }
    tally.holds("there are samples", seen >= 3, format!("{seen}"));
    Ok(())
}
