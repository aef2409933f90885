// A real S3 server for the tests of this package: SeaweedFS, started by `s3-server`. KEEPSAKE_S3_SERVER names that program,
// KEEPSAKE_SEAWEEDFS the server; `cargo xtask test` sets both. It owns the process, and the file with its keys.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

const { KEEPSAKE_S3_SERVER: program, KEEPSAKE_SEAWEEDFS: server, CI } = process.env;

/** Why there is none here; `false` where there is one. Whoever tests in CI relies on it. */
export function missingS3(): string | false {
  if (program && server) return false;
  const why = "KEEPSAKE_S3_SERVER and KEEPSAKE_SEAWEEDFS name no S3 server: run cargo xtask test sdk";
  if (CI) throw new Error(why);
  return why;
}

export class S3Process {
  readonly url: string;
  /** For a node that keeps originals there, all of them. */
  readonly options: readonly string[];
  readonly #child: ChildProcess;
  readonly #dir: string;

  private constructor(url: string, options: readonly string[], child: ChildProcess, dir: string) {
    this.url = url;
    this.options = options;
    this.#child = child;
    this.#dir = dir;
  }

  static async start(): Promise<S3Process> {
    // It ends with its standard input, which is open as long as this process is there.
    const child = spawn(program ?? "", [], { stdio: ["pipe", "pipe", "inherit"] });
    const failed = once(child, "exit").then(([code]) => {
      throw new Error(`${program} ended with ${code} before it served`);
    });
    const line = once(createInterface({ input: child.stdout }), "line");
    const [text] = (await Promise.race([line, failed])) as [string];
    failed.catch(() => undefined);
    const said = JSON.parse(text) as Record<"endpoint" | "bucket" | "access_key" | "secret_key", string>;
    const dir = await mkdtemp(join(tmpdir(), "keepsake-uppy-s3-"));
    const keys = join(dir, "keys");
    const lines = `AWS_ACCESS_KEY_ID = ${said.access_key}\nAWS_SECRET_ACCESS_KEY = ${said.secret_key}\n`;
    await writeFile(keys, lines, { mode: 0o600 });
    const options = ["--s3", said.endpoint, "--s3-bucket", said.bucket, "--s3-keys", keys, "--s3-from", "1"];
    return new S3Process(said.endpoint, options, child, dir);
  }

  async remove(): Promise<void> {
    const ended = once(this.#child, "exit");
    this.#child.stdin?.end();
    await ended;
    await rm(this.#dir, { recursive: true, force: true });
  }
}
