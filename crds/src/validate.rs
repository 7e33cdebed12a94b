//! The rules of the schema once more in Rust, for the operator: a spec may have been stored before
//! a rule existed, or by an API server that was told to skip it. Pure.
//!
//! The messages are those of the CEL rules where there is one; a test holds both to one table.

#![deny(clippy::disallowed_methods)]

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    Amount, AuthMode, AuthSpec, CassandraSpec, GatewayParentSpec, GatewaySpec, ResourcesSpec, StoreClusterSpec,
    TracingSpec, messages, quantity_nanos, quantity_units,
};

/// A rule that a spec breaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Path of the field, such as `spec.keyspaces[0].replicationFactor`.
    pub field: String,
    /// What is wrong and what to write instead.
    pub message: String,
}

/// Rules that a StoreCluster of this name breaks by itself; empty: it is good.
pub fn validate(name: &str, spec: &StoreClusterSpec) -> Vec<Violation> {
    let mut found = Violations::default();
    check_name(&mut found, name, spec);
    check_cassandra(&mut found, &spec.cassandra);
    check_keyspaces(&mut found, spec);
    check_api(&mut found, spec);
    check_pull_secrets(&mut found, spec);
    crate::placement_rules::check(&mut found, spec);
    check_weight(&mut found, spec);
    found.0
}

/// The operator notes the spec that it took up in an annotation, and all annotations of an object together
/// may have 256 KiB.
const SPEC_BYTES_MAX: usize = 192 << 10;

fn check_weight(found: &mut Violations, spec: &StoreClusterSpec) {
    let bytes = serde_json::to_string(spec).map_or(0, |text| text.len());
    found.unless(bytes <= SPEC_BYTES_MAX, "spec", messages::SPEC_WEIGHT);
}

/// What was found so far.
#[derive(Default)]
pub(crate) struct Violations(pub(crate) Vec<Violation>);

impl Violations {
    /// Records the violation unless the rule holds.
    pub(crate) fn unless(&mut self, holds: bool, field: &str, message: &str) {
        if !holds {
            self.0.push(Violation { field: field.to_owned(), message: message.to_owned() });
        }
    }

    fn length(&mut self, text: &str, range: std::ops::RangeInclusive<usize>, field: &str) {
        let message = format!(
            "{field} must have {} to {} characters: write a value of that length or leave it out",
            range.start(),
            range.end()
        );
        self.unless(range.contains(&text.chars().count()), field, &message);
    }

    pub(crate) fn count(&mut self, count: usize, range: std::ops::RangeInclusive<usize>, field: &str) {
        let message = format!("{field} must have {} to {} entries: it has {count}", range.start(), range.end());
        self.unless(range.contains(&count), field, &message);
    }

    pub(crate) fn annotations(&mut self, annotations: &BTreeMap<String, String>, field: &str) {
        self.count(annotations.len(), 0..=32, field);
        self.unless(annotations.keys().all(|key| is_qualified(key)), field, messages::ANNOTATION_KEY);
        for (key, value) in annotations {
            let short = value.chars().count() <= 4096;
            let message = format!(
                "{field}.{key} must have at most 4096 characters: put what is longer where the controller reads it from"
            );
            self.unless(short, field, &message);
        }
    }

    pub(crate) fn within(&mut self, number: i32, range: std::ops::RangeInclusive<i32>, field: &str) {
        let message = format!("{field} must be {} to {}: it is {number}", range.start(), range.end());
        self.unless(range.contains(&number), field, &message);
    }

    pub(crate) fn unique<'a>(&mut self, names: impl Iterator<Item = &'a str>, field: &str) {
        let mut seen = BTreeSet::new();
        for (index, name) in names.enumerate() {
            let field = format!("{field}[{index}]");
            let message = format!("{field} is a duplicate of another entry named {name}: remove it");
            self.unless(seen.insert(name), &field, &message);
        }
    }
}

fn check_name(found: &mut Violations, name: &str, spec: &StoreClusterSpec) {
    let label = name.starts_with(|c: char| c.is_ascii_lowercase())
        && !name.ends_with('-')
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
    found.unless(label, "metadata.name", messages::NAME_FORM);
    found.unless(name.len() <= 40, "metadata.name", messages::NAME_LENGTH);
    let fits = spec.cassandra.racks.iter().all(|rack| name.len() + rack.name.len() <= 41);
    found.unless(fits, "metadata.name", messages::NAME_AND_RACK_LENGTH);
}

