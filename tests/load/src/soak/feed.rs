//! Readers of the feed of changes, one at each process of the API, and whether anything is missing in what they read. IO:
//! HTTP.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::books::Books;
use super::front::Front;

/// After an answer that is none of the feed.
const AGAIN: Duration = Duration::from_millis(500);
/// Answers that are read to come to the end of the feed.
const CATCH_UP: usize = 200;

/// One reader. It goes on after the position that it was told last, at its own process.
#[derive(Debug, Default)]
pub struct Reader {
    process: usize,
    /// `None` at a process that has no feed.
    position: Option<String>,
    /// Versions of each stock, as they came.
    versions: BTreeMap<String, Vec<i64>>,
    /// What may not be.
    faults: Vec<String>,
}

impl Reader {
    /// A reader that begins at the end of the feed.
    pub async fn begin(front: &Front, process: usize) -> Self {
        let mut reader = Self { process, ..Self::default() };
        for _ in 0..CATCH_UP {
            match front.ask(process, "/changes").await {
                Some((200, body)) => {
                    reader.position = body["next"].as_str().map(str::to_owned);
                    break;
                }
                // One of the version before.
                Some((404, _)) => break,
                _ => tokio::time::sleep(AGAIN).await,
            }
        }
        reader
    }

    /// One answer of the feed; how many changes it had, `None` where there was no answer.
    async fn read(&mut self, front: &Front, wait: u32) -> Option<usize> {
        let position = self.position.as_deref()?;
        let (status, body) =
            front.ask(self.process, &format!("/changes?kinds=stock&wait={wait}&after={position}")).await?;
        if status == 410 {
            self.faults.push(format!("the feed of process {} says that {position} is gone", self.process));
            self.position = None;
        }
        if status != 200 {
            return None;
        }
        let changes = body["changes"].as_array()?;
        for change in changes {
            let (Some(id), Some(version)) = (change["id"].as_str(), change["version"].as_i64()) else {
                self.faults.push(format!("the feed tells {change}"));
                continue;
            };
            self.versions.entry(id.to_owned()).or_default().push(version);
        }
        self.position = body["next"].as_str().map(str::to_owned);
        Some(changes.len())
    }

    /// Reads until told to stop.
    pub async fn follow(&mut self, front: &Front, stop: &AtomicBool) {
        while self.position.is_some() && !stop.load(Ordering::Relaxed) {
            if self.read(front, 1).await.is_none() {
                tokio::time::sleep(AGAIN).await;
            }
        }
    }

    /// Reads to the end of the feed.
    pub async fn catch_up(&mut self, front: &Front) {
        for _ in 0..CATCH_UP {
            match self.read(front, 1).await {
                Some(0) => return,
                Some(_) => {}
                None => tokio::time::sleep(AGAIN).await,
            }
        }
    }

    /// What may never be, and what is still to come: of each stock every version from the first that was read to the last one
    /// of the books, none of them first before the one below it.
    pub fn judge(&self, books: &Books) -> (Vec<String>, Vec<String>) {
        let (mut faults, mut owed) = (self.faults.clone(), Vec::new());
        if self.position.is_none() {
            return (faults, owed);
        }
        for (product, (last, _)) in &books.stocks {
            let told = self.versions.get(product).map_or(&[][..], Vec::as_slice);
            match without_gaps(told) {
                Err(gap) => faults.push(format!("the feed of process {} on stock {product}: {gap}", self.process)),
                // The phase's stocks were counted first while it was read.
                Ok((1, end)) if end == *last => {}
                Ok((first, end)) => owed.push(format!(
                    "the feed of process {} on stock {product} has versions {first} to {end}, the books {last}",
                    self.process
                )),
            }
        }
        (faults, owed)
    }
}

/// The first and the last version, of which none is missing between; zeros where there are none.
fn without_gaps(versions: &[i64]) -> Result<(i64, i64), String> {
    let Some(first) = versions.first().copied() else { return Ok((0, 0)) };
    let mut last = first;
    for version in versions.iter().copied() {
        if version > last + 1 {
            return Err(format!("{version} comes after {last}"));
        }
        last = last.max(version);
    }
    Ok((first, last))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_again_is_no_gap_and_what_is_left_out_is_one() {
        assert_eq!(without_gaps(&[]), Ok((0, 0)));
        assert_eq!(without_gaps(&[1, 2, 2, 1, 3]), Ok((1, 3)));
        assert!(without_gaps(&[1, 3, 2]).is_err());
    }

    #[test]
    fn a_stock_whose_last_versions_were_not_told_is_owed_and_one_with_a_gap_is_wrong() {
        let books = Books { stocks: BTreeMap::from([("tea".to_owned(), (3, 7))]), ..Books::default() };
        let reader = |versions: &[i64]| Reader {
            position: Some("1-0".into()),
            versions: BTreeMap::from([("tea".to_owned(), versions.to_vec())]),
            ..Reader::default()
        };
        let counts = |versions: &[i64]| {
            let (faults, owed) = reader(versions).judge(&books);
            (faults.len(), owed.len())
        };
        assert_eq!(counts(&[1, 2, 3]), (0, 0));
        assert_eq!(counts(&[1, 2]), (0, 1));
        assert_eq!(counts(&[2, 3]), (0, 1));
        assert_eq!(counts(&[1, 3]), (1, 0));
        assert_eq!(Reader::default().judge(&books), (Vec::new(), Vec::new()), "there is no feed");
    }
}
