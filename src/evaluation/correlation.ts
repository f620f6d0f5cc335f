/** Pearson's correlation of two lists of one length; 0 where one of them does not vary. */
export function pearson(x: ArrayLike<number>, y: ArrayLike<number>): number {
  const count = x.length
  let [meanX, meanY] = [0, 0]
  for (let i = 0; i < count; i += 1) {
    meanX += x[i]! / count
    meanY += y[i]! / count
  }
  let [xx, yy, xy] = [0, 0, 0]
  for (let i = 0; i < count; i += 1) {
    const [a, b] = [x[i]! - meanX, y[i]! - meanY]
    xx += a * a
    yy += b * b
    xy += a * b
  }
  return xx > 0 && yy > 0 ? xy / Math.sqrt(xx * yy) : 0
}

/** Spearman's: Pearson's of ranks, equal values sharing their mean rank. */
export function spearman(x: ArrayLike<number>, y: ArrayLike<number>): number {
  return pearson(ranksOf(x), ranksOf(y))
}

function ranksOf(values: ArrayLike<number>): Float64Array {
  const order = Array.from({ length: values.length }, (_, i) => i).sort((a, b) => values[a]! - values[b]! || a - b)
  const ranks = new Float64Array(values.length)
  for (let from = 0; from < order.length; ) {
    let to = from + 1
    while (to < order.length && values[order[to]!] === values[order[from]!]) to += 1
    for (let i = from; i < to; i += 1) ranks[order[i]!] = (from + to - 1) / 2
    from = to
  }
  return ranks
}
