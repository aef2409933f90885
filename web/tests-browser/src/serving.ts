// Programs that serve: started, and waited for until they say where. Owns the line of JSON that they begin with.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";

/** What a program says once it serves. */
export interface Greeting {
  url: string;
  canister_id: string;
  /** Address of the canister's own pages, where the program is an HTTP gateway too. */
  gateway?: string;
}

export interface Serving {
  child: ChildProcess;
  greeting: Greeting;
}

/** Resolves once it serves. The program ends with this process; `crate` is what builds it. */
export async function serve(
  program: string,
  args: readonly string[],
  crate: string,
  stdin: "ignore" | "pipe" = "ignore",
): Promise<Serving> {
  const child = spawn(program, args, { stdio: [stdin, "pipe", "inherit"] });
  const kill = () => child.kill("SIGKILL");
  process.once("exit", kill);
  child.once("exit", () => process.removeListener("exit", kill));
  const failed = once(child, "exit").then(([code]) => {
    throw new Error(`${program} ended with ${code} before it served: build it with cargo build -p ${crate}`);
  });
  if (!child.stdout) {
    throw new Error(`${program} has no standard output`);
  }
  const line = once(createInterface({ input: child.stdout }), "line");
  const [text] = (await Promise.race([line, failed])) as [string];
  failed.catch(() => undefined);
  return { child, greeting: JSON.parse(text) as Greeting };
}
