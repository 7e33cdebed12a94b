//! Rules about where pods run and what they bear, as the CEL rules beside the types have them. Pure.

use std::collections::BTreeMap;

use crate::validate::{Violations, is_label_value, is_object_name, is_qualified};
use crate::{StoreClusterSpec, TaintEffect, TolerationOperator, TolerationSpec, WebhookSpec, messages};

/// Checks what the API trusts and asks by, and the pods of nodes and API.
pub(crate) fn check(found: &mut Violations, spec: &StoreClusterSpec) {
    if let Some(name) = &spec.api.ca_config_map_name {
        let named = (1..=253).contains(&name.len()) && is_object_name(name);
        found.unless(named, "spec.api.caConfigMapName", messages::CA_CONFIG_MAP);
    }
    if let Some(proxy) = &spec.api.proxy {
        let rest = proxy.url.strip_prefix("https://").or_else(|| proxy.url.strip_prefix("http://"));
        let is_url = rest.is_some_and(|rest| !rest.is_empty() && !rest.contains([' ', '@', '\n']));
        found.unless(is_url && proxy.url.len() <= 512, "spec.api.proxy.url", messages::PROXY_URL);
        found.count(proxy.except.len(), 0..=32, "spec.api.proxy.except");
    }
    check_webhooks(found, &spec.api.webhooks);
    let (nodes, api) = (&spec.cassandra, &spec.api);
    for (of, selector, tolerations, class, labels, annotations) in [
        (
            "spec.cassandra",
            &nodes.node_selector,
            &nodes.tolerations,
            &nodes.priority_class_name,
            &nodes.pod_labels,
            &nodes.pod_annotations,
        ),
        (
            "spec.api",
            &api.node_selector,
            &api.tolerations,
            &api.priority_class_name,
            &api.pod_labels,
            &api.pod_annotations,
        ),
    ] {
        check_labels(found, selector, &format!("{of}.nodeSelector"));
        check_labels(found, labels, &format!("{of}.podLabels"));
        found.annotations(annotations, &format!("{of}.podAnnotations"));
        found.count(tolerations.len(), 0..=16, &format!("{of}.tolerations"));
        for (index, toleration) in tolerations.iter().enumerate() {
            check_toleration(found, toleration, &format!("{of}.tolerations[{index}]"));
        }
        let named = class.as_ref().is_none_or(|name| (1..=253).contains(&name.len()) && is_object_name(name));
        found.unless(named, &format!("{of}.priorityClassName"), messages::PRIORITY_CLASS);
    }
}

fn check_webhooks(found: &mut Violations, webhooks: &[WebhookSpec]) {
    found.count(webhooks.len(), 0..=16, "spec.api.webhooks");
    found.unique(webhooks.iter().map(|webhook| webhook.name.as_str()), "spec.api.webhooks");
    for (index, webhook) in webhooks.iter().enumerate() {
        let field = format!("spec.api.webhooks[{index}]");
        let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let named = (1..=63).contains(&webhook.name.len()) && webhook.name.bytes().all(fits);
        found.unless(named, &format!("{field}.name"), messages::WEBHOOK_NAME);
        let url = &webhook.url;
        let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
        let is_url = rest.is_some_and(|rest| !rest.is_empty() && !rest.contains([' ', '\n']));
        found.unless(is_url && url.len() <= 512, &format!("{field}.url"), messages::WEBHOOK_URL);
        found.unless(webhook.allow_http || !url.starts_with("http:"), &field, messages::WEBHOOK_IN_CLEAR);
        found.count(webhook.events.len(), 1..=16, &format!("{field}.events"));
        let secret = (1..=253).contains(&webhook.secret_name.len()) && is_object_name(&webhook.secret_name);
        found.unless(secret, &format!("{field}.secretName"), messages::WEBHOOK_SECRET);
    }
}

fn check_labels(found: &mut Violations, labels: &BTreeMap<String, String>, field: &str) {
    found.count(labels.len(), 0..=16, field);
    found.unless(labels.keys().all(|key| is_qualified(key)), field, messages::LABEL_KEY);
    found.unless(labels.values().all(|value| value.is_empty() || is_label_value(value)), field, messages::LABEL_VALUE);
}

fn check_toleration(found: &mut Violations, toleration: &TolerationSpec, field: &str) {
    let every = toleration.operator == Some(TolerationOperator::Exists);
    found.unless(toleration.key.is_some() || every, field, messages::TOLERATION_KEY);
    found.unless(toleration.value.is_none() || !every, field, messages::TOLERATION_VALUE);
    let seconds = toleration.toleration_seconds.unwrap_or_default();
    found.within(seconds, 0..=31_536_000, &format!("{field}.tolerationSeconds"));
    let timed = toleration.effect == Some(TaintEffect::NoExecute);
    found.unless(toleration.toleration_seconds.is_none() || timed, field, messages::TOLERATION_SECONDS);
}
