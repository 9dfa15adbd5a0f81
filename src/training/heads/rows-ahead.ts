/** Of each row the one `distance` rows on in its document; the row itself where the document ends before. */
export function rowsAhead(parents: Int32Array, distance: number): Int32Array {
  const ahead = new Int32Array(parents.length)
  for (let row = parents.length - 1, left = 0; row >= 0; row--) {
    left = parents[row + 1] === row ? left + 1 : 0
    ahead[row] = left >= distance ? row + distance : row
  }
  return ahead
}
