// The page as the Internet Computer would serve it: sign-in by Internet Identity, messages to the API host, the root key
// never asked for, and a strict policy. The names of that network are answered here; it owns those answers.

import { DelegationChain, Ed25519KeyIdentity, type Ed25519PublicKey } from "@icp-sdk/core/identity";
import { type BrowserContext, chromium, type Page } from "@playwright/test";
import { faults } from "../src/axe.ts";
import { text } from "../src/page.ts";
import { expect, test } from "../src/test.ts";

const ID = "uxrrr-q7777-77774-qaaaq-cai";
const ORIGIN = `http://${ID}.icp0.io`;
/** A domain of somebody's own, which leads to the same canister. */
const OWN_ORIGIN = "http://photos.example";
const ORIGINS = [ORIGIN, OWN_ORIGIN];
const API = "https://icp-api.io";
/** What is asked at the API host, of this canister. */
const MESSAGE = new RegExp(`^${API}/api/v\\d/canister/${ID}/(query|read_state)$`);
/** What the canister has to send with every file of the page, its Workers' scripts included. */
const POLICY = [
  "default-src 'self'",
  "script-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' blob: data:",
  "media-src 'self' blob:",
  `connect-src 'self' ${API}`,
  "worker-src 'self'",
  "object-src 'none'",
  "frame-ancestors 'none'",
  "base-uri 'none'",
  "form-action 'none'",
].join("; ");
/** As the canister sends it: Internet Identity's window still answers. */
const OPENER = "cross-origin-opener-policy";
/** Internet Identity, as far as the page sees it: ready at once, and says yes to everything. */
const SIGNER = `<script>
  addEventListener("message", async ({ data, source, origin }) => {
    const answer = (result) => source.postMessage({ jsonrpc: "2.0", id: data.id, result }, origin);
    if (data.method === "icrc29_status") answer("ready");
    if (data.method === "icrc34_delegation") answer(await keepsakeDelegation(data.params.publicKey));
  });
</script>`;

interface Mainnet {
  context: BrowserContext;
  page: Page;
  /** Addresses that were asked for, other than the page's own files. */
  asked: string[];
  /** What the policy refused. */
  refused: string[];
}

/** A browser for which the canister's names lead to this machine, as if they came by https. */
const mainnetTest = test.extend<{ mainnet: Mainnet }>({
  mainnet: async ({ site }, use) => {
    const [asked, refused]: [string[], string[]] = [[], []];
    const { executablePath, args = [] } = test.info().project.use.launchOptions ?? {};
    const rules = ORIGINS.map((origin) => `MAP ${new URL(origin).hostname} ${new URL(site.url).host}`).join();
    const trusted = `--unsafely-treat-insecure-origin-as-secure=${ORIGINS.join()}`;
    const browser = await chromium.launch({
      executablePath,
      args: [...args, `--host-resolver-rules=${rules}`, trusted],
    });
    const context = await browser.newContext();
    await context.route("https://id.ai/**", (route) =>
      route.fulfill({ contentType: "text/html", body: SIGNER }),
    );
    await context.exposeFunction("keepsakeDelegation", delegation);
    const page = await context.newPage();
    for (const origin of ORIGINS) {
      await page.route(`${origin}/`, async (route) => {
        const response = await route.fetch({ url: `${site.url}/` });
        await route.fulfill({
          response,
          headers: {
            ...response.headers(),
            "content-security-policy": POLICY,
            [OPENER]: "same-origin-allow-popups",
          },
        });
      });
    }
    // As `keepsake site set` writes it.
    await page.route(`${OWN_ORIGIN}/service.json`, (route) =>
      route.fulfill({ json: { canister_id: ID, internet_computer: true } }),
    );
    context.on("request", (request) => {
      if (!ORIGINS.includes(new URL(request.url()).origin)) asked.push(request.url());
    });
    page.on("console", (message) => {
      if (message.text().includes("Content Security Policy")) refused.push(message.text());
    });
    await page.goto(`${ORIGIN}/`);
    await use({ context, page, asked, refused });
    await browser.close();
  },
});

const anchor = Ed25519KeyIdentity.generate();

/** What Internet Identity gives: this page's key may act as the person for an hour. */
async function delegation(publicKey: string): Promise<unknown> {
  const key = { toDer: () => Buffer.from(publicKey, "base64") } as unknown as Ed25519PublicKey;
  const chain = await DelegationChain.create(anchor, key, new Date(Date.now() + 3_600_000));
  const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString("base64");
  return {
    publicKey: base64(chain.publicKey),
    signerDelegation: chain.delegations.map(({ delegation: { pubkey, expiration }, signature }) => ({
      delegation: { pubkey: base64(pubkey), expiration: String(expiration) },
      signature: base64(signature),
    })),
  };
}

mainnetTest(
  "one signs in by Internet Identity; messages go to the API host, and no root key is fetched",
  async ({ mainnet: { context, page, asked, refused } }) => {
    const button = page.getByRole("button", { name: text.signIn.button });
    await expect(button).toBeVisible();
    expect(asked).toEqual([]);
    expect(await faults(page, "signed out")).toEqual([]);

    const [popup] = await Promise.all([context.waitForEvent("page"), button.click()]);
    await expect.poll(() => popup.url()).toContain("https://id.ai/authorize");
    // Nobody answers for the network in this test: the page says so after it has asked.
    await expect(page.getByText(text.errors.network)).toBeVisible();
    const messages = asked.filter((url) => !url.startsWith("https://id.ai/"));
    expect(messages.length).toBeGreaterThan(0);
    for (const url of messages) expect(url).toMatch(MESSAGE);
    expect(refused).toEqual([]);

    // The session is kept: a page opened again asks nobody to sign in.
    await page.reload();
    await expect(page.getByText(text.errors.start)).toBeVisible();
    await expect(button).toBeHidden();
  },
);

mainnetTest(
  "the link of a capsule is asked for before anybody signs in",
  async ({ mainnet: { page, asked } }) => {
    await page.goto(`${ORIGIN}/#capsule_1`);
    await page.reload();
    // Nobody answers for the network in this test: that the capsule opens then, the node's tests show.
    await expect(page.getByText(text.errors.network)).toBeVisible();
    expect(asked.length).toBeGreaterThan(0);
    for (const url of asked) expect(url).toMatch(MESSAGE);
  },
);

mainnetTest(
  "on a domain of one's own the page finds its canister by the file beside it",
  async ({ mainnet: { page, asked } }) => {
    await page.goto(`${OWN_ORIGIN}/`);
    await expect(page.getByRole("button", { name: text.signIn.button })).toBeVisible();
    expect(asked).toEqual([]);
    await page.goto(`${OWN_ORIGIN}/#capsule_1`);
    await page.reload();
    await expect(page.getByText(text.errors.network)).toBeVisible();
    expect(asked.length).toBeGreaterThan(0);
    for (const url of asked) expect(url).toMatch(MESSAGE);
  },
);
