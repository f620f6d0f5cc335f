import { TersorError } from '../../errors.ts'
import type { ArrayScheme, ParameterArray, ParameterType, QuantizedArray } from '../../model/array-scheme.ts'
import type { DType } from '../../model/dtype.ts'
import type { Value } from '../../model/runtime.ts'
import { arrayScheme } from '../../schemes/arrays/index.ts'

/** What an .npz says of one quantized array besides its codes. */
export interface StoredArray {
  readonly quantized: QuantizedArray
  /** Type of the values that were quantized. */
  readonly dtype: DType
}

const SUFFIX = '.scheme'
/** After the name of an array: the finer code that ranks what a search over the first one finds. */
export const RESCORE = '.rescore'

/**
 * Members of an .npz that numpy reads on its own, `NAME.` in front of each:
 *   scheme      text
 *   dtype       text: what the values were
 *   shape       int64
 *   codes       bytes; in the shape of the array where a code is a byte (unsigned) or two and stands for one value
 *   scales ...  parameters; f16 as float16, other small floats as their bits
 */
export function membersOf(name: string, { quantized, dtype }: StoredArray, { codec }: ArrayScheme): Map<string, Value> {
  const { codes, shape, scheme, parameters } = quantized
  const count = shape.reduce((product, size) => product * size, 1)
  const members = new Map<string, Value>([
    [`${name}${SUFFIX}`, text(scheme)],
    [`${name}.dtype`, text(dtype)],
    [`${name}.shape`, { dtype: 'i64', shape: [shape.length], data: bytesOf(BigInt64Array.from(shape, BigInt)) }],
  ])
  const whole: Value | undefined =
    codes.length === count
      ? { dtype: 'u8', shape, data: codes }
      : codes.length === 2 * count && codec.levels > 256
        ? { dtype: 'u16', shape, data: codes }
        : undefined
  members.set(`${name}.codes`, whole ?? { dtype: 'u8', shape: [codes.length], data: codes })
  for (const [key, array] of Object.entries(parameters)) {
    const spec = [...codec.parameters, ...codec.shared].find((one) => one.name === key)
    members.set(`${name}.${key}`, { dtype: typeOf(array, spec?.type), shape: [array.length], data: bytesOf(array) })
  }
  return members
}

/** Names of the quantized arrays among members. */
export function storedNames(keys: Iterable<string>): string[] {
  return [...keys].filter((key) => key.endsWith(SUFFIX)).map((key) => key.slice(0, -SUFFIX.length))
}

/** The reverse of `membersOf`, with the keys that it read. Throws E_FORMAT for what is missing or of another kind. */
export function storedArray(
  name: string,
  members: ReadonlyMap<string, Value>,
): StoredArray & { readonly keys: readonly string[] } {
  const keys: string[] = []
  const member = (key: string): Value => {
    const value = members.get(`${name}.${key}`)
    if (value === undefined)
      throw new TersorError('E_FORMAT', `expected "${name}.${key}" in the .npz, found none`, { where: name })
    keys.push(`${name}.${key}`)
    return value
  }
  const scheme = textIn(member('scheme'), `${name}.scheme`)
  const shape = integersIn(member('shape'), name)
  const { codec } = knownScheme(scheme, name)
  const parameters: Record<string, ParameterArray> = {}
  for (const { name: key } of [...codec.parameters, ...codec.shared]) {
    parameters[key] = arrayIn(member(key), `${name}.${key}`)
  }
  const codes = member('codes').data
  if (!(codes instanceof Uint8Array))
    throw new TersorError('E_FORMAT', `"${name}.codes" holds text, not codes`, { where: name })
  return {
    quantized: { scheme, shape, codes, parameters },
    dtype: members.has(`${name}.dtype`) ? (textIn(member('dtype'), `${name}.dtype`) as DType) : 'f32',
    keys,
  }
}

/** What is a wrong word on the command line is a wrong file here. */
function knownScheme(id: string, name: string): ArrayScheme {
  try {
    return arrayScheme(id)
  } catch (cause) {
    throw new TersorError('E_FORMAT', `"${name}.scheme" is "${id.slice(0, 60)}", which is no scheme of this version`, {
      where: name,
      cause,
    })
  }
}

function text(word: string): Value {
  return { dtype: 'string', shape: [], data: [word] }
}

function textIn({ data }: Value, name: string): string {
  const [word] = data instanceof Uint8Array ? [] : data
  if (word === undefined)
    throw new TersorError('E_FORMAT', `expected text in "${name}", found numbers`, { where: name })
  return word
}

function integersIn({ dtype, data }: Value, name: string): number[] {
  if (!(data instanceof Uint8Array) || dtype !== 'i64' || data.length > 8 * 64) {
    throw new TersorError('E_FORMAT', `expected the shape of "${name}" as int64, found ${dtype}`, { where: name })
  }
  return Array.from(new BigInt64Array(new Uint8Array(data).buffer), Number)
}

function bytesOf(array: ArrayBufferView): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength)
}

/** 16 bits are float16 for numpy where they are that; other small floats stay bits. */
function typeOf(array: ParameterArray, type: ParameterType | undefined): DType {
  if (array instanceof Float32Array) return 'f32'
  if (array instanceof Uint16Array) return type === 'f16' ? 'f16' : 'u16'
  return array instanceof Int8Array ? 'i8' : 'u8'
}

function arrayIn({ dtype, data }: Value, key: string): ParameterArray {
  if (data instanceof Uint8Array) {
    const { buffer } = new Uint8Array(data)
    if (dtype === 'f32') return new Float32Array(buffer)
    if (dtype === 'f16' || dtype === 'u16') return new Uint16Array(buffer)
    if (dtype === 'i8') return new Int8Array(buffer)
    if (dtype === 'u8') return new Uint8Array(buffer)
  }
  throw new TersorError('E_FORMAT', `"${key}" is of type ${dtype}, which no parameter has`, { where: key })
}
