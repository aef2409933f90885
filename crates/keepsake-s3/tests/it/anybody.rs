//! What anybody may do, without keys.

use crate::world::{bytes, put, world};

#[tokio::test]
async fn nobody_reads_or_lists_without_a_signature() {
    let Some(world) = world() else { return };
    put(&world.bucket, "a", &bytes(500)).await;
    let base = format!("{}{}", world.server.endpoint(), world.options.bucket);
    for url in [base.clone(), format!("{base}/{}/a", world.options.prefix)] {
        let status = crate::world::client().get(&url).send().await.unwrap().status();
        assert_eq!(status, 403, "{url}");
    }
}
