// Who may do what in the open capsule: the members, a form to give access, buttons to take it away.
// It owns the list of members while it is open.

import { Principal } from "@icp-sdk/core/principal";
import type { CapsuleMember, Role } from "@keepsake/sdk";
import { useEffect, useState } from "preact/hooks";
import { account } from "../state/account.js";
import { capsuleName, hasRole, openCapsule } from "../state/capsules.js";
import { explain } from "../state/explain.js";
import { notify } from "../state/notices.js";
import { text } from "../text.js";
import { Confirm } from "./Confirm.js";
import { LinkSharing } from "./LinkSharing.js";
import { Modal } from "./Modal.js";

const ROLES: Role[] = ["guest", "member", "admin", "owner"];

export function SharingDialog(props: { onClose: () => void }) {
  const capsule = openCapsule.value;
  const [members, setMembers] = useState<CapsuleMember[] | undefined>(undefined);
  const [failure, setFailure] = useState<string | undefined>(undefined);
  const id = capsule?.id;
  const load = async () => {
    if (id === undefined) return;
    try {
      setMembers((await account().keepsake.capsules.read(id)).members);
    } catch (error) {
      setFailure(explain(error));
    }
  };
  useEffect(() => {
    void load();
  }, [id]);
  if (capsule === undefined) return null;
  const change = async (deed: Promise<void>, said: string) => {
    try {
      setFailure(undefined);
      await deed;
      notify("info", said);
    } catch (error) {
      setFailure(explain(error));
    }
    await load();
  };
  const isOwner = hasRole(capsule, "owner");
  const { keepsake } = account();
  const isPublic = members?.some(({ principal }) => principal.isAnonymous()) ?? false;
  const setPublic = (wanted: boolean) => {
    const everybody = Principal.anonymous();
    return wanted
      ? change(keepsake.capsules.grant(capsule.id, everybody, "guest"), text.notices.madePublic)
      : change(keepsake.capsules.revoke(capsule.id, everybody), text.notices.madePrivate);
  };
  return (
    <Modal title={text.sharing.title(capsuleName(capsule))} onClose={props.onClose}>
      {isOwner ? (
        <GrantForm
          onGrant={(who, role) => change(keepsake.capsules.grant(capsule.id, who, role), text.notices.shared)}
          onWrong={setFailure}
        />
      ) : (
        <p class="quiet">{text.sharing.ownersOnly}</p>
      )}
      {failure === undefined ? null : <p role="alert">{failure}</p>}
      {members === undefined ? null : (
        <LinkSharing capsuleId={capsule.id} isPublic={isPublic} onChange={isOwner ? setPublic : undefined} />
      )}
      <h3>{text.sharing.members}</h3>
      <ul class="members">
        {(members ?? []).map((member) => (
          <Member
            key={member.principal.toText()}
            member={member}
            capsule={capsuleName(capsule)}
            onRevoke={
              isOwner
                ? (said) => change(keepsake.capsules.revoke(capsule.id, member.principal), said)
                : undefined
            }
          />
        ))}
      </ul>
    </Modal>
  );
}

function Member(props: {
  member: CapsuleMember;
  capsule: string;
  onRevoke?: (said: string) => Promise<void>;
}) {
  const { principal, role } = props.member;
  const [isAsking, setAsking] = useState(false);
  const who = principal.isAnonymous() ? text.sharing.everybody : principal.toText();
  const isSelf = who === account().principal;
  return (
    <li>
      <code class="principal">{who}</code>
      <span>
        {text.sharing.roles[role]}
        {isSelf ? ` (${text.sharing.you})` : ""}
      </span>
      {props.onRevoke === undefined ? null : (
        <button
          type="button"
          aria-label={isSelf ? text.sharing.leaveTitle(props.capsule) : text.sharing.revokeFrom(who)}
          onClick={() => (isSelf ? setAsking(true) : void props.onRevoke?.(text.notices.revoked))}
        >
          {isSelf ? text.sharing.leave : text.sharing.revoke}
        </button>
      )}
      {isAsking ? (
        <Confirm
          title={text.sharing.leaveTitle(props.capsule)}
          lead={text.sharing.leaveLead}
          action={text.sharing.leave}
          onCancel={() => setAsking(false)}
          onConfirm={async () => {
            await props.onRevoke?.(text.notices.left(props.capsule));
            setAsking(false);
          }}
        />
      ) : null}
    </li>
  );
}

function GrantForm(props: {
  onGrant: (who: Principal, role: Role) => Promise<void>;
  onWrong: (message: string) => void;
}) {
  const [who, setWho] = useState("");
  const [role, setRole] = useState<Role>("guest");
  const grant = async () => {
    const principal = parse(who);
    if (principal === undefined) return props.onWrong(text.errors.principal);
    await props.onGrant(principal, role);
    setWho("");
  };
  return (
    <form
      class="form grant"
      onSubmit={(event) => {
        event.preventDefault();
        void grant();
      }}
    >
      <label>
        {text.sharing.principal}
        <input
          required
          spellcheck={false}
          autocomplete="off"
          value={who}
          onInput={(event) => setWho(event.currentTarget.value)}
        />
      </label>
      <label>
        {text.sharing.role}
        <select value={role} onChange={(event) => setRole(event.currentTarget.value as Role)}>
          {ROLES.map((name) => (
            <option key={name} value={name}>
              {text.sharing.roleHelp[name]}
            </option>
          ))}
        </select>
      </label>
      <button type="submit" class="primary">
        {text.sharing.grant}
      </button>
    </form>
  );
}

function parse(words: string): Principal | undefined {
  try {
    return Principal.fromText(words.trim());
  } catch {
    return undefined;
  }
}
