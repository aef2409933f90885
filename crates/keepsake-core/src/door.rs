//! The door: whose key stands for whom. Owns the one look-up that turns who signed a message into who acts: an account, a link
//! that is alive, or nobody; and who may come in where the host is by invitation. Everything behind it knows accounts only.
//!
//! An account is the principal of the key that it began with. Every principal that nothing is known of is an account by itself.

use crate::access::{Denied, Role};
use crate::call::Call;
use crate::ids::CapsuleId;
use crate::store::{Admission, Store};
use crate::tables::callers::CallerRecord;
use crate::tables::registry::{DeviceRecord, KeyRecord, LinkRecord};
use ic_principal::Principal;
use ic_stable_structures::Memory;

/// Nanoseconds of a day.
const DAY_NS: u64 = 24 * 3_600 * 1_000_000_000;

/// Who works on the machine itself, at a store that no host serves: it is a controller, and nobody has its key.
pub const OPERATOR: &[u8] = b"keepsake operator\x01";

/// What a host thinks of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// No key at all.
    Anonymous,
    /// It may come in: see [`Store::is_admitted`].
    Admitted,
    /// It has a role or sessions here, but may make no capsule.
    Known,
    /// The host is by invitation, and the key has none.
    Stranger,
    /// A link that is alive.
    Link,
    /// The key of a link that ended: its time ran out, it was taken back, or who made it may not give it any more.
    LinkEnded,
    /// It was a device, and was removed.
    Removed,
    /// The operator shut the account out.
    Blocked,
}

impl LinkRecord {
    /// Its time has not run out.
    pub fn is_alive(&self, now_ns: u64) -> bool {
        self.expires_ns.is_none_or(|at_ns| now_ns < at_ns)
    }
}

/// Who acts by a key that is no link, or one that is alive.
fn acting(signer: &Principal, key: Option<KeyRecord>) -> Principal {
    match key {
        Some(KeyRecord::Device(device)) if device.removed || device.blocked => Principal::anonymous(),
        Some(KeyRecord::Device(device)) => device.account,
        Some(KeyRecord::EndedLink(_)) => Principal::anonymous(),
        None | Some(KeyRecord::Link(_)) => *signer,
    }
}

impl<R: Memory, H: Memory> Store<R, H> {
    /// Who acts, where `signer` signed. O(log rows).
    pub fn acts_as(&self, signer: &Principal, now_ns: u64) -> Principal {
        match self.registry.key(signer) {
            Some(KeyRecord::Link(link)) if !self.link_opens(&link, now_ns) => Principal::anonymous(),
            key => acting(signer, key),
        }
    }

    /// The message of whoever acts. To read: whoever has a link may do that too.
    #[must_use]
    pub fn enter(&self, call: &Call) -> Call {
        Call { caller: self.acts_as(&call.caller, call.now_ns), ..*call }
    }

    /// As [`Self::enter`], to change something: a link only looks.
    #[must_use]
    pub fn enter_to_change(&self, call: &Call) -> Call {
        let caller = match self.registry.key(&call.caller) {
            Some(KeyRecord::Link(_)) => Principal::anonymous(),
            key => acting(&call.caller, key),
        };
        Call { caller, ..*call }
    }

    /// Notes the day of a device's last change, once a day.
    pub fn note_seen(&mut self, call: &Call) {
        let Some(device) = self.registry.device(&call.caller) else { return };
        let today =
            u32::try_from(call.now_ns / DAY_NS).expect("the day has few digits for ten million years");
        if device.seen_day < today && !device.removed {
            self.registry.put_device(&call.caller, &DeviceRecord { seen_day: today, ..device });
        }
    }

    /// The account of a key, whatever becomes of the key: for roles that are given.
    pub fn account_of(&self, who: &Principal) -> Principal {
        self.registry.device(who).map_or(*who, |device| device.account)
    }

