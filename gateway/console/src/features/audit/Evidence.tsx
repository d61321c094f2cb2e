import { Download } from "lucide-react";
import { ButtonFile } from "@/components/Button";
import { CopyButton } from "@/components/Copyable";
import text from "@/components/Text.module.css";
import styles from "./audit.module.css";

const COMMAND = 'python -m services.evidence verify evidence.zip --key "$PUBLIC_KEY"';

/** The trail as a file that proves itself, and how to have it do so. */
export function Evidence({ leadId }: { leadId: string }) {
  return (
    <footer className={styles.evidence}>
      <div>
        <h3>Evidence</h3>
        <p className={text.hint}>
          The trail with its proofs and signed checkpoint in one ZIP. It is checked without this system or a
          network, against the public key that the log’s owner gave you:
        </p>
        <p className={styles.command}>
          <code>{COMMAND}</code>
          <CopyButton value={COMMAND} label="the command" />
        </p>
      </div>
      <ButtonFile icon={Download} href={`/api/leads/${leadId}/evidence`} download>
        Download the evidence
      </ButtonFile>
    </footer>
  );
}
