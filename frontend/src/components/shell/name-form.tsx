"use client";

import { useState, type SyntheticEvent } from "react";
import { Button } from "@/components/ui/button";
import { TextField } from "@/components/ui/text-field";
import { texts } from "@/texts";
import { sentence } from "./sentence";

const MAX = 255;

interface NameFormProps {
  label: string;
  placeholder: string;
  submit: string;
  /** Makes the thing; what it throws is told. */
  create: (name: string) => Promise<void>;
}

/** One name and a button. */
export function NameForm({ label, placeholder, submit, create }: NameFormProps) {
  const [name, setName] = useState("");
  const [problem, setProblem] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  const send = async (event: SyntheticEvent) => {
    event.preventDefault();
    const wrong = problemOf(name);
    setProblem(wrong);
    if (wrong) return;
    setBusy(true);
    try {
      await create(name.trim());
      setName("");
    } catch (cause) {
      setProblem(sentence(cause));
    } finally {
      setBusy(false);
    }
  };
  return (
    <form onSubmit={(event) => void send(event)} className="flex flex-wrap items-start gap-2">
      <div className="min-w-48 flex-1">
        <TextField
          label={label}
          placeholder={placeholder}
          value={name}
          problem={problem}
          autoComplete="off"
          onChange={(event) => setName(event.target.value)}
        />
      </div>
      <Button type="submit" look="primary" disabled={busy} className="sm:mt-7">
        {submit}
      </Button>
    </form>
  );
}

function problemOf(name: string): string | null {
  const length = [...name.trim()].length;
  if (length === 0) return texts.errors.nameEmpty;
  return length > MAX ? texts.errors.nameTooLong : null;
}
