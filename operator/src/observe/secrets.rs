//! The store's Secrets, read by name. IO: one GET for each that has changed, or that no watch tells of.

use std::sync::Arc;

use futures::future::join_all;
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::ResourceExt as _;
use kube::api::Api;
use store_crds::LABEL_STORE;
use store_planner::desired::Desired;
use store_planner::identity::ChildKind;
use store_planner::resources::access;
use store_planner::secrets::{Content, Found, Secrets};

use crate::context::Context;

/// Reads every Secret of the store.
pub async fn read(context: &Context, desired: &Desired) -> Secrets {
    let purposes = access::purposes(desired);
    let found = join_all(purposes.iter().map(|purpose| find(context, desired, access::secret_name(desired, *purpose))));
    let (found, record) = tokio::join!(found, find(context, desired, access::record_name(desired)));
    Secrets { by_purpose: purposes.into_iter().zip(found).collect(), record }
}

/// Read again only when it has changed; one that no watch tells of is read each time.
async fn find(context: &Context, desired: &Desired, name: String) -> Found {
    let namespace = desired.namespace.as_str();
    let cached = context.cache.of_store(ChildKind::Secret, namespace, &desired.name);
    let version =
        cached.into_iter().find(|secret| secret.name_any() == name).and_then(|secret| secret.resource_version());
    if let Some(known) = version.and_then(|version| context.secrets.find(namespace, &name, &version)) {
        return Ok(Some(known));
    }
    let api: Api<Secret> = Api::namespaced(context.client.clone(), namespace);
    let Some(secret) = api.get_opt(&name).await.map_err(|error| error.to_string())? else { return Ok(None) };
    let content = Arc::new(content(&secret));
    if let Some(version) = secret.resource_version() {
        context.secrets.put(namespace, &name, version, content.clone());
    }
    Ok(Some(content))
}

fn content(secret: &Secret) -> Content {
    let data = secret.data.clone().unwrap_or_default();
    let data = data.into_iter().map(|(key, ByteString(value))| (key, value)).collect();
    Content::new(secret.labels().get(LABEL_STORE).cloned(), &data)
}
