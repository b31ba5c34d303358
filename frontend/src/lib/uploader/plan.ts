/** Which bytes of a file each chunk has. */
export class Plan {
  /** How many chunks there are; none of an empty file. */
  readonly count: number;

  constructor(
    readonly size: number,
    readonly chunkSize: number,
  ) {
    this.count = Math.ceil(size / chunkSize);
  }

  /** From the first byte of a chunk to the first of the next. */
  span(index: number): { start: number; end: number } {
    const start = index * this.chunkSize;
    return { start, end: Math.min(start + this.chunkSize, this.size) };
  }

  length(index: number): number {
    const { start, end } = this.span(index);
    return end - start;
  }

  /** The chunks of this plan that the server has, whole. */
  present(received: readonly { index: number; size: number }[]): Set<number> {
    const whole = received.filter(({ index, size }) => index < this.count && size === this.length(index));
    return new Set(whole.map(({ index }) => index));
  }
}
