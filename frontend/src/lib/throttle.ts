/** Calls at once, and then no more often than this, in milliseconds; what was wanted meanwhile is done once at the end. */
export function throttled(call: () => void, pause: number): () => void {
  let resting = false;
  let wanted = false;
  const rest = () => {
    resting = true;
    setTimeout(() => {
      resting = false;
      if (!wanted) return;
      wanted = false;
      call();
      rest();
    }, pause);
  };
  return () => {
    if (resting) wanted = true;
    else {
      call();
      rest();
    }
  };
}
