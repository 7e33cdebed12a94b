//! `make images`, and `make up` and `make down` on a cluster of kind, k3d or minikube, whole and as programs, on
//! machines that have some of the programs of others and lack the rest.

#![allow(clippy::expect_used, reason = "a test ends where it finds a fault")]

mod fakes;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::atomic::Ordering;

use fakes::{Kubernetes, Machine};

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// A machine with kubectl, helm, one builder and one tool, whose cluster is the current context.
fn machine(kubernetes: &Kubernetes, builder: &str, tool: &str) -> Machine {
    let machine = Machine::with(&["kubectl", "helm", builder, tool]);
    let (clusters, context) = match tool {
        "kind" => ("other\nmine\n", "kind-mine"),
        "k3d" => ("mine   1/1   0/0   true\n", "k3d-mine"),
        _ => (r#"{"invalid":[],"valid":[{"Name":"mine"}]}"#, "mine"),
    };
    machine.write("clusters", clusters);
    machine.write("context", context);
    machine.write("port", &kubernetes.port.to_string());
    machine.write("kubeconfig", &kubernetes.kubeconfig());
    machine
}

/// The tag that names what is in the images, as it stands in `text`.
fn content_tag(text: &str) -> String {
    let at = text.find("dev-").expect("a tag of the content");
    let tag: String = text[at..].chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '-').collect();
    assert_eq!(tag.len(), "dev-".len() + 16, "{tag}");
    tag
}

#[test]
fn images_are_built_and_tagged_by_the_builder_that_is_there() {
    for (there, asked, builder) in [
        (vec!["docker", "podman", "buildah"], "", "docker"),
        (vec!["podman", "buildah"], "", "podman"),
        (vec!["buildah"], "", "buildah"),
        (vec!["docker", "podman", "buildah"], "buildah", "buildah"),
    ] {
        let machine = Machine::with(&there);
        let printed = machine.testbed(&["images"], &[("BUILDER", asked)]).expect("built");
        let tag = content_tag(&printed);
        let layers = if builder == "buildah" { " --layers" } else { "" };
        let mut wanted = vec![format!("{builder} images --quiet")];
        let images = [("store-operator", "operator/Dockerfile"), ("store-api", "api-server/Dockerfile")];
        for (image, file) in images {
            let name = format!("docker.io/library/{image}");
            let how =
                format!("--file {file} --build-arg PROFILE=release --iidfile ID/{image} --tag {name}:{VERSION} .");
            wanted.push(format!("{builder} build{layers} {how}"));
            wanted.push(format!("{builder} tag {name}:{VERSION} {name}:dev"));
            assert!(printed.contains(&format!("{name}:{VERSION}, also as :dev and :{tag}\n")), "{printed}");
        }
        wanted.extend(images.map(|(image, _)| {
            format!("{builder} tag docker.io/library/{image}:{VERSION} docker.io/library/{image}:{tag}")
        }));
        let calls: Vec<String> = machine.calls().iter().map(|call| without_directory(call)).collect();
        let looked = if asked.is_empty() { there.len() } else { 1 };
        assert_eq!(
            calls[looked - 1..].iter().filter(|call| !call.ends_with("--quiet")).collect::<Vec<_>>(),
            wanted[1..].iter().collect::<Vec<_>>()
        );
        assert!(calls.contains(&wanted[0]) && calls.iter().filter(|call| call.ends_with("--quiet")).count() == looked);
        assert!(
            printed.contains("PROFILE=release CLUSTER=kind make up") && printed.contains(&format!("{builder} push"))
        );
    }
}

/// The directory of ids has another name on each run.
fn without_directory(call: &str) -> String {
    let Some((before, rest)) = call.split_once("--iidfile ") else { return call.to_owned() };
    let (path, rest) = rest.split_once(' ').unwrap_or((rest, ""));
    format!("{before}--iidfile ID/{} {rest}", path.rsplit('/').next().unwrap_or_default())
}

