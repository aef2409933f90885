// Whether what the page shows fits a narrow screen. It owns the measuring.

import { expect, type Locator, type Page } from "@playwright/test";

/** Nothing sticks out to the right, and each control comes to a finger that scrolls to it. */
export async function fitsAndIsReachable(page: Page, within: Locator, state: string): Promise<void> {
  const widths = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
  expect(widths[0], `${state}: width of the page`).toBeLessThanOrEqual(widths[1] ?? 0);
  const controls = within.locator("button:visible, a[href]:visible, input:visible, select:visible");
  const hidden: string[] = [];
  for (const control of await controls.all()) {
    await control.scrollIntoViewIfNeeded();
    const fault = await control.evaluate((element) => {
      const box = element.getBoundingClientRect();
      const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
      const found = document.elementFromPoint(x, y);
      if (element.matches(".skip, .uppy-Dashboard-input, .visually-hidden")) return undefined;
      if (box.left < 0 || box.right > innerWidth) return `sticks out: ${box.left} to ${box.right}`;
      return found !== null && (element.contains(found) || found.contains(element)) ? undefined : "covered";
    });
    if (fault !== undefined)
      hidden.push(`${await control.evaluate((e) => e.outerHTML.slice(0, 120))} ${fault}`);
  }
  expect(hidden, state).toEqual([]);
}
