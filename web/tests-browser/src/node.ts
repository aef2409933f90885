// A real node: `keepsake serve` with a temporary data directory, that tests may kill and start again.
// Owns the process and its directory. KEEPSAKE_BIN names the program; else target/debug/keepsake.

import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { keepsakeProgram } from "./places.ts";
import { type Greeting, type Serving, serve } from "./serving.ts";

/** A node and its data. */
export class RunningNode {
  readonly #dir: string;
  readonly #options: readonly string[];
  #child: ChildProcess;
  /** Such as `http://127.0.0.1:40123`; the same after a restart. */
  readonly url: string;
  readonly canisterId: string;

  private constructor(dir: string, options: readonly string[], child: ChildProcess, greeting: Greeting) {
    this.#dir = dir;
    this.#options = options;
    this.#child = child;
    this.url = greeting.url;
    this.canisterId = greeting.canister_id;
  }

  /** Resolves when it answers. `options` go to `keepsake serve`. */
  static async start(options: readonly string[] = []): Promise<RunningNode> {
    const dir = await mkdtemp(join(tmpdir(), "keepsake-browser-"));
    const { child, greeting } = await serveNode(dir, "127.0.0.1:0", options);
    return new RunningNode(dir, options, child, greeting);
  }

  /** Where its data are. */
  get data(): string {
    return join(this.#dir, "data");
  }

  get isRunning(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** kill -9: nothing is finished, nothing is written. */
  async kill(): Promise<void> {
    await this.#end("SIGKILL");
  }

  /** The same address and the same data again, with more options if some are given. */
  async startAgain(more: readonly string[] = []): Promise<void> {
    const { child } = await serveNode(this.#dir, new URL(this.url).host, [...this.#options, ...more]);
    this.#child = child;
  }

  /** Stops it and removes its data. */
  async remove(): Promise<void> {
    await this.#end("SIGTERM");
    await rm(this.#dir, { recursive: true, force: true });
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    if (this.isRunning) {
      const ended = once(this.#child, "exit");
      this.#child.kill(signal);
      await ended;
    }
  }
}

function serveNode(dir: string, address: string, options: readonly string[]): Promise<Serving> {
  const data = join(dir, "data");
  const args = ["serve", "--json", "--quiet", "--listen", address, "--data", data, ...options];
  return serve(keepsakeProgram, args, "keepsake-cli");
}
