//! Who the crowd is: people with one key that several clients share, people with two devices, and one of the devices that is
//! removed while it uploads. Owns who signs for whom, and what a device may that was removed.

use super::node::{Node, Service, client};
use super::picture::Random;
use keepsake_client::{CallError, RetryPolicy};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

const PEOPLE: usize = 8;

/// An account with its capsule.
#[derive(Clone)]
pub(crate) struct Person {
    /// Of its devices; the first one began the account.
    keys: Vec<[u8; 32]>,
    pub(crate) capsule: String,
}

/// What becomes of the device that is removed, as its clients and the remover see it.
#[derive(Clone, Default)]
pub(crate) struct Leaving {
    /// It may be refused from now on.
    pub(crate) begun: Arc<AtomicBool>,
    /// What it published.
    pub(crate) published: Arc<AtomicU64>,
    /// Uploads that went on by another device.
    pub(crate) taken_over: Arc<AtomicU64>,
}

/// Whose client, and who goes on where its device is removed.
pub(crate) struct Hands {
    pub(crate) client: Service,
    pub(crate) instead: Option<(Service, Leaving)>,
}

pub(crate) fn patient() -> RetryPolicy {
    RetryPolicy {
        unreachable_max: Duration::from_secs(300),
        passing_max: Duration::from_secs(600),
        ..RetryPolicy::default()
    }
}

impl Person {
    /// A client by the key that the account began with.
    pub(crate) fn client(&self, node: &Node) -> Service {
        client(&node.url(), self.keys[0], patient())
    }

    fn device(&self, node: &Node) -> Option<Service> {
        self.keys.get(1).map(|key| client(&node.url(), *key, patient()))
    }
}

/// Every second one has two devices.
pub(crate) async fn meet(node: &Node, random: &mut Random) -> Vec<Person> {
    let mut people = Vec::new();
    for number in 0..PEOPLE {
        let keys: Vec<[u8; 32]> =
            (0..=number % 2).map(|_| random.bytes(32).try_into().expect("32 bytes")).collect();
        let mut person = Person { keys, capsule: String::new() };
        let first = person.client(node);
        person.capsule = first.own_capsule_id().await.expect("a capsule can be made");
        if let Some(device) = person.device(node) {
            let code = first.devices_invite("Phone").await.expect("an invitation is answered");
            let account = device.devices_join(&code, "", None).await.expect("a device joins");
            assert_eq!(account, first.principal());
        }
        people.push(person);
    }
    people
}

/// Client number `number` of the crowd: those of a person take turns with its devices. The last person's second one leaves.
pub(crate) fn hands(node: &Node, people: &[Person], number: usize, leaving: &Leaving) -> (Hands, String) {
    let at = number % people.len();
    let person = &people[at];
    let device = if (number / people.len()).is_multiple_of(2) { None } else { person.device(node) };
    let instead = device.is_some() && at + 1 == people.len();
    let hands = Hands {
        client: device.unwrap_or_else(|| person.client(node)),
        instead: instead.then(|| (person.client(node), leaving.clone())),
    };
    (hands, person.capsule.clone())
}

/// Waits until the last person's second device published so much, and removes it. From then on it gets nothing.
pub(crate) async fn remove_meanwhile(
    first: Service,
    device: Service,
    capsule: String,
    leaving: Leaving,
    (after, ending): (u64, Arc<AtomicBool>),
) {
    while leaving.published.load(Ordering::SeqCst) < after && !ending.load(Ordering::SeqCst) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    leaving.begun.store(true, Ordering::SeqCst);
    loop {
        match first.devices_remove(device.principal()).await {
            Ok(()) => break,
            // A kill ate the answer: the message may have run.
            Err(CallError::Transport { .. }) => {}
            Err(error) if error.is_not_found() => break,
            Err(error) => panic!("the device cannot be removed: {error}"),
        }
    }
    let listed = device.capsules_list().await.expect("a list is answered");
    assert_eq!(listed, [], "a device that was removed sees a capsule");
    let begun = device.uploads_begin(&capsule, 1, "after its removal", None).await;
    assert_eq!(begun.as_ref().err().and_then(CallError::code), Some("device_removed"), "{begun:?}");
    let devices = first.devices_list().await.expect("a list is answered");
    assert_eq!(devices.len(), 1);
}

/// The two clients that [`remove_meanwhile`] needs, and the capsule.
pub(crate) fn who_leaves(node: &Node, people: &[Person]) -> (Service, Service, String) {
    let person = people.last().expect("there are people");
    (person.client(node), person.device(node).expect("it has two devices"), person.capsule.clone())
}
