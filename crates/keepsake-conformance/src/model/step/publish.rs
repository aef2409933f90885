//! Steps of publish: who publishes which sessions and which files that come along, and what becomes of them.

use super::memories::{inline_bytes, inline_input};
use super::{ASSET_MIME as MIME, Signer, Step, Stepper, agree, round};
use crate::model::Subject;
use crate::model::memories::{MADE_TITLE, Making, NewAsset, Published, Publishing};
use crate::model::observe::number;
use crate::model::operation::{Carried, ENTITLED, NOWHERE, Operation};
use crate::model::state::{Blob, Key, SessionState, Source};
use crate::model::uploads::sha256;
use crate::samples;
use candid::Principal;
use keepsake_client::api::{self, AssetType};
use serde_bytes::ByteBuf;

/// What the sessions of a publish become, in their order; what comes along in their place.
const PUBLISHED: [AssetType; 2] = [AssetType::Original, AssetType::Display];
/// What comes along beside sessions.
const BESIDE: [AssetType; 2] = [AssetType::Thumbnail, AssetType::Preview];

/// A session to be published: its id, and what is claimed of its file.
type Claimed = (u64, Vec<u8>, u64);

impl<S: Subject> Stepper<'_, S> {
    pub(super) fn publish(&mut self, operation: Operation) -> Step {
        let Operation::Publish { who, capsule, sessions, claim, key, inline, carried, find } = operation
        else {
            unreachable!("not a publish: {operation:?}")
        };
        let (who, capsule, mut named) = self.to_publish(who, capsule, sessions);
        if matches!(carried, Carried::Alone | Carried::Nothing) {
            named.clear();
        }
        let claimed = named.into_iter().map(|id| {
            let (hash, len) = self.claim(id, claim);
            (id, hash, len)
        });
        let claimed: Vec<Claimed> = claimed.collect();
        let files = files(carried, key);
        let placeholder = inline_bytes(inline);
        let idem = format!("key{key}");
        let mut request = request(&capsule, &claimed, &files, placeholder.as_deref(), &idem);
        request.if_present = find.then_some(api::IfPresent::Return);
        let mut assets: Vec<NewAsset> =
            PUBLISHED.iter().zip(&claimed).map(|(kind, _)| (*kind, Source::Blob(String::new()))).collect();
        assets.extend(files.iter().map(|(kind, _)| (*kind, Source::Blob(String::new()))));
        assets.extend(placeholder.map(|bytes| (AssetType::Placeholder, Source::Inline(bytes))));
        let key: Key = ("publish", who.account, capsule.clone(), idem);
        self.publish_so(who, key, &request, &claimed, &files, assets)
    }

    fn publish_so(
        &mut self,
        signer: Signer,
        key: Key,
        request: &api::PublishRequest,
        claimed: &[Claimed],
        files: &[(AssetType, Vec<u8>)],
        mut assets: Vec<NewAsset>,
    ) -> Step {
        let (now, bounds) = (self.now(), self.subject.bounds());
        let (_, who, capsule, _) = key.clone();
        let capsule = capsule.as_str();
        let lens: Vec<u64> = files.iter().map(|(_, bytes)| bytes.len() as u64).collect();
        let making = Making { key, arguments: arguments(request), assets: &assets };
        let original = request.if_present.and_then(|_| original(request));
        let publishing = Publishing { sessions: claimed, carried: &lens, original: original.as_deref() };
        let expected = self.model.may_publish(&bounds, &who, capsule, &making, &publishing);
        let Making { key, arguments, .. } = making;
        let may_be_full = !files.is_empty() && self.heap_may_be_full(lens.iter().sum());
        let answer = self.send::<api::PublishResult>(signer, "uploads_publish", (request,))?;
        if answer.is_ok() {
            self.model.note_seen(&signer.key, now);
        }
        let told = answer.clone().map(|done| published_text(&done));
        match (&answer, expected) {
            (Ok(done), Ok(Published::Made)) => {
                self.fresh(&done.memory_id)?;
                let blobs = claimed.len() + files.len();
                let blobs = done.assets.iter().take(blobs).map(|asset| asset.blob_id.clone());
                let blobs: Option<Vec<String>> = blobs.collect();
                let blobs = blobs.ok_or("a session or a file became no blob")?;
                for ((id, ..), blob) in claimed.iter().zip(&blobs) {
                    if self.model.sessions[id].is_pending() {
                        self.fresh(blob)?;
                        self.model.seal(*id, blob, now, bounds.session_ttl_ns);
                    } else if self.model.sessions[id].state != SessionState::Finished(blob.clone()) {
                        return Err(format!("uploads_publish: session {id} is another blob than {blob}"));
                    }
                }
                for ((_, bytes), blob) in files.iter().zip(&blobs[claimed.len()..]) {
                    self.fresh(blob)?;
                    self.model.blobs.insert(blob.clone(), carried_blob(capsule, who, bytes, now));
                }
                assets.iter_mut().zip(blobs).for_each(|(asset, blob)| asset.1 = Source::Blob(blob));
                let id = number(&done.memory_id);
                self.model.make_memory(id, who, capsule, samples::memory(MADE_TITLE), assets, now);
                self.model.answers.insert(key, (arguments, told.expect("it is Ok")));
                Ok(())
            }
            // How fragmented the heap is, the model does not know.
            (Err(api::Error::ResourceExhausted), Ok(Published::Made) | Err(_)) if may_be_full => Ok(()),
            (_, Ok(Published::There(id))) => {
                for (id, ..) in claimed {
                    self.model.give_up(*id, now);
                }
                *self.model.outcomes.entry("uploads_publish: already".to_owned()).or_default() += 1;
                agree("uploads_publish", &told, &Ok(self.model.there(id)))
            }
            (_, Ok(Published::Before(answer))) => agree("uploads_publish", &told, &Ok(answer)),
            (_, Ok(Published::Made)) => agree("uploads_publish", &told, &Ok(String::new())),
            (_, Err(error)) => agree("uploads_publish", &told, &Err(error)),
        }
    }

    /// Who publishes what, and where: whoever has sessions ready, or whatever the numbers say.
    fn to_publish(&self, who: u8, capsule: u8, sessions: [u8; 2]) -> (Signer, String, Vec<u64>) {
        let ready = self.ready();
        let first = round(sessions[0], ready.iter().copied()).filter(|_| who == ENTITLED);
        let Some(first) = first else {
            let capsule = self.capsule_at(capsule);
            let second = Some(sessions[1]).filter(|at| *at != NOWHERE).map(|at| self.session_at(at));
            let named = [Some(self.session_at(sessions[0])), second].into_iter().flatten().collect();
            return (self.owner(who, &capsule), capsule, named);
        };
        let session = &self.model.sessions[&first];
        let beside = |id: &u64| {
            let other = &self.model.sessions[id];
            *id != first && other.caller == session.caller && other.capsule == session.capsule
        };
        let second = round(sessions[1], ready.into_iter().filter(beside));
        let uploader = self.device_of(&session.caller);
        (uploader, session.capsule.clone(), [Some(first), second].into_iter().flatten().collect())
    }
}

