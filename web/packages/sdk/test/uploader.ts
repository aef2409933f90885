// A process that uploads files and says what became of them, for tests that need another clock, or a process that dies. Owns
// what it is told by its one argument, and its line of JSON for each file. Without an argument it does nothing.

import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { Ed25519KeyIdentity } from "@icp-sdk/core/identity";
import { Keepsake, type UploadOptions } from "@keepsake/sdk";
import { fileSource } from "@keepsake/sdk/node";
import { sha256 } from "./world.js";

/** What to do, and as whom. */
export interface Errand {
  host: string;
  canisterId: string;
  /** Of the identity, 32 bytes in hexadecimal. */
  seed: string;
  /** Paths of files, and how they go. */
  parts: readonly { road?: "auto" | "envelopes"; files: readonly string[] }[];
  options?: Pick<UploadOptions, "capsuleId" | "ifPresent">;
}

export interface Told {
  memoryId: string;
  alreadyThere: boolean;
  /** Of what came back, in hexadecimal. */
  sha256: string;
}

export interface Uploader {
  process: ChildProcess;
  /** Once it has ended well. */
  told: Promise<Told[]>;
}

/** Starts such a process. */
export function send(errand: Errand, variables: NodeJS.ProcessEnv = {}): Uploader {
  const args = [fileURLToPath(import.meta.url), JSON.stringify(errand)];
  const env = { ...process.env, ...variables };
  const child = spawn(process.execPath, args, { env, stdio: ["ignore", "pipe", "pipe"] });
  const lines: Told[] = [];
  let complaint = "";
  createInterface({ input: child.stdout }).on("line", (line) => {
    if (line.startsWith("{")) {
      lines.push(JSON.parse(line) as Told);
    }
  });
  child.stderr.on("data", (text) => {
    complaint += text;
  });
  const told = new Promise<Told[]>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code, signal) =>
      code === 0 ? resolve(lines) : reject(new Error(`it ended with ${code ?? signal}: ${complaint}`)),
    );
  });
  told.catch(() => {});
  return { process: child, told };
}

export function identityOf(seed: string): Ed25519KeyIdentity {
  return Ed25519KeyIdentity.generate(new Uint8Array(Buffer.from(seed, "hex")));
}

async function run({ host, canisterId, seed, parts, options }: Errand): Promise<void> {
  for (const { road, files } of parts) {
    const keepsake = await Keepsake.connect({ host, canisterId, identity: identityOf(seed), road });
    for (const path of files) {
      const { memoryId, alreadyThere } = await keepsake.upload(await fileSource(path), options).done;
      const back = await (await keepsake.download(memoryId, "original")).arrayBuffer();
      const told: Told = { memoryId, alreadyThere, sha256: sha256(new Uint8Array(back)) };
      console.log(JSON.stringify(told));
    }
  }
}

const errand = process.argv[2];
if (process.argv[1] === fileURLToPath(import.meta.url) && errand?.startsWith("{")) {
  await run(JSON.parse(errand) as Errand);
  process.exit(0);
}
