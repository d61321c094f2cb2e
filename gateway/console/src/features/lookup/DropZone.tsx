import { FileUp } from "lucide-react";
import { type DragEvent, useState } from "react";
import styles from "./lookup.module.css";

/** Takes one file, dropped or chosen; by keyboard it is a file field like any other. */
export function DropZone({ take }: { take: (file: File) => void }) {
  const [over, setOver] = useState(false);
  const drop = (event: DragEvent) => {
    event.preventDefault();
    setOver(false);
    const file = event.dataTransfer.files[0];
    if (file) take(file);
  };
  return (
    <label
      className={`${styles.zone} ${over ? styles.over : ""}`}
      onDragOver={(event) => {
        event.preventDefault();
        setOver(true);
      }}
      onDragLeave={() => setOver(false)}
      onDrop={drop}
    >
      <FileUp aria-hidden size={32} strokeWidth={1.5} />
      <strong>Drop a PDF here, or choose one</strong>
      <span>Its SHA-256 is computed in this browser. A genuine file is not even sent.</span>
      <input
        type="file"
        accept="application/pdf,.pdf"
        className="visually-hidden"
        onChange={(event) => {
          const file = event.target.files?.[0];
          // The same file may be chosen again, after it was changed.
          event.target.value = "";
          if (file) take(file);
        }}
      />
    </label>
  );
}
