// Sign-in with Internet Identity, for pages that the Internet Computer serves. Loaded only there.
// The session lives in the browser's storage, kept by @icp-sdk/auth.

import { AuthClient } from "@icp-sdk/auth/client";
import type { Identity } from "@icp-sdk/core/agent";

let client: AuthClient | undefined;

function authClient(): AuthClient {
  client ??= new AuthClient({ idleOptions: { disableIdle: true } });
  return client;
}

/** The identity of an earlier sign-in that still holds. */
export async function signedInIdentity(): Promise<Identity | undefined> {
  return authClient().isAuthenticated() ? await authClient().getIdentity() : undefined;
}

/** Opens Internet Identity's window, at once: call it while a click is handled, before anything is waited for. */
export async function signIn(): Promise<Identity> {
  return await authClient().signIn();
}

export async function signOut(): Promise<void> {
  await authClient().signOut();
}
