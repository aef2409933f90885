// Programs that serve: started, and waited for until they say where. Owns the line of JSON that they begin with.

import { type ChildProcess, type StdioOptions, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";

/** Something that answers as the service, for the length of a test. */
export interface Host {
  readonly url: string;
  readonly canisterId: string;
  /** Ends it and takes its data away. */
  remove(): Promise<void>;
}

/** Such a program, and what it said. */
export interface Serving {
  child: ChildProcess;
  url: string;
  canisterId: string;
}

/** Resolves once the program has said where it serves. It ends with this process. */
export async function serve(
  program: string,
  args: string[],
  stdin: "ignore" | "pipe" = "ignore",
): Promise<Serving> {
  const stdio: StdioOptions = [stdin, "pipe", "inherit"];
  const child = spawn(program, args, { stdio });
  const kill = () => child.kill("SIGKILL");
  process.once("exit", kill);
  const ended = once(child, "exit").then(([code]) => {
    process.removeListener("exit", kill);
    throw new Error(`${program} ended with ${code} before it served`);
  });
  if (!child.stdout) {
    throw new Error(`${program} has no standard output`);
  }
  const line = once(createInterface({ input: child.stdout }), "line");
  const [text] = (await Promise.race([line, ended])) as [string];
  ended.catch(() => {});
  const { url, canister_id: canisterId } = JSON.parse(text) as { url: string; canister_id: string };
  return { child, url, canisterId };
}

/** The power goes: nothing is said, nothing is flushed. */
export async function kill(child: ChildProcess | undefined): Promise<void> {
  if (child && child.exitCode === null && child.signalCode === null) {
    const ended = once(child, "exit");
    child.kill("SIGKILL");
    await ended;
  }
}
