// Where things are: the repository, the built packages, the photos beside the checkout.
// Owns paths and nothing else.

import { existsSync } from "node:fs";
import { dirname, join, resolve } from "node:path";

/** The checkout. */
export const repository = resolve(import.meta.dirname, "..", "..", "..");
const packages = join(repository, "web", "packages");
/** The page as Vite builds it. */
export const appDist = join(packages, "app", "dist");
/** The SDK's modules as tsc writes them. */
export const sdkDist = join(packages, "sdk", "dist");
/** The node's program. */
export const keepsakeProgram = process.env.KEEPSAKE_BIN ?? join(repository, "target", "debug", "keepsake");
const besideProgram = join(dirname(keepsakeProgram), "examples");
/** The example programs of the Rust crates: cargo puts them beside the others. */
export const examples = existsSync(besideProgram)
  ? besideProgram
  : join(repository, "target", "debug", "examples");

const photosFolder = join(repository, "..", "shared", "photos");

/** A photo from the folder beside the checkout; `undefined` where there is no such folder. */
export function photo(name: string): string | undefined {
  const path = join(photosFolder, name);
  return existsSync(path) ? path : undefined;
}

/** The ten photos of every EXIF orientation; none where there is no such folder. */
export function orientedPhotos(): string[] {
  return ["landscape", "portrait"]
    .flatMap((scene) => [1, 3, 5, 6, 8].map((orientation) => photo(`exif_${scene}_${orientation}.jpg`)))
    .filter((path) => path !== undefined);
}
