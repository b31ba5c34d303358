"use client";

import { Monitor, Moon, Sun } from "lucide-react";
import { IconButton } from "@/components/ui/button";
import { THEMES, setTheme, themeStore, type Theme } from "@/lib/theme";
import { texts } from "@/texts";
import { useStore } from "./use-store";

const icons = { system: Monitor, light: Sun, dark: Moon };

/** Goes from one colour scheme to the next. */
export function ThemeButton() {
  const theme = useStore(themeStore);
  const Icon = icons[theme];
  const next: Theme = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length] ?? "system";
  return (
    <IconButton label={texts.theme.button(texts.theme[theme])} onClick={() => setTheme(next)}>
      <Icon aria-hidden className="size-4" />
    </IconButton>
  );
}
