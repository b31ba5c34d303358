/** Light, dark, or what the system says. This browser remembers it. */
import { Store } from "./store";

export const THEMES = ["system", "light", "dark"] as const;
export type Theme = (typeof THEMES)[number];

const KEY = "filemanager.theme";

/** Runs before anything is drawn, so that no page flashes white in the dark. */
export const EARLY_SCRIPT = `try{var t=localStorage.getItem("${KEY}");if(t==="light"||t==="dark")document.documentElement.dataset.theme=t}catch{}`;

export const themeStore = new Store<Theme>("system");

/** Takes what {@link EARLY_SCRIPT} found. */
export function readTheme(): void {
  const found = document.documentElement.dataset.theme;
  themeStore.set(THEMES.find((theme) => theme === found) ?? "system");
}

export function setTheme(theme: Theme): void {
  themeStore.set(theme);
  if (theme === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  try {
    localStorage.setItem(KEY, theme);
  } catch {
    // A browser that stores nothing keeps it for this visit.
  }
}
