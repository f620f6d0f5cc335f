import { existsSync, readdirSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileSource } from '../bytes/file.node.ts'
import type { ByteSource } from '../bytes/types.ts'
import { TersorError } from '../errors.ts'
import { externalOpener } from '../formats/onnx/external-data.node.ts'
import type { RunInput } from './run.ts'

export interface OpenedModel extends RunInput {
  /** Local path of the model file; absent for addresses. */
  readonly path?: string
}

/** Where a folder in Hugging Face layout keeps its float model. */
const IN_FOLDER = ['onnx/model.onnx', 'model.onnx', 'onnx/decoder_model_merged.onnx', 'decoder_model_merged.onnx']

/** A file, a folder in Hugging Face layout, or an address that answers range requests. Throws E_USAGE, E_FORMAT. */
export async function openModel(input: string): Promise<OpenedModel> {
  if (/^https?:\/\//.test(input)) {
    const { urlSource } = await import('../bytes/url.ts')
    const source = await urlSource(input)
    return { source, openExternal: (location): Promise<ByteSource> => urlSource(new URL(location, input).href) }
  }
  const path = resolvePath(input)
  return { source: fileSource(path), path, openExternal: externalOpener(dirname(path)) }
}

function resolvePath(input: string): string {
  if (!existsSync(input))
    throw new TersorError('E_USAGE', `there is no file "${input}"`, {
      where: input,
      hint: 'give the path of an .onnx file',
    })
  if (!statSync(input).isDirectory()) return input
  const found = IN_FOLDER.map((name) => join(input, name)).find((path) => existsSync(path))
  if (found) return found
  const others = ['onnx', '.'].flatMap((place) => onnxIn(join(input, place)).map((name) => join(place, name)))
  throw new TersorError(
    'E_USAGE',
    `the folder "${input}" holds none of ${IN_FOLDER.join(', ')}${others.length === 0 ? '' : `; it has ${others.slice(0, 8).join(', ')}`}`,
    {
      where: input,
      hint:
        others.length > 1
          ? 'give one of these files, or all of them to `tersor variants`'
          : 'give the path of an .onnx file',
    },
  )
}

function onnxIn(folder: string): readonly string[] {
  if (!existsSync(folder) || !statSync(folder).isDirectory()) return []
  return readdirSync(folder)
    .filter((name) => /\.onnx$/i.test(name))
    .sort()
}
