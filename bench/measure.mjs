/** Runs a command and says how long it took and how much memory its largest process held. */
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const gnuTime = '/usr/bin/time'
const scratch = mkdtempSync(join(tmpdir(), 'tersor-bench-'))
process.on('exit', () => rmSync(scratch, { recursive: true, force: true }))

/**
 * What is measured runs without it: Node reads and parses every certificate of that file at each start, before the first line of any
 * program (27 ms with Debian's, half of `node -e 0`), and a copy does not.
 */
const { NODE_EXTRA_CA_CERTS: certificates, ...plainEnv } = process.env
if (certificates !== undefined) console.error('measured without NODE_EXTRA_CA_CERTS, which slows every start of Node')

/** VmHWM of a process in bytes, 0 when it is gone. */
const highWater = (pid) => {
  try {
    return Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) * 1024
  } catch {
    return 0
  }
}

/**
 * `{ ms, cpuMs, status, peakBytes, stdout, stderr }`. Peak memory and processor time (user and system, all threads) by GNU time (its own small image is what forks, so the figure is the
 * command's); without it the peak by polling /proc every 5 ms, and no processor time (NaN).
 */
export const measure = (command, args, { cwd, env = plainEnv, timeout = 600_000 } = {}) =>
  new Promise((resolve, reject) => {
    const note = join(scratch, 'time')
    const timed = existsSync(gnuTime)
    const start = process.hrtime.bigint()
    // A process group of its own, so that the time limit ends GNU time's child too.
    const how = { cwd, env, stdio: ['ignore', 'pipe', 'pipe'], detached: true }
    const child = timed
      ? spawn(gnuTime, ['-q', '-f', '%M %U %S', '-o', note, command, ...args], how)
      : spawn(command, args, how)
    let peak = 0
    const poll = timed ? null : setInterval(() => (peak = Math.max(peak, highWater(child.pid))), 5)
    const limit = setTimeout(() => process.kill(-child.pid, 'SIGKILL'), timeout)
    let stdout = ''
    let stderr = ''
    let firstLineMs = null
    child.stdout.on('data', (part) => {
      stdout += part
      if (firstLineMs === null && stdout.includes('\n')) firstLineMs = Number(process.hrtime.bigint() - start) / 1e6
    })
    child.stderr.on('data', (part) => (stderr += part))
    child.on('error', reject)
    child.on('exit', () => (child.exitedAt = process.hrtime.bigint()))
    child.on('close', (code, signal) => {
      clearTimeout(limit)
      if (poll) clearInterval(poll)
      const ms = Number(child.exitedAt - start) / 1e6
      let cpuMs = Number.NaN
      if (timed && !signal) {
        const [kilobytes, user, system] = readFileSync(note, 'utf8').trim().split('\n').at(-1).split(' ').map(Number)
        peak = kilobytes * 1024
        cpuMs = 1000 * (user + system)
      }
      resolve({ ms, cpuMs, firstLineMs, status: signal ?? code, peakBytes: peak, stdout, stderr })
    })
  })

export const median = (list) => {
  const sorted = [...list].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}

/** Reads the files once so that the page cache holds them. */
export const warm = (paths) => {
  for (const path of paths) spawnSync('cat', [path], { stdio: ['ignore', 'ignore', 'inherit'] })
}

/** The machine in words, for result files. */
export const machine = () => {
  const cpu = existsSync('/proc/cpuinfo') ? readFileSync('/proc/cpuinfo', 'utf8') : ''
  const flags = /^flags\s*:(.*)$/m.exec(cpu)?.[1].trim().split(' ') ?? []
  return {
    cpu: /^model name\s*:\s*(.*)$/m.exec(cpu)?.[1] ?? 'unknown',
    cores: (cpu.match(/^processor/gm) ?? []).length,
    features: ['avx2', 'fma', 'f16c', 'avx512f', 'avx512_vnni', 'avx_vnni'].filter((f) => flags.includes(f)),
    load: existsSync('/proc/loadavg') ? readFileSync('/proc/loadavg', 'utf8').split(' ').slice(0, 3).map(Number) : [],
    node: process.version,
  }
}
