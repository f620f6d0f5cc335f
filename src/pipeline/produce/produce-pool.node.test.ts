import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { createKernelsSync } from '../../kernels/index.ts'
import { parseSchemeId } from '../../schemes/index.ts'
import { unitsOf } from '../fused.ts'
import { ProducePool } from './produce-pool.node.ts'
import type { ProduceJob } from './types.ts'

const folder = mkdtempSync(join(tmpdir(), 'tersor-pool-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const kernels = createKernelsSync()
const [depth, channels] = [70, 48]
const size = depth * channels

/** Two weights in one file, their codes and scales in another. */
function jobsOf(input: string, scheme = 'int8-channel-sym', label = 'w'): ProduceJob[] {
  return [0, 1].map((which) => {
    const start = which * (size + channels * 4)
    return {
      label: `${label}${which}`,
      source: { kind: 'file', path: input, start: which * size * 4, byteLength: size * 4 },
      dtype: 'f32',
      shape: [depth, channels],
      view: { stack: 1, channels, depth, along: 'column' },
      spec: parseSchemeId(scheme),
      solver: 'nearest',
      packing: 'onnx/kn',
      targets: [
        { file: 0, position: start, byteLength: size },
        { file: 0, position: start + size, byteLength: channels * 4 },
      ],
      measure: true,
    }
  })
}

/** As jobs are before the output is laid out. */
const ahead = (jobs: readonly ProduceJob[]) =>
  unitsOf(jobs).map((unit) => {
    const job = jobs[unit.job] as ProduceJob
    return { job: { ...job, targets: job.targets.map((_, file) => ({ file, position: 0, byteLength: 0 })) }, unit }
  })

async function produce(name: string, values: Float32Array, begun: ((input: string) => readonly ProduceJob[]) | null) {
  const [input, output] = [join(folder, `${name}.in`), join(folder, `${name}.out`)]
  writeFileSync(input, new Uint8Array(values.buffer))
  writeFileSync(output, new Uint8Array(2 * (size + channels * 4)))
  const jobs = jobsOf(input)
  const pool = new ProducePool(2)
  pool.expect(64 << 20)
  try {
    if (begun) pool.begin(ahead(begun(input)))
    const results = await pool.run(jobs, unitsOf(jobs), [output], kernels, undefined, () => undefined)
    return { bytes: readFileSync(output).toString('hex'), results: [...results].sort((a, b) => a[0] - b[0]) }
  } finally {
    pool.close()
  }
}

const values = Float32Array.from({ length: 2 * size }, (_, i) => Math.fround(((i * 7919) % 1013) / 500 - 1))

describe('a worker that began before its task', () => {
  test('writes what it would have written', async () => {
    const plain = await produce('plain', values, null)
    expect(plain.results).toHaveLength(2)
    expect(await produce('begun', values, (input) => jobsOf(input))).toEqual(plain)
  })

  test('drops what it began where the decision is another one now', async () => {
    const plain = await produce('again', values, null)
    expect(await produce('scheme', values, (input) => jobsOf(input, 'int8-channel-asym'))).toEqual(plain)
    expect(await produce('label', values, (input) => jobsOf(input, 'int8-channel-sym', 'v'))).toEqual(plain)
  })

  test('names a value that is not finite', async () => {
    const bad = values.slice()
    bad[5] = Number.NaN
    await expect(produce('bad', bad, (input) => jobsOf(input))).rejects.toThrow(
      expect.objectContaining({ code: 'E_NONFINITE', where: 'w0' }),
    )
  })
})
