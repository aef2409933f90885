// Whether the service can be reached: the browser's word for the network, and the last answers for the service.
// It owns both signals; the regular question that finds out is in watch.ts.

import { computed, signal } from "@preact/signals";

export const isOnline = signal(navigator.onLine);
/** The service has not answered lately, though the browser has a network. */
export const isUnreachable = signal(false);
/** The identity's delegation has ended: nothing is answered until the person signs in again. */
export const isSignedOut = signal(false);
export const isCutOff = computed(() => !isOnline.value || isUnreachable.value);

addEventListener("online", () => {
  isOnline.value = true;
});
addEventListener("offline", () => {
  isOnline.value = false;
});
