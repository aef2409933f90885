// The other side of comparisons: the crate `keepsake-derivatives`, by its two example programs.
// Owns calling them. They are built by `cargo build -p keepsake-derivatives --examples`.

import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { examples } from "./places.ts";

/** One derivative as the Rust side made it. */
export interface RustDerivative {
  readonly kind: string;
  readonly path: string;
  readonly mimeType: string;
  readonly width: number;
  readonly height: number;
  readonly bytes: number;
}

/** The derivatives of one file, or why there are none. */
export interface RustImage {
  readonly file: string;
  readonly error?: string;
  readonly width: number;
  readonly height: number;
  readonly orientation: number;
  readonly mimeType: string;
  readonly derivatives: readonly RustDerivative[];
}

/** Derives files, in their order; the derivatives are written into `folder`. */
export function rustDerivatives(files: readonly string[], folder: string): RustImage[] {
  mkdirSync(folder, { recursive: true });
  const lines = run("derive", [folder, ...files])
    .trim()
    .split("\n");
  return lines.map((line) => JSON.parse(line) as RustImage);
}

/** Writes images of every format, orientation and shape into `folder`. */
export function makeImages(folder: string): void {
  mkdirSync(folder, { recursive: true });
  run("images", [folder]);
}

function run(example: string, args: readonly string[]): string {
  const program = join(examples, example);
  if (!existsSync(program)) {
    throw new Error(`no ${program}: build it with cargo build -p keepsake-derivatives --examples`);
  }
  return execFileSync(program, args, { encoding: "utf8", maxBuffer: 64 * 1024 * 1024 });
}
