//! Imports: what the process at work tells is read back, and that it tells nothing any more is seen.

use std::time::Duration;

use uuid::Uuid;

use super::cx;
use crate::dao::Daos;
use crate::dao::imports::{Ended, Import, Kind};

pub async fn hold(daos: &Daos) {
    an_import_is_told_of_from_its_beginning_to_its_end(daos).await;
    a_process_that_says_nothing_more_is_not_alive(daos).await;
}

async fn find(daos: &Daos, id: Uuid) -> Option<Import> {
    daos.imports.find(&cx(), id).await.unwrap()
}

async fn an_import_is_told_of_from_its_beginning_to_its_end(daos: &Daos) {
    let (id, started_at) = (Uuid::now_v7(), cx().now_ms);
    assert_eq!(find(daos, id).await, None);
    daos.imports.begin(&cx(), id, Kind::Stocks, started_at, 60).await.unwrap();
    let begun = Import { id, kind: Kind::Stocks, started_at, alive: true, progress: None, ended: None };
    assert_eq!(find(daos, id).await, Some(begun.clone()));
    for progress in [b"{\"lines\":1}", b"{\"lines\":2}"] {
        daos.imports.beat(&cx(), id, progress, 60).await.unwrap();
        assert_eq!(find(daos, id).await, Some(Import { progress: Some(progress.to_vec()), ..begun.clone() }));
    }
    let ended = Ended { at: started_at + 5, status: 422, answer: "{\"detail\":\"é\"}".into() };
    for _ in 0..2 {
        daos.imports.end(&cx(), id, &ended).await.unwrap();
        assert_eq!(find(daos, id).await.unwrap().ended, Some(ended.clone()));
    }
}

async fn a_process_that_says_nothing_more_is_not_alive(daos: &Daos) {
    let id = Uuid::now_v7();
    daos.imports.begin(&cx(), id, Kind::Products, cx().now_ms, 1).await.unwrap();
    let until = tokio::time::Instant::now() + Duration::from_secs(10);
    while find(daos, id).await.unwrap().alive {
        assert!(tokio::time::Instant::now() < until, "it is alive after its second");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    daos.imports.beat(&cx(), id, b"{}", 60).await.unwrap();
    assert!(find(daos, id).await.unwrap().alive, "it was slow");
}
