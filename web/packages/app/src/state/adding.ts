// Whether this person may add to what is open, and if not, why. It owns that rule: each place that offers to add asks here.

import { computed } from "@preact/signals";
import { text } from "../text.js";
import { account } from "./account.js";
import { hasRole, isListed, openCapsule } from "./capsules.js";
import { me } from "./people.js";

/** Never by a link, whatever it is: its key is everybody's who has the address, and so would be what is added by it. */
export const mayAdd = computed(() => {
  if (account().isVisitor) return false;
  const capsule = openCapsule.value;
  // Where none is open yet, the first file makes one.
  return capsule === undefined ? (me.value?.mayCreateCapsules ?? true) : hasRole(capsule, "member");
});

/** Nothing while it is not known yet. */
export const whyNotAdd = computed(() => {
  if (mayAdd.value || !isListed.value) return undefined;
  if (openCapsule.value !== undefined) return text.upload.readOnly;
  return account().isByLink ? text.notices.linkEnded : text.upload.notLetIn;
});
