import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Plus } from "lucide-react";
import { type FormEvent, useEffect, useRef } from "react";
import { Link } from "react-router";
import { answer, api } from "@/api/client";
import { violationOf } from "@/api/errors";
import { useIsOperator } from "@/api/session";
import { useAnnounce } from "@/components/Announcer";
import { Button } from "@/components/Button";
import { TextField } from "@/components/Field";
import { ErrorNotice } from "@/components/Notice";
import text from "@/components/Text.module.css";
import styles from "./leads.module.css";

/** One line that turns an e-mail address into a lead. `/` jumps to it, Escape empties it. */
export function QuickAdd() {
  const form = useRef<HTMLFormElement>(null);
  const queries = useQueryClient();
  const announce = useAnnounce();
  const add = useMutation({
    mutationFn: (body: { email: string; domain: string }) =>
      answer(api.POST("/api/leads/quick-add", { body })),
    onSuccess: (lead) => {
      announce(`Added ${lead.email}. Looking up ${lead.domain}.`);
      form.current?.reset();
      return queries.invalidateQueries({ queryKey: ["leads", "list"] });
    },
  });
  const named = { email: violationOf(add.error, "email"), domain: violationOf(add.error, "domain") };
  useEffect(() => {
    if (add.error) form.current?.querySelector<HTMLElement>("[aria-invalid]")?.focus();
  }, [add.error]);

  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    if (add.isPending) return;
    const data = new FormData(event.currentTarget);
    add.mutate({ email: String(data.get("email")).trim(), domain: String(data.get("domain")).trim() });
  };

  if (!useIsOperator())
    return <p className={text.hint}>Your role reads leads; adding one needs the operator role.</p>;
  return (
    <form
      ref={form}
      className={styles.quickAdd}
      onSubmit={submit}
      onKeyDown={(event) => {
        if (event.key !== "Escape") return;
        form.current?.reset();
        add.reset();
      }}
      aria-label="Add a lead"
      noValidate
    >
      {/* The server is the judge of addresses: what it says appears beside the field it names. */}
      <TextField
        label="E-mail"
        name="email"
        type="text"
        inputMode="email"
        autoComplete="off"
        autoCapitalize="off"
        spellCheck={false}
        placeholder="ada@example.com"
        data-shortcut="/"
        aria-keyshortcuts="/"
        error={named.email}
      />
      <TextField
        label="Domain"
        name="domain"
        optional
        inputMode="url"
        autoComplete="off"
        autoCapitalize="off"
        spellCheck={false}
        placeholder="the address’s own"
        error={named.domain}
      />
      <div className={styles.submit}>
        <Button type="submit" variant="primary" icon={Plus} busy={add.isPending}>
          Add lead
        </Button>
      </div>
      {add.error && !named.email && !named.domain && (
        <div className={styles.wide}>
          <ErrorNotice title="The lead was not added" error={add.error} />
        </div>
      )}
      <p className={`${text.hint} ${styles.wide}`}>
        {add.data ? (
          <>
            Added <Link to={`/leads/${add.data.id}`}>{add.data.email}</Link>; {add.data.domain} is being
            looked up.
          </>
        ) : (
          <>
            DNS, certificate and home page are looked up at once. <kbd className={styles.key}>/</kbd> brings
            you here.
          </>
        )}
      </p>
    </form>
  );
}
