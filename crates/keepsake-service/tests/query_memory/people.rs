//! As many devices, codes, links, names and entries of the operators' log as there may be, with the longest texts; and the questions
//! about them. Owns no measurement.

use super::{CAPSULE, World, of, text};
use candid::Principal;
use keepsake_api::{Link, LinkOptions, Passkey, Role};
use serde_bytes::ByteBuf;

/// A public key, as the service takes it: what its principal is made of.
fn key(at: u32) -> Vec<u8> {
    [b"key".as_slice(), &at.to_be_bytes()].concat()
}

/// The public key of a link: Ed25519 in DER.
fn link_key(at: u32) -> ByteBuf {
    let head = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
    ByteBuf::from([head.as_slice(), &[7; 28], &at.to_be_bytes()].concat())
}

fn someone(at: u32) -> Principal {
    Principal::self_authenticating(key(at))
}

impl World {
    /// Gives back a code into the capsule.
    pub(super) fn fill_people(&mut self) -> String {
        for at in 0_u32..49 {
            let code: String = self.update("devices_invite", (text(256),));
            let passkey = Passkey {
                credential_id: ByteBuf::from([at.to_be_bytes().as_slice(), &[7; 1_000]].concat()),
                public_key: ByteBuf::from(key(at)),
            };
            let _: Principal = self.update_by(someone(at), "devices_join", (code, text(256), Some(passkey)));
        }
        let () = self.update("profile_set", (Some(text(256)), Some(7_u32)));
        for at in 0..1_000 {
            let () = self.update("people_name", (someone(at), Some(text(256)), Some(7_u32)));
        }
        let until = Some(u64::MAX);
        for _ in 0..1_000 {
            let _: String = self.update("admin_invite", (1_u32, until, Some(text(256)), Some(1_u64)));
        }
        let mut code = String::new();
        for _ in 0..200 {
            let wanted = (CAPSULE, Role::Guest, 1_u32, until, Some(text(256)));
            code = self.update("invitations_create", wanted);
        }
        for at in 0..200 {
            let options = LinkOptions { label: Some(text(256)), ..LinkOptions::default() };
            let _: Link = self.update("links_create", (CAPSULE, link_key(at), Some(options)));
        }
        for at in 0..250 {
            let () = self.update("admin_block", (someone(20_000 + at), Some(text(256))));
        }
        code
    }
}

/// The worst questions of each query method about people; none of others.
pub(super) fn questions(method: &str, code: &str) -> Option<Vec<Vec<u8>>> {
    let credential = ByteBuf::from([0_u32.to_be_bytes().as_slice(), &[7; 1_000]].concat());
    Some(match method {
        "whoami" | "devices_list" | "people_list" | "admin_settings" => vec![of(())],
        "passkeys_find" => vec![of((credential,))],
        "invitations_read" => vec![of((code,))],
        "invitations_list" => vec![of((None::<String>,)), of((Some(CAPSULE),))],
        "links_list" => vec![of((CAPSULE,))],
        "admin_log" => vec![of((None::<u64>,)), of((Some(u64::MAX),))],
        _ => return None,
    })
}
