//! The node agent of a Cassandra pod: free space of the data volume. IO: one HTTP GET.

use std::net::IpAddr;
use std::time::Duration;

use serde::Deserialize;

const DEADLINE: Duration = Duration::from_secs(1);

#[derive(Deserialize)]
struct Disk {
    free: u64,
}

/// Free bytes of the file system that holds the node's data; `None` when the agent does not answer.
pub async fn free_bytes(client: &reqwest::Client, ip: IpAddr, port: u16) -> Option<u64> {
    let url = format!("http://{}/disk", std::net::SocketAddr::new(ip, port));
    let response = client.get(url).timeout(DEADLINE).send().await.ok()?.error_for_status().ok()?;
    Some(response.json::<Disk>().await.ok()?.free)
}
