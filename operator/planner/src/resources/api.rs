//! The API tier: Deployment, Ingress and the Job that writes its tables. Pure.

use serde_json::{Value, json};
use store_crds::{
    API_OPERATIONS_PORT, API_PORT, AuthMode, AuthSpec, Consistency, GatewayParentSpec, GatewaySpec, IngressSpec,
    WebhookSpec,
};

use super::child::{Child, Fill};
use super::meta::{self, Component, env};
use super::{access, operation, services, telemetry};
use crate::children::ANNOTATION_INPUTS;
use crate::desired::Desired;
use crate::digest::hash;
use crate::identity::ChildKind;
use crate::observation::SecretPurpose;
use crate::settings::Settings;

/// User of the API's image.
const API_USER: i64 = 65532;
/// How long a pod that is told to stop still takes requests, until every proxy has heard of it.
const DRAIN_SECONDS: i64 = 5;
/// How long requests may then take to end.
const SHUTDOWN_SECONDS: i64 = 20;
/// How long a pod may stay on a Kubernetes node that no longer answers.
const UNREACHABLE_SECONDS: i64 = 30;
/// Tries of the schema writer, and the time they may take together.
const MIGRATE_TRIES: i32 = 4;
const MIGRATE_SECONDS: i64 = 900;

const CREDENTIALS_DIR: &str = "/var/run/store/cassandra";
const CURSOR_KEY_DIR: &str = "/var/run/store/cursor-key";
const CA_DIR: &str = "/var/run/store/ca";
const WEBHOOKS_DIR: &str = "/var/run/store/webhooks";
const TOKENS_DIR: &str = "/var/run/store/tokens";
const OPERATION_DIR: &str = "/var/run/store/operation";

/// Image of the API: the spec's, else the one that the operator was installed with.
pub fn image<'a>(desired: &'a Desired, settings: &'a Settings) -> &'a str {
    desired.api.image.as_deref().unwrap_or(&settings.api_image)
}

/// The API's pods. Rolled with no gap: the next one is ready before an old one is told to stop.
pub fn build_deployment(desired: &Desired, inputs: Option<&str>, settings: &Settings) -> Child {
    let selector = meta::selector(desired, Component::Api);
    let mut pod = pod_spec(desired, Component::Api, container(desired, settings), settings);
    pod["terminationGracePeriodSeconds"] = json!(DRAIN_SECONDS + SHUTDOWN_SECONDS + 15);
    pod["topologySpreadConstraints"] =
        json!([meta::spread(meta::ZONE, &selector), meta::spread(meta::HOSTNAME, &selector)]);
    pod["tolerations"] = ["node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"]
        .map(|key| {
            json!({
                "key": key,
                "operator": "Exists",
                "effect": "NoExecute",
                "tolerationSeconds": UNREACHABLE_SECONDS,
            })
        })
        .into_iter()
        .collect();
    let mut metadata = json!({ "labels": meta::labels(desired, Component::Api) });
    if let Some(inputs) = inputs {
        metadata["annotations"] = json!({ ANNOTATION_INPUTS: inputs });
    }
    let placement = &desired.api.placement;
    let (metadata, pod) = (meta::with_added(placement, metadata), meta::placed(placement, pod));
    let body = json!({
        "spec": {
            "replicas": desired.api.replicas,
            "revisionHistoryLimit": 3,
            "progressDeadlineSeconds": 300,
            "strategy": { "type": "RollingUpdate", "rollingUpdate": { "maxUnavailable": 0, "maxSurge": 1 } },
            "selector": { "matchLabels": selector },
            "template": { "metadata": metadata, "spec": pod },
        },
    });
    let name = meta::component_name(desired, Component::Api);
    meta::applied(desired, "apps/v1", ChildKind::Deployment, name, meta::labels(desired, Component::Api), body)
}

