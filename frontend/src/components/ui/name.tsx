import { clsx } from "clsx";

/** Names up to this length are left to the browser to shorten. */
const SHORT = 24;
const TAIL = 9;
const LOOK_BACK = 64;

const segmenter = typeof Intl.Segmenter === "function" ? new Intl.Segmenter() : null;

/** The last few letters as people see them: no accent is torn from its letter, no emoji is cut. */
function tailOf(name: string): string {
  const end = name.slice(-LOOK_BACK);
  const letters = segmenter ? Array.from(segmenter.segment(end), (part) => part.segment) : Array.from(end);
  return letters.slice(-TAIL).join("");
}

interface NameProps {
  children: string;
  className?: string;
}

/**
 * A name that may be very long or in any script. It gives way in the middle, so that its ending stays in sight; its
 * direction is its own.
 */
export function Name({ children: name, className }: NameProps) {
  if (name.length <= SHORT) {
    return (
      <bdi dir="auto" title={name} className={clsx("min-w-0 truncate", className)}>
        {name}
      </bdi>
    );
  }
  const tail = tailOf(name);
  return (
    <bdi title={name} className={clsx("relative min-w-0 max-w-full", className)}>
      <span className="sr-only">{name}</span>
      <span aria-hidden dir="auto" className="flex max-w-full">
        <span className="truncate whitespace-pre">{name.slice(0, name.length - tail.length)}</span>
        <span className="shrink-0 whitespace-pre">{tail}</span>
      </span>
    </bdi>
  );
}
