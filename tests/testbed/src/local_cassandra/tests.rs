use super::*;

#[tokio::test]
async fn a_ring_of_seven_is_refused_before_anything_is_started() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let error = LocalRing::start(Options { nodes: 7, ..Options::new(directory.path()) }).await.expect_err("too many");
    assert!(matches!(error, RingError::Size(7)));
    assert_eq!(std::fs::read_dir(directory.path()).expect("list").count(), 0);
}
