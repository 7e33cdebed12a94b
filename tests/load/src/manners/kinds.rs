//! The kinds of bad connections. Each comes from an address of its own, does what it does, and then waits until the API has
//! closed it or the time is up. IO: loopback.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until, timeout_at};

use super::pod::{Pod, token_of};

/// What a stranger does with a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Says nothing, ever.
    Silent,
    /// Sends one request, and is there from then on.
    Idle,
    /// A byte of the head each second.
    SlowHead,
    /// Half of 15 KiB of cookies after another.
    LargeCookies,
    /// A head longer than any is read.
    EndlessHead,
    /// Asks for the largest file and does not read it.
    UnreadFile,
    /// Asks for pages, with a token, and does not read them.
    UnreadPages,
    /// A hundred requests at once, and reads none of the answers.
    Pipelined,
    /// Half of a body, with a token.
    HalfBody,
    /// An import a byte a second, with a token.
    SlowImport,
    /// What is no HTTP.
    Garbage,
    /// Hangs up by a reset as soon as it has asked.
    Reset,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 12] = [
        Self::Silent,
        Self::Idle,
        Self::SlowHead,
        Self::LargeCookies,
        Self::EndlessHead,
        Self::UnreadFile,
        Self::UnreadPages,
        Self::Pipelined,
        Self::HalfBody,
        Self::SlowImport,
        Self::Garbage,
        Self::Reset,
    ];

    /// The address of a connection of this kind: 250 in each network of 127.64.0.0/10.
    fn address(self, number: usize) -> Ipv4Addr {
        let small = |number: usize| u8::try_from(number).unwrap_or(u8::MAX);
        Ipv4Addr::new(127, 64 + self as u8, small((number / 250) % 250), 1 + small(number % 250))
    }
}

/// Opens so many connections of each kind, evenly until the end; tells how many were opened, and how many of them the API
/// has closed.
pub async fn visit_all(pod: &Arc<Pod>, of_each: usize, end: Instant) -> Vec<(Kind, usize, usize)> {
    let mut kinds = JoinSet::new();
    for kind in Kind::ALL {
        let pod = Arc::clone(pod);
        kinds.spawn(async move {
            let mut visits = JoinSet::new();
            let began = Instant::now();
            // The last of them have some seconds, too.
            let span = (end - began).mul_f64(0.85);
            for number in 0..of_each {
                sleep_until(began + span.mul_f64(number as f64 / of_each as f64)).await;
                let pod = Arc::clone(&pod);
                visits.spawn(async move { visit(&pod, kind, number, end).await });
            }
            let visits = visits.join_all().await;
            let opened = visits.iter().filter(|visit| visit.opened).count();
            (kind, opened, visits.iter().filter(|visit| visit.closed).count())
        });
    }
    let mut told = kinds.join_all().await;
    told.sort_by_key(|(kind, ..)| *kind as usize);
    told
}

/// What became of a connection.
struct Visit {
    opened: bool,
    closed: bool,
}

async fn visit(pod: &Pod, kind: Kind, number: usize, end: Instant) -> Visit {
    let Ok(Ok(mut stream)) = timeout_at(end, connect(kind.address(number), pod.address)).await else {
        return Visit { opened: false, closed: false };
    };
    let closed = match timeout_at(end, behave(&mut stream, kind)).await {
        // Whatever it does not read may hide that it was closed: writing tells, too.
        Ok(Ok(())) => until_closed(&mut stream, kind, end).await,
        Ok(Err(_)) => true,
        Err(_) => false,
    };
    Visit { opened: true, closed }
}

async fn connect(from: Ipv4Addr, to: SocketAddr) -> std::io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    // As little as a peer can take without reading.
    socket.set_recv_buffer_size(4096)?;
    socket.bind(SocketAddr::from((from, 0)))?;
    socket.connect(to).await
}

