import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Upload } from "lucide-react";
import { type FormEvent, useState } from "react";
import { useNavigate } from "react-router";
import { answer, api } from "@/api/client";
import { violationOf } from "@/api/errors";
import { useHasRole } from "@/api/session";
import { useAnnounce } from "@/components/Announcer";
import { Button } from "@/components/Button";
import { Dialog, DialogActions } from "@/components/Dialog";
import { FileField, TextField } from "@/components/Field";
import { ErrorNotice } from "@/components/Notice";
import { formatBytes } from "@/format";
import { guess } from "./bundle";
import { Violations } from "./Violations";

const MOST_BYTES = 2 * 1024 * 1024;

/** Brings a bundle in as a draft. */
export function UploadTemplate() {
  const [open, setOpen] = useState(false);
  if (!useHasRole("admin")) return null;
  return (
    <>
      <Button icon={Upload} aria-haspopup="dialog" onClick={() => setOpen(true)}>
        Upload a bundle
      </Button>
      {open && <UploadDialog close={() => setOpen(false)} />}
    </>
  );
}

function UploadDialog({ close }: { close: () => void }) {
  const [file, setFile] = useState<File>();
  const [named, setNamed] = useState({ name: "", version: "" });
  const queries = useQueryClient();
  const announce = useAnnounce();
  const navigate = useNavigate();
  const upload = useMutation({
    mutationFn: async (chosen: File) =>
      answer(api.POST("/api/templates", { body: { ...named, archive: await inBase64(chosen) } })),
    onSuccess: (version) => {
      announce(`${version.id} is a draft.`);
      void queries.invalidateQueries({ queryKey: ["templates"] });
      return navigate(`/templates/${version.id}`);
    },
  });
  const tooLarge = file !== undefined && file.size > MOST_BYTES;
  const fields = { name: violationOf(upload.error, "name"), version: violationOf(upload.error, "version") };
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (file && !upload.isPending) upload.mutate(file);
  };
  return (
    <Dialog title="Upload a template bundle" onClose={close}>
      <form onSubmit={submit} noValidate>
        <FileField
          label="ZIP file"
          accept=".zip,application/zip"
          // So that the same file, mended meanwhile, can be chosen again.
          onClick={({ currentTarget }) => {
            currentTarget.value = "";
            setFile(undefined);
          }}
          onChange={({ target }) => {
            const chosen = target.files?.[0];
            setFile(chosen);
            upload.reset();
            if (chosen) setNamed(guess(chosen.name));
          }}
        >
          With <code>report.html.j2</code>, <code>schema.json</code>, <code>sample.json</code> and{" "}
          <code>strings/en.json</code> at its root; 2 MiB at most.
        </FileField>
        <TextField
          label="Name"
          value={named.name}
          autoComplete="off"
          autoCapitalize="off"
          spellCheck={false}
          placeholder="letter"
          error={fields.name}
          onChange={({ target }) => setNamed({ ...named, name: target.value })}
        />
        <TextField
          label="Version"
          value={named.version}
          autoComplete="off"
          placeholder="1.0.0"
          error={fields.version}
          onChange={({ target }) => setNamed({ ...named, version: target.value })}
        />
        {tooLarge && (
          <ErrorNotice
            title="The bundle is too large"
            error={new Error(`It has ${formatBytes(file.size)}; at most 2 MiB are taken.`)}
          />
        )}
        {upload.error && !fields.name && !fields.version && (
          <Violations title="The bundle was not taken" error={upload.error} />
        )}
        <DialogActions>
          <Button onClick={close}>Not now</Button>
          <Button
            type="submit"
            variant="primary"
            icon={Upload}
            busy={upload.isPending}
            disabled={!file || tooLarge || named.name === "" || named.version === ""}
          >
            Upload as a draft
          </Button>
        </DialogActions>
      </form>
    </Dialog>
  );
}

function inBase64(file: File): Promise<string> {
  const reader = new FileReader();
  return new Promise((resolve, reject) => {
    // A data URL: what is behind its comma is the content.
    reader.onload = () => resolve(String(reader.result).split(",")[1] ?? "");
    reader.onerror = () => reject(new Error("The file has changed since it was chosen: choose it again."));
    reader.readAsDataURL(file);
  });
}