/// The files that come along; the key decides which, so that the same ones come again.
fn files(carried: Carried, key: u8) -> Vec<(AssetType, Vec<u8>)> {
    let file = |kind, len: usize| (kind, vec![key % 5 + 1; len]);
    match carried {
        Carried::None | Carried::Nothing => Vec::new(),
        Carried::Beside => BESIDE.into_iter().zip([700, 5_000]).map(|(kind, len)| file(kind, len)).collect(),
        Carried::Alone => {
            PUBLISHED.into_iter().zip([9_000, 300]).map(|(kind, len)| file(kind, len)).collect()
        }
        Carried::Empty => vec![file(BESIDE[0], 0)],
        Carried::Oversized => vec![file(BESIDE[0], 1_800_001)],
    }
}

fn request(
    capsule: &str,
    claimed: &[Claimed],
    files: &[(AssetType, Vec<u8>)],
    placeholder: Option<&[u8]>,
    idem: &str,
) -> api::PublishRequest {
    let session = |(kind, (id, hash, len)): (&AssetType, &Claimed)| api::PublishSession {
        session_id: *id,
        sha256: ByteBuf::from(hash.clone()),
        total_len: *len,
        metadata: samples::asset(*kind, MIME),
    };
    let carried: Vec<_> = files.iter().map(|(kind, bytes)| inline_input(*kind, bytes)).collect();
    api::PublishRequest {
        capsule_id: capsule.to_owned(),
        metadata: samples::memory(MADE_TITLE),
        sessions: PUBLISHED.iter().zip(claimed).map(session).collect(),
        inline_assets: placeholder
            .map(|bytes| inline_input(AssetType::Placeholder, bytes))
            .into_iter()
            .collect(),
        carried_assets: (!carried.is_empty()).then_some(carried),
        if_present: None,
        idem: idem.to_owned(),
    }
}

/// What tells requests with one key apart.
fn arguments(request: &api::PublishRequest) -> String {
    let carried = request.carried_assets.iter().flatten();
    let carried: Vec<_> = carried
        .map(|asset| (asset.metadata.base().asset_type, asset.bytes.len(), asset.bytes.first()))
        .collect();
    format!("{:?}{:?}{carried:?}{:?}", request.sessions, request.inline_assets, request.if_present)
}

fn carried_blob(capsule: &str, creator: Principal, bytes: &[u8], now_ns: u64) -> Blob {
    Blob {
        capsule: capsule.to_owned(),
        creator,
        bytes: bytes.to_vec(),
        chunks: 1,
        mime_type: Some(MIME.to_owned()),
        created_ns: now_ns,
        expires_ns: None,
        memory: None,
    }
}

/// The SHA-256 of the original of a request, as far as it says.
fn original(request: &api::PublishRequest) -> Option<Vec<u8>> {
    let session = request.sessions.iter().find(|one| one.metadata.base().asset_type == AssetType::Original);
    let mut carried = request.carried_assets.iter().flatten();
    let carried = carried.find(|one| one.metadata.base().asset_type == AssetType::Original);
    session.map(|one| one.sha256.to_vec()).or_else(|| carried.map(|one| sha256(&one.bytes)))
}

pub(in crate::model) fn published_text(done: &api::PublishResult) -> String {
    format!("{} {:?} {} {:?}", done.memory_id, done.assets, done.published_at, done.already)
}
