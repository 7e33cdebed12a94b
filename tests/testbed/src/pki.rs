//! The keys, certificates and kubeconfigs of a cluster, made once by openssl. IO on the cluster's
//! state directory; the whole set appears at once, so a run that was cut off leaves none.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use base64::Engine as _;

use crate::command::{CommandError, SHORT, run};
use crate::layout::Layout;
use crate::provisioner;

/// The certificates could not be made.
#[derive(Debug, thiserror::Error)]
pub enum PkiError {
    /// openssl failed.
    #[error(transparent)]
    Command(#[from] CommandError),
    /// A file could not be written.
    #[error("{action} {}: {source}", path.display())]
    Io {
        /// What was attempted.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
}

fn io_error(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> PkiError {
    let path = path.to_owned();
    move |source| PkiError::Io { action, path, source }
}

const DAYS: &str = "3650";

/// Makes all of it in `layout.pki()`, unless it is there.
///
/// # Errors
/// [`PkiError`] when openssl or the file system refuses.
pub fn ensure(layout: &Layout) -> Result<(), PkiError> {
    let place = layout.pki();
    if place.is_dir() {
        return Ok(());
    }
    let directory = place.with_extension("new");
    let _ = fs::remove_dir_all(&directory);
    fs::create_dir_all(&directory).map_err(io_error("creating", &directory))?;
    fs::set_permissions(&directory, fs::Permissions::from_mode(0o700)).map_err(io_error("protecting", &directory))?;
    let maker = Maker { directory: &directory, server: layout.api_server() };
    maker.make(layout)?;
    fs::rename(&directory, &place).map_err(io_error("renaming into place", &place))
}

struct Maker<'a> {
    directory: &'a Path,
    server: String,
}

impl Maker<'_> {
    fn make(&self, layout: &Layout) -> Result<(), PkiError> {
        for authority in ["ca", "front-proxy-ca", "etcd-ca"] {
            self.authority(authority)?;
        }
        self.service_account_key()?;
        let host = layout.host();
        let names = [
            "kubernetes",
            "kubernetes.default",
            "kubernetes.default.svc",
            "kubernetes.default.svc.cluster.local",
            "localhost",
        ];
        let names: String = names.iter().map(|name| format!("DNS:{name},")).collect();
        self.certificate("etcd", "etcd-ca", "/CN=etcd", &format!("IP:{host}"))?;
        self.certificate(
            "kube-apiserver",
            "ca",
            "/CN=kube-apiserver",
            &format!("{names}IP:{host},IP:{}", layout.api_service()),
        )?;
        self.certificate("kubelet-client", "ca", "/O=system:masters/CN=kube-apiserver-kubelet-client", "")?;
        self.certificate("front-proxy", "front-proxy-ca", "/CN=front-proxy-client", "")?;
        for (name, subject) in [
            ("admin", "/O=system:masters/CN=admin"),
            ("kube-controller-manager", "/CN=system:kube-controller-manager"),
            ("kube-scheduler", "/CN=system:kube-scheduler"),
            ("kube-proxy", "/CN=system:kube-proxy"),
            (provisioner::NAME, "/CN=testbed:volume-provisioner"),
        ] {
            self.certificate(name, "ca", subject, &format!("IP:{host}"))?;
            self.kubeconfig(name)?;
        }
        for node in layout.nodes() {
            let subject = format!("/O=system:nodes/CN=system:node:{}", node.name);
            self.certificate(&node.name, "ca", &subject, &format!("DNS:{},IP:{}", node.name, node.address))?;
            self.kubeconfig(&node.name)?;
        }
        Ok(())
    }

    fn path(&self, file: &str) -> PathBuf {
        self.directory.join(file)
    }

    fn openssl(&self, arguments: &str) -> Result<(), PkiError> {
        // The arguments are file names and our own constants: none has a blank in it.
        run(Command::new("openssl").current_dir(self.directory).args(arguments.split_whitespace()), SHORT)?;
        Ok(())
    }

    fn key(&self, name: &str) -> Result<(), PkiError> {
        self.openssl(&format!("ecparam -name prime256v1 -genkey -noout -out {name}.key"))
    }

    fn authority(&self, name: &str) -> Result<(), PkiError> {
        self.key(name)?;
        self.openssl(&format!(
            "req -x509 -new -key {name}.key -subj /CN=store-testbed-{name} -days {DAYS} -sha256 -out {name}.crt \
             -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,digitalSignature,keyCertSign,cRLSign"
        ))
    }

    fn service_account_key(&self) -> Result<(), PkiError> {
        self.openssl("genrsa -out service-account.key 2048")?;
        self.openssl("rsa -in service-account.key -pubout -out service-account.pub")
    }

    /// A certificate that serves both as client's and as server's.
    fn certificate(&self, name: &str, authority: &str, subject: &str, alternatives: &str) -> Result<(), PkiError> {
        self.key(name)?;
        let extensions = self.path(&format!("{name}.ext"));
        let mut text =
            "keyUsage=critical,digitalSignature,keyEncipherment\nextendedKeyUsage=clientAuth,serverAuth\n".to_owned();
        if !alternatives.is_empty() {
            text += &format!("subjectAltName={alternatives}\n");
        }
        fs::write(&extensions, text).map_err(io_error("writing", &extensions))?;
        self.openssl(&format!("req -new -key {name}.key -subj {subject} -out {name}.csr"))?;
        self.openssl(&format!(
            "x509 -req -in {name}.csr -CA {authority}.crt -CAkey {authority}.key -CAcreateserial -days {DAYS} -sha256 \
             -extfile {name}.ext -out {name}.crt"
        ))?;
        for leftover in ["ext", "csr"] {
            let path = self.path(&format!("{name}.{leftover}"));
            fs::remove_file(&path).map_err(io_error("deleting", &path))?;
        }
        Ok(())
    }

    /// `NAME.conf`, with the certificates in it, so that the one file can be carried anywhere.
    fn kubeconfig(&self, name: &str) -> Result<(), PkiError> {
        let encoded = |file: String| -> Result<String, PkiError> {
            let path = self.path(&file);
            let bytes = fs::read(&path).map_err(io_error("reading", &path))?;
            Ok(base64::engine::general_purpose::STANDARD.encode(bytes))
        };
        let config = serde_json::json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "testbed",
            "clusters": [{"name": "testbed", "cluster": {
                "server": self.server, "certificate-authority-data": encoded("ca.crt".to_owned())?}}],
            "users": [{"name": name, "user": {
                "client-certificate-data": encoded(format!("{name}.crt"))?,
                "client-key-data": encoded(format!("{name}.key"))?}}],
            "contexts": [{"name": "testbed", "context": {"cluster": "testbed", "user": name}}],
        });
        let path = self.path(&format!("{name}.conf"));
        fs::write(&path, format!("{config:#}\n")).map_err(io_error("writing", &path))?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).map_err(io_error("protecting", &path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_certificate_is_signed_and_a_second_call_changes_nothing() {
        let state = tempfile::tempdir().expect("a temporary directory");
        let layout = Layout { name: "x".to_owned(), slot: 3, state: state.path().to_owned() };
        ensure(&layout).expect("made");
        let pki = layout.pki();
        for (name, authority) in
            [("kube-apiserver", "ca"), ("node-c", "ca"), ("etcd", "etcd-ca"), ("front-proxy", "front-proxy-ca")]
        {
            let file = |name: &str| pki.join(format!("{name}.crt"));
            run(Command::new("openssl").args(["verify", "-CAfile"]).arg(file(authority)).arg(file(name)), SHORT)
                .expect(name);
        }
        let text = run(
            Command::new("openssl").args(["x509", "-noout", "-text", "-in"]).arg(pki.join("kube-apiserver.crt")),
            SHORT,
        );
        assert!(
            text.expect("text").contains("10.143.0.1"),
            "the Service address of the API server is in its certificate"
        );
        let before = fs::read(layout.kubeconfig()).expect("kubeconfig");
        ensure(&layout).expect("again");
        assert_eq!(before, fs::read(layout.kubeconfig()).expect("kubeconfig"));
    }
}
