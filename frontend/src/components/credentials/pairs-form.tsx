"use client";

import { Plus, X } from "lucide-react";
import { useId, useState, type SyntheticEvent } from "react";
import { Button, IconButton } from "@/components/ui/button";
import { credentialFrom, type Pair } from "@/lib/credentials";
import type { Credential } from "@/lib/api/client";
import { texts } from "@/texts";

interface PairsFormProps {
  /** For a button elsewhere that sends the form. */
  id: string;
  hint: string;
  /** What is wrong with what was sent. */
  problem?: string | null;
  onSubmit: (credential: Credential) => void;
}

/** The fields of a credential: names and values, as many as one likes. */
export function PairsForm({ id, hint, problem, onSubmit }: PairsFormProps) {
  const [pairs, setPairs] = useState<Pair[]>([{ id: 0, name: "", value: "" }]);
  const [incomplete, setIncomplete] = useState(false);
  const hintId = useId();
  const change = (changed: Pair) => setPairs(pairs.map((pair) => (pair.id === changed.id ? changed : pair)));
  const add = () => setPairs([...pairs, { id: Math.max(...pairs.map((pair) => pair.id)) + 1, name: "", value: "" }]);
  const send = (event: SyntheticEvent) => {
    event.preventDefault();
    const credential = credentialFrom(pairs);
    setIncomplete(credential === null);
    if (credential) onSubmit(credential);
  };
  return (
    <form id={id} onSubmit={send}>
      <fieldset aria-describedby={hintId} className="space-y-3">
        <legend className="sr-only">{texts.credential.legend}</legend>
        <p id={hintId} className="text-soft">
          {hint}
        </p>
        {pairs.map((pair, index) => (
          <PairFields
            key={pair.id}
            pair={pair}
            position={index + 1}
            onChange={change}
            onRemove={pairs.length > 1 ? () => setPairs(pairs.filter((other) => other !== pair)) : null}
          />
        ))}
        <Button look="accent" size="small" onClick={add}>
          <Plus aria-hidden className="size-4" />
          {texts.credential.add}
        </Button>
        <p role="alert" className="text-sm text-bad">
          {incomplete ? texts.credential.incomplete : problem}
        </p>
      </fieldset>
    </form>
  );
}

interface PairFieldsProps {
  pair: Pair;
  position: number;
  onChange: (pair: Pair) => void;
  onRemove: (() => void) | null;
}

function PairFields({ pair, position, onChange, onRemove }: PairFieldsProps) {
  return (
    <div className="flex gap-2">
      <input
        aria-label={texts.credential.fieldName(position)}
        placeholder={texts.credential.namePlaceholder}
        autoFocus
        value={pair.name}
        autoComplete="off"
        spellCheck={false}
        onChange={(event) => onChange({ ...pair, name: event.target.value })}
        className="input min-w-0"
      />
      <input
        aria-label={texts.credential.fieldValue(position)}
        placeholder={texts.credential.valuePlaceholder}
        value={pair.value}
        autoComplete="off"
        spellCheck={false}
        onChange={(event) => onChange({ ...pair, value: event.target.value })}
        className="input min-w-0"
      />
      {onRemove && (
        <IconButton label={texts.credential.remove(position)} onClick={onRemove}>
          <X aria-hidden className="size-4" />
        </IconButton>
      )}
    </div>
  );
}
