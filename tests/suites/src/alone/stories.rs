//! What the operator makes of a cluster that refuses, has other people's objects in the way, or whose user
//! made a slip. No pod ever runs here; where one has to, its status is written as a kubelet would.

use std::time::Duration;

use kube::Client;
use serde_json::{Value, json};
use store_crds::{API_OPERATIONS_PORT, LABEL_COMPONENT, LABEL_STORE};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::watch;

use super::objects::Namespace;
use crate::tally::Tally;
use store_testbed::kubernetes_versions::KubernetesVersion;
use store_testbed::shop::ShopError;

/// For the garbage collector to know of StoreClusters, and to take what one owned.
pub const COLLECTED: Duration = Duration::from_secs(90);
pub const CLAIM: &str = "PersistentVolumeClaim";

pub async fn all(client: &Client, tally: &mut Tally) -> anyhow::Result<()> {
    slips(&Namespace::make(client, "slips").await?, tally).await?;
    classes(&Namespace::make(client, "classes").await?, tally).await?;
    started(&Namespace::make(client, "started").await?, KubernetesVersion::Testbed, tally).await?;
    refused(&Namespace::make(client, "refused").await?, tally).await?;
    quota(&Namespace::make(client, "quota").await?, tally).await?;
    foreign(&Namespace::make(client, "foreign").await?, tally).await?;
    secrets(&Namespace::make(client, "secrets").await?, tally).await?;
    issuer(&Namespace::make(client, "issuer").await?, tally).await?;
    Ok(())
}

/// Those that depend on the version: of what is applied and taken away again, statuses, admission policies, quotas and
/// names that are taken. What is left out decides by the same answers.
pub async fn of_another_version(client: &Client, version: KubernetesVersion, tally: &mut Tally) -> anyhow::Result<()> {
    started(&Namespace::make(client, "started").await?, version, tally).await?;
    refused(&Namespace::make(client, "refused").await?, tally).await?;
    quota(&Namespace::make(client, "quota").await?, tally).await?;
    foreign(&Namespace::make(client, "foreign").await?, tally).await?;
    Ok(())
}

/// Racks of a shop that found no place for its pods are dropped and named anew.
async fn slips(slips: &Namespace, tally: &mut Tally) -> Result<(), ShopError> {
    let racks = json!([{ "name": "a", "zone": "aa" }, { "name": "d", "zone": "ab" }]);
    slips.store("shop", json!({ "cassandra": { "size": 2, "racks": racks } })).await?;
    let there = slips.there("v1", CLAIM, "data-shop-cassandra-a-0", true).await;
    tally.check("the first node gets its pod and its claim", there);
    tally.check(
        "the status says that nothing was carried out",
        carried_out(slips, "shop", &json!({ "racks": [] })).await,
    );
    let moved = slips.store("shop", json!({ "cassandra": { "racks": [{ "name": "c", "zone": "z1" }] } })).await;
    tally.check("racks in which nothing started are dropped, and the size with them", moved.map(|()| "taken"));
    for (kind, name) in [("StatefulSet", "shop-cassandra-a"), ("StatefulSet", "shop-cassandra-d")] {
        tally.check(&format!("{kind} {name} goes with its rack"), slips.there("apps/v1", kind, name, false).await);
    }
    let gone = slips.there("v1", CLAIM, "data-shop-cassandra-a-0", false).await;
    tally.check("the claim that never got a volume goes with its rack", gone);
    let there = slips.there("v1", CLAIM, "data-shop-cassandra-c-0", true).await;
    tally.check("the first node starts in the rack of the newer spec", there);
    let told = slips
        .until("an event for each beginning", async |slips| {
            let events = slips.list("events.k8s.io/v1", "Event").await?;
            let notes: Vec<&str> = events
                .iter()
                .filter(|event| event["reason"] == "BootstrapStarted")
                .filter_map(|event| event["note"].as_str())
                .collect();
            let both = ["a-0", "c-0"].iter().all(|pod| notes.iter().any(|note| note.contains(pod)));
            Ok(if both { Ok(format!("{} events", notes.len())) } else { Err(format!("{notes:?}")) })
        })
        .await;
    tally.check("two events of one reason keep their own texts", told);
    slips.delete("storemanager.io/v1alpha1", "StoreCluster", "shop").await?;
    let gone = slips.there("storemanager.io/v1alpha1", "StoreCluster", "shop", false).await;
    tally.check("a shop whose nodes never ran can be deleted", gone);
    Ok(())
}

