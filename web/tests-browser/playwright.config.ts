// How the browser tests run, in the Chromium that the machine has: three at a time, as each waits a good part of its time, and
// one at a time those that measure.

import { defineConfig } from "@playwright/test";

/** They hold memory and processor time to bounds: others beside them would disturb that. */
const MEASURING = ["**/crowd.spec.ts", "**/sdk.spec.ts", "**/worker.spec.ts"];

export default defineConfig({
  testDir: "tests",
  // Each test has a node, a browser and a folder of its own. `npm test` runs the projects one after the other.
  projects: [
    { name: "together", testIgnore: MEASURING },
    { name: "alone", testMatch: MEASURING, workers: 1 },
  ],
  workers: 3,
  fullyParallel: false,
  forbidOnly: true,
  retries: 0,
  timeout: 180_000,
  expect: { timeout: 30_000 },
  reporter: [["list"]],
  outputDir: "test-results",
  use: {
    trace: process.env.KEEPSAKE_TRACE ? "retain-on-failure" : "off",
    screenshot: "only-on-failure",
    viewport: { width: 1280, height: 800 },
    launchOptions: {
      executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
      args: [
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--no-proxy-server",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
      ],
    },
  },
});
