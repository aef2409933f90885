// How long the page's main thread computes at a stretch, as processor time: on a machine that is busy with other
// things, a task also waits, and that is not the page's fault. It owns the watching, not the bound.

import type { CDPSession, Page } from "@playwright/test";
import { type LongTask, watchLongTasks } from "./measure.ts";

export interface BusyTask extends LongTask {
  /** Processor time of the main thread from shortly before the task to shortly after it, ms; never too little. */
  readonly processorMs: number;
}

/** Longest pause between two looks at the clock, ms. The clock is read on the main thread: never within a task. */
const LOOK_EVERY_MS = 40;

interface Look {
  /** ms since the page was opened. */
  at: number;
  processorMs: number;
}

/** Watches from the next load of the page on. What comes back tells the tasks that began at {@link pageNow} or later. */
export async function watchBusyTasks(page: Page): Promise<(since?: number) => Promise<BusyTask[]>> {
  const longTasks = await watchLongTasks(page);
  const session = await page.context().newCDPSession(page);
  await session.send("Performance.enable", { timeDomain: "threadTicks" });
  const looks: Look[] = [];
  let isOver = false;
  const watching = (async () => {
    while (!isOver) {
      looks.push(await look(session));
      await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
    }
  })();
  return async (since = 0) => {
    looks.push(await look(session));
    isOver = true;
    await watching;
    await session.detach();
    const tasks = (await longTasks()).filter(({ start }) => start >= since);
    return tasks.map((task) => {
      // The looks may lie far before and after it, but no task computes longer than it takes.
      return { ...task, processorMs: Math.min(task.ms, processorTime(looks, task)) };
    });
  };
}

/** Milliseconds since the page was opened. */
export async function pageNow(page: Page): Promise<number> {
  return await page.evaluate(() => performance.now());
}

async function look(session: CDPSession): Promise<Look> {
  const { metrics } = await session.send("Performance.getMetrics");
  const value = (name: string) => metrics.find((metric) => metric.name === name)?.value ?? Number.NaN;
  return {
    at: (value("Timestamp") - value("NavigationStart")) * 1000,
    processorMs: value("ThreadTime") * 1000,
  };
}

function processorTime(looks: Look[], { start, ms }: LongTask): number {
  // A reload starts both clocks anew: only the looks since then count.
  const sinceLoad = looks.slice(looks.findLastIndex((now, index) => now.at < (looks[index - 1]?.at ?? 0)));
  const before = sinceLoad.findLast((now) => now.at <= start);
  const after = sinceLoad.find((now) => now.at >= start + ms);
  return (after?.processorMs ?? Number.NaN) - (before?.processorMs ?? 0);
}
