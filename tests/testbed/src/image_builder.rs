//! `make images`: the project's two images by a builder of the user's own, docker, podman or buildah, from the two
//! Dockerfiles. What is there is gathered; which builds, and by which commands, is decided purely; then it runs. IO.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use sha2::{Digest as _, Sha256};

use crate::checkout::root;
use crate::cluster::state_root;
use crate::command::{CommandError, LONG, SHORT, run};
use crate::images::Profile;
use crate::programs::on_path;
use crate::progress::task;

/// Both programs from nothing by the profile `release`, on two busy cores, and the pulling of what the images stand on.
const BUILD: Duration = Duration::from_secs(90 * 60);
/// The tag that the chart asks for by default.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// A program that builds images from a Dockerfile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "each variant is the program of its name")]
pub enum Builder {
    Docker,
    Podman,
    Buildah,
}

impl Builder {
    /// All of them, in the order in which they are taken.
    pub const ALL: [Self; 3] = [Self::Docker, Self::Podman, Self::Buildah];

    /// The one of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|builder| builder.name() == name)
    }

    /// The name of the program.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Docker => "docker",
            Self::Podman => "podman",
            Self::Buildah => "buildah",
        }
    }
}

/// What was found of a builder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// Its program is not on PATH.
    Nothing,
    /// Its program answered.
    Working,
    /// Its program is there and of no use, in its own words: docker without a daemon, for one.
    Broken(String),
}

/// The images could not be built, or not be written to a file.
#[derive(Debug, thiserror::Error)]
pub enum BuilderError {
    /// None of the programs works.
    #[error(
        "no program here can build images: {0}. Start docker's daemon, or install podman or buildah (Debian, Ubuntu: \
         `apt-get install buildah`); BUILDER=docker, podman or buildah chooses one"
    )]
    None(String),
    /// The program that was asked for does not work.
    #[error("BUILDER={name} was asked for, and {found}: make it work, or leave BUILDER out to take whichever does")]
    Asked {
        /// The program.
        name: &'static str,
        /// What was found of it, in words.
        found: String,
    },
    /// The builder failed.
    #[error(transparent)]
    Command(#[from] CommandError),
    /// The file system refused.
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

fn io_error(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> BuilderError {
    let path = path.to_owned();
    move |source| BuilderError::Io { action, path, source }
}

/// An image and what it is built from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Image {
    /// Its name without a tag, as the chart has it.
    pub repository: &'static str,
    /// Its Dockerfile, from the root of the checkout.
    pub dockerfile: &'static str,
}

/// Both images.
pub const IMAGES: [Image; 2] = [
    Image { repository: "docker.io/library/store-operator", dockerfile: "operator/Dockerfile" },
    Image { repository: "docker.io/library/store-api", dockerfile: "api-server/Dockerfile" },
];

impl Image {
    fn tagged(self, tag: &str) -> String {
        format!("{}:{tag}", self.repository)
    }

    /// The last part of its name.
    fn name(self) -> &'static str {
        self.repository.rsplit('/').next().unwrap_or(self.repository)
    }
}

/// The images as they were built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Built {
    /// What built them.
    pub builder: Builder,
    /// The tag of both that names what is in them, beside the version and `dev`.
    pub tag: String,
}

/// Which builder is taken: the one that was asked for, or else the first that works.
///
/// # Errors
/// [`BuilderError::Asked`] and [`BuilderError::None`], with what was found of each.
pub fn choose(asked: Option<Builder>, found: &[(Builder, Found)]) -> Result<Builder, BuilderError> {
    let words = |(builder, found): &(Builder, Found)| match found {
        Found::Nothing => format!("{} is not on PATH", builder.name()),
        Found::Working => format!("{} works", builder.name()),
        Found::Broken(why) => format!("{} is on PATH and cannot be used ({})", builder.name(), why.trim()),
    };
    let wanted = |builder: Builder| asked.is_none_or(|asked| asked == builder);
    let working = found.iter().find(|(builder, found)| wanted(*builder) && *found == Found::Working);
    match (working, asked) {
        (Some((builder, _)), _) => Ok(*builder),
        (None, Some(asked)) => {
            let told = found.iter().find(|(builder, _)| *builder == asked).map(words);
            Err(BuilderError::Asked { name: asked.name(), found: told.unwrap_or_default() })
        }
        (None, None) => Err(BuilderError::None(found.iter().map(words).collect::<Vec<_>>().join(", "))),
    }
}

