// A real node for the tests of this package: `keepsake serve` over a temporary directory.
// KEEPSAKE_BIN names the program; else target/debug/keepsake. It owns the process and the directory.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

const REPOSITORY = join(import.meta.dirname, "..", "..", "..", "..");
const PROGRAM = process.env.KEEPSAKE_BIN ?? join(REPOSITORY, "target", "debug", "keepsake");

export class NodeProcess {
  readonly #dir: string;
  readonly #options: readonly string[];
  #child: ChildProcess;
  readonly url: string;
  readonly canisterId: string;

  private constructor(
    dir: string,
    options: readonly string[],
    child: ChildProcess,
    said: { url: string; canister_id: string },
  ) {
    this.#dir = dir;
    this.#options = options;
    this.#child = child;
    this.url = said.url;
    this.canisterId = said.canister_id;
  }

  /** `options` go to `keepsake serve`. */
  static async start(options: readonly string[] = []): Promise<NodeProcess> {
    const dir = await mkdtemp(join(tmpdir(), "keepsake-uppy-"));
    const { child, said } = await serve(dir, "127.0.0.1:0", options);
    return new NodeProcess(dir, options, child, said);
  }

  /** kill -9. */
  async kill(): Promise<void> {
    await this.#end("SIGKILL");
  }

  /** The same address and data again. */
  async startAgain(): Promise<void> {
    this.#child = (await serve(this.#dir, new URL(this.url).host, this.#options)).child;
  }

  async remove(): Promise<void> {
    await this.#end("SIGTERM");
    await rm(this.#dir, { recursive: true, force: true });
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = once(this.#child, "exit");
    this.#child.kill(signal);
    await ended;
  }
}

async function serve(dir: string, address: string, options: readonly string[]) {
  const child = spawn(
    PROGRAM,
    ["serve", "--json", "--quiet", "--listen", address, "--data", join(dir, "data"), ...options],
    {
      stdio: ["ignore", "pipe", "inherit"],
    },
  );
  const kill = () => child.kill("SIGKILL");
  process.once("exit", kill);
  child.once("exit", () => process.removeListener("exit", kill));
  const failed = once(child, "exit").then(([code]) => {
    throw new Error(
      `${PROGRAM} ended with ${code} before it served: build it with cargo build -p keepsake-cli`,
    );
  });
  const line = once(createInterface({ input: child.stdout }), "line");
  const [text] = (await Promise.race([line, failed])) as [string];
  failed.catch(() => undefined);
  return { child, said: JSON.parse(text) as { url: string; canister_id: string } };
}
