// Candidate grids of columns that are longer than a tile. Twin: src/kernels/reference/grids.ts.
import { LARGE, MEASURED, PARAMS, copyWords, least } from './memory'
import { measure } from './search'

@inline function addTo(sums: usize, from: usize, width: i32): void {
  for (let i: usize = 0; i < <usize>width; i++) f64.store(sums + (i << 3), f64.load(sums + (i << 3)) + <f64>f32.load(from + (i << 2)))
}

/** Rows summed in f32 before they are added to the f64 sums; four columns of them fit LARGE. */
const GRID_ROWS: i32 = 8192

export function gridColumns(src: usize, stride: usize, rows: i32, columns: i32, scales: usize, zeros: usize, gridCount: i32, maxCode: i32, errors: usize, residuals: usize, energies: usize): void {
  const half = f32x4.splat((<f32>maxCode + 1) * 0.5)
  const step = stride << 2
  for (; rows > 0; rows -= GRID_ROWS, src += step * <usize>GRID_ROWS) {
    const count = least(GRID_ROWS, rows)
    for (let column = 0; column < columns; column += 4) {
      const width = least(4, columns - column)
      const at = <usize>column
      let p = src + (at << 2)
      for (let row = 0, to = LARGE; row < count; row++, to += 16, p += step) {
        if (width == 4) v128.store(to, v128.load(p))
        else copyWords(to, p, width)
      }
      for (let grid: usize = 0; grid < <usize>gridCount; grid++) {
        const index = grid * columns + at
        let zero = half
        copyWords(PARAMS, scales + (index << 2), width)
        if (zeros) {
          for (let i: usize = 0; i < <usize>width; i++) f32.store(PARAMS + 16 + (i << 2), <f32>i32.load8_u(zeros + index + i))
          zero = v128.load(PARAMS, 16)
        }
        measure(LARGE, count, 0, 0, v128.load(PARAMS), zero, maxCode)
        addTo(errors + (index << 3), MEASURED, width)
        addTo(residuals + (index << 3), MEASURED + 16, width)
        addTo(energies + (index << 3), MEASURED + 32, width)
      }
    }
  }
}
