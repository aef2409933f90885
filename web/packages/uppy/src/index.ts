// The public surface of @keepsake/uppy: the uploader plugin and its types. It owns no behaviour.

export type { KeepsakeBody, KeepsakeUploaderOptions } from "./plugin.js";
export { KeepsakeUploader } from "./plugin.js";