/// The command that builds an image, and writes its id to the file `id`.
fn build_command(builder: Builder, image: Image, profile: Profile, id: &Path) -> Vec<String> {
    let mut command = vec![builder.name().to_owned(), "build".to_owned()];
    if builder == Builder::Buildah {
        // The others keep what each line made, and find it for the second image, without being told.
        command.push("--layers".to_owned());
    }
    let profile = format!("PROFILE={}", profile.name());
    command.extend(["--file", image.dockerfile, "--build-arg", &profile].map(str::to_owned));
    command.extend(["--iidfile".to_owned(), id.display().to_string()]);
    command.extend(["--tag".to_owned(), image.tagged(VERSION), ".".to_owned()]);
    command
}

/// The command that gives what the version names another tag.
fn tag_command(builder: Builder, image: Image, tag: &str) -> Vec<String> {
    vec![builder.name().to_owned(), "tag".to_owned(), image.tagged(VERSION), image.tagged(tag)]
}

/// The command that writes an image as an archive that every tool of local clusters loads. One image a file: an archive
/// of several is another option in each program.
fn save_command(builder: Builder, image: Image, tag: &str, archive: &Path) -> Vec<String> {
    let (reference, file) = (image.tagged(tag), archive.display().to_string());
    let owned = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    match builder {
        Builder::Docker => owned(&["docker", "save", "--output", &file, &reference]),
        Builder::Podman => owned(&["podman", "save", "--format", "docker-archive", "--output", &file, &reference]),
        Builder::Buildah => owned(&["buildah", "push", &reference, &format!("docker-archive:{file}:{reference}")]),
    }
}

/// What is there of the builders, or of the one that is asked for.
fn gather(asked: Option<Builder>) -> Vec<(Builder, Found)> {
    let wanted = Builder::ALL.into_iter().filter(|builder| asked.is_none_or(|asked| asked == *builder));
    wanted.map(|builder| (builder, look(builder))).collect()
}

fn look(builder: Builder) -> Found {
    if on_path(builder.name()).is_none() {
        return Found::Nothing;
    }
    // A question that needs all that building needs: docker's daemon, or the name spaces of a user who is not root.
    match run(Command::new(builder.name()).args(["images", "--quiet"]), SHORT) {
        Ok(_) => Found::Working,
        Err(CommandError::Failed { output, .. }) => Found::Broken(output),
        Err(error) => Found::Broken(error.to_string()),
    }
}

/// The builder that is there.
///
/// # Errors
/// As [`choose`].
pub fn builder(asked: Option<Builder>) -> Result<Builder, BuilderError> {
    choose(asked, &gather(asked))
}

/// Builds both images from the sources as they are, tagged with the project's version, `dev`, and one that names what
/// is in them. Blocking.
///
/// # Errors
/// [`BuilderError`] with the builder's words.
pub fn build(builder: Builder, profile: Profile) -> Result<Built, BuilderError> {
    let directory = scratch()?;
    let mut digest = Sha256::new();
    for image in IMAGES {
        let name = image.name();
        let building = task(format!("{} builds {name} ({})", builder.name(), profile.name()));
        let id = directory.path().join(name);
        execute(&build_command(builder, image, profile, &id), BUILD)?;
        digest.update(fs::read(&id).map_err(io_error("reading", &id))?);
        execute(&tag_command(builder, image, "dev"), SHORT)?;
        building.done();
    }
    let tag = content_tag(&digest.finalize());
    IMAGES.iter().try_for_each(|image| execute(&tag_command(builder, *image, &tag), SHORT))?;
    Ok(Built { builder, tag })
}

