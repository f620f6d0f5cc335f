import { existsSync } from 'node:fs'
import { copyFile, mkdir, rm, rmdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { TersorError } from '../../errors.ts'
import { toJson } from '../../report/to-json.ts'
import { toTerminal } from '../../report/to-terminal.ts'
import { type Command, exitCodeOfReport } from '../command.ts'
import { lineOptions, textOf } from '../options.ts'
import { checkFree, writeText } from '../write-text.ts'

const BUNDLED = ['model.onnx', 'test-images.npz', 'labels.csv'] as const
/** All of them; the default would be a part. */
const PICTURES = 540

/** The main job on the bundled digit classifier: copy, quantize, judge on its test pictures, report. */
export const demo: Command = async ({ parsed, loadLine, progress, signal, text }) => {
  const folder = textOf(parsed, 'output') ?? 'tersor-demo'
  const options = lineOptions(parsed)
  const [model, images, labels] = BUNDLED.map((name) => join(folder, name)) as [string, string, string]
  const picture = join(folder, 'report.html')
  const manifest = join(folder, 'manifest.json')
  for (const path of [model, images, labels, picture, manifest]) await checkFree(path, options.force === true)
  const takeBack = await copyBundled(folder)
  try {
    const line = await loadLine()
    const made = await line.quantize(model, undefined, {
      ...options,
      eval: images,
      labels,
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
  } catch (thrown) {
    await takeBack()
    throw thrown
  }
}

/** Puts model and data into the folder; returns how to leave nothing of that behind. */
async function copyBundled(folder: string): Promise<() => Promise<void>> {
  const source = bundledFolder()
  const made = await mkdir(folder, { recursive: true })
  for (const name of BUNDLED) await copyFile(join(source, name), join(folder, name))
  return async () => {
    for (const name of BUNDLED) await rm(join(folder, name), { force: true })
    // Only when it was made here and holds nothing else.
    if (made !== undefined) await rmdir(folder).catch(() => undefined)
  }
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
