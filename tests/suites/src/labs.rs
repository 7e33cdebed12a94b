//! The labs of `docs/labs`: every command of a page is run, what it prints compared, the answers to its questions looked at,
//! and the ring must be as it was. IO: a ring of three nodes with the API before it, bash.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, bail};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use serde_json::Value;
use store_testbed::checkout::{built, cargo, root};
use store_testbed::command::{LONG, run};
use store_testbed::labs::{self, Lab, Store};
use store_testbed::local_cassandra::control::{self, Order};
use store_testbed::ports::free_port;
use store_testbed::progress::wait_until;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::runtime::Handle;

use crate::browser;
use crate::walk::{self, Block};

/// Where the pages are, and those in French.
pub const PAGES: &str = "docs/labs";
const FRENCH: &str = "fr";
/// The labs that `make soak` does: of a minute and a half, while all others take three and a half together.
const LONG_ONES: [&str; 1] = ["scaling"];
/// Blocks that find an answer begin so.
const ANSWER: &str = "answer";
/// Addresses that no other ring of the project asks for by their number.
const BLOCK: &str = "77";
/// Programs compiled, three nodes and the API.
const STARTS: Duration = Duration::from_secs(10 * 60);
const ENDS: Duration = Duration::from_secs(60);
/// The longest lab.
const LAB: Duration = Duration::from_secs(5 * 60);
const SEPARATOR: &str = "---8<---";
/// Of no question.
const WRONG: &str = "977";
const RIGHT: &str = "Right: the ring says so, too.";
const NOT_RIGHT: &str = "That is not what the ring says. Look at:";
/// The lab of a node that fails.
const FAILS: &str = "node-fails";
/// The node that is killed before a browser, and what the page's script says before and after.
const WATCHED: u8 = 3;
const WATCHING: &str = "watching";
const DOWN_IS_SHOWN: &str = "down is shown";
const AS_IT_WAS: &str = "the ring is as it was when it started";

/// The names of the labs that `make test` does.
///
/// # Errors
/// When the questions cannot be read.
pub fn short_ones() -> std::io::Result<Vec<String>> {
    let names = labs::all()?.into_iter().map(|lab| lab.name);
    Ok(names.filter(|name| !LONG_ONES.contains(&name.as_str())).collect())
}

/// A page: its commands and its text.
#[derive(Debug, Clone)]
pub struct Page {
    /// Where it is, from the root of the checkout.
    pub path: PathBuf,
    /// All of it.
    pub text: String,
    /// Its commands.
    pub blocks: Vec<Block>,
}

/// The page of a lab in English, or in French.
///
/// # Errors
/// When it cannot be read, or has blocks that are no commands.
pub fn page(root: &Path, lab: &Lab, french: bool) -> anyhow::Result<Page> {
    let directory = Path::new(PAGES);
    let directory = if french { directory.join(FRENCH) } else { directory.to_owned() };
    let path = directory.join(format!("{}.md", lab.name));
    let text = fs::read_to_string(root.join(&path)).with_context(|| format!("reading {}", path.display()))?;
    let blocks = walk::blocks(&text).map_err(|wrong| anyhow::anyhow!("{}: {wrong}", path.display()))?;
    Ok(Page { path, text, blocks })
}

/// What is wrong with a lab's pages: both have the same commands, the questions in their language, and a way to each answer.
///
/// # Errors
/// In words.
pub fn agree(root: &Path, lab: &Lab) -> anyhow::Result<()> {
    let (english, french) = (page(root, lab, false)?, page(root, lab, true)?);
    let commands = |page: &Page| {
        let blocks = page.blocks.iter();
        blocks.map(|block| (block.name.clone(), block.script.clone(), block.printed.clone())).collect::<Vec<_>>()
    };
    if commands(&english) != commands(&french) {
        bail!(
            "{} and {} have other commands, or say that they print something else",
            english.path.display(),
            french.path.display()
        );
    }
    let ways = english.blocks.iter().filter(|block| block.name == ANSWER).count();
    if ways != lab.questions.len() {
        bail!("{}: {ways} blocks `sh {ANSWER}` for {} questions", english.path.display(), lab.questions.len());
    }
    for (index, question) in lab.questions.iter().enumerate() {
        for (page, text) in [(&english, &question.en), (&french, &question.fr)] {
            let line = format!("{}. {text}", index + 1);
            if !page.text.lines().any(|found| found == line) {
                bail!("{} does not have the line: {line}", page.path.display());
            }
        }
    }
    Ok(())
}

