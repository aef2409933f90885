//! Messages by anybody: whoever signs, whatever is in it. Owns what must hold of each.

use super::life::{Message, Signer, lived_in};
use super::{change, is_refusal};
use crate::model::Subject;
use crate::model::in_process::World;
use arbitrary::Unstructured;
use candid::{Principal, Reserved};
use keepsake_client::api::{Admission, Answer, Settings};

/// One message of this life, by anybody, with some of its bytes changed: never a panic, never a store that is not sound; nothing
/// changed where there was no `Ok`; who may only look, or nothing at all, changes nothing; a device is answered as the first key of
/// its account, and a device that was removed as nobody, but that it is told so.
///
/// # Panics
/// Where that does not hold.
pub fn signed(data: &[u8]) {
    let mut source = Unstructured::new(data);
    let (mut stage, messages) = Stage::set();
    let signer = Signer::ALL[source.choose_index(Signer::ALL.len()).unwrap_or(0)];
    let mut message = messages[source.choose_index(messages.len()).unwrap_or(0)].clone();
    for _ in 0..source.int_in_range(0..=6_u8).unwrap_or(0) {
        change(&mut message.arg, &mut source);
    }
    stage.hold(signer, &message);
}

/// Every message of this life as it is, by everybody.
///
/// # Panics
/// Where that does not hold what [`signed`] says.
pub fn everything_by_everybody() {
    let (mut stage, messages) = Stage::set();
    for signer in Signer::ALL {
        for message in messages {
            if stage.hold(signer, message) {
                stage = Stage::set().0;
            }
        }
    }
}

/// Every message of this life by a fresh key, to a host that is by invitation: nothing is kept of it, but for a right code. Where a
/// message names somebody, the key names itself too.
///
/// # Panics
/// Where that does not hold.
pub fn a_stranger_leaves_nothing() {
    let fresh = Principal::self_authenticating([99; 32]);
    let (mut world, messages) = lived_in();
    let invited = Settings { admission: Some(Admission::Invited), ..Settings::default() };
    let arg = candid::encode_one(invited).expect("settings encode");
    world.update(Signer::Controller.principal(), "admin_set", &arg).expect("a controller sets it");
    let image = world.store_image();
    let takes_code = |method: &str| ["devices_join", "invitations_redeem"].contains(&method);
    for Message { method, arg, .. } in
        messages.iter().filter(|message| message.update && !takes_code(message.method))
    {
        for arg in [arg.clone(), naming(arg, &fresh)] {
            // Also what is refused before any rule is asked.
            let reply = world.update(fresh, method, &arg);
            assert!(world.is_as_in(&image), "{method} by a stranger changed something: {reply:02x?}");
        }
    }
}

/// The same argument, with one principal in the place of all that it names.
fn naming(arg: &[u8], who: &Principal) -> Vec<u8> {
    let mut arg = arg.to_vec();
    for signer in Signer::ALL {
        let (from, to) = (signer.principal(), who.as_slice());
        let found = (0..arg.len()).filter(|at| arg[*at..].starts_with(from.as_slice())).collect::<Vec<_>>();
        for at in found.into_iter().filter(|_| from.as_slice().len() == to.len()) {
            arg[at..at + to.len()].copy_from_slice(to);
        }
    }
    arg
}

/// The methods that the messages are of.
pub fn methods() -> Vec<&'static str> {
    lived_in().1.iter().map(|message| message.method).collect()
}

/// Two worlds after the same life, and what their stores hold.
struct Stage {
    world: World,
    other: World,
    image: (Vec<u8>, u64),
}

impl Stage {
    fn set() -> (Self, &'static [Message]) {
        let (world, messages) = lived_in();
        let image = world.store_image();
        (Self { world, other: lived_in().0, image }, messages)
    }

    /// Whether the message changed anything.
    fn hold(&mut self, signer: Signer, message: &Message) -> bool {
        let Message { update, method, arg, .. } = message;
        let place = || format!("{method} by {signer:?}: {arg:02x?}");
        let reply = send(&mut self.world, signer, message);
        let is_done = *update && reply.as_ref().is_ok_and(|reply| !is_refusal(reply));
        let changed = !self.world.is_as_in(&self.image);
        assert!(is_done || !changed, "{} was refused and changed something", place());
        assert!(!changed || may_change(signer, method), "{} changed something", place());
        if changed {
            assert_eq!(self.world.violations(), Vec::<String>::new(), "{}", place());
        }
        let like = like(signer).filter(|like| {
            let names = |who: Signer| {
                let principal = who.principal();
                arg.windows(principal.as_slice().len()).any(|bytes| bytes == principal.as_slice())
            };
            !is_of_the_key(method) && !names(signer) && !names(*like)
        });
        if let Some(like) = like {
            let expected = send(&mut self.other, like, message);
            let is_removed = matches!(signer, Signer::Removed | Signer::RemovedFirst);
            if is_removed && refused_with(&reply, "device_removed") {
                assert!(refused_with(&expected, "unauthorized"), "{}: {like:?} is let in", place());
                return changed || is_done;
            }
            assert_eq!(reply, expected, "{}: {like:?} is answered otherwise", place());
        }
        changed || is_done
    }
}

fn refused_with(reply: &Result<Vec<u8>, String>, code: &str) -> bool {
    let answer = reply.as_ref().ok().and_then(|reply| candid::decode_one::<Answer<Reserved>>(reply).ok());
    matches!(answer, Some(Err(error)) if error.code() == code)
}

fn send(world: &mut World, signer: Signer, message: &Message) -> Result<Vec<u8>, String> {
    let Message { update, method, arg, .. } = message;
    let who = signer.principal();
    if *update { world.update(who, method, arg) } else { world.query(who, method, arg) }
}

/// Who is answered the same.
fn like(signer: Signer) -> Option<Signer> {
    match signer {
        Signer::Device => Some(Signer::Owner),
        Signer::LinkExpired
        | Signer::Blocked
        | Signer::BlockedDevice
        | Signer::Removed
        | Signer::RemovedFirst => Some(Signer::Nobody),
        _ => None,
    }
}

fn may_change(signer: Signer, method: &str) -> bool {
    match signer {
        // It may be asked in again.
        Signer::Removed | Signer::RemovedFirst => method == "devices_join",
        Signer::Blocked
        | Signer::BlockedDevice
        | Signer::Link
        | Signer::LinkToOne
        | Signer::LinkExpired
        | Signer::Nobody => false,
        _ => true,
    }
}

/// Its answer, or what it does, depends on the key itself and not on its account.
fn is_of_the_key(method: &str) -> bool {
    [
        "whoami",
        "devices_join",
        "devices_list",
        "passkeys_register",
        "mint_http_token",
        "mint_http_tokens_bulk",
        "mint_upload_ticket",
    ]
    .contains(&method)
}
