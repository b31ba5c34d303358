import { clsx } from "clsx";

interface ProgressProps {
  label: string;
  /** From 0 to 1. */
  value: number;
  tone?: "accent" | "still" | "bad";
  className?: string;
}

const tones = { accent: "bg-accent", still: "bg-line-strong", bad: "bg-bad" };

/** A bar. Only its transform changes, which costs the browser no layout. */
export function Progress({ label, value, tone = "accent", className }: ProgressProps) {
  const percent = Math.floor(value * 100);
  return (
    <div
      role="progressbar"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={percent}
      className={clsx("h-1 overflow-hidden rounded-full bg-sunken", className)}
    >
      <div
        className={clsx("h-full origin-left rounded-full transition-transform duration-200 ease-out", tones[tone])}
        style={{ transform: `scaleX(${value})` }}
      />
    </div>
  );
}
