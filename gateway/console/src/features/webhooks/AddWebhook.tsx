import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Plus } from "lucide-react";
import { useState } from "react";
import { useNavigate } from "react-router";
import { answer, api } from "@/api/client";
import { useAnnounce } from "@/components/Announcer";
import { Button } from "@/components/Button";
import { Dialog } from "@/components/Dialog";
import { type Draft, EndpointForm } from "./EndpointForm";
import { SecretOnce } from "./SecretOnce";
import { EVENTS } from "./words";

const BLANK: Draft = { url: "", description: "", events: EVENTS };

/** Registers an address, shows its secret, and goes to it. */
export function AddWebhook() {
  const [open, setOpen] = useState(false);
  return (
    <>
      <Button variant="primary" icon={Plus} aria-haspopup="dialog" onClick={() => setOpen(true)}>
        Add a webhook…
      </Button>
      {open && <AddDialog close={() => setOpen(false)} />}
    </>
  );
}

function AddDialog({ close }: { close: () => void }) {
  const queries = useQueryClient();
  const announce = useAnnounce();
  const navigate = useNavigate();
  const add = useMutation({
    mutationFn: (draft: Draft) => answer(api.POST("/api/webhooks", { body: draft })),
    onSuccess: () => announce("The webhook was added. Its secret is shown this once."),
  });
  const done = () => {
    close();
    if (!add.data) return;
    void queries.invalidateQueries({ queryKey: ["webhooks", "list"] });
    void navigate(`/webhooks/${add.data.id}`);
  };
  return (
    <Dialog title={add.data ? "Keep this secret" : "Add a webhook"} onClose={done}>
      {add.data ? (
        <SecretOnce secret={add.data.secret} close={done} />
      ) : (
        <EndpointForm
          start={BLANK}
          busy={add.isPending}
          error={add.error}
          failed="Nothing was added"
          submit={add.mutate}
          cancel={close}
          does={{ icon: Plus, label: "Add" }}
        />
      )}
    </Dialog>
  );
}