fn container(desired: &Desired, settings: &Settings) -> Value {
    let mut variables = cassandra_env(desired);
    variables.extend([
        env("STORE_LOCAL_DATACENTER", &desired.cassandra.datacenter),
        env("STORE_CONSISTENCY", word(&desired.api.consistency)),
        env("STORE_SERIAL_CONSISTENCY", word(&desired.api.serial_consistency)),
        env("STORE_OPERATIONS_PORT", API_OPERATIONS_PORT.to_string()),
        env("STORE_CURSOR_KEY_FILE", format!("{CURSOR_KEY_DIR}/key")),
        env("STORE_DRAIN_SECONDS", DRAIN_SECONDS.to_string()),
        env("STORE_SHUTDOWN_SECONDS", SHUTDOWN_SECONDS.to_string()),
        env("STORE_OPERATION_FILE", format!("{OPERATION_DIR}/{}", operation::FILE)),
    ]);
    if desired.api.trusted_hops > 0 {
        variables.push(env("STORE_TRUSTED_HOPS", desired.api.trusted_hops.to_string()));
    }
    if let Some(limit) = &desired.api.rate_limit {
        variables.push(env("STORE_RATE_LIMIT", limit.requests.to_string()));
        variables.push(env("STORE_RATE_WINDOW_SECONDS", limit.window_seconds.to_string()));
    }
    if !desired.api.cors_origins.is_empty() {
        variables.push(env("STORE_CORS_ORIGINS", desired.api.cors_origins.join(",")));
    }
    if !desired.api.console {
        variables.push(env("STORE_CONSOLE", "off"));
    }
    variables.extend(auth_env(&desired.api.auth));
    let of_issuer = desired.api.auth.oidc.as_ref().is_some_and(|oidc| oidc.allow_http);
    if of_issuer || desired.api.tracing.as_ref().is_some_and(|tracing| tracing.allow_http) {
        variables.push(env("STORE_ALLOW_HTTP", "true"));
    }
    if desired.api.ca_config_map.is_some() {
        variables.push(env("SSL_CERT_FILE", format!("{CA_DIR}/ca.crt")));
    }
    if let Some(proxy) = &desired.api.proxy {
        variables.push(env("HTTP_PROXY", &proxy.url));
        variables.push(env("HTTPS_PROXY", &proxy.url));
        variables.push(env("NO_PROXY", proxy.except.join(",")));
    }
    variables.extend(webhooks_env(&desired.api.webhooks));
    variables.extend(telemetry::variables(desired, settings));
    let mut container = base_container(desired, settings, variables);
    container["ports"] = json!([
        { "name": "http", "containerPort": API_PORT, "protocol": "TCP" },
        { "name": "operations", "containerPort": API_OPERATIONS_PORT, "protocol": "TCP" },
    ]);
    container["startupProbe"] = probe("/livez", 1, 1, 60);
    container["readinessProbe"] = probe("/readyz", 2, 2, 2);
    container["livenessProbe"] = probe("/livez", 10, 5, 6);
    let mut mounts = vec![
        json!({ "name": "credentials", "mountPath": CREDENTIALS_DIR, "readOnly": true }),
        json!({ "name": "cursor-key", "mountPath": CURSOR_KEY_DIR, "readOnly": true }),
        json!({ "name": "operation", "mountPath": OPERATION_DIR, "readOnly": true }),
    ];
    if desired.api.auth.mode == AuthMode::Tokens {
        mounts.push(json!({ "name": "tokens", "mountPath": TOKENS_DIR, "readOnly": true }));
    }
    if desired.api.ca_config_map.is_some() {
        mounts.push(json!({ "name": "ca", "mountPath": CA_DIR, "readOnly": true }));
    }
    if !desired.api.webhooks.is_empty() {
        mounts.push(json!({ "name": "webhooks", "mountPath": WEBHOOKS_DIR, "readOnly": true }));
    }
    container["volumeMounts"] = json!(mounts);
    container
}

/// How the API is told where events are sent to.
fn webhooks_env(webhooks: &[WebhookSpec]) -> Vec<Value> {
    if webhooks.is_empty() {
        return Vec::new();
    }
    let one = |webhook: &WebhookSpec| {
        json!({
            "name": webhook.name,
            "url": webhook.url,
            "events": webhook.events,
            "allow_http": webhook.allow_http,
        })
    };
    let all: Vec<Value> = webhooks.iter().map(one).collect();
    vec![env("STORE_WEBHOOKS", literal(&json!(all).to_string())), env("STORE_WEBHOOK_KEYS_DIRECTORY", WEBHOOKS_DIR)]
}

/// The keys of webhooks, each in a file of its webhook's name.
fn webhooks_volume(webhooks: &[WebhookSpec]) -> Value {
    let key = |webhook: &WebhookSpec| json!({ "secret": { "name": webhook.secret_name, "items": [{ "key": "key", "path": webhook.name }] } });
    let sources: Vec<Value> = webhooks.iter().map(key).collect();
    json!({ "name": "webhooks", "projected": { "sources": sources, "defaultMode": 0o440 } })
}

