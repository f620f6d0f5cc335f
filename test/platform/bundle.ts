import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { build, type Metafile } from 'esbuild'

const ROOT = join(import.meta.dirname, '..', '..')

/** A file of the repository as a browser gets it from a bundler. Fails where anything of Node is reached. */
export async function bundleForBrowser(
  entry: string,
): Promise<{ readonly bytes: Uint8Array; readonly meta: Metafile }> {
  const { outputFiles, metafile } = await build({
    absWorkingDir: ROOT,
    entryPoints: [entry],
    bundle: true,
    write: false,
    metafile: true,
    platform: 'browser',
    format: 'esm',
    target: 'es2022',
    logLevel: 'silent',
  })
  return { bytes: outputFiles[0]?.contents ?? new Uint8Array(0), meta: metafile }
}

/** A page's script, the files of onnxruntime-web under /ort/, and what `more` adds. */
export async function pageFiles(
  more: Readonly<Record<string, Uint8Array>> = {},
  script = 'test/platform/page.ts',
): Promise<(path: string) => Uint8Array | undefined> {
  const { bytes } = await bundleForBrowser(script)
  const text = new TextEncoder()
  const files = new Map<string, Uint8Array>([
    [
      '/',
      text.encode(
        '<!doctype html><meta charset="utf-8"><title>tests</title><script type="module" src="/page.js"></script>',
      ),
    ],
    ['/page.js', bytes],
    ['/favicon.ico', new Uint8Array(0)],
    ...Object.entries(more),
  ])
  return (path) => {
    const ort = /^\/ort\/([\w.-]+)$/.exec(path)
    return ort ? readFileSync(join(ROOT, 'node_modules', 'onnxruntime-web', 'dist', ort[1]!)) : files.get(path)
  }
}
