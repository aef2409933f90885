// Light, dark, or as the device has it. It owns the choice, kept in localStorage, and the attribute on the root.

import { computed, effect, signal } from "@preact/signals";

export type Theme = "auto" | "light" | "dark";
const KEY = "keepsake-theme";

export const theme = signal<Theme>(kept());

const device = matchMedia("(prefers-color-scheme: dark)");
const deviceIsDark = signal(device.matches);
device.addEventListener("change", () => {
  deviceIsDark.value = device.matches;
});
/** What is seen now. */
export const isDark = computed(() => (theme.value === "auto" ? deviceIsDark.value : theme.value === "dark"));

/** Follows the choice from now on. */
export function followTheme(): void {
  effect(() => {
    document.documentElement.dataset.theme = theme.value;
    try {
      localStorage.setItem(KEY, theme.value);
    } catch {
      // Without storage the choice lasts as long as the page.
    }
  });
}

function kept(): Theme {
  try {
    const found = localStorage.getItem(KEY);
    return found === "light" || found === "dark" ? found : "auto";
  } catch {
    return "auto";
  }
}
