import { clsx } from "clsx";
import { texts } from "@/texts";

/** Where something will stand once it is loaded. */
export function Skeleton({ className }: { className?: string }) {
  return <span aria-hidden className={clsx("block animate-pulse rounded-md bg-sunken", className)} />;
}

/** In place of a picture or a text. */
export function SkeletonBlock({ label }: { label: string }) {
  return (
    <div role="status">
      <span className="sr-only">{label}</span>
      <Skeleton className="h-40" />
    </div>
  );
}

/** Rows as high as the real ones, so that nothing jumps when those come. */
export function SkeletonRows({ rows = 6, className = "h-16" }: { rows?: number; className?: string }) {
  return (
    <div role="status" className="divide-y divide-line">
      <span className="sr-only">{texts.common.loading}</span>
      {Array.from({ length: rows }, (_, row) => (
        <div key={row} className={clsx("flex items-center gap-3 px-4", className)}>
          <Skeleton className="size-9 rounded-lg" />
          <div className="flex-1 space-y-2">
            <Skeleton className={clsx("h-3.5", row % 3 === 0 ? "w-2/5" : row % 3 === 1 ? "w-3/5" : "w-1/2")} />
            <Skeleton className="h-3 w-24" />
          </div>
        </div>
      ))}
    </div>
  );
}
