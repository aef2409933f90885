// Who somebody is in a browser, by the SDK alone: a key that the browser keeps, words, and passkeys of a virtual authenticator,
// whose signatures a real node verifies.

import type { Page } from "@playwright/test";
import { authenticator, syncPasskeys } from "../src/authenticator.ts";
import { RunningNode } from "../src/node.ts";
import { serveSdk } from "../src/sdk-bundle.ts";
import type { Site } from "../src/site.ts";
import { test as base, expect } from "../src/test.ts";

type Sdk = typeof import("@keepsake/sdk") & typeof import("@icp-sdk/core/identity");

/** Within the page. */
interface InPage extends Window {
  sdk: Sdk;
  /** Codes of what failed, or what came. */
  attempt(work: (sdk: Sdk) => Promise<unknown>): Promise<unknown>;
  host: string;
  canisterId: string;
}
declare const window: InPage;

const test = base.extend<{ sdkSite: Site; open: (page: Page) => Promise<Page> }>({
  sdkSite: async ({ scratch }, use) => {
    const site = await serveSdk(scratch);
    await use(site);
    await site.close();
  },
  node: async ({ sdkSite }, use) => {
    const node = await RunningNode.start(["--cors-origin", named(sdkSite.url)]);
    await use(node);
    await node.remove();
  },
  /** Opens a page with the SDK in it, as `window.sdk`. */
  open: async ({ sdkSite, node }, use) => {
    await use(async (page) => {
      await page.goto(`${named(sdkSite.url)}/pages/empty.html`);
      await load(page, node);
      return page;
    });
  },
});

/** A passkey belongs to a name, not to a number. */
function named(url: string): string {
  return url.replace("127.0.0.1", "localhost");
}

async function load(page: Page, node: RunningNode): Promise<void> {
  await page.evaluate(
    async ([host, canisterId]) => {
      const address = "/platform/sdk.js";
      window.sdk = await import(address);
      Object.assign(window, { host, canisterId });
      window.attempt = async (work) => {
        try {
          return await work(window.sdk);
        } catch (error) {
          return error instanceof window.sdk.KeepsakeError ? `${error.kind} ${error.code}` : String(error);
        }
      };
    },
    [node.url, node.canisterId] as const,
  );
}

/** Makes a passkey; what a host would keep of it. */
function create(page: Page): Promise<{ credentialId: number[]; publicKey: number[]; principal: string }> {
  return page.evaluate(async () => {
    const { credentialId, publicKey, identity } = await window.sdk.createPasskey({ name: "Ann" });
    const principal = identity.getPrincipal().toText();
    return { credentialId: [...credentialId], publicKey: [...publicKey], principal };
  });
}

/** Signs in, and makes the capsule that belongs to whoever it is: its id, or what failed. */
function signIn(
  page: Page,
  known: { credentialId: number[]; publicKey: number[] }[],
  options: { persist?: "session" | "keep"; seconds?: number; allow?: number[][] } = {},
): Promise<unknown> {
  return page.evaluate(
    ([rows, { allow, ...more }]) =>
      window.attempt(async ({ Keepsake, usePasskey }) => {
        const find = async (id: Uint8Array) => {
          const row = rows.find(({ credentialId }) => credentialId.join() === id.join());
          return row && new Uint8Array(row.publicKey);
        };
        const allowed = allow && { allow: allow.map((id) => new Uint8Array(id)) };
        const { identity } = await usePasskey({ find, ...allowed, ...more });
        const keepsake = await Keepsake.connect({
          host: window.host,
          canisterId: window.canisterId,
          identity,
        });
        return [keepsake.principal.toText(), await keepsake.capsules.ownId()];
      }),
    [known, options] as const,
  );
}

test("a passkey is made, signs in by one question, and signs in again on another device", async ({
  page,
  open,
  browser,
}) => {
  await open(page);
  const here = await authenticator(page);
  const { cdp, id } = here;
  const passkey = await create(page);
  let questions = 0;
  cdp.on("WebAuthn.credentialAsserted", () => {
    questions += 1;
  });
  const first = await signIn(page, [passkey]);
  expect(first).toEqual([passkey.principal, expect.stringMatching(/^capsule_\d+$/)]);
  expect(questions, "the authenticator was asked once").toBe(1);

  // As a passkey that its maker keeps in step on all of a person's devices.
  const { credentials } = await cdp.send("WebAuthn.getCredentials", { authenticatorId: id });
  expect(credentials).toHaveLength(1);
  const context = await browser.newContext();
  const other = await open(await context.newPage());
  const there = await authenticator(other);
  await syncPasskeys(here, there);
  expect(await signIn(other, [passkey])).toEqual(first);
  await context.close();
});

