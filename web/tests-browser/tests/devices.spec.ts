// One person with several devices: a browser that has no key asks before it makes one, another one is added by words, by a link
// or by the camera, and one that is removed is shut out. It owns no state.

import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Browser, chromium, type Locator, type Page } from "@playwright/test";
import { faults } from "../src/axe.ts";
import { holdChunks } from "../src/chunks.ts";
import { filmOf } from "../src/film.ts";
import { tabTo } from "../src/keyboard.ts";
import {
  allUploaded,
  beginAsNew,
  chooseFiles,
  joinQuestion,
  openDialog,
  principalOf,
  row,
  text,
  tiles,
  tilesCount,
  uploadedShare,
} from "../src/page.ts";
import { tenPhotos } from "../src/photos.ts";
import { keepsakeProgram } from "../src/places.ts";
import { expect, test } from "../src/test.ts";

const PHONE = { viewport: { width: 320, height: 640 } };

/** Opens “Add a device”: its dialog, and the link and the words in it. */
async function addDevice(page: Page): Promise<{ dialog: Locator; address: string; words: string }> {
  await openDialog(page, text.header.account);
  await page.getByRole("button", { name: text.devices.add, exact: true }).click();
  const dialog = page.getByRole("dialog", { name: text.addDevice.title });
  const address = (await dialog.locator("code").textContent()) ?? "";
  const words = (await dialog.locator(".words").textContent()) ?? "";
  return { dialog, address, words };
}

/** A browser that never was here, before its person has chosen anything. */
async function fresh(browser: Browser, address: string, options = {}): Promise<Page> {
  const page = await (await browser.newContext(options)).newPage();
  await page.goto(address);
  return page;
}

async function comeBack(page: Page): Promise<void> {
  await page.getByRole("button", { name: text.welcome.before }).click();
}

function way(page: Page, title: string): Locator {
  return page.locator(".way").filter({ has: page.getByRole("heading", { name: title }) });
}

async function byCode(page: Page, typed: string): Promise<Locator> {
  const device = way(page, text.comeBack.device);
  await device.getByLabel(text.comeBack.code).fill(typed);
  await device.getByRole("button", { name: text.comeBack.useCode }).click();
  return device;
}

test("no key is made before somebody says that they are new", async ({ browser, appUrl }) => {
  const page = await fresh(browser, appUrl);
  await expect(page.getByRole("heading", { name: text.welcome.question })).toBeVisible();
  expect(await faults(page, "first page")).toEqual([]);
  const hasKey = () =>
    page.evaluate(async () => (await indexedDB.databases()).some(({ name }) => name === "keepsake-identity"));
  const keys = () =>
    page.evaluate(
      () =>
        new Promise<number>((resolve, reject) => {
          const opening = indexedDB.open("keepsake-identity");
          opening.onerror = () => reject(opening.error);
          opening.onsuccess = () => {
            if (!opening.result.objectStoreNames.contains("keys")) return resolve(0);
            const counting = opening.result.transaction("keys").objectStore("keys").count();
            counting.onsuccess = () => resolve(counting.result);
          };
        }),
    );
  if (await hasKey()) expect(await keys()).toBe(0);
  await comeBack(page);
  expect(await faults(page, "ways back")).toEqual([]);
  await page.getByRole("button", { name: text.welcome.back }).click();
  await page.getByRole("button", { name: text.welcome.isNew }).click();
  await tilesCount(page, 0);
  expect(await keys()).toBe(1);
  await page.reload();
  await tilesCount(page, 0);
});

