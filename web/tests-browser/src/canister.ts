// The canister's real module behind the Internet Computer's interface and HTTP gateway: `keepsake-wasm-server`.
// Owns the process. KEEPSAKE_WASM_SERVER names the program, KEEPSAKE_WASM the module; `cargo xtask test` sets both.

import { once } from "node:events";
import { type Serving, serve } from "./serving.ts";

const { KEEPSAKE_WASM_SERVER: program, KEEPSAKE_WASM: module, CI } = process.env;

/** The argument of the installation: `(opt record { admission = opt variant { Everybody } })`. */
const FOR_EVERYBODY = "4449444c046e016c01c9bbc8c507026e036b019d9fc28c027f0100010100";

/** A canister, empty, that forgets everything when it is removed. */
export class RunningCanister {
  readonly #serving: Serving;
  /** Where agents reach it by an address, such as `http://127.0.0.1:40123`. */
  readonly url: string;
  /** Where browsers reach its pages, such as `http://<canister-id>.localhost:40123`; agents too. */
  readonly pageUrl: string;
  readonly canisterId: string;

  private constructor(serving: Serving) {
    this.#serving = serving;
    this.url = serving.greeting.url;
    this.pageUrl = serving.greeting.gateway ?? "";
    this.canisterId = serving.greeting.canister_id;
  }

  /** Why there is none here, if so. Whoever tests in CI relies on it. */
  static missing(): string | undefined {
    if (program && module) {
      return undefined;
    }
    const why =
      "KEEPSAKE_WASM_SERVER and KEEPSAKE_WASM name no server and module: run cargo xtask test browser";
    if (CI) {
      throw new Error(why);
    }
    return why;
  }

  /** Resolves when it answers. `options` go to `keepsake-wasm-server`. */
  static async start(options: readonly string[] = []): Promise<RunningCanister> {
    const args = ["--module", module ?? "", "--arg-hex", FOR_EVERYBODY, ...options];
    // It ends with its standard input, which is open as long as this process is there.
    return new RunningCanister(await serve(program ?? "", args, "keepsake-wasm-server", "pipe"));
  }

  async remove(): Promise<void> {
    const { child } = this.#serving;
    if (child.exitCode === null && child.signalCode === null) {
      const ended = once(child, "exit");
      child.kill("SIGTERM");
      await ended;
    }
  }
}
