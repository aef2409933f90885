// The canister's real module behind the Internet Computer's interface: `keepsake-wasm-server` on a free port.
// Owns its life. KEEPSAKE_WASM_SERVER names the program, KEEPSAKE_WASM the module; `cargo xtask test` sets both.

import { type Host, kill, type Serving, serve } from "./serving.js";

const { KEEPSAKE_WASM_SERVER: program, KEEPSAKE_WASM: module, CI } = process.env;

/** Why there is none here; `false` where there is one. Whoever tests in CI relies on it. */
export function missing(): string | false {
  if (program && module) {
    return false;
  }
  const why = "KEEPSAKE_WASM_SERVER and KEEPSAKE_WASM name no server and module: run cargo xtask test sdk";
  if (CI) {
    throw new Error(why);
  }
  return why;
}

/** The argument of the installation: `(opt record { admission = opt variant { Everybody } })`. */
const FOR_EVERYBODY = "4449444c046e016c01c9bbc8c507026e036b019d9fc28c027f0100010100";

export class RunningCanister implements Host {
  readonly url: string;
  readonly canisterId: string;
  readonly #child: Serving["child"];

  private constructor({ child, url, canisterId }: Serving) {
    this.#child = child;
    this.url = url;
    this.canisterId = canisterId;
  }

  static async start(): Promise<RunningCanister> {
    // It ends with its standard input, which is open as long as this process is there.
    return new RunningCanister(
      await serve(program ?? "", ["--module", module ?? "", "--arg-hex", FOR_EVERYBODY], "pipe"),
    );
  }

  async remove(): Promise<void> {
    await kill(this.#child);
  }
}
