//! Node operations that outlast a pass, each as one future that ends with the node's verdict. IO:
//! JMX of one node. All are harmless to repeat.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::jmx::{JmxError, Jolokia, RepairStatus};
use super::registry::Progress;

/// Streaming a full node out may take this long; the node itself goes on whatever happens here.
const DECOMMISSION_DEADLINE: Duration = Duration::from_secs(48 * 3600);
const CLEANUP_DEADLINE: Duration = Duration::from_secs(24 * 3600);
const REPAIR_DEADLINE: Duration = Duration::from_secs(24 * 3600);
/// A resumed join may take this long; the node itself goes on whatever happens here.
const JOIN_DEADLINE: Duration = Duration::from_secs(48 * 3600);
/// A node that is to stream and moves nothing for so long has failed, whatever it says.
const STALLS: Duration = Duration::from_secs(300);
/// Of Cassandra's words about a second call for a decommission that is under way.
const STILL_LEAVING: &str = "still decommissioning";
const ASK_EVERY: Duration = Duration::from_secs(2);
/// A repair whose node has not answered for this long has failed: the node is down or restarted.
const SILENCE: Duration = Duration::from_secs(120);
/// A repair that its node has not heard of for this long was lost in a restart.
const UNKNOWN: Duration = Duration::from_secs(20);

/// Decommissions the node. The call lasts as long as the streaming does; should the connection break
/// before, the node's own operation mode tells how it ended.
pub async fn decommission(node: Jolokia, progress: Progress) -> Result<(), String> {
    let until = Instant::now() + DECOMMISSION_DEADLINE;
    let mut command = std::pin::pin!(node.decommission(DECOMMISSION_DEADLINE));
    let broken = loop {
        tokio::select! {
            result = &mut command => match result {
                Ok(()) => return Ok(()),
                // one that was begun before, whose caller is gone, is followed to its end
                Err(error) if error.is_refusal() && error.to_string().contains(STILL_LEAVING) => break error,
                Err(error) if error.is_refusal() => return Err(error.to_string()),
                Err(error) => break error,
            },
            () = sleep(ASK_EVERY) => {
                if let Ok(Some((done, total))) = node.streamed_bytes().await {
                    progress.tell(format!("{} of {} streamed", mib(done), mib(total)));
                }
            }
        }
    };
    follow_decommission(&node, &broken, until, &progress).await
}

async fn follow_decommission(
    node: &Jolokia,
    broken: &JmxError,
    until: Instant,
    progress: &Progress,
) -> Result<(), String> {
    let mut heard = Instant::now();
    let mut streamed = Instant::now();
    while Instant::now() < until && heard.elapsed() < SILENCE {
        match node.operation_mode().await.as_deref() {
            Ok("DECOMMISSIONED") => return Ok(()),
            Ok("LEAVING") => {
                heard = Instant::now();
                if let Ok(Some((done, total))) = node.streamed_bytes().await {
                    streamed = Instant::now();
                    progress.tell(format!("{} of {} streamed", mib(done), mib(total)));
                }
                // before its first stream and after its last one it waits for its peers to hear of it
                if streamed.elapsed() > STALLS {
                    return Err(format!("nothing was streamed for {} minutes: {broken}", STALLS.as_secs() / 60));
                }
            }
            Ok(mode) => return Err(format!("the decommission was broken off, the node is {mode}: {broken}")),
            Err(_) => {}
        }
        sleep(ASK_EVERY).await;
    }
    Err(format!("the node that is being decommissioned no longer answers: {broken}"))
}

