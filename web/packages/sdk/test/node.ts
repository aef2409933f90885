// A real node: `keepsake serve` on a free port with a temporary data directory, which can be killed and started again.
// Owns its life and nothing else. KEEPSAKE_BIN names the program; else the debug build of this checkout.

import type { ChildProcess } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Host, kill, serve } from "./serving.js";

export const PROGRAM =
  process.env.KEEPSAKE_BIN ?? fileURLToPath(new URL("../../../../target/debug/keepsake", import.meta.url));

export class RunningNode implements Host {
  url = "";
  canisterId = "";
  readonly #dir: string;
  readonly #more: string[];
  #child: ChildProcess | undefined;

  private constructor(dir: string, more: string[]) {
    this.#dir = dir;
    this.#more = more;
  }

  static async start(more: string[] = []): Promise<RunningNode> {
    const node = new RunningNode(await mkdtemp(join(tmpdir(), "keepsake-sdk-")), more);
    await node.#run("127.0.0.1:0");
    return node;
  }

  /** The power goes: nothing is said, nothing is flushed. */
  async kill(): Promise<void> {
    await kill(this.#child);
  }

  /** Starts on the same data and the same address. */
  async startAgain(): Promise<void> {
    await this.#run(new URL(this.url).host);
  }

  /** The most memory that it had at once since it was started, bytes, as the system counts; undefined where it does not tell. */
  async residentMax(): Promise<number | undefined> {
    const status = await readFile(`/proc/${this.#child?.pid}/status`, "utf8").catch(() => "");
    const kib = /^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1];
    return kib === undefined ? undefined : Number(kib) * 1024;
  }

  async remove(): Promise<void> {
    await this.kill();
    await rm(this.#dir, { recursive: true, force: true });
  }

  async #run(listen: string): Promise<void> {
    const data = join(this.#dir, "data");
    const args = ["serve", "--json", "--quiet", "--listen", listen, "--data", data, ...this.#more];
    const { child, url, canisterId } = await serve(PROGRAM, args);
    this.#child = child;
    this.url = url;
    this.canisterId = canisterId;
  }
}
