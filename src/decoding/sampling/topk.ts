/**
 * Fills `heap` [k] with the ids of the k largest of `logits` [vocab >= k], lower ids first among equals, and returns
 * the last of them in that order. One pass with a heap whose root is the worst token kept: O(vocab) as long as few
 * tokens enter it, O(vocab log k) at worst.
 */
export function selectTopK(logits: Float32Array, heap: Int32Array): number {
  const k = heap.length
  const worse = (a: number, b: number) => logits[a] < logits[b] || (logits[a] === logits[b] && a > b)

  const sink = (token: number, node: number) => {
    for (;;) {
      let child = 2 * node + 1
      if (child >= k) break
      if (child + 1 < k && worse(heap[child + 1], heap[child])) child++
      if (!worse(heap[child], token)) break
      heap[node] = heap[child]
      node = child
    }
    heap[node] = token
  }

  for (let token = 0; token < k; token++) heap[token] = token
  for (let node = (k >> 1) - 1; node >= 0; node--) sink(heap[node], node)
  // A later token has a higher id: it must be strictly better to push one out.
  for (let token = k; token < logits.length; token++) if (logits[token] > logits[heap[0]]) sink(token, 0)
  return heap[0]
}
