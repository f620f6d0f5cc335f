import { copyFile, mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import { quantize } from '../../src/pipeline/quantize-file.node.ts'
import { lineFolder } from '../fixtures/line-folder.ts'

const folder = lineFolder()
const model = join(folder.path, 'beside', 'model.onnx')
const pictures = join(folder.path, 'pictures')

beforeAll(async () => {
  await mkdir(dirname(model))
  await mkdir(pictures)
  await copyFile(join(import.meta.dirname, '..', '..', 'demo', 'model.onnx'), model)
  const { default: sharp } = await import('sharp')
  for (let picture = 0; picture < 8; picture++) {
    const data = Buffer.from(Array.from({ length: 64 }, (_, at) => (at * 37 + picture * 91) % 256))
    const raw = { width: 8, height: 8, channels: 1 as const }
    await writeFile(join(pictures, `${picture}.png`), await sharp(data, { raw }).png().toBuffer())
  }
})

test('ranges are found on pictures as the configuration beside the model wants them', async () => {
  const scaleOfInput = async (output: string): Promise<number> => {
    const path = join(folder.path, output)
    const { points } = await quantize(model, path, {
      to: 'int8-static',
      calib: pictures,
      noVerify: true,
      effort: 'fast',
    })
    return Number(points.find(({ value }) => value === 'image')?.scale)
  }
  const plain = await scaleOfInput('plain.onnx')
  const config = { image_mean: [0], image_std: [0.01], do_resize: false, do_rescale: true, rescale_factor: 1 / 255 }
  await writeFile(join(dirname(model), 'preprocessor_config.json'), JSON.stringify(config))
  expect(plain).toBeCloseTo(1, 1)
  expect((await scaleOfInput('scaled.onnx')) / plain).toBeCloseTo(100 / 255, 1)
})
