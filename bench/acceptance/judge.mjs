import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'

/** The Python that the judge's own `setup` makes. Throws where there is none. */
export function judgePython(score) {
  const { stdout } = spawnSync('bash', [join(score, 'setup')], { encoding: 'utf8' })
  const path = stdout.trim().split('\n').at(-1) ?? ''
  if (!existsSync(path)) throw new Error('the judge has no Python: pass --python, with what its setup installs')
  return path
}

/** The one line of figures among what the judge prints (`EVR` in front or not), or the last line of its errors. */
export function judgeAnswer({ stdout, stderr }) {
  const line = (stdout ?? '').split('\n').find((one) => /^(EVR)?\{/.test(one))
  return line === undefined
    ? { error: (stderr ?? '').trim().split('\n').at(-1) ?? 'no answer' }
    : JSON.parse(line.replace(/^EVR/, ''))
}

/** What is missing to measure with: the built command line, data, the judge, a Python that was named. */
export function missingFor({ cli, data, score, python }, script) {
  return [
    existsSync(cli) ? null : `${cli} is not built (npm run build)`,
    existsSync(data) ? null : `no folder ${data} (--data)`,
    existsSync(join(score, script)) ? null : `no judge in ${score} (--score)`,
    python === undefined || existsSync(python) ? null : `no ${python} (--python)`,
  ].filter((text) => text !== null)
}
