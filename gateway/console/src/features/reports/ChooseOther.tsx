import { useInfiniteQuery } from "@tanstack/react-query";
import { ArrowRight } from "lucide-react";
import type { FormEvent } from "react";
import type { Report } from "@/api/types";
import { Button } from "@/components/Button";
import { Select, TextField } from "@/components/Field";
import { formatDateTime } from "@/format";
import { byNearness } from "./others";
import { reportsQuery } from "./queries";
import styles from "./reports.module.css";

type Choosing = { report: Report; chosen: string; choose: (id: string) => void };

/** Which other report this one is compared with: one on the same lead, or any by its ID. */
export function ChooseOther({ report, chosen, choose }: Choosing) {
  const { data } = useInfiniteQuery(reportsQuery({ lead_id: report.lead_id }));
  const others = byNearness(report, data?.pages.flatMap((page) => page.reports) ?? []);
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const id = String(new FormData(event.currentTarget).get("other")).trim();
    if (id) choose(id);
  };
  return (
    <div className={styles.choosing}>
      <Select
        label="With"
        value={others.some(({ id }) => id === chosen) ? chosen : ""}
        onChange={(event) => event.target.value && choose(event.target.value)}
        options={[
          ["", others.length > 0 ? "another report on this lead" : "no other report on this lead"],
          ...others.map((each): [string, string] => [each.id, wordsOf(each, report)]),
        ]}
      />
      <form key={chosen} onSubmit={submit} className={styles.any}>
        <TextField
          label="Or the ID of any report"
          name="other"
          defaultValue={others.some(({ id }) => id === chosen) ? "" : chosen}
          autoComplete="off"
          spellCheck={false}
        />
        <Button type="submit" icon={ArrowRight}>
          Compare
        </Button>
      </form>
    </div>
  );
}

function wordsOf(each: Report, report: Report): string {
  const when = each.created_at ? formatDateTime(new Date(each.created_at)) : each.id;
  const side = (each.created_at ?? "") < (report.created_at ?? "") ? "earlier" : "later";
  return `${when} (${side}), ${each.template_version_id}`;
}
