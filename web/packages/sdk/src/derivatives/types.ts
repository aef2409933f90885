// Owns what lane B hands over: the derivatives of one image. Does not own how they are made.

/** Which derivative of a photo. */
export type DerivativeKind = "display" | "thumbnail" | "placeholder";

/** One encoded derivative: upright, in sRGB, without metadata. */
export interface Derivative {
  kind: DerivativeKind;
  bytes: Uint8Array<ArrayBuffer>;
  /** `image/jpeg`; when at least one pixel is not opaque `image/png`, or lossless `image/webp` where that is too large. */
  mimeType: string;
  /** Pixels. */
  width: number;
  /** Pixels. */
  height: number;
}

/** The derivatives of one image, and what its file says about the original. */
export interface DerivedImage {
  /** Pixels of the original as shown upright. */
  width: number;
  /** Pixels of the original as shown upright. */
  height: number;
  /** EXIF orientation 1 to 8 as stored in the file; 1 when there is none. */
  orientation: number;
  /** Display, thumbnail and placeholder, in this order. */
  derivatives: Derivative[];
  /** When the camera took it, where the file says so. */
  takenAt?: Date;
}

/**
 * Makes the derivatives of an image. Resolves with `undefined` when the bytes are no image that can be decoded
 * here: the original is then kept alone.
 *
 * Rejects with a `KeepsakeError` of kind `Derivation` when the image is damaged or larger than the limits, and of
 * kind `Aborted` when `signal` says so.
 */
export type Deriver = (source: Blob, options: { signal?: AbortSignal }) => Promise<DerivedImage | undefined>;
