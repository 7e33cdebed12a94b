use super::*;
use crate::dao::memory::MemoryCluster;

#[tokio::test(start_paused = true)]
async fn the_nodes_are_looked_at_while_somebody_watches_and_told_once() {
    let live = Live::new(Cluster::new(Arc::new(MemoryCluster), None));
    let mut viewers = [live.watch(), live.watch()];
    for viewer in &mut viewers {
        assert!(viewer.next(Duration::from_secs(5)).await.is_some());
        assert!(viewer.changed(Duration::from_secs(5)).await.is_none(), "nothing has changed");
    }
    drop(viewers);
    tokio::time::sleep(2 * LOOK_EVERY).await;
    assert!(!*live.0.looks.lock().unwrap(), "nobody watches");
    assert!(live.watch().next(Duration::from_secs(5)).await.is_some());
}
