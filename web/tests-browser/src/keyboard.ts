// What a person does who has a keyboard alone. It owns how they come to a thing.

import type { Page } from "@playwright/test";

/** Presses Tab until the focus is on something of that name. */
export async function tabTo(page: Page, name: string): Promise<void> {
  const seen: string[] = [];
  for (let presses = 0; presses < 60; presses += 1) {
    await page.keyboard.press("Tab");
    const focused = await page.evaluate(() => {
      const element = document.activeElement;
      const id = element?.id ?? "";
      const label = id === "" ? null : document.querySelector(`label[for="${id}"]`);
      const parts = [
        element?.getAttribute("aria-label"),
        label?.textContent,
        element?.closest("label")?.textContent,
      ];
      return parts.find((part) => part) ?? element?.textContent ?? "";
    });
    if (focused.trim().startsWith(name)) return;
    seen.push(focused);
  }
  throw new Error(`Tab never came to “${name}”, only to ${[...new Set(seen)].join(", ")}`);
}
