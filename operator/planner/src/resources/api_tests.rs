//! What the pods of the API are told by the spec.

use serde_json::{Value, json};

use super::tests::{desired, settings, shape};
use super::{Fill, Mode, access, build};
use crate::identity::ChildKind;
use crate::observation::SecretPurpose;

#[test]
fn how_much_a_principal_may_send_is_set_by_the_spec_alone() {
    let told = |spec: Value| {
        let children = build(&desired(spec), &shape(&[("rack1", 1)], &["shop-cassandra-rack1-0"]), &settings());
        let api = children.iter().find(|child| child.key.kind == ChildKind::Deployment).unwrap();
        let variables = api.object["spec"]["template"]["spec"]["containers"][0]["env"].as_array().unwrap().clone();
        let of_rate =
            variables.into_iter().filter(|variable| variable["name"].as_str().unwrap().starts_with("STORE_RATE"));
        of_rate.map(|variable| variable["value"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(told(json!({"api": {"rateLimit": {"requests": 600}}})), ["600", "60"]);
    assert_eq!(told(json!({"api": {"rateLimit": {"requests": 10, "windowSeconds": 1}}})), ["10", "1"]);
    assert!(told(json!({})).is_empty());
}

#[test]
fn the_api_is_told_the_origins_whose_pages_may_call_it() {
    let told = |spec: Value| {
        let children = build(&desired(spec), &shape(&[("rack1", 1)], &["shop-cassandra-rack1-0"]), &settings());
        let api = children.iter().find(|child| child.key.kind == ChildKind::Deployment).unwrap();
        let variables = api.object["spec"]["template"]["spec"]["containers"][0]["env"].as_array().unwrap();
        let origins = variables.iter().find(|variable| variable["name"] == "STORE_CORS_ORIGINS");
        origins.map(|variable| variable["value"].as_str().unwrap().to_owned())
    };
    let origins = json!({"api": {"corsOrigins": ["https://shop.example.org", "http://localhost:3000"]}});
    assert_eq!(told(origins).as_deref(), Some("https://shop.example.org,http://localhost:3000"));
    assert_eq!(told(json!({})), None);
}

#[test]
fn the_console_is_switched_off_by_the_spec_alone() {
    let told = |spec: Value| {
        let children = build(&desired(spec), &shape(&[("rack1", 1)], &["shop-cassandra-rack1-0"]), &settings());
        let off = r#"{"name":"STORE_CONSOLE","value":"off"}"#;
        children.iter().filter(|child| child.object.to_string().contains(off)).count()
    };
    assert_eq!(told(json!({"api": {"console": false}})), 1, "the API's Deployment");
    assert_eq!(told(json!({"api": {"console": true}})) + told(json!({})), 0);
}

#[test]
fn the_api_is_told_its_webhooks_and_has_a_key_for_each() {
    let of = |spec: Value| {
        let children = build(&desired(spec), &shape(&[("rack1", 1)], &["shop-cassandra-rack1-0"]), &settings());
        children.iter().find(|child| child.key.kind == ChildKind::Deployment).unwrap().object["spec"]["template"]["spec"].clone()
    };
    let hook = json!({"name": "erp", "url": "https://erp.example.com/$(HOME)", "events": ["order.paid"], "secretName": "erp-key"});
    let pod = of(json!({"api": {"webhooks": [hook]}}));
    let variables = pod["containers"][0]["env"].as_array().unwrap();
    let told = variables.iter().find(|variable| variable["name"] == "STORE_WEBHOOKS").unwrap();
    let told = told["value"].as_str().unwrap().replace("$$(", "$(");
    assert_eq!(
        serde_json::from_str::<Value>(&told).unwrap(),
        json!([{"name": "erp", "url": "https://erp.example.com/$(HOME)", "events": ["order.paid"], "allow_http": false}])
    );
    let volume = pod["volumes"].as_array().unwrap().iter().find(|volume| volume["name"] == "webhooks").unwrap();
    assert_eq!(
        volume["projected"]["sources"],
        json!([{"secret": {"name": "erp-key", "items": [{"key": "key", "path": "erp"}]}}])
    );
    assert!(!of(json!({})).to_string().contains("webhooks"));
}

#[test]
fn the_api_is_told_who_may_use_it_and_holds_no_tokens_that_it_does_not_ask_for() {
    let issuer = json!({"issuer": "https://id.example.com", "audience": "shop", "algorithm": "EdDSA"});
    let near = json!({"issuer": "http://id", "audience": "shop", "allowHttp": true});
    for (auth, told, tokens) in [
        (json!({}), vec!["STORE_AUTH=tokens", "STORE_TOKENS_DIRECTORY=/var/run/store/tokens"], true),
        (json!({"mode": "Open"}), vec!["STORE_AUTH=off", "STORE_ALLOW_OPEN=true"], false),
        (
            json!({"mode": "Oidc", "oidc": issuer}),
            vec![
                "STORE_AUTH=oidc",
                "STORE_OIDC_ISSUER=https://id.example.com",
                "STORE_OIDC_AUDIENCE=shop",
                "STORE_OIDC_ALGORITHM=EdDSA",
            ],
            false,
        ),
        (
            json!({"mode": "Oidc", "oidc": {
                "issuer": "https://id.example.com", "audience": "shop", "roleClaim": "/realm_access/roles",
                "allowIdTokens": true,
                "roleValues": {"$(HOME)": "seller", "CN=Admins,OU=Shop": "admin"},
            }}),
            vec![
                "STORE_AUTH=oidc",
                "STORE_OIDC_ISSUER=https://id.example.com",
                "STORE_OIDC_AUDIENCE=shop",
                "STORE_OIDC_ALGORITHM=RS256",
                "STORE_OIDC_ALLOW_ID_TOKENS=true",
                "STORE_OIDC_ROLE_CLAIM=/realm_access/roles",
                "STORE_OIDC_ROLE_VALUES={\"$$(HOME)\":\"seller\",\"CN=Admins,OU=Shop\":\"admin\"}",
            ],
            false,
        ),
        (
            json!({"mode": "Oidc", "oidc": near}),
            vec![
                "STORE_AUTH=oidc",
                "STORE_OIDC_ISSUER=http://id",
                "STORE_OIDC_AUDIENCE=shop",
                "STORE_OIDC_ALGORITHM=RS256",
                "STORE_ALLOW_HTTP=true",
            ],
            false,
        ),
    ] {
        let desired = desired(json!({"api": {"auth": auth}}));
        assert!(desired.refused.is_empty(), "{:?}", desired.refused);
        let children = build(&desired, &shape(&[("rack1", 1)], &["shop-cassandra-rack1-0"]), &settings());
        let of = |kind: ChildKind, name: &str| {
            children.iter().find(|child| child.key.kind == kind && child.key.name == name)
        };
        assert_eq!(access::purposes(&desired).contains(&SecretPurpose::ApiTokens), tokens);
        let deployment = &of(ChildKind::Deployment, "shop-api").unwrap().object;
        let pod = &deployment["spec"]["template"]["spec"];
        assert_eq!(pod["volumes"].to_string().contains("shop-api-tokens"), tokens);
        let variables = pod["containers"][0]["env"].as_array().unwrap().iter();
        let variables: Vec<String> = variables
            .map(|variable| {
                format!("{}={}", variable["name"].as_str().unwrap(), variable["value"].as_str().unwrap_or_default())
            })
            .filter(|text| {
                ["STORE_AUTH", "STORE_ALLOW", "STORE_TOKENS", "STORE_OIDC"]
                    .iter()
                    .any(|prefix| text.starts_with(prefix))
            })
            .collect();
        assert_eq!(variables, told);
        if let Some(secret) = of(ChildKind::Secret, "shop-api-tokens") {
            let random = vec!["seller", "director", "supplier", "admin"];
            assert_eq!(secret.mode, Mode::CreateOnce { fill: Fill::Random(random) });
        }
    }
}