    /// Who speaks by what `who` made before, a code or a link: its account, where neither the key was removed from it nor the
    /// operator shut it out, which every device of it says. O(log rows).
    pub(crate) fn maker(&self, who: &Principal) -> Option<Principal> {
        let Some(device) = self.registry.device(who) else { return Some(*who) };
        let is_gone = device.blocked || (device.removed && device.account != *who);
        (!is_gone).then_some(device.account)
    }

    /// Whether `who` may let others into a capsule still, by a code or a link that it made.
    pub(crate) fn may_still_let_in(&self, who: &Principal, capsule: CapsuleId) -> bool {
        self.maker(who).is_some_and(|maker| self.members.role(capsule, &maker) == Some(Role::Owner))
    }

    /// Whether a link opens its capsule now. It ends with its maker's role, so that is not asked, but of a link of layout 6: nothing
    /// ended those.
    pub(crate) fn link_opens(&self, link: &LinkRecord, now_ns: u64) -> bool {
        let is_heard = || match link.charged {
            0 => self.may_still_let_in(&link.creator, CapsuleId(link.capsule)),
            _ => self.maker(&link.creator).is_some(),
        };
        link.is_alive(now_ns) && is_heard()
    }

    /// Whether what `who` made was made by this account: by it, or by a key that became a device of it.
    pub(crate) fn is_person(&self, who: &Principal, account: &Principal) -> bool {
        who == account || self.account_of(who) == *account
    }

    /// Who may come in, as the operator said or as the host has it by default.
    pub fn admission(&self) -> Admission {
        let config = self.config();
        let by_default = if config.invited_by_default { Admission::Invited } else { Admission::Everybody };
        config.admission.unwrap_or(by_default)
    }

    /// The account may make capsules: the host is for everybody, or it controls it, was invited onto it, or made one before.
    pub fn is_admitted(&self, account: &Principal) -> bool {
        self.admission() == Admission::Everybody || self.is_let_in_by_itself(account)
    }

    /// As [`Self::is_admitted`], but for the host being for everybody, which it may be today and not tomorrow.
    pub(crate) fn is_let_in_by_itself(&self, account: &Principal) -> bool {
        self.is_controller(account)
            || self.callers.get(account).capsules_created > 0
            || self.registry.person(account).admitted
    }

    /// The store knows the account: by a capsule, a role, a session, an invitation, or as controller. O(log capsules).
    pub fn knows(&self, account: &Principal) -> bool {
        let has_role = || !self.members.capsules_of(account, 1).is_empty();
        *account != Principal::anonymous()
            && (has_role()
                || self.callers.get(account) != CallerRecord::default()
                || self.is_controller(account)
                || self.registry.person(account).admitted)
    }

    /// Refuses whom the host does not let in at all.
    ///
    /// # Errors
    /// [`Denied::Unauthorized`].
    pub fn require_let_in(&self, account: &Principal) -> Result<(), Denied> {
        crate::access::require_somebody(account)?;
        let is_let_in = self.admission() == Admission::Everybody || self.knows(account);
        if is_let_in { Ok(()) } else { Err(Denied::Unauthorized) }
    }

    /// What the host thinks of the key that signed.
    pub fn standing(&self, signer: &Principal, now_ns: u64) -> Standing {
        match self.registry.key(signer) {
            Some(KeyRecord::Device(device)) if device.blocked => Standing::Blocked,
            Some(KeyRecord::Device(device)) if device.removed => Standing::Removed,
            Some(KeyRecord::Link(link)) if self.link_opens(&link, now_ns) => Standing::Link,
            Some(KeyRecord::Link(_) | KeyRecord::EndedLink(_)) => Standing::LinkEnded,
            Some(KeyRecord::Device(device)) => self.standing_of(&device.account),
            None => self.standing_of(signer),
        }
    }

    fn standing_of(&self, account: &Principal) -> Standing {
        match account {
            _ if *account == Principal::anonymous() => Standing::Anonymous,
            _ if self.is_admitted(account) => Standing::Admitted,
            _ if self.knows(account) => Standing::Known,
            _ => Standing::Stranger,
        }
    }
}
