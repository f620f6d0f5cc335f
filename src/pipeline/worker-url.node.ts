import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { TersorError } from '../errors.ts'

/**
 * The built file of a worker, such as `produce-worker.node.js`, in dist/workers/, looked up from here outwards: works from
 * dist/, from bundled chunks of dist/, and from sources under test (which use the built dist/ beside src/).
 */
export function workerUrl(name: string): URL {
  let folder = dirname(fileURLToPath(import.meta.url))
  for (;;) {
    for (const candidate of [join(folder, 'workers', name), join(folder, 'dist', 'workers', name)]) {
      if (existsSync(candidate)) return pathToFileURL(candidate)
    }
    const parent = dirname(folder)
    if (parent === folder) break
    folder = parent
  }
  throw new TersorError('E_INTERNAL', `the worker file ${name} is missing from this installation`, {
    hint: 'run npm run build',
  })
}
