// Virtual authenticators of Chromium (https://chromedevtools.github.io/devtools-protocol/tot/WebAuthn/). Owns how one is put into a
// browser, and how a passkey comes from one to another, as passkeys do that their maker keeps in step.

import type { CDPSession, Page } from "@playwright/test";

export interface Authenticator {
  cdp: CDPSession;
  id: string;
}

/** An authenticator as a phone or laptop has one built in. */
export async function authenticator(page: Page): Promise<Authenticator> {
  const cdp = await page.context().newCDPSession(page);
  await cdp.send("WebAuthn.enable", { enableUI: false });
  const { authenticatorId: id } = await cdp.send("WebAuthn.addVirtualAuthenticator", {
    options: {
      protocol: "ctap2",
      transport: "internal",
      hasResidentKey: true,
      hasUserVerification: true,
      isUserVerified: true,
      automaticPresenceSimulation: true,
    },
  });
  return { cdp, id };
}

/** The passkeys of `from` are in `to`, too: their ids. */
export async function syncPasskeys(from: Authenticator, to: Authenticator): Promise<string[]> {
  const { credentials } = await from.cdp.send("WebAuthn.getCredentials", { authenticatorId: from.id });
  for (const credential of credentials) {
    await to.cdp.send("WebAuthn.addCredential", { authenticatorId: to.id, credential });
  }
  return credentials.map(({ credentialId }) => credentialId);
}