/// Lets a join whose stream broke go on, and follows it until the node is a member. What has arrived stays;
/// only the rest is streamed.
pub async fn resume_join(node: Jolokia, progress: Progress) -> Result<(), String> {
    if !node.resume_bootstrap().await.map_err(|error| error.to_string())? {
        return match node.operation_mode().await.as_deref() {
            Ok("NORMAL") => Ok(()),
            Ok(mode) => Err(format!("the node, which is {mode}, knows of no bootstrap to resume")),
            Err(error) => Err(error.to_string()),
        };
    }
    let begun = Instant::now();
    let (mut heard, mut moved, mut bytes) = (begun, begun, None);
    while begun.elapsed() < JOIN_DEADLINE {
        match node.operation_mode().await.as_deref() {
            Ok("NORMAL") => return Ok(()),
            Ok("JOINING_FAILED") if begun.elapsed() > UNKNOWN => {
                return Err("the bootstrap was resumed and its stream broke again".to_owned());
            }
            Ok("JOINING" | "JOINING_FAILED") => heard = Instant::now(),
            Ok(mode) => return Err(format!("the bootstrap was broken off, the node is {mode}")),
            Err(error) if heard.elapsed() > SILENCE => return Err(error.to_string()),
            Err(_) => {}
        }
        let streams = node.streamed_bytes().await.unwrap_or_default();
        if streams != bytes {
            (bytes, moved) = (streams, Instant::now());
        }
        if let Some((done, total)) = streams {
            progress.tell(format!("{} of {} streamed", mib(done), mib(total)));
        }
        if moved.elapsed() > STALLS {
            return Err(format!("nothing was streamed for {} minutes", STALLS.as_secs() / 60));
        }
        sleep(ASK_EVERY).await;
    }
    Err(format!("the resumed bootstrap did not end within {} hours", JOIN_DEADLINE.as_secs() / 3600))
}

/// Cleans up one keyspace, or every replicated one, table after table.
pub async fn cleanup(node: Jolokia, keyspace: Option<String>, progress: Progress) -> Result<(), String> {
    let until = Instant::now() + CLEANUP_DEADLINE;
    let keyspaces = match keyspace {
        Some(keyspace) => vec![keyspace],
        None => node.replicated_keyspaces().await.map_err(|error| error.to_string())?,
    };
    for (done, keyspace) in keyspaces.iter().enumerate() {
        progress.tell(format!("{done} of {} keyspaces, now {keyspace}", keyspaces.len()));
        let left = until.saturating_duration_since(Instant::now());
        node.cleanup(keyspace, left).await.map_err(|error| format!("{keyspace}: {error}"))?;
    }
    Ok(())
}

/// Repairs the node's primary ranges of the keyspace in full.
pub async fn repair(node: Jolokia, keyspace: String, progress: Progress) -> Result<(), String> {
    let started = Instant::now();
    let Some(number) = node.start_repair(&keyspace).await.map_err(|error| error.to_string())? else {
        return Ok(());
    };
    let mut heard = Instant::now();
    while started.elapsed() < REPAIR_DEADLINE {
        match node.repair_status(number).await {
            Ok((RepairStatus::Completed, _)) => return Ok(()),
            Ok((RepairStatus::Failed(cause), _)) => return Err(cause),
            Ok((RepairStatus::Running, jobs)) => {
                heard = Instant::now();
                progress.tell(match jobs {
                    Some((done, of)) => format!("{done} of {of} ranges of tables"),
                    None => "it prepares".to_owned(),
                });
            }
            // A busy node begins a repair some time after it has given it a number.
            Ok((RepairStatus::Unknown, _)) if heard.elapsed() > UNKNOWN => {
                return Err(format!("the node no longer knows of repair {number}; was it restarted?"));
            }
            Ok((RepairStatus::Unknown, _)) => {}
            Err(error) if heard.elapsed() > SILENCE => return Err(error.to_string()),
            Err(_) => {}
        }
        // The first answers come quickly, so that small keyspaces cost no time.
        let young = started.elapsed() < Duration::from_secs(5);
        sleep(if young { Duration::from_millis(250) } else { ASK_EVERY }).await;
    }
    Err(format!("repair {number} did not end within {} hours", REPAIR_DEADLINE.as_secs() / 3600))
}

