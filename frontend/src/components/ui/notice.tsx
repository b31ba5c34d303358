import type { LucideIcon } from "lucide-react";
import type { ReactNode } from "react";

interface NoticeProps {
  icon: LucideIcon;
  title: string;
  hint?: string | undefined;
  /** What can be done about it. */
  children?: ReactNode;
  /** How deep the heading is on its page. */
  level?: 1 | 2;
}

/** In place of content: nothing there yet, nothing found, or nothing to be had. */
export function Notice({ icon: Icon, title, hint, children, level = 2 }: NoticeProps) {
  const Heading = level === 1 ? "h1" : "h2";
  return (
    <div className="flex flex-col items-center px-6 py-14 text-center animate-fade">
      <span className="mb-4 grid size-12 place-items-center rounded-2xl bg-sunken text-soft">
        <Icon aria-hidden className="size-6" strokeWidth={1.75} />
      </span>
      <Heading className="max-w-full text-base font-semibold wrap-anywhere">{title}</Heading>
      {hint && <p className="mt-1 max-w-sm text-balance text-soft wrap-anywhere">{hint}</p>}
      {children && <div className="mt-5 flex flex-wrap justify-center gap-2">{children}</div>}
    </div>
  );
}
