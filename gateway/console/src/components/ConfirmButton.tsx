import { type ComponentProps, useState } from "react";
import { Button } from "./Button";

/** A button that does it at the second press; leaving it takes the first one back. */
export function ConfirmButton({
  sure,
  onConfirm,
  children,
  ...rest
}: { sure: string; onConfirm: () => void } & Omit<ComponentProps<typeof Button>, "onClick" | "onBlur">) {
  const [asked, setAsked] = useState(false);
  return (
    <Button
      {...rest}
      onClick={() => {
        setAsked(!asked);
        if (asked) onConfirm();
      }}
      onBlur={() => setAsked(false)}
    >
      {asked ? sure : children}
    </Button>
  );
}