fn check_cassandra(found: &mut Violations, cassandra: &CassandraSpec) {
    found.unless(is_version(&cassandra.version), "spec.cassandra.version", messages::VERSION);
    if let Some(image) = &cassandra.image {
        check_image(found, image, "spec.cassandra.image");
    }
    let datacenter = &cassandra.datacenter;
    let named = datacenter.len() <= 48
        && datacenter.starts_with(|c: char| c.is_ascii_alphabetic())
        && datacenter.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
    found.unless(named, "spec.cassandra.datacenter", messages::DATACENTER);
    found.within(cassandra.size, 1..=300, "spec.cassandra.size");
    check_racks(found, cassandra);
    check_storage(found, cassandra);
    check_java(found, cassandra);
    let yaml = "spec.cassandra.cassandraYaml";
    found.count(cassandra.cassandra_yaml.len(), 0..=128, yaml);
    let decided = |key: &String| messages::OPERATOR_SETTINGS.contains(&key.as_str());
    found.unless(!cassandra.cassandra_yaml.keys().any(decided), yaml, messages::CASSANDRA_YAML);
}

fn check_racks(found: &mut Violations, cassandra: &CassandraSpec) {
    let field = "spec.cassandra.racks";
    found.count(cassandra.racks.len(), 1..=16, field);
    let racks = i32::try_from(cassandra.racks.len()).unwrap_or(i32::MAX);
    found.unless(racks <= cassandra.size, field, messages::RACKS_ABOVE_SIZE);
    found.unique(cassandra.racks.iter().map(|rack| rack.name.as_str()), field);
    for (index, rack) in cassandra.racks.iter().enumerate() {
        let name = &rack.name;
        let named = (1..=16).contains(&name.len())
            && !name.starts_with('-')
            && !name.ends_with('-')
            && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
        found.unless(named, &format!("{field}[{index}].name"), messages::RACK_NAME);
        if let Some(zone) = &rack.zone {
            let field = format!("{field}[{index}].zone");
            found.length(zone, 1..=63, &field);
            found.unless(zone.is_empty() || is_label_value(zone), &field, messages::ZONE);
        }
    }
}

fn check_storage(found: &mut Violations, cassandra: &CassandraSpec) {
    let size = quantity_nanos(&cassandra.storage.size);
    let field = "spec.cassandra.storage.size";
    found.unless(size.is_some_and(|nanos| nanos > 0), field, messages::STORAGE_SIZE);
    if let Some(class) = &cassandra.storage.class_name {
        let field = "spec.cassandra.storage.className";
        found.length(class, 1..=253, field);
        found.unless(class.is_empty() || is_object_name(class), field, messages::STORAGE_CLASS_NAME);
    }
}

fn check_java(found: &mut Violations, cassandra: &CassandraSpec) {
    let heap = quantity_units(&cassandra.heap);
    let in_range = heap.is_some_and(|bytes| (128 << 20..=64 << 30).contains(&bytes));
    found.unless(in_range, "spec.cassandra.heap", messages::HEAP);
    check_resources(found, &cassandra.resources, "spec.cassandra.resources");
    let limit = quantity_of(&cassandra.resources.limits, "memory").and_then(quantity_units);
    let fits = limit.is_none_or(|limit| heap.is_none_or(|heap| heap < limit));
    found.unless(fits, "spec.cassandra.heap", messages::HEAP_ABOVE_MEMORY);

    let field = "spec.cassandra.jvmOptions";
    let options = &cassandra.jvm_options;
    found.count(options.len(), 0..=64, field);
    for (index, option) in options.iter().enumerate() {
        found.length(option, 2..=256, &format!("{field}[{index}]"));
    }
    let single = options.iter().all(|o| o.starts_with('-') && !o.contains(char::is_whitespace));
    found.unless(single, field, messages::JVM_OPTION_FORM);
    let heap_free = !options.iter().any(|o| messages::HEAP_OPTIONS.iter().any(|heap| o.starts_with(heap)));
    found.unless(heap_free, field, messages::JVM_OPTION_HEAP);
}

