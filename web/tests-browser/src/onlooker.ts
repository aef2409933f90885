// Somebody who looks at a person's capsule from outside the browser, with the SDK in Node, as a guest.
// It owns the identity; the person grants the role by the page.

import { createHash } from "node:crypto";
import { Ed25519KeyIdentity } from "@icp-sdk/core/identity";
import { Keepsake, type MemoryHeader } from "@keepsake/sdk";
import type { Page } from "@playwright/test";
import type { RunningNode } from "./node.ts";
import { grant } from "./page.ts";

export class Onlooker {
  readonly keepsake: Keepsake;
  readonly capsuleId: string;

  private constructor(keepsake: Keepsake, capsuleId: string) {
    this.keepsake = keepsake;
    this.capsuleId = capsuleId;
  }

  /** Becomes a guest of the capsule that is open in the page. */
  static async of(page: Page, node: RunningNode): Promise<Onlooker> {
    const identity = Ed25519KeyIdentity.generate();
    const keepsake = await Keepsake.connect({ host: node.url, canisterId: node.canisterId, identity });
    await grant(page, keepsake.principal.toText(), "guest");
    return new Onlooker(keepsake, new URL(page.url()).hash.slice(1));
  }

  async memories(): Promise<MemoryHeader[]> {
    const found: MemoryHeader[] = [];
    for await (const memory of this.keepsake.memories.all(this.capsuleId)) found.push(memory);
    return found;
  }

  /** SHA-256 of what the original's bytes are when downloaded. */
  async originalSha256(memoryId: string): Promise<string> {
    const blob = await this.keepsake.download(memoryId, "original");
    return sha256(new Uint8Array(await blob.arrayBuffer()));
  }
}

export function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}
