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

const DATA = ['test-images.npz', 'labels.csv'] as const

/** The main job on the bundled digit classifier: copy, quantize, judge on its test pictures, report. */
export const demo: Command = async ({ parsed, loadLine, progress, signal, text }) => {
  const source = bundledFolder()
  const folder = textOf(parsed, 'output') ?? 'tersor-demo'
  const options = lineOptions(parsed)
  const model = join(folder, 'model.onnx')
  const picture = join(folder, 'report.html')
  const manifest = join(folder, 'manifest.json')
  const [images, labels] = DATA.map((name) => join(folder, name)) as [string, string]
  for (const path of [model, images, labels, picture, manifest]) await checkFree(path, options.force === true)
  await mkdir(folder, { recursive: true })
  for (const name of ['model.onnx', ...DATA]) await copyFile(join(source, name), join(folder, name))
  const line = await loadLine()
  const made = await line.quantize(model, undefined, {
    ...options,
    eval: images,
    labels,
    metric: 'top1',
    samples: PICTURES,
    compressed: true,
    hashes: true,
    signal,
    onEvent: progress.event,
  })
  const report = { ...made, command: 'demo' }
  const { toHtml } = await import('../../report/to-html.ts')
  const { demoPictures } = await import('../demo-pictures.ts')
  await writeText(picture, toHtml(report, { pictures: await demoPictures(images, labels) }))
  await writeText(manifest, toJson(report))
  const written = [
    ['manifest', manifest],
    ['report', picture],
  ] as const
  return { json: report, text: toTerminal(report, { ...text, written }), exitCode: exitCodeOfReport(report) }
}

/** All of them; the default would be a part. */
const PICTURES = 540

/** `demo/` of the package, from the sources as from the bundle. */
function bundledFolder(): string {
  let folder = dirname(fileURLToPath(import.meta.url))
  for (let level = 0; level < 5; level++) {
    if (existsSync(join(folder, 'demo', 'test-images.npz'))) return join(folder, 'demo')
    folder = dirname(folder)
  }
  throw new TersorError('E_INTERNAL', 'the demo folder is missing from this installation')
}
