import { useId, type ComponentProps } from "react";

interface TextFieldProps extends Omit<ComponentProps<"input">, "id"> {
  label: string;
  /** What is wrong with it; read out when it appears. */
  problem?: string | null;
}

/** A box for text with its label above and its trouble beneath. */
export function TextField({ label, problem, ...rest }: TextFieldProps) {
  const id = useId();
  return (
    <div>
      <label htmlFor={id} className="mb-1.5 block text-sm font-medium">
        {label}
      </label>
      <input
        id={id}
        className="input"
        aria-invalid={problem ? true : undefined}
        aria-describedby={`${id}-problem`}
        {...rest}
      />
      <p id={`${id}-problem`} role="alert" className="text-sm text-bad not-empty:mt-1.5">
        {problem}
      </p>
    </div>
  );
}