/// A class of storage with a slip in its name is corrected, also by making the shop again.
async fn classes(classes: &Namespace, tally: &mut Tally) -> Result<(), ShopError> {
    let spec = |class: &str| json!({ "cassandra": { "storage": { "className": class } } });
    let claim = "data-shop-cassandra-rack1-0";
    let asks = async |class: &str| {
        classes
            .until(&format!("a claim of class {class}"), async |classes| {
                let found = classes.find("v1", CLAIM, claim).await?.unwrap_or_default();
                let asked = found["spec"]["storageClassName"].as_str().unwrap_or("none").to_owned();
                Ok(if asked == class { Ok(asked) } else { Err(format!("it asks for {asked}")) })
            })
            .await
    };
    classes.store("shop", spec("fast-sdd")).await?;
    tally.check("the claim asks for the class of the spec", asks("fast-sdd").await);
    let corrected = classes.store("shop", spec("fast-ssd")).await;
    tally.check("a class that no volume was bound of is corrected", corrected.map(|()| "taken"));
    tally.check("the claim is made again with it", asks("fast-ssd").await);
    classes.delete("storemanager.io/v1alpha1", "StoreCluster", "shop").await?;
    let gone = classes.there("storemanager.io/v1alpha1", "StoreCluster", "shop", false).await;
    tally.check("the shop is deleted", gone);
    // The garbage collector looks for kinds that it does not know yet every half a minute.
    let collected = classes.gone_within(COLLECTED, "v1", "Service", "shop-cassandra").await;
    tally.check("what it owned is collected", collected);
    classes.store("shop", spec("standard")).await?;
    tally.check("a shop made again takes up no claim of another class that has no volume", asks("standard").await);
    Ok(())
}

