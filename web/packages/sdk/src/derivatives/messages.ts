// Owns what the page and the worker say to each other.

import type { FailureCode } from "./failure.js";
import type { DerivedImage } from "./types.js";

/** The page asks for one image at a time. */
export interface DeriveRequest {
  readonly source: Blob;
}

/** The worker's answer to the last request. */
export type DeriveReply =
  | { readonly kind: "made"; readonly image: DerivedImage }
  | { readonly kind: "no-image" }
  | { readonly kind: "failed"; readonly code: FailureCode; readonly message: string };
