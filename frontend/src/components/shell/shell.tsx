"use client";

import { FolderOpen, LogOut } from "lucide-react";
import Link from "next/link";
import { usePathname } from "next/navigation";
import type { ReactNode } from "react";
import { IconButton } from "@/components/ui/button";
import { Name } from "@/components/ui/name";
import { UploadPanel } from "@/components/upload/panel";
import { choose } from "@/lib/session";
import { texts } from "@/texts";
import { usePerson } from "./use-person";

/** What stands around every view. It stays when the view changes, and uploads go on. */
export function Shell({ children }: { children: ReactNode }) {
  return (
    <>
      <a href="#content" className="sr-only focus:not-sr-only focus:absolute focus:m-2 focus:bg-raised focus:p-2">
        {texts.common.skip}
      </a>
      <Header />
      <main id="content" tabIndex={-1} className="mx-auto w-full max-w-3xl px-4 py-6 pb-40 outline-none">
        {children}
      </main>
      <UploadPanel />
    </>
  );
}

function Header() {
  const person = usePerson();
  return (
    <header className="border-b border-line bg-surface">
      <div className="mx-auto flex max-w-3xl flex-wrap items-center gap-x-4 gap-y-1 px-4 py-2">
        <Link href="/" aria-label={texts.navigation.home} className="flex items-center gap-2 font-semibold">
          <FolderOpen aria-hidden className="size-5 text-accent-ink" />
          {texts.product}
        </Link>
        {person && (
          <nav aria-label={texts.navigation.label} className="flex gap-1">
            <Tab href="/">{texts.navigation.appointments}</Tab>
            <Tab href="/files/">{texts.navigation.files}</Tab>
          </nav>
        )}
        {person && (
          <div className="ml-auto flex min-w-0 items-center gap-1 text-soft">
            <Name className="max-w-40">{person.name}</Name>
            <IconButton label={texts.users.switch} onClick={() => choose(null)}>
              <LogOut aria-hidden className="size-4" />
            </IconButton>
          </div>
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
