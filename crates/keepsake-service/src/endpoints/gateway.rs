//! Handlers of the HTTP gateway protocol and of tokens. Owns their mapping only; plans are made in [`crate::http`].

use super::blobs::{COUNT_BYTES_MAX, Message, write_count};
use super::{IntoMessage, Query, Update, types};
use crate::http::{AssetBody, AssetRequest, AssetResponse, certify, plan, token};
use crate::wire::{ids, refuse};
use ic_stable_structures::Memory;
use keepsake_api::{Answer, Error, HttpRequest, HttpResponse, MintedToken, TokenRequest};
use keepsake_core::limits;
use keepsake_core::memory::{AssetKind, check_id};
use keepsake_core::token::TokenScope;
use serde_bytes::ByteBuf;

pub(super) fn http_request<R: Memory, H: Memory>(
    query: &Query<'_, R, H>,
    (request,): (HttpRequest,),
) -> Message {
    let answer = planned(query, &asset_request(&request));
    respond(query, answer, None)
}

/// As [`http_request`], where it could not be proven. Notes what is to be certified, so that the next one can be.
pub(super) fn http_request_update<R: Memory, H: Memory>(
    update: &mut Update<'_, R, H>,
    (request,): (HttpRequest,),
) -> Message {
    let asked = asset_request(&request);
    let query = Query { store: update.store, call: update.call, signed: update.signed, paths: update.paths };
    let mut answer = planned(&query, &asked);
    let wanted = certify::wants_pieces_of(query.store, &asked, &answer);
    if answer.status == 206 && asked.range.is_none() {
        // The gateway makes one answer of all parts, and adds the length of all to the headers of the first.
        answer.headers.retain(|(name, _)| *name != "content-length");
    }
    let response = respond(&query, answer, None);
    if let Some(memory) = wanted {
        update.store.want_pieces(memory);
    }
    response
}

/// As [`http_request`], for a gateway that checks the answer against `certificate`. What is not certified is to be asked
/// for again as an update, whose answer needs no proof: all nodes agreed on it.
pub(super) fn certified<R: Memory, H: Memory>(
    query: &Query<'_, R, H>,
    request: &HttpRequest,
    certificate: &[u8],
) -> Message {
    let mut answer = planned(query, &asset_request(request));
    let proven = certify::prove(query.store, request, &mut answer, certificate);
    respond(query, answer, (!proven).then_some(true))
}

fn asset_request(request: &HttpRequest) -> AssetRequest {
    let header = |name: &str| {
        let found = request.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.clone())
    };
    AssetRequest {
        range: header("range"),
        if_none_match: header("if-none-match"),
        if_range: header("if-range"),
        destination: header("sec-fetch-dest"),
        service_worker: header("service-worker"),
        method: request.method.clone(),
        url: request.url.clone(),
    }
}

fn planned<R: Memory, H: Memory>(query: &Query<'_, R, H>, asked: &AssetRequest) -> AssetResponse {
    plan::answer(query.store, query.call, asked, Some(limits::RESPONSE_BYTES_MAX.into()))
}

fn respond<R: Memory, H: Memory>(
    query: &Query<'_, R, H>,
    answer: AssetResponse,
    upgrade: Option<bool>,
) -> Message {
    let headers = answer.headers.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    let empty = HttpResponse { status_code: answer.status, headers, body: ByteBuf::new(), upgrade };
    let whole = empty.into_message();
    // Of the record's fields the body comes first: they are in the order of their names' hashes.
    let (front, rest) = whole.split_at(types::value_at::<HttpResponse>());
    assert_eq!(rest[0], 0, "an empty body is the number of its bytes");
    let len = match &answer.body {
        AssetBody::Bytes(bytes) => bytes.len(),
        AssetBody::Bucket(_) => unreachable!("a host that answers in one message sends nobody to a bucket"),
        AssetBody::Heap { runs, .. } => {
            usize::try_from(runs.iter().map(|run| run.len).sum::<u64>()).expect("an answer fits memory")
        }
    };
    let mut message = Vec::with_capacity(whole.len() + COUNT_BYTES_MAX + len);
    message.extend_from_slice(front);
    write_count(&mut message, len);
    match &answer.body {
        AssetBody::Bytes(bytes) => message.extend_from_slice(bytes),
        AssetBody::Bucket(_) => {} // See above.
        AssetBody::Heap { runs, .. } => plan::append(query.store, runs, &mut message),
    }
    message.extend_from_slice(&rest[1..]);
    Message(message)
}

pub(super) fn mint<R: Memory, H: Memory>(
    query: &Query<'_, R, H>,
    (memory, variants, asset_ids, ttl_secs): (String, Vec<String>, Option<Vec<String>>, u32),
) -> Answer<String> {
    mint_one(query, &memory, &variants, asset_ids.as_deref(), ttl_secs)
}

pub(super) fn mint_bulk<R: Memory, H: Memory>(
    query: &Query<'_, R, H>,
    (requests, ttl_secs): (Vec<TokenRequest>, u32),
) -> Answer<Vec<MintedToken>> {
    if requests.len() > limits::BULK_ITEMS_MAX {
        let (count, most) = (requests.len(), limits::BULK_ITEMS_MAX);
        return Err(Error::InvalidArgument(format!("too_many_items: requests has {count}, allowed {most}")));
    }
    for request in &requests {
        check_id("memory_id", &request.memory_id).map_err(refuse)?;
    }
    let one = |request: TokenRequest| {
        let ids = request.asset_ids.as_deref();
        match mint_one(query, &request.memory_id, &request.variants, ids, ttl_secs) {
            Ok(token) => Ok(MintedToken { memory_id: request.memory_id, token: Some(token) }),
            Err(Error::NotFound) => Ok(MintedToken { memory_id: request.memory_id, token: None }),
            Err(error) => Err(error),
        }
    };
    requests.into_iter().map(one).collect()
}

fn mint_one<R: Memory, H: Memory>(
    query: &Query<'_, R, H>,
    memory: &str,
    variants: &[String],
    asset_ids: Option<&[String]>,
    ttl_secs: u32,
) -> Answer<String> {
    if variants.is_empty() && asset_ids.is_some_and(<[String]>::is_empty) {
        return Err(refuse(keepsake_core::token::TokenError::ScopeEmpty));
    }
    let scope = TokenScope {
        kinds: variants.iter().map(|name| kind(name)).collect::<Answer<_>>()?,
        assets: asset_ids.unwrap_or_default().iter().map(|id| ids::asset(id)).collect::<Answer<_>>()?,
    };
    let minted = query.store.token_mint(query.signed, ids::memory(memory)?, &scope, ttl_secs);
    minted.map(|bytes| token::text(&bytes)).map_err(refuse)
}

fn kind(name: &str) -> Answer<AssetKind> {
    let unknown = || {
        let name: String = name.chars().take(64).collect();
        Error::InvalidArgument(format!("variant_unknown: '{name}'"))
    };
    AssetKind::parse(name).ok_or_else(unknown)
}
