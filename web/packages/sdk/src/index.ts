// What `@keepsake/sdk` offers. Owns the list and nothing else.

export { type ErrorCode, MEANINGS } from "./codes.js";
export type * from "./derivatives/types.js";
export { type ClientCode, KeepsakeError, type KeepsakeErrorKind } from "./errors.js";
export type * from "./types.js";
export type * from "./upload/types.js";
