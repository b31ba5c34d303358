import { Search, X } from "lucide-react";
import { useRef } from "react";
import { texts } from "@/texts";

interface SearchFieldProps {
  label: string;
  value: string;
  onChange: (value: string) => void;
}

export function SearchField({ label, value, onChange }: SearchFieldProps) {
  const input = useRef<HTMLInputElement>(null);
  const clear = () => {
    onChange("");
    input.current?.focus();
  };
  return (
    <div role="search" className="relative min-w-0 flex-1">
      <Search aria-hidden className="pointer-events-none absolute top-1/2 left-3 size-4 -translate-y-1/2 text-soft" />
      <input
        ref={input}
        type="text"
        inputMode="search"
        enterKeyHint="search"
        autoComplete="off"
        spellCheck={false}
        aria-label={label}
        placeholder={label}
        value={value}
        onChange={(event) => onChange(event.target.value)}
        onKeyDown={(event) => {
          if (event.key === "Escape" && value) {
            clear();
          }
        }}
        className="input pr-10 pl-9"
      />
      {value && (
        <button
          type="button"
          aria-label={texts.common.clearSearch}
          title={texts.common.clearSearch}
          onClick={clear}
          className="absolute top-1/2 right-1 grid size-7 -translate-y-1/2 place-items-center rounded-md text-soft hover:bg-hover hover:text-ink touch:size-9"
        >
          <X aria-hidden className="size-4" />
        </button>
      )}
    </div>
  );
}
