//! Keycloak, with a realm of its own: over HTTP and over TLS of a private authority.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};
use store_load::child::Program;
use store_testbed::cache::{Cache, Key};
use store_testbed::command::{CommandError, LONG, SHORT, run};
use store_testbed::ports::free_ports;
use store_testbed::progress::wait_until;
use tempfile::TempDir;

use super::{AUDIENCE, ProviderError, is_there, text};

const VERSION: &str = "26.7.3";
const DEPENDENCY_PLUGIN: &str = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1";
const PATIENCE: Duration = Duration::from_secs(180);
const REALM: &str = "shop";
const SECRET: &str = "of-a-test";
/// Who may change the realm's keys.
const KEEPER: &str = "keeper";
/// Programs that may have tokens, each by a client of its name, with their roles of the realm and their groups.
pub const CLIENTS: [(&str, &[&str], &[&str]); 7] = [
    ("seller", &["seller"], &[]),
    ("director", &["director"], &[]),
    ("supplier", &["supplier"], &[]),
    ("admin", &["admin"], &[]),
    ("both", &["supplier", "seller"], &[]),
    ("nobody", &[], &[]),
    ("grouped", &[], &["/store/admins"]),
];
const JAVA: [&str; 10] = [
    "-XX:TieredStopAtLevel=1",
    "-XX:+UseSerialGC",
    "-Xmx400m",
    "-XX:+ExitOnOutOfMemoryError",
    "--add-opens=java.base/java.util=ALL-UNNAMED",
    "--add-opens=java.base/java.util.concurrent=ALL-UNNAMED",
    "--add-opens=java.base/java.security=ALL-UNNAMED",
    "--add-opens=java.base/java.lang=ALL-UNNAMED",
    "-Djava.util.logging.manager=org.jboss.logmanager.LogManager",
    "-Dpicocli.disable.closures=true",
];

/// A running Keycloak.
pub struct Keycloak {
    /// Its issuer over HTTP.
    pub issuer: String,
    /// The same realm over TLS, which is an issuer of its own.
    pub tls_issuer: String,
    /// File with the certificate of the authority that signed its own.
    pub authority: PathBuf,
    /// File with another authority, which signed nothing.
    pub other_authority: PathBuf,
    http: reqwest::Client,
    _program: Program,
    _directory: TempDir,
}

impl Keycloak {
    /// Starts one on loopback.
    ///
    /// # Errors
    /// [`ProviderError`] when it cannot be had or does not serve within three minutes.
    pub async fn start(cache: &Cache) -> Result<Self, ProviderError> {
        let home = distribution(cache)?;
        let directory = tempfile::tempdir()?;
        let place = directory.path();
        certificates(place)?;
        fs::copy(home.join("data/h2/keycloakdb.mv.db"), place.join("keycloakdb.mv.db"))?;
        let ports = free_ports::<3>()?;
        let [plain, tls, management] = ports.map(|port| port.to_string());
        let (path, database) = (home.display(), place.join("keycloakdb"));
        let mut arguments: Vec<String> = JAVA.map(str::to_owned).into();
        arguments.extend([
            format!("-Dkc.home.dir={path}"),
            format!("-Djboss.server.config.dir={path}/conf"),
            "-cp".into(),
            format!("{path}/lib/quarkus-run.jar"),
            "io.quarkus.bootstrap.runner.QuarkusEntryPoint".into(),
            "start".into(),
            "--optimized".into(),
            "--http-enabled=true".into(),
            "--hostname-strict=false".into(),
            "--http-host=127.0.0.1".into(),
            format!("--http-port={plain}"),
            format!("--https-port={tls}"),
            format!("--http-management-port={management}"),
            format!("--https-certificate-file={}", place.join("tls.crt").display()),
            format!("--https-certificate-key-file={}", place.join("tls.key").display()),
            format!("--db-url=jdbc:h2:file:{};NON_KEYWORDS=VALUE;DB_CLOSE_ON_EXIT=FALSE", database.display()),
            "--log-level=warn".into(),
        ]);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let program = Program::start_unheard(Path::new("java"), &arguments, &[])?;
        let http = reqwest::Client::builder().no_proxy().build()?;
        let issuer = format!("http://127.0.0.1:{plain}/realms/{REALM}");
        wait_until("Keycloak", PATIENCE, || is_there(&http, &issuer)).await?;
        Ok(Self {
            issuer,
            tls_issuer: format!("https://localhost:{tls}/realms/{REALM}"),
            authority: place.join("authority.crt"),
            other_authority: place.join("other.crt"),
            http,
            _program: program,
            _directory: directory,
        })
    }

    /// A token of a client by its credentials, for [`AUDIENCE`] if it is one of [`CLIENTS`].
    ///
    /// # Errors
    /// [`ProviderError`] when Keycloak gives none.
    pub async fn token(&self, client: &str) -> Result<String, ProviderError> {
        let url = format!("{}/protocol/openid-connect/token", self.issuer);
        let form = [("grant_type", "client_credentials"), ("client_id", client), ("client_secret", SECRET)];
        let answer: Value = self.http.post(url).form(&form).send().await?.json().await?;
        text(&answer, "access_token")
    }

    /// A token for nobody's audience.
    ///
    /// # Errors
    /// [`ProviderError`] when Keycloak gives none.
    pub async fn token_for_nobody(&self) -> Result<String, ProviderError> {
        self.token(KEEPER).await
    }

