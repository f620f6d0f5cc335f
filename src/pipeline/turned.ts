/** [rows, columns] to [columns, rows], written to `target`. */
export function turned<T extends Float32Array | Uint8Array | Int8Array>(
  values: T,
  rows: number,
  columns: number,
  target: T,
): T {
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      target[column * rows + row] = values[row * columns + column] as number
    }
  }
  return target
}