/// Of the digest of both images' ids.
fn content_tag(digest: &[u8]) -> String {
    digest.iter().take(8).fold("dev-".to_owned(), |mut tag, byte| {
        // Writing to a string does not fail.
        let _ = write!(tag, "{byte:02x}");
        tag
    })
}

/// Archives of images, deleted with this value.
#[derive(Debug)]
pub struct Archives {
    directory: tempfile::TempDir,
}

impl Archives {
    /// The files, one for each image.
    pub fn files(&self) -> Vec<PathBuf> {
        IMAGES.iter().map(|image| self.directory.path().join(format!("{}.tar", image.name()))).collect()
    }
}

/// A directory for what programs are to write, in the checkout's own: a docker or minikube out of a snap sees no other
/// than the user's.
fn scratch() -> Result<tempfile::TempDir, BuilderError> {
    let above = state_root();
    fs::create_dir_all(&above).map_err(io_error("creating", &above))?;
    let made = tempfile::Builder::new().prefix("images_").tempdir_in(&above);
    made.map_err(io_error("creating a directory in", &above))
}

/// Writes both images, by the tag that names what is in them, to archives. Blocking.
///
/// # Errors
/// [`BuilderError`] with the builder's words.
pub fn save(built: &Built) -> Result<Archives, BuilderError> {
    let archives = Archives { directory: scratch()? };
    for (image, file) in IMAGES.iter().zip(archives.files()) {
        execute(&save_command(built.builder, *image, &built.tag, &file), LONG)?;
    }
    Ok(archives)
}

fn execute(words: &[String], deadline: Duration) -> Result<(), BuilderError> {
    let Some((program, arguments)) = words.split_first() else { return Ok(()) };
    let mut command = Command::new(program);
    // An attestation would be a second manifest, which containerd's import misses in what docker saves.
    command.current_dir(root()).env("BUILDX_NO_DEFAULT_ATTESTATIONS", "1").args(arguments);
    run(&mut command, deadline)?;
    Ok(())
}

