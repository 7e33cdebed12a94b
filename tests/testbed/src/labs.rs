//! The labs' questions (`docs/labs/questions.json`), whose answers are what the ring says when it is asked, and what `lab`
//! reads off the API. Pure, but for [`Store`] and the file of the questions.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use crate::checkout::root;

/// The labs in their order, each with its questions, in the checkout.
const QUESTIONS: &str = "docs/labs/questions.json";
const PATIENCE: Duration = Duration::from_secs(15);

/// A lab.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lab {
    /// As in the name of its page.
    pub name: String,
    /// Its questions, in the order of the page.
    pub questions: Vec<Question>,
}

/// A question, and how the ring is asked for its answer.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Question {
    /// As the page in English has it.
    pub en: String,
    /// As the page in French has it.
    pub fr: String,
    /// What is asked of the API: paths, in which `{id:SKU}` is the id of the product with that sku.
    pub look: Vec<String>,
    /// Where the list is in what is answered; not given: the answer itself, which may be one thing instead of a list.
    pub at: Option<String>,
    /// Only things whose fields are these.
    #[serde(default)]
    pub only: BTreeMap<String, Value>,
    /// The field of each thing that is the answer; not given: how many things there are.
    pub field: Option<String>,
}

/// All labs.
///
/// # Errors
/// When the checkout's file of the questions cannot be read.
pub fn all() -> std::io::Result<Vec<Lab>> {
    Ok(serde_json::from_str(&std::fs::read_to_string(root().join(QUESTIONS))?)?)
}

impl Question {
    /// What the ring says, given what the API answered to each look.
    pub fn answer(&self, answers: &[Value]) -> Vec<String> {
        let lists = answers.iter().map(|answer| self.at.as_deref().map_or(answer, |at| inside(answer, at)));
        let things = lists.flat_map(|list| match list {
            Value::Array(things) => things.iter().collect::<Vec<_>>(),
            Value::Null => Vec::new(),
            one => vec![one],
        });
        let fits = |thing: &&Value| {
            self.only.iter().all(|(field, wanted)| normal(&plain(inside(thing, field))) == normal(&plain(wanted)))
        };
        let things: Vec<&Value> = things.filter(fits).collect();
        match &self.field {
            Some(field) => things.iter().map(|thing| plain(inside(thing, field))).collect(),
            None => vec![things.len().to_string()],
        }
    }
}

/// The part of a value that a path such as `rows.0.version` names; null where there is none.
fn inside<'a>(value: &'a Value, path: &str) -> &'a Value {
    path.split('.').fold(value, |value, step| match step.parse::<usize>() {
        Ok(place) => &value[place],
        Err(_) => &value[step],
    })
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Whether somebody's answer is what the ring says: the same words in any order. A node goes by its address or its number.
pub fn is_right(given: &str, found: &[String]) -> bool {
    let mut given: Vec<String> = given
        .split(|letter: char| letter.is_whitespace() || letter == ',' || letter == ';')
        .map(normal)
        .filter(|word| !word.is_empty() && !["node", "nodes", "nœud", "nœuds", "and", "et"].contains(&word.as_str()))
        .collect();
    let mut found: Vec<String> = found.iter().map(|word| normal(word)).collect();
    for words in [&mut given, &mut found] {
        words.sort_unstable();
        words.dedup();
    }
    !found.is_empty() && given == found
}

/// A word as it is compared: an address is the number of its node, which is its last part.
fn normal(word: &str) -> String {
    let word = word.trim().to_lowercase();
    word.parse::<Ipv4Addr>().map_or(word, |address| address.octets()[3].to_string())
}

/// The numbers of nodes that the API lists, in their order.
pub fn numbers(nodes: &Value) -> String {
    let addresses = nodes.as_array().into_iter().flatten().filter_map(|node| node["address"].as_str());
    let mut numbers: Vec<String> = addresses.map(normal).collect();
    numbers.sort();
    numbers.join(" ")
}

/// Each node's part of a ring, as the API's answers at `/cluster/nodes` and `/cluster/ring` tell: number, rack, ranges that it is
/// the first replica of, their part of all tokens, and the part that it has a copy of.
pub fn shares(nodes: &Value, ring: &Value) -> Vec<[String; 5]> {
    let number = |node: &Value| node["address"].as_str().map(normal).unwrap_or_default();
    let mut found: Vec<[String; 5]> = nodes
        .as_array()
        .into_iter()
        .flatten()
        .map(|node| {
            let (mut ranges, mut first, mut kept) = (0, 0, 0);
            for range in ring["ranges"].as_array().into_iter().flatten() {
                let replicas = range["replicas"].as_array().map(Vec::as_slice).unwrap_or_default();
                let width = width(range);
                if replicas.first() == Some(&node["host_id"]) {
                    ranges += 1;
                    first += width;
                }
                if replicas.contains(&node["host_id"]) {
                    kept += width;
                }
            }
            [number(node), plain(&node["rack"]), ranges.to_string(), percent(first), percent(kept)]
        })
        .collect();
    found.sort();
    found
}

