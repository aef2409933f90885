// A secret of 16 bytes as text: 22 characters of base64 for addresses, without padding. Owns the form: one text for one secret.

const SECRET_BYTES = 16;
const TEXT = /^[A-Za-z0-9_-]{22}$/;

/** New, from the system's own randomness. */
export function randomSecret(bytes = SECRET_BYTES): Uint8Array<ArrayBuffer> {
  return crypto.getRandomValues(new Uint8Array(bytes));
}

export function textOf(secret: Uint8Array): string {
  const text = btoa(String.fromCharCode(...secret));
  return text.replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}

/** Undefined for another length, other characters, or another spelling of the same bytes. */
export function secretOfText(text: string): Uint8Array<ArrayBuffer> | undefined {
  if (!TEXT.test(text)) {
    return undefined;
  }
  const bytes = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  const secret = Uint8Array.from(bytes, (byte) => byte.charCodeAt(0));
  return textOf(secret) === text ? secret : undefined;
}
