import { packedLength, packInto, unpackInto } from '../../../numbers/int.ts'

/** Rows of codes, each packed from a new byte, low code first, the rest of its last byte 0. */
export function packRows(codes: Uint8Array, rows: number, columns: number, bits: number): Uint8Array {
  const rowBytes = packedLength(columns, bits)
  const packed = new Uint8Array(rows * rowBytes)
  for (let row = 0; row < rows; row++) packInto(codes, row * columns, columns, bits, 0, packed, row * rowBytes)
  return packed
}

export function unpackRows(packed: Uint8Array, rows: number, columns: number, bits: number): Uint8Array {
  const rowBytes = packedLength(columns, bits)
  const codes = new Uint8Array(rows * columns)
  for (let row = 0; row < rows; row++) unpackInto(packed, row * rowBytes, columns, bits, 0, codes, row * columns)
  return codes
}