async fn behave(stream: &mut TcpStream, kind: Kind) -> std::io::Result<()> {
    let seller = format!("Authorization: Bearer {}\r\n", token_of("seller"));
    match kind {
        Kind::Silent => Ok(()),
        Kind::Idle => {
            stream.write_all(b"GET /health HTTP/1.1\r\nHost: shop\r\n\r\n").await?;
            stream.read(&mut [0; 1024]).await.map(drop)
        }
        Kind::SlowHead => {
            for byte in b"GET /products HTTP/1.1\r\nHost: shop\r\nX-Slow: as slow as can be, and slower than that" {
                stream.write_all(&[*byte]).await?;
                sleep(Duration::from_secs(1)).await;
            }
            Ok(())
        }
        Kind::LargeCookies => {
            let half = format!("GET /products HTTP/1.1\r\nHost: shop\r\nCookie: a={}", "x".repeat(7 * 1024));
            stream.write_all(half.as_bytes()).await?;
            sleep(Duration::from_secs(2)).await;
            stream.write_all("y".repeat(7 * 1024).as_bytes()).await
        }
        Kind::EndlessHead => {
            stream.write_all(b"GET / HTTP/1.1\r\nHost: shop\r\n").await?;
            loop {
                stream.write_all(format!("X-More: {}\r\n", "x".repeat(1000)).as_bytes()).await?;
                sleep(Duration::from_millis(50)).await;
            }
        }
        Kind::UnreadFile => stream.write_all(b"GET /docs/swagger-ui-bundle.js HTTP/1.1\r\nHost: shop\r\n\r\n").await,
        Kind::UnreadPages | Kind::Pipelined => {
            let requests = if kind == Kind::Pipelined { 100 } else { 1 };
            let request = format!("GET /products?limit=100 HTTP/1.1\r\nHost: shop\r\n{seller}\r\n");
            stream.write_all(request.repeat(requests).as_bytes()).await
        }
        Kind::HalfBody => {
            let head =
                "POST /products HTTP/1.1\r\nHost: shop\r\nContent-Type: application/json\r\nContent-Length: 65000\r\n";
            stream.write_all(format!("{head}{seller}\r\n{{\"name\":\"{}", "x".repeat(30_000)).as_bytes()).await
        }
        Kind::SlowImport => {
            let head = "POST /products/import?dry_run=true HTTP/1.1\r\nHost: shop\r\nContent-Type: text/csv\r\nContent-Length: 9999\r\n";
            stream.write_all(format!("{head}{seller}\r\nsku,name,price\n").as_bytes()).await?;
            loop {
                stream.write_all(b"x").await?;
                sleep(Duration::from_secs(1)).await;
            }
        }
        Kind::Garbage => stream.write_all(&[22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3, 255, 0, 13, 10, 13, 10]).await,
        Kind::Reset => {
            stream
                .write_all(format!("GET /products?limit=100 HTTP/1.1\r\nHost: shop\r\n{seller}\r\n").as_bytes())
                .await?;
            stream.set_zero_linger()?;
            // It is reset as it is dropped.
            Err(std::io::ErrorKind::ConnectionReset.into())
        }
    }
}

/// Waits for the end of a connection. Those that do not read look whether more could be read at all.
async fn until_closed(stream: &mut TcpStream, kind: Kind, end: Instant) -> bool {
    let reads = !matches!(kind, Kind::UnreadFile | Kind::UnreadPages | Kind::Pipelined);
    let mut scrap = [0; 1024];
    while Instant::now() < end {
        if reads {
            match timeout_at(end, stream.read(&mut scrap)).await {
                Ok(Ok(0) | Err(_)) => return true,
                Ok(Ok(_)) => {}
                Err(_) => return false,
            }
        } else {
            sleep_until(end.min(Instant::now() + Duration::from_secs(1))).await;
            if stream.take_error().ok().flatten().is_some() {
                return true;
            }
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_connection_has_an_address_of_its_own_on_loopback() {
        let all: Vec<Ipv4Addr> =
            Kind::ALL.iter().flat_map(|kind| (0..1000).map(|number| kind.address(number))).collect();
        assert!(all.iter().all(|address| address.is_loopback() && address.octets()[1] >= 64));
        assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len());
    }
}