fn check_keyspaces(found: &mut Violations, spec: &StoreClusterSpec) {
    let field = "spec.keyspaces";
    found.count(spec.keyspaces.len(), 1..=16, field);
    found.unique(spec.keyspaces.iter().map(|keyspace| keyspace.name.as_str()), field);
    for (index, keyspace) in spec.keyspaces.iter().enumerate() {
        let name = &keyspace.name;
        let identifier = name.len() <= 48
            && name.starts_with(|c: char| c.is_ascii_lowercase())
            && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
        let path = format!("{field}[{index}].name");
        found.unless(identifier, &path, messages::KEYSPACE_NAME);
        let system = name == "system" || name.starts_with("system_");
        found.unless(!system, &path, messages::KEYSPACE_SYSTEM);

        let path = format!("{field}[{index}].replicationFactor");
        let factor = keyspace.replication_factor;
        found.unless(factor >= 1, &path, messages::REPLICATION_ZERO);
        found.unless(factor <= spec.cassandra.size, &path, messages::REPLICATION_ABOVE_SIZE);
        let reasonable = factor <= 3 || spec.cassandra.allow_replication_above_three;
        found.unless(reasonable, &path, messages::REPLICATION_ABOVE_THREE);
    }
}

fn check_api(found: &mut Violations, spec: &StoreClusterSpec) {
    let api = &spec.api;
    found.within(api.replicas, 0..=100, "spec.api.replicas");
    found.within(api.trusted_hops, 0..=8, "spec.api.trustedHops");
    if let Some(limit) = &api.rate_limit {
        found.within(limit.requests, 1..=10_000_000, "spec.api.rateLimit.requests");
        found.within(limit.window_seconds, 1..=86_400, "spec.api.rateLimit.windowSeconds");
    }
    let origins = "spec.api.corsOrigins";
    found.count(api.cors_origins.len(), 0..=16, origins);
    found.unless(api.cors_origins.iter().all(|origin| is_origin(origin)), origins, messages::CORS_ORIGIN);
    if let Some(image) = &api.image {
        check_image(found, image, "spec.api.image");
    }
    check_resources(found, &api.resources, "spec.api.resources");
    let known = spec.keyspaces.iter().any(|keyspace| keyspace.name == api.keyspace);
    found.unless(known, "spec.api.keyspace", messages::API_KEYSPACE);
    check_auth(found, &api.auth);
    let open = api.auth.mode == AuthMode::Open && !api.auth.allow_open;
    found.unless(!open || (api.ingress.is_none() && api.gateway.is_none()), "spec.api", messages::OPEN_WAY_IN);
    if let Some(gateway) = &api.gateway {
        check_gateway(found, gateway);
    }
    if let Some(tracing) = &api.tracing {
        check_tracing(found, tracing);
    }
    let Some(ingress) = &api.ingress else { return };
    if let Some(host) = &ingress.host {
        let field = "spec.api.ingress.host";
        let address = host.chars().all(|c| c.is_ascii_digit() || c == '.');
        found.unless(host.len() <= 253 && is_host(host) && !address, field, messages::INGRESS_HOST);
    }
    for (value, field, message) in [
        (&ingress.class_name, "spec.api.ingress.className", messages::INGRESS_CLASS),
        (&ingress.tls_secret_name, "spec.api.ingress.tlsSecretName", messages::TLS_SECRET),
    ] {
        if let Some(name) = value {
            found.length(name, 1..=253, field);
            found.unless(name.is_empty() || is_object_name(name), field, message);
        }
    }
    found.annotations(&ingress.annotations, "spec.api.ingress.annotations");
    let tls_has_host = ingress.tls_secret_name.is_none() || ingress.host.is_some();
    found.unless(tls_has_host, "spec.api.ingress.tlsSecretName", messages::TLS_WITHOUT_HOST);
}

fn check_gateway(found: &mut Violations, gateway: &GatewaySpec) {
    let field = "spec.api.gateway";
    let parents = format!("{field}.parents");
    found.count(gateway.parents.len(), 1..=8, &parents);
    found.unless(differ(gateway), &parents, messages::GATEWAY_PARENTS);
    for (index, parent) in gateway.parents.iter().enumerate() {
        let field = format!("{field}.parents[{index}]");
        found.length(&parent.name, 1..=253, &format!("{field}.name"));
        let named = |name: &str| name.is_empty() || is_object_name(name);
        found.unless(named(&parent.name), &format!("{field}.name"), messages::GATEWAY_PARENT);
        if let Some(namespace) = &parent.namespace {
            let field = format!("{field}.namespace");
            found.length(namespace, 1..=63, &field);
            found.unless(named(namespace) && !namespace.contains('.'), &field, messages::GATEWAY_PARENT);
        }
        if let Some(section) = &parent.section_name {
            let field = format!("{field}.sectionName");
            found.length(section, 1..=253, &field);
            found.unless(named(section), &field, messages::GATEWAY_PARENT);
        }
    }
    let hostnames = format!("{field}.hostnames");
    found.count(gateway.hostnames.len(), 0..=16, &hostnames);
    let named = gateway.hostnames.iter().all(|host| host.len() <= 253 && is_host(host));
    found.unless(named, &hostnames, messages::GATEWAY_HOST);
}

