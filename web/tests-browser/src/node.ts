// A real node: `keepsake serve` with a temporary data directory, that tests may kill and start again.
// Owns the process and its directory. KEEPSAKE_BIN names the program; else target/debug/keepsake.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { keepsakeProgram } from "./places.ts";

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
    const { child, greeting } = await serve(dir, "127.0.0.1:0", options);
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

  /** The same address and the same data again. */
  async startAgain(): Promise<void> {
    const { child } = await serve(this.#dir, new URL(this.url).host, this.#options);
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

/** What the node says once it serves. */
interface Greeting {
  url: string;
  canister_id: string;
}

async function serve(dir: string, address: string, options: readonly string[]) {
  const data = join(dir, "data");
  const child = spawn(
    keepsakeProgram,
    ["serve", "--json", "--quiet", "--listen", address, "--data", data, ...options],
    {
      stdio: ["ignore", "pipe", "inherit"],
    },
  );
  const kill = () => child.kill("SIGKILL");
  process.once("exit", kill);
  child.once("exit", () => process.removeListener("exit", kill));
  const failed = once(child, "exit").then(([code]) => {
    throw new Error(
      `${keepsakeProgram} ended with ${code} before it served: build it with cargo build -p keepsake-cli`,
    );
  });
  const line = once(createInterface({ input: child.stdout }), "line");
  const [text] = (await Promise.race([line, failed])) as [string];
  failed.catch(() => undefined);
  return { child, greeting: JSON.parse(text) as Greeting };
}
