// The words of lane B. Owns shapes only.

/** One derived picture. */
export interface Derivative {
  kind: "display" | "thumbnail" | "placeholder";
  bytes: Uint8Array;
  mimeType: string;
  width: number;
  height: number;
}

/** A picture that was decoded, and what was made of it. */
export interface DerivedImage {
  /** Pixels of the upright original. */
  width: number;
  height: number;
  /** EXIF orientation of the original, 1 to 8. */
  orientation: number;
  derivatives: Derivative[];
  takenAt?: Date;
}

/** Makes the derivatives; undefined where the bytes are no image that can be decoded here. */
export type Deriver = (source: Blob, options: { signal?: AbortSignal }) => Promise<DerivedImage | undefined>;
