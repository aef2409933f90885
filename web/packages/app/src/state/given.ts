// Capsules that others gave this person, and that they have not said yes to: how many, taking one, and leaving many.
// It owns the progress of leaving. Their names are not shown until somebody asks for them: whoever gives may name them anything.

import type { CapsuleId } from "@keepsake/sdk";
import { computed, signal } from "@preact/signals";
import { account } from "./account.js";
import { capsules, closeLeft, openCapsuleId, refreshCapsules, selectCapsule } from "./capsules.js";
import { explain } from "./explain.js";

/** Messages on their way at once. */
const AT_ONCE = 8;

export const given = computed(() => capsules.value.filter(({ accepted }) => !accepted));

export interface Leaving {
  left: number;
  total: number;
  isRunning: boolean;
  failed: number;
  /** Why the first of those that failed did. */
  failure?: string;
}

export const leaving = signal<Leaving | undefined>(undefined);

export async function acceptGiven(id: CapsuleId): Promise<void> {
  await account().keepsake.capsules.accept(id);
  await refreshCapsules();
  if (openCapsuleId.peek() === undefined) selectCapsule(id);
}

export async function leave(id: CapsuleId): Promise<void> {
  await account().keepsake.capsules.leave(id);
  closeLeft(new Set([id]));
  await refreshCapsules();
}

/** Leaves every capsule that was given, those too that the list had no room for. What fails is passed over, and counted. */
export async function leaveAllGiven(): Promise<void> {
  if (leaving.value?.isRunning) return;
  const tried = new Set<CapsuleId>();
  leaving.value = { left: 0, total: given.value.length, isRunning: true, failed: 0 };
  try {
    for (let waiting = without(tried); waiting.length > 0; waiting = without(tried)) {
      leaving.value = { ...leaving.value, total: tried.size + waiting.length };
      for (const id of waiting) tried.add(id);
      await leaveEach(waiting);
      await refreshCapsules();
    }
  } catch (error) {
    leaving.value = { ...leaving.value, failure: leaving.value.failure ?? explain(error) };
  }
  leaving.value = { ...leaving.value, isRunning: false };
}

function without(tried: ReadonlySet<CapsuleId>): CapsuleId[] {
  return given
    .peek()
    .map(({ id }) => id)
    .filter((id) => !tried.has(id));
}

async function leaveEach(all: readonly CapsuleId[]): Promise<void> {
  const waiting = [...all];
  const gone = new Set<CapsuleId>();
  const lane = async () => {
    for (let id = waiting.shift(); id !== undefined; id = waiting.shift()) {
      try {
        await account().keepsake.capsules.leave(id);
        gone.add(id);
        count({ left: 1 });
      } catch (error) {
        count({ failed: 1, failure: explain(error) });
      }
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, lane));
  closeLeft(gone);
}

function count({ left = 0, failed = 0, failure }: Partial<Leaving>): void {
  const now = leaving.value;
  if (now === undefined) return;
  leaving.value = {
    ...now,
    left: now.left + left,
    failed: now.failed + failed,
    failure: now.failure ?? failure,
  };
}