#[test]
fn where_nothing_can_build_images_it_is_told_what_was_found_and_nothing_is_built() {
    let machine = Machine::with(&["docker"]);
    machine.write("broken", "");
    let error = machine.testbed(&["images"], &[]).expect_err("no daemon").to_string();
    for words in
        ["Cannot connect to the Docker daemon", "podman is not on PATH", "buildah is not on PATH", "apt-get install"]
    {
        assert!(error.contains(words), "{words}: {error}");
    }
    assert_eq!(machine.calls(), ["docker images --quiet"]);
    let error = machine.testbed(&["images"], &[("BUILDER", "podman")]).expect_err("no podman").to_string();
    assert!(error.contains("BUILDER=podman was asked for, and podman is not on PATH"), "{error}");
    let error = machine.testbed(&["images"], &[("PROFILE", "fast")]).expect_err("no such profile").to_string();
    assert!(error.contains("dev") && error.contains("release"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_shop_comes_up_on_a_cluster_of_each_tool_with_images_that_were_loaded_there() {
    let kubernetes = Kubernetes::start().await;
    for (tool, builder, load) in [
        ("kind", "docker", "kind load image-archive FILE --name mine"),
        ("k3d", "podman", "k3d image import FILE --cluster mine"),
        ("minikube", "buildah", "minikube image load FILE --profile mine"),
    ] {
        let machine = machine(&kubernetes, builder, tool);
        let printed = machine.testbed(&["shop-up"], &[("CLUSTER", tool)]).expect("up");
        let calls = machine.calls();
        let install = calls.iter().find(|call| call.starts_with("helm upgrade")).expect("an installation");
        let tag = content_tag(install);
        let order = [
            format!("{builder} build"),
            format!("{builder} {}", if builder == "buildah" { "push" } else { "save" }),
            load.split_once("FILE").expect("a file").0.to_owned(),
            "helm upgrade --install store-manager".to_owned(),
            "kubectl apply -f".to_owned(),
            "kubectl port-forward --address 127.0.0.1 -n store service/minimal-api :80".to_owned(),
        ];
        let places: Vec<usize> = order
            .iter()
            .map(|beginning| {
                calls
                    .iter()
                    .position(|call| call.starts_with(beginning))
                    .unwrap_or_else(|| panic!("{beginning}: {calls:#?}"))
            })
            .collect();
        assert!(places.is_sorted(), "{order:?} {calls:#?}");
        for image in ["store-operator", "store-api"] {
            assert!(
                calls.iter().any(|call| call.contains("PROFILE=dev") && call.contains(&format!("/{image}:{VERSION} ")))
            );
            let (before, after) = load.split_once("FILE").expect("a file");
            assert!(
                calls.iter().any(|call| call.starts_with(before) && call.ends_with(&format!("/{image}.tar{after}"))),
                "{calls:#?}"
            );
            // By the tag of their content, so that pods are replaced when it changes.
            assert!(calls.iter().any(|call| call.contains(&format!("docker.io/library/{image}:{tag}"))));
        }
        assert!(install.contains(&format!("image.tag={tag},apiImage.tag={tag}")), "{install}");
        assert!(calls.iter().any(|call| call.ends_with("k8s/samples/minimal.yaml")), "no zones a, b and c: {calls:#?}");
        assert!(printed.contains("kubectl port-forward -n store service/minimal-api 15000:80"), "{printed}");
        let state = machine.path("state");
        let env = fs::read_to_string(state.join("env")).expect("a file to source");
        assert!(env.contains("STORE_URL='http://127.0.0.1:15000'") && env.contains("STORE_TOKEN='token'"), "{env}");
        let copy = state.join("own_cluster/kubeconfig");
        assert!(env.contains(&format!("KUBECONFIG='{}'", copy.display())), "{env}");
        assert_eq!(fs::metadata(copy).expect("the context").permissions().mode() & 0o777, 0o600);
        let left: Vec<_> = fs::read_dir(&state).expect("a list").flatten().map(|entry| entry.file_name()).collect();
        assert_eq!(left.len(), 2, "archives are deleted: {left:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_built_or_installed_where_the_context_is_that_of_another_cluster() {
    let kubernetes = Kubernetes::start().await;
    for command in ["shop-up", "down"] {
        let machine = machine(&kubernetes, "docker", "kind");
        machine.write("context", "production");
        let error = machine.testbed(&[command], &[("CLUSTER", "kind")]).expect_err("refused").to_string();
        assert!(
            error.contains("is `production`") && error.contains("kubectl config use-context kind-other"),
            "{error}"
        );
        let asked = ["helm version", "kubectl config current-context", "kind get clusters"];
        assert!(
            machine.calls().iter().all(|call| asked.iter().any(|asked| call.starts_with(asked))),
            "{:?}",
            machine.calls()
        );
    }
    let error = Machine::with(&["kubectl", "helm"]).testbed(&["shop-up"], &[("CLUSTER", "kind")]).expect_err("no kind");
    assert!(error.to_string().contains("kind create cluster"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn down_takes_the_shop_and_then_the_chart_and_says_what_stays() {
    let kubernetes = Kubernetes::start().await;
    let machine = machine(&kubernetes, "docker", "kind");
    machine.testbed(&["shop-up"], &[("CLUSTER", "kind")]).expect("up");
    let printed = machine.testbed(&["down"], &[("CLUSTER", "kind")]).expect("down");
    assert!(kubernetes.deleted.load(Ordering::Relaxed));
    let calls = machine.calls();
    assert_eq!(calls.last().map(String::as_str), Some("helm uninstall store-manager --namespace store-system --wait"));
    assert!(calls.iter().all(|call| !call.contains("delete")), "{calls:#?}");
    assert!(
        printed.contains("Removed: the shop `minimal` and the chart")
            && printed.contains("kind delete cluster --name mine")
    );
    assert!(!machine.path("state").exists(), "nothing is left in the checkout");
}
