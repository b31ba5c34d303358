"use client";

import { FolderOpen } from "lucide-react";
import Link from "next/link";
import { usePathname } from "next/navigation";
import { useEffect, type ReactNode } from "react";
import { Toaster } from "sonner";
import { Gate } from "@/components/access/gate";
import { SignOutButton } from "@/components/access/sign-out-button";
import { useAccess } from "@/components/access/use-access";
import { Opened } from "@/components/files/opened";
import { Announcements } from "@/components/upload/announcements";
import { DropAnywhere } from "@/components/upload/drop-anywhere";
import { UploadPanel } from "@/components/upload/panel";
import { UserMenu } from "@/components/users/user-menu";
import { readTheme, themeStore } from "@/lib/theme";
import { texts } from "@/texts";
import { ConnectionBanner } from "./connection-banner";
import { ThemeButton } from "./theme-button";
import { usePerson } from "./use-person";
import { useStore } from "./use-store";

/** What stands around every view. It stays when the view changes, and uploads go on. */
export function Shell({ children }: { children: ReactNode }) {
  const theme = useStore(themeStore);
  useEffect(readTheme, []);
  return (
    <>
      <a href="#content" className="sr-only focus:not-sr-only focus:absolute focus:m-2 focus:bg-raised focus:p-2">
        {texts.common.skip}
      </a>
      <ConnectionBanner />
      <Header />
      <main id="content" tabIndex={-1} className="mx-auto w-full max-w-3xl px-4 py-6 pb-40 outline-none">
        <Gate>{children}</Gate>
      </main>
      <UploadPanel />
      <Announcements />
      <Opened />
      <DropAnywhere />
      <Toaster theme={theme} position="bottom-left" containerAriaLabel={texts.toasts} />
    </>
  );
}

function Header() {
  const isIn = useAccess().kind === "in";
  const chosen = usePerson();
  const person = isIn ? chosen : null;
  return (
    <header className="border-b border-line bg-surface">
      <div className="mx-auto flex max-w-3xl flex-wrap items-center gap-x-4 gap-y-1 px-4 py-2">
        <Link href="/" aria-label={texts.navigation.home} className="flex items-center gap-2 font-semibold">
          <FolderOpen aria-hidden className="size-5 text-accent-ink" />
          {texts.product}
        </Link>
        <div className="ml-auto flex min-w-0 flex-1 items-center justify-end gap-1 sm:order-last">
          {person ? <UserMenu person={person} /> : <SignOutButton />}
          <ThemeButton />
        </div>
        {person && (
          <nav aria-label={texts.navigation.label} className="flex gap-1 max-sm:w-full">
            <Tab href="/">{texts.navigation.appointments}</Tab>
            <Tab href="/files/">{texts.navigation.files}</Tab>
          </nav>
        )}
      </div>
    </header>
  );
}

function Tab({ href, children }: { href: string; children: ReactNode }) {
  const current = usePathname() === href;
  const look = current ? "bg-accent-soft text-accent-ink" : "text-soft hover:bg-hover hover:text-ink";
  return (
    <Link href={href} aria-current={current ? "page" : undefined} className={`rounded-lg px-3 py-1.5 ${look}`}>
      {children}
    </Link>
  );
}
