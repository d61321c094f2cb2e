import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Check, X } from "lucide-react";
import { answer, api } from "@/api/client";
import { useIsOperator } from "@/api/session";
import type { Lead, Suggestion } from "@/api/types";
import { useAnnounce } from "@/components/Announcer";
import { Button } from "@/components/Button";
import { Card } from "@/components/Card";
import { ErrorNotice } from "@/components/Notice";
import text from "@/components/Text.module.css";
import { Timestamp } from "@/components/Timestamp";
import styles from "./leads.module.css";
import { keepLead } from "./queries";

const FIELDS: Record<string, string> = { name: "Name", domain: "Domain" };

/** What the look-up found for fields that belong to people, each to be accepted or dismissed. */
export function LeadSuggestions({ lead }: { lead: Lead }) {
  const open = lead.suggestions.filter((suggestion) => suggestion.state === "OPEN");
  if (open.length === 0 || lead.delete_time) return null;
  return (
    <Card title="Suggestions" aside={<span className={text.hint}>Nothing is changed without your word</span>}>
      <ul>
        {open.map((suggestion) => (
          <SuggestionRow key={suggestion.id} lead={lead} suggestion={suggestion} />
        ))}
      </ul>
    </Card>
  );
}

function SuggestionRow({ lead, suggestion }: { lead: Lead; suggestion: Suggestion }) {
  const queries = useQueryClient();
  const announce = useAnnounce();
  const mayDecide = useIsOperator();
  const field = FIELDS[suggestion.field] ?? suggestion.field;
  const now = suggestion.field === "domain" ? lead.domain : lead.name;
  const decide = useMutation({
    mutationFn: (verb: "accept" | "dismiss") => {
      // The etag is what was seen: a lead that somebody changed meanwhile is not decided upon blindly.
      const request = {
        params: { path: { id: lead.id, suggestion_id: suggestion.id } },
        body: { etag: lead.etag },
      };
      return answer(
        verb === "accept"
          ? api.POST("/api/leads/{id}/suggestions/{suggestion_id}:accept", request)
          : api.POST("/api/leads/{id}/suggestions/{suggestion_id}:dismiss", request),
      );
    },
    onSuccess: (decided, verb) => {
      announce(`${field} “${suggestion.value}” ${verb}ed.`);
      return keepLead(queries, decided);
    },
    // It may have failed because the lead is another one by now.
    onError: () => queries.invalidateQueries({ queryKey: ["leads", "one", lead.id] }),
  });
  return (
    <li className={styles.fact}>
      <h3>{field}</h3>
      <div className={styles.values}>
        <p className={styles.proposal}>
          <strong>{suggestion.value}</strong>
          <span className={text.hint}>{now ? `instead of ${now}` : "where there is none"}</span>
        </p>
        <p className={styles.source}>
          <code>{suggestion.fact}</code>
          <span>{suggestion.source}</span>
          <Timestamp value={suggestion.observed_at} />
        </p>
        {mayDecide && (
          <div className={styles.decision}>
            <Button
              icon={Check}
              busy={decide.isPending}
              aria-label={`Accept ${suggestion.value} as ${field.toLowerCase()}`}
              onClick={() => decide.mutate("accept")}
            >
              Accept
            </Button>
            <Button
              variant="quiet"
              icon={X}
              busy={decide.isPending}
              aria-label={`Dismiss ${suggestion.value} as ${field.toLowerCase()}`}
              onClick={() => decide.mutate("dismiss")}
            >
              Dismiss
            </Button>
          </div>
        )}
        {decide.error && <ErrorNotice title="Nothing was decided" error={decide.error} />}
      </div>
    </li>
  );
}
