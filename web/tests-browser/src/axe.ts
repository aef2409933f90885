// What axe finds wrong with the page as it is now. It owns which faults count: the two worst kinds.

import AxeBuilder from "@axe-core/playwright";
import type { Page } from "@playwright/test";

/** One line for each fault that axe calls serious or critical; `state` says what the page shows. */
export async function faults(page: Page, state: string): Promise<string[]> {
  const { violations } = await new AxeBuilder({ page }).analyze();
  return violations
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .flatMap(({ id, nodes }) => nodes.map(({ target }) => `${state}: ${id} at ${target.join(" ")}`));
}
