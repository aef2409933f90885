// What `@keepsake/sdk` offers. Owns the list and nothing else.

export { browserIdentity, keptBrowserIdentity } from "./browser-key.js";
export type { CapsulesClient } from "./capsules.js";
export { type ErrorCode, MEANINGS } from "./codes.js";
export type { Service } from "./connection.js";
export { browserDeriver, missingForDerivatives } from "./derivatives/browser.js";
export type * from "./derivatives/types.js";
export { type ClientCode, type KeepsakeCode, KeepsakeError, type KeepsakeErrorKind } from "./errors.js";
export { Keepsake } from "./keepsake.js";
export { isMainnet } from "./mainnet.js";
export type { MemoriesClient } from "./memories.js";
export { indexedDbStore } from "./resume-store.js";
export type { SessionsClient } from "./sessions.js";
export type * from "./types.js";
export type * from "./upload/types.js";
export { Upload } from "./upload.js";
