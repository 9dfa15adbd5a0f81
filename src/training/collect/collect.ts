/** Where records go, one after the other: a file of lines, or what a method needs that keeps more than text. */
export interface RecordSink<Row> {
  append(row: Row): Promise<void>
}

export interface CollectOptions<Asked, Row> {
  /** What is still to be asked, in order. */
  readonly asked: Iterable<Asked>
  /** Makes the record of one of them; `undefined` where there is none to keep. Stops early when the signal is raised. */
  readonly answer: (asked: Asked, signal: AbortSignal | undefined) => Promise<Row | undefined>
  readonly sink: RecordSink<Row>
  readonly signal?: AbortSignal
  /** Called after each of them. */
  readonly onRecord?: (row: Row | undefined) => void
}

/**
 * Asks one after the other, and stores each record before the next one is asked. What was in the making when the signal
 * was raised is not stored: whoever goes on later makes it whole. Returns whether all were asked.
 * Throws what `answer` and `sink` throw; all records before are stored.
 */
export async function collect<Asked, Row>(options: CollectOptions<Asked, Row>): Promise<boolean> {
  const { asked, answer, sink, signal, onRecord } = options
  for (const one of asked) {
    if (signal?.aborted) return false
    const row = await answer(one, signal)
    if (signal?.aborted) return false
    if (row !== undefined) await sink.append(row)
    onRecord?.(row)
  }
  return true
}
