// The fault proxy before a node, as a program: what goes wrong on a line or in a proxy, the same for every client. Owns its
// start and the two lines that it speaks; the page's tests use it too. KEEPSAKE_BIN names the node's program, beside which it
// lies; else the debug build of this checkout.

import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const NAME = "keepsake-fault-proxy";
const BESIDE = join(dirname(process.env.KEEPSAKE_BIN ?? ""), NAME);
const FAULT_PROXY = existsSync(BESIDE)
  ? BESIDE
  : fileURLToPath(new URL(`../../../../target/debug/${NAME}`, import.meta.url));

/** What it stands before. */
interface Upstream {
  readonly url: string;
  readonly canisterId: string;
}

/** What goes wrong from now on, all of it optional: `crates/keepsake-fault-proxy/src/plan.rs` says what each means. */
export interface Plan {
  answer?: {
    status: number;
    retry_after?: number;
    times?: number;
    after?: number;
    method?: "PUT" | "POST" | "GET";
    for_ms?: number;
  };
  lose_requests?: number;
  lose_replies?: number;
  cut_replies?: number;
  faults_at?: string;
  body_max?: number;
  stall?: { after_bytes: number; ms: number };
  dead?: { connections: number; after_bytes: number };
  seed?: number;
}

/** What happened since it started. */
export interface Counts {
  connections: number;
  requests: number;
  updates: number;
  queries: number;
  puts: number;
  answered: number;
  lost: number;
  cut: number;
  dead: number;
  bytes: number;
}

export class FaultProxy implements Upstream {
  readonly url: string;
  readonly canisterId: string;
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #lines: AsyncIterator<string>;

  private constructor(
    canisterId: string,
    url: string,
    child: ChildProcessWithoutNullStreams,
    lines: AsyncIterator<string>,
  ) {
    this.canisterId = canisterId;
    this.url = url;
    this.#child = child;
    this.#lines = lines;
  }

  static async before({ url, canisterId }: Upstream, plan: Plan = {}): Promise<FaultProxy> {
    if (!existsSync(FAULT_PROXY)) {
      throw new Error(`there is no ${FAULT_PROXY}: build it with cargo build -p ${NAME}`);
    }
    // It ends with its standard input, which is open as long as this process is there.
    const child = spawn(FAULT_PROXY, ["--upstream", new URL(url).host]);
    child.stderr.pipe(process.stderr);
    await once(child, "spawn");
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    const proxy = new FaultProxy(canisterId, (await lines.next()).value, child, lines);
    await proxy.set(plan);
    return proxy;
  }

  /** From now on this goes wrong, and nothing else. */
  async set(plan: Plan): Promise<void> {
    const told = await this.#ask(JSON.stringify(plan));
    if (told !== "ok") {
      throw new Error(told);
    }
  }

  async counts(): Promise<Counts> {
    return JSON.parse(await this.#ask("")) as Counts;
  }

  async remove(): Promise<void> {
    const ended = once(this.#child, "exit");
    this.#child.stdin.end();
    await ended;
  }

  async #ask(line: string): Promise<string> {
    this.#child.stdin.write(`${line}\n`);
    return (await this.#lines.next()).value;
  }
}
