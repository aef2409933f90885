// What went wrong, read out as it comes. It owns nothing.

export function Failure({ children }: { children: string | undefined }) {
  return children === undefined ? null : <p role="alert">{children}</p>;
}
