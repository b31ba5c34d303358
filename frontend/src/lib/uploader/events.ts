/** Server-sent events (WHATWG HTML, 9.2) out of a stream of bytes, as far as this service sends them: one line of data each. */
export async function* dataOfEvents(body: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const reader = body.pipeThrough(new TextDecoderStream() as ReadableWritablePair<string, Uint8Array>).getReader();
  try {
    for (let rest = ""; ;) {
      const { done, value } = await reader.read();
      if (done) return;
      const lines = (rest + value).split(/\r\n|\n|\r/);
      rest = lines.pop() ?? "";
      for (const line of lines) if (line.startsWith("data:")) yield line.slice(5).trim();
    }
  } finally {
    // Who stops reading lets the server know.
    await reader.cancel().catch(() => undefined);
  }
}
