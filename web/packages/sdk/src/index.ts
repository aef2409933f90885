// What `@keepsake/sdk` offers. Owns the list and nothing else.

export type { CapsulesClient } from "./capsules.js";
export { type ErrorCode, MEANINGS } from "./codes.js";
export type { Service } from "./connection.js";
export { browserDeriver, missingForDerivatives } from "./derivatives/browser.js";
export type * from "./derivatives/types.js";
export type { DevicesClient } from "./devices.js";
export { type ClientCode, type KeepsakeCode, KeepsakeError, type KeepsakeErrorKind } from "./errors.js";
export { codeFromWords, wordsOfCode } from "./identity/code.js";
export {
  browserIdentity,
  forgetIdentity,
  type KeptIdentity,
  keepIdentity,
  keptBrowserIdentity,
  keptIdentity,
} from "./identity/kept.js";
export { linkFragment, linkIdentity, newLinkSecret, type ParsedLink, parseLink } from "./identity/link.js";
export {
  type CreatePasskeyOptions,
  createPasskey,
  forgetPasskeySession,
  keptPasskeySession,
  type Passkey,
  type PasskeySession,
  passkeysAvailable,
  type UsePasskeyOptions,
  usePasskey,
} from "./identity/passkey.js";
export { newRecoveryWords, recoveryIdentity } from "./identity/recovery.js";
export type { InvitationsClient } from "./invitations.js";
export { Keepsake } from "./keepsake.js";
export type { LinksClient } from "./links.js";
export { isMainnet } from "./mainnet.js";
export type { MemoriesClient } from "./memories.js";
export type { PeopleClient } from "./people.js";
export { forgetUploadNames, indexedDbStore } from "./resume-store.js";
export type { SessionsClient } from "./sessions.js";
export type * from "./types.js";
export type * from "./upload/types.js";
export { Upload } from "./upload.js";