test("by words two browsers are one person, and what one began the other sees", async ({
  newPerson,
  browser,
  appUrl,
  scratch,
}) => {
  const laptop = await newPerson();
  const [one, two] = (await tenPhotos(laptop, scratch)).slice(0, 2);
  await chooseFiles(laptop, [one ?? ""]);
  await allUploaded(laptop, 1);
  await expect(laptop.getByText(text.secondWay.lead)).toBeVisible();
  const { dialog, words } = await addDevice(laptop);
  expect(words.split(" ")).toHaveLength(12);
  expect(await faults(laptop, "add a device")).toEqual([]);

  const phone = await fresh(browser, appUrl, PHONE);
  await comeBack(phone);
  const wrong = await byCode(phone, words.replace(/^\S+/, "xylophone"));
  await expect(wrong.getByRole("alert")).toContainText('Word 1, "xylophone"');
  await byCode(phone, words.split(" ").slice(1).join(" "));
  await expect(wrong.getByRole("alert")).toHaveText("11 words were found, and 12 are needed.");
  await byCode(phone, `  1. ${words.toUpperCase().split(" ").join("\n")}`);
  await tilesCount(phone, 1);
  await expect(dialog.getByRole("status").first()).toContainText("is one of your devices now");
  await dialog.getByRole("button", { name: text.addDevice.done }).click();
  await laptop.keyboard.press("Escape");
  await expect(laptop.getByText(text.secondWay.lead)).toBeHidden();
  expect(await principalOf(phone)).toBe(await principalOf(laptop));
  // The words are used up.
  const late = await fresh(browser, appUrl);
  await comeBack(late);
  await expect((await byCode(late, words)).getByRole("alert")).toHaveText(text.errors.code);
  // Nothing is half done: who failed is still asked.
  await late.reload();
  await expect(late.getByRole("heading", { name: text.welcome.question })).toBeVisible();

  await chooseFiles(phone, [two ?? ""]);
  await allUploaded(phone, 1);
  await tilesCount(laptop, 2);

  const large = join(scratch, "film.bin");
  await writeFile(large, randomBytes(20_000_000));
  const release = await holdChunks(laptop, 4);
  await chooseFiles(laptop, [large]);
  await uploadedShare(laptop, "film.bin", 0.1);
  await phone.reload();
  const unfinished = await openDialog(phone, `${text.header.uploads} (1)`);
  await expect(unfinished.getByRole("listitem")).toHaveCount(1);
  await phone.keyboard.press("Escape");
  await release();
  await expect(row(laptop, "film.bin")).toHaveClass(/done/);
});

test("where a code is not taken, the browser keeps no key", async ({ newPerson, browser, appUrl }) => {
  const { words } = await addDevice(await newPerson());
  const phone = await fresh(browser, appUrl);
  await comeBack(phone);
  // What reads goes through, what changes something does not.
  await phone.route("**/call", (route) => route.fulfill({ status: 400 }));
  const device = await byCode(phone, words);
  await expect(device.getByRole("alert")).toBeVisible();
  await phone.unroute("**/call");
  await phone.reload();
  await expect(phone.getByRole("heading", { name: text.welcome.question })).toBeVisible();
  await comeBack(phone);
  await byCode(phone, words);
  await tilesCount(phone, 0);
});

