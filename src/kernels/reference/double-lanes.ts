/** Sum of eight lanes of f64, in the order of the kernels. */
export function folded(lanes: Float64Array): number {
  const even = lanes[0]! + lanes[4]! + (lanes[2]! + lanes[6]!)
  return even + (lanes[1]! + lanes[5]! + (lanes[3]! + lanes[7]!))
}
