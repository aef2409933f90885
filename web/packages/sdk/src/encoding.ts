// Whether an argument is one that a method takes. Owns the question only: it is asked when a message failed before it was
// sent, so that a value of a wrong type is never blamed on the host.

import { Actor, AgentError } from "@icp-sdk/core/agent";
import { IDL } from "@icp-sdk/core/candid";
import { KeepsakeError } from "./errors.js";

const REASON_CHARS_MAX = 300;

/** What `thrown` means if `method` of `service` does not take `args`: none where it does. */
export function encodingError(
  service: object,
  method: string,
  args: unknown[],
  thrown: unknown,
): KeepsakeError | undefined {
  if (thrown instanceof AgentError || thrown instanceof KeepsakeError) {
    return undefined;
  }
  const { _fields } = Actor.interfaceOf(service as Actor);
  const types = _fields.find(([name]) => name === method)?.[1].argTypes ?? [];
  try {
    IDL.encode(types, args);
    return undefined;
  } catch (cause) {
    const message = `${method}: ${reason(cause)}: check the type of what was passed`;
    return new KeepsakeError("InvalidArgument", message, { code: "bad_argument", cause });
  }
}

/** The encoder names the whole record first, then the way to the wrong value, line by line, and the value at the end. */
function reason(thrown: unknown): string {
  const lines = (thrown instanceof Error ? thrown.message : String(thrown)).trim().split("\n");
  const way = lines.flatMap((line) => /^(?:field|index|variant) (\S+) ->/.exec(line)?.[1] ?? []);
  const value = (lines.at(-1) ?? "").replace(/^.*-> /, "").slice(0, REASON_CHARS_MAX);
  return way.length > 0 ? `${way.join(".")}: ${value}` : value;
}
