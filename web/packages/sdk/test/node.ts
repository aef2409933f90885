// A real node: `keepsake serve` on a free port with a temporary data directory, which can be killed and started again.
// Owns its life and nothing else. KEEPSAKE_BIN names the program; else the debug build of this checkout.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const PROGRAM =
  process.env.KEEPSAKE_BIN ?? fileURLToPath(new URL("../../../../target/debug/keepsake", import.meta.url));

export class RunningNode {
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
    const child = this.#child;
    if (child && child.exitCode === null && child.signalCode === null) {
      const ended = once(child, "exit");
      child.kill("SIGKILL");
      await ended;
    }
  }

  /** Starts on the same data and the same address. */
  async startAgain(): Promise<void> {
    await this.#run(new URL(this.url).host);
  }

  async remove(): Promise<void> {
    await this.kill();
    await rm(this.#dir, { recursive: true, force: true });
  }

  async #run(listen: string): Promise<void> {
    const args = [
      "serve",
      "--json",
      "--quiet",
      "--listen",
      listen,
      "--data",
      join(this.#dir, "data"),
      ...this.#more,
    ];
    const child = spawn(PROGRAM, args, { stdio: ["ignore", "pipe", "inherit"] });
    this.#child = child;
    const kill = () => child.kill("SIGKILL");
    process.once("exit", kill);
    const ended = once(child, "exit").then(([code]) => {
      process.removeListener("exit", kill);
      throw new Error(`the node ended with ${code} before it served`);
    });
    const line = once(createInterface({ input: child.stdout }), "line");
    const [text] = (await Promise.race([line, ended])) as [string];
    ended.catch(() => {});
    const { url, canister_id: canisterId } = JSON.parse(text) as { url: string; canister_id: string };
    this.url = url;
    this.canisterId = canisterId;
  }
}