/// What a node has started from stays, and no more of the spec than that.
async fn started(started: &Namespace, version: KubernetesVersion, tally: &mut Tally) -> Result<(), ShopError> {
    let spec = |zone: &str, size: &str, class: &str, version: &str| {
        json!({ "cassandra": {
            "version": version, "racks": [{ "name": "a", "zone": zone }],
            "storage": { "size": size, "className": class },
        } })
    };
    let class = json!({
        "apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": { "name": "ssd" },
        "provisioner": "example.com/none", "allowVolumeExpansion": true,
    });
    started.apply_cluster(class).await?;
    started.store("shop", spec("z1", "1Gi", "ssd", "5.0")).await?;
    let pod = "shop-cassandra-a-0";
    let claim = "data-shop-cassandra-a-0";
    tally.check("the first node gets its pod", started.there("v1", "Pod", pod, true).await);
    started.there("v1", CLAIM, claim, true).await.map_err(ShopError::Missing)?;
    started.bind_pod(pod, "machine-1").await?;
    started
        .status(
            "v1",
            "Pod",
            pod,
            json!({ "phase": "Running", "podIP": "127.0.0.9", "podIPs": [{ "ip": "127.0.0.9" }] }),
        )
        .await?;
    started.merge("v1", CLAIM, claim, json!({ "spec": { "volumeName": "volume-1" } })).await?;
    started.status("v1", CLAIM, claim, json!({ "phase": "Bound", "capacity": { "storage": "1Gi" } })).await?;
    let expected = json!({ "racks": [{ "name": "a", "zone": "z1" }], "datacenter": "dc1", "storage": { "size": "1Gi", "className": "ssd" } });
    tally.check("the status says what was carried out", carried_out(started, "shop", &expected).await);
    for (what, changed, words) in [
        ("its rack cannot move", spec("z2", "1Gi", "ssd", "5.0"), "put it back as it is there"),
        ("its volume cannot shrink", spec("z1", "1023Mi", "ssd", "5.0"), "volumes only grow"),
        ("its class cannot change", spec("z1", "1Gi", "fast", "5.0"), "cannot change once a volume is bound"),
    ] {
        tally.check(what, refused_with(started.store("shop", changed).await, words));
    }
    let older = started.store("shop", spec("z1", "1Gi", "ssd", "4.1")).await;
    tally.check("a version that no node told of may go back", older.map(|()| "taken"));
    // What the operator has accepted is what a later spec is compared with.
    let accepted = started
        .until("the older version to be accepted", async |started| {
            let found = started.find("v1", "Service", "shop-cassandra").await?.unwrap_or_default();
            let annotations = found["metadata"]["annotations"].to_string();
            Ok(if annotations.contains("4.1") { Ok("accepted") } else { Err(annotations) })
        })
        .await;
    tally.check("and is accepted by the operator", accepted);
    started
        .status(
            "storemanager.io/v1alpha1",
            "StoreCluster",
            "shop",
            json!({ "carriedOut": {
        "racks": expected["racks"], "storage": expected["storage"], "version": "5.0",
    } }),
        )
        .await?;
    let slip = started.store("shop", spec("z1", "100Ti", "ssd", "4.1")).await;
    tally.check("a slip in the size is taken", slip.map(|()| "taken"));
    let asked = async |started: &Namespace, bytes: u64| {
        let found = started.find("v1", CLAIM, claim).await?.unwrap_or_default();
        let asked = found["spec"]["resources"]["requests"]["storage"].as_str().unwrap_or_default().to_owned();
        Ok(if asked == bytes.to_string() { Ok(asked) } else { Err(asked) })
    };
    let asks = started.until("the claim to ask for it", async |started| asked(started, 100 << 40).await).await;
    tally.check("one claim tries it", asks);
    let back = started.store("shop", spec("z1", "1Gi", "ssd", "4.1")).await;
    tally.check("it comes back to what the volumes have", back.map(|()| "taken"));
    let more = started.store("shop", spec("z1", "2Gi", "ssd", "4.1")).await;
    tally.check("and up again", more.map(|()| "taken"));
    match version {
        // Before 1.32 no claim may ask for less than before (RecoverVolumeExpansionFailure was off).
        KubernetesVersion::Oldest => {
            let told = started.condition("shop", "Degraded", "True", &[claim, "can not be less"]).await;
            tally.check("that the claim cannot ask for less is told in the API server's words", told);
        }
        KubernetesVersion::Testbed | KubernetesVersion::Newest => {
            let asks = started.until("the claim to ask for it", async |started| asked(started, 2 << 30).await).await;
            tally.check("the claim asks for less than the slip again", asks);
        }
    }
    Ok(())
}

/// An Ingress that somebody refuses stops nothing but itself, and is told.
async fn refused(refused: &Namespace, tally: &mut Tally) -> Result<(), ShopError> {
    let words = "no Ingress here: ask the network team";
    refused
        .apply_cluster(json!({
            "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicy",
            "metadata": { "name": "no-ingress" },
            "spec": {
                "matchConstraints": { "resourceRules": [{
                    "apiGroups": ["networking.k8s.io"], "apiVersions": ["v1"], "operations": ["CREATE", "UPDATE"],
                    "resources": ["ingresses"],
                }] },
                "validations": [{ "expression": "false", "message": words }],
            },
        }))
        .await?;
    refused
        .apply_cluster(json!({
            "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicyBinding",
            "metadata": { "name": "no-ingress" },
            "spec": { "policyName": "no-ingress", "validationActions": ["Deny"] },
        }))
        .await?;
    // a policy holds a moment after it was stored
    let ingress = json!({
        "apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": { "name": "probe" },
        "spec": { "defaultBackend": { "service": { "name": "x", "port": { "number": 80 } } } },
    });
    let holds = refused
        .until("the policy", async |refused| {
            Ok(match refused.apply(ingress.clone()).await {
                Ok(()) => Err("an Ingress is still taken".to_owned()),
                Err(error) => Ok(error.to_string()),
            })
        })
        .await;
    tally.check("the cluster refuses Ingresses", holds);
    refused.store("shop", json!({ "api": { "ingress": { "host": "shop.example.com" } } })).await?;
    let there = refused.there("apps/v1", "StatefulSet", "shop-cassandra-rack1", true).await;
    tally.check("the ring is made although the Ingress is refused", there);
    let told = refused.condition("shop", "Degraded", "True", &["Ingress", words]).await;
    tally.check("the refusal is told in the words of whoever refused", told);
    Ok(())
}

