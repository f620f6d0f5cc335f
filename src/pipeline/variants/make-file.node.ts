import { basename, dirname, join } from 'node:path'
import { TersorError } from '../../errors.ts'
import type { Report, Verdict } from '../../model/report.ts'
import type { Tools } from '../../model/tools.ts'
import { writeModel } from '../dequantize.ts'
import { load } from '../load.ts'
import { modelFingerprint } from '../model-fingerprint.ts'
import { openModel } from '../open-model.node.ts'
import { type FileOptions, quantize } from '../quantize-file.node.ts'
import { browserLayout } from '../save.ts'
import { NodeStage } from '../stage.node.ts'
import type { Making } from './dtypes.ts'
import type { Part, PartOptions } from './make-variant.node.ts'
import type { VariantSource } from './source.node.ts'

export interface MadeFile {
  readonly files: readonly string[]
  readonly bytes: number
  readonly bytesBefore: number
  readonly verdict: Verdict
  readonly warnings: readonly string[]
  readonly report?: Report
}

/** One part through `quantize`. Data that do not feed a part of several are left out for it, and that is said. */
export async function quantized(
  part: Part,
  path: string,
  { to, lowering }: Making,
  options: PartOptions,
  source: VariantSource,
): Promise<MadeFile> {
  const { hashes: _hashes, compressed: _compressed, ...asked } = options
  const ask: FileOptions = {
    ...asked,
    to,
    ...(lowering === undefined ? {} : { lowering }),
    browserData: true,
    isStaged: true,
  }
  let report: Report
  const said: string[] = []
  try {
    report = await quantize(part.path, path, ask)
  } catch (thrown) {
    if (
      source.parts.length === 1 ||
      !isAboutData(thrown) ||
      (options.eval === undefined && options.calib === undefined)
    )
      throw thrown
    // Texts feed an encoder and not what decodes it: parts are proven one by one.
    const { eval: _eval, calib: _calib, labels: _labels, ...blind } = ask
    report = await quantize(part.path, path, blind)
    said.push(
      `${part.name}: the given data do not feed this part, so it was judged on synthetic inputs: ${thrown.message}`,
    )
  }
  const files = (report.output?.files ?? []).map((file) => join(dirname(path), basename(file)))
  return {
    files,
    bytes: report.output?.bytes ?? 0,
    bytesBefore: report.input.bytes,
    verdict: report.verdict as Verdict,
    warnings: [...said, ...report.warnings],
    report,
  }
}

function isAboutData(thrown: unknown): thrown is TersorError {
  return thrown instanceof TersorError && ['E_UNSUPPORTED', 'E_FORMAT', 'E_USAGE', 'E_RUNTIME'].includes(thrown.code)
}

/** The float model under its name in the folder; the same elements, proven by what it computes. */
export async function floatAgain(path: string, { shared, shardSize }: PartOptions, tools: Tools): Promise<MadeFile> {
  const { input } = shared.prepared
  const stage = new NodeStage(path, { force: true, inputs: [] })
  try {
    const name = basename(path)
    const layout = await writeModel(input, stage, { name, ...browserLayout(shardSize) }, tools)
    const files = await stage.publish()
    const again = await openModel(path)
    try {
      const { model } = await load(again.source, again.openExternal, tools.signal)
      if ((await modelFingerprint(model, tools.signal)) !== (await modelFingerprint(input, tools.signal)))
        throw new TersorError('E_INTERNAL', `${name} was written and is not the model that was read`, { where: name })
    } finally {
      await again.source.close?.()
    }
    const verdict: Verdict = {
      status: 'proven',
      data: 'none',
      samples: 0,
      because: 'the float model itself: what was read back is what was written, element by element',
      outputs: [],
      worst: [],
      filled: [],
    }
    const bytes = layout.files.reduce((sum, file) => sum + file.byteLength, 0)
    return { files, bytes, bytesBefore: input.byteLength, verdict, warnings: [] }
  } catch (thrown) {
    await stage.discard()
    throw thrown
  }
}
