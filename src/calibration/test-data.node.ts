import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { TersorError } from '../errors.ts'
import type { Feeds, SessionInput, Value } from '../model/runtime.ts'
import type { SampleItem } from './arrays-samples.ts'

type NamedValue = Value & { readonly name?: string }
type Decode = (bytes: Uint8Array) => Promise<NamedValue> | NamedValue

/** One tensor of a test is small; a larger file is something else. */
const TENSOR_LIMIT = 2_000_000_000

/**
 * A `test_data_set_N` folder of ONNX: `input_0.pb`, `input_1.pb` ... and `output_0.pb` ..., one TensorProto each.
 * A tensor whose name is an input's belongs to it; else the number of the file is the number of the input.
 */
export async function testDataItem(
  folder: string,
  inputs: readonly SessionInput[],
  outputs: readonly string[],
  decode: Decode,
): Promise<SampleItem> {
  const names = new Set(await readdir(folder))
  const given = numbered(names, 'input').slice(0, inputs.length)
  const read = async (file: string) => decodeFile(join(folder, file), decode)
  return {
    label: folder,
    count: 1,
    // Types show only when the files are read; what they give is known by their number.
    gives: new Map(given.map((_, i) => [inputs[i]!.name, inputs[i]!.dtype])),
    unused: [],
    async read() {
      const feeds = await pair(
        numbered(names, 'input'),
        inputs.map(({ name }) => name),
        read,
      )
      const expected = await pair(numbered(names, 'output'), outputs, read)
      return { label: folder, feeds, ...(outputs.length > 0 ? { expected } : {}) }
    },
  }
}

function numbered(names: ReadonlySet<string>, kind: 'input' | 'output'): readonly string[] {
  const files: string[] = []
  while (names.has(`${kind}_${files.length}.pb`)) files.push(`${kind}_${files.length}.pb`)
  return files
}

async function pair(
  files: readonly string[],
  wanted: readonly string[],
  read: (file: string) => Promise<NamedValue>,
): Promise<Feeds> {
  const feeds: [string, Value][] = []
  for (const [i, file] of files.entries()) {
    const { name, dtype, shape, data } = await read(file)
    const target = name !== undefined && wanted.includes(name) ? name : wanted[i]
    if (target !== undefined) feeds.push([target, { dtype, shape, data }])
  }
  return Object.fromEntries(feeds)
}

async function decodeFile(path: string, decode: Decode): Promise<NamedValue> {
  const { size } = await stat(path)
  if (size > TENSOR_LIMIT) {
    throw new TersorError('E_LIMIT', `${path}: ${size} bytes; a tensor file has at most ${TENSOR_LIMIT}`, {
      where: path,
    })
  }
  try {
    return await decode(await readFile(path))
  } catch (thrown) {
    if (!(thrown instanceof TersorError)) throw thrown
    throw new TersorError(thrown.code, `${path}: ${thrown.message}`, { where: path, cause: thrown })
  }
}
