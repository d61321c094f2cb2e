import { useMutation, useQuery } from "@tanstack/react-query";
import { Search, X } from "lucide-react";
import { type FormEvent, type ReactNode, useEffect, useRef, useState } from "react";
import { useSearchParams } from "react-router";
import { useAnnounce } from "@/components/Announcer";
import { Button } from "@/components/Button";
import { Copyable } from "@/components/Copyable";
import { TextField } from "@/components/Field";
import { ErrorNotice } from "@/components/Notice";
import { Progress } from "@/components/Progress";
import { DropZone } from "./DropZone";
import { Found } from "./Found";
import styles from "./lookup.module.css";
import { digestIn, refusalOf } from "./pdf";
import { byFile, digestQuery, type Step } from "./queries";
import { verdictOf } from "./words";

/** Says of any PDF, or of its SHA-256, whether it was issued here and where it came from. */
export function LookupPanel({ leadName }: { leadName: (id: string) => ReactNode }) {
  const [search, setSearch] = useSearchParams();
  const announce = useAnnounce();
  const [step, setStep] = useState<Step>({});
  const abort = useRef<AbortController>(null);
  const asked = digestIn(search.get("sha256") ?? "");
  const digest = useQuery({ ...digestQuery(asked ?? ""), enabled: asked !== undefined });
  const file = useMutation({
    mutationFn: async (chosen: File) => {
      const refusal = await refusalOf(chosen);
      if (refusal) throw new Error(refusal);
      abort.current = new AbortController();
      return byFile(chosen, setStep, abort.current.signal);
    },
  });
  const chosen = file.isIdle ? undefined : file.variables;
  const result = chosen ? file.data : digest.data;
  const error = chosen ? file.error : digest.error;
  const label = result && verdictOf(result, chosen !== undefined).label;
  useEffect(() => {
    if (label) announce(`Verdict: ${label}.`);
  }, [label, announce]);
  useEffect(() => () => abort.current?.abort(), []);

  const take = (each: File) => {
    abort.current?.abort();
    setSearch({}, { replace: true });
    setStep({});
    file.mutate(each);
  };
  return (
    <>
      <div className={styles.ways}>
        <DropZone take={take} />
        <DigestForm
          key={asked ?? ""}
          digest={asked ?? ""}
          submit={(sha256) => {
            abort.current?.abort();
            file.reset();
            setSearch({ sha256 });
          }}
        />
      </div>
      {file.isPending && chosen && (
        <Underway file={chosen} step={step} cancel={() => abort.current?.abort()} />
      )}
      {error && error.name !== "AbortError" && (
        <ErrorNotice
          title={`${chosen?.name ?? "The SHA-256"} was not looked up`}
          error={error}
          {...(chosen ? {} : { retry: digest.refetch })}
        />
      )}
      {result && <Found result={result} file={chosen?.name} leadName={leadName} />}
    </>
  );
}

function DigestForm({ digest, submit }: { digest: string; submit: (sha256: string) => void }) {
  const [error, setError] = useState<string>();
  const onSubmit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const found = digestIn(String(new FormData(event.currentTarget).get("sha256")));
    setError(found ? undefined : "A SHA-256 is 64 characters, each 0 to 9 or a to f.");
    if (found) submit(found);
  };
  return (
    <form className={styles.digest} onSubmit={onSubmit} noValidate>
      <TextField
        label="Or its SHA-256"
        name="sha256"
        defaultValue={digest}
        autoComplete="off"
        spellCheck={false}
        placeholder="as sha256sum prints it"
        data-shortcut="/"
        aria-keyshortcuts="/"
        error={error}
      />
      <Button type="submit" icon={Search}>
        Look up
      </Button>
    </form>
  );
}

function Underway({ file, step, cancel }: { file: File; step: Step; cancel: () => void }) {
  const percent = Math.round((step.sent ?? 0) * 100);
  const words =
    step.digest === undefined
      ? "Computing"
      : step.sent === undefined
        ? "Asking"
        : percent < 100
          ? "Sending"
          : "Reading";
  return (
    <div className={styles.underway}>
      <strong>{file.name}</strong>
      <Progress value={percent} step={words} label="Progress of the look-up" />
      {step.digest && <Copyable value={step.digest} label="SHA-256 of the file" />}
      <Button variant="quiet" icon={X} onClick={cancel}>
        Cancel
      </Button>
    </div>
  );
}
