//! An open loop of HTTP requests: so many a second, whatever becomes of them. IO: HTTP.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures::future::try_join_all;
use http::header::RETRY_AFTER;
use http::{HeaderValue, StatusCode};
use http_body_util::BodyExt as _;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use serde::{Deserialize, Serialize};
use tokio::net::TcpStream;
use tokio::time::Instant;

use super::closed_loop::{Asked, LoopError};

type Sender = SendRequest<http_body_util::Full<bytes::Bytes>>;

/// What to send.
#[derive(Debug)]
pub struct Press {
    /// The server.
    pub address: SocketAddr,
    /// Connections, each with one request at a time: what the server may hold up at once.
    pub connections: usize,
    /// Gone round.
    pub requests: Vec<Asked>,
    /// Who asks.
    pub authorization: Option<HeaderValue>,
    /// Requests a second.
    pub rate: f64,
    /// The end.
    pub time: Duration,
}

/// What became of them.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Pressed {
    /// Answered with success.
    pub good: u64,
    /// Answered with 503 and `Retry-After`, because there were too many.
    pub turned_away: u64,
    /// Answered with 503 and `Retry-After` for another reason.
    pub unavailable: u64,
    /// The first of these.
    pub first_unavailable: Option<String>,
    /// Anything else, a connection that broke included.
    pub wrong: u64,
    /// The first of these.
    pub first_wrong: Option<String>,
    /// Sent later than 100 ms after their time: all connections were busy, or this process.
    pub late: u64,
    /// Seconds from the first to the last answer.
    pub seconds: f64,
    /// Milliseconds until the answer for half of the good, and for all but one in a hundred.
    pub good_ms: (f64, f64),
    /// The same of those that were turned away.
    pub turned_away_ms: (f64, f64),
}

impl Pressed {
    /// How many requests were answered in any way, or none.
    pub const fn answers(&self) -> u64 {
        self.good + self.turned_away + self.unavailable + self.wrong
    }
}

/// How one request ended.
enum End {
    Good,
    TurnedAway,
    Unavailable(String),
    Wrong(String),
}

#[derive(Default)]
struct Seen {
    good: Vec<f32>,
    turned_away: Vec<f32>,
    unavailable: Vec<String>,
    wrong: Vec<String>,
    late: u64,
}

/// Sends requests.
///
/// # Errors
/// [`LoopError`] when a connection cannot be made.
pub async fn run(press: Press) -> Result<Pressed, LoopError> {
    let next = AtomicU64::new(0);
    let senders = try_join_all((0..press.connections).map(|_| connect(press.address))).await?;
    let began = Instant::now();
    let seen = try_join_all(senders.into_iter().map(|sender| one(&press, sender, &next, began))).await?;
    let seconds = began.elapsed().as_secs_f64();
    let mut all = Seen::default();
    for seen in seen {
        all.good.extend(seen.good);
        all.turned_away.extend(seen.turned_away);
        all.unavailable.extend(seen.unavailable);
        all.wrong.extend(seen.wrong);
        all.late += seen.late;
    }
    Ok(Pressed {
        good: all.good.len() as u64,
        turned_away: all.turned_away.len() as u64,
        unavailable: all.unavailable.len() as u64,
        first_unavailable: all.unavailable.into_iter().next(),
        wrong: all.wrong.len() as u64,
        first_wrong: all.wrong.into_iter().next(),
        late: all.late,
        seconds,
        good_ms: half_and_most(all.good),
        turned_away_ms: half_and_most(all.turned_away),
    })
}

async fn connect(address: SocketAddr) -> Result<Sender, LoopError> {
    let wrong = |reason: String| LoopError { address, path: "/".to_owned(), reason };
    let stream = TcpStream::connect(address).await.map_err(|error| wrong(error.to_string()))?;
    stream.set_nodelay(true).map_err(|error| wrong(error.to_string()))?;
    let (sender, connection) =
        http1::handshake(TokioIo::new(stream)).await.map_err(|error| wrong(error.to_string()))?;
    // Ends when the sender is dropped.
    tokio::spawn(async move { drop(connection.await) });
    Ok(sender)
}

/// Sends whatever is due next.
async fn one(press: &Press, mut sender: Sender, next: &AtomicU64, began: Instant) -> Result<Seen, LoopError> {
    let mut seen = Seen::default();
    loop {
        let number = next.fetch_add(1, Ordering::Relaxed);
        let due = Duration::from_secs_f64(number as f64 / press.rate);
        if due >= press.time {
            return Ok(seen);
        }
        tokio::time::sleep_until(began + due).await;
        let sent = Instant::now();
        seen.late += u64::from(sent.duration_since(began + due) > Duration::from_millis(100));
        let asked = &press.requests[usize::try_from(number).unwrap_or_default() % press.requests.len().max(1)];
        let end = ask(press, asked, &mut sender).await;
        let millis = sent.elapsed().as_secs_f32() * 1000.0;
        match end {
            End::Good => seen.good.push(millis),
            End::TurnedAway => seen.turned_away.push(millis),
            End::Unavailable(what) => seen.unavailable.push(format!("{}: {what}", asked.path)),
            End::Wrong(what) => {
                seen.wrong.push(format!("{}: {what}", asked.path));
                if sender.is_closed() {
                    sender = connect(press.address).await?;
                }
            }
        }
    }
}

async fn ask(press: &Press, asked: &Asked, sender: &mut Sender) -> End {
    let request = match asked.request(press.authorization.as_ref()) {
        Ok(request) => request,
        Err(error) => return End::Wrong(error.to_string()),
    };
    if let Err(error) = sender.ready().await {
        return End::Wrong(error.to_string());
    }
    let response = match sender.send_request(request).await {
        Ok(response) => response,
        Err(error) => return End::Wrong(error.to_string()),
    };
    let (head, body) = response.into_parts();
    let body = match body.collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) => return End::Wrong(error.to_string()),
    };
    match head.status {
        status if status.is_success() => End::Good,
        StatusCode::SERVICE_UNAVAILABLE if head.headers.contains_key(RETRY_AFTER) => {
            let body = String::from_utf8_lossy(&body);
            if body.contains(":overloaded\"") { End::TurnedAway } else { End::Unavailable(body.into_owned()) }
        }
        status => End::Wrong(format!("{status} {}", String::from_utf8_lossy(&body))),
    }
}

fn half_and_most(mut millis: Vec<f32>) -> (f64, f64) {
    millis.sort_by(f32::total_cmp);
    let at = |percent: usize| millis.get((millis.len() * percent / 100).min(millis.len().saturating_sub(1)));
    let of = |percent| at(percent).copied().map_or(0.0, f64::from);
    (of(50), of(99))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_and_most_of_a_hundred_are_the_fifty_first_and_the_last() {
        let millis: Vec<f32> = (1..=100_u8).rev().map(f32::from).collect();
        assert_eq!(half_and_most(millis), (51.0, 100.0));
        assert_eq!(half_and_most(Vec::new()), (0.0, 0.0));
        assert_eq!(half_and_most(vec![3.0]), (3.0, 3.0));
    }
}