/// Several references to one Gateway each name another listener of it.
fn differ(gateway: &GatewaySpec) -> bool {
    let same = |a: &GatewayParentSpec, b: &GatewayParentSpec| a.name == b.name && a.namespace == b.namespace;
    gateway.parents.iter().enumerate().all(|(index, a)| {
        let mut others = gateway.parents.iter().enumerate().filter(|(other, b)| *other != index && same(a, b));
        others.all(|(_, b)| a.section_name.is_some() && b.section_name.is_some() && a.section_name != b.section_name)
    })
}

fn check_pull_secrets(found: &mut Violations, spec: &StoreClusterSpec) {
    let (field, secrets) = ("spec.imagePullSecrets", &spec.image_pull_secrets);
    found.count(secrets.len(), 0..=8, field);
    found.unique(secrets.iter().map(|secret| secret.name.as_str()), field);
    for (index, secret) in secrets.iter().enumerate() {
        let name = &secret.name;
        let named = (1..=253).contains(&name.len()) && is_object_name(name);
        found.unless(named, &format!("{field}[{index}].name"), messages::SECRET_NAME);
    }
}

fn check_auth(found: &mut Violations, auth: &AuthSpec) {
    let belongs = (auth.mode == AuthMode::Oidc) == auth.oidc.is_some();
    found.unless(belongs, "spec.api.auth", messages::AUTH_OIDC);
    let Some(oidc) = &auth.oidc else { return };
    found.length(&oidc.audience, 1..=256, "spec.api.auth.oidc.audience");
    let in_clear = oidc.issuer.starts_with("http:") || oidc.jwks_url.iter().any(|url| url.starts_with("http:"));
    found.unless(oidc.allow_http || !in_clear, "spec.api.auth.oidc", messages::OIDC_IN_CLEAR);
    for (url, field) in
        [(Some(&oidc.issuer), "spec.api.auth.oidc.issuer"), (oidc.jwks_url.as_ref(), "spec.api.auth.oidc.jwksUrl")]
    {
        let Some(url) = url else { continue };
        found.length(url, 1..=512, field);
        let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
        let is_url = rest.is_some_and(|rest| !rest.is_empty() && !rest.contains([' ', '\n']));
        found.unless(is_url, field, messages::OIDC_URL);
    }
    if let Some(claim) = &oidc.role_claim {
        let field = "spec.api.auth.oidc.roleClaim";
        found.length(claim, 2..=256, field);
        let escaped = claim.split('~').skip(1).all(|after| after.starts_with(['0', '1']));
        found.unless(claim.starts_with('/') && escaped, field, messages::OIDC_ROLE_CLAIM);
    }
    let field = "spec.api.auth.oidc.roleValues";
    found.count(oidc.role_values.len(), 0..=64, field);
    let fits = |value: &String| (1..=256).contains(&value.chars().count());
    found.unless(oidc.role_values.keys().all(fits), field, messages::OIDC_ROLE_VALUE);
}

fn check_tracing(found: &mut Violations, tracing: &TracingSpec) {
    if let Some(url) = &tracing.endpoint {
        let field = "spec.api.tracing.endpoint";
        found.length(url, 1..=512, field);
        let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
        let is_url = rest.is_some_and(|rest| !rest.is_empty() && !rest.contains([' ', '@', '\n']));
        found.unless(is_url, field, messages::TRACING_URL);
    }
    let in_clear = tracing.endpoint.iter().any(|url| url.starts_with("http:"));
    let told = tracing.headers_secret_name.is_none() || tracing.allow_http || !in_clear;
    found.unless(told, "spec.api.tracing", messages::TRACING_IN_CLEAR);
    if let Some(name) = &tracing.headers_secret_name {
        let field = "spec.api.tracing.headersSecretName";
        found.length(name, 1..=253, field);
        found.unless(name.is_empty() || is_object_name(name), field, messages::HEADERS_SECRET);
    }
    if let Some(percent) = tracing.sample_percent {
        found.within(percent, 0..=100, "spec.api.tracing.samplePercent");
    }
}

