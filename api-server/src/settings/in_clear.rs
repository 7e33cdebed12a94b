//! What is refused unless it is asked for: an API without tokens that others reach, and secrets that travel in clear. Pure.

use std::net::IpAddr;

use reqwest::Url;

use super::{Auth, Settings, SettingsError};

impl Settings {
    /// Refuses an API that asks nobody for a token where others than this machine reach it.
    ///
    /// # Errors
    /// [`SettingsError::Open`].
    pub fn check_who_reaches_it(&self) -> Result<(), SettingsError> {
        let open = self.access.mode == Auth::Off && !self.access.allow_open;
        if open && !self.listen_address.is_loopback() {
            return Err(SettingsError::Open { address: self.listen_address });
        }
        Ok(())
    }

    /// Refuses keys of an issuer, and headers for a collector, that would travel in clear; `variable` reads the environment.
    ///
    /// # Errors
    /// [`SettingsError::InClear`].
    pub fn check_what_travels(&self, variable: impl Fn(&str) -> Option<String>) -> Result<(), SettingsError> {
        if self.access.allow_http {
            return Ok(());
        }
        let of_issuer = (self.access.mode == Auth::Oidc).then_some([
            ("STORE_OIDC_ISSUER", &self.access.oidc_issuer),
            ("STORE_OIDC_JWKS_URL", &self.access.oidc_jwks_url),
        ]);
        for (variable, url) in of_issuer.into_iter().flatten() {
            if let Some(url) = url.as_ref().filter(|url| is_in_clear(url)) {
                let whose = "whoever is on the way could give itself any role";
                return Err(SettingsError::InClear { variable, url: url.clone(), whose });
            }
        }
        let has_headers = variable("OTEL_EXPORTER_OTLP_HEADERS").is_some_and(|headers| !headers.is_empty());
        let endpoint = variable("OTEL_EXPORTER_OTLP_ENDPOINT").filter(|url| has_headers && is_in_clear(url));
        match endpoint {
            None => Ok(()),
            Some(url) => {
                let whose = "whoever is on the way could read the headers for it";
                Err(SettingsError::InClear { variable: "OTEL_EXPORTER_OTLP_ENDPOINT", url, whose })
            }
        }
    }
}

/// Whether what is asked of this address goes over a network without TLS. What is no address is told of elsewhere.
fn is_in_clear(url: &str) -> bool {
    let Ok(url) = Url::parse(url) else { return false };
    let host = url.host_str().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
    let here = host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    url.scheme() != "https" && !here
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::super::Cli;
    use super::*;

    fn settings(args: &[&str]) -> Settings {
        Cli::try_parse_from(std::iter::once("store-api").chain(args.iter().copied())).unwrap().settings
    }

    #[test]
    fn an_api_that_asks_nobody_for_a_token_is_for_this_machine_unless_it_is_allowed() {
        for (args, fine) in [
            (&[][..], false),
            (&["--listen-address", "10.0.0.1"], false),
            (&["--listen-address", "::"], false),
            (&["--listen-address", "127.0.0.1"], true),
            (&["--listen-address", "::1"], true),
            (&["--allow-open"], true),
            (&["--allow-open", "false"], false),
            (&["--auth", "tokens", "--tokens-directory", "/tokens"], true),
        ] {
            assert_eq!(settings(args).check_who_reaches_it().is_ok(), fine, "{args:?}");
        }
        let told = settings(&[]).check_who_reaches_it().unwrap_err().to_string();
        for way_out in ["STORE_AUTH", "STORE_LISTEN_ADDRESS", "STORE_ALLOW_OPEN"] {
            assert!(told.contains(way_out), "{told}");
        }
    }

    #[test]
    fn keys_and_headers_go_by_tls_or_stay_on_this_machine_unless_it_is_allowed() {
        let oidc = |issuer: &str, keys: &str, more: &[&str]| {
            let mut args = vec!["--auth", "oidc", "--oidc-audience", "store", "--oidc-issuer", issuer];
            if !keys.is_empty() {
                args.extend(["--oidc-jwks-url", keys]);
            }
            args.extend(more);
            settings(&args).check_what_travels(|_| None).is_ok()
        };
        for (issuer, keys, fine) in [
            ("https://id.example.org", "", true),
            ("http://id.example.org", "", false),
            ("https://id.example.org", "http://id.example.org/keys", false),
            ("http://127.0.0.1:8080", "http://[::1]/keys", true),
            ("http://localhost:8080/realms/store", "", true),
            ("http://localhost.example.org", "", false),
            ("http://id.store.svc", "", false),
        ] {
            assert_eq!(oidc(issuer, keys, &[]), fine, "{issuer} {keys}");
            assert!(oidc(issuer, keys, &["--allow-http"]), "{issuer} {keys}");
        }
        for (endpoint, headers, fine) in [
            ("http://collector:4318", "", true),
            ("http://collector:4318", "authorization=Bearer%20x", false),
            ("https://collector:4318", "authorization=Bearer%20x", true),
            ("http://127.0.0.1:4318", "authorization=Bearer%20x", true),
        ] {
            let variable = |name: &str| match name {
                "OTEL_EXPORTER_OTLP_ENDPOINT" => Some(endpoint.to_owned()),
                "OTEL_EXPORTER_OTLP_HEADERS" => Some(headers.to_owned()),
                _ => None,
            };
            assert_eq!(settings(&[]).check_what_travels(variable).is_ok(), fine, "{endpoint} {headers}");
            assert!(settings(&["--allow-http"]).check_what_travels(variable).is_ok());
        }
    }
}
