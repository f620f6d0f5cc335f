import { TersorError } from '../../../errors.ts'
import type { BlockLayout } from './block-layout.ts'

/**
 * Blocks of codes as the bytes of a ggml tensor. `codes`: a whole number of blocks, in array order. `parameters`: those of all blocks, block
 * by block. Throws E_USAGE on lengths that do not fit, codes out of range and parameters that the blocks cannot hold.
 */
export function packBlocks(layout: BlockLayout, codes: Uint16Array, parameters: Float32Array): Uint8Array {
  const { values, byteLength, levels } = layout
  const blocks = codes.length / values
  if (!Number.isInteger(blocks) || parameters.length !== blocks * layout.parameters) {
    throw new TersorError(
      'E_USAGE',
      `${layout.id} needs ${layout.parameters} parameters for each ${values} codes, found ${parameters.length} for ${codes.length}`,
    )
  }
  for (let i = 0; i < codes.length; i++) {
    if (codes[i]! >= levels) {
      throw new TersorError('E_USAGE', `${layout.id} has codes below ${levels}, found ${codes[i]} at ${i}`)
    }
  }
  const bytes = new Uint8Array(blocks * byteLength)
  for (let block = 0; block < blocks; block++) {
    layout.pack(
      codes.subarray(block * values, (block + 1) * values),
      parameters.subarray(block * layout.parameters, (block + 1) * layout.parameters),
      bytes.subarray(block * byteLength, (block + 1) * byteLength),
    )
  }
  return bytes
}

/** Codes and parameters of the bytes of a ggml tensor. Throws E_FORMAT when they are no whole number of blocks. */
export function unpackBlocks(
  layout: BlockLayout,
  bytes: Uint8Array,
): { readonly codes: Uint16Array; readonly parameters: Float32Array } {
  const { values, byteLength } = layout
  const blocks = bytes.length / byteLength
  if (!Number.isInteger(blocks)) {
    throw new TersorError('E_FORMAT', `${layout.id} has blocks of ${byteLength} bytes, found ${bytes.length} bytes`)
  }
  const codes = new Uint16Array(blocks * values)
  const parameters = new Float32Array(blocks * layout.parameters)
  for (let block = 0; block < blocks; block++) {
    layout.unpack(
      bytes.subarray(block * byteLength, (block + 1) * byteLength),
      codes.subarray(block * values, (block + 1) * values),
      parameters.subarray(block * layout.parameters, (block + 1) * layout.parameters),
    )
  }
  return { codes, parameters }
}
