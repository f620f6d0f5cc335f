import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { quantize } from '../../src/pipeline/quantize-file.node.ts'
import { gaussian } from '../fixtures/distribution.ts'
import { lineFolder } from '../fixtures/line-folder.ts'
import { runFile } from '../fixtures/run-file.ts'

const folder = lineFolder()
const DEMO = join(import.meta.dirname, '..', '..', 'demo', 'model.onnx')
const OPTIONS = { to: 'int8-static', samples: 8, attempts: 1, force: true, effort: 'fast' } as const

async function errorOf(file: string): Promise<number> {
  const feeds = { image: [[16, 1, 8, 8], gaussian(16 * 64, 5)] as const }
  const [float, other] = [await runFile(DEMO, feeds, false), await runFile(file, feeds, true)].map((run) =>
    run.get('logits'),
  )
  return [...(float as Float32Array)].reduce((sum, one, i) => sum + (one - (other as Float32Array)[i]!) ** 2, 0)
}

describe('rule int8-static-a16', () => {
  test('products read 16 bits, and the result is nearer to float', async () => {
    const [plain, wide] = [join(folder.path, 'plain.onnx'), join(folder.path, 'wide.onnx')]
    await quantize(DEMO, plain, OPTIONS)
    const report = await quantize(DEMO, wide, { ...OPTIONS, rules: ['op:Conv=int8-static-a16'] })
    const schemes = new Set(report.points.map(({ scheme }) => scheme))
    expect(schemes).toContain('uint16-tensor-asym')
    const convs = report.decisions.filter(({ op }) => op === 'Conv')
    expect(convs.length).toBeGreaterThan(0)
    for (const { action, scheme } of convs) expect([action, scheme]).toEqual(['quantize', 'int8-channel-sym'])
    expect(await errorOf(wide)).toBeLessThan(0.5 * (await errorOf(plain)))
  })

  test('belongs to int8-static, and a rule that matches nothing is an error', async () => {
    const output = join(folder.path, 'none.onnx')
    const rules = ['op:Conv=int8-static-a16']
    await expect(quantize(DEMO, output, { to: 'int8', rules })).rejects.toMatchObject({ code: 'E_USAGE' })
    await expect(quantize(DEMO, output, { ...OPTIONS, rules: ['op:Cnov=int8-static-a16'] })).rejects.toMatchObject({
      code: 'E_USAGE',
    })
  })
})
