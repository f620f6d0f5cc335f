import { TersorError } from '../errors.ts'
import type { Target, TargetId } from '../model/target.ts'
import { ort } from './ort.ts'
import { ortNodeCpu } from './ort-node-cpu.ts'
import { ortWebWasm } from './ort-web-wasm.ts'
import { ortWebWebgpu } from './ort-web-webgpu.ts'

export const targets: ReadonlyMap<TargetId, Target> = new Map(
  [ort, ortNodeCpu, ortWebWasm, ortWebWebgpu].map((target) => [target.id, target]),
)

/**
 * `ort`, `ort-node-cpu`, ... optionally `@version`, several separated by commas: the result must run on each.
 * Throws E_USAGE for unknown names and E_UNSUPPORTED for versions older than the measured one.
 */
export function resolveTarget(text: string): Target {
  const found = text.split(',').map((part) => {
    const [name = '', version] = part.trim().split('@')
    const target = targets.get(name as TargetId)
    if (!target) {
      throw new TersorError('E_USAGE', `unknown target "${name}"`, { hint: `known: ${[...targets.keys()].join(', ')}` })
    }
    if (version !== undefined && compareVersions(version, target.version) < 0) {
      throw new TersorError(
        'E_UNSUPPORTED',
        `target ${name}@${version}: only ${target.version} and newer were measured`,
        {
          hint: `use ${name} or ${name}@${target.version}`,
        },
      )
    }
    return target
  })
  return found.reduce(both)
}

/** What both targets execute. */
function both(a: Target, b: Target): Target {
  if (a.id === b.id) return a
  const cost: Record<string, number> = {}
  for (const key of Object.keys({ ...a.cost, ...b.cost }) as (keyof Target['cost'])[]) {
    cost[key] = Math.max(a.cost[key] ?? 1, b.cost[key] ?? 1)
  }
  const nbits = a.matmulNBits && b.matmulNBits
  return {
    ...a,
    id: 'ort',
    runtime: `${a.runtime} and ${b.runtime}`,
    maxOpset: Math.min(a.maxOpset, b.maxOpset),
    maxIrVersion: Math.min(a.maxIrVersion, b.maxIrVersion),
    matmulNBits: nbits && {
      ...nbits,
      halfScalesBehindCast: a.matmulNBits.halfScalesBehindCast && nbits.halfScalesBehindCast,
    },
    matmulBnb4: a.matmulBnb4 &&
      b.matmulBnb4 && {
        ...a.matmulBnb4,
        halfScalesBehindCast: a.matmulBnb4.halfScalesBehindCast && b.matmulBnb4.halfScalesBehindCast,
      },
    gatherBlockQuantized: a.gatherBlockQuantized && b.gatherBlockQuantized,
    dequantizeLinear: a.dequantizeLinear && b.dequantizeLinear,
    dynamicQuantizeMatMul: a.dynamicQuantizeMatMul && b.dynamicQuantizeMatMul,
    dynamicQuantizeLstm: a.dynamicQuantizeLstm && b.dynamicQuantizeLstm,
    matmulInteger: a.matmulInteger && b.matmulInteger,
    signedWeightsMaySaturate: a.signedWeightsMaySaturate || b.signedWeightsMaySaturate,
    foldsConstants: a.foldsConstants && b.foldsConstants,
    cost,
    faults: [...new Set([...a.faults, ...b.faults])],
  }
}

function compareVersions(a: string, b: string): number {
  const left = a.split('.').map(Number)
  const right = b.split('.').map(Number)
  for (let i = 0; i < 3; i++) {
    const difference = (left[i] ?? 0) - (right[i] ?? 0)
    if (difference !== 0 || Number.isNaN(difference)) return Number.isNaN(difference) ? -1 : difference
  }
  return 0
}