/// A pod that a quota forbids.
async fn quota(quota: &Namespace, tally: &mut Tally) -> Result<(), ShopError> {
    quota.apply(json!({
        "apiVersion": "v1", "kind": "ResourceQuota", "metadata": { "name": "stop" }, "spec": { "hard": { "pods": "0" } },
    })).await?;
    let counted = quota
        .until("the quota to be counted", async |quota| {
            let found = quota.find("v1", "ResourceQuota", "stop").await?.unwrap_or_default();
            Ok(if found["status"]["hard"].is_object() { Ok(()) } else { Err("not yet".to_owned()) })
        })
        .await;
    counted.map_err(ShopError::Missing)?;
    quota.store("shop", json!({})).await?;
    let told = quota.condition("shop", "Degraded", "True", &["exceeded quota"]).await;
    tally.check("a pod that a quota forbids is told within 20 s", told);
    Ok(())
}

/// Objects of another team that have the names of a shop's.
async fn foreign(foreign: &Namespace, tally: &mut Tally) -> Result<(), ShopError> {
    let theirs = [
        json!({
            "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "taken-cassandra", "labels": { "team": "billing" } },
            "data": { "theirs": "yes" },
        }),
        json!({
            "apiVersion": "v1", "kind": "Service", "metadata": { "name": "taken-api", "labels": { "team": "billing" } },
            "spec": { "selector": { "app": "billing" }, "ports": [{ "name": "web", "port": 8080 }] },
        }),
    ];
    for object in &theirs {
        foreign.apply(object.clone()).await?;
    }
    let look = async || -> Result<Vec<Value>, ShopError> {
        let mut seen = Vec::new();
        for (kind, name) in [("ConfigMap", "taken-cassandra"), ("Service", "taken-api")] {
            let object = foreign.find("v1", kind, name).await?.unwrap_or_default();
            let metadata = &object["metadata"];
            let of_it =
                [&metadata["uid"], &metadata["labels"], &metadata["ownerReferences"], &object["data"], &object["spec"]];
            seen.push(json!(of_it));
        }
        Ok(seen)
    };
    let before = look().await?;
    foreign.store("taken", json!({})).await?;
    let told = foreign.condition("taken", "Degraded", "True", &["taken-"]).await;
    tally.check("a name that is taken is told", told);
    let after = look().await?;
    tally.holds(
        "nothing of the other team's objects is changed",
        before == after,
        format!("{before:?} became {after:?}"),
    );
    foreign.delete("storemanager.io/v1alpha1", "StoreCluster", "taken").await?;
    let gone = foreign.there("storemanager.io/v1alpha1", "StoreCluster", "taken", false).await;
    tally.check("the shop is deleted beside them", gone);
    // what an owner leaves goes within a moment: the shop's own Service shows when
    let own = foreign.there("v1", "Service", "taken-cassandra", false).await;
    tally.check("its own objects go with it", own);
    let left = look().await?;
    tally.holds("the other team's objects outlive it", before == left, format!("{before:?} became {left:?}"));
    Ok(())
}

/// A Secret that is there before the shop and is not the operator's.
async fn secrets(secrets: &Namespace, tally: &mut Tally) -> Result<(), ShopError> {
    secrets.apply(json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": { "name": "shop-superuser" }, "stringData": { "theirs": "yes" },
    })).await?;
    secrets.store("shop", json!({})).await?;
    let told = secrets.condition("shop", "Degraded", "True", &["Secret shop-superuser"]).await;
    tally.check("a Secret that was there before and lacks its keys is told", told);
    Ok(())
}

