// Every English text of the page; those about who somebody is are in text-identity.ts, about who sees what in text-sharing.ts.
// It owns words, not numbers: those come formatted from format.ts.

import { isolated } from "./format.js";
import { identityText } from "./text-identity.js";
import { sharingText } from "./text-sharing.js";

const files = (count: number) => (count === 1 ? "1 file" : `${count} files`);

export const text = {
  name: "Keepsake",
  loading: "Opening…",
  tryAgain: "Try again",
  close: "Close",
  cancel: "Cancel",
  copy: "Copy",
  copied: "Copied.",

  errors: {
    start: "Keepsake could not be opened",
    noNodeHere: (host: string) => `No Keepsake node answers at ${host}. Start one, then try again.`,
    insecure:
      "This address is not secure, so the browser keeps no key for it. Open the page by https, or on the node's own machine at http://localhost. Whoever runs the node makes it speak https by “keepsake serve --tls-cert FILE --tls-key FILE”, or puts Caddy in front (“tls internal”, “reverse_proxy 127.0.0.1:4943”): docs/home.md in the source of Keepsake says how, step by step.",
    noStorage:
      "The browser does not keep data for this page, so there is no place for your key. Allow site data, or leave the private window, then try again.",
    signedOut: "Your sign-in has ended. Sign in again and it goes on.",
    signInAnew: "This sign-in cannot be used here. Sign in again.",
    tooLargeForProxy:
      "A proxy before this service lets no message of this size through. Tell whoever runs it to raise its limit (client_max_body_size).",
    network: "The service does not answer. Try again in a moment.",
    busy: "The service, or a proxy before it, takes no more just now. Try again later.",
    failedThere: "The service failed on this. Try again; if it stays so, tell whoever runs it.",
    clock: "The service takes this for an old message. Set the clock of this device right, then try again.",
    notTheService:
      "The answer was not the service's: a proxy or a filter may stand in between. Tell whoever runs it.",
    unauthorized: "Your role here does not allow this. Ask an owner of the capsule.",
    notFound: "It is not there any more, or you may no longer see it.",
    exhausted: "There is no room left: delete something, or end uploads that are open.",
    integrity: "What arrived is not what was stored. Try again; if it stays so, tell whoever runs this node.",
    unknown: (message: string) => `It did not work: ${message}`,
    emptyFile: "The file is empty. Choose one that has something in it.",
    fileChanged: "The file changed while it was read. Choose it again.",
    fileUnreadable: "The file can no longer be read. If it was moved or renamed, choose it again.",
    notWhole: "What arrived is not the whole file. Upload it again; what is there already is not sent again.",
    tooLarge: (limit: string) => `The file is larger than this capsule has room for (${limit}).`,
    notAdmitted:
      "This host is by invitation. Ask whoever runs it for a link that lets you in, and open it here.",
    code: "This code is not good any more: it was used or taken back, or its time ran out. Ask for another one.",
    deviceTaken:
      "This browser is a device of another account. Remove it there first, or use another browser.",
    deviceBusy:
      "This browser has uploads that are not finished. Let them finish, or end them, then try again.",
    deviceHasTooMuch:
      "This browser's account has a role in too many capsules to join another one. Leave some.",
    deviceIsController:
      "This browser's key runs the host, so it joins no other account. Add the other device from here.",
    passkeyNeedsName:
      "A passkey belongs to a name, and this address is a number. Open the page by its name: by https, or on the node's own machine at http://localhost.",
    deviceRemoved:
      "This is no longer one of your devices: it was removed, from another one. Nothing that was uploaded is lost. To come back, use another device of yours, a passkey or your recovery sheet.",
    linkOnlyLooks:
      "A link only looks. To add something, keep photos of your own, or ask whoever gave you the link for an invitation.",
    lastDevice: "There would be no way in any more. Add another device first.",
    lastOwner:
      "A capsule keeps at least one owner who said yes. Make somebody else an owner first, and wait for their yes.",
    principal: "This is no principal. It looks like aaaaa-aa, in groups of five letters and digits.",
    anonymous: "Everybody can only be a guest.",
    textTooLong: "This is too long: a name has at most some eighty letters. Make it shorter.",
    tooMany: "There are too many already. End those that are not needed, then try again.",
    linkIsNobody: "This principal is a link's, not a person's.",
  },

  header: {
    skip: "Skip to the photos",
    capsule: "Capsule",
    mine: "My capsule",
    brought: "From another device",
    givenBy: (name: string, maker: string) => `${name}, given by ${maker}`,
    by: (name: string, maker: string) => `${name}, by ${maker}`,
    somebody: "somebody",
    about: (subject: string) => subject,
    sharedWithYou: (subject: string, role: string) => `${isolated(subject)} (you are ${role})`,
    newCapsule: "New capsule",
    share: "Share",
    account: "You",
    uploads: "Uploads",
  },

  signIn: {
    lead: "Keep your photos, and share them with the people you choose.",
    button: "Sign in with Internet Identity",
    keepOwn: "Keep photos of your own",
    signOut: "Sign out",
  },

  account: {
    title: "You",
    principal: "Your principal",
    why: "Give it to people who want to share a capsule with you.",
    theme: "Colours",
    themes: { auto: "As the device", light: "Light", dark: "Dark" },
    another: "I have an account already",
    anotherLead: "This browser becomes a device of that account, and brings along what is kept here.",
  },

  ...identityText,

  notices: {
    region: "Messages",
    dismiss: "Dismiss",
    offline: "You are offline. Uploads go on by themselves when you are back.",
    unreachable: "The service does not answer. Uploads go on by themselves when it does.",
    back: "Connected again.",
    aroundBucket:
      "The store for originals cannot be reached from here, so they go to the service itself. Whoever runs it should know.",
    accessGone: (name: string) =>
      `You can no longer see “${isolated(name)}”: it was deleted, or your role was taken away.`,
    /** The address may be anybody's, and say anything. */
    notOpen: (id: string) =>
      `${/^\w{1,40}$/.test(id) ? `“${id}”` : "What the address names"} is not there, or it is not shared with you. Ask whoever gave you the link, then open it again.`,
    deleted: (title: string) => `“${isolated(title)}” is deleted.`,
    goesOn: (count: number) => `${files(count)} from before the reload: going on.`,
    shared: "Shared.",
    revoked: "They can no longer see it.",
    left: (name: string) => `You have left “${isolated(name)}”.`,
    signedOut: "Your sign-in has ended. Nothing is lost: sign in again and the uploads go on.",
    madePublic: "Everybody can look now.",
    linkEnded:
      "This link shows nothing: its time ran out, its owner ended it, or the password is another one. Ask whoever gave it to you.",
    invitedHere: "You were invited: you may keep photos here now.",
    invitedInto: "You were invited: this capsule is among yours now.",
    madePrivate: "Only the members can look now.",
    aborted: "The upload is ended and its room is free again.",
  },

  upload: {
    title: "Add photos",
    region: "Add photos and watch their uploads",
    regionReadOnly: "What you may do here",
    readOnly: "You may look at this capsule, not add to it.",
    notLetIn: "You may not keep photos on this host yet: it is by invitation.",
    list: "Uploads",
    original: "Original",
    derivatives: "Previews",
    laneOriginal: (name: string) => `Original of ${name}`,
    laneDerivatives: (name: string) => `Previews of ${name}`,
    phases: {
      queued: "Waiting for its turn",
      hashing: "Reading",
      uploading: "Uploading",
      publishing: "Finishing",
      done: "Done",
      paused: "Paused",
      failed: "Failed",
      canceled: "Cancelled",
      missing: "To be chosen again",
    },
    missing: "Not finished when the page was closed. Choose it again and it goes on where it was.",
    chooseMissing: (count: number) => `Choose ${count === 1 ? "it" : count} again`,
    someMissing: (count: number) =>
      count === 1 ? "1 file has to be chosen again." : `${count} files have to be chosen again.`,
    lanes: {
      waiting: "waiting",
      working: "making",
      sending: "sending",
      done: "done",
      failed: "failed",
      skipped: "none",
    },
    noPreview: (reason: string) => `Kept as it is, without a preview: ${reason}`,
    alreadyThere: "Already there: the same bytes are in this capsule.",
    offline: "Waiting for the connection",
    retrying: (attempt: number) => `Trying again (${attempt})`,
    of: (sent: string, total: string) => `${sent} of ${total}`,
    pause: (name: string) => `Pause ${name}`,
    resume: (name: string) => `Go on with ${name}`,
    cancel: (name: string) => `Cancel ${name}`,
    retry: (name: string) => `Try ${name} again`,
    dismiss: (name: string) => `Take ${name} off the list`,
    view: (name: string) => `Look at ${name}`,
    more: (count: number) => `and ${files(count)} more`,
    clear: "Clear finished",
    summary: (done: number, total: number, left: string) =>
      left === "" ? `${done} of ${files(total)} uploaded` : `${done} of ${files(total)} uploaded, ${left}`,
    /** `there`: so many of them were in the capsule before. */
    allDone: (count: number, there = 0) =>
      there === 0
        ? `All done: ${files(count)} uploaded.`
        : there === count
          ? `Nothing new: ${files(count)} ${count === 1 ? "was" : "were"} here already.`
          : `All done: ${files(count - there)} uploaded, ${there} ${there === 1 ? "was" : "were"} here already.`,
    someFailed: (count: number) => `${files(count)} failed. See the list of uploads.`,
  },

  gallery: {
    title: "Photos and memories",
    empty: "Nothing here yet. Drop photos above, and they appear here.",
    emptyReadOnly: "Nothing here yet.",
    count: (count: number) => (count === 1 ? "1 memory" : `${count} memories`),
    loadingMore: "Loading more…",
    types: { image: "Photo", video: "Video", audio: "Sound", note: "Note", document: "Document" },
    tile: (title: string, type: string, date: string) => `${title}, ${type}, ${date}`,
    keys: "Arrow keys move, Enter opens.",
  },

  viewer: {
    previous: "Previous",
    next: "Next",
    position: (index: number, count: number) => `${index} of ${count}`,
    download: "Download original",
    remove: "Delete",
    details: "Details",
    size: "Size",
    pixels: "Pixels",
    taken: "Taken",
    uploaded: "Uploaded",
    type: "Type",
    sha256: "SHA-256",
    fileName: "File name",
    cannotPlay: "This browser cannot play it. Download the original to open it elsewhere.",
    noPicture: "There is no picture of this one. Download the original to open it.",
    removeTitle: (title: string) => `Delete “${isolated(title)}”?`,
    removeLead: "The original and its previews are deleted for everybody. This cannot be undone.",
    removeConfirm: "Delete",
  },

  ...sharingText,

  newCapsule: {
    title: "New capsule",
    lead: "A capsule about a person: their photos in one place, shared on its own.",
    subject: "Who is it about?",
    create: "Create",
  },

  sessions: {
    title: "Unfinished uploads",
    none: "Every upload is finished.",
    lead: "Choose the same file again and it goes on where it was. Or end the upload to free its room.",
    unnamed: (type: string) => (type === "" ? "A file" : `A file (${type})`),
    received: (percent: number, total: string) => `${percent} % of ${total}`,
    expires: (when: string) => `kept ${when}`,
    runningHere: "uploading in this tab",
    resume: "Choose the file",
    resumeNamed: (name: string) => `Choose the file ${name} again`,
    abort: "End",
    abortNamed: (name: string) => `End the upload of ${name}`,
  },

  uppy: {
    dashboard: {
      dashboardTitle: "Drop, paste or choose photos",
      dropPasteBoth: "Drop photos here, %{browseFiles} or %{browseFolders}",
      browseFiles: "choose files",
      browseFolders: "choose a folder",
      dropHint: "Drop them here",
    },
    core: {
      inferiorSize: "This file is empty. Choose one that has something in it.",
      exceedsSize: "%{file} is larger than what one capsule can hold (%{size})",
      noDuplicates: "“%{fileName}” is in the list already",
      failedToUpload: "%{file} was not uploaded",
    },
    /** Which of Uppy's two forms of a text fits a number. */
    pluralize: (count: number) => (count === 1 ? 0 : 1),
  },
} as const;
