"use client";

import { UserRound } from "lucide-react";
import { useMemo, useState } from "react";
import { NotAllowed } from "@/components/access/not-allowed";
import { useMay } from "@/components/access/use-access";
import { Endless } from "@/components/shell/endless";
import { NameForm } from "@/components/shell/name-form";
import { usePaging } from "@/components/shell/use-paging";
import { useSearchEverything } from "@/components/shell/use-search-everything";
import { Name } from "@/components/ui/name";
import { SearchField } from "@/components/ui/search-field";
import { createUser, listUsers, type User } from "@/lib/api/client";
import { Paging } from "@/lib/paging";
import { choose } from "@/lib/session";
import { texts } from "@/texts";

/** Who are you? */
export function Users() {
  const isAllowed = useMay("users");
  if (isAllowed) return <Choice />;
  return <NotAllowed level={1} title={texts.access.noUsers} hint={texts.access.noUsersHint} />;
}

function Choice() {
  const list = useMemo(() => new Paging<User>((cursor) => listUsers({ cursor })), []);
  const shown = usePaging(list);
  const [query, setQuery] = useState("");
  const wanted = query.trim().toLocaleLowerCase();
  useSearchEverything(list, shown, wanted);
  const items = shown.items.filter(({ name }) => name.toLocaleLowerCase().includes(wanted));
  const empty = wanted
    ? { icon: UserRound, title: texts.users.noMatch(query), hint: texts.users.noMatchHint }
    : { icon: UserRound, title: texts.users.empty, hint: texts.users.emptyHint };
  return (
    <section className="space-y-5">
      <div>
        <h1 className="text-2xl font-semibold">{texts.users.title}</h1>
        <p className="text-soft">{texts.users.intro}</p>
      </div>
      <NameForm
        label={texts.users.create}
        placeholder={texts.users.namePlaceholder}
        submit={texts.users.submit}
        create={async (name) => choose(await createUser(name))}
      />
      <SearchField label={texts.users.search} value={query} onChange={setQuery} />
      <Endless
        label={texts.users.list}
        list={list}
        shown={shown}
        items={items}
        empty={empty}
        failed={texts.users.failed}
      >
        {(user) => (
          <button
            type="button"
            onClick={() => choose(user)}
            className="flex min-h-14 w-full items-center gap-3 px-4 text-left hover:bg-hover"
          >
            <UserRound aria-hidden className="size-5 shrink-0 text-soft" />
            <Name>{user.name}</Name>
          </button>
        )}
      </Endless>
    </section>
  );
}