test("a device that is removed is shut out at once, and says so", async ({
  newPerson,
  browser,
  appUrl,
  scratch,
}) => {
  const laptop = await newPerson();
  const [one, two] = (await tenPhotos(laptop, scratch)).slice(0, 2);
  await chooseFiles(laptop, [one ?? ""]);
  await allUploaded(laptop, 1);
  const { words } = await addDevice(laptop);
  const phone = await fresh(browser, appUrl);
  await comeBack(phone);
  await byCode(phone, words);
  await tilesCount(phone, 1);
  const picture = tiles(phone).first().locator("img").last();
  await expect(phone.locator(".tile .picture.loaded")).toHaveCount(1);
  const token = (await picture.getAttribute("src")) ?? "";
  expect((await phone.request.get(token)).status()).toBe(200);

  await laptop.getByRole("button", { name: text.addDevice.done }).click();
  const rows = laptop.locator(".devices li");
  await expect(rows).toHaveCount(2);
  await rows.nth(1).getByRole("button", { name: text.devices.rename }).click();
  await rows.nth(1).getByLabel(text.devices.name).fill("Anna's phone");
  await laptop.keyboard.press("Enter");
  await expect(rows.nth(1)).toContainText("Anna's phone");
  expect(await faults(laptop, "devices")).toEqual([]);
  await laptop.getByRole("button", { name: text.devices.removeNamed("Anna's phone") }).click();
  await laptop
    .getByRole("dialog")
    .last()
    .getByRole("button", { name: text.devices.remove, exact: true })
    .click();
  await expect(rows).toHaveCount(1);
  expect([401, 403, 404]).toContain((await phone.request.get(token)).status());
  await expect(phone.getByText(text.welcome.removed)).toBeVisible();
  expect(await faults(phone, "removed")).toEqual([]);

  // The last one stays.
  await laptop.getByRole("button", { name: /^Remove / }).click();
  await laptop
    .getByRole("dialog")
    .last()
    .getByRole("button", { name: text.devices.remove, exact: true })
    .click();
  await expect(laptop.getByRole("alert")).toHaveText(text.errors.lastDevice);
  await laptop.keyboard.press("Escape");

  // It comes back by a new code, with another key, as its words and as the link.
  const again = await addDevice(laptop);
  await byCode(phone, again.words);
  await tilesCount(phone, 1);
  await laptop.getByRole("button", { name: text.addDevice.done }).click();
  await rows.nth(1).getByRole("button", { name: text.devices.remove }).click();
  await laptop
    .getByRole("dialog")
    .last()
    .getByRole("button", { name: text.devices.remove, exact: true })
    .click();
  await expect(phone.getByText(text.welcome.removed)).toBeVisible();
  await laptop.keyboard.press("Escape");
  const { address } = await addDevice(laptop);
  await phone.evaluate((hash) => {
    location.hash = hash;
  }, new URL(address).hash);
  await phone.getByRole("button", { name: text.joining.yes }).click();
  await tilesCount(phone, 1);
  await chooseFiles(phone, [two ?? ""]);
  await allUploaded(phone, 1);

  // The key that the account began with is removed as any other, and that browser may begin with another person's account.
  await openDialog(phone, text.header.account);
  await phone
    .locator(".devices li")
    .filter({ hasText: text.devices.first })
    .getByRole("button", { name: text.devices.remove })
    .click();
  await phone
    .getByRole("dialog")
    .last()
    .getByRole("button", { name: text.devices.remove, exact: true })
    .click();
  await expect(laptop.getByText(text.welcome.removed)).toBeVisible();
  const ben = await newPerson();
  const ofBen = await addDevice(ben);
  await laptop.evaluate((hash) => {
    location.hash = hash;
  }, new URL(ofBen.address).hash);
  await laptop.getByRole("button", { name: text.joining.yes }).click();
  await tilesCount(laptop, 0);
  await expect(ofBen.dialog.getByRole("status").first()).toContainText("is one of your devices now");
});