fn mib(bytes: u64) -> String {
    format!("{} MiB", bytes.div_ceil(1 << 20))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::cassandra::jmx::tests::scripted;

    fn ok(value: Value) -> (Duration, Vec<Value>) {
        (Duration::ZERO, vec![json!({"status": 200, "value": value})])
    }

    /// An answer about a repair, with `(done, active, pending)` of its pool.
    fn repairing(state: Value, pool: Option<[u64; 3]>) -> (Duration, Vec<Value>) {
        let absent = json!({"status": 404, "error": "javax.management.InstanceNotFoundException"});
        let counts = (0..3).map(|at| pool.map_or(absent.clone(), |pool| json!({"status": 200, "value": pool[at]})));
        let (pause, mut answers) = ok(state);
        answers.extend(counts);
        (pause, answers)
    }

    fn refused(error: &str) -> (Duration, Vec<Value>) {
        (Duration::ZERO, vec![json!({"status": 500, "error": error})])
    }

    #[tokio::test]
    async fn a_repair_that_the_node_has_not_begun_yet_is_waited_for() {
        let node = scripted(vec![
            ok(json!(7)),
            repairing(Value::Null, None),
            repairing(json!(["IN_PROGRESS"]), None),
            repairing(Value::Null, None),
            repairing(json!(["COMPLETED", "done"]), None),
        ]);
        assert_eq!(repair(node.await, "shop".into(), Progress::default()).await, Ok(()));
    }

    #[tokio::test]
    async fn a_repair_tells_how_many_of_its_ranges_are_done_of_all() {
        let progress = Progress::default();
        let node = scripted(vec![
            ok(json!(7)),
            repairing(json!(["IN_PROGRESS"]), Some([14, 1, 33])),
            repairing(json!(["COMPLETED"]), None),
        ]);
        assert_eq!(repair(node.await, "shop".into(), progress.clone()).await, Ok(()));
        assert_eq!(progress.read().as_deref(), Some("14 of 48 ranges of tables"));
    }

    #[tokio::test]
    async fn a_repair_ends_as_the_node_says() {
        let nothing = scripted(vec![ok(json!(0))]).await;
        assert_eq!(repair(nothing, "shop".into(), Progress::default()).await, Ok(()));
        let failed = scripted(vec![ok(json!(7)), repairing(json!(["FAILED", "a replica died"]), None)]).await;
        assert_eq!(repair(failed, "shop".into(), Progress::default()).await, Err("a replica died".into()));
    }

    #[tokio::test]
    async fn every_replicated_keyspace_is_cleaned_up_where_none_is_named() {
        let node = scripted(vec![ok(json!(["shop", "system_auth"])), ok(json!(0)), ok(json!(0))]).await;
        assert_eq!(cleanup(node, None, Progress::default()).await, Ok(()));
        let busy = scripted(vec![ok(json!(1))]).await;
        let cause = cleanup(busy, Some("shop".into()), Progress::default()).await.unwrap_err();
        assert!(cause.starts_with("shop: cleanup failed: aborted"), "{cause}");
    }

    #[tokio::test]
    async fn a_decommission_that_is_under_way_already_is_followed_to_its_end() {
        let node = scripted(vec![
            refused("Node is still decommissioning. Check nodetool netstats or nodetool info."),
            ok(json!("LEAVING")),
            ok(json!([])),
            ok(json!("DECOMMISSIONED")),
        ]);
        assert_eq!(decommission(node.await, Progress::default()).await, Ok(()));
    }

    #[tokio::test]
    async fn a_join_that_is_resumed_is_followed_until_the_node_is_a_member_or_its_stream_breaks_again() {
        let node = scripted(vec![ok(json!(true)), ok(json!("JOINING")), ok(json!([])), ok(json!("NORMAL"))]);
        assert_eq!(resume_join(node.await, Progress::default()).await, Ok(()));
        let nothing = scripted(vec![ok(json!(false)), ok(json!("JOINING"))]).await;
        let cause = resume_join(nothing, Progress::default()).await.unwrap_err();
        assert!(cause.contains("JOINING, knows of no bootstrap to resume"), "{cause}");
        let unknown = scripted(vec![refused("No operation resumeBootstrap")]).await;
        let cause = resume_join(unknown, Progress::default()).await.unwrap_err();
        assert!(cause.contains("No operation"), "{cause}");
    }

    #[tokio::test]
    async fn a_decommission_that_the_node_refuses_has_failed_with_its_words() {
        let node = scripted(vec![refused("Not enough live nodes to maintain replication factor")]).await;
        let cause = decommission(node, Progress::default()).await.unwrap_err();
        assert!(cause.contains("Not enough live nodes"), "{cause}");
    }
}
