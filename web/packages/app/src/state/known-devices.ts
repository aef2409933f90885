// What this browser remembers of the account that it is a device of: whose it is, and which devices it had when somebody last
// looked. So a browser that was removed says so, and a device that came meanwhile is told of. Owns that entry of localStorage.

import type { Device, WhoAmI } from "@keepsake/sdk";

const KEY = "keepsake-devices";

interface Known {
  account: string;
  /** Whose device it was that remembers; entries of before have none, and are of the browser's only key. */
  principal?: string;
  /** Names by principal. Nothing: nobody has looked yet. */
  devices?: Record<string, string>;
}

/** How the devices differ from those that were known. */
export interface DeviceChanges {
  added: string[];
  removed: string[];
}

/** Whether the key was a device of an account and is no longer. Remembers the account otherwise. */
export function wasRemoved({ principal, account, standing }: WhoAmI): boolean {
  if (standing === "removed") return true;
  const [key, now] = [principal.toText(), account.toText()];
  const before = known();
  const isSameKey = before !== undefined && (before.principal ?? key) === key;
  // A key that is thrown out acts for nobody but itself.
  if (isSameKey && before.account !== now && now === key) return true;
  if (!isSameKey || before.account !== now) keep({ account: now, principal: key });
  return false;
}

/** Remembers the devices, and tells what is new since the last time; nothing at the first time. */
export function compareDevices(account: string, devices: readonly Device[]): DeviceChanges {
  const before = known();
  const now = Object.fromEntries(devices.map(({ principal, name }) => [principal.toText(), name]));
  const principal = devices.find(({ isThis }) => isThis)?.principal.toText();
  keep({ account, principal, devices: now });
  if (before?.account !== account || before.devices === undefined) return { added: [], removed: [] };
  const missing = (these: Record<string, string>, those: Record<string, string>) =>
    Object.keys(these)
      .filter((key) => !(key in those))
      .map((key) => these[key] ?? "");
  return { added: missing(now, before.devices), removed: missing(before.devices, now) };
}

export function forgetKnownDevices(): void {
  try {
    localStorage.removeItem(KEY);
  } catch {
    // Without storage there is nothing to forget.
  }
}

function known(): Known | undefined {
  try {
    const found = JSON.parse(localStorage.getItem(KEY) ?? "null") as Known | null;
    return typeof found?.account === "string" ? found : undefined;
  } catch {
    return undefined;
  }
}

function keep(known: Known): void {
  try {
    localStorage.setItem(KEY, JSON.stringify(known));
  } catch {
    // A full storage costs a message at the next visit, and nothing now.
  }
}
