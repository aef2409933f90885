// The worker of lane B: owns its messages. The images are made by `derive.ts`.

import { derive } from "./derive.js";
import { DerivationFailure } from "./failure.js";
import type { DeriveReply, DeriveRequest } from "./messages.js";

/** What this file uses of a worker's global scope, which the DOM's types do not name. */
interface WorkerScope {
  onmessage: ((event: MessageEvent<DeriveRequest>) => void) | null;
  postMessage(reply: DeriveReply, transfer: Transferable[]): void;
}

const scope = globalThis as unknown as WorkerScope;

scope.onmessage = async (event) => {
  const reply = await replyTo(event.data);
  const bytes = reply.kind === "made" ? reply.image.derivatives.map(({ bytes }) => bytes.buffer) : [];
  scope.postMessage(reply, bytes);
};

async function replyTo({ source }: DeriveRequest): Promise<DeriveReply> {
  try {
    const image = await derive(source);
    return image ? { kind: "made", image } : { kind: "no-image" };
  } catch (error) {
    if (error instanceof DerivationFailure) {
      return { kind: "failed", code: error.code, message: error.message };
    }
    // Such as a file that was moved or changed since it was chosen.
    return { kind: "failed", code: "unreadable", message: `cannot derive the image: ${String(error)}` };
  }
}
