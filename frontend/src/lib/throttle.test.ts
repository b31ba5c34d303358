import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { throttled } from "./throttle";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

it("calls at once, then seldom, and never forgets the last wish", () => {
  const call = vi.fn();
  const wish = throttled(call, 100);
  wish();
  expect(call).toHaveBeenCalledTimes(1);
  for (let moment = 0; moment < 10; moment += 1) {
    wish();
    vi.advanceTimersByTime(25);
  }
  expect(call).toHaveBeenCalledTimes(3);
  vi.advanceTimersByTime(1000);
  expect(call).toHaveBeenCalledTimes(4);
  wish();
  expect(call).toHaveBeenCalledTimes(5);
});