/// A ring with the API before it, in a directory that is gone when both have ended.
#[derive(Debug)]
pub struct Ring {
    child: Child,
    directory: PathBuf,
    url: String,
    _place: tempfile::TempDir,
}

/// How a ring looks from outside.
#[derive(Debug, PartialEq, Eq)]
struct Look {
    status: String,
    nodes: Value,
    store: Value,
    products: Value,
}

impl Ring {
    /// Starts it as `make labs` does, on addresses and a port of its own.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn start() -> anyhow::Result<Self> {
        run(&mut cargo(["build", "--quiet", "--bin", "lab", "--bin", "local-cassandra", "--bin", "store-api"]), LONG)?;
        let place = tempfile::tempdir().context("making a place for the ring's files")?;
        let directory = place.path().join("ring");
        let port = free_port()?.to_string();
        let mut command = Command::new(built("local-cassandra"));
        command.args(["--nodes", "3", "--block", BLOCK, "--api", &port, "--control"]).arg(&directory);
        command.current_dir(root()).stdin(Stdio::null()).stdout(Stdio::null()).kill_on_drop(true);
        let mut child = command.spawn().context("starting local-cassandra")?;
        let look = || {
            let ended = child.try_wait();
            let directory = directory.clone();
            async move {
                if let Ok(Some(status)) = ended {
                    return Ok(Err(format!("it ended: {status}")));
                }
                control::ask(&directory, &Order::Status).await.map(Ok)
            }
        };
        let started = wait_until("a ring that is controlled", STARTS, look).await?;
        started.map_err(anyhow::Error::msg)?;
        Ok(Self { child, directory, url: format!("http://127.0.0.1:{port}"), _place: place })
    }

    async fn look(&self) -> anyhow::Result<Look> {
        let status = control::ask(&self.directory, &Order::Status).await.map_err(anyhow::Error::msg)?.text;
        let store = Store::new(self.url.clone()).map_err(anyhow::Error::msg)?;
        let get = async |path: &str| store.get(path).await.map_err(anyhow::Error::msg);
        let mut nodes = get("/cluster/nodes").await?;
        for node in nodes.as_array_mut().into_iter().flatten() {
            node.as_object_mut().map(|node| node.remove("schema_version"));
        }
        let keyspaces = get("/cluster/keyspaces").await?;
        let all = keyspaces.as_array().into_iter().flatten();
        let store = all
            .filter(|keyspace| keyspace["name"] == "store_manager")
            .map(|store| store["replication"].clone())
            .collect();
        Ok(Look { status, nodes, store, products: get("/products").await? })
    }

    /// Does a lab, and looks whether the ring is as it was; what is wrong, of each block and of the ring.
    ///
    /// # Errors
    /// When its page cannot be read or the ring not be asked.
    pub async fn walk(&self, lab: &Lab) -> anyhow::Result<Vec<(String, Result<(), String>)>> {
        let page = page(&root(), lab, false)?;
        let before = self.look().await?;
        let printed = self.bash(&script(lab, &page.blocks)).await?;
        let printed: Vec<&str> = printed.split(SEPARATOR).collect();
        let mut checks = Vec::new();
        for (index, block) in page.blocks.iter().enumerate() {
            let name = format!("{}, line {}", page.path.display(), block.line);
            checks.push((
                name,
                printed.get(index).ok_or("it was not run".to_owned()).and_then(|text| judge(block, text)),
            ));
        }
        let after = self.look().await?;
        let as_it_was = if after == before { Ok(()) } else { Err(format!("{before:?}\nbefore, and after\n{after:?}")) };
        checks.push((format!("the ring after {} is as it was", lab.name), as_it_was));
        let restored = control::ask_in_time(&self.directory, &Order::Restore).await.map_err(anyhow::Error::msg)?;
        let nothing = if restored.text == AS_IT_WAS { Ok(()) } else { Err(restored.text) };
        checks.push((format!("nothing is to be restored after {}", lab.name), nothing));
        Ok(checks)
    }

    /// A node is killed and started again while a browser shows the ring: it has both within two seconds of the driver.
    ///
    /// # Errors
    /// When the page does not show it, or the ring does not do as it is told.
    pub async fn watched(&self) -> anyhow::Result<()> {
        let place = root().join("tests/console");
        browser::ensure(&place)?;
        let mut node = Command::new("node");
        node.current_dir(&place).args(["real-ring.mjs", &self.url]);
        node.stdin(Stdio::null()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut page = node.spawn().context("starting node")?;
        let mut said = BufReader::new(page.stdout.take().context("node has no output")?).lines();
        let order = async |order| control::ask_in_time(&self.directory, &order).await.map_err(anyhow::Error::msg);
        let watch = async {
            for (expected, next) in [(WATCHING, Order::Kill(WATCHED)), (DOWN_IS_SHOWN, Order::Start(WATCHED))] {
                let line = said.next_line().await?;
                if line.as_deref() != Some(expected) {
                    bail!("the page was to say {expected:?} and said {line:?}");
                }
                order(next).await?;
            }
            Ok(page.wait().await?)
        };
        let ended = tokio::time::timeout(LAB, watch).await;
        // The next lab has a whole ring whatever the page showed.
        order(Order::Restore).await?;
        let status = ended.with_context(|| format!("the page takes longer than {} s", LAB.as_secs()))??;
        if status.success() { Ok(()) } else { bail!("the page does not show it: {status}; why stands above") }
    }

    /// What a script prints, on either stream; it has the ring's own environment.
    async fn bash(&self, script: &str) -> anyhow::Result<String> {
        let environment = self.directory.join("env");
        let work = tempfile::tempdir().context("making a place for a lab")?;
        let mut bash = Command::new("bash");
        bash.arg("-c").arg(format!("exec 2>&1\n. '{}'\n{script}", environment.display()));
        bash.current_dir(work.path()).stdin(Stdio::null()).stdout(Stdio::piped()).kill_on_drop(true).process_group(0);
        bash.env("LC_ALL", "C.UTF-8").env("no_proxy", "127.0.0.1");
        let child = bash.spawn().context("starting bash")?;
        let group = child.id().and_then(|pid| i32::try_from(pid).ok()).and_then(Pid::from_raw);
        match tokio::time::timeout(LAB, child.wait_with_output()).await {
            Ok(output) => Ok(String::from_utf8_lossy(&output?.stdout).replace('\r', "")),
            Err(_) => {
                // It may have ended in between.
                group.map(|group| kill_process_group(group, Signal::KILL));
                bail!("a lab takes longer than {} s", LAB.as_secs())
            }
        }
    }

    /// Ends the ring as Ctrl-C does; nothing of it may be left.
    ///
    /// # Errors
    /// When it does not end, or leaves something.
    pub async fn end(mut self) -> anyhow::Result<()> {
        let pid = self.child.id().and_then(|pid| i32::try_from(pid).ok()).and_then(Pid::from_raw);
        kill_process(pid.context("it has ended by itself")?, Signal::INT).context("ending it")?;
        let status = tokio::time::timeout(ENDS, self.child.wait()).await.context("it does not end")??;
        if !status.success() {
            bail!("it ended badly: {status}");
        }
        if self.directory.exists() {
            bail!("{} is left", self.directory.display());
        }
        let inside = |pid: &Path| {
            let line = fs::read(pid.join("cmdline")).unwrap_or_default();
            String::from_utf8_lossy(&line).contains(&*self.directory.to_string_lossy())
        };
        let left = fs::read_dir("/proc")?.flatten().map(|entry| entry.path()).find(|path| inside(path));
        left.map_or(Ok(()), |left| bail!("a process is left: {}", left.display()))
    }
}

