//! The key that the one node of the subnet signs answers to queries with. Owns its form; the same in each run.

use candid::Principal;
use ic_transport_types::{NodeSignature, QueryResponse, RequestId};

/// Anybody may know the secret: whoever can reach the server can ask it anyway.
const SECRET: [u8; 32] = [7; 32];

/// An Ed25519 key and who it makes its node.
#[derive(Clone)]
pub(crate) struct NodeKey {
    secret: ic_ed25519::PrivateKey,
    public_der: Vec<u8>,
}

impl NodeKey {
    pub(crate) fn new() -> Self {
        let secret = ic_ed25519::PrivateKey::deserialize_raw_32(&SECRET);
        let public_der = secret.public_key().serialize_rfc8410_der();
        Self { secret, public_der }
    }

    pub(crate) fn public_der(&self) -> &[u8] {
        &self.public_der
    }

    /// The node's id: the self-authenticating principal of its key.
    pub(crate) fn id(&self) -> Principal {
        Principal::self_authenticating(&self.public_der)
    }

    /// The answer with the node's signature.
    ///
    /// Source: [query](https://internetcomputer.org/docs/references/ic-interface-spec#http-query).
    pub(crate) fn sign(
        &self,
        mut response: QueryResponse,
        request: RequestId,
        timestamp: u64,
    ) -> QueryResponse {
        let signature = self.secret.sign_message(&response.signable(request, timestamp)).to_vec();
        let (QueryResponse::Replied { signatures, .. } | QueryResponse::Rejected { signatures, .. }) =
            &mut response;
        signatures.push(NodeSignature { timestamp, signature, identity: self.id() });
        response
    }
}