    /// Lets a new key sign from now on, beside which the old one stays in the set.
    ///
    /// # Errors
    /// [`ProviderError`] when Keycloak refuses.
    pub async fn rotate(&self) -> Result<(), ProviderError> {
        let key = json!({
            "name": "next", "providerId": "rsa-generated", "providerType": "org.keycloak.keys.KeyProvider",
            "config": {"priority": ["200"], "algorithm": ["RS256"]},
        });
        let request = self.http.post(self.components()).bearer_auth(self.token(KEEPER).await?);
        request.json(&key).send().await?.error_for_status()?;
        Ok(())
    }

    /// Takes the key that signed at first out of the set.
    ///
    /// # Errors
    /// [`ProviderError`] when Keycloak refuses or has no such key.
    pub async fn forget_the_first_key(&self) -> Result<(), ProviderError> {
        let keeper = self.token(KEEPER).await?;
        let of_keys = [("type", "org.keycloak.keys.KeyProvider"), ("name", "rsa-generated")];
        let found: Value =
            self.http.get(self.components()).query(&of_keys).bearer_auth(&keeper).send().await?.json().await?;
        let url = format!("{}/{}", self.components(), text(&found[0], "id")?);
        self.http.delete(url).bearer_auth(&keeper).send().await?.error_for_status()?;
        Ok(())
    }

    fn components(&self) -> String {
        format!("{}/components", self.issuer.replace("/realms/", "/admin/realms/"))
    }
}

/// The realm: each client has tokens by its credentials, and a user that is the client has its roles and groups.
fn realm() -> Value {
    let client = |name: &str, mappers: Value| {
        json!({
            "clientId": name, "secret": SECRET, "serviceAccountsEnabled": true, "standardFlowEnabled": false,
            "protocolMappers": mappers,
        })
    };
    let mappers = json!([
        {
            "name": "audience", "protocol": "openid-connect", "protocolMapper": "oidc-audience-mapper",
            "config": {"included.custom.audience": AUDIENCE, "access.token.claim": "true"},
        },
        {
            "name": "groups", "protocol": "openid-connect", "protocolMapper": "oidc-group-membership-mapper",
            "config": {"claim.name": "groups", "full.path": "true", "access.token.claim": "true"},
        },
    ]);
    let mut clients: Vec<Value> = CLIENTS.iter().map(|(name, ..)| client(name, mappers.clone())).collect();
    clients.push(client(KEEPER, json!([])));
    let user = |name: &str| json!({"username": format!("service-account-{name}"), "enabled": true, "serviceAccountClientId": name});
    let mut users: Vec<Value> = CLIENTS
        .iter()
        .map(|(name, roles, groups)| {
            let mut user = user(name);
            user["realmRoles"] = json!(roles);
            user["groups"] = json!(groups);
            user
        })
        .collect();
    let mut keeper = user(KEEPER);
    keeper["clientRoles"] = json!({"realm-management": ["manage-realm", "view-realm"]});
    users.push(keeper);
    let roles = ["seller", "director", "supplier", "admin"].map(|name| json!({"name": name}));
    json!({
        "realm": REALM, "enabled": true, "sslRequired": "none", "accessTokenLifespan": 300,
        "roles": {"realm": roles},
        "groups": [{"name": "store", "subGroups": [{"name": "admins"}]}],
        "clients": clients,
        "users": users,
    })
}

/// The distribution, built for its database, which has the realm.
fn distribution(cache: &Cache) -> Result<PathBuf, ProviderError> {
    let (artifact, realm) = (format!("org.keycloak:keycloak-quarkus-dist:{VERSION}:zip"), realm().to_string());
    let key = Key::new("keycloak", VERSION).with(&artifact).with(DEPENDENCY_PLUGIN).with(&realm);
    let key = key.making(format!("fetching Keycloak {VERSION}, and making its database"));
    let entry = cache.ensure(&key, |directory| -> Result<(), ProviderError> {
        let mut maven = Command::new("mvn");
        maven.args(["--quiet", "--batch-mode"]).current_dir(directory).arg(format!("{DEPENDENCY_PLUGIN}:copy"));
        maven.arg(format!("-Dartifact={artifact}")).arg(format!("-DoutputDirectory={}", directory.display()));
        run(&mut maven, LONG)?;
        let archive = directory.join(format!("keycloak-quarkus-dist-{VERSION}.zip"));
        run(Command::new("python3").args(["-m", "zipfile", "-e"]).arg(&archive).arg(directory), LONG)?;
        fs::remove_file(&archive)?;
        let file = directory.join("realm.json");
        fs::write(&file, &realm)?;
        let program = home(directory).join("bin/kc.sh");
        run(Command::new("sh").arg(&program).args(["build", "--db=dev-file", "--cache=local"]), LONG)?;
        run(Command::new("sh").arg(&program).args(["import", "--optimized", "--file"]).arg(&file), LONG)?;
        Ok(())
    })?;
    Ok(home(&entry))
}

fn home(directory: &Path) -> PathBuf {
    directory.join(format!("keycloak-{VERSION}"))
}

/// An authority, the server's certificate by it, and another authority.
fn certificates(directory: &Path) -> Result<(), ProviderError> {
    let openssl = |arguments: &str| -> Result<(), CommandError> {
        run(Command::new("openssl").current_dir(directory).args(arguments.split_whitespace()), SHORT).map(drop)
    };
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes";
    for name in ["authority", "other"] {
        openssl(&format!("req -x509 {key} -keyout {name}.key -out {name}.crt -days 2 -subj /CN={name}"))?;
    }
    openssl(&format!("req {key} -keyout tls.key -out tls.csr -subj /CN=localhost"))?;
    fs::write(directory.join("names"), "subjectAltName=DNS:localhost\n")?;
    openssl(
        "x509 -req -in tls.csr -CA authority.crt -CAkey authority.key -CAcreateserial -days 2 -extfile names -out tls.crt",
    )?;
    Ok(())
}