/// What was built, and how to go on from there.
pub fn next_steps(built: &Built, profile: Profile) -> String {
    let program = built.builder.name();
    let mut text = format!("\n{program} has built, by the profile `{}`:\n", profile.name());
    for image in IMAGES {
        text += &format!("  {}, also as :dev and :{}\n", image.tagged(VERSION), built.tag);
    }
    let local =
        if profile == Profile::Release { "PROFILE=release CLUSTER=kind make up" } else { "CLUSTER=kind make up" };
    text += &format!("\nOn a cluster of kind, k3d (CLUSTER=k3d) or minikube (CLUSTER=minikube):\n  {local}\n");
    text += "\nOn another cluster, by a registry that it pulls from, here registry.example:\n";
    for image in IMAGES {
        let (name, there) = (image.tagged(VERSION), format!("registry.example/{}:{VERSION}", image.name()));
        text += &format!("  {program} tag {name} {there} && {program} push {there}\n");
    }
    let [operator, api] = IMAGES.map(Image::name);
    text += &format!(
        "  helm upgrade --install store-manager charts/store-manager --namespace store-system --create-namespace \\\n    \
         --set image.repository=registry.example/{operator} --set apiImage.repository=registry.example/{api}"
    );
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const NO_DAEMON: &str = "Cannot connect to the Docker daemon at unix:///var/run/docker.sock.";

    fn found(docker: Found, podman: Found, buildah: Found) -> Vec<(Builder, Found)> {
        Builder::ALL.into_iter().zip([docker, podman, buildah]).collect()
    }

    #[test]
    fn the_first_that_works_builds_or_the_one_that_was_asked_for() {
        let broken = || Found::Broken(NO_DAEMON.to_owned());
        for (asked, found, wanted) in [
            (None, found(Found::Working, Found::Working, Found::Working), Builder::Docker),
            (None, found(broken(), Found::Working, Found::Working), Builder::Podman),
            (None, found(broken(), Found::Nothing, Found::Working), Builder::Buildah),
            (Some(Builder::Buildah), found(Found::Working, Found::Working, Found::Working), Builder::Buildah),
            (Some(Builder::Podman), vec![(Builder::Podman, Found::Working)], Builder::Podman),
        ] {
            assert_eq!(choose(asked, &found).expect("one works"), wanted, "{asked:?} {found:?}");
        }
    }

    #[test]
    fn where_none_works_it_is_told_what_was_found_and_what_to_install() {
        let broken = || Found::Broken(NO_DAEMON.to_owned());
        let told = |asked, found: &[(Builder, Found)]| choose(asked, found).expect_err("none works").to_string();
        let error = told(None, &found(broken(), Found::Nothing, Found::Nothing));
        let words =
            [NO_DAEMON, "podman is not on PATH", "buildah is not on PATH", "apt-get install buildah", "BUILDER="];
        assert!(words.iter().all(|words| error.contains(words)), "{error}");
        let error = told(Some(Builder::Podman), &[(Builder::Podman, Found::Nothing)]);
        assert!(error.contains("BUILDER=podman") && error.contains("podman is not on PATH"), "{error}");
        // Another that works is not taken in its place.
        let error = told(Some(Builder::Docker), &found(broken(), Found::Working, Found::Working));
        assert!(error.contains(NO_DAEMON), "{error}");
    }

    #[test]
    fn each_builder_is_told_to_build_and_to_save_in_its_own_words() {
        let [operator, _] = IMAGES;
        let reference = format!("docker.io/library/store-operator:{VERSION}");
        let build = |builder| build_command(builder, operator, Profile::Dev, Path::new("/t/id")).join(" ");
        let rest = format!("--file operator/Dockerfile --build-arg PROFILE=dev --iidfile /t/id --tag {reference} .");
        assert_eq!(build(Builder::Docker), format!("docker build {rest}"));
        assert_eq!(build(Builder::Podman), format!("podman build {rest}"));
        assert_eq!(build(Builder::Buildah), format!("buildah build --layers {rest}"));
        let save = |builder| save_command(builder, operator, "dev-1", Path::new("/t/a.tar")).join(" ");
        let saved = "docker.io/library/store-operator:dev-1";
        assert_eq!(save(Builder::Docker), format!("docker save --output /t/a.tar {saved}"));
        assert_eq!(save(Builder::Podman), format!("podman save --format docker-archive --output /t/a.tar {saved}"));
        assert_eq!(save(Builder::Buildah), format!("buildah push {saved} docker-archive:/t/a.tar:{saved}"));
        let tag = |builder| tag_command(builder, operator, "dev").join(" ");
        assert_eq!(tag(Builder::Podman), format!("podman tag {reference} docker.io/library/store-operator:dev"));
    }

    #[test]
    fn the_images_are_those_that_the_chart_asks_for_by_default() {
        let read = |file: &str| -> serde_json::Value {
            let text = fs::read_to_string(root().join("charts/store-manager").join(file)).expect("a file of the chart");
            serde_saphyr::from_str(&text).expect("YAML")
        };
        let (values, chart) = (read("values.yaml"), read("Chart.yaml"));
        let [operator, api] = IMAGES;
        assert_eq!(values["image"]["repository"], operator.repository);
        assert_eq!(values["apiImage"]["repository"], api.repository);
        assert_eq!(chart["appVersion"], VERSION);
        assert!(IMAGES.iter().all(|image| root().join(image.dockerfile).is_file()));
    }
}
