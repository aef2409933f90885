//! Tokens: what they open, for how long, and for whom.

use super::{answers, assert_status, published};
use crate::access::table::get;
use crate::api::{AssetType, Role, TokenRequest};
use crate::host::{Host, Who};
use crate::samples::{blob, bytes, inline, memory, unique};
use crate::verdict::{allowed, refused};
use crate::world::{World, upload};
use candid::Principal;
use std::time::Duration;

/// Missing or wrong: 401. For another memory, or an asset beyond its scope: 403.
pub async fn a_token_covers_what_it_names<H: Host>(host: &H) {
    let world = World::new(host, "scope").await;
    let guest = world.by(Who::Guest);
    let (things, other) = (world.things().await, world.things().await);
    let id = things.memory.as_str();
    let mint = async |variants: &[&str], assets: Option<&[String]>| {
        let variants: Vec<String> = variants.iter().map(|name| (*name).to_owned()).collect();
        allowed(guest.mint_http_token(id, &variants, assets, 600).await)
    };
    let placeholder = allowed(guest.memories_list_assets(id).await).inline_assets.remove(0);
    let status = async |asset: &str, token: &str, expected| {
        assert_status(host, &world, &format!("/asset/{id}/{asset}?token={token}"), expected).await;
    };
    for url in [format!("/asset/{id}/original"), format!("/asset/{id}/original?token=")] {
        assert_status(host, &world, &url, 401).await;
    }
    status("original", "AAAA", 401).await;
    status("original", &"A".repeat(20_000), 401).await;

    let all = mint(&[], None).await;
    for asset in ["original", "placeholder", &things.asset, &placeholder] {
        status(asset, &all, 200).await;
    }
    status("display", &all, 404).await;
    let small = mint(&["placeholder", "thumbnail"], None).await;
    status("placeholder", &small, 200).await;
    status(&placeholder, &small, 200).await;
    status("original", &small, 403).await;
    status(&things.asset, &small, 403).await;
    // It tells nothing of assets that it does not cover, not even that there are none.
    status("display", &small, 403).await;
    status("asset_99", &small, 403).await;
    status("thumbnail", &small, 404).await;
    let one = mint(&[], Some(std::slice::from_ref(&things.asset))).await;
    status("original", &one, 200).await;
    status("placeholder", &one, 403).await;
    let both = mint(&["placeholder"], Some(std::slice::from_ref(&things.asset))).await;
    status("original", &both, 200).await;
    status("placeholder", &both, 200).await;

    for elsewhere in [other.memory.as_str(), "mem_987654321", "mem_01", "x"] {
        let url = format!("/asset/{elsewhere}/original?token={all}");
        assert_status(host, &world, &url, 403).await;
    }
    // The parameter is found among others, and the first one counts.
    assert_status(host, &world, &format!("/asset/{id}/original?a=b&token={all}&c"), 200).await;
    assert_status(host, &world, &format!("/asset/{id}/original?xtoken={all}"), 401).await;
}

/// No byte of a token can be changed, left out or added.
pub async fn a_changed_token_opens_nothing<H: Host>(host: &H) {
    let world = World::new(host, "tamper").await;
    let (_, url) = published(&world, b"secret", "text/plain").await;
    let (path, token) = url.split_once("?token=").expect("it has a token");
    assert_status(host, &world, &url, 200).await;
    let nobody = world.by(Who::Anonymous);
    for at in 0..token.len() {
        let old = token.as_bytes()[at];
        for new in [b'A', b'B', b'_', b'9'] {
            if new == old {
                continue;
            }
            let mut changed = token.as_bytes().to_vec();
            changed[at] = new;
            let changed = String::from_utf8(changed).expect("a token is ASCII");
            let answer = allowed(nobody.http_request(&get(&format!("{path}?token={changed}"))).await);
            assert_eq!(
                answer.status_code,
                401,
                "character {at} is {} for {}",
                char::from(new),
                char::from(old)
            );
        }
        let cut = format!("{path}?token={}", &token[..at]);
        assert_eq!(allowed(nobody.http_request(&get(&cut)).await).status_code, 401, "cut at {at}");
    }
    for longer in [format!("{token}A"), format!("{token}=="), format!("A{token}"), format!("{token}{token}")]
    {
        assert_status(host, &world, &format!("{path}?token={longer}"), 401).await;
    }
}

/// After its time: 401. False where the clock cannot be moved.
pub async fn a_token_expires<H: Host>(host: &H) -> bool {
    let world = World::new(host, "token-expiry").await;
    let things = world.things().await;
    let token = allowed(world.member().mint_http_token(&things.memory, &[], None, 60).await);
    let url = format!("/asset/{}/original?token={token}", things.memory);
    assert_status(host, &world, &url, 200).await;
    if !host.advance_clock(Duration::from_secs(58)).await {
        return false;
    }
    assert_status(host, &world, &url, 200).await;
    host.advance_clock(Duration::from_secs(3)).await;
    assert_status(host, &world, &url, 401).await;
    true
}

