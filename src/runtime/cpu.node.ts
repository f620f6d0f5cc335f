import { readFileSync } from 'node:fs'
import { arch, cpus } from 'node:os'

/** Features that change what onnxruntime's integer kernels compute or how fast they are. */
const TELLING: ReadonlySet<string> = new Set([
  'avx2',
  'avx512f',
  'avx512_vnni',
  'avx_vnni',
  'amx_int8',
  'asimddp',
  'i8mm',
  'sve',
])

/** CPU facts for the report: architecture, telling features where the system lists them, else the model's name. */
export function cpuFacts(cpuinfo: string = readCpuinfo()): readonly string[] {
  const line = /^(?:flags|Features)\s*:\s*(.*)$/m.exec(cpuinfo)
  const features = (line?.[1] ?? '').split(/\s+/).filter((feature) => TELLING.has(feature))
  if (line !== null) return [arch(), ...features]
  const model = cpus()[0]?.model.trim()
  return model === undefined || model === '' ? [arch()] : [arch(), model]
}

function readCpuinfo(): string {
  try {
    return readFileSync('/proc/cpuinfo', 'latin1')
  } catch {
    return ''
  }
}
