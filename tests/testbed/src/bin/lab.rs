//! `lab`: does to the ring of `make labs` what a lab's page says, shows what is there, and looks at answers.

use std::process::ExitCode;

use anyhow::{Context as _, anyhow};
use clap::{Parser, Subcommand, ValueEnum};
use store_testbed::labs::{self, Lab, Store, escaped};
use store_testbed::local_cassandra::control::{self, Order, aligned_rows};

/// A ring that one may break: what a lab's page asks for, from any shell.
#[derive(Debug, Parser)]
#[command(name = "lab")]
struct Arguments {
    #[command(subcommand)]
    command: Action,
    /// Where the store answers.
    #[arg(long, env = "STORE_URL", default_value = "http://127.0.0.1:5000", global = true)]
    store: String,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// What runs, and who takes whom for up.
    Status,
    /// Ends a node as an operating system would.
    Stop { node: u8 },
    /// Ends a node at once, as a loss of power would.
    Kill { node: u8 },
    /// Starts a node again on its data.
    Start { node: u8 },
    /// Halts a node: its connections stay open, and it answers nothing.
    Pause { node: u8 },
    /// Lets a halted node go on.
    Resume { node: u8 },
    /// Cuts a node off from all other nodes; clients still reach it. As root only.
    Cut { node: u8 },
    /// Makes all wires whole.
    Heal,
    /// Has one node more join the ring.
    Add,
    /// Has the node that joined last leave the ring.
    Remove,
    /// Has a node drop the rows that are not its any more.
    Cleanup { node: u8 },
    /// Compares all copies of the store's rows, and brings them together.
    Repair,
    /// Whether nodes keep hints for those that are away.
    Handoff { switch: Switch },
    /// Who keeps hints for whom.
    Hints {
        /// Until nobody keeps any.
        #[arg(long)]
        wait: bool,
    },
    /// How many copies of each of the store's rows there shall be.
    Factor { copies: u8 },
    /// Runs a CQL statement with one node for its coordinator.
    Cql {
        #[arg(long, default_value_t = 1)]
        node: u8,
        /// ONE, TWO, QUORUM, LOCAL_QUORUM, ALL or SERIAL.
        #[arg(long, default_value = "QUORUM")]
        level: String,
        statement: String,
    },
    /// Takes back whatever was done to the ring.
    Restore,
    /// Where the row with this partition key lies, or would lie.
    Where {
        table: String,
        #[arg(required = true)]
        keys: Vec<String>,
    },
    /// What each replica of a row has by itself.
    Copies {
        table: String,
        key: String,
        #[arg(required = true)]
        columns: Vec<String>,
    },
    /// Which part of the ring each node has.
    Share,
    /// The id of the product with this sku.
    Id { sku: String },
    /// Looks whether an answer is what the ring says; without one: shows the questions.
    Check {
        /// As in the name of its page.
        lab: String,
        question: Option<usize>,
        answer: Vec<String>,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Switch {
    On,
    Off,
}

#[tokio::main]
async fn main() -> ExitCode {
    match act(Arguments::parse()).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Whether it was done, or was right.
async fn act(Arguments { command, store }: Arguments) -> anyhow::Result<bool> {
    let order = match command {
        Action::Status => Order::Status,
        Action::Stop { node } => Order::Stop(node),
        Action::Kill { node } => Order::Kill(node),
        Action::Start { node } => Order::Start(node),
        Action::Pause { node } => Order::Pause(node),
        Action::Resume { node } => Order::Resume(node),
        Action::Cut { node } => Order::Cut(node),
        Action::Heal => Order::Heal,
        Action::Add => Order::Add,
        Action::Remove => Order::Remove,
        Action::Cleanup { node } => Order::Cleanup(node),
        Action::Repair => Order::Repair,
        Action::Handoff { switch } => Order::Handoff(switch == Switch::On),
        Action::Hints { wait } => Order::Hints { wait },
        Action::Factor { copies } => Order::Factor(copies),
        Action::Cql { node, level, statement } => Order::Cql { node, level, statement },
        Action::Copies { table, key, columns } => Order::Copies { table, key: vec![key], columns },
        Action::Restore => Order::Restore,
        Action::Where { table, keys } => return place(&store, &table, &keys).await,
        Action::Share => return share(&store).await,
        Action::Id { sku } => {
            println!("{}", open(&store)?.id(&sku).await.map_err(anyhow::Error::msg)?);
            return Ok(true);
        }
        Action::Check { lab, question, answer } => return check(&store, &lab, question, &answer.join(" ")).await,
    };
    let reply = control::ask_in_time(&control::directory(), &order).await.map_err(anyhow::Error::msg)?;
    println!("{}", reply.text);
    Ok(reply.done)
}

fn open(store: &str) -> anyhow::Result<Store> {
    Store::new(store.to_owned()).map_err(anyhow::Error::msg)
}

/// A line for each key: its token, and the numbers of the nodes that keep it.
async fn place(store: &str, table: &str, keys: &[String]) -> anyhow::Result<bool> {
    let store = open(store)?;
    let mut rows = vec![["key", "token", "nodes"].map(str::to_owned).to_vec()];
    for key in keys {
        let path = format!("/cluster/placement?table={}&key={}", escaped(table), escaped(key));
        let found = store.get(&path).await.map_err(anyhow::Error::msg)?;
        let token = found["token"].as_str().unwrap_or_default().to_owned();
        rows.push(vec![key.clone(), token, labs::numbers(&found["replicas"])]);
    }
    println!("{}", aligned_rows(&rows));
    Ok(true)
}

async fn share(store: &str) -> anyhow::Result<bool> {
    let store = open(store)?;
    let [nodes, ring] = ["/cluster/nodes", "/cluster/ring"];
    let (nodes, ring) = tokio::join!(store.get(nodes), store.get(ring));
    let shares = labs::shares(&nodes.map_err(anyhow::Error::msg)?, &ring.map_err(anyhow::Error::msg)?);
    let mut rows = vec![["node", "rack", "ranges", "first", "keeps"].map(str::to_owned).to_vec()];
    rows.extend(shares.into_iter().map(Vec::from));
    println!("{}", aligned_rows(&rows));
    Ok(true)
}

async fn check(store: &str, name: &str, question: Option<usize>, given: &str) -> anyhow::Result<bool> {
    let all = labs::all().context("reading the questions")?;
    let names = || all.iter().map(|lab| lab.name.as_str()).collect::<Vec<_>>().join(", ");
    let lab = all.iter().find(|lab| lab.name == name).ok_or_else(|| anyhow!("there is no lab {name}: {}", names()))?;
    let french = ["LC_ALL", "LC_MESSAGES", "LANG"].into_iter().filter_map(|name| std::env::var(name).ok());
    let french = french.filter(|value| !value.is_empty()).map(|value| value.starts_with("fr")).next().unwrap_or(false);
    let Some(number) = question else {
        show(lab, french);
        return Ok(true);
    };
    let question = number.checked_sub(1).and_then(|index| lab.questions.get(index));
    let question = question.ok_or_else(|| anyhow!("the questions of {name} are 1 to {}", lab.questions.len()))?;
    let looks = open(store)?.look(question).await.map_err(anyhow::Error::msg)?;
    let (paths, answers): (Vec<_>, Vec<_>) = looks.into_iter().unzip();
    if labs::is_right(given, &question.answer(&answers)) {
        println!("{}", if french { "Juste : l'anneau dit de même." } else { "Right: the ring says so, too." });
        return Ok(true);
    }
    let told = if french {
        "Ce n'est pas ce que dit l'anneau. À regarder :"
    } else {
        "That is not what the ring says. Look at:"
    };
    println!("{told}");
    paths.iter().for_each(|path| println!("store '{path}'"));
    Ok(false)
}

fn show(lab: &Lab, french: bool) {
    for (index, question) in lab.questions.iter().enumerate() {
        println!("{}. {}", index + 1, if french { &question.fr } else { &question.en });
    }
}