test("the link for a device asks first, whose it is, and is used once", async ({
  newPerson,
  browser,
  node,
  scratch,
}) => {
  const home = join(scratch, "laptop");
  const run = (...args: string[]) =>
    JSON.parse(
      execFileSync(keepsakeProgram, [...args, "--json"], {
        env: { ...process.env, KEEPSAKE_HOME: home, KEEPSAKE_NODE: node.url },
        encoding: "utf8",
      }),
    );
  const photos = (await tenPhotos(await newPerson(), scratch)).slice(0, 2);
  run("upload", photos[0] ?? "");
  const { address } = run("identity", "invite") as { address: string };
  // Somebody who has a key already, and opens it in a page that is open.
  const phone = await newPerson();
  const before = await principalOf(phone);
  await chooseFiles(phone, [photos[1] ?? ""]);
  await allUploaded(phone, 1);
  const open = (page: Page) =>
    page.evaluate((hash) => {
      location.hash = hash;
    }, new URL(address).hash);
  await open(phone);
  await expect(joinQuestion(phone)).toBeVisible();
  await expect
    .poll(() => phone.url(), { message: "the code does not stay in the address" })
    .not.toContain("join");
  await expect(phone.locator(".whose")).toContainText("made the code");
  expect(await faults(phone, "joining")).toEqual([]);
  await phone.getByRole("button", { name: text.joining.no }).click();
  await tilesCount(phone, 1);
  expect(await principalOf(phone)).toBe(before);
  await open(phone);
  await phone.getByRole("button", { name: text.joining.yes }).click();
  // What was kept here came along.
  await expect(phone.getByLabel(text.header.capsule, { exact: true }).locator("option")).toHaveText([
    text.header.mine,
    text.header.brought,
  ]);
  expect(run("capsule")).toHaveLength(2);
  expect(await principalOf(phone)).toBe(run("identity", "show").principal);

  const late = await fresh(browser, address);
  await expect(late.getByRole("alert")).toHaveText(text.errors.code);
  await late.getByRole("button", { name: text.joining.no }).click();
  await expect(late.getByRole("heading", { name: text.welcome.question })).toBeVisible();
  // The other way round: the browser invites, the program joins.
  await late.getByRole("button", { name: text.welcome.isNew }).click();
  const { words } = await addDevice(late);
  const joined = JSON.parse(
    execFileSync(keepsakeProgram, ["identity", "join", ...words.split(" "), "--json"], {
      env: { ...process.env, KEEPSAKE_HOME: join(scratch, "desk"), KEEPSAKE_NODE: node.url },
      encoding: "utf8",
    }),
  ) as { account: string };
  await expect(late.getByText("is one of your devices now").first()).toBeVisible();
  await late.getByRole("button", { name: text.addDevice.done }).click();
  await late.keyboard.press("Escape");
  expect(joined.account).toBe(await principalOf(late));
});

test("the camera reads the code that another device shows", async ({ newPerson, appUrl, scratch }) => {
  const laptop = await newPerson();
  const { dialog, address } = await addDevice(laptop);
  await expect(dialog.getByRole("img", { name: text.addDevice.qr })).toBeVisible();
  await expect(dialog.getByText(text.addDevice.local(new URL(appUrl).host))).toBeVisible();
  const film = join(scratch, "code.y4m");
  await writeFile(film, filmOf(address));
  const other = join(scratch, "other.y4m");
  await writeFile(other, filmOf("https://photos.example/#join=AAAAAAAAAAAAAAAAAAAAAA"));
  const { executablePath, args = [] } = test.info().project.use.launchOptions ?? {};
  const seeing = async (camera: string[], look: (page: Page, scanner: Locator) => Promise<void>) => {
    const browser = await chromium.launch({ executablePath, args: [...args, ...camera] });
    try {
      const page = await fresh(browser, appUrl, PHONE);
      await comeBack(page);
      await page.getByRole("button", { name: text.comeBack.scan }).click();
      await look(page, page.getByRole("dialog"));
    } finally {
      await browser.close();
    }
  };
  const allowed = ["--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream"];
  await seeing([...allowed, `--use-file-for-fake-video-capture=${other}`], async (_, scanner) => {
    await expect(scanner.getByRole("alert")).toHaveText(text.scanner.elsewhere("photos.example"));
  });
  await seeing([...allowed, `--use-file-for-fake-video-capture=${film}`], async (page) => {
    await expect(joinQuestion(page)).toBeVisible();
    await page.getByRole("button", { name: text.joining.yes }).click();
    await tilesCount(page, 0);
    expect(await principalOf(page)).toBe(new URL(address) && (await principalOfCode(laptop)));
  });
  // Denied, and none there: said in a sentence, and the words do it.
  await seeing(["--use-fake-device-for-media-stream"], async (page, scanner) => {
    await expect(scanner.getByRole("alert")).toHaveText(text.scanner.denied);
    expect(await faults(page, "scanner")).toEqual([]);
  });
  await seeing([], async (_, scanner) => {
    await expect(scanner.getByRole("alert")).toHaveText(text.scanner.none);
  });
});

async function principalOfCode(page: Page): Promise<string> {
  await page.getByRole("button", { name: text.addDevice.done }).click();
  return (await page.getByRole("dialog").locator("code").first().textContent()) ?? "";
}