test("a passkey joins an account, and is found on a machine that knows nothing", async ({
  page,
  open,
  browser,
}) => {
  await open(page);
  const here = await authenticator(page);
  const made = await page.evaluate(async () => {
    const { createPasskey, keepIdentity, Keepsake, usePasskey } = window.sdk;
    const { host, canisterId } = window;
    const keepsake = await Keepsake.connect({ host, canisterId, identity: (await keepIdentity()).identity });
    const passkey = await createPasskey({ name: "Ann" });
    const find = async () => passkey.publicKey;
    const { identity } = await usePasskey({ find, allow: [passkey.credentialId] });
    await keepsake.devices.add(identity, "passkey", passkey);
    const rows = (await keepsake.devices.list()).map(({ name, isPasskey }) => [name, isPasskey]);
    return { account: keepsake.principal.toText(), capsule: await keepsake.capsules.ownId(), rows };
  });
  expect(new Map(made.rows as [string, boolean][])).toEqual(
    new Map([
      ["", false],
      ["passkey", true],
    ]),
  );

  const context = await browser.newContext();
  const other = await open(await context.newPage());
  const there = await authenticator(other);
  const [known] = await syncPasskeys(here, there);
  const signIn = () =>
    other.evaluate(() =>
      window.attempt(async ({ Keepsake, usePasskey }) => {
        const { host, canisterId } = window;
        const visitor = await Keepsake.connect({ host, canisterId });
        const { identity } = await usePasskey({
          find: (credentialId) => visitor.devices.findPasskey(credentialId),
        });
        const keepsake = await Keepsake.connect({ host, canisterId, identity });
        return {
          account: (await keepsake.whoami()).account.toText(),
          capsule: await keepsake.capsules.ownId(),
        };
      }),
    );
  const { account, capsule } = made;
  expect(await signIn()).toEqual({ account, capsule });
  await other.evaluate(() => window.attempt((sdk) => sdk.createPasskey({ name: "of nobody" })));
  await there.cdp.send("WebAuthn.removeCredential", {
    authenticatorId: there.id,
    credentialId: known ?? "",
  });
  expect(await signIn(), "nobody registered this one").toBe("NotFound passkey_unknown");
  await context.close();
});

test("a session is kept where that is wanted, for as long as it lasts", async ({ page, open, node }) => {
  await open(page);
  await authenticator(page);
  const passkey = await create(page);
  const kept = () =>
    page.evaluate(async () => (await window.sdk.keptPasskeySession())?.identity.getPrincipal().toText());
  await signIn(page, [passkey]);
  expect(await kept(), "a session of the page alone").toBeUndefined();
  const [, capsule] = (await signIn(page, [passkey], { persist: "keep" })) as [string, string];

  await page.reload();
  await load(page, node);
  expect(await kept()).toBe(passkey.principal);
  const again = page.evaluate(async () => {
    const session = await window.sdk.keptPasskeySession();
    const { host, canisterId } = window;
    return await (
      await window.sdk.Keepsake.connect({ host, canisterId, identity: session?.identity })
    ).capsules.ownId();
  });
  expect(await again, "as whom it was, without a question").toBe(capsule);

  await page.evaluate(() => window.sdk.forgetPasskeySession());
  expect(await kept()).toBeUndefined();
  expect(await signIn(page, [passkey], { persist: "keep", seconds: -1 })).toBe(
    "SignedOut delegation_expired",
  );
  expect(await kept(), "one that ended").toBeUndefined();
});

