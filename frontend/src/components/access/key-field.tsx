"use client";

import { Eye, EyeOff } from "lucide-react";
import { useId, useState, type Ref } from "react";
import { IconButton } from "@/components/ui/button";
import { texts } from "@/texts";

interface KeyFieldProps {
  ref: Ref<HTMLInputElement>;
  /** What is wrong with the key; read out when it appears. */
  problem: string | null;
}

/** Where the key goes. What is in it stays in it: no state of the page has it, and no form sends it. */
export function KeyField({ ref, problem }: KeyFieldProps) {
  const id = useId();
  const [isShown, setShown] = useState(false);
  const Icon = isShown ? EyeOff : Eye;
  return (
    <div>
      <label htmlFor={id} className="mb-1.5 block text-sm font-medium">
        {texts.access.key}
      </label>
      <p id={`${id}-hint`} className="mb-2 text-sm text-soft">
        {texts.access.keyHint}
      </p>
      {/* Password managers keep nothing without the name of an account. */}
      <input type="text" autoComplete="username" value={texts.product} readOnly hidden />
      <div className="relative">
        <input
          ref={ref}
          id={id}
          type={isShown ? "text" : "password"}
          autoFocus
          autoComplete="current-password"
          autoCapitalize="none"
          spellCheck={false}
          aria-invalid={problem ? true : undefined}
          aria-describedby={`${id}-hint ${id}-problem`}
          className="input pr-11 font-mono"
        />
        <IconButton
          label={texts.access.show}
          aria-pressed={isShown}
          onClick={() => setShown(!isShown)}
          className="absolute inset-y-0 right-0"
        >
          <Icon aria-hidden className="size-4" />
        </IconButton>
      </div>
      <p id={`${id}-problem`} role="alert" className="text-sm text-bad not-empty:mt-1.5">
        {problem}
      </p>
    </div>
  );
}
