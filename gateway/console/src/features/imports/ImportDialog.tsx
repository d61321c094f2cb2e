import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Upload } from "lucide-react";
import { useRef, useState } from "react";
import { useIsOperator } from "@/api/session";
import { useAnnounce } from "@/components/Announcer";
import { Button } from "@/components/Button";
import { Dialog } from "@/components/Dialog";
import { formatCount } from "@/format";
import { Done } from "./Done";
import { guess, readHeader } from "./header";
import { Preparation } from "./Preparation";
import { send, type Wish } from "./queries";

const HEADER_BYTES = 64 * 1024;

/** The way from a file to leads: choose it, map its columns, see what would happen, let it happen. */
export function ImportDialog() {
  const [open, setOpen] = useState(false);
  if (!useIsOperator()) return null;
  return (
    <>
      <Button icon={Upload} onClick={() => setOpen(true)}>
        Import
      </Button>
      {open && <Steps close={() => setOpen(false)} />}
    </>
  );
}

function Steps({ close }: { close: () => void }) {
  const [wish, setWish] = useState<Wish>();
  const [header, setHeader] = useState<string[]>([]);
  const [share, setShare] = useState(0);
  const sending = useRef(new AbortController());
  const queries = useQueryClient();
  const announce = useAnnounce();
  const run = useMutation({
    mutationFn: (asked: Wish) => {
      sending.current = new AbortController();
      setShare(0);
      return send(asked, setShare, sending.current.signal);
    },
    onSuccess: (done) => {
      const created = formatCount(done.created);
      announce(done.dry_run ? `${created} leads would be created.` : `${created} leads were created.`);
    },
    onSettled: (_, __, asked) => {
      if (asked.dryRun) return;
      void queries.invalidateQueries({ queryKey: ["leads", "list"] });
      void queries.invalidateQueries({ queryKey: ["imports"] });
    },
  });

  const choose = async (file: File) => {
    // Not text(), which reads UTF-16 as well; the server does not.
    const found = readHeader(new TextDecoder().decode(await file.slice(0, HEADER_BYTES).arrayBuffer()));
    setHeader(found);
    change({ file, mapping: guess(found), existing: "SKIP", enrich: false, dryRun: true, key: "" });
  };
  // Another wish is another import, and what was said about the last one is not true of it.
  const change = (changed: Wish) => {
    setWish({ ...changed, key: globalThis.crypto.randomUUID?.() ?? "" });
    run.reset();
  };
  const ask = (dryRun: boolean) => wish && run.mutate({ ...wish, dryRun, key: dryRun ? "" : wish.key });
  const leave = () => {
    sending.current.abort();
    close();
  };

  return (
    <Dialog title="Import leads" onClose={leave}>
      {run.data && !run.data.dry_run ? (
        <Done done={run.data} close={close} />
      ) : (
        <Preparation
          wish={wish}
          header={header}
          choose={choose}
          change={change}
          checked={run.data}
          busy={run.isPending ? { share, dryRun: run.variables.dryRun } : undefined}
          error={run.error}
          check={() => ask(true)}
          start={() => ask(false)}
          stop={() => sending.current.abort()}
        />
      )}
    </Dialog>
  );
}