/// How many tokens a range has; from a token to itself it is all of them.
fn width(range: &Value) -> u128 {
    let token = |name: &str| range[name].as_str().and_then(|text| text.parse::<i64>().ok()).unwrap_or_default();
    let width = token("end").wrapping_sub(token("start")).cast_unsigned();
    if width == 0 { 1 << 64 } else { u128::from(width) }
}

fn percent(tokens: u128) -> String {
    // Of a thousand, rounded to the nearest.
    let parts = (tokens * 1000 + (1 << 63)) >> 64;
    format!("{}.{} %", parts / 10, parts % 10)
}

/// The API before a ring.
#[derive(Debug)]
pub struct Store {
    url: String,
    client: reqwest::Client,
}

impl Store {
    /// The API at `url`.
    ///
    /// # Errors
    /// In words, when there can be no HTTP client.
    pub fn new(url: String) -> Result<Self, String> {
        let client = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build();
        Ok(Self { url, client: client.map_err(|error| error.to_string())? })
    }

    /// What it answers at `path`.
    ///
    /// # Errors
    /// In words, with what the API said.
    pub async fn get(&self, path: &str) -> Result<Value, String> {
        let away =
            |error: reqwest::Error| format!("no store answers at {} ({error}): `make labs` starts one", self.url);
        let answer = self.client.get(format!("{}{path}", self.url)).send().await.map_err(away)?;
        let status = answer.status();
        let body: Value = answer.json().await.map_err(|error| format!("{path}: {error}"))?;
        match status.is_success() {
            true => Ok(body),
            false => Err(format!("{path}: {status}: {}", body["detail"].as_str().unwrap_or("no reason given"))),
        }
    }

    /// The id of the product with this sku.
    ///
    /// # Errors
    /// In words, when there is none.
    pub async fn id(&self, sku: &str) -> Result<String, String> {
        let found = self.get(&format!("/products?sku={}", escaped(sku))).await?;
        found[0]["id"].as_str().map(str::to_owned).ok_or_else(|| format!("there is no product with the sku {sku}"))
    }

    /// What is asked of the API for a question, and what it answers.
    ///
    /// # Errors
    /// In words.
    pub async fn look(&self, question: &Question) -> Result<Vec<(String, Value)>, String> {
        let mut found = Vec::new();
        for path in &question.look {
            let path = match path.split_once("{id:").and_then(|(before, rest)| Some((before, rest.split_once('}')?))) {
                Some((before, (sku, after))) => format!("{before}{}{after}", self.id(sku).await?),
                None => path.clone(),
            };
            let answer = self.get(&path).await?;
            found.push((path, answer));
        }
        Ok(found)
    }
}

/// A text as a value in a query.
pub fn escaped(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    text.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_lab_has_three_questions_in_two_languages() {
        let labs = all().expect("the file of the questions");
        for lab in &labs {
            assert_eq!(lab.questions.len(), 3, "{}", lab.name);
            for question in &lab.questions {
                assert!(!question.look.is_empty() && question.en.ends_with('?') && question.fr.ends_with('?'));
            }
        }
    }

    /// The console's script is held to the same cases.
    #[test]
    fn what_the_ring_says_is_read_off_the_answers() {
        let cases: Value = serde_json::from_str(include_str!("../../../docs/labs/cases.json")).expect("cases");
        let cases = cases.as_array().expect("a list");
        assert!(cases.len() >= 6);
        for case in cases {
            let mut question = case["question"].clone();
            for (name, value) in [("en", "?"), ("fr", "?")] {
                question[name] = json!(value);
            }
            question["look"] = json!([]);
            let question: Question = serde_json::from_value(question).expect("a question");
            let found = question.answer(case["answers"].as_array().expect("answers"));
            assert_eq!(json!(found), case["found"], "{case}");
            for (list, right) in [("right", true), ("wrong", false)] {
                for given in case[list].as_array().expect("a list") {
                    assert_eq!(is_right(given.as_str().expect("a text"), &found), right, "{given} for {case}");
                }
            }
        }
    }

    #[test]
    fn the_shares_of_all_nodes_are_the_ring() {
        let node = |id: &str, address: &str| json!({"host_id": id, "address": address, "rack": "rack1"});
        let range = |start: i64, end: i64, replicas: [&str; 2]| json!({"start": start.to_string(), "end": end.to_string(), "replicas": replicas});
        let nodes = json!([node("b", "127.0.0.2"), node("a", "127.0.0.1"), node("c", "127.0.0.3")]);
        let ring = json!({"ranges": [range(0, i64::MAX, ["a", "b"]), range(i64::MAX, 0, ["b", "c"])]});
        let found = shares(&nodes, &ring);
        assert_eq!(found[0], ["1", "rack1", "1", "50.0 %", "50.0 %"].map(str::to_owned));
        assert_eq!(found[1], ["2", "rack1", "1", "50.0 %", "100.0 %"].map(str::to_owned));
        assert_eq!(found[2], ["3", "rack1", "0", "0.0 %", "50.0 %"].map(str::to_owned));
        assert_eq!(escaped("TEA 1&"), "TEA%201%26");
        let whole = json!({"ranges": [range(5, 5, ["a", "b"])]});
        assert_eq!(shares(&nodes, &whole)[0][3], "100.0 %");
    }
}
