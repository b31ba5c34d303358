import { clsx } from "clsx";
import { useId } from "react";

interface SwitchProps {
  label: string;
  hint?: string;
  checked: boolean;
  onChange: (checked: boolean) => void;
}

export function Switch({ label, hint, checked, onChange }: SwitchProps) {
  const id = useId();
  return (
    <span className="inline-flex min-h-9 items-center gap-2.5 touch:min-h-11">
      <button
        type="button"
        role="switch"
        aria-checked={checked}
        aria-labelledby={id}
        aria-describedby={hint ? `${id}-hint` : undefined}
        onClick={() => onChange(!checked)}
        className="group grid h-9 w-10 shrink-0 place-items-center rounded-lg touch:h-11"
      >
        <span
          className={clsx(
            "flex h-5.5 w-9.5 items-center rounded-full border p-0.5 transition-colors",
            checked ? "border-accent bg-accent" : "border-line-strong bg-sunken",
          )}
        >
          <span
            className={clsx(
              "size-4 rounded-full transition-transform duration-150",
              checked ? "translate-x-4 bg-on-accent" : "bg-line-strong",
            )}
          />
        </span>
      </button>
      <span>
        <span id={id} className="cursor-pointer font-medium select-none" onClick={() => onChange(!checked)}>
          {label}
        </span>
        {hint && (
          <span id={`${id}-hint`} className="sr-only">
            {hint}
          </span>
        )}
      </span>
    </span>
  );
}
