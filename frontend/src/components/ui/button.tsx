import { cva, type VariantProps } from "class-variance-authority";
import type { ComponentProps } from "react";

/** How buttons and links that look like buttons are drawn. */
export const buttonStyle = cva(
  "inline-flex shrink-0 items-center justify-center gap-2 rounded-lg font-medium whitespace-nowrap select-none transition-colors duration-100 disabled:opacity-55 disabled:cursor-not-allowed aria-disabled:opacity-55",
  {
    variants: {
      look: {
        primary: "bg-accent text-on-accent shadow-low hover:not-disabled:bg-accent-hover",
        plain: "border border-line bg-surface text-ink shadow-low hover:not-disabled:bg-hover",
        quiet: "text-soft hover:not-disabled:bg-hover hover:not-disabled:text-ink",
        accent: "text-accent-ink hover:not-disabled:bg-accent-soft",
        danger: "bg-bad-solid text-on-accent shadow-low hover:not-disabled:bg-bad-hover",
        warn: "text-bad hover:not-disabled:bg-bad-soft",
      },
      size: {
        medium: "min-h-9 px-3.5 text-[0.9375rem] touch:min-h-11",
        small: "min-h-7 rounded-md px-2 text-[0.8125rem] touch:min-h-11 touch:px-3",
        icon: "size-9 touch:size-11",
        smallIcon: "size-7 rounded-md touch:size-11",
      },
    },
    defaultVariants: { look: "plain", size: "medium" },
  },
);

type ButtonProps = ComponentProps<"button"> & VariantProps<typeof buttonStyle>;

export function Button({ look, size, className, ...rest }: ButtonProps) {
  return <button type="button" className={buttonStyle({ look, size, className })} {...rest} />;
}

/** A button that is only a picture; its `label` is read out and shown as a tip. */
export function IconButton({ label, size = "icon", look = "quiet", ...rest }: ButtonProps & { label: string }) {
  return <Button aria-label={label} title={label} size={size} look={look} {...rest} />;
}
