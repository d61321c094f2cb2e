import { createContext, type ReactNode, useCallback, useContext, useState } from "react";

const Announce = createContext<(text: string) => void>(() => {});

/** Says a sentence to screen readers, politely; sighted readers see the change itself. */
export const useAnnounce = () => useContext(Announce);

export function Announcer({ children }: { children: ReactNode }) {
  // The count makes the same sentence, said twice, a change.
  const [said, setSaid] = useState({ text: "", count: 0 });
  const announce = useCallback(
    (text: string) => setSaid((before) => ({ text, count: before.count + 1 })),
    [],
  );
  return (
    <Announce value={announce}>
      {children}
      <div role="status" aria-live="polite" className="visually-hidden">
        <span key={said.count}>{said.text}</span>
      </div>
    </Announce>
  );
}
