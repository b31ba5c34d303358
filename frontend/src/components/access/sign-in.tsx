"use client";

import { KeyRound } from "lucide-react";
import { useRef, useState, type SyntheticEvent } from "react";
import { sentence } from "@/components/shell/sentence";
import { Button } from "@/components/ui/button";
import { Switch } from "@/components/ui/switch";
import { access, type OutReason } from "@/lib/access";
import { texts } from "@/texts";
import { KeyField } from "./key-field";

/** Where one shows one's key, in place of all else. */
export default function SignIn({ reason }: { reason: OutReason }) {
  const input = useRef<HTMLInputElement>(null);
  const [stays, setStays] = useState(false);
  const [problem, setProblem] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  const send = async (event: SyntheticEvent) => {
    event.preventDefault();
    if (busy) return;
    setBusy(true);
    setProblem(null);
    const found = await tried(input.current?.value.trim() ?? "", stays);
    setBusy(false);
    setProblem(found);
    // What was shown there is gone once somebody is signed in, and the focus with it.
    if (found === null) document.getElementById("content")?.focus();
    else input.current?.focus();
  };
  return (
    <section className="mx-auto max-w-md py-6 sm:py-12">
      <div className="rounded-2xl border border-line bg-surface p-6 shadow-low sm:p-8">
        <span className="mb-4 grid size-12 place-items-center rounded-2xl bg-accent-soft text-accent-ink">
          <KeyRound aria-hidden className="size-6" strokeWidth={1.75} />
        </span>
        <h1 className="text-2xl font-semibold">{texts.access.title}</h1>
        <Reason reason={reason} />
        {/* Should it ever be sent by the browser itself, then not in the address. */}
        <form method="post" onSubmit={(event) => void send(event)} className="mt-5 space-y-5">
          <KeyField ref={input} problem={problem} />
          <div>
            <Switch label={texts.access.stay} checked={stays} onChange={setStays} />
            <p className="text-sm text-soft">{texts.access.stayHint}</p>
          </div>
          <Button type="submit" look="primary" aria-disabled={busy} className="w-full">
            {busy ? texts.access.busy : texts.access.submit}
          </Button>
        </form>
      </div>
    </section>
  );
}

/** Why one is here. */
function Reason({ reason }: { reason: OutReason }) {
  if (reason === "none") return <p className="mt-1 text-soft">{texts.access.intro}</p>;
  return (
    <p role="alert" className="mt-3 rounded-lg bg-warn-soft px-3 py-2 text-warn">
      {texts.access[reason]}
    </p>
  );
}

/** What is wrong with the key; `null` once one is signed in with it. */
async function tried(key: string, stays: boolean): Promise<string | null> {
  if (key === "") return texts.access.empty;
  try {
    return (await access.signIn(key, stays)) ? null : texts.access.wrong;
  } catch (problem) {
    return sentence(problem);
  }
}
