// Every English text of the page, in one place. It owns words, not numbers: those come formatted from format.ts.

import type { Role } from "@keepsake/sdk";

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
      "This address is not secure, so the browser keeps no key for it. Open the page by https, or on this machine at http://localhost.",
    noStorage:
      "The browser does not keep data for this page, so there is no place for your key. Allow site data, or leave the private window, then try again.",
    signedOut: "Your sign-in has ended. Sign in again and it goes on.",
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
    tooLarge: (limit: string) => `The file is larger than this capsule has room for (${limit}).`,
    lastOwner: "A capsule keeps at least one owner. Make somebody else an owner first.",
    principal: "This is no principal. It looks like aaaaa-aa, in groups of five letters and digits.",
    anonymous: "Everybody can only be a guest.",
  },

  header: {
    skip: "Skip to the photos",
    capsule: "Capsule",
    mine: "My capsule",
    about: (subject: string) => subject,
    sharedWithYou: (subject: string, role: string) => `${subject} (you are ${role})`,
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
    keyHere:
      "Your key lives in this browser only and cannot be copied out. To get in from another device too, make that device's principal an owner of your capsule.",
  },

  notices: {
    region: "Messages",
    dismiss: "Dismiss",
    offline: "You are offline. Uploads go on by themselves when you are back.",
    unreachable: "The service does not answer. Uploads go on by themselves when it does.",
    back: "Connected again.",
    accessGone: (name: string) =>
      `You can no longer see “${name}”: it was deleted, or your role was taken away.`,
    notOpen: (id: string) =>
      `“${id}” is not there, or it is not shared with you. Ask whoever gave you the link, then open it again.`,
    deleted: (title: string) => `“${title}” is deleted.`,
    goesOn: (count: number) => `${files(count)} from before the reload: going on.`,
    shared: "Shared.",
    revoked: "They can no longer see it.",
    left: (name: string) => `You have left “${name}”.`,
    signedOut: "Your sign-in has ended. Nothing is lost: sign in again and the uploads go on.",
    madePublic: "Everybody who has the link can look now.",
    madePrivate: "Only the members can look now.",
    aborted: "The upload is ended and its room is free again.",
  },

  upload: {
    title: "Add photos",
    region: "Add photos and watch their uploads",
    readOnly: "You may look at this capsule, not add to it.",
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
    removeTitle: (title: string) => `Delete “${title}”?`,
    removeLead: "The original and its previews are deleted for everybody. This cannot be undone.",
    removeConfirm: "Delete",
  },

  sharing: {
    title: (name: string) => `Who can see “${name}”`,
    members: "Members",
    you: "you",
    everybody: "everybody",
    principal: "Principal",
    role: "Role",
    grant: "Give access",
    revoke: "Take away",
    revokeFrom: (who: string) => `Take away the access of ${who}`,
    leave: "Leave",
    leaveTitle: (name: string) => `Leave “${name}”?`,
    leaveLead:
      "You will no longer see it, nor add to it. Only another owner can let you in again. What you added stays.",
    link: "Link",
    anyone: "Anyone with the link may look",
    linkOpensForAll: "The link opens this capsule for everybody who has it, without a role of their own.",
    linkOpensForMembers: "The link opens this capsule for its members only.",
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
  },

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
