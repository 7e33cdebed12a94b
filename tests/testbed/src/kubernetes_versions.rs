//! The versions of Kubernetes that something runs on here: the testbed's, and the two ends of what the project promises.
//! Pure.

use clap::ValueEnum;

/// One of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum KubernetesVersion {
    /// Of the oldest minor that is promised: API server and controller manager alone.
    Oldest,
    /// Of the testbed: all of it.
    Testbed,
    /// Of the newest minor that there is: API server and controller manager alone.
    Newest,
}

impl KubernetesVersion {
    /// The version, as its Go module and its Git tag have it.
    pub const fn tag(self) -> &'static str {
        match self {
            Self::Oldest => "v1.30.14",
            Self::Testbed => "v1.35.4",
            Self::Newest => "v1.37.2",
        }
    }

    /// The wrapper module below `testbed/go` that pins all that it is built of.
    pub(crate) const fn directory(self) -> &'static str {
        match self {
            Self::Oldest => "kubernetes-oldest",
            Self::Testbed => "kubernetes",
            Self::Newest => "kubernetes-newest",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkout::root;

    fn minor(version: KubernetesVersion) -> &'static str {
        version.tag().trim_start_matches('v').rsplit_once('.').expect("a patch number").0
    }

    #[test]
    fn what_is_promised_is_what_is_tested() {
        let oldest = minor(KubernetesVersion::Oldest);
        for (file, words) in [
            ("README.md", format!("Kubernetes {oldest} or newer")),
            ("SECURITY.md", format!("| {oldest} and newer |")),
            ("charts/store-manager/Chart.yaml", format!("kubeVersion: \">={oldest}.0-0\"")),
            ("charts/store-manager/README.preamble.md", format!("Kubernetes {oldest} or newer")),
            ("docs/arc42/02-constraints.md", format!("Kubernetes {oldest} or newer")),
            ("docs/testing.md", format!("{oldest} and {}", minor(KubernetesVersion::Newest))),
        ] {
            let text = std::fs::read_to_string(root().join(file)).expect("read");
            assert!(text.contains(&words), "{file} does not say: {words}");
        }
    }

    #[test]
    fn the_testbed_is_between_both_ends() {
        let number = |version| minor(version).trim_start_matches("1.").parse::<u32>().expect("a number");
        assert!(number(KubernetesVersion::Oldest) < number(KubernetesVersion::Testbed));
        assert!(number(KubernetesVersion::Testbed) < number(KubernetesVersion::Newest));
    }
}