/// An API that cannot have the keys of its issuer, as its pod tells at the port of operations; then one that can.
async fn issuer(issuer: &Namespace, tally: &mut Tally) -> Result<(), ShopError> {
    const ADDRESS: &str = "127.0.0.8";
    let words = "https://id.example.com/keys answered 404; the issuer's keys should be there";
    let identity = |keys: usize, failure: Value| {
        json!({ "auth": "oidc", "issuer": "https://id.example.com", "keys": keys, "failure": failure }).to_string()
    };
    let (tell, told) = watch::channel(identity(0, json!(words)));
    let port = u16::try_from(API_OPERATIONS_PORT).unwrap_or_default();
    let listener = match TcpListener::bind((ADDRESS, port)).await {
        Ok(listener) => listener,
        Err(error) => {
            tally.check("an address for a pod of the API", Err::<&str, _>(error));
            return Ok(());
        }
    };
    let answering = tokio::spawn(answer(listener, told));
    let auth = json!({ "mode": "Oidc", "oidc": {
        "issuer": "https://id.example.com", "audience": "shop",
        "roleClaim": "/realm_access/roles", "roleValues": { "/store/admins": "admin" },
    } });
    issuer.store("shop", json!({ "api": { "auth": auth } })).await?;
    // no controller makes the default one here
    issuer.there("v1", "ServiceAccount", "shop-api", true).await.map_err(ShopError::Missing)?;
    issuer
        .apply(json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": { "name": "shop-api-1", "labels": { LABEL_STORE: "shop", LABEL_COMPONENT: "api" } },
            "spec": {
                "serviceAccountName": "shop-api",
                "containers": [{ "name": "api", "image": "example.com/store-api:1" }],
            },
        }))
        .await?;
    issuer.bind_pod("shop-api-1", "machine-1").await?;
    let running = json!({ "phase": "Running", "podIP": ADDRESS, "podIPs": [{ "ip": ADDRESS }] });
    issuer.status("v1", "Pod", "shop-api-1", running).await?;
    let expected = ["IssuerUnreachable", words, "refuse every token"];
    let told = issuer.condition("shop", "Degraded", "True", &expected).await;
    tally.check("an issuer whose keys cannot be had is told in the words of the API's pod", told);
    tell.send_replace(identity(2, json!(words)));
    let told = issuer.condition("shop", "Degraded", "True", &["IssuerUnreachable", "for an hour"]).await;
    tally.check("a pod that goes on with the keys that it has is told as such", told);
    tell.send_replace(identity(2, Value::Null));
    let over = issuer
        .until("the issuer not to be told any more", async |issuer| {
            let found = issuer.find("storemanager.io/v1alpha1", "StoreCluster", "shop").await?.unwrap_or_default();
            let faults = found["status"]["faults"].to_string();
            Ok(if faults.contains("IssuerUnreachable") { Err(faults) } else { Ok(faults) })
        })
        .await;
    tally.check("an issuer whose keys are there again is told no more", over);
    answering.abort();
    Ok(())
}

/// Answers every request with what is to be told.
async fn answer(listener: TcpListener, told: watch::Receiver<String>) {
    while let Ok((mut stream, _)) = listener.accept().await {
        let body = told.borrow().clone();
        let head = format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n", body.len());
        // Whoever asks has sent a head that fits into one read, and asks again if it is not answered.
        let _ = stream.read(&mut [0; 4096]).await;
        let _ = stream.write_all(format!("{head}connection: close\r\n\r\n{body}").as_bytes()).await;
    }
}

/// Waits until the status tells this of what was carried out.
async fn carried_out(namespace: &Namespace, store: &str, expected: &Value) -> Result<String, String> {
    namespace
        .until("what was carried out", async |namespace| {
            let found = namespace.find("storemanager.io/v1alpha1", "StoreCluster", store).await?.unwrap_or_default();
            let told = &found["status"]["carriedOut"];
            Ok(if told == expected { Ok(told.to_string()) } else { Err(told.to_string()) })
        })
        .await
}

/// Whether a change was refused in these words.
fn refused_with(answer: Result<(), ShopError>, words: &str) -> Result<String, String> {
    match answer {
        Ok(()) => Err("it was taken".to_owned()),
        Err(error) if error.to_string().contains(words) => Ok(words.to_owned()),
        Err(error) => Err(error.to_string()),
    }
}