/// All blocks in one shell: each goes on with what those before it found.
fn script(lab: &Lab, blocks: &[Block]) -> String {
    let mut question = 0;
    let mut script = String::new();
    for block in blocks {
        if block.name == ANSWER {
            question += 1;
            let name = &lab.name;
            script += &format!(
                "answer() {{\n{}\n}}\nGIVEN=$(answer)\nlab check {name} {question} $GIVEN\nlab check {name} {question} {WRONG}\n",
                block.script
            );
        } else {
            script += &block.script;
            script.push('\n');
        }
        script += &format!("printf '%s' '{SEPARATOR}'\n");
    }
    script
}

/// Whether a block printed what its page says, or found an answer.
fn judge(block: &Block, printed: &str) -> Result<(), String> {
    let printed = printed.trim_end();
    let fits = match &block.printed {
        _ if block.name == ANSWER => {
            printed.strip_prefix(RIGHT).is_some_and(|rest| rest.trim_start().starts_with(NOT_RIGHT))
        }
        Some(expected) => walk::fits(printed, expected),
        // What only remembers something says nothing.
        None => printed.is_empty(),
    };
    if fits {
        Ok(())
    } else {
        Err(format!("printed\n{printed}\nand not\n{}", block.printed.as_deref().unwrap_or_default()))
    }
}

