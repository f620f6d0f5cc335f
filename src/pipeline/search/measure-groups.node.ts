import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { KindHints } from '../../evaluation/index.ts'
import type { Feeds, Runtime, Value } from '../../model/runtime.ts'
import type { Tools } from '../../model/tools.ts'
import type { Ask } from '../ask.ts'
import { type Evidence, hintsFor } from '../evidence.ts'
import { Phases } from '../phases.ts'
import type { ProducePool } from '../produce/produce-pool.node.ts'
import { type Decided, decide, type Prepared } from '../run.ts'
import { type Saved, save } from '../save.ts'
import { switchedModel } from '../sensitivity.ts'
import { NodeStage } from '../stage.node.ts'
import { TapFiles } from '../tap-files.node.ts'
import { tensorKey } from '../tensor-key.ts'
import { ruleFor } from './candidates.ts'
import type { Group } from './groups.ts'
import { OutputLoss } from './output-loss.ts'

/** One way that each of some groups is tried. */
export interface Pass {
  readonly bits: number
  /** What the weights of each group become, by group. */
  readonly whats: ReadonlyMap<Group, string>
}

export interface GroupLoss {
  readonly loss: number
  readonly metric: string
}

/** Bytes of weights that have switches in one session: those of the others are folded and packed as ever. */
const SWITCHED_BYTES = 16 << 20

/**
 * What each group alone does to the outputs when it is quantized as a pass says, the rest in float. One session for every 16 MB of weights;
 * in it a boolean input a weight chooses between float and decoded codes. One thread a session, samples in order: the same
 * figures on any machine that computes floats alike.
 */
export async function measureGroups(
  prepared: Prepared,
  ask: Ask,
  passes: readonly Pass[],
  { runtime, evidence, hints }: { readonly runtime: Runtime; readonly evidence: Evidence; readonly hints: KindHints },
  pool: ProducePool,
  tools: Tools,
): Promise<ReadonlyMap<Pass, ReadonlyMap<Group, GroupLoss>>> {
  const found = new Map<Pass, ReadonlyMap<Group, GroupLoss>>()
  const total = passes.reduce((sum, { whats }) => sum + whats.size, 0)
  let done = 0
  const home = mkdtempSync(join(tmpdir(), 'tersor-search-'))
  try {
    for (const pass of passes) {
      const { decided, saved, stage } = await quantized(prepared, ask, pass, join(home, 'pass.onnx'), pool, tools)
      const losses = new Map<Group, GroupLoss>()
      try {
        for (const chunk of chunksOf([...pass.whats.keys()])) {
          const keys = new Set(chunk.flatMap((group) => group.weights.map((one) => tensorKey(one.scope, one.name))))
          const switched = await switchedModel(decided, saved, stage, tools, keys)
          if (switched === null) return found
          const files = new TapFiles(tools, home)
          try {
            const path = await files.path('switched', () => switched.model)
            const session = await runtime.open({ path }, { optimized: true, threads: 1 })
            try {
              const flags = (on: ReadonlySet<string>): Feeds =>
                Object.fromEntries([...switched.switches].map(([key, name]) => [name, flag(on.has(key))]))
              const float: Feeds[] = []
              for (const sample of evidence.samples)
                float.push(await session.run({ ...sample.feeds, ...flags(new Set()) }, tools.signal))
              for (const group of chunk) {
                tools.notify({ phase: 'search', done, total, note: `${pass.bits} bits ${group.label}` })
                const on = flags(new Set(group.weights.map((one) => tensorKey(one.scope, one.name))))
                const loss = new OutputLoss(Object.keys(float[0] ?? {}), hintsFor(evidence, hints))
                for (const [i, sample] of evidence.samples.entries()) {
                  loss.add(sample, float[i] as Feeds, await session.run({ ...sample.feeds, ...on }, tools.signal))
                }
                const { loss: value, metric } = loss.value()
                losses.set(group, { loss: value, metric })
                done += 1
              }
            } finally {
              await session.release()
            }
          } finally {
            files.close()
          }
        }
      } finally {
        await stage.discard()
      }
      found.set(pass, losses)
    }
  } finally {
    rmSync(home, { recursive: true, force: true })
  }
  tools.notify({ phase: 'search', done: total, total })
  return found
}

const flag = (on: boolean): Value => ({ dtype: 'bool', shape: [], data: Uint8Array.of(on ? 1 : 0) })

/** Groups in order, as many as their bytes allow. */
function chunksOf(groups: readonly Group[]): readonly (readonly Group[])[] {
  const chunks: Group[][] = []
  let bytes = Number.POSITIVE_INFINITY
  for (const group of groups) {
    const own = group.weights.reduce((sum, { byteLength }) => sum + byteLength, 0)
    if (bytes + own > SWITCHED_BYTES) {
      chunks.push([])
      bytes = 0
    }
    chunks.at(-1)?.push(group)
    bytes += own
  }
  return chunks
}

async function quantized(
  prepared: Prepared,
  ask: Ask,
  pass: Pass,
  path: string,
  pool: ProducePool,
  tools: Tools,
): Promise<{ decided: Decided; saved: Saved; stage: NodeStage }> {
  const names = new Map<string, string>()
  for (const [group, what] of pass.whats) for (const { name } of group.weights) names.set(name, what)
  const rules = [...names].map(([name, what]) => ruleFor(name, what))
  const quiet: Tools = { ...tools, notify: () => undefined }
  const decided = await decide(prepared, { ...ask, rules: [...ask.rules, ...rules] }, quiet, new Phases(quiet.notify))
  const stage = new NodeStage(path, { force: true, inputs: [] })
  const saved = await save(
    decided.output,
    decided.weights,
    stage,
    {
      name: 'pass.onnx',
      measure: false,
      threads: (jobs, units, outputs, notify) => pool.run(jobs, units, outputs, tools.kernels, tools.signal, notify),
    },
    quiet,
  )
  return { decided, saved, stage }
}