test("a second device by keyboard alone, and nothing is wider than a small screen", async ({
  browser,
  appUrl,
}) => {
  const page = await fresh(browser, appUrl, PHONE);
  const { keyboard } = page;
  const fits = async (state: string) => {
    const widths = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
    expect(widths[0], state).toBeLessThanOrEqual(widths[1] ?? 0);
    const wider = await page.evaluate(
      () =>
        [...document.querySelectorAll("dialog")].filter((box) => box.scrollWidth > box.clientWidth).length,
    );
    expect(wider, state).toBe(0);
    expect(await faults(page, state)).toEqual([]);
  };
  await expect(page.getByRole("heading", { name: text.welcome.question })).toBeVisible();
  await fits("first page");
  await tabTo(page, text.welcome.before);
  await keyboard.press("Enter");
  await fits("ways back");
  await tabTo(page, text.welcome.back);
  await keyboard.press("Enter");
  await tabTo(page, text.welcome.isNew);
  await keyboard.press("Enter");
  await tilesCount(page, 0);
  await tabTo(page, text.header.account);
  await keyboard.press("Enter");
  await expect(page.locator(".devices li")).toHaveCount(1);
  await fits("you");
  await tabTo(page, text.devices.add);
  await keyboard.press("Enter");
  const dialog = page.getByRole("dialog", { name: text.addDevice.title });
  const words = (await dialog.locator(".words").textContent()) ?? "";
  await fits("add a device");
  await keyboard.press("Escape");
  await expect(dialog).toBeHidden();
  await tabTo(page, text.devices.addSheet);
  await keyboard.press("Enter");
  await tabTo(page, text.recovery.make);
  await keyboard.press("Enter");
  await expect(page.locator(".sheet-words li")).toHaveCount(24);
  await fits("recovery sheet");
  await keyboard.press("Escape");
  await expect(page.locator(".devices li"), "closed before its end it is no way in").toHaveCount(1);

  const other = await fresh(browser, appUrl);
  await tabTo(other, text.welcome.before);
  await other.keyboard.press("Enter");
  await tabTo(other, text.comeBack.code);
  await other.keyboard.type(words);
  await other.keyboard.press("Enter");
  await expect(
    other.getByText("is one of your devices now").or(other.locator("header.bar")).first(),
  ).toBeVisible();
  await expect(page.locator(".devices li")).toHaveCount(2);
  await beginAsNew(other);
});

test("two browsers that use one code at once: one is in, the other is told so", async ({
  newPerson,
  browser,
  appUrl,
}) => {
  const laptop = await newPerson();
  const { words } = await addDevice(laptop);
  const others = await Promise.all([fresh(browser, appUrl), fresh(browser, appUrl)]);
  for (const page of others) {
    await comeBack(page);
    await way(page, text.comeBack.device).getByLabel(text.comeBack.code).fill(words);
  }
  await Promise.all(
    others.map((page) =>
      way(page, text.comeBack.device).getByRole("button", { name: text.comeBack.useCode }).click(),
    ),
  );
  const ends = await Promise.all(
    others.map(async (page) => {
      const [bar, alert] = [page.locator("header.bar"), page.getByRole("alert")];
      await expect(bar.or(alert)).toBeVisible();
      return (await bar.isVisible()) ? "in" : await alert.textContent();
    }),
  );
  expect(ends.sort()).toEqual([text.errors.code, "in"].sort());
  await expect(laptop.locator(".devices li")).toHaveCount(2);
});

for (const hours of [-1, 1]) {
  test(`a clock ${hours} hour off neither keeps a device out nor leaves anything half done`, async ({
    newPerson,
    browser,
    appUrl,
  }) => {
    const laptop = await newPerson();
    const { words } = await addDevice(laptop);
    const context = await browser.newContext();
    const phone = await context.newPage();
    await phone.clock.install({ time: Date.now() + hours * 3_600_000 });
    await phone.goto(appUrl);
    await comeBack(phone);
    await byCode(phone, words);
    await tilesCount(phone, 0);
    expect(await principalOf(phone)).not.toBe("");
    await expect(laptop.locator(".devices li")).toHaveCount(2);
  });
}
