// One upload from a Worker of a fresh Chromium, in a page of the host itself. Prints a line of JSON: the time from the start of
// the Worker to its answer, and the processor time of all of the browser's processes meanwhile.
import { chromium } from "@playwright/test";

const [executablePath, page, worker, path, canisterId, bodyBytes] = process.argv.slice(2);
const args = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--no-proxy-server"];
args.push("--disable-background-networking", "--disable-component-update", "--disable-sync");
const browser = await chromium.launch({ executablePath, args });
const tab = await browser.newPage();
await tab.goto(page);
await tab.setInputFiles("input", path);
const devtools = await browser.newBrowserCDPSession();

async function processorSecs() {
  const { processInfo } = await devtools.send("SystemInfo.getProcessInfo");
  return processInfo.reduce((sum, { cpuTime }) => sum + cpuTime, 0);
}

function ask(message) {
  return tab.evaluate(
    ([url, asked]) =>
      new Promise((resolve, reject) => {
        const at = performance.now();
        globalThis.worker ??= new Worker(url, { type: "module" });
        globalThis.worker.onerror = ({ message }) => reject(new Error(message));
        globalThis.worker.onmessage = ({ data: { error, ...data } }) =>
          error ? reject(new Error(error)) : resolve({ ...data, wall_secs: (performance.now() - at) / 1000 });
        globalThis.worker.postMessage({ file: document.querySelector("input").files[0], ...asked });
      }),
    [worker, message],
  );
}

const before = await processorSecs();
const { memoryId, alreadyThere, wall_secs } = await ask({
  canisterId,
  endpoint: new URL("/files", page).href,
  bodyBytes: Number(bodyBytes),
});
const processor_secs = (await processorSecs()) - before;
if (alreadyThere) {
  throw new Error("the file was there already");
}
if (memoryId) {
  await ask({ remove: memoryId });
}
await browser.close();
console.log(JSON.stringify({ wall_secs, processor_secs }));