fn check_image(found: &mut Violations, image: &str, field: &str) {
    found.length(image, 1..=512, field);
    found.unless(!image.contains(char::is_whitespace), field, messages::IMAGE);
}

fn check_resources(found: &mut Violations, resources: &ResourcesSpec, field: &str) {
    for (amounts, part) in [(&resources.requests, "requests"), (&resources.limits, "limits")] {
        found.count(amounts.len(), 0..=8, &format!("{field}.{part}"));
        found.unless(amounts.keys().all(|name| is_resource(name)), field, messages::RESOURCES_NAME);
        let good = amounts.values().all(|amount| quantity_nanos(&amount.0).is_some());
        found.unless(good, field, messages::RESOURCES_QUANTITY);
    }
    for resource in ["cpu", "memory"] {
        let request = quantity_of(&resources.requests, resource);
        let limit = quantity_of(&resources.limits, resource);
        let good = [request, limit].into_iter().flatten().all(|text| quantity_units(text).is_some());
        found.unless(good, field, messages::RESOURCES_QUANTITY);
        if let (Some(request), Some(limit)) = (request, limit) {
            let fits = !good || quantity_nanos(request) <= quantity_nanos(limit);
            found.unless(fits, field, messages::REQUESTS_ABOVE_LIMITS);
        }
    }
}

fn quantity_of<'a>(amounts: &'a BTreeMap<String, Amount>, resource: &str) -> Option<&'a str> {
    amounts.get(resource).map(|amount| amount.0.as_str())
}

/// What a container may ask for.
fn is_resource(name: &str) -> bool {
    ["cpu", "memory", "ephemeral-storage"].contains(&name) || name.starts_with("hugepages-") || name.contains('/')
}

/// Name of an object: a DNS name in lower case, as the API server takes it.
pub(crate) fn is_object_name(name: &str) -> bool {
    !name.starts_with("*.") && is_host(name)
}

/// Value of a label.
pub(crate) fn is_label_value(value: &str) -> bool {
    value.len() <= 63
        && value.starts_with(|c: char| c.is_ascii_alphanumeric())
        && value.ends_with(|c: char| c.is_ascii_alphanumeric())
        && value.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
}

/// Key of an annotation: a name, with or without a DNS name and a slash before it.
pub(crate) fn is_qualified(key: &str) -> bool {
    let (prefix, name) = key.split_once('/').map_or((None, key), |(prefix, name)| (Some(prefix), name));
    let prefixed = |prefix: &str| prefix.len() <= 253 && is_object_name(&prefix.to_ascii_lowercase());
    is_label_value(name) && prefix.is_none_or(prefixed)
}

fn is_version(version: &str) -> bool {
    let Some(rest) = version.strip_prefix("4.1").or_else(|| version.strip_prefix("5.0")) else {
        return false;
    };
    rest.is_empty()
        || rest
            .strip_prefix('.')
            .is_some_and(|patch| (1..=3).contains(&patch.len()) && patch.chars().all(|c| c.is_ascii_digit()))
}

/// What browsers send as the origin of a page; the API does not start with anything else.
fn is_origin(origin: &str) -> bool {
    let Some((scheme @ ("http" | "https"), authority)) = origin.split_once("://") else { return false };
    // The colons of an address in brackets are none before a port.
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (authority, None),
    };
    let address = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let named = match address {
        Some(address) => !address.is_empty() && address.chars().all(|c| matches!(c, '0'..='9' | 'a'..='f' | ':')),
        None => !host.starts_with('*') && is_host(host),
    };
    let own = if scheme == "https" { "443" } else { "80" };
    let ported = port.is_none_or(|port| {
        (1..=5).contains(&port.len())
            && !port.starts_with('0')
            && port.chars().all(|c| c.is_ascii_digit())
            && port != own
    });
    origin.len() <= 270 && named && ported
}

fn is_host(host: &str) -> bool {
    host.strip_prefix("*.").unwrap_or(host).split('.').all(|label| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
    })
}