/// How the API is told who may do what.
fn auth_env(auth: &AuthSpec) -> Vec<Value> {
    let mode = match auth.mode {
        AuthMode::Open => "off",
        AuthMode::Tokens => "tokens",
        AuthMode::Oidc => "oidc",
    };
    let mut variables = vec![env("STORE_AUTH", mode)];
    if auth.mode == AuthMode::Open {
        // The API refuses it beyond its own machine unless it is told that somebody wants it so.
        variables.push(env("STORE_ALLOW_OPEN", "true"));
    }
    if auth.mode == AuthMode::Tokens {
        variables.push(env("STORE_TOKENS_DIRECTORY", TOKENS_DIR));
    }
    if let Some(oidc) = &auth.oidc {
        variables.extend([
            env("STORE_OIDC_ISSUER", &oidc.issuer),
            env("STORE_OIDC_AUDIENCE", &oidc.audience),
            env("STORE_OIDC_ALGORITHM", word(&oidc.algorithm)),
        ]);
        variables.extend(oidc.console_client_id.as_ref().map(|id| env("STORE_CONSOLE_CLIENT_ID", literal(id))));
        if oidc.allow_id_tokens {
            variables.push(env("STORE_OIDC_ALLOW_ID_TOKENS", "true"));
        }
        variables.extend(oidc.jwks_url.as_ref().map(|url| env("STORE_OIDC_JWKS_URL", url)));
        variables.extend(oidc.role_claim.as_ref().map(|claim| env("STORE_OIDC_ROLE_CLAIM", literal(claim))));
        if !oidc.role_values.is_empty() {
            variables.push(env("STORE_OIDC_ROLE_VALUES", literal(&json!(oidc.role_values).to_string())));
        }
    }
    variables
}

/// A value that Kubernetes passes on as it is: it would put another variable in the place of `$(NAME)`.
fn literal(text: &str) -> String {
    text.replace("$(", "$$(")
}

fn probe(path: &str, period: i64, timeout: i64, failures: i64) -> Value {
    json!({
        "httpGet": { "path": path, "port": API_OPERATIONS_PORT },
        "periodSeconds": period,
        "timeoutSeconds": timeout,
        "failureThreshold": failures,
    })
}

/// Name of the Job that brings the tables of the API's keyspace to what its image expects. Another
/// image or keyspace is another Job, since a Job cannot be changed.
pub fn schema_job_name(desired: &Desired, settings: &Settings) -> String {
    let digest = hash(&json!([image(desired, settings), desired.api.keyspace]));
    format!("{}-schema-{}", desired.name, digest.get(..8).unwrap_or_default())
}

/// The one writer of the schema, under its own role. It goes by itself an hour after its end.
pub fn build_schema_job(desired: &Desired, level: Consistency, settings: &Settings) -> Child {
    let mut variables = cassandra_env(desired);
    variables.push(env("STORE_CONSISTENCY", word(&level)));
    let mut container = base_container(desired, settings, variables);
    container["args"] = json!(["migrate"]);
    container["volumeMounts"] = json!([{ "name": "credentials", "mountPath": CREDENTIALS_DIR, "readOnly": true }]);
    let mut pod = pod_spec(desired, Component::Schema, container, settings);
    pod["restartPolicy"] = json!("Never");
    let placement = &desired.api.placement;
    let metadata = meta::with_added(placement, json!({ "labels": meta::labels(desired, Component::Schema) }));
    let body = json!({
        "spec": {
            "backoffLimit": MIGRATE_TRIES - 1,
            "activeDeadlineSeconds": MIGRATE_SECONDS,
            "ttlSecondsAfterFinished": 3600,
            "template": { "metadata": metadata, "spec": meta::placed(placement, pod) },
        },
    });
    let name = schema_job_name(desired, settings);
    let labels = meta::labels(desired, Component::Schema);
    meta::created_once(desired, "batch/v1", ChildKind::Job, name, labels, body, (true, Fill::Nothing))
}

