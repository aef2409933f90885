//! The exam, taken by the service in this process.

use keepsake_conformance::access;
use keepsake_conformance::in_process::InProcess;

#[tokio::test]
async fn everybody_may_what_the_table_says() {
    access::everybody_may_what_the_table_says(&InProcess::start()).await;
}
