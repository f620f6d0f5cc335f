/** Most elements one kernel call may take: wasm has no on-stack replacement, so long calls stay slow. */
export const CALL_ELEMENTS = 1048576

/** Columns of one call are a multiple of this where there are enough of them: SIMD lanes side by side. */
const LANES = 16

/** Part of a matrix whose rows are stored one after the other: whole rows, or whole blocks of one row, or part of one block. */
export interface RowTile {
  readonly rows: number
  readonly columns: number
  /** First element, counted from the start of the matrix; rows * columns elements follow without a gap. */
  readonly start: number
  /** First grid, counted as row * blocks + block; rows * ceil(columns / block) grids follow. */
  readonly firstGrid: number
  /** Elements that share a grid inside this tile. */
  readonly block: number
}

/** Covers a [rows, columns] matrix in storage order. Blocks longer than a call are cut; their tiles share a `firstGrid`. */
export function* rowTiles(rows: number, columns: number, block: number): Generator<RowTile> {
  const perRow = Math.ceil(columns / block)
  if (columns <= CALL_ELEMENTS) {
    const most = Math.floor(CALL_ELEMENTS / columns)
    for (let row = 0; row < rows; row += most) {
      const start = row * columns
      yield { rows: Math.min(most, rows - row), columns, start, firstGrid: row * perRow, block }
    }
    return
  }
  const width = block <= CALL_ELEMENTS ? Math.floor(CALL_ELEMENTS / block) * block : CALL_ELEMENTS
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; ) {
      const blockEnd = block <= CALL_ELEMENTS ? columns : (Math.floor(column / block) + 1) * block
      const count = Math.min(width, columns - column, blockEnd - column)
      const firstGrid = row * perRow + Math.floor(column / block)
      yield { rows: 1, columns: count, start: row * columns + column, firstGrid, block: Math.min(block, count) }
      column += count
    }
  }
}

/** Part of one block of rows of a [depth, channels] matrix, over some of its columns. */
export interface ColumnTile {
  readonly row: number
  readonly rows: number
  /** Index of the block along the depth. */
  readonly block: number
}

/** Columns treated together, so that a whole block of each fits a call where that is possible. */
export interface ColumnStrip {
  readonly column: number
  readonly columns: number
}

export function* columnStrips(channels: number, blockSize: number, blocks: number): Generator<ColumnStrip> {
  const fitting = Math.floor(CALL_ELEMENTS / Math.max(blockSize, blocks))
  const width = fitting >= LANES ? fitting - (fitting % LANES) : Math.max(1, fitting)
  for (let column = 0; column < channels; column += width) {
    yield { column, columns: Math.min(width, channels - column) }
  }
}

/** Blocks from first to last; a block that does not fit a call comes in parts. */
export function* columnTiles(depth: number, columns: number, blockSize: number): Generator<ColumnTile> {
  const most = Math.max(1, Math.floor(CALL_ELEMENTS / columns))
  for (let block = 0; block * blockSize < depth; block++) {
    const end = Math.min(depth, (block + 1) * blockSize)
    for (let row = block * blockSize; row < end; row += most) yield { row, rows: Math.min(most, end - row), block }
  }
}

/** Next multiple of 64. */
export function aligned(byteLength: number): number {
  return Math.ceil(byteLength / 64) * 64
}
