// The English texts about who sees what: people, invitations, links, and capsules that others gave. Part of text.ts.

import type { Role } from "@keepsake/sdk";
import { isolated } from "./format.js";

export const sharingText = {
  sharing: {
    title: (name: string) => `Who can see “${isolated(name)}”`,
    principal: "Principal",
    byPrincipal: "By principal",
    byPrincipalHelp:
      "Give a role to somebody whose principal you know. It counts at once; they may leave again.",
    role: "Role",
    grant: "Give access",
    public: "Public",
    anyone: "Public: everybody may look",
    linkOpensForAll:
      "Everybody can open this capsule, also who was never given the link: addresses can be guessed.",
    linkOpensForMembers: "Off: only members and your links open it. This address works for members.",
    copyLink: "Copy the link",
    ownersOnly: "Only an owner can change who sees this capsule.",
    roles: { owner: "owner", admin: "admin", member: "member", guest: "guest" } satisfies Record<
      Role,
      string
    >,
    roleHelp: {
      guest: "Guest: looks",
      member: "Member: looks and adds",
      admin: "Admin: also deletes",
      owner: "Owner: also shares",
    } satisfies Record<Role, string>,
    ends: "Ends",
    endsAfter: { day: "after a day", week: "after a week", year: "after a year", never: "not by itself" },
    endsOn: (when: string) => `until ${when}`,
    endsNever: "no end",
    ended: "ended",
    onceShown: "It is shown once: copy it now.",
    done: "Done",
  },

  capsule: {
    of: (maker: string) => `Capsule of ${maker}`,
    madeBy: (who: string, when: string) => `Made by ${who} on ${when}.`,
    madeByYou: (when: string) => `You made it on ${when}.`,
    gift: (when: string, operator: string, to: string) =>
      `On ${when}, whoever runs this host (${operator}) made ${to} an owner.`,
    giftToYou: (when: string, operator: string) =>
      `On ${when}, whoever runs this host (${operator}) made you an owner.`,
    rename: "Rename",
    name: "Name of the capsule",
    nameHelp: "All members see it. Left empty, it is called by whom it is about.",
    leave: "Leave",
    leaveTitle: (name: string) => `Leave “${isolated(name)}”?`,
    leaveLead:
      "You will no longer see it, nor add to it. Only an owner can let you in again. What you added stays.",
    lastOwner:
      "You are the only owner. Before you leave, make somebody else an owner, and wait for their yes.",
  },

  people: {
    title: "People",
    you: "you",
    notAccepted: "has not said yes yet",
    withPrincipal: (name: string, principal: string) => `${name} (${principal})`,
    roleOf: (who: string) => `Role of ${who}`,
    more: "More",
    moreOf: (who: string) => `More about ${who}`,
    theirName: "What you call them",
    theirNameHelp:
      "Only you see it, on all of your devices. Left empty, they are called what they call themselves.",
    ownName: "Your name",
    ownNameHelp: (principal: string) =>
      `People whom you share a capsule with see it. Without a name you are ${principal} to them.`,
    addOwnName: "Say who you are",
    colour: "Colour",
    colours: {
      red: "Red",
      orange: "Orange",
      green: "Green",
      teal: "Teal",
      blue: "Blue",
      violet: "Violet",
      pink: "Pink",
      grey: "Grey",
    },
    noColour: "None chosen",
    otherColour: "The one of now",
    save: "Save",
    saved: "Saved.",
    copyPrincipal: (who: string) => `Copy the principal of ${who}`,
    takeAway: "Take away",
    takeAwayFrom: (who: string) => `Take away the access of ${who}`,
    roleChanged: (who: string, role: string) => `${isolated(who)}: ${role} from now on.`,
    lessTitle: (role: string) => `Make yourself ${role}?`,
    lessLead: "You will be able to do less here, and only another owner can change it back.",
    lessConfirm: "Change my role",
    readBy: (who: string) => `${who} what you add here.`,
    everybodySees: "Everybody sees",
    /** The names of two at most, and how many others there are. */
    whoSees: (names: readonly string[], others: number) => {
      const all = others === 0 ? names : [...names, others === 1 ? "1 other" : `${others} others`];
      const last = all.at(-1) ?? "";
      const list = all.length < 2 ? last : `${all.slice(0, -1).join(", ")} and ${last}`;
      return all.length === 1 && others < 2 ? `${list} sees` : `${list} see`;
    },
    linksSee: (count: number, isMore: boolean) => {
      const who = count === 1 ? "whoever has its link" : `whoever has one of its ${count} links`;
      return isMore ? `So does ${who}.` : `W${who.slice(1)} sees what you add here.`;
    },
    capsuleOf: (who: string) => `${who} made this capsule.`,
  },

  invites: {
    title: "Invitations",
    help: "Whoever opens an invitation comes in with the role that you choose.",
    make: "Invite somebody",
    uses: "How often it can be used",
    label: "What you call it (whoever has the invitation can read it)",
    create: "Make the invitation",
    made: "The invitation is made.",
    madeHelp:
      "Send the link to whom you invite, let them point a camera at the picture, or read the words to them.",
    copyLink: "Copy the link of the invitation",
    copyWords: "Copy the words of the invitation",
    picture: "The link of the invitation as a QR code",
    words: "The same in words",
    unnamed: "Invitation",
    ownerHint: "An owner can do all that you can: take your access away too.",
    left: (left: number, max: number) =>
      left === 0 ? "used up" : max === 1 ? "for one use" : `${left} of ${max} uses left`,
    revoke: "Take back",
    revokeNamed: (name: string) => `Take back the invitation “${name}”`,
    revoked: "The invitation opens nothing any more.",
    toHost: "Invite onto this host",
    toHostHelp: "Whoever opens such an invitation may make capsules and keep photos here.",
    toHostQuota: "Room for each of them, in GB (empty: as the host allows)",
    roomOf: (room: string) => `${room} each`,
    question: (maker: string) => `${maker} invites you`,
    lead: (capsule: string) => `Into the capsule “${capsule}”, as they call it.`,
    leadUnnamed: "Into a capsule of theirs.",
    leadHost: "Onto this host: you may make capsules and keep photos here.",
    leadHostRoom: (room: string) => `Onto this host: you may make capsules and keep up to ${room} here.`,
    hasAccount:
      "You have an account here already, and may go on without it. An invitation can bring a limit along.",
    roles: {
      guest: "You may look at what is there.",
      member: "You may look, and add. What you add, the others there see.",
      admin: "You may look, add and delete. What you add, the others there see.",
      owner: "You may look, add, delete and share. What you add, the others there see.",
    } satisfies Record<Role, string>,
    have: "Were you invited?",
    wordsOrLink: "The twelve words of your invitation, or its link",
    see: "See what it opens",
    accept: "Come in",
    decline: "Not now",
    declineHelp: "The link works until it is used, or its time runs out.",
    invitedHere: (room: string) => `You were invited: you may keep up to ${room} here now.`,
    forDevice: "This is no invitation, but the code for one more device of yours. Open it by “Add a device”.",
    used: "This invitation was used already, as often as it may be. Ask for another one.",
    expired: "The time of this invitation ran out. Ask for another one.",
    unknown:
      "This invitation opens nothing: it was taken back, or its link is another one. Ask for another one.",
    malformed: "This is no whole invitation: a part of its link is missing. Copy it again.",
  },

  links: {
    title: "Links",
    help: "Whoever has a link may look, and nothing else. It cannot be guessed, and you can end it.",
    make: "Make a link",
    share: "Share",
    shareTitle: (count: number) => (count === 1 ? "Share this by a link" : `Share these ${count} by a link`),
    shareHelp: "Whoever has the link sees this and nothing else of the capsule.",
    password: "Password (may be empty)",
    passwordHelp: "It is not in the link: tell it by another way. Nobody can look it up later, nor can you.",
    originals: "Let them download originals",
    preview: "Show a title and a picture in chats",
    previewHelp:
      "A chat that you send it into fetches both and may keep them, so its company sees them too, and whoever is in the chat.",
    noPreview: "This host shows no title and no picture of a link in chats.",
    label: "What you call it (only owners see it)",
    create: "Make the link",
    made: "The link is made.",
    madeHelp: "Send it, or let them point a camera at the picture.",
    copy: "Copy the secret link",
    picture: "The link as a QR code",
    whole: "The whole capsule",
    some: (count: number) => (count === 1 ? "1 memory" : `${count} memories`),
    withPassword: "with a password",
    noOriginals: "no originals",
    withPreview: "shown in chats",
    end: "End",
    endNamed: (name: string) => `End the link “${name}”`,
    revoked: "The link shows nothing any more.",
    locked: "This link has a password",
    lockedLead: "Whoever gave you the link knows it.",
    passwordOf: "Password",
    open: "Open",
    wrong: "This password opens nothing. Look for a slip of the keys and try again; or the link was ended.",
    malformed: "This link is not whole: a part of it is missing. Copy it again.",
    noOriginalHere: "This link does not show the original.",
    lookingUntil: (when: string) => `You look by a link, until ${when}.`,
  },

  given: {
    button: (count: number) => `Given to you (${count})`,
    group: "Given to you",
    title: "Given to you",
    lead: (count: number) =>
      `${count === 1 ? "A capsule was" : `${count.toLocaleString("en")} capsules were`} given to you that you did not ask for. Look before you say yes: anybody who is here may give one, and call it anything.`,
    none: "Nothing is waiting for your yes.",
    by: (who: string, when: string) => `Made by ${who} on ${when}`,
    youAre: (role: string) => `you are ${role}`,
    look: "Look",
    lookAt: (name: string) => `Look at “${name}”`,
    accept: "Accept",
    acceptNamed: (name: string) => `Accept “${name}”`,
    leave: "Leave",
    leaveNamed: (name: string) => `Leave “${name}”`,
    accepted: (name: string) => `“${isolated(name)}” is among your capsules now.`,
    more: (count: number) => `Show ${count} more`,
    leaveAll: (count: number) => `Leave all ${count.toLocaleString("en")}`,
    leaveAllTitle: (count: number) => `Leave all ${count.toLocaleString("en")}?`,
    leaveAllLead: "You will no longer see them. Only whoever owns them can let you in again.",
    leaving: (left: number, total: number) =>
      `${left.toLocaleString("en")} of ${total.toLocaleString("en")} left`,
    allLeft: (count: number) =>
      count === 1 ? "You left it." : `You left all ${count.toLocaleString("en")}.`,
    someFailed: (count: number, why: string) =>
      `${count === 1 ? "One could not be left" : `${count.toLocaleString("en")} could not be left`}: ${why}`,
    here: (who: string) => `${who} gave you this capsule. You have not said yes to it.`,
    waiting: (count: number) =>
      count === 1
        ? "A capsule was given to you."
        : `${count.toLocaleString("en")} capsules were given to you.`,
    see: "See what was given",
  },
} as const;
