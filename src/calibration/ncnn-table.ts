import { TersorError } from '../errors.ts'

/** A layer of a table for ncnn2int8: codes are round(value * scale), from -127 to 127. */
export interface NcnnLayer {
  /** As in the .param file. */
  readonly name: string
  /** Of what the layer reads. */
  readonly scale: number
  /** Of its weights: one for each output, or for each group. */
  readonly weightScales: Float32Array
}

/** ncnn reads keys of 255 bytes, `_param_0` among them. */
const LONGEST_NAME = 247
const WEIGHTS = '_param_0'

/**
 * The calibration table that ncnn2int8 takes beside .param and .bin: first a line `NAME_param_0 scale scale ...` for the weights of
 * each layer, then a line `NAME scale` for what it reads. E_UNSUPPORTED for names that its reader would cut in two.
 */
export function writeNcnnTable(layers: readonly NcnnLayer[]): string {
  const names = new Set<string>()
  for (const { name } of layers) {
    const readable = /^[^\s\0]+$/.test(name) && new TextEncoder().encode(name).length <= LONGEST_NAME
    if (!readable || name.includes('_param_') || names.has(name)) {
      throw new TersorError(
        'E_UNSUPPORTED',
        `a table for ncnn cannot name a layer "${name.slice(0, 80)}": names are unique, without spaces and "_param_", and at most ${LONGEST_NAME} bytes long`,
        { where: name, hint: 'name layers as the .param file does' },
      )
    }
    names.add(name)
  }
  const weights = layers.map(
    ({ name, weightScales }) => `${name}${WEIGHTS} ${[...weightScales].map(digits).join(' ')}\n`,
  )
  return [...weights, ...layers.map(({ name, scale }) => `${name} ${digits(scale)}\n`)].join('')
}

/** As ncnn2int8 reads it. A layer that lacks one of its lines is left out, as there. E_FORMAT for what is no table. */
export function readNcnnTable(text: string): readonly NcnnLayer[] {
  const lines = new Map<string, Float32Array>()
  for (const [at, line] of text.split(/\r?\n/).entries()) {
    const [name, ...numbers] = line.split(' ').filter((word) => word !== '')
    if (name === undefined) continue
    const scales = Float32Array.from(numbers, Number)
    if (scales.length === 0 || scales.some((scale) => !Number.isFinite(scale)))
      throw new TersorError(
        'E_FORMAT',
        `line ${at + 1} of a table for ncnn: expected a name and numbers, found "${line.slice(0, 80)}"`,
      )
    lines.set(name, scales)
  }
  return [...lines].flatMap(([name, scales]) => {
    const weightScales = lines.get(`${name}${WEIGHTS}`)
    return weightScales === undefined || name.includes('_param_') ? [] : [{ name, scale: scales[0]!, weightScales }]
  })
}

/** The fewest digits that read back as the same f32. */
function digits(value: number): string {
  const single = Math.fround(value)
  for (let count = 6; count < 9; count++)
    if (Math.fround(Number(single.toPrecision(count))) === single) return `${Number(single.toPrecision(count))}`
  return `${Number(single.toPrecision(9))}`
}
