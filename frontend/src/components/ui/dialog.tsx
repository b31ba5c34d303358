"use client";

import { clsx } from "clsx";
import { X } from "lucide-react";
import { Dialog as Radix } from "radix-ui";
import type { ReactNode } from "react";
import { texts } from "@/texts";
import { IconButton } from "./button";

interface DialogProps {
  open: boolean;
  onOpenChange: (open: boolean) => void;
  title: ReactNode;
  description?: ReactNode;
  /** As wide as a form, or as a preview. */
  wide?: boolean;
  children?: ReactNode;
  /** Stays in sight while the content scrolls. */
  footer?: ReactNode;
}

const box =
  "fixed z-50 flex flex-col bg-raised text-ink shadow-high outline-none max-sm:inset-x-0 max-sm:bottom-0 max-sm:max-h-[92dvh] max-sm:rounded-t-2xl max-sm:data-[state=open]:animate-sheet sm:top-1/2 sm:left-1/2 sm:max-h-[88dvh] sm:-translate-1/2 sm:rounded-2xl sm:border sm:border-line sm:data-[state=open]:animate-fade data-[state=closed]:animate-leave";

/** A dialog in the middle of a wide screen, a sheet from below on a phone. It keeps the focus and gives it back. */
export function Dialog({ open, onOpenChange, title, description, wide = false, children, footer }: DialogProps) {
  return (
    <Radix.Root open={open} onOpenChange={onOpenChange}>
      <Radix.Portal>
        <Radix.Overlay className="fixed inset-0 z-50 bg-veil data-[state=closed]:animate-leave data-[state=open]:animate-fade" />
        <Radix.Content
          className={clsx(box, wide ? "sm:w-[min(46rem,calc(100vw-3rem))]" : "sm:w-[min(28rem,calc(100vw-3rem))]")}
          {...(description ? {} : { "aria-describedby": undefined })}
        >
          <header className="flex items-start gap-3 px-5 pt-4 pb-3">
            <div className="min-w-0 flex-1 pt-1.5">
              <Radix.Title className="text-lg leading-snug font-semibold wrap-anywhere">{title}</Radix.Title>
              {description && (
                <Radix.Description className="mt-1 text-soft wrap-anywhere">{description}</Radix.Description>
              )}
            </div>
            <Radix.Close asChild>
              <IconButton label={texts.common.close} className="-mr-2">
                <X aria-hidden className="size-5" />
              </IconButton>
            </Radix.Close>
          </header>
          {children && (
            // It can be scrolled by keyboard.
            <div
              tabIndex={0}
              className="min-h-0 flex-1 overflow-y-auto overscroll-contain px-5 pt-1 pb-5 -outline-offset-2"
            >
              {children}
            </div>
          )}
          {footer && (
            <footer className="flex flex-wrap items-center justify-end gap-2 border-t border-line px-5 py-3 pb-[max(0.75rem,env(safe-area-inset-bottom))]">
              {footer}
            </footer>
          )}
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  );
}
