// A real node: `keepsake serve` on a free port with a temporary data directory.
// Owns its start and stop. KEEPSAKE_BIN names the program; `cargo xtask test agents` sets it.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

/** Starts a node; resolves when it answers. */
export async function startNode() {
  const program = process.env.KEEPSAKE_BIN;
  if (!program) {
    throw new Error("set KEEPSAKE_BIN to the keepsake program, or run `cargo xtask test agents`");
  }
  const dir = await mkdtemp(join(tmpdir(), "keepsake-agents-"));
  const child = spawn(program, ["serve", "--json", "--quiet", "--listen", "127.0.0.1:0", "--data", join(dir, "data")], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const kill = () => child.kill("SIGKILL");
  process.once("exit", kill);
  const ended = once(child, "exit");
  const line = await Promise.race([
    once(createInterface({ input: child.stdout }), "line"),
    ended.then(([code]) => Promise.reject(new Error(`the node ended with ${code} before it served`))),
  ]);
  const { url, canister_id: canisterId } = JSON.parse(line[0]);
  return {
    url,
    canisterId,
    /** Stops it gracefully and removes its data. */
    async stop() {
      child.kill("SIGTERM");
      const [code] = await ended;
      process.removeListener("exit", kill);
      await rm(dir, { recursive: true, force: true });
      if (code !== 0) {
        throw new Error(`the node ended with ${code}`);
      }
    },
  };
}
