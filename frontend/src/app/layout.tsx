import type { Metadata } from "next";
import type { ReactNode } from "react";
import { Shell } from "@/components/shell/shell";
import { EARLY_SCRIPT } from "@/lib/theme";
import { texts } from "@/texts";
import "./globals.css";

export const metadata: Metadata = { title: texts.product, description: texts.description };

export default function Layout({ children }: { children: ReactNode }) {
  return (
    // The early script may have set the theme before React comes to look.
    <html lang="en" suppressHydrationWarning>
      <body>
        <script dangerouslySetInnerHTML={{ __html: EARLY_SCRIPT }} />
        <Shell>{children}</Shell>
      </body>
    </html>
  );
}
