import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { answer, api } from "@/api/client";
import type { Lead } from "@/api/types";
import { TextField } from "@/components/Field";
import { ErrorNotice } from "@/components/Notice";
import { Status } from "@/components/Status";
import text from "@/components/Text.module.css";
import styles from "./merge.module.css";
import { enrichmentLook } from "./status";

const SHOWN = 5;

/** Finds the other lead: those of the same domain to begin with, then whatever is searched for. */
export function MergeSearch({
  lead,
  chosen,
  choose,
}: {
  lead: Lead;
  chosen: Lead | undefined;
  choose: (other: Lead) => void;
}) {
  const [typed, setTyped] = useState("");
  const q = typed.trim();
  const { data, error, refetch } = useQuery({
    queryKey: ["leads", "merge", lead.id, q],
    queryFn: ({ signal }) => {
      const query = { ...(q ? { q } : { domain: lead.domain }), page_size: SHOWN + 1 };
      return answer(api.GET("/api/leads", { params: { query }, signal }));
    },
    placeholderData: keepPreviousData,
  });
  const found = data?.leads.filter(({ id }) => id !== lead.id).slice(0, SHOWN);
  return (
    <>
      <TextField
        label="Find the other lead"
        type="search"
        autoComplete="off"
        spellCheck={false}
        placeholder="E-mail, domain or name"
        value={typed}
        onChange={(event) => setTyped(event.target.value)}
      />
      {error && <ErrorNotice title="The leads could not be read" error={error} retry={refetch} />}
      {found?.length === 0 && (
        <p className={text.hint}>{q ? "No other lead matches." : `No other lead has ${lead.domain}.`}</p>
      )}
      {found && found.length > 0 && (
        <fieldset className={styles.found}>
          <legend className="visually-hidden">The other lead</legend>
          {found.map((each) => (
            <label key={each.id} className={styles.candidate}>
              <input
                type="radio"
                name="other"
                checked={chosen?.id === each.id}
                onChange={() => choose(each)}
              />
              <span>
                {each.email}
                {each.name && <small>{each.name}</small>}
              </span>
              <Status {...enrichmentLook(each)} />
            </label>
          ))}
        </fieldset>
      )}
    </>
  );
}
