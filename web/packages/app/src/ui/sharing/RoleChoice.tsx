// A choice among the four roles: in a form, or in a row about somebody. It owns their order: what may least comes first.

import type { Role } from "@keepsake/sdk";
import { text } from "../../text.js";

const ROLES: Role[] = ["guest", "member", "admin", "owner"];

export interface RoleProps {
  value: Role;
  onChange: (role: Role) => void;
}

/** In a form: says what each may. */
export function RoleField({ value, onChange }: RoleProps) {
  return (
    <label>
      {text.sharing.role}
      <select value={value} onChange={(event) => onChange(event.currentTarget.value as Role)}>
        {options(text.sharing.roleHelp)}
      </select>
    </label>
  );
}

/** In somebody's row: one word each. It shows what is so until that has changed. */
export function RoleChoice({ value, onChange, label }: RoleProps & { label: string }) {
  return (
    <select
      aria-label={label}
      value={value}
      onChange={(event) => {
        const role = event.currentTarget.value as Role;
        event.currentTarget.value = value;
        onChange(role);
      }}
    >
      {options(text.sharing.roles)}
    </select>
  );
}

function options(words: Record<Role, string>) {
  return ROLES.map((name) => (
    <option key={name} value={name}>
      {words[name]}
    </option>
  ));
}
