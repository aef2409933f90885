// The English texts about who somebody is: the ways in and back, devices, passkeys, recovery sheets. Part of text.ts.

import { isolated } from "./format.js";

export const identityText = {
  welcome: {
    question: "New here, or did you use Keepsake before?",
    isNew: "I am new here",
    newHelp: "This browser makes a key for you and keeps it. Nobody asks for your name or address.",
    before: "I used Keepsake before",
    beforeHelp: "Your photos are with the key of another device, a passkey, or your recovery sheet.",
    removed:
      "This browser is no longer one of your devices: it was removed, from another one. Nothing that was uploaded is lost. To come back, use another device of yours.",
    removedPasskey:
      "This passkey is no longer a way into your account: it was removed, from one of your devices. Nothing that was uploaded is lost. To come back, use another way.",
    removedSignIn:
      "This Internet Identity is no longer a way into your account: it was removed, from one of your devices. Nothing that was uploaded is lost. To come back, use another device of yours, or your recovery sheet.",
    invited: "You are invited. First:",
    back: "Back",
  },

  blocked: {
    title: "You are shut out here",
    lead: "Whoever runs this host shut you out: nothing opens for you here, and nothing can be added. Only they can change that; ask them.",
  },

  joining: {
    title: "Make this browser one of your devices?",
    whose: (principal: string, name: string | undefined) =>
      name === undefined
        ? `Account ${principal} made the code, and has no name.`
        : `Account ${principal} made the code. It calls itself “${name}”, as anybody could.`,
    lead: "Did you make this code yourself, on another device of yours? Then go on: both are one person from then on, and each sees and changes all that is kept by either.",
    warning:
      "Did somebody else give it to you? Then leave it. They will see everything that is here, and may delete it; so with all that you add later. To look at somebody's photos, no such code is needed.",
    yes: "Yes, the other device is mine",
    no: "No, leave it",
    notADevice: "This code is an invitation, and not one for a device.",
  },

  comeBack: {
    title: "Come back",
    lead: "Any one of these is enough.",
    passkey: "A passkey",
    passkeyHelp: "Your face, finger or PIN, where you made a passkey for Keepsake.",
    usePasskey: "Use my passkey",
    stay: "Stay signed in: this browser is mine alone",
    device: "Another device of yours",
    deviceHelp:
      "There, open “You”, then “Add a device”. It shows a code: scan it here, or type its 12 words or paste its link.",
    code: "Words or link",
    useCode: "Go on",
    scan: "Scan the code",
    sheet: "Your recovery sheet",
    sheetHelp: "The 24 words, in their order. The first four letters of each are enough.",
    words: "24 words",
    useWords: "Recover",
    passkeyRemoved:
      "This passkey was removed from its account, from another device. It opens nothing any more: take another way.",
    sheetRemoved:
      "These words are right, but this sheet was removed from its account, from another device. It opens nothing any more: use a newer sheet, or another way.",
    wordsOfNobody:
      "These words are right, but they open no account here. Is this the address that is on the sheet? If the sheet was removed, or replaced by a newer one, use that.",
  },

  scanner: {
    title: "Scan the code",
    lead: "Hold the code of the other device before the camera.",
    picture: "What the camera sees",
    denied:
      "The camera is not allowed for this page. Allow it beside the address, or type the 12 words in place of it.",
    none: "There is no camera here. Type the 12 words in place of it.",
    busy: "The camera does not answer: another program may be using it. Close that, or type the 12 words.",
    notACode: "This is a code of something else. Show the one that “Add a device” makes.",
    elsewhere: (host: string) =>
      `This code is for Keepsake at ${host}. Open that address here, and scan it there.`,
  },

  devices: {
    title: "Your devices",
    lead: "Every device, passkey and sheet in this list opens all that is yours.",
    this: "this one",
    unnamed: "Without a name",
    passkey: "passkey",
    added: (when: string) => `since ${when}`,
    first: "the first one",
    lastUpload: (when: string) => `last upload ${when}`,
    rename: "Rename",
    renameNamed: (name: string) => `Rename ${name}`,
    name: "Name",
    save: "Save",
    remove: "Remove",
    removeNamed: (name: string) => `Remove ${name}`,
    removeTitle: (name: string) => `Remove “${isolated(name)}”?`,
    removeLead:
      "It is shut out at once, from everything. Codes that were waiting end: it comes back only by a new one from another device of yours. What it uploaded stays. Invitations and links that it made stay too: look at them under “Share” of each capsule.",
    removeThisLead:
      "This is the device that you are using: you are shut out here at once. Your other devices go on. Codes that were waiting end. Invitations and links that it made stay: look at them under “Share” of each capsule.",
    came: (name: string) =>
      `“${isolated(name)}” is one of your devices now. If that was not you, remove it at once under “You”.`,
    went: (name: string) => `“${isolated(name)}” is no longer one of your devices.`,
    add: "Add a device",
    addPasskey: "Make a passkey",
    passkeyName: (host: string) => `Keepsake at ${host}`,
    passkeyDevice: (device: string) => `Passkey, ${device}`,
    confirmPasskey: "The passkey is made. Use it once, and it is a way in.",
    usePasskey: "Use it now",
    passkeyAdded: "The passkey is a way in now.",
    addSheet: "Make a recovery sheet",
    dropped:
      "This browser has not promised to keep the key when its disk is full. A second way in keeps you safe.",
  },

  secondWay: {
    lead: "Your photos hang on this browser alone. If its data are cleared, nobody gets to them, you neither.",
    button: "Add a second way in",
  },

  addDevice: {
    title: "Add a device",
    lead: "On the other device, open this code with the camera, or open Keepsake there, choose “I used Keepsake before”, and scan it or type the words.",
    qr: "Code for the other device",
    words: "The same in words",
    copy: "Copy the link",
    warning: "Whoever has the code becomes you. Show it to nobody else.",
    left: (time: string) => `Good for one device, ${time}.`,
    over: "The time of this code ran out.",
    again: "Make another code",
    local: (host: string) =>
      `${host} is the address of this machine alone. On the other device, open Keepsake at the address that leads here from there, and type the words.`,
    joined: (name: string) => `“${isolated(name)}” is one of your devices now.`,
    done: "Done",
  },

  recovery: {
    title: "Recovery sheet",
    lead: "24 words on paper open your account when every device is lost. Whoever has them is you: keep the sheet where you keep your passport.",
    make: "Show the words",
    write: "Print them, save them, or write them down, in this order. They are shown now and never again.",
    print: "Print",
    save: "Save as a file",
    have: "I have them",
    check: "To be sure, type these two words from your sheet.",
    word: (place: number) => `Word ${place}`,
    wrong: (place: number) => `Word ${place} is another one. Look at your sheet again.`,
    again: "Back to the words",
    finish: "Finish",
    done: "The recovery sheet is a way in now.",
    device: (when: string) => `Recovery sheet of ${when}`,
    sheetTitle: "Keepsake recovery sheet",
    sheetFor: "Open Keepsake at",
    sheetAccount: "Account",
    sheetMade: "Made",
    sheetHow:
      "Choose “I used Keepsake before”, then “Your recovery sheet”, and type these words in their order. Whoever has them has all that you keep there.",
    fileName: "keepsake-recovery-sheet.txt",
  },
} as const;
