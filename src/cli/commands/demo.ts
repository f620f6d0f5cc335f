import { existsSync } from 'node:fs'
import { copyFile, mkdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { TersorError } from '../../errors.ts'
import { toJson } from '../../report/to-json.ts'
import { toTerminal } from '../../report/to-terminal.ts'
import { type Command, exitCodeOfReport } from '../command.ts'
import { lineOptions, textOf } from '../options.ts'
import { checkFree, writeText } from '../write-text.ts'

/** The main job on the bundled digit classifier: copy, quantize, judge on its test pictures, report. */
export const demo: Command = async ({ parsed, loadLine, progress, signal, text }) => {
  const source = bundledFolder()
  const folder = textOf(parsed, 'output') ?? 'tersor-demo'
  const options = lineOptions(parsed)
  const model = join(folder, 'model.onnx')
  const picture = join(folder, 'report.html')
  const manifest = join(folder, 'manifest.json')
  for (const path of [model, picture, manifest]) await checkFree(path, options.force === true)
  await mkdir(folder, { recursive: true })
  await copyFile(join(source, 'model.onnx'), model)
  const line = await loadLine()
  const report = await line.quantize(model, undefined, {
    ...options,
    eval: join(source, 'test-images.npz'),
    labels: join(source, 'labels.csv'),
    metric: 'top1',
    samples: 540,
    compressed: true,
    hashes: true,
    signal,
    onEvent: progress.event,
  })
  const { toHtml } = await import('../../report/to-html.ts')
  const { demoPictures } = await import('../demo-pictures.ts')
  const pictures = await demoPictures(join(source, 'test-images.npz'), join(source, 'labels.csv'))
  await writeText(picture, toHtml(report, { pictures }))
  await writeText(manifest, toJson(report))
  const result = report.output?.path
  const shown = result === undefined ? report : { ...report, suggestion: `tersor compare ${model} ${result}` }
  const written = [
    ['manifest', manifest],
    ['report', picture],
  ] as const
  return { json: report, text: toTerminal(shown, { ...text, written }), exitCode: exitCodeOfReport(report) }
}

/** `demo/` of the package, from the sources as from the bundle. */
function bundledFolder(): string {
  let folder = dirname(fileURLToPath(import.meta.url))
  for (let level = 0; level < 5; level++) {
    if (existsSync(join(folder, 'demo', 'test-images.npz'))) return join(folder, 'demo')
    folder = dirname(folder)
  }
  throw new TersorError('E_INTERNAL', 'the demo folder is missing from this installation')
}