test("what goes wrong with a passkey is told as what it is", async ({ page, open, sdkSite, node }) => {
  await open(page);
  const { cdp, id } = await authenticator(page);
  const available = () => page.evaluate(() => window.sdk.passkeysAvailable());
  expect(await available()).toBe(true);
  const passkey = await create(page);
  expect(await signIn(page, []), "the host does not know it").toBe("NotFound passkey_unknown");
  const unknown = [[...passkey.credentialId].reverse()];
  expect(await signIn(page, [passkey], { allow: unknown }), "none of these").toBe(
    "Aborted passkey_cancelled",
  );
  expect(await signIn(page, [{ ...passkey, publicKey: [1, 2, 3] }])).toBe("InvalidArgument bad_argument");

  const again = page.evaluate(
    ([credentialId]) =>
      window.attempt((sdk) => sdk.createPasskey({ name: "Ann", exclude: [new Uint8Array(credentialId)] })),
    [passkey.credentialId] as const,
  );
  expect(await again, "one of this account is there").toBe("Conflict passkey_exists");

  // Whoever does not show their face or finger closes the window.
  await cdp.send("WebAuthn.setUserVerified", { authenticatorId: id, isUserVerified: false });
  expect(await signIn(page, [passkey]), "not verified").toBe("Aborted passkey_cancelled");

  // Nobody touches it, until the page gives up.
  const touched = (enabled: boolean) =>
    cdp.send("WebAuthn.setAutomaticPresenceSimulation", { authenticatorId: id, enabled });
  await touched(false);
  const stopped = page.evaluate(() =>
    window.attempt((sdk) => {
      const stop = new AbortController();
      setTimeout(() => stop.abort(), 200);
      return sdk.usePasskey({ find: async () => undefined, signal: stop.signal });
    }),
  );
  expect(await stopped).toBe("Aborted aborted");
  await touched(true);

  await cdp.send("WebAuthn.clearCredentials", { authenticatorId: id });
  expect(await signIn(page, [passkey]), "no passkey here").toBe("Aborted passkey_cancelled");
  await cdp.send("WebAuthn.removeVirtualAuthenticator", { authenticatorId: id });
  expect(await available(), "no authenticator").toBe(false);

  await page.goto(`${sdkSite.url}/pages/empty.html`);
  await load(page, node);
  const byNumber = page.evaluate(() => window.attempt((sdk) => sdk.createPasskey({ name: "Ann" })));
  expect(await byNumber, "at a number").toBe("InvalidArgument insecure_address");
  const without = page.evaluate(() => {
    Reflect.deleteProperty(globalThis, "PublicKeyCredential");
    return window.attempt(async (sdk) => [
      await sdk.passkeysAvailable(),
      await sdk.createPasskey({ name: "Ann" }),
    ]);
  });
  expect(await without).toBe("InvalidArgument no_passkeys");
});

test("a browser keeps one key for all tabs, until it is told to forget it", async ({
  page,
  open,
  context,
}) => {
  await open(page);
  const keep = (tab: Page) =>
    tab.evaluate(async () => {
      const { identity, isNew, persisted } = await window.sdk.keepIdentity();
      return { principal: identity.getPrincipal().toText(), isNew, persisted: await persisted };
    });
  const kept = () => page.evaluate(async () => (await window.sdk.keptIdentity())?.getPrincipal().toText());
  expect(await kept()).toBeUndefined();
  const other = await open(await context.newPage());
  const found = await Promise.all([keep(page), keep(other), keep(page)]);
  const { principal } = found[0];
  expect(found.map((one) => one.principal)).toEqual([principal, principal, principal]);
  expect(found.filter((one) => one.isNew)).toHaveLength(1);
  expect(await kept()).toBe(principal);
  const promised = await page.evaluate(() => navigator.storage.persisted());
  expect((await keep(page)).persisted).toBe(promised);

  await page.evaluate(() => window.sdk.forgetIdentity());
  expect(await kept()).toBeUndefined();
  const fresh = await keep(page);
  expect(fresh.isNew).toBe(true);
  expect(fresh.principal).not.toBe(principal);
});

test("words and links make the keys that they make elsewhere", async ({ page, open }) => {
  await open(page);
  const found = page.evaluate(async () => {
    const { linkIdentity, newRecoveryWords, parseLink, recoveryIdentity } = window.sdk;
    const words = `${"abandon ".repeat(23)}art`;
    const { secret } = parseLink("#link=3SMMq7BqGsIfCvmCfxDrGw&password=yes");
    const keys = [await recoveryIdentity(words), await linkIdentity(secret, "correct horse")];
    return [...keys.map((key) => key.getPrincipal().toText()), (await newRecoveryWords()).split(" ").length];
  });
  // Cases of fixtures/client.
  expect(await found).toEqual([
    "iqkri-ywu2f-mx6ws-2xrbl-dudet-2hnl3-qkx7u-br6xe-7hrhp-wvgb2-bqe",
    "ersom-tu6as-adr4b-q7wap-xb56p-ssh3c-5nxwl-2cwr3-bgbiz-ahdmw-aae",
    24,
  ]);
});
