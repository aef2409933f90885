// What this person calls themselves, and their colour, to whom they share with. It owns the question for both.

import { useEffect } from "preact/hooks";
import { shortPrincipal } from "../format.js";
import { account } from "../state/account.js";
import { loadPeople, me, nameMyself } from "../state/people.js";
import { text } from "../text.js";
import { LookForm } from "./LookForm.js";

export function OwnName() {
  useEffect(() => {
    if (me.peek() === undefined) void loadPeople();
  }, []);
  if (me.value === undefined) return null;
  const { name, colour } = me.value;
  return (
    <LookForm
      look={{ name, colour }}
      label={text.people.ownName}
      help={text.people.ownNameHelp(shortPrincipal(account().principal))}
      onSave={nameMyself}
    />
  );
}
