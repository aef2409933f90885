// A real S3 server with a bucket that pages may write to: SeaweedFS, started by `s3-server`. Owns its life, and how a node is told of
// the bucket. KEEPSAKE_S3_SERVER names the program, KEEPSAKE_SEAWEEDFS the server that it starts; `cargo xtask test` sets both.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

const { KEEPSAKE_S3_SERVER: program, KEEPSAKE_SEAWEEDFS: server, CI } = process.env;

/** Why there is none here; `false` where there is one. Whoever tests in CI relies on it. */
export function missingS3(): string | false {
  if (program && server) {
    return false;
  }
  const why = "KEEPSAKE_S3_SERVER and KEEPSAKE_SEAWEEDFS name no S3 server: run cargo xtask test sdk";
  if (CI) {
    throw new Error(why);
  }
  return why;
}

interface Said {
  endpoint: string;
  bucket: string;
  region: string;
  access_key: string;
  secret_key: string;
}

export class RunningS3 {
  /** Where it listens. */
  readonly url: string;
  readonly bucket: string;
  readonly #region: string;
  readonly #child: ChildProcess;
  readonly #folder: string;

  private constructor(said: Said, child: ChildProcess, folder: string) {
    this.url = said.endpoint;
    this.bucket = said.bucket;
    this.#region = said.region;
    this.#child = child;
    this.#folder = folder;
  }

  /** Pages of these origins may write to its bucket; of all, where none is named. */
  static async start(origins: readonly string[] = []): Promise<RunningS3> {
    // It ends with its standard input, which is open as long as this process is there.
    const args = ["--bucket", "photos", ...origins.flatMap((origin) => ["--origin", origin])];
    const child = spawn(program ?? "", args, { stdio: ["pipe", "pipe", "inherit"] });
    const ended = once(child, "exit").then(([code]) => {
      throw new Error(`${program} ended with ${code} before it served`);
    });
    const line = once(createInterface({ input: child.stdout }), "line");
    const [text] = (await Promise.race([line, ended])) as [string];
    ended.catch(() => {});
    const said = JSON.parse(text) as Said;
    const folder = await mkdtemp(join(tmpdir(), "keepsake-s3-keys-"));
    const keys = `AWS_ACCESS_KEY_ID = ${said.access_key}\nAWS_SECRET_ACCESS_KEY = ${said.secret_key}\n`;
    await writeFile(join(folder, "keys"), keys, { mode: 0o600 });
    return new RunningS3(said, child, folder);
  }

  /** Options of a node that keeps originals here, from so many bytes on. `at`: where its clients reach the server. */
  options(fromBytes: number, at = this.url): string[] {
    const keys = join(this.#folder, "keys");
    const where = ["--s3", this.url, "--s3-public", at, "--s3-bucket", this.bucket];
    return [...where, "--s3-region", this.#region, "--s3-keys", keys, "--s3-from", String(fromBytes)];
  }

  async remove(): Promise<void> {
    const ended = once(this.#child, "exit");
    this.#child.stdin?.end();
    await ended;
    await rm(this.#folder, { recursive: true, force: true });
  }
}
