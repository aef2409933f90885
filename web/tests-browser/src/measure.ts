// Measures what a page costs: long tasks of its main thread, and memory of the browser's processes.
// Owns the measuring, not the bounds.

import { readFile } from "node:fs/promises";
import type { Browser, Page } from "@playwright/test";

/** One task that kept the main thread busy for 50 ms or more. */
export interface LongTask {
  /** Milliseconds since the page was opened. */
  readonly start: number;
  readonly ms: number;
}

/** Watches the main thread from now on, and after each reload. Call it before `goto`, or it sees the rest only. */
export async function watchLongTasks(page: Page): Promise<() => Promise<LongTask[]>> {
  const watch = () => {
    const tasks: LongTask[] = [];
    Object.assign(globalThis, { keepsakeLongTasks: tasks });
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) {
        tasks.push({ start: entry.startTime, ms: entry.duration });
      }
    }).observe({ type: "longtask", buffered: true });
  };
  await page.addInitScript(watch);
  await page.evaluate(watch);
  return async () =>
    await page.evaluate(() => (globalThis as unknown as { keepsakeLongTasks: LongTask[] }).keepsakeLongTasks);
}

/** Bytes that live on the page's JavaScript heap, after a collection of its garbage. Workers have their own. */
export async function heapBytes(page: Page): Promise<number> {
  const session = await page.context().newCDPSession(page);
  try {
    await session.send("HeapProfiler.collectGarbage");
    const { usedSize } = await session.send("Runtime.getHeapUsage");
    return usedSize;
  } finally {
    await session.detach();
  }
}

/** Tells the browser that memory is short: it empties its caches, so that what is left is really held. */
export async function askForMemory(browser: Browser): Promise<void> {
  const session = await browser.newBrowserCDPSession();
  await session.send("Memory.simulatePressureNotification", { level: "critical" });
  await session.detach();
}

/** Memory of all the browser's renderers together: pages with their workers; bytes. */
export interface RendererMemory {
  /** All that is in memory, the browser's program and decoded pictures included. */
  readonly resident: number;
  /** What is neither a file's nor shared with another process: heaps, buffers, garbage that is not collected yet. */
  readonly own: number;
}

export async function rendererMemory(browser: Browser): Promise<RendererMemory> {
  const session = await browser.newBrowserCDPSession();
  const { processInfo } = await session.send("SystemInfo.getProcessInfo");
  await session.detach();
  const renderers = processInfo.filter(({ type }) => type === "renderer");
  const all = await Promise.all(renderers.map(({ id }) => memoryOf(id)));
  return {
    resident: all.reduce((total, { resident }) => total + resident, 0),
    own: all.reduce((total, { own }) => total + own, 0),
  };
}

/** Resident bytes of all the browser's renderers: pages with their workers, decoded pictures included. */
export async function rendererBytes(browser: Browser): Promise<number> {
  return (await rendererMemory(browser)).resident;
}

/** The most that {@link rendererBytes} says while `work` runs. */
export async function rendererBytesPeak<T>(browser: Browser, work: () => Promise<T>): Promise<[T, number]> {
  let peak = 0;
  let isOver = false;
  const watching = (async () => {
    while (!isOver) {
      peak = Math.max(peak, await rendererBytes(browser));
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  })();
  try {
    return [await work(), peak];
  } finally {
    isOver = true;
    await watching;
  }
}

/** Zero for a process that has just ended. */
async function memoryOf(id: number): Promise<RendererMemory> {
  const status = await readFile(`/proc/${id}/status`, "utf8").catch(() => "");
  const bytes = (name: string) => Number(new RegExp(`${name}:\\s+(\\d+) kB`).exec(status)?.[1] ?? 0) * 1024;
  return { resident: bytes("VmRSS"), own: bytes("RssAnon") };
}