/// Does these labs, all when none is named, one after another on one ring.
///
/// # Errors
/// When the ring does not start, or one of the names is of no lab.
pub async fn run_labs(steps: &mut crate::steps::Steps, names: &[String]) -> anyhow::Result<()> {
    let all = labs::all().context("reading the questions")?;
    if let Some(unknown) = names.iter().find(|name| !all.iter().any(|lab| lab.name == **name)) {
        bail!("there is no lab {unknown}");
    }
    let ring = Ring::start().await?;
    for lab in all.iter().filter(|lab| names.is_empty() || names.contains(&lab.name)) {
        // Inside of the step, which takes its time.
        steps.checks(&lab.name, || {
            let walked = tokio::task::block_in_place(|| Handle::current().block_on(ring.walk(lab)));
            walked.unwrap_or_else(|error| vec![(lab.name.clone(), Err(format!("{error:#}")))])
        });
    }
    if names.is_empty() || names.iter().any(|name| name == FAILS) {
        let watched = || tokio::task::block_in_place(|| Handle::current().block_on(ring.watched()));
        steps.check("a browser shows a node's end and return", watched);
    }
    let ended = ring.end().await;
    steps.check("the ring ends and leaves nothing", || ended);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pages_of_a_lab_have_the_same_commands_and_their_questions() {
        for lab in labs::all().expect("the questions") {
            agree(&root(), &lab).expect("pages that agree");
        }
    }

    fn block(name: &str, script: &str, printed: Option<&str>) -> Block {
        Block { line: 1, name: name.to_owned(), script: script.to_owned(), printed: printed.map(str::to_owned) }
    }

    #[test]
    fn there_is_a_lab_of_a_node_that_fails() {
        assert!(short_ones().expect("the questions").iter().any(|name| name == FAILS));
    }

    #[test]
    fn what_is_printed_beside_the_page_is_found() {
        assert_eq!(judge(&block("", "x", Some("a…c")), "abc\n"), Ok(()));
        assert!(judge(&block("", "x", Some("a…c")), "abd\n").is_err());
        assert!(judge(&block("", "X=1", None), "bash: no such file").is_err());
        let answered = |text: &str| judge(&block(ANSWER, "x", None), text);
        assert_eq!(answered(&format!("{RIGHT}\n{NOT_RIGHT}\nstore '/x'\n")), Ok(()));
        assert!(answered(&format!("{RIGHT}\n{RIGHT}\n")).is_err(), "whatever is said is right");
        assert!(answered(&format!("{NOT_RIGHT}\nstore '/x'\n{NOT_RIGHT}\n")).is_err());
    }

    #[test]
    fn each_way_to_an_answer_is_for_the_next_question() {
        let lab = Lab { name: "x".to_owned(), questions: Vec::new() };
        let made = script(&lab, &[block("", "one", None), block(ANSWER, "two", None), block(ANSWER, "three", None)]);
        assert!(
            made.contains("one\nprintf") && made.contains("lab check x 1 $GIVEN") && made.contains("lab check x 2 977")
        );
    }
}