fn pod_spec(desired: &Desired, component: Component, container: Value, settings: &Settings) -> Value {
    let mut volumes = vec![json!({
        "name": "credentials",
        "secret": {
            "secretName": match component {
                Component::Schema => access::secret_name(desired, SecretPurpose::Schema),
                _ => access::secret_name(desired, SecretPurpose::Api),
            },
            "defaultMode": 0o440,
        },
    })];
    if component == Component::Api {
        volumes.push(json!({
            "name": "cursor-key",
            "secret": { "secretName": access::secret_name(desired, SecretPurpose::CursorKey), "defaultMode": 0o440 },
        }));
        // A pod starts without it: nothing may have been told yet.
        volumes
            .push(json!({ "name": "operation", "configMap": { "name": operation::name(desired), "optional": true } }));
        if desired.api.auth.mode == AuthMode::Tokens {
            volumes.push(json!({
                "name": "tokens",
                "secret": { "secretName": access::secret_name(desired, SecretPurpose::ApiTokens), "defaultMode": 0o440 },
            }));
        }
    }
    if let Some(name) = desired.api.ca_config_map.as_ref().filter(|_| component == Component::Api) {
        volumes.push(json!({ "name": "ca", "configMap": { "name": name } }));
    }
    if component == Component::Api && !desired.api.webhooks.is_empty() {
        volumes.push(webhooks_volume(&desired.api.webhooks));
    }
    meta::with_pull_secrets(
        desired,
        json!({
            "serviceAccountName": meta::component_name(desired, Component::Api),
            "automountServiceAccountToken": false,
            "enableServiceLinks": false,
            "securityContext": meta::pod_security(API_USER, settings.user_ids),
            "containers": [container],
            "volumes": volumes,
        }),
    )
}

fn base_container(desired: &Desired, settings: &Settings, variables: Vec<Value>) -> Value {
    json!({
        "name": "api",
        "image": image(desired, settings),
        "imagePullPolicy": desired.api.image_pull_policy,
        "env": variables,
        // Nothing is written but the log.
        "resources": meta::with_scratch(meta::resources(&desired.api.resources), "16Mi", "256Mi"),
        "terminationMessagePolicy": meta::LAST_WORDS,
        "securityContext": meta::container_security(),
    })
}

fn cassandra_env(desired: &Desired) -> Vec<Value> {
    vec![
        env("CASSANDRA_HOST", format!("{}.{}.svc", services::client_name(desired), desired.namespace)),
        env("CASSANDRA_USERNAME_FILE", format!("{CREDENTIALS_DIR}/username")),
        env("CASSANDRA_PASSWORD_FILE", format!("{CREDENTIALS_DIR}/password")),
        env("STORE_KEYSPACE", &desired.api.keyspace),
    ]
}

/// A word of the spec as Cassandra and the API write it.
fn word(level: &impl serde::Serialize) -> String {
    json!(level).as_str().unwrap_or_default().to_owned()
}

/// The way in from outside.
pub fn build_ingress(desired: &Desired, ingress: &IngressSpec) -> Child {
    let service = meta::component_name(desired, Component::Api);
    let mut rule = json!({
        "http": {
            "paths": [{
                "path": "/",
                "pathType": "Prefix",
                "backend": { "service": { "name": service, "port": { "name": "http" } } },
            }],
        },
    });
    if let Some(host) = &ingress.host {
        rule["host"] = json!(host);
    }
    let mut body = json!({ "metadata": { "annotations": ingress.annotations }, "spec": { "rules": [rule] } });
    if let Some(class) = &ingress.class_name {
        body["spec"]["ingressClassName"] = json!(class);
    }
    if let (Some(secret), Some(host)) = (&ingress.tls_secret_name, &ingress.host) {
        body["spec"]["tls"] = json!([{ "hosts": [host], "secretName": secret }]);
    }
    let labels = meta::labels(desired, Component::Api);
    meta::applied(desired, "networking.k8s.io/v1", ChildKind::Ingress, service, labels, body)
}

/// The same by the Gateway API: every path of the hosts goes to the Service, which spreads it.
pub fn build_route(desired: &Desired, gateway: &GatewaySpec) -> Child {
    let service = meta::component_name(desired, Component::Api);
    let parent = |parent: &GatewayParentSpec| {
        let mut reference = json!({ "name": parent.name });
        if let Some(namespace) = &parent.namespace {
            reference["namespace"] = json!(namespace);
        }
        if let Some(section) = &parent.section_name {
            reference["sectionName"] = json!(section);
        }
        reference
    };
    let mut body = json!({
        "spec": {
            "parentRefs": gateway.parents.iter().map(parent).collect::<Vec<_>>(),
            "rules": [{
                "matches": [{ "path": { "type": "PathPrefix", "value": "/" } }],
                "backendRefs": [{ "name": service, "port": services::API_SERVICE_PORT }],
            }],
        },
    });
    if !gateway.hostnames.is_empty() {
        body["spec"]["hostnames"] = json!(gateway.hostnames);
    }
    let labels = meta::labels(desired, Component::Api);
    meta::applied(desired, "gateway.networking.k8s.io/v1", ChildKind::HttpRoute, service, labels, body)
}
