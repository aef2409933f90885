//! What inspection says to those whom it turns away: what the rules would say, where it knows that at no further cost.

use super::host::{Module, ModuleTransport};
use keepsake_client::{CallError, Client, TransportError};
use keepsake_conformance::api::{Admission, Role, Settings};
use keepsake_conformance::verdict::allowed;
use keepsake_conformance::{Host, Who};
use std::fmt::Debug;

#[track_caller]
fn turned_away<T: Debug>(answer: Result<T, CallError>, why: &str) {
    match answer {
        Err(CallError::Transport { error: TransportError::Rejected { message, .. }, .. }) => {
            assert!(message.contains(why), "'{message}' does not say {why}");
        }
        other => panic!("{other:?} was not turned away"),
    }
}

async fn removed(host: &Module, owner: &Client<ModuleTransport>) -> Client<ModuleTransport> {
    let device = host.client(Who::Removed).await;
    let code = allowed(owner.devices_invite("").await);
    allowed(device.devices_join(&code, "", None).await);
    allowed(owner.devices_remove(device.principal()).await);
    device
}

#[tokio::test]
async fn a_removed_device_and_a_used_code_hear_that_they_are() {
    let host = Module::start();
    let (owner, controller) = (host.client(Who::Owner).await, host.client(Who::Controller).await);
    let capsule = allowed(owner.capsules_create(None).await).id;
    let device = removed(&host, &owner).await;
    let code = allowed(owner.invitations_create(&capsule, Role::Guest, 1, None, None).await);
    allowed(host.client(Who::Guest).await.invitations_redeem(&code).await);
    for admission in [Admission::Everybody, Admission::Invited] {
        let settings = Settings { admission: Some(admission), ..Settings::default() };
        allowed(controller.admin_set(&settings).await);
        turned_away(device.capsules_create(None).await, "device_removed");
    }
    turned_away(device.devices_join("AAAAAAAAAAAAAAAAAAAAAA", "", None).await, "code_unknown");
    let stranger = host.client(Who::Stranger).await;
    turned_away(stranger.invitations_redeem(&code).await, "code_used");
    turned_away(stranger.capsules_create(None).await, "by invitation");
    // A new code from its account lets it in again.
    let code = allowed(owner.devices_invite("").await);
    allowed(device.devices_join(&code, "", None).await);
}
