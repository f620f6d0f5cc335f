/** Elements of one tile side: 64 x 64 bytes stay in the first-level cache. */
const SIDE = 64

/** [rows, columns] to [columns, rows] for each of `stack` matrices, tile by tile. */
export function transpose<T extends Uint8Array | Float32Array>(
  source: T,
  stack: number,
  rows: number,
  columns: number,
): T {
  const target = source.slice() as T
  if (rows === 1 || columns === 1) return target
  for (let matrix = 0; matrix < stack; matrix++) {
    const origin = matrix * rows * columns
    for (let top = 0; top < rows; top += SIDE) {
      const bottom = Math.min(rows, top + SIDE)
      for (let left = 0; left < columns; left += SIDE) {
        const right = Math.min(columns, left + SIDE)
        for (let row = top; row < bottom; row++) {
          for (let column = left; column < right; column++) {
            target[origin + column * rows + row] = source[origin + row * columns + column]!
          }
        }
      }
    }
  }
  return target
}

/** Codes with each channel's elements side by side, whatever the view. May be the same array. */
export function toChannelMajor(
  codes: Uint8Array,
  view: { stack: number; channels: number; depth: number; along: 'row' | 'column' },
): Uint8Array {
  return view.along === 'row' ? codes : transpose(codes, view.stack, view.depth, view.channels)
}

/** The reverse: codes in the order of the source elements. */
export function fromChannelMajor(
  codes: Uint8Array,
  view: { stack: number; channels: number; depth: number; along: 'row' | 'column' },
): Uint8Array {
  return view.along === 'row' ? codes : transpose(codes, view.stack, view.channels, view.depth)
}