/// A token lends its minter's right, and ends with it; it comes back with the right.
pub async fn a_token_ends_with_its_minters_rights<H: Host>(host: &H) {
    let world = World::new(host, "minter").await;
    let (owner, guest) = (world.owner(), world.by(Who::Guest));
    let things = world.things().await;
    let token = allowed(guest.mint_http_token(&things.memory, &[], None, 600).await);
    let url = format!("/asset/{}/original?token={token}", things.memory);
    assert_status(host, &world, &url, 200).await;
    allowed(owner.capsules_revoke(&world.capsule, guest.principal()).await);
    assert_status(host, &world, &url, 401).await;
    refused(guest.mint_http_token(&things.memory, &[], None, 600).await, "not_found");
    allowed(owner.capsules_grant(&world.capsule, guest.principal(), Role::Guest).await);
    assert_status(host, &world, &url, 200).await;
    allowed(owner.memories_delete(&things.memory, true).await);
    assert_status(host, &world, &url, 401).await;
}

/// In a public capsule everything is open, cacheable, and closed again with the capsule.
pub async fn public_assets_need_no_token<H: Host>(host: &H) {
    let world = World::new(host, "public-http").await;
    let (owner, nobody) = (world.owner(), world.by(Who::Anonymous));
    let things = world.things().await;
    let url = format!("/asset/{}/original", things.memory);
    assert_status(host, &world, &url, 401).await;
    allowed(owner.capsules_grant(&world.capsule, Principal::anonymous(), Role::Guest).await);
    for answer in answers(host, nobody, &get(&url)).await {
        let cache = super::header(&answer, "cache-control").unwrap_or_default();
        assert_eq!(answer.status_code, 200);
        assert_eq!(cache, "public, no-cache", "another original may be there tomorrow");
        assert!(answer.body == bytes(100, 7), "the body is the original");
    }
    for answer in answers(host, nobody, &get(&format!("/asset/{}/{}", things.memory, things.asset))).await {
        let cache = super::header(&answer, "cache-control").unwrap_or_default();
        assert_eq!((answer.status_code, cache), (200, "public, max-age=31536000, s-maxage=60, immutable"));
        assert_eq!(super::header(&answer, "etag").map(str::len), Some(66), "its SHA-256 in quotes");
    }
    assert_status(host, &world, &format!("{url}?token=wrong"), 200).await;
    assert_status(host, &world, &format!("/asset/{}/display", things.memory), 404).await;
    assert_status(host, &world, &format!("/asset/{}/asset_99", things.memory), 404).await;
    assert_status(host, &world, &format!("/asset/{}/asset_01", things.memory), 404).await;
    let token = allowed(nobody.mint_http_token(&things.memory, &[], None, 600).await);
    allowed(owner.capsules_revoke(&world.capsule, Principal::anonymous()).await);
    assert_status(host, &world, &url, 401).await;
    assert_status(host, &world, &format!("{url}?token={token}"), 401).await;
}

/// Many at once: a token for each memory that may be read, none for the others, and each opens its own.
pub async fn tokens_in_bulk_are_as_single_ones<H: Host>(host: &H) {
    let world = World::new(host, "bulk").await;
    let (member, guest) = (world.member(), world.by(Who::Guest));
    let things = world.things().await;
    let thumbnail = upload(member, &world.capsule, b"small", 5).await.blob_id;
    let second = allowed(
        member
            .memories_create_with_internal_blobs_and_inline_assets(
                &world.capsule,
                &memory("Second"),
                &[blob(AssetType::Thumbnail, &thumbnail)],
                &[inline(AssetType::Placeholder, b"tiny")],
                &unique("bulk"),
            )
            .await,
    );
    let asked: Vec<TokenRequest> = [things.memory.as_str(), "mem_987654321", "no memory", second.as_str()]
        .map(|id| TokenRequest {
            memory_id: id.into(),
            variants: vec!["placeholder".into()],
            asset_ids: None,
        })
        .into();
    let minted = allowed(guest.mint_http_tokens_bulk(&asked, 600).await);
    assert_eq!(
        minted.iter().map(|m| &m.memory_id).collect::<Vec<_>>(),
        asked.iter().map(|a| &a.memory_id).collect::<Vec<_>>()
    );
    let tokens: Vec<Option<&str>> = minted.iter().map(|minted| minted.token.as_deref()).collect();
    let [Some(first), None, None, Some(other)] = tokens[..] else { panic!("{tokens:?}") };
    let url = |id: &str, asset: &str, token: &str| format!("/asset/{id}/{asset}?token={token}");
    assert_status(host, &world, &url(&things.memory, "placeholder", first), 200).await;
    assert_status(host, &world, &url(&second, "placeholder", other), 200).await;
    assert_status(host, &world, &url(&second, "thumbnail", other), 403).await;
    assert_status(host, &world, &url(&second, "placeholder", first), 403).await;
    let none = allowed(world.by(Who::Stranger).mint_http_tokens_bulk(&asked, 600).await);
    assert!(none.iter().all(|minted| minted.token.is_none()), "a stranger got a token");
}
